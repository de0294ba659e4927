// SPDX-License-Identifier: MIT
/*
 * The keys of a plan for people: what may be given, in which range, and what is
 * built in, from the tables that the parser reads by.
 */
#ifndef CONFIG_PLAN_KEYS_H
#define CONFIG_PLAN_KEYS_H

#include <stdbool.h>

struct plan_schema_key;

enum {
	PLAN_KEYS_TEXT_BYTES = 256
};

struct plan_keys_item {
	const struct plan_schema_key *key;
	const char *path;  /* "limits.jobs", "windows[].from" */
	const char *kind;  /* "number", "true | false" */
	bool is_words;     /* kind: to be typed as it stands */
	const char *range; /* "1 to 32"; "": none */
	const char *value; /* built in; "": none */
};

/*
 * Gives the keys of a section, in order: "" are those of the top alone, else
 * the name of a key there, "options", "side" or "secret". What stands in a
 * section of its own is given, but not what is in it. False: there is no such
 * section.
 */
bool plan_keys_walk(
    const char *section, void (*visit)(const struct plan_keys_item *item));

#endif
