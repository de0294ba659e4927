// SPDX-License-Identifier: MIT
#include "config/plan_schema.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "config/plan.h"
#include "config/plan_diag.h"
#include "config/plan_yaml.h"
#include "config/value.h"
#include "engine/base/buf.h"
#include "engine/base/mem.h"

enum {
	KEYS_MAX = 48,
	LIST_BYTES = 800,
	PATH_BYTES = 256
};

/* What is being read now. */
struct field {
	const struct plan_schema_key *key;
	const struct plan_yaml_node *node;
	const char *where;
	struct plan_diag *diag;
	char *out;
};

static void path_of(const char *where, const char *key, char path[PATH_BYTES])
{
	(void)snprintf(path, PATH_BYTES, "%s%s%s", where,
	    where[0] && key[0] ? "." : "", key);
}

static void wrong_kind(const struct plan_yaml_node *n, const char *where,
    const char *key, const char *wanted, struct plan_diag *diag)
{
	char path[PATH_BYTES];

	path_of(where, key, path);
	plan_diag_add(diag, "E0101", n->place, n->width, NULL,
	    "%s must be %s, this is %s", path, wanted, plan_yaml_kind_name(n));
}

bool plan_schema_is_map(const struct plan_yaml_node *n, const char *where,
    const char *key, struct plan_diag *diag)
{
	if (plan_yaml_is_null(n) || n->kind == PLAN_YAML_MAP)
		return true;
	wrong_kind(n, where, key, "a mapping", diag);
	return false;
}

bool plan_schema_is_list(const struct plan_yaml_node *n, const char *where,
    const char *key, struct plan_diag *diag)
{
	if (plan_yaml_is_null(n) || n->kind == PLAN_YAML_LIST)
		return true;
	wrong_kind(n, where, key, "a list", diag);
	return false;
}

static bool is_one_of(const char *text, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcasecmp(text, words[i]) == 0)
			return true;
	return false;
}

/* Words that are booleans to YAML 1.1, and true, false, null to YAML 1.2 in
 * spellings it does not know. */
static bool is_ambiguous(const struct plan_yaml_node *n)
{
	static const char *const words[] = {
	    "yes", "no", "on", "off", "true", "false", "null"};

	return n->is_plain && is_one_of(n->text, words, ARRAY_LEN(words));
}

static const char *text_problem(const struct plan_yaml_node *n)
{
	if (n->len == 0)
		return "must not be empty";
	if (n->text[0] == ' ' || n->text[n->len - 1] == ' ')
		return "must not begin or end with a space";
	for (size_t i = 0; i < n->len; i++) {
		unsigned char c = (unsigned char)n->text[i];
		if (c < 0x20 || c == 0x7f ||
		    (c == 0xc2 && (unsigned char)n->text[i + 1] < 0xa0))
			return "must not hold control characters";
	}
	return NULL;
}

bool plan_schema_is_text(const struct plan_yaml_node *n, const char *where,
    const char *key, struct plan_diag *diag)
{
	char path[PATH_BYTES];

	if (n->kind != PLAN_YAML_SCALAR || plan_yaml_is_null(n)) {
		wrong_kind(n, where, key, "text", diag);
		return false;
	}
	path_of(where, key, path);
	if (is_ambiguous(n)) {
		plan_diag_add(diag, "E0127", n->place, n->width,
		    "put it in quotes: YAML readers disagree whether it is a boolean",
		    "\"%s\" is not clearly text in %s", n->text, path);
		return false;
	}
	const char *problem = text_problem(n);
	if (problem)
		plan_diag_add(diag, "E0127", n->place, n->width, NULL, "%s %s",
		    path, problem);
	return !problem;
}

/* "host, port, tls" */
static const char *join(const char *const *names, size_t count, char *out)
{
	struct buf b;

	buf_init(&b, LIST_BYTES - 1);
	for (size_t i = 0; i < count; i++)
		if (buf_printf(&b, "%s%s", i ? ", " : "", names[i]) < 0)
			break;
	memcpy(out, b.data, b.len + 1);
	buf_release(&b);
	return out;
}

