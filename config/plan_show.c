// SPDX-License-Identifier: MIT
#include "config/plan_show.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/plan_account.h"
#include "config/plan_options.h"
#include "config/plan_preset.h"
#include "config/plan_schema.h"
#include "config/plan_server.h"
#include "config/plan_yaml.h"
#include "engine/base/buf.h"
#include "engine/base/mem.h"

enum {
	KEY_BYTES = 96,
	NOTE_BYTES = 256,
	LAYERS_MAX = 64
};

/* What an account inherits, the nearest first. */
struct layer {
	const struct plan_yaml_node *map;
	const char *kind, *name;
};

struct showing {
	const struct plan *plan;
	const struct plan_account *account;
	struct layer layers[LAYERS_MAX];
	size_t layer_count;
	plan_show_fn *take;
	void *arg;
	struct buf value;
};

/* ---- where it comes from ---- */

static void add_layer(struct showing *s, const struct plan_yaml_node *map,
    const char *kind, const char *name)
{
	if (map && s->layer_count < LAYERS_MAX)
		s->layers[s->layer_count++] = (struct layer){map, kind, name};
}

static void find_layers(struct showing *s)
{
	const struct plan_account *a = s->account;

	add_layer(s, a->map, "", "");
	for (size_t i = a->group_count; i > 0; i--)
		add_layer(
		    s, a->groups[i - 1]->map, "group ", a->groups[i - 1]->name);
	if (s->plan->pass)
		add_layer(s, s->plan->pass->map, "pass ", s->plan->pass->name);
	add_layer(s, s->plan->defaults, "defaults", "");
}

/* The node at a path of keys; one that is null above it counts, for it resets
 * all below. */
static const struct plan_yaml_node *find(
    const struct plan_yaml_node *map, const char *path)
{
	while (map && map->kind == PLAN_YAML_MAP) {
		size_t len = strcspn(path, "."), i = 0;
		while (i < map->count &&
		       (strlen(map->pairs[i].key->text) != len ||
			   memcmp(map->pairs[i].key->text, path, len) != 0))
			i++;
		if (i == map->count)
			return NULL;
		map = map->pairs[i].value;
		if (!path[len] || plan_yaml_is_null(map))
			return map;
		path += len + 1;
	}
	return NULL;
}

/* Finds the nearest layer that says it; its index, or -1. */
static int find_layer(const struct showing *s, const char *path,
    const struct plan_yaml_node **node_out)
{
	for (size_t i = 0; i < s->layer_count; i++) {
		*node_out = find(s->layers[i].map, path);
		if (*node_out)
			return (int)i;
	}
	return -1;
}

static void give(struct showing *s, const char *key,
    const struct plan_yaml_node *node, const char *note)
{
	struct plan_show_setting setting = {
	    .key = key, .value = s->value.data, .note = note};

	if (node)
		setting.place = node->place;
	s->take(s->arg, &setting);
	buf_reset(&s->value);
}

/* Gives what stands in a layer, or is built in. */
static void give_from(struct showing *s, const char *key, int layer,
    const struct plan_yaml_node *node, const char *word)
{
	char note[NOTE_BYTES] = "built-in";

	if (layer >= 0)
		(void)snprintf(note, sizeof(note), "%s%s%s%s%s",
		    s->layers[layer].kind, s->layers[layer].name,
		    s->layers[layer].kind[0] && word[0] ? ", " : "", word,
		    plan_yaml_is_null(node) ? ": null" : "");
	give(s, key, layer >= 0 ? node : NULL, note);
}

/* ---- values ---- */

__attribute__((format(printf, 2, 3))) static void put(
    struct showing *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *text = NULL;
	int rc = vasprintf(&text, format, args);
	va_end(args);
	bug_if(rc < 0 || buf_puts(&s->value, text) < 0); // out of memory
	free(text);
}

static void put_duration(struct showing *s, uint64_t ms)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000},
	    {"ms", 1}};

	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (ms / units[i].ms > 0)
			put(s, "%llu%s", (unsigned long long)(ms / units[i].ms),
			    units[i].name);
		ms %= units[i].ms;
	}
	if (s->value.len == 0)
		put(s, "0s");
}

static void put_bytes(struct showing *s, uint64_t bytes, const char *end)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	size_t unit = 0;

	while (unit + 1 < ARRAY_LEN(units) && bytes && bytes % 1024 == 0) {
		bytes /= 1024;
		unit++;
	}
	put(s, "%llu%s%s", (unsigned long long)bytes, units[unit], end);
}

