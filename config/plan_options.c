// SPDX-License-Identifier: MIT
#include "config/plan_options.h"

#include <stdio.h>
#include <string.h>

#include "config/arena.h"
#include "config/plan_build.h"
#include "config/plan_diag.h"
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
	uint32_t mode, long_lines;
	const struct plan_yaml_node *skip, *rename, *fetch, *store, *queue;
};

static const char all[] = "*";

#define BUILTIN_OPTIONS \
	{ \
		.list = (char *)all, .subscription = true, \
		.long_lines = PLAN_LONG_LINES_KEEP, .fetch_max = 50, \
		.fetch_size_max = 10, .store_max = 50, .store_size_max = 10, \
		.queue_max = 150, .queue_size_max = 30, .timeout_ms = 60000, \
		.overlap = true \
	}

static const struct raw builtin = {.options = BUILTIN_OPTIONS};

/* Stands for "not mentioned", where NULL is "set to nothing". */
static const struct plan_yaml_node unset;

static const char *const modes[] = {"syncSrcAll", NULL};
static const char *const planned_modes[] = {"syncSrcNew", "syncDst", NULL};
static const char *const long_lines[] = {"keep", "truncate", "skip", NULL};

#define AT(field) offsetof(struct raw, field)

static const struct plan_schema_key keys[] = {
    {"mode", PLAN_SCHEMA_WORD, AT(mode), 0, 0, modes, planned_modes},
    {"list", PLAN_SCHEMA_STRING, AT(options.list), 0, 0, NULL, NULL},
    {"skip_mailbox", PLAN_SCHEMA_NODE, AT(skip), 0, 0, NULL, NULL},
    {"rename_mailbox", PLAN_SCHEMA_NODE, AT(rename), 0, 0, NULL, NULL},
    {"subscription", PLAN_SCHEMA_BOOL, AT(options.subscription), 0, 0, NULL,
	NULL},
    {"long_lines", PLAN_SCHEMA_WORD, AT(long_lines), 0, 0, long_lines, NULL},
    {"fetch", PLAN_SCHEMA_NODE, AT(fetch), 0, 0, NULL, NULL},
    {"store", PLAN_SCHEMA_NODE, AT(store), 0, 0, NULL, NULL},
    {"queue", PLAN_SCHEMA_NODE, AT(queue), 0, 0, NULL, NULL},
    {"timeout", PLAN_SCHEMA_DURATION, AT(options.timeout_ms), TIMEOUT_MIN_MS,
	TIMEOUT_MAX_MS, NULL, NULL},
    {"overlap", PLAN_SCHEMA_BOOL, AT(options.overlap), 0, 0, NULL, NULL},
    {"acl", PLAN_SCHEMA_OFF, 0, 0, 0, NULL, NULL},
    {"special_use", PLAN_SCHEMA_OFF, 0, 0, 0, NULL, NULL},
    {"force_index", PLAN_SCHEMA_OFF, 0, 0, 0, NULL, NULL},
    {"new_uid", PLAN_SCHEMA_OFF, 0, 0, 0, NULL, NULL},
    {"mailbox_class", PLAN_SCHEMA_OFF, 0, 0, 0, NULL, NULL},
    {"also_skip_mailbox", PLAN_SCHEMA_PLANNED, 0, 0, 0, NULL, NULL},
};

static const struct plan_schema schema = {keys, ARRAY_LEN(keys), &builtin};

static const struct plan_schema_key batch_keys[] = {
    {"max_messages", PLAN_SCHEMA_UINT, offsetof(struct batch, messages), 1,
	MESSAGES_MAX, NULL, NULL},
    {"max_size", PLAN_SCHEMA_MIB, offsetof(struct batch, mib), 0, SIZE_MAX_MIB,
	NULL, NULL},
};

struct raw_rename {
	char *from, *to;
};

static const struct plan_schema_key rename_keys[] = {
    {"from", PLAN_SCHEMA_STRING, offsetof(struct raw_rename, from), 0, 0, NULL,
	NULL},
    {"to", PLAN_SCHEMA_STRING, offsetof(struct raw_rename, to), 0, 0, NULL,
	NULL},
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

/* One pattern, or a list of them. */
static void read_skip(struct plan_build *b, const struct plan_yaml_node *n,
    const char *where, struct plan_options *o)
{
	o->skip_mailbox = NULL;
	o->skip_mailboxes = 0;
	if (!n)
		return;
	const struct plan_yaml_node *const single[] = {n};
	const struct plan_yaml_node *const *items = single;
	size_t count = 1;
	if (n->kind == PLAN_YAML_LIST) {
		items = n->items;
		count = n->count;
	}
	o->skip_mailbox = arena_array(b->arena, count, sizeof(char *));
	for (size_t i = 0; i < count; i++)
		if (plan_schema_is_text(
			items[i], where, "skip_mailbox", b->diag))
			o->skip_mailbox[o->skip_mailboxes++] = items[i]->text;
}

static void read_rename(struct plan_build *b, const struct plan_yaml_node *n,
    const char *where, struct plan_options *o)
{
	static const struct raw_rename none;
	static const struct plan_schema s = {
	    rename_keys, ARRAY_LEN(rename_keys), &none};
	char path[WHERE_BYTES + 32];

	o->rename_mailbox = NULL;
	o->rename_mailboxes = 0;
	if (!n || !plan_schema_is_list(n, where, "rename_mailbox", b->diag))
		return;
	o->rename_mailbox =
	    arena_array(b->arena, n->count, sizeof(*o->rename_mailbox));
	for (size_t i = 0; i < n->count; i++) {
		struct raw_rename r = none;
		size_t before = plan_diag_errors(b->diag);
		(void)snprintf(
		    path, sizeof(path), "%s.rename_mailbox[%zu]", where, i);
		plan_schema_read(&s, n->items[i], path, b->diag, &r);
		if ((!r.from || !r.to) && plan_diag_errors(b->diag) == before)
			plan_diag_add(b->diag, "E0102", n->items[i]->place,
			    n->items[i]->width, "{from: OLD, to: NEW}",
			    "%s needs from and to", path);
		o->rename_mailbox[o->rename_mailboxes++] =
		    (struct plan_rename){r.from, r.to};
	}
	if (n->count > 0)
		plan_diag_add(b->diag, "E0103", n->place, n->width,
		    "this version does not know it yet: remove it",
		    "%s.rename_mailbox is planned, but this version does not support it",
		    where);
}

void plan_options_read(struct plan_build *b, const struct plan_yaml_node *map,
    const char *where, struct plan_options *options)
{
	struct raw raw = {.options = *options,
	    .long_lines = options->long_lines,
	    .skip = &unset,
	    .rename = &unset,
	    .fetch = &unset,
	    .store = &unset,
	    .queue = &unset};

	if (plan_yaml_is_null(map))
		return;
	plan_schema_read(&schema, map, where, b->diag, &raw);
	*options = raw.options;
	options->long_lines = (enum plan_long_lines)raw.long_lines;
	read_batches(b, &raw, where, options);
	if (raw.skip != &unset)
		read_skip(b, raw.skip, where, options);
	if (raw.rename != &unset)
		read_rename(b, raw.rename, where, options);
	if (options->queue_max < options->fetch_max ||
	    options->queue_size_max < options->fetch_size_max)
		plan_diag_add(b->diag, "E0213", map->place, map->width,
		    "make queue.max_messages and queue.max_size at least as large as those of fetch",
		    "%s: the queue cannot hold what one fetch brings", where);
}
