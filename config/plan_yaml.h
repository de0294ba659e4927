// SPDX-License-Identifier: MIT
/*
 * YAML text to a tree of nodes that know where they stood.  The only module
 * that knows libyaml.  What YAML allows and plans do not is refused here: tags,
 * merge keys, several documents, duplicate keys, tabs, and trees that only look
 * small (nodes are counted after aliases are followed).
 *
 * Problems: E0002 bytes, E0003 tab, E0004 syntax, E0005 documents, E0006 tag,
 * E0007 merge key, E0008 limit, E0009 alias, E0010 duplicate key, E0011 key,
 * E0012 empty.
 */
#ifndef CONFIG_PLAN_YAML_H
#define CONFIG_PLAN_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "config/plan.h"

struct arena;
struct input;
struct plan_diag;

enum {
	PLAN_YAML_MAX_DEPTH = 32,
	PLAN_YAML_MAX_NODES = 1000000, /* after alias expansion */
	PLAN_YAML_MAX_ANCHORS = 256
};

enum plan_yaml_kind {
	PLAN_YAML_SCALAR,
	PLAN_YAML_LIST,
	PLAN_YAML_MAP
};

struct plan_yaml_pair {
	const struct plan_yaml_node *key; /* always a scalar */
	const struct plan_yaml_node *value;
};

/* Constant once composed; an alias shares the node it names. */
struct plan_yaml_node {
	enum plan_yaml_kind kind;
	struct plan_place place;
	unsigned end_line, width; /* width: characters on the line */
	bool is_plain;            /* scalar written without quotes */
	bool is_cut;              /* plain scalar followed by " #" */
	char *text;               /* scalar; holds no NUL */
	size_t len;
	struct plan_yaml_pair *pairs;
	const struct plan_yaml_node **items;
	size_t count;   /* pairs or items */
	size_t weight;  /* nodes below and this one, aliases expanded */
	unsigned depth; /* levels below and this one */
};

/*
 * Composes a document. Everything lives in `arena`; places point to in->name,
 * which must live as long. Lines that hold a secret are hidden in `diag`. NULL
 * when the text cannot be used as a tree; errors that leave a usable tree are
 * only reported, so that the rest can be checked too.
 */
const struct plan_yaml_node *plan_yaml_compose(
    const struct input *in, struct arena *arena, struct plan_diag *diag);

/* Is it `null`, `~` or nothing at all, without quotes? NULL counts too. */
bool plan_yaml_is_null(const struct plan_yaml_node *node);

/* Does a key's name say that its value is a secret? Slips count. */
bool plan_yaml_is_secret_key(const char *key);

/* "text", "a list", "a mapping", "nothing". */
const char *plan_yaml_kind_name(const struct plan_yaml_node *node);

#endif