static void put_switch(struct showing *s, uint32_t value)
{
	static const char *const words[] = {"auto", "true", "false"};

	put(s, "%s", words[value]);
}

/* A scalar that stands in a struct. False: it has no value. */
static bool put_value(
    struct showing *s, const struct plan_schema_key *key, const void *base)
{
	const char *at = (const char *)base + key->offset;
	uint64_t large = 0;
	uint32_t small = 0;
	bool flag = false;

	switch (key->type) {
	case PLAN_SCHEMA_BOOL:
		memcpy(&flag, at, sizeof(flag));
		put(s, flag ? "true" : "false");
		return true;
	case PLAN_SCHEMA_SWITCH:
		memcpy(&small, at, sizeof(small));
		put_switch(s, small);
		return true;
	case PLAN_SCHEMA_WORD:
		memcpy(&small, at, sizeof(small));
		put(s, "%s", key->words[small]);
		return true;
	case PLAN_SCHEMA_UINT:
		memcpy(&small, at, sizeof(small));
		put(s, "%u", small);
		return true;
	case PLAN_SCHEMA_MIB:
		memcpy(&small, at, sizeof(small));
		put(s, "%uMiB", small);
		return true;
	case PLAN_SCHEMA_DURATION:
		memcpy(&large, at, sizeof(large));
		put_duration(s, large);
		return true;
	case PLAN_SCHEMA_SIZE:
	case PLAN_SCHEMA_RATE:
		memcpy(&large, at, sizeof(large));
		put_bytes(s, large, key->type == PLAN_SCHEMA_RATE ? "/s" : "");
		return true;
	case PLAN_SCHEMA_NODE:
	case PLAN_SCHEMA_ANY:
	case PLAN_SCHEMA_TEXT:
	case PLAN_SCHEMA_STRING:
	case PLAN_SCHEMA_DAYS:
	case PLAN_SCHEMA_CLOCK:
	case PLAN_SCHEMA_PERCENT:
	case PLAN_SCHEMA_FACTOR:
	case PLAN_SCHEMA_MAP:
	case PLAN_SCHEMA_PLANNED:
		return false;
	}
	return false;
}

static void put_list(struct showing *s, char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		put(s, i ? ", " : "");
		put(s, "%s", list[i]);
	}
}

/* Lists and texts among the options, which stand in members of their own. */
static void put_named(
    struct showing *s, const char *key, const struct plan_options *o)
{
	if (strcmp(key, "list") == 0)
		put_list(s, o->list, o->lists);
	else if (strcmp(key, "skip_mailbox") == 0)
		put_list(s, o->skip_mailbox, o->skip_mailboxes);
	else if (strcmp(key, "new_uid_template") == 0 && o->new_uid_template)
		put(s, "%s", o->new_uid_template);
	else if (strcmp(key, "rename_mailbox") == 0)
		for (size_t i = 0; i < o->rename_mailboxes; i++) {
			put(s, i ? ", " : "");
			put(s, "%s", o->rename_mailbox[i].from);
			put(s, " -> ");
			put(s, "%s", o->rename_mailbox[i].to);
		}
}

/* ---- options ---- */

/* Does a preset say so? Then its server, else NULL. */
static const struct plan_server *by_preset(
    const struct showing *s, const struct plan_schema_key *key)
{
	const struct plan_server *source = s->account->source.server;
	const struct plan_server *target = s->account->target.server;
	struct plan_options plain, with;

	if (key->type != PLAN_SCHEMA_WORD && key->type != PLAN_SCHEMA_SWITCH)
		return NULL;
	plan_options_init(&plain);
	with = plain;
	plan_preset_options(source->preset, target->preset, &with);
	if (memcmp((const char *)&plain + key->offset,
		(const char *)&with + key->offset, sizeof(uint32_t)) == 0)
		return NULL;
	return target->preset != PLAN_PRESET_GENERIC ? target : source;
}

static void give_preset(
    struct showing *s, const char *key, const struct plan_server *server)
{
	char note[NOTE_BYTES];

	(void)snprintf(note, sizeof(note), "preset %s (server \"%s\")",
	    plan_preset_name(server->preset), server->name);
	give(s, key, NULL, note);
}

static void show_option(
    struct showing *s, const struct plan_schema_key *key, const char *prefix)
{
	char path[KEY_BYTES], also[KEY_BYTES], word[KEY_BYTES];
	const struct plan_yaml_node *node = NULL, *more = NULL;

