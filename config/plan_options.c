// SPDX-License-Identifier: MIT
#include "config/plan_options.h"

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
	TIMEOUT_MAX_MS = 24 * 60 * 60 * 1000
};

struct raw {
	struct plan_options options; /* first: its keys have its offsets */
	const struct plan_yaml_node *list, *skip, *rename, *uid_at;
	const struct plan_yaml_node *also_list, *also_skip, *also_rename;
};

#define BUILTIN_OPTIONS \
	{ \
		.subscription = true, .acl = true, .special_use = true, \
		.metadata = true, .long_lines = PLAN_LONG_LINES_KEEP, \
		.errors_max = 100, .max_delete = PLAN_NO_LIMIT, \
		.max_delete_percent = PLAN_NO_LIMIT, .fetch_max = 50, \
		.fetch_size_max = 10, .store_max = 50, .store_size_max = 10, \
		.queue_max = 150, .queue_size_max = 30, .timeout_ms = 60000, \
		.overlap = true, .literal_plus = true, .confine = true \
	}

static const struct raw builtin = {.options = BUILTIN_OPTIONS};

/* A word's number is written where the enum stands. */
_Static_assert(sizeof(enum plan_mode) == sizeof(uint32_t) &&
		   sizeof(enum plan_switch) == sizeof(uint32_t) &&
		   sizeof(enum plan_long_lines) == sizeof(uint32_t),
    "enums of 32 bits");

/* Stands for "not mentioned", where NULL is "set to nothing". */
static const struct plan_yaml_node unset;

/* In the order of the enums. */
static const char *const modes[] = {
    "syncSrcAll", "syncSrcNew", "syncDst", NULL};
static const char *const long_lines[] = {
    "keep", "truncate", "skip", "wrap", NULL};

#define AT(field) offsetof(struct raw, field)
#define FLAG(key, what) \
	{ \
		.name = #key, .type = PLAN_SCHEMA_BOOL, \
		.offset = AT(options.key), .doc = what \
	}
#define SWITCH(key, what) \
	{ \
		.name = #key, .type = PLAN_SCHEMA_SWITCH, \
		.offset = AT(options.key), .doc = what \
	}
#define NAMES(key, at, what) \
	{ \
		.name = #key, .type = PLAN_SCHEMA_NODE, .offset = AT(at), \
		.shape = PLAN_SCHEMA_SHAPE_ONE_OR_MORE, .doc = what \
	}
#define RENAMES(key, at, what) \
	{ \
		.name = #key, .type = PLAN_SCHEMA_NODE, .offset = AT(at), \
		.shape = PLAN_SCHEMA_SHAPE_LIST, \
		.sub = &plan_names_rename_schema, .doc = what \
	}

