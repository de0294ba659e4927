// SPDX-License-Identifier: MIT
#include "config/plan_options.h"

#include <stdio.h>
#include <string.h>

#include "config/plan_build.h"
#include "config/plan_diag.h"
#include "config/plan_names.h"
#include "config/plan_schema.h"
#include "config/plan_yaml.h"
#include "engine/base/mem.h"

enum {
	SIZE_MAX_MIB = 1024 * 1024,
	MESSAGES_MAX = 100000,
	TIMEOUT_MIN_MS = 1000,
	TIMEOUT_MAX_MS = 24 * 60 * 60 * 1000,
	WHERE_BYTES = 160
};

struct batch {
	uint32_t messages, mib;
};

struct raw {
	struct plan_options options;
	uint32_t mode, long_lines, force_index, new_uid;
	const struct plan_yaml_node *list, *skip, *also_skip, *rename, *uid_at;
	const struct plan_yaml_node *fetch, *store, *queue;
};

#define BUILTIN_OPTIONS \
	{ \
		.subscription = true, .acl = true, .special_use = true, \
		.metadata = true, .long_lines = PLAN_LONG_LINES_KEEP, \
		.errors_max = 100, .max_delete = PLAN_NO_LIMIT, \
		.max_delete_percent = PLAN_NO_LIMIT, .fetch_max = 50, \
		.fetch_size_max = 10, .store_max = 50, .store_size_max = 10, \
		.queue_max = 150, .queue_size_max = 30, .timeout_ms = 60000, \
		.overlap = true, .literal_plus = true \
	}

static const struct raw builtin = {.options = BUILTIN_OPTIONS};

/* Stands for "not mentioned", where NULL is "set to nothing". */
static const struct plan_yaml_node unset;

/* In the order of the enums. */
static const char *const modes[] = {
    "syncSrcAll", "syncSrcNew", "syncDst", NULL};
static const char *const long_lines[] = {
    "keep", "truncate", "skip", "wrap", NULL};

#define AT(field) offsetof(struct raw, field)
#define FLAG(name) \
	{ \
#		name, PLAN_SCHEMA_BOOL, AT(options.name), 0, 0, NULL, NULL \
	}

static const struct plan_schema_key keys[] = {
    {"mode", PLAN_SCHEMA_WORD, AT(mode), 0, 0, modes, NULL},
    {"list", PLAN_SCHEMA_NODE, AT(list), 0, 0, NULL, NULL},
    {"skip_mailbox", PLAN_SCHEMA_NODE, AT(skip), 0, 0, NULL, NULL},
    {"also_skip_mailbox", PLAN_SCHEMA_NODE, AT(also_skip), 0, 0, NULL, NULL},
    {"rename_mailbox", PLAN_SCHEMA_NODE, AT(rename), 0, 0, NULL, NULL},
    FLAG(subscription),
    FLAG(acl),
    FLAG(special_use),
    FLAG(metadata),
    FLAG(mailbox_class),
    {"force_index", PLAN_SCHEMA_SWITCH, AT(force_index), 0, 0, NULL, NULL},
    {"new_uid", PLAN_SCHEMA_SWITCH, AT(new_uid), 0, 0, NULL, NULL},
    {"new_uid_template", PLAN_SCHEMA_TEXT, AT(uid_at), 0, 0, NULL, NULL},
    {"long_lines", PLAN_SCHEMA_WORD, AT(long_lines), 0, 0, long_lines, NULL},
    {"errors_max", PLAN_SCHEMA_UINT, AT(options.errors_max), 1, UINT32_MAX,
	NULL, NULL},
    {"fetch", PLAN_SCHEMA_NODE, AT(fetch), 0, 0, NULL, NULL},
    {"store", PLAN_SCHEMA_NODE, AT(store), 0, 0, NULL, NULL},
    {"queue", PLAN_SCHEMA_NODE, AT(queue), 0, 0, NULL, NULL},
    {"timeout", PLAN_SCHEMA_DURATION, AT(options.timeout_ms), TIMEOUT_MIN_MS,
	TIMEOUT_MAX_MS, NULL, NULL},
    FLAG(overlap),
    FLAG(literal_plus),
};

static const struct plan_schema schema = {keys, ARRAY_LEN(keys), &builtin};

static const struct plan_schema_key batch_keys[] = {
    {"max_messages", PLAN_SCHEMA_UINT, offsetof(struct batch, messages), 1,
	MESSAGES_MAX, NULL, NULL},
    {"max_size", PLAN_SCHEMA_MIB, offsetof(struct batch, mib), 0, SIZE_MAX_MIB,
	NULL, NULL},
};

void plan_options_init(struct plan_options *options)
{
	*options = builtin.options;
}