static size_t word_count(const char *const *words)
{
	size_t n = 0;

	while (words && words[n])
		n++;
	return n;
}

static void unknown_key(const struct plan_schema *s,
    const struct plan_yaml_node *key, const char *where, struct plan_diag *diag)
{
	const char *names[KEYS_MAX];
	char list[LIST_BYTES], hint[LIST_BYTES + 128];
	size_t count = 0;

	for (size_t i = 0; i < s->count && count < KEYS_MAX; i++)
		if (s->keys[i].type != PLAN_SCHEMA_PLANNED)
			names[count++] = s->keys[i].name;
	const char *near = value_nearest(key->text, names, count);
	(void)snprintf(hint, sizeof(hint), "%s%s%sknown keys here: %s",
	    near ? "did you mean \"" : "", near ? near : "",
	    near ? "\"?\n" : "", join(names, count, list));
	plan_diag_add(diag, "E0107", key->place, key->width, hint,
	    "unknown key \"%s\" in %s", key->text,
	    where[0] ? where : "the plan");
}

/* ---- one reader a type; false: a problem was reported ---- */

static void bad_value(
    const struct field *f, const char *code, const char *what, const char *hint)
{
	char path[PATH_BYTES];

	path_of(f->where, f->key->name, path);
	plan_diag_add(f->diag, code, f->node->place, f->node->width, hint,
	    "\"%s\" is not %s for %s", f->node->text, what, path);
}

static bool is_good(const struct field *f, enum value_result r,
    const char *code, const char *what, const char *example)
{
	switch (r) {
	case VALUE_OK:
		return true;
	case VALUE_SYNTAX:
	case VALUE_UNIT_MISSING:
		bad_value(f, code, what, example);
		break;
	case VALUE_LEADING_ZERO:
		bad_value(f, code, what,
		    "write it without the leading zero: YAML readers disagree whether it is octal");
		break;
	case VALUE_TOO_LARGE:
		bad_value(f, code, "in range", example);
		break;
	}
	return false;
}

static void read_bool(const struct field *f)
{
	bool value = strcmp(f->node->text, "true") == 0;

	if (!f->node->is_plain ||
	    (!value && strcmp(f->node->text, "false") != 0)) {
		plan_diag_add(f->diag, "E0121", f->node->place, f->node->width,
		    "write true or false, without quotes (YAML 1.2 words; yes, no, on, off are ambiguous and refused)",
		    "\"%s\" is not a boolean here", f->node->text);
		return;
	}
	memcpy(f->out, &value, sizeof(value));
}

static void read_switch(const struct field *f)
{
	static const char *const words[] = {
	    [PLAN_SWITCH_AUTO] = "auto",
	    [PLAN_SWITCH_ON] = "true",
	    [PLAN_SWITCH_OFF] = "false",
	};

	for (uint32_t i = 0; f->node->is_plain && i < ARRAY_LEN(words); i++)
		if (strcmp(f->node->text, words[i]) == 0) {
			memcpy(f->out, &i, sizeof(i));
			return;
		}
	plan_diag_add(f->diag, "E0121", f->node->place, f->node->width,
	    "write auto, true or false, without quotes",
	    "\"%s\" is neither auto nor a boolean", f->node->text);
}

static bool in_range(const struct field *f, uint64_t value, const char *code)
{
	char hint[96];

	if (value >= f->key->min && value <= f->key->max)
		return true;
	(void)snprintf(hint, sizeof(hint), "%llu to %llu%s",
	    (unsigned long long)f->key->min, (unsigned long long)f->key->max,
	    f->key->type == PLAN_SCHEMA_DURATION ? " milliseconds" : "");
	bad_value(f, code, "in range", hint);
	return false;
}