/* Of a mapping whose parts are members of their own. */
#define BATCH(batch, messages, size) \
	static const struct plan_schema_key batch##_keys[] = { \
	    {.name = "max_messages", \
		.type = PLAN_SCHEMA_UINT, \
		.offset = AT(options.batch##_max), \
		.min = 1, \
		.max = MESSAGES_MAX, \
		.doc = messages}, \
	    {.name = "max_size", \
		.type = PLAN_SCHEMA_MIB, \
		.offset = AT(options.batch##_size_max), \
		.max = SIZE_MAX_MIB, \
		.doc = size}, \
	}; \
	static const struct plan_schema batch##_schema = { \
	    batch##_keys, ARRAY_LEN(batch##_keys), &builtin}
#define BATCH_KEY(batch, what) \
	{ \
		.name = #batch, .type = PLAN_SCHEMA_MAP, .offset = 0, \
		.shape = PLAN_SCHEMA_SHAPE_MAP, .sub = &batch##_schema, \
		.doc = what \
	}

BATCH(fetch, "messages of one FETCH", "their size, rounded up to MiB");
BATCH(store, "messages of one APPEND", "their size, rounded up to MiB");
BATCH(queue, "messages that wait between source and target",
    "their size, rounded up to MiB");

static const struct plan_schema_key keys[] = {
    {.name = "mode",
	.type = PLAN_SCHEMA_WORD,
	.offset = AT(options.mode),
	.words = modes,
	.doc =
	    "what is copied: all that is new, what is newer than the target's newest, or a mirror"},
    NAMES(list, list,
	"LIST patterns of mailboxes on the source; none: *, with syncSrcNew INBOX"),
    NAMES(also_list, also_list, "added to the list that is inherited"),
    NAMES(skip_mailbox, skip,
	"patterns of mailboxes that are left out; * and ? match"),
    NAMES(also_skip_mailbox, also_skip, "added to the list that is inherited"),
    RENAMES(rename_mailbox, rename, "new names; the first that matches counts"),
    RENAMES(also_rename_mailbox, also_rename,
	"put before those that are inherited"),
    FLAG(subscription, "copy subscriptions"),
    FLAG(acl, "copy access rights"),
    FLAG(special_use, "copy what mailboxes are for"),
    FLAG(metadata, "copy annotations"),
    FLAG(mailbox_class, "copy mailbox classes, CommuniGate to CommuniGate"),
    SWITCH(force_index, "make the target index new mailboxes"),
    SWITCH(new_uid, "suggest UIDs to the target"),
    {.name = "new_uid_template",
	.type = PLAN_SCHEMA_TEXT,
	.offset = AT(uid_at),
	.doc =
	    "how a UID is suggested, %u for the number: \"UID %u\"; none: not at all"},
    {.name = "long_lines",
	.type = PLAN_SCHEMA_WORD,
	.offset = AT(options.long_lines),
	.words = long_lines,
	.doc =
	    "what happens to lines of more than 9000 bytes, which servers may refuse"},
    {.name = "errors_max",
	.type = PLAN_SCHEMA_UINT,
	.offset = AT(options.errors_max),
	.min = 1,
	.max = UINT32_MAX,
	.doc = "messages refused in a row before a mailbox is given up"},
    BATCH_KEY(fetch, "one FETCH"),
    BATCH_KEY(store, "one APPEND"),
    BATCH_KEY(queue, "what waits between source and target"),
    {.name = "timeout",
	.type = PLAN_SCHEMA_DURATION,
	.offset = AT(options.timeout_ms),
	.min = TIMEOUT_MIN_MS,
	.max = TIMEOUT_MAX_MS,
	.doc = "of every wait for progress"},
    {.name = "connections",
	.type = PLAN_SCHEMA_UINT,
	.offset = AT(options.connections),
	.min = 1,
	.max = PLAN_CONNECTIONS_MAX,
	.doc =
	    "of one account to each side, never more than the servers' per_account; none: the smaller per_account, else 1"},
    SWITCH(compress, "COMPRESS=DEFLATE; auto: where it pays"),
    FLAG(overlap, "work on both sides at once"),
    FLAG(literal_plus, "use it where it is offered"),
    FLAG(confine, "engines give up the right to what they do not need"),
};

const struct plan_schema plan_options_schema = {
    keys, ARRAY_LEN(keys), &builtin};

void plan_options_init(struct plan_options *options)
{
	*options = builtin.options;
}

/* Where the mode stands, for what is wrong with it in this plan. */
static void keep_mode(struct plan_options *o, const struct plan_yaml_node *map)
{
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
	plan_names_add(
	    b, raw->also_list, where, "also_list", &o->list, &o->lists);
	if (raw->skip != &unset) {
		o->skip_mailboxes = 0;
		plan_names_add(b, raw->skip, where, "skip_mailbox",
		    &o->skip_mailbox, &o->skip_mailboxes);
	}
	plan_names_add(b, raw->also_skip, where, "also_skip_mailbox",
	    &o->skip_mailbox, &o->skip_mailboxes);
	if (raw->rename != &unset) {
		o->rename_mailboxes = 0;
		plan_names_add_renames(
		    b, raw->rename, where, "rename_mailbox", o);
	}
	plan_names_add_renames(
	    b, raw->also_rename, where, "also_rename_mailbox", o);
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
	    .list = &unset,
	    .skip = &unset,
	    .rename = &unset,
	    .uid_at = &unset};

	if (plan_yaml_is_null(map))
		return;
	plan_schema_read(&plan_options_schema, map, where, b->diag, &raw);
	*options = raw.options;
	keep_mode(options, map);
	read_names(b, &raw, where, options);
	if (raw.uid_at != &unset)
		read_template(b, raw.uid_at, where, options);
	if (options->queue_max < options->fetch_max ||
	    options->queue_size_max < options->fetch_size_max)
		plan_diag_add(b->diag, "E0213", map->place, map->width,
		    "make queue.max_messages and queue.max_size at least as large as those of fetch",
		    "%s: the queue cannot hold what one fetch brings", where);
}
