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
#include "config/plan_schema.h"
#include "config/plan_server.h"
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
	WHERE_BYTES = 64,
	AUTH_UNSET = 99
};

/* In the order of enum plan_auth. */
static const char *const auths[] = {"auto", "login", "plain", "cram-md5",
    "scram-sha-1", "scram-sha-256", "xoauth2", "oauthbearer", "oauth",
    "external", NULL};

#define SIDE(field) offsetof(struct plan_account_side, field)

static const struct plan_account_side no_side;
static const struct plan_schema_key side_keys[] = {
    {"server", PLAN_SCHEMA_TEXT, SIDE(server), 0, 0, NULL, NULL},
    {"user", PLAN_SCHEMA_ANY, SIDE(user), 0, 0, NULL, NULL},
    {"login", PLAN_SCHEMA_ANY, SIDE(login), 0, 0, NULL, NULL},
    {"as", PLAN_SCHEMA_ANY, SIDE(as), 0, 0, NULL, NULL},
    {"proxy_auth", PLAN_SCHEMA_ANY, SIDE(proxy_auth), 0, 0, NULL, NULL},
    {"auth", PLAN_SCHEMA_WORD, SIDE(auth), 0, 0, auths, NULL},
    {"password", PLAN_SCHEMA_ANY, SIDE(password), 0, 0, NULL, NULL},
    {"token", PLAN_SCHEMA_ANY, SIDE(token), 0, 0, NULL, NULL},
    {"prefix", PLAN_SCHEMA_ANY, SIDE(prefix), 0, 0, NULL, NULL},
};
static const struct plan_schema side_schema = {
    side_keys, ARRAY_LEN(side_keys), &no_side};

struct account_map {
	const struct plan_yaml_node *id, *user, *password, *source, *target,
	    *options;
};

#define PART(field) offsetof(struct account_map, field)

static const struct account_map no_map;
static const struct plan_schema_key account_keys[] = {
    {"id", PLAN_SCHEMA_TEXT, PART(id), 0, 0, NULL, NULL},
    {"user", PLAN_SCHEMA_TEXT, PART(user), 0, 0, NULL, NULL},
    {"password", PLAN_SCHEMA_ANY, PART(password), 0, 0, NULL, NULL},
    {"source", PLAN_SCHEMA_NODE, PART(source), 0, 0, NULL, NULL},
    {"target", PLAN_SCHEMA_NODE, PART(target), 0, 0, NULL, NULL},
    {"options", PLAN_SCHEMA_NODE, PART(options), 0, 0, NULL, NULL},
    {"groups", PLAN_SCHEMA_PLANNED, 0, 0, 0, NULL, NULL},
    {"priority", PLAN_SCHEMA_PLANNED, 0, 0, 0, NULL, NULL},
    {"shared_target", PLAN_SCHEMA_PLANNED, 0, 0, 0, NULL, NULL},
};
static const struct plan_schema account_schema = {
    account_keys, ARRAY_LEN(account_keys), &no_map};

static const struct plan_schema_key default_keys[] = {
    {"source", PLAN_SCHEMA_NODE, PART(source), 0, 0, NULL, NULL},
    {"target", PLAN_SCHEMA_NODE, PART(target), 0, 0, NULL, NULL},
    {"options", PLAN_SCHEMA_NODE, PART(options), 0, 0, NULL, NULL},
};
static const struct plan_schema default_schema = {
    default_keys, ARRAY_LEN(default_keys), &no_map};

struct raw_secret {
	const struct plan_yaml_node *file, *env;
};

static const struct raw_secret no_secret;
static const struct plan_schema_key secret_keys[] = {
    {"file", PLAN_SCHEMA_TEXT, offsetof(struct raw_secret, file), 0, 0, NULL,
	NULL},
    {"env", PLAN_SCHEMA_TEXT, offsetof(struct raw_secret, env), 0, 0, NULL,
	NULL},
    {"command", PLAN_SCHEMA_PLANNED, 0, 0, 0, NULL, NULL},
    {"credential", PLAN_SCHEMA_PLANNED, 0, 0, 0, NULL, NULL},
};
static const struct plan_schema secret_schema = {
    secret_keys, ARRAY_LEN(secret_keys), &no_secret};

