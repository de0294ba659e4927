// SPDX-License-Identifier: MIT
#include "config/plan_account.h"

#include <stdio.h>
#include <string.h>

#include "config/arena.h"
#include "config/plan_build.h"
#include "config/plan_diag.h"
#include "config/plan_digest.h"
#include "config/plan_names.h"
#include "config/plan_options.h"
#include "config/plan_preset.h"
#include "config/plan_schema.h"
#include "config/plan_secret.h"
#include "config/plan_server.h"
#include "config/plan_side.h"
#include "config/plan_yaml.h"
#include "config/value.h"
#include "engine/base/buf.h"
#include "engine/base/hash.h"
#include "engine/base/mem.h"

enum {
	ID_MAX_BYTES = 128,
	EXPANDED_MAX_BYTES = 4096,
	SLUG_TEXT_BYTES = 60,
	SLUG_HASH_BYTES = 4,
	WHERE_BYTES = 128
};

#define SECRET(key, at, what) \
	{ \
		.name = #key, .type = PLAN_SCHEMA_ANY, .offset = at, \
		.shape = PLAN_SCHEMA_SHAPE_SECRET, .sub = &plan_secret_schema, \
		.doc = what \
	}

struct account_map {
	const struct plan_yaml_node *id, *user, *password, *source, *target,
	    *options, *groups;
	uint32_t priority;
	bool shared_target;
};

#define PART(field) offsetof(struct account_map, field)
#define PART_OF(key, schema, what) \
	{ \
		.name = #key, .type = PLAN_SCHEMA_NODE, .offset = PART(key), \
		.shape = PLAN_SCHEMA_SHAPE_MAP, .sub = schema, .doc = what \
	}

static const struct account_map no_map = {.priority = PLAN_NO_LIMIT};
static const struct plan_schema_key account_keys[] = {
    {.name = "id",
	.type = PLAN_SCHEMA_TEXT,
	.offset = PART(id),
	.doc = "stable name; else the target's user"},
    {.name = "user",
	.type = PLAN_SCHEMA_TEXT,
	.offset = PART(user),
	.doc = "of both sides"},
    SECRET(password, PART(password), "of both sides"),
    PART_OF(source, &plan_side_schema, "where it comes from"),
    PART_OF(target, &plan_side_schema, "where it goes"),
    PART_OF(options, &plan_options_schema, "how it is copied"),
    {.name = "groups",
	.type = PLAN_SCHEMA_NODE,
	.offset = PART(groups),
	.shape = PLAN_SCHEMA_SHAPE_ONE_OR_MORE,
	.doc = "names of groups:, the last one wins"},
    {.name = "priority",
	.type = PLAN_SCHEMA_UINT,
	.offset = PART(priority),
	.max = PLAN_ACCOUNT_PRIORITY_MAX,
	.doc = "greater ones come first"},
    {.name = "shared_target",
	.type = PLAN_SCHEMA_BOOL,
	.offset = PART(shared_target),
	.doc =
	    "a merge: others that say so too may write to the same target, one after the other"},
};
const struct plan_schema plan_account_schema = {
    account_keys, ARRAY_LEN(account_keys), &no_map};

static const struct plan_schema_key default_keys[] = {
    PART_OF(source, &plan_side_schema, "where accounts come from"),
    PART_OF(target, &plan_side_schema, "where they go"),
    PART_OF(options, &plan_options_schema, "how they are copied"),
};
const struct plan_schema plan_account_default_schema = {
    default_keys, ARRAY_LEN(default_keys), &no_map};

/* An account as written, laid over what it inherits. */
struct raw_account {
	const struct plan_yaml_node *id, *user;
	struct plan_side source, target;
	struct plan_options options;
	const struct plan_group **groups;
	size_t group_count;
	uint32_t priority;
	bool shared_target;
	const struct plan_yaml_node *map;
};

/* What belongs to one account while it is built. */
struct making {
	struct plan_build *b;
	const struct raw_account *raw;
	const char *id;
};

/* ---- building ---- */

static void complain(const struct making *m, const struct plan_yaml_node *n,
    const char *code, const char *hint, const char *text)
{
	if (n)
		plan_diag_add(
		    m->b->diag, code, n->place, n->width, hint, "%s", text);
	else
		plan_diag_add(m->b->diag, code, m->raw->map->place,
		    m->raw->map->width, hint, "%s", text);
}

/* Length of a placeholder that begins here, braces included, or 0. */
static size_t placeholder(const char *p)
{
	if (*p != '{')
		return 0;
	size_t name = strspn(p + 1, "abcdefghijklmnopqrstuvwxyz_");
	return p[name + 1] == '}' ? name + 2 : 0;
}

