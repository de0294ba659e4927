// SPDX-License-Identifier: MIT
/*
 * Mappings read by table: every key of a plan stands once, with its type,
 * range, place in a struct and built-in value.  Knows nothing of what keys
 * mean together.
 *
 * Problems: E0101 wrong kind, E0103 known but not supported by this version,
 * E0107 unknown key, E0121 boolean or switch, E0122 number, E0123 duration,
 * E0124 size or rate, E0125 percentage, E0126 word, E0127 text, E0132 days,
 * E0133 time of day.
 */
#ifndef CONFIG_PLAN_SCHEMA_H
#define CONFIG_PLAN_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plan_diag;
struct plan_yaml_node;

enum plan_schema_type {
	PLAN_SCHEMA_NODE,     /* const struct plan_yaml_node *, as written */
	PLAN_SCHEMA_ANY,      /* the same, and `null` is a node too */
	PLAN_SCHEMA_TEXT,     /* const struct plan_yaml_node *, good text */
	PLAN_SCHEMA_STRING,   /* char *, good text */
	PLAN_SCHEMA_BOOL,     /* bool */
	PLAN_SCHEMA_SWITCH,   /* uint32_t, enum plan_switch */
	PLAN_SCHEMA_UINT,     /* uint32_t; min, max */
	PLAN_SCHEMA_DURATION, /* uint64_t milliseconds; min, max */
	PLAN_SCHEMA_MIB,      /* uint32_t, rounded up; max */
	PLAN_SCHEMA_SIZE,     /* uint64_t bytes */
	PLAN_SCHEMA_RATE,     /* uint64_t bytes a second */
	PLAN_SCHEMA_DAYS,     /* uint8_t, bit 0 is Monday */
	PLAN_SCHEMA_CLOCK,    /* uint32_t minute of the day */
	PLAN_SCHEMA_PERCENT,  /* uint32_t */
	PLAN_SCHEMA_FACTOR,   /* double; min, max */
	PLAN_SCHEMA_WORD,     /* uint32_t: index in words */
	PLAN_SCHEMA_MAP,      /* a mapping read into the same struct: sub */
	PLAN_SCHEMA_PLANNED   /* known, but this version does not offer it */
};

/* What a NODE, ANY or MAP is to those who write it. */
enum plan_schema_shape {
	PLAN_SCHEMA_SHAPE_VALUE, /* what the type says; of ANY: text or null */
	PLAN_SCHEMA_SHAPE_MAP,   /* sub */
	PLAN_SCHEMA_SHAPE_NAMED, /* a mapping from names to sub */
	PLAN_SCHEMA_SHAPE_LIST,  /* a list of sub */
	PLAN_SCHEMA_SHAPE_TEXTS, /* a list of texts */
	PLAN_SCHEMA_SHAPE_ONE_OR_MORE, /* text or a list of texts */
	PLAN_SCHEMA_SHAPE_SECRET,      /* text or sub */
	PLAN_SCHEMA_SHAPE_HOOK,        /* a list of texts, or sub */
	PLAN_SCHEMA_SHAPE_RATES,       /* a rate or a list of sub */
	PLAN_SCHEMA_SHAPE_VERSION      /* 1 */
};

struct plan_schema;

struct plan_schema_key {
	const char *name;
	enum plan_schema_type type;
	size_t offset;
	uint64_t min, max;
	const char *const *words;   /* NULL-terminated */
	const char *const *planned; /* words not supported yet; or NULL */
	enum plan_schema_shape shape;
	const struct plan_schema *sub;
	const char *doc;  /* a line about it; of a PLANNED one, what to write */
	bool is_required; /* for editors; whoever reads it checks it */
};

struct plan_schema {
	const struct plan_schema_key *keys;
	size_t count;
	const void *builtin; /* what `null` sets; same struct as the output */
};

/*
 * Reads a mapping (or nothing) into `out`, which keeps what the mapping does
 * not mention: a copy of the inherited values makes it an overlay. `where`
 * names the mapping in messages: "servers.old". Problems leave the value.
 */
void plan_schema_read(const struct plan_schema *schema,
    const struct plan_yaml_node *map, const char *where, struct plan_diag *diag,
    void *out);

/* Reads one value by its key, which need not stand in a table; `null` leaves
 * `out` as it is. */
void plan_schema_read_value(const struct plan_schema_key *key,
    const struct plan_yaml_node *node, const char *where,
    struct plan_diag *diag, void *out);

/* The key at a dotted path; NULL: there is none. */
const struct plan_schema_key *plan_schema_find(
    const struct plan_schema *schema, const char *path);

/* Text that can be a name: a scalar, not empty, no control characters, not a
 * word that YAML readers disagree about. Else a problem. */
bool plan_schema_is_text(const struct plan_yaml_node *node, const char *where,
    const char *key, struct plan_diag *diag);

/* Is it a mapping (list)? Nothing counts as empty: true. Else a problem. */
bool plan_schema_is_map(const struct plan_yaml_node *node, const char *where,
    const char *key, struct plan_diag *diag);
bool plan_schema_is_list(const struct plan_yaml_node *node, const char *where,
    const char *key, struct plan_diag *diag);

#endif