/* What belongs to one account while it is built. */
struct making {
	struct plan_build *b;
	const struct plan_account_raw *raw;
	const char *id;
};

/* ---- secrets ---- */

static void read_text_secret(struct plan_build *b,
    const struct plan_yaml_node *n, struct plan_secret *out)
{
	const char *problem = NULL;

	if (plan_yaml_is_null(n))
		problem = "there is no secret here";
	else if (n->len == 0)
		problem = "the secret is empty";
	else if (strpbrk(n->text, "\r\n"))
		problem = "the secret has more than one line";
	if (problem) {
		plan_diag_add(b->diag, "E0306", n->place, 1,
		    "put it in quotes, or better in a file: password: {file: PATH}",
		    "%s", problem);
		return;
	}
	if (n->is_cut)
		plan_diag_add(b->diag, "W0301", n->place, 1,
		    "put it in quotes, or better in a file: password: {file: PATH}",
		    "the secret ends at \" #\": the rest is a comment");
	if (!b->text_secret && n->place.file == b->plan->path)
		b->text_secret = n;
	*out = (struct plan_secret){PLAN_SECRET_TEXT, n->text, n->place};
}

static bool is_env_name(const char *s)
{
	static const char letters[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
	bool digit = s[0] >= '0' && s[0] <= '9';

	return s[0] && !digit && s[strspn(s, letters)] == '\0';
}

/* A value with placeholders stays as it is: each account has its own. */
static void read_secret_map(struct plan_build *b,
    const struct plan_yaml_node *n, const char *where, struct plan_secret *out)
{
	struct raw_secret raw = no_secret;
	size_t before = plan_diag_errors(b->diag);

	plan_schema_read(&secret_schema, n, where, b->diag, &raw);
	if (plan_diag_errors(b->diag) != before)
		return;
	if (!raw.file == !raw.env) {
		plan_diag_add(b->diag, "E0305", n->place, n->width,
		    "{file: PATH} or {env: NAME}",
		    "%s needs exactly one source", where);
		return;
	}
	if (raw.env && !strchr(raw.env->text, '{') &&
	    !is_env_name(raw.env->text)) {
		plan_diag_add(b->diag, "E0305", raw.env->place, raw.env->width,
		    "letters, digits and _; no $ in front",
		    "\"%s\" is not the name of an environment variable",
		    raw.env->text);
		return;
	}
	const struct plan_yaml_node *given = raw.file ? raw.file : raw.env;
	bool each = strchr(given->text, '{');
	out->place = given->place;
	out->kind = raw.file ? PLAN_SECRET_FILE : PLAN_SECRET_ENV;
	out->value =
	    raw.file && !each ? plan_build_path(b, given->text) : given->text;
}

static void read_secret(struct plan_build *b, const struct plan_yaml_node *n,
    const char *where, struct plan_secret *out)
{
	*out =
	    (struct plan_secret){.kind = PLAN_SECRET_NONE, .place = n->place};
	switch (n->kind) {
	case PLAN_YAML_SCALAR:
		read_text_secret(b, n, out);
		break;
	case PLAN_YAML_MAP:
		read_secret_map(b, n, where, out);
		break;
	case PLAN_YAML_LIST:
		plan_diag_add(b->diag, "E0305", n->place, n->width,
		    "{file: PATH} or {env: NAME}",
		    "%s must be a mapping or text, this is a list", where);
		break;
	}
}

/* ---- reading ---- */

void plan_account_side_init(struct plan_account_side *side)
{
	*side = no_side;
	side->auth = AUTH_UNSET;
}

/* Stands for "none, whatever is inherited"; NULL is "not mentioned". */
static const struct plan_yaml_node nothing;

static bool is_given(const struct plan_yaml_node *n)
{
	return n && n != &nothing;
}

/* `null` resets; the empty prefix is none. */
static void check_texts(
    struct plan_build *b, const char *where, struct plan_account_side *side)
{
	const struct {
		const char *key;
		const struct plan_yaml_node **node;
	} texts[] = {{"user", &side->user}, {"login", &side->login},
	    {"as", &side->as}, {"proxy_auth", &side->proxy_auth},
	    {"prefix", &side->prefix}};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		const struct plan_yaml_node *n = *texts[i].node;
		if (!n)
			continue;
		if (plan_yaml_is_null(n) ||
		    (texts[i].node == &side->prefix &&
			n->kind == PLAN_YAML_SCALAR && n->len == 0))
			*texts[i].node = &nothing;
		else if (!plan_schema_is_text(n, where, texts[i].key, b->diag))
			*texts[i].node = NULL;
	}
}