static const char *placeholder_value(const struct making *m,
    const struct plan_yaml_node *n, const char *p, const char *user)
{
	const char *value = NULL;

	if (strncmp(p, "{user}", 6) == 0) {
		value = user;
		if (!value)
			complain(m, n, "E0206", "give the account a user",
			    "there is no user for {user}");
	} else if (strncmp(p, "{id}", 4) == 0) {
		value = m->id;
		if (!value)
			complain(m, n, "E0206", "give the account an id",
			    "there is no id yet for {id}");
	} else {
		complain(m, n, "E0212", "{user} and {id} are known",
		    "unknown placeholder");
	}
	return value;
}

/* Text with {user} and {id} replaced; NULL after a problem. */
static char *expand(const struct making *m, const struct plan_yaml_node *n,
    const char *text, const char *user)
{
	struct buf out;
	char *result = NULL;
	const char *value = "";

	if (!strchr(text, '{'))
		return (char *)text; // shared, never changed
	buf_init(&out, EXPANDED_MAX_BYTES);
	for (const char *p = text; *p && value;) {
		size_t len = placeholder(p);
		if (len > 0)
			value = placeholder_value(m, n, p, user);
		int rc = 0;
		if (value)
			rc = len > 0 ? buf_puts(&out, value)
				     : buf_append(&out, p, 1);
		if (rc < 0) {
			complain(m, n, "E0127", NULL, "the text is too long");
			value = NULL;
		}
		p += len > 0 ? len : 1;
	}
	if (value)
		result = arena_strndup(m->b->arena, out.data, out.len);
	buf_release(&out);
	return result;
}

static const char *text_of(const struct plan_yaml_node *n)
{
	return n ? n->text : NULL;
}

/* The user on one side: the side's own, else the account's. */
static bool side_user(
    const struct making *m, const struct plan_side *side, const char **out)
{
	const char *user = text_of(m->raw->user);

	*out =
	    side->user ? expand(m, side->user, side->user->text, user) : user;
	return !side->user || *out;
}

static const struct plan_server *find_server(
    const struct making *m, const struct plan_yaml_node *n, const char *side)
{
	const struct plan *plan = m->b->plan;
	char text[256], hint[512];

	if (!n) {
		(void)snprintf(
		    text, sizeof(text), "the account has no %s server", side);
		(void)snprintf(hint, sizeof(hint),
		    "defaults: {%s: {server: NAME}} sets it for all", side);
		complain(m, NULL, "E0206", hint, text);
		return NULL;
	}
	for (size_t i = 0; i < plan->server_count; i++)
		if (strcmp(plan->servers[i].name, n->text) == 0)
			return &plan->servers[i];
	const char *near = NULL;
	for (size_t i = 0; i < plan->server_count && !near; i++) {
		const char *const name[] = {plan->servers[i].name};
		near = value_nearest(n->text, name, 1);
	}
	(void)snprintf(
	    hint, sizeof(hint), "did you mean \"%s\"?", near ? near : "");
	(void)snprintf(text, sizeof(text),
	    "there is no server \"%s\" in servers", n->text);
	complain(m, n, "E0205", near ? hint : NULL, text);
	return NULL;
}

struct expanding {
	const struct making *m;
	const struct plan_yaml_node *node;
	const char *user;
};

static char *expand_secret(void *arg, const char *text)
{
	const struct expanding *x = arg;

	return expand(x->m, x->node, text, x->user);
}

static bool build_secret(const struct making *m, const struct plan_side *side,
    const char *user, struct plan_secret *out)
{
	struct expanding x = {m, side->password, user};

	*out = side->secret;
	return plan_secret_build(
	    m->b, side->password, user, expand_secret, &x, out);
}

static bool is_oauth(enum plan_auth auth)
{
	return auth == PLAN_AUTH_XOAUTH2 || auth == PLAN_AUTH_OAUTHBEARER ||
	       auth == PLAN_AUTH_OAUTH;
}

/* `as` and a token say which mechanisms are left. */
static bool build_auth(const struct making *m, const struct plan_side *side,
    struct plan_endpoint *out)
{
	out->auth = (enum plan_auth)side->auth;
	out->is_token = side->token != NULL;
	if (out->auth == PLAN_AUTH_AUTO && out->is_token)
		out->auth = PLAN_AUTH_OAUTH;
	if (out->auth == PLAN_AUTH_AUTO && side->as)
		out->auth = PLAN_AUTH_PLAIN;
	if (side->as &&
	    (out->auth == PLAN_AUTH_LOGIN || out->auth == PLAN_AUTH_CRAM_MD5)) {
		complain(m, side->as, "E0208", "write auth: plain, or as: null",
		    "auth login and cram-md5 cannot log in as somebody else");
		return false;
	}
	if (out->is_token && !is_oauth(out->auth)) {
		complain(m, side->token, "E0214",
		    "write auth: oauth, oauthbearer or xoauth2",
		    "a token works with OAuth only");
		return false;
	}
	return true;
}