static void read_batch(struct plan_build *b, const struct plan_yaml_node *map,
    const char *where, const struct batch *reset, struct batch *batch)
{
	const struct plan_schema s = {batch_keys, ARRAY_LEN(batch_keys), reset};

	if (map == &unset)
		return;
	if (!map)
		*batch = *reset;
	else
		plan_schema_read(&s, map, where, b->diag, batch);
}

static void read_batches(struct plan_build *b, const struct raw *raw,
    const char *where, struct plan_options *o)
{
	const struct plan_options *in = &builtin.options;
	const struct batch reset[] = {{in->fetch_max, in->fetch_size_max},
	    {in->store_max, in->store_size_max},
	    {in->queue_max, in->queue_size_max}};
	struct batch batch[] = {{o->fetch_max, o->fetch_size_max},
	    {o->store_max, o->store_size_max},
	    {o->queue_max, o->queue_size_max}};
	const struct plan_yaml_node *maps[] = {
	    raw->fetch, raw->store, raw->queue};
	static const char *const names[] = {"fetch", "store", "queue"};

	for (size_t i = 0; i < ARRAY_LEN(batch); i++) {
		char path[WHERE_BYTES + 16];
		(void)snprintf(path, sizeof(path), "%s.%s", where, names[i]);
		read_batch(b, maps[i], path, &reset[i], &batch[i]);
	}
	o->fetch_max = batch[0].messages;
	o->fetch_size_max = batch[0].mib;
	o->store_max = batch[1].messages;
	o->store_size_max = batch[1].mib;
	o->queue_max = batch[2].messages;
	o->queue_size_max = batch[2].mib;
}

/* Where the mode stands, for what is wrong with it in this plan. */
static void keep_mode(struct plan_options *o, const struct raw *raw,
    const struct plan_yaml_node *map)
{
	o->mode = (enum plan_mode)raw->mode;
	for (size_t i = 0; map->kind == PLAN_YAML_MAP && i < map->count; i++)
		if (strcmp(map->pairs[i].key->text, "mode") == 0)
			o->mode_place = map->pairs[i].value->place;
}

static void read_names(struct plan_build *b, const struct raw *raw,
    const char *where, struct plan_options *o)
{
	if (raw->list != &unset) {
		o->lists = 0;
		plan_names_add(
		    b, raw->list, where, "list", &o->list, &o->lists);
	}
	if (raw->skip != &unset) {
		o->skip_mailboxes = 0;
		plan_names_add(b, raw->skip, where, "skip_mailbox",
		    &o->skip_mailbox, &o->skip_mailboxes);
	}
	plan_names_add(b, raw->also_skip, where, "also_skip_mailbox",
	    &o->skip_mailbox, &o->skip_mailboxes);
	if (raw->rename != &unset)
		plan_names_read_renames(b, raw->rename, where, o);
}

/* It goes into a command: one %u, nothing that could end it. */
static void read_template(struct plan_build *b, const struct plan_yaml_node *n,
    const char *where, struct plan_options *o)
{
	unsigned marks = 0;
	bool is_plain = true;

	o->new_uid_template = n ? n->text : NULL;
	for (const char *p = n ? n->text : ""; *p; p++) {
		marks += *p == '%';
		is_plain &= *p >= ' ' && *p < 0x7f && !strchr("{\"\\", *p) &&
			    (*p != '%' || p[1] == 'u');
	}
	if (n && (!is_plain || marks != 1))
		plan_diag_add(b->diag, "E0216", n->place, n->width, "UID %u",
		    "%s.new_uid_template must be plain text with one %%u for the number",
		    where);
}

void plan_options_read(struct plan_build *b, const struct plan_yaml_node *map,
    const char *where, struct plan_options *options)
{
	struct raw raw = {.options = *options,
	    .mode = options->mode,
	    .long_lines = options->long_lines,
	    .force_index = options->force_index,
	    .new_uid = options->new_uid,
	    .list = &unset,
	    .skip = &unset,
	    .rename = &unset,
	    .uid_at = &unset,
	    .fetch = &unset,
	    .store = &unset,
	    .queue = &unset};

	if (plan_yaml_is_null(map))
		return;
	plan_schema_read(&schema, map, where, b->diag, &raw);
	*options = raw.options;
	options->long_lines = (enum plan_long_lines)raw.long_lines;
	options->force_index = (enum plan_switch)raw.force_index;
	options->new_uid = (enum plan_switch)raw.new_uid;
	keep_mode(options, &raw, map);
	read_batches(b, &raw, where, options);
	read_names(b, &raw, where, options);
	if (raw.uid_at != &unset)
		read_template(b, raw.uid_at, where, options);
	if (options->queue_max < options->fetch_max ||
	    options->queue_size_max < options->fetch_size_max)
		plan_diag_add(b->diag, "E0213", map->place, map->width,
		    "make queue.max_messages and queue.max_size at least as large as those of fetch",
		    "%s: the queue cannot hold what one fetch brings", where);
}