	if (!put_value(s, key, &s->account->options))
		put_named(s, key->name, &s->account->options);
	if (s->value.len == 0)
		return;
	(void)snprintf(path, sizeof(path), "%s.%s", prefix, key->name);
	(void)snprintf(also, sizeof(also), "%s.also_%s", prefix, key->name);
	(void)snprintf(word, sizeof(word), "also_%s", key->name);
	int layer = find_layer(s, path, &node);
	int added = find_layer(s, also, &more);
	const struct plan_server *server = by_preset(s, key);
	if (added >= 0 && (layer < 0 || added <= layer))
		give_from(s, path, added, more, word);
	else if (layer < 0 && server)
		give_preset(s, path, server);
	else
		give_from(s, path, layer, node, "");
}

/* What is not written, or is more than the servers bear, is what they bear. */
static void show_connections(struct showing *s, const char *path)
{
	const struct plan_yaml_node *node = NULL;
	uint32_t value = s->account->options.connections;
	int layer = find_layer(s, path, &node);
	char text[16];

	(void)snprintf(text, sizeof(text), "%u", value);
	put(s, "%s", text);
	if (layer >= 0 && node->kind == PLAN_YAML_SCALAR &&
	    strcmp(node->text, text) == 0)
		give_from(s, path, layer, node, "");
	else if (s->account->source.server->limits.per_account ||
		 s->account->target.server->limits.per_account || layer >= 0)
		give(s, path, NULL, "limits of the servers");
	else
		give_from(s, path, -1, NULL, "");
}

static void show_options(struct showing *s)
{
	const struct plan_schema *schema = &plan_options_schema;
	char prefix[KEY_BYTES];

	for (size_t i = 0; i < schema->count; i++) {
		const struct plan_schema_key *key = &schema->keys[i];
		(void)snprintf(prefix, sizeof(prefix), "options.%s", key->name);
		if (strncmp(key->name, "also_", 5) == 0)
			continue;
		if (strcmp(key->name, "connections") == 0)
			show_connections(s, prefix);
		else if (key->type != PLAN_SCHEMA_MAP)
			show_option(s, key, "options");
		for (size_t k = 0;
		     key->type == PLAN_SCHEMA_MAP && k < key->sub->count; k++)
			show_option(s, &key->sub->keys[k], prefix);
	}
}

/* ---- source and target ---- */

static void give_server(struct showing *s, const char *key,
    const struct plan_yaml_node *node, const struct plan_server *server)
{
	char note[NOTE_BYTES];

	(void)snprintf(note, sizeof(note), "server \"%s\"", server->name);
	give(s, key, node, note);
}

static void show_limits(
    struct showing *s, const struct plan_server *server, const char *side)
{
	const struct plan_schema *schema = &plan_server_limits_schema;
	const struct plan_server_limits preset =
	    plan_preset_limits(server->preset);
	const struct plan_server_limits none = {0};
	char path[KEY_BYTES], shown[KEY_BYTES + 16];

	for (size_t i = 0; i < schema->count; i++) {
		const struct plan_schema_key *key = &schema->keys[i];
		size_t bytes = key->type == PLAN_SCHEMA_UINT ? sizeof(uint32_t)
							     : sizeof(uint64_t);
		const char *value = (const char *)&server->limits + key->offset;
		if (memcmp(value, (const char *)&none + key->offset, bytes) ==
		    0)
			continue;
		(void)put_value(s, key, &server->limits);
		(void)snprintf(path, sizeof(path), "limits.%s", key->name);
		(void)snprintf(shown, sizeof(shown), "%s.%s", side, path);
		const struct plan_yaml_node *node = find(server->map, path);
		bool is_preset =
		    !node && memcmp(value, (const char *)&preset + key->offset,
				 bytes) == 0;
		if (is_preset)
			give_preset(s, shown, server);
		else
			give_server(s, shown, node, server);
	}
}

/* Where a secret is; text is never shown, nor what a command is told. */
static void put_secret(struct showing *s, const struct plan_secret *secret)
{
	switch (secret->kind) {
	case PLAN_SECRET_NONE:
		return;
	case PLAN_SECRET_TEXT:
		put(s, "********");
		return;
	case PLAN_SECRET_FILE:
		put(s, "{file: %s}", secret->value);
		return;
	case PLAN_SECRET_ENV:
		put(s, "{env: %s}", secret->value);
		return;
	case PLAN_SECRET_CREDENTIAL:
		put(s, "{credential: %s}", secret->value);
		return;
	case PLAN_SECRET_COMMAND:
		put(s, "{command: [%s%s]}", secret->value,
		    secret->argc > 1 ? ", ..." : "");
		return;
	}
}