static bool build_prefix(const struct making *m, const struct plan_side *side,
    const char *user, const char *name, struct plan_endpoint *out)
{
	const struct plan_yaml_node *n = side->prefix;

	if (!n)
		return true;
	out->prefix = expand(m, n, n->text, user);
	return out->prefix &&
	       plan_names_check_prefix(m->b, n, name, out->prefix);
}

static bool build_password(const struct making *m, const struct plan_side *side,
    const char *user, const char *name, struct plan_endpoint *out)
{
	char text[128];

	if (side->password)
		return build_secret(m, side, user, &out->password);
	if (out->auth == PLAN_AUTH_EXTERNAL)
		return true; // the certificate says who it is
	(void)snprintf(
	    text, sizeof(text), "the account has no %s password", name);
	complain(m, NULL, "E0206",
	    "password: {file: PATH}, {env: NAME} or text", text);
	return false;
}

static bool build_side(const struct making *m, const struct plan_side *side,
    const char *user, const char *name, struct plan_endpoint *out)
{
	char text[128];

	out->server = find_server(m, side->server, name);
	if (side->login)
		out->login = expand(m, side->login, side->login->text, user);
	else
		out->login = (char *)user;
	if (!out->login && !side->login) {
		(void)snprintf(
		    text, sizeof(text), "the account has no %s user", name);
		complain(
		    m, NULL, "E0206", "user: sets it for both sides", text);
	}
	if (side->as)
		out->as = expand(m, side->as, side->as->text, user);
	if (side->proxy_auth)
		out->proxy_auth =
		    expand(m, side->proxy_auth, side->proxy_auth->text, user);
	return build_auth(m, side, out) &&
	       build_prefix(m, side, user, name, out) &&
	       build_password(m, side, user, name, out) && out->server &&
	       out->login && (!side->as || out->as) &&
	       (!side->proxy_auth || out->proxy_auth);
}