static void read_side(struct plan_build *b, const struct plan_yaml_node *map,
    const char *where, struct plan_account_side *side)
{
	char path[WHERE_BYTES + 16];

	plan_account_side_init(side);
	plan_schema_read(&side_schema, map, where, b->diag, side);
	check_texts(b, where, side);
	if (side->token && side->password)
		plan_diag_add(b->diag, "E0214", side->token->place,
		    side->token->width, "remove one of them",
		    "%s has a password and a token", where);
	const char *name = side->token ? "token" : "password";
	if (side->token)
		side->password = side->token;
	if (side->password) {
		(void)snprintf(path, sizeof(path), "%s.%s", where, name);
		read_secret(b, side->password, path, &side->secret);
	}
}

static void inherit_text(const struct plan_yaml_node **own,
    const struct plan_yaml_node *from, bool inherits)
{
	if (!*own && inherits)
		*own = from;
	if (*own == &nothing)
		*own = NULL;
}

void plan_account_inherit(
    struct plan_account_side *own, const struct plan_account_side *from)
{
	bool as_itself = own->password && !is_given(own->login) &&
			 !is_given(own->as) && !is_given(own->proxy_auth) &&
			 (is_given(from->as) || is_given(from->proxy_auth));
	bool other_kind =
	    own->password && from->password && !own->token != !from->token;

	if (!own->server)
		own->server = from->server;
	inherit_text(&own->user, from->user, true);
	inherit_text(&own->prefix, from->prefix, true);
	inherit_text(&own->login, from->login, !as_itself);
	inherit_text(&own->as, from->as, !as_itself);
	inherit_text(&own->proxy_auth, from->proxy_auth, !as_itself);
	if (own->auth == AUTH_UNSET && !as_itself && !other_kind)
		own->auth = from->auth;
	if (own->auth == AUTH_UNSET)
		own->auth = PLAN_AUTH_AUTO;
	// EXTERNAL logs in with a certificate
	if (!own->password && own->auth != PLAN_AUTH_EXTERNAL) {
		own->password = from->password;
		own->token = from->token;
		own->secret = from->secret;
	}
}

void plan_account_read(struct plan_build *b, const struct plan_yaml_node *map,
    size_t index, const struct plan_account_raw *defaults)
{
	char where[WHERE_BYTES], path[WHERE_BYTES + 16];
	struct account_map parts = no_map;
	struct plan_account_raw raw = {.options = defaults->options,
	    .place = map->place,
	    .width = map->width};
	size_t before = plan_diag_errors(b->diag);

	(void)snprintf(where, sizeof(where), "accounts[%zu]", index);
	if (map->kind != PLAN_YAML_MAP) {
		plan_diag_add(b->diag, "E0101", map->place, map->width,
		    "- {user: anna@example.org}",
		    "%s must be a mapping, this is %s", where,
		    plan_yaml_kind_name(map));
		return;
	}
	plan_schema_read(&account_schema, map, where, b->diag, &parts);
	raw.id = parts.id;
	raw.user = parts.user;
	(void)snprintf(path, sizeof(path), "%s.source", where);
	read_side(b, parts.source, path, &raw.source);
	(void)snprintf(path, sizeof(path), "%s.target", where);
	read_side(b, parts.target, path, &raw.target);
	(void)snprintf(path, sizeof(path), "%s.options", where);
	plan_options_read(b, parts.options, path, &raw.options);
	if (parts.password) {
		struct plan_secret both;
		(void)snprintf(path, sizeof(path), "%s.password", where);
		read_secret(b, parts.password, path, &both);
		struct plan_account_side *sides[] = {&raw.source, &raw.target};
		for (size_t i = 0; i < ARRAY_LEN(sides); i++)
			if (!sides[i]->password) {
				sides[i]->password = parts.password;
				sides[i]->secret = both;
			}
	}
	plan_account_inherit(&raw.source, &defaults->source);
	plan_account_inherit(&raw.target, &defaults->target);
	// a part that could not be read is not missing
	if (plan_diag_errors(b->diag) == before)
		plan_account_add(b, &raw);
}