static void read_uint(const struct field *f)
{
	uint64_t value = 0;
	enum value_result r = value_uint(f->node->text, f->node->len, &value);

	if (!is_good(f, r, "E0122", "a whole number", NULL) ||
	    !in_range(f, value, "E0122"))
		return;
	uint32_t small = (uint32_t)value;
	memcpy(f->out, &small, sizeof(small));
}

static void read_duration(const struct field *f)
{
	uint64_t ms = 0;
	enum value_result r = value_duration(f->node->text, f->node->len, &ms);

	if (is_good(f, r, "E0123", "a duration",
		"with its unit: 90s, 15m, 1h30m, 200ms") &&
	    in_range(f, ms, "E0123"))
		memcpy(f->out, &ms, sizeof(ms));
}

static void read_mib(const struct field *f)
{
	const uint64_t mib = 1U << 20;
	uint64_t bytes = 0;
	enum value_result r = value_size(f->node->text, f->node->len, &bytes);

	if (!is_good(f, r, "E0124", "a size", "with its unit: 10MiB, 10MB"))
		return;
	if (bytes == 0 || bytes > f->key->max * mib) {
		char hint[64];
		(void)snprintf(hint, sizeof(hint), "1B to %lluMiB",
		    (unsigned long long)f->key->max);
		bad_value(f, "E0124", "in range", hint);
		return;
	}
	uint32_t value = (uint32_t)((bytes + mib - 1) / mib);
	memcpy(f->out, &value, sizeof(value));
}

static void read_bytes(const struct field *f)
{
	bool is_rate = f->key->type == PLAN_SCHEMA_RATE;
	const char *what = is_rate ? "a rate" : "a size";
	const char *example = is_rate ? "with its unit: 40MiB/s, 500kB/s"
				      : "with its unit: 512MiB, 2GB";
	uint64_t bytes = 0;
	enum value_result r =
	    is_rate ? value_rate(f->node->text, f->node->len, &bytes)
		    : value_size(f->node->text, f->node->len, &bytes);

	if (!is_good(f, r, "E0124", what, example))
		return;
	// null says that there is none
	if (bytes == 0)
		bad_value(f, "E0124", "in range", "more than 0, or null");
	else
		memcpy(f->out, &bytes, sizeof(bytes));
}

static void read_days(const struct field *f)
{
	uint8_t days = 0;

	if (value_days(f->node->text, f->node->len, &days) == VALUE_OK)
		memcpy(f->out, &days, sizeof(days));
	else
		bad_value(f, "E0132", "a day or several",
		    "mon tue wed thu fri sat sun: mon-fri, or \"sat,sun\"");
}

static void read_clock(const struct field *f)
{
	unsigned minute = 0;

	if (value_clock(f->node->text, f->node->len, &minute) == VALUE_OK)
		memcpy(f->out, &minute, sizeof(minute));
	else
		bad_value(f, "E0133", "a time of day",
		    "two digits each, 00:00 to 24:00: \"07:30\"");
}

static void read_percent(const struct field *f)
{
	unsigned value = 0;
	enum value_result r =
	    value_percent(f->node->text, f->node->len, &value);

	if (is_good(f, r, "E0125", "a percentage",
		"0% to 100%, with the sign: 20%"))
		memcpy(f->out, &value, sizeof(value));
}

static void read_factor(const struct field *f)
{
	double value = 0;
	enum value_result r = value_factor(f->node->text, f->node->len, &value);

	if (!is_good(f, r, "E0122", "a number", "3 or 1.5"))
		return;
	if (value < (double)f->key->min || value > (double)f->key->max)
		(void)in_range(f, f->key->max + 1, "E0122");
	else
		memcpy(f->out, &value, sizeof(value));
}