static bool is_good_id(const char *id)
{
	static const char known[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@+-";
	size_t len = strlen(id);

	return len > 0 && len <= ID_MAX_BYTES && strspn(id, known) == len;
}

/* Readable, safe on every file system, and different for different ids. */
static char *make_slug(const struct plan_build *b, const char *id)
{
	uint8_t hash[HASH_KEY_BYTES];
	char text[SLUG_TEXT_BYTES + 1], hex[2 * SLUG_HASH_BYTES + 1];
	size_t n = 0;

	for (; n < SLUG_TEXT_BYTES && id[n]; n++) {
		char c = id[n];
		if (c >= 'A' && c <= 'Z')
			c = (char)(c + ('a' - 'A'));
		bool safe = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			    (n > 0 && (c == '.' || c == '-'));
		text[n] = '_';
		if (safe)
			text[n] = c;
	}
	text[n] = '\0';
	hash_key(id, strlen(id), hash);
	hash_hex(hash, SLUG_HASH_BYTES, hex);
	return arena_printf(b->arena, "%s-%s", text, hex);
}

static uint32_t smaller_limit(uint32_t a, uint32_t b)
{
	if (a == 0 || b == 0)
		return a ? a : b;
	return a < b ? a : b;
}

/* As many as both servers bear. */
static uint32_t allowed_connections(const struct plan_account *a)
{
	uint32_t limit = smaller_limit(a->source.server->limits.per_account,
	    a->target.server->limits.per_account);
	uint32_t wanted = a->options.connections;

	if (wanted == 0)
		wanted = limit ? limit : 1;
	limit = smaller_limit(
	    limit, smaller_limit(a->source.server->limits.connections,
		       a->target.server->limits.connections));
	wanted = smaller_limit(wanted, limit);
	return smaller_limit(wanted, PLAN_CONNECTIONS_MAX);
}

static bool build(struct making *m, struct plan_account *a)
{
	const struct raw_account *raw = m->raw;
	const char *source_user = NULL, *target_user = NULL;

	m->id = text_of(raw->id);
	if (!side_user(m, &raw->target, &target_user))
		return false;
	if (!m->id)
		m->id = target_user;
	if (!side_user(m, &raw->source, &source_user))
		return false;
	bool good =
	    build_side(m, &raw->source, source_user, "source", &a->source);
	if (!build_side(m, &raw->target, target_user, "target", &a->target) ||
	    !good)
		return false;
	if (!m->id || !is_good_id(m->id)) {
		complain(m, raw->id ? raw->id : raw->user, "E0202",
		    "1 to 128 letters, digits and . _ @ + -",
		    raw->id
			? "this cannot be an account id"
			: "the user cannot serve as account id: give the account an id");
		return false;
	}
	a->id = (char *)m->id;
	a->slug = make_slug(m->b, m->id);
	a->options.connections = allowed_connections(a);
	a->options.max_delete = m->b->plan->deletes.max_per_account;
	a->options.max_delete_percent = m->b->plan->deletes.max_percent;
	plan_digest_account(a);
	return true;
}

static struct plan_account *add(
    struct plan_build *b, const struct raw_account *raw)
{
	struct making m = {.b = b, .raw = raw};
	struct plan_account a = {.options = raw->options,
	    .groups = raw->groups,
	    .group_count = raw->group_count,
	    .priority = raw->priority,
	    .shared_target = raw->shared_target,
	    .map = raw->map,
	    .place = raw->map->place};

	if (!build(&m, &a))
		return NULL;
	struct plan *plan = b->plan;
	plan->accounts = mem_grow(plan->accounts, &b->account_cap,
	    plan->account_count, sizeof(*plan->accounts));
	plan->accounts[plan->account_count] = a;
	return &plan->accounts[plan->account_count++];
}

/* ---- layers ---- */

void plan_account_read_layer(struct plan_build *b,
    const struct plan_account_layer_nodes *nodes, const char *where,
    struct plan_account_layer *out)
{
	struct plan_options checked;
	char path[WHERE_BYTES + 16];

	(void)snprintf(path, sizeof(path), "%s.options", where);
	out->options = nodes->options;
	out->name = arena_strdup(b->arena, path);
	plan_side_read(b, nodes->source, where, "source", &out->source);
	plan_side_read(b, nodes->target, where, "target", &out->target);
	// so that a layer that nobody uses is checked too
	plan_options_init(&checked);
	plan_options_read(b, nodes->options, path, &checked);
	const struct raw_account none = {.map = NULL};
	const struct making m = {.b = b, .raw = &none};
	if (out->source.server)
		(void)find_server(&m, out->source.server, "source");
	if (out->target.server)
		(void)find_server(&m, out->target.server, "target");
}

void plan_account_read_defaults(
    struct plan_build *b, const struct plan_yaml_node *map)
{
	struct account_map parts = no_map;

	b->plan->defaults = map;
	plan_schema_read(
	    &plan_account_default_schema, map, "defaults", b->diag, &parts);
	plan_account_read_layer(b,
	    &(const struct plan_account_layer_nodes){
		parts.source, parts.target, parts.options},
	    "defaults", &b->defaults);
}

static const struct plan_server *server_named(
    const struct plan *plan, const struct plan_yaml_node *n)
{
	for (size_t i = 0; n && i < plan->server_count; i++)
		if (strcmp(plan->servers[i].name, n->text) == 0)
			return &plan->servers[i];
	return NULL;
}

/*
 * The options that all accounts between two servers begin with: built-in,
 * presets, defaults, pass. Made once for each pair.
 */
static const struct plan_options *base_options(struct plan_build *b,
    const struct plan_server *source, const struct plan_server *target)
{
	for (const struct plan_account_base *base = b->bases; base;
	     base = base->next)
		if (base->source == source && base->target == target)
			return &base->options;
	struct plan_account_base *base = arena_alloc(b->arena, sizeof(*base));
	base->source = source;
	base->target = target;
	base->next = b->bases;
	b->bases = base;
	plan_options_init(&base->options);
	plan_preset_options(source ? source->preset : PLAN_PRESET_GENERIC,
	    target ? target->preset : PLAN_PRESET_GENERIC, &base->options);
	plan_options_read(
	    b, b->defaults.options, b->defaults.name, &base->options);
	if (b->pass_options)
		plan_options_read(
		    b, b->pass_options, b->pass_options_name, &base->options);
	return &base->options;
}

/* ---- an account as written ---- */

static const struct plan_group *find_group(
    struct plan_build *b, const struct plan_yaml_node *n)
{
	const struct plan *plan = b->plan;
	const char *near = NULL;
	char hint[128];

	for (size_t i = 0; i < plan->group_count; i++)
		if (strcmp(plan->groups[i].name, n->text) == 0)
			return &plan->groups[i];
	for (size_t i = 0; i < plan->group_count && !near; i++) {
		const char *const name[] = {plan->groups[i].name};
		near = value_nearest(n->text, name, 1);
	}
	(void)snprintf(
	    hint, sizeof(hint), "did you mean \"%s\"?", near ? near : "");
	plan_diag_add(b->diag, "E0221", n->place, n->width, near ? hint : NULL,
	    "there is no group \"%s\" in groups", n->text);
	return NULL;
}

static void read_groups(struct plan_build *b, const struct plan_yaml_node *n,
    const char *where, struct raw_account *raw)
{
	const struct plan_yaml_node *const single[] = {n};
	const struct plan_yaml_node *const *items = single;
	size_t count = 1;

	if (!n)
		return;
	if (n->kind == PLAN_YAML_LIST) {
		items = n->items;
		count = n->count;
	}
	raw->groups =
	    arena_array(b->arena, count, sizeof(const struct plan_group *));
	for (size_t i = 0; i < count; i++) {
		const struct plan_group *group = NULL;
		if (plan_schema_is_text(items[i], where, "groups", b->diag))
			group = find_group(b, items[i]);
		if (group)
			raw->groups[raw->group_count++] = group;
	}
}

static const struct plan_account_layer *layer_of(
    const struct plan_build *b, const struct plan_group *group)
{
	return &b->groups[group - b->plan->groups];
}

static void inherit_all(struct plan_build *b, struct raw_account *raw,
    const struct plan_yaml_node *options, const char *where)
{
	for (size_t i = raw->group_count; i > 0; i--) {
		const struct plan_account_layer *l =
		    layer_of(b, raw->groups[i - 1]);
		plan_side_inherit(&raw->source, &l->source);
		plan_side_inherit(&raw->target, &l->target);
		if (raw->priority == PLAN_NO_LIMIT &&
		    raw->groups[i - 1]->has_priority)
			raw->priority = raw->groups[i - 1]->priority;
	}
	plan_side_inherit(&raw->source, &b->defaults.source);
	plan_side_inherit(&raw->target, &b->defaults.target);
	plan_side_finish(&raw->source);
	plan_side_finish(&raw->target);
	if (raw->priority == PLAN_NO_LIMIT)
		raw->priority = 0;
	raw->options =
	    *base_options(b, server_named(b->plan, raw->source.server),
		server_named(b->plan, raw->target.server));
	for (size_t i = 0; i < raw->group_count; i++) {
		const struct plan_account_layer *l =
		    layer_of(b, raw->groups[i]);
		plan_options_read(b, l->options, l->name, &raw->options);
	}
	plan_options_read(b, options, where, &raw->options);
}

/* A password of the account is that of each side that has none. */
static void share_password(struct plan_build *b,
    const struct plan_yaml_node *password, const char *where,
    struct raw_account *raw)
{
	struct plan_side *sides[] = {&raw->source, &raw->target};
	char path[WHERE_BYTES + 16];
	struct plan_secret both;

	if (!password)
		return;
	(void)snprintf(path, sizeof(path), "%s.password", where);
	plan_secret_read(b, password, path, &both);
	for (size_t i = 0; i < ARRAY_LEN(sides); i++)
		if (!sides[i]->password) {
			sides[i]->password = password;
			sides[i]->secret = both;
		}
}

struct plan_account *plan_account_read(
    struct plan_build *b, const struct plan_yaml_node *map, const char *where)
{
	char path[WHERE_BYTES + 16];
	struct account_map parts = no_map;
	struct raw_account raw = {.map = map};
	size_t before = plan_diag_errors(b->diag);

	if (map->kind != PLAN_YAML_MAP) {
		plan_diag_add(b->diag, "E0101", map->place, map->width,
		    "- {user: anna@example.org}",
		    "%s must be a mapping, this is %s", where,
		    plan_yaml_kind_name(map));
		return NULL;
	}
	plan_schema_read(&plan_account_schema, map, where, b->diag, &parts);
	raw.id = parts.id;
	raw.user = parts.user;
	raw.priority = parts.priority;
	raw.shared_target = parts.shared_target;
	plan_side_read(b, parts.source, where, "source", &raw.source);
	plan_side_read(b, parts.target, where, "target", &raw.target);
	share_password(b, parts.password, where, &raw);
	read_groups(b, parts.groups, where, &raw);
	(void)snprintf(path, sizeof(path), "%s.options", where);
	inherit_all(b, &raw, parts.options, path);
	// a part that could not be read is not missing
	return plan_diag_errors(b->diag) == before ? add(b, &raw) : NULL;
}