/* ---- building ---- */

static void complain(const struct making *m, const struct plan_yaml_node *n,
    const char *code, const char *hint, const char *text)
{
	if (n)
		plan_diag_add(
		    m->b->diag, code, n->place, n->width, hint, "%s", text);
	else
		plan_diag_add(m->b->diag, code, m->raw->place, m->raw->width,
		    hint, "%s", text);
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
static bool side_user(const struct making *m,
    const struct plan_account_side *side, const char **out)
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

void plan_account_read_defaults(struct plan_build *b,
    const struct plan_yaml_node *map, struct plan_account_raw *out)
{
	struct account_map parts = no_map;

	*out = (struct plan_account_raw){0};
	plan_options_init(&out->options);
	plan_schema_read(&default_schema, map, "defaults", b->diag, &parts);
	read_side(b, parts.source, "defaults.source", &out->source);
	read_side(b, parts.target, "defaults.target", &out->target);
	plan_options_read(b, parts.options, "defaults.options", &out->options);
	const struct making m = {.b = b, .raw = out};
	if (out->source.server)
		(void)find_server(&m, out->source.server, "source");
	if (out->target.server)
		(void)find_server(&m, out->target.server, "target");
}

/* The values of a mapping {file:}, {env:} are each account's own when they
 * have placeholders. */
static bool build_secret(const struct making *m,
    const struct plan_account_side *side, const char *user,
    struct plan_secret *out)
{
	*out = side->secret;
	if (out->kind == PLAN_SECRET_NONE)
		return false; // reported where it stands
	if (out->kind == PLAN_SECRET_TEXT || !strchr(out->value, '{'))
		return true;
	if (user && out->kind == PLAN_SECRET_FILE && strchr(user, '/')) {
		complain(m, NULL, "E0212", NULL,
		    "a user with \"/\" cannot stand in a file name");
		return false;
	}
	char *value = expand(m, side->password, out->value, user);
	if (!value)
		return false;
	if (out->kind == PLAN_SECRET_ENV && !is_env_name(value)) {
		complain(m, side->password, "E0305",
		    "letters, digits and _; no $ in front",
		    "this does not make the name of an environment variable");
		return false;
	}
	out->value = out->kind == PLAN_SECRET_FILE
			 ? plan_build_path(m->b, value)
			 : value;
	return true;
}

static bool is_oauth(enum plan_auth auth)
{
	return auth == PLAN_AUTH_XOAUTH2 || auth == PLAN_AUTH_OAUTHBEARER ||
	       auth == PLAN_AUTH_OAUTH;
}

/* `as` and a token say which mechanisms are left. */
static bool build_auth(const struct making *m,
    const struct plan_account_side *side, struct plan_endpoint *out)
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

static bool build_prefix(const struct making *m,
    const struct plan_account_side *side, const char *user, const char *name,
    struct plan_endpoint *out)
{
	const struct plan_yaml_node *n = side->prefix;

	if (!n)
		return true;
	out->prefix = expand(m, n, n->text, user);
	return out->prefix &&
	       plan_names_check_prefix(m->b, n, name, out->prefix);
}

static bool build_password(const struct making *m,
    const struct plan_account_side *side, const char *user, const char *name,
    struct plan_endpoint *out)
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

static bool build_side(const struct making *m,
    const struct plan_account_side *side, const char *user, const char *name,
    struct plan_endpoint *out)
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

static bool build(struct making *m, struct plan_account *a)
{
	const struct plan_account_raw *raw = m->raw;
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
	a->options.max_delete = m->b->plan->deletes.max_per_account;
	a->options.max_delete_percent = m->b->plan->deletes.max_percent;
	plan_digest_account(a);
	return true;
}

void plan_account_add(struct plan_build *b, const struct plan_account_raw *raw)
{
	struct making m = {.b = b, .raw = raw};
	struct plan_account a = {.options = raw->options, .place = raw->place};

	if (!build(&m, &a))
		return;
	struct plan *plan = b->plan;
	plan->accounts = mem_grow(plan->accounts, &b->account_cap,
	    plan->account_count, sizeof(*plan->accounts));
	plan->accounts[plan->account_count++] = a;
}