static void read_word(const struct field *f)
{
	const struct plan_schema_key *key = f->key;
	size_t known = word_count(key->words);
	size_t planned = word_count(key->planned);
	char list[LIST_BYTES], hint[LIST_BYTES + 128];

	for (uint32_t i = 0; i < known; i++)
		if (strcmp(key->words[i], f->node->text) == 0) {
			memcpy(f->out, &i, sizeof(i));
			return;
		}
	(void)snprintf(hint, sizeof(hint), "known words here: %s",
	    join(key->words, known, list));
	if (is_one_of(f->node->text, key->planned, planned)) {
		plan_diag_add(f->diag, "E0103", f->node->place, f->node->width,
		    hint,
		    "%s \"%s\" is planned, but this version does not support it",
		    key->name, f->node->text);
		return;
	}
	bad_value(f, "E0126", "a known word", hint);
}

static void read_planned(
    const struct field *f, const struct plan_yaml_node *key)
{
	char path[PATH_BYTES];

	path_of(f->where, f->key->name, path);
	plan_diag_add(f->diag, "E0103", key->place, key->width, f->key->doc,
	    "%s is not offered by this version", path);
}

static size_t type_bytes(enum plan_schema_type type)
{
	switch (type) {
	case PLAN_SCHEMA_NODE:
	case PLAN_SCHEMA_ANY:
	case PLAN_SCHEMA_TEXT:
	case PLAN_SCHEMA_STRING:
		return sizeof(void *);
	case PLAN_SCHEMA_BOOL:
		return sizeof(bool);
	case PLAN_SCHEMA_DAYS:
		return sizeof(uint8_t);
	case PLAN_SCHEMA_CLOCK:
	case PLAN_SCHEMA_SWITCH:
	case PLAN_SCHEMA_UINT:
	case PLAN_SCHEMA_MIB:
	case PLAN_SCHEMA_PERCENT:
	case PLAN_SCHEMA_WORD:
		return sizeof(uint32_t);
	case PLAN_SCHEMA_DURATION:
	case PLAN_SCHEMA_SIZE:
	case PLAN_SCHEMA_RATE:
		return sizeof(uint64_t);
	case PLAN_SCHEMA_FACTOR:
		return sizeof(double);
	case PLAN_SCHEMA_MAP:
	case PLAN_SCHEMA_PLANNED:
		return 0;
	}
	return 0;
}

static void keep_node(const struct field *f)
{
	const void *node = f->node;

	memcpy(f->out, &node, sizeof(node));
}

static void read_text(const struct field *f)
{
	if (!plan_schema_is_text(f->node, f->where, f->key->name, f->diag))
		return;
	if (f->key->type == PLAN_SCHEMA_TEXT)
		keep_node(f);
	else
		memcpy(f->out, &f->node->text, sizeof(f->node->text));
}

static void read_scalar(const struct field *f)
{
	if (f->node->kind != PLAN_YAML_SCALAR) {
		wrong_kind(
		    f->node, f->where, f->key->name, "a single value", f->diag);
		return;
	}
	switch (f->key->type) {
	case PLAN_SCHEMA_BOOL:
		read_bool(f);
		break;
	case PLAN_SCHEMA_SWITCH:
		read_switch(f);
		break;
	case PLAN_SCHEMA_UINT:
		read_uint(f);
		break;
	case PLAN_SCHEMA_DURATION:
		read_duration(f);
		break;
	case PLAN_SCHEMA_MIB:
		read_mib(f);
		break;
	case PLAN_SCHEMA_SIZE:
	case PLAN_SCHEMA_RATE:
		read_bytes(f);
		break;
	case PLAN_SCHEMA_DAYS:
		read_days(f);
		break;
	case PLAN_SCHEMA_CLOCK:
		read_clock(f);
		break;
	case PLAN_SCHEMA_PERCENT:
		read_percent(f);
		break;
	case PLAN_SCHEMA_FACTOR:
		read_factor(f);
		break;
	case PLAN_SCHEMA_WORD:
		read_word(f);
		break;
	case PLAN_SCHEMA_NODE:
	case PLAN_SCHEMA_ANY:
	case PLAN_SCHEMA_TEXT:
	case PLAN_SCHEMA_STRING:
	case PLAN_SCHEMA_MAP:
	case PLAN_SCHEMA_PLANNED:
		break;
	}
}