/* A key of one side; `behind` is the layer that what belongs to a password may
 * not come from, or -1. */
static void show_text(struct showing *s, const char *side, const char *key,
    const char *value, int behind)
{
	char path[KEY_BYTES];
	const struct plan_yaml_node *node = NULL;

	if (!value)
		return;
	put(s, "%s", value);
	(void)snprintf(path, sizeof(path), "%s.%s", side, key);
	int layer = find_layer(s, path, &node);
	if (layer >= 0 && (behind < 0 || layer <= behind) &&
	    !plan_yaml_is_null(node)) {
		give_from(s, path, layer, node, "");
		return;
	}
	if (strcmp(key, "login") == 0) {
		char user[KEY_BYTES];
		(void)snprintf(user, sizeof(user), "%s.user", side);
		layer = find_layer(s, user, &node);
		if (layer < 0)
			layer = find_layer(s, "user", &node);
	} else {
		layer = -1;
	}
	give_from(s, path, layer, node, "");
}

static void show_side(
    struct showing *s, const struct plan_endpoint *e, const char *side)
{
	const struct plan_schema *schema = &plan_side_schema;
	char path[KEY_BYTES];
	const struct plan_yaml_node *node = NULL, *token = NULL;
	int behind = -1;

	show_text(s, side, "server", e->server->name, -1);
	(void)snprintf(path, sizeof(path), "%s.%s", side,
	    e->is_token ? "token" : "password");
	int layer = find_layer(s, path, &node);
	int both = find_layer(s, "password", &token);
	if (!e->is_token && both >= 0 && (layer < 0 || both < layer)) {
		layer = both;
		node = token;
	}
	// an own password logs in as itself
	if (layer >= 0 && !e->as && !e->proxy_auth)
		behind = layer;
	show_text(s, side, "login", e->login, behind);
	show_text(s, side, "as", e->as, -1);
	show_text(s, side, "proxy_auth", e->proxy_auth, -1);
	for (size_t i = 0; i < schema->count; i++)
		if (schema->keys[i].type == PLAN_SCHEMA_WORD)
			show_text(s, side, "auth",
			    schema->keys[i].words[e->auth], behind);
	put_secret(s, &e->password);
	if (s->value.len > 0)
		give_from(s, path, layer, node, "");
	show_text(s, side, "prefix", e->prefix, -1);
	show_limits(s, e->server, side);
}

static void show_identity(struct showing *s)
{
	const struct plan_account *a = s->account;
	const struct plan_yaml_node *node = NULL;
	char text[16];

	put(s, "%s", a->id);
	int layer = find_layer(s, "id", &node);
	give_from(s, "id", layer, node, "");
	for (size_t i = 0; i < a->group_count; i++) {
		put(s, i ? ", " : "");
		put(s, "%s", a->groups[i]->name);
	}
	if (a->group_count > 0)
		give_from(
		    s, "groups", find_layer(s, "groups", &node), node, "");
	(void)snprintf(text, sizeof(text), "%u", a->priority);
	put(s, "%s", text);
	layer = find_layer(s, "priority", &node);
	give_from(s, "priority", layer, node, "");
	put(s, "%s", a->shared_target ? "true" : "false");
	layer = find_layer(s, "shared_target", &node);
	give_from(s, "shared_target", layer, node, "");
	for (size_t i = 0; a->extras && i < s->plan->extra_count; i++) {
		char key[KEY_BYTES];
		if (!a->extras[i])
			continue;
		(void)snprintf(
		    key, sizeof(key), "x_%s", s->plan->extra_names[i]);
		put(s, "%s", a->extras[i]);
		give(s, key, a->map, "");
	}
}

void plan_show(const struct plan *plan, const struct plan_account *account,
    plan_show_fn *take, void *arg)
{
	struct showing s = {
	    .plan = plan, .account = account, .take = take, .arg = arg};

	buf_init(&s.value, SIZE_MAX / 2);
	find_layers(&s);
	show_identity(&s);
	show_side(&s, &account->source, "source");
	show_side(&s, &account->target, "target");
	show_options(&s);
	buf_wipe(&s.value);
}