/* A mapping inside; `null` resets all of it. */
static void read_map(const struct plan_schema *s, const struct field *f)
{
	const struct plan_schema *sub = f->key->sub;
	const size_t at = f->key->offset;
	const struct plan_schema inner = {
	    sub->keys, sub->count, (const char *)s->builtin + at};
	char path[PATH_BYTES];

	path_of(f->where, f->key->name, path);
	if (!plan_yaml_is_null(f->node)) {
		plan_schema_read(&inner, f->node, path, f->diag, f->out);
		return;
	}
	for (size_t i = 0; i < sub->count; i++) {
		const struct plan_schema_key *k = &sub->keys[i];
		memcpy(f->out + k->offset,
		    (const char *)inner.builtin + k->offset,
		    type_bytes(k->type));
	}
}

static void read_pair(const struct plan_schema *s, struct field *f,
    const struct plan_yaml_node *key)
{
	if (f->key->type == PLAN_SCHEMA_PLANNED)
		read_planned(f, key);
	else if (f->key->type == PLAN_SCHEMA_MAP)
		read_map(s, f);
	else if (f->key->type == PLAN_SCHEMA_ANY ||
		 (f->key->type == PLAN_SCHEMA_NODE &&
		     !plan_yaml_is_null(f->node)))
		keep_node(f);
	else if (plan_yaml_is_null(f->node))
		memcpy(f->out, (const char *)s->builtin + f->key->offset,
		    type_bytes(f->key->type));
	else if (f->key->type == PLAN_SCHEMA_TEXT ||
		 f->key->type == PLAN_SCHEMA_STRING)
		read_text(f);
	else
		read_scalar(f);
}

void plan_schema_read(const struct plan_schema *s,
    const struct plan_yaml_node *map, const char *where, struct plan_diag *diag,
    void *out)
{
	if (plan_yaml_is_null(map) || !plan_schema_is_map(map, where, "", diag))
		return;
	for (size_t i = 0; i < map->count; i++) {
		const struct plan_yaml_node *key = map->pairs[i].key;
		size_t k = 0;
		while (k < s->count && strcmp(s->keys[k].name, key->text) != 0)
			k++;
		if (k == s->count) {
			unknown_key(s, key, where, diag);
			continue;
		}
		struct field f = {.key = &s->keys[k],
		    .node = map->pairs[i].value,
		    .where = where,
		    .diag = diag,
		    .out = (char *)out + s->keys[k].offset};
		read_pair(s, &f, key);
	}
}

void plan_schema_read_value(const struct plan_schema_key *key,
    const struct plan_yaml_node *node, const char *where,
    struct plan_diag *diag, void *out)
{
	const struct field f = {.key = key,
	    .node = node,
	    .where = where,
	    .diag = diag,
	    .out = (char *)out + key->offset};

	if (!plan_yaml_is_null(node))
		read_scalar(&f);
}

const struct plan_schema_key *plan_schema_find(
    const struct plan_schema *s, const char *path)
{
	while (s) {
		size_t len = strcspn(path, "."), i = 0;
		while (i < s->count &&
		       (strlen(s->keys[i].name) != len ||
			   memcmp(s->keys[i].name, path, len) != 0))
			i++;
		if (i == s->count)
			return NULL;
		if (!path[len])
			return &s->keys[i];
		// what is behind a list or a name has no path
		s = s->keys[i].shape == PLAN_SCHEMA_SHAPE_MAP ||
			    s->keys[i].shape == PLAN_SCHEMA_SHAPE_SECRET
			? s->keys[i].sub
			: NULL;
		path += len + 1;
	}
	return NULL;
}
