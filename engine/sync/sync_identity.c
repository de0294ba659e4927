// SPDX-License-Identifier: MIT
#include "engine/sync/sync_identity.h"

#include <string.h>
#include <strings.h>

#include "engine/base/mem.h"
#include "engine/imap/imap_reader.h"

enum field {
	FIELD_MESSAGE_ID,
	FIELD_DATE,
	FIELD_FROM,
	FIELD_TO,
	FIELD_CC,
	FIELD_SUBJECT,
	FIELDS
};

enum {
	FIELD_MAX_BYTES = 2048, /* well below the 9000 of a cut line */
	COLUMN_MAX = 4096,
	PREFIX_HASHED_BYTES = 2048 /* half the prefix: what a server inserts or
				      drops must not move the end */
};

#define NAME(text) text, sizeof(text) - 1

static const struct {
	const char *name;
	size_t len;
} field_names[] = {{NAME("message-id")}, {NAME("date")}, {NAME("from")},
    {NAME("to")}, {NAME("cc")}, {NAME("subject")}};

_Static_assert(ARRAY_LEN(field_names) == FIELDS, "a name for every field");

/* What goes into a key, in order. */
struct recipe {
	char kind;
	size_t count;
	enum field fields[FIELDS];
};

struct fields {
	size_t len[FIELDS];
	char text[FIELDS][FIELD_MAX_BYTES];
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static char folded(char c)
{
	if (c == '\0' || (unsigned char)c >= 0x80)
		return 'X';
	return c;
}

/* Adds a value: blanks squeezed and trimmed, cut at the room. */
static void add_value(char *out, size_t *used, const char *s, size_t len)
{
	bool gap = false;
	size_t start = *used, column = 0;

	for (size_t i = 0; i < len; i++, column++) {
		if (s[i] == '\r')
			continue; // part of a line end, or one that some drop
		if (s[i] == '\n')
			column = 0;
		if (is_blank(s[i])) {
			gap = *used > start;
			continue;
		}
		if (column > COLUMN_MAX)
			continue; // behind a cut of the line, perhaps
		if (gap && *used < FIELD_MAX_BYTES)
			out[(*used)++] = ' ';
		gap = false;
		if (*used >= FIELD_MAX_BYTES)
			return;
		out[(*used)++] = folded(s[i]);
	}
}

/* Length of the field at s: its line and the folded ones behind it. */
static size_t field_length(const char *s, size_t len)
{
	size_t at = 0;

	do {
		const char *lf = memchr(s + at, '\n', len - at);
		if (!lf)
			return len;
		at = (size_t)(lf - s) + 1;
	} while (at < len && (s[at] == ' ' || s[at] == '\t'));
	return at;
}

static bool is_empty_line(const char *s, size_t len)
{
	size_t crs = 0;

	while (crs < len && s[crs] == '\r')
		crs++;
	return len == 0 || (crs < len && s[crs] == '\n');
}

/* Which of our fields this one is, or FIELDS. */
static int field_at(const char *s, size_t name)
{
	for (int i = 0; i < FIELDS; i++)
		if (field_names[i].len == name &&
		    strncasecmp(s, field_names[i].name, name) == 0)
			return i;
	return FIELDS;
}

/* A field may be there more than once. */
static void add_field(struct fields *f, int i, const char *s, size_t len)
{
	if (f->len[i] > 0 && f->len[i] < FIELD_MAX_BYTES)
		f->text[i][f->len[i]++] = '\n';
	add_value(f->text[i], &f->len[i], s, len);
}

static bool is_in(const struct recipe *recipe, int field)
{
	for (size_t i = 0; i < recipe->count; i++)
		if ((int)recipe->fields[i] == field)
			return true;
	return false;
}

/* The fields of a recipe, as far as a server's listing would show ours: the
 * reader keeps so much of them, and both ways must give one key. */
static void collect(
    const char *s, size_t len, const struct recipe *recipe, struct fields *f)
{
	size_t left = imap_reader_default_limits.keep_max;

	memset(f->len, 0, sizeof(f->len));
	while (len > 0 && left > 0 && !is_empty_line(s, len)) {
		size_t n = field_length(s, len);
		const char *colon = memchr(s, ':', n);
		size_t name = colon ? (size_t)(colon - s) : 0;
		int i = field_at(s, name);
		if (colon && i < FIELDS && name < left) {
			size_t shown = n < left ? n : left;
			left -= shown;
			if (is_in(recipe, i))
				add_field(f, i, colon + 1, shown - name - 1);
		}
		s += n;
		len -= n;
	}
}

static void key_of_fields(struct hash_keys *keys, const struct fields *f,
    const struct recipe *recipe, struct sync_key *out)
{
	char text[1 + FIELDS * (FIELD_MAX_BYTES + 1)];
	size_t used = 0;

	text[used++] = recipe->kind;
	for (size_t i = 0; i < recipe->count; i++) {
		enum field field = recipe->fields[i];
		memcpy(text + used, f->text[field], f->len[field]);
		used += f->len[field];
		text[used++] = '\n';
	}
	hash_keys_next(keys, text, used, out->bytes);
}

bool sync_identity_of_header(
    struct hash_keys *keys, const char *bytes, size_t len, struct sync_key *out)
{
	static const struct recipe by_id = {
	    'M', 2, {FIELD_MESSAGE_ID, FIELD_DATE}};

	static const struct recipe by_rest = {'D', 5,
	    {FIELD_DATE, FIELD_FROM, FIELD_TO, FIELD_CC, FIELD_SUBJECT}};
	struct fields f;
	size_t total = 0;

	collect(bytes, len, &by_id, &f);
	const char *id = f.text[FIELD_MESSAGE_ID];
	size_t id_len = f.len[FIELD_MESSAGE_ID];
	if (id_len > 0 && !(id_len == 2 && id[0] == '<' && id[1] == '>')) {
		key_of_fields(keys, &f, &by_id, out);
		return true;
	}
	collect(bytes, len, &by_rest, &f);
	for (size_t i = 0; i < by_rest.count; i++)
		total += f.len[by_rest.fields[i]];
	if (total == 0)
		return false;
	key_of_fields(keys, &f, &by_rest, out);
	return true;
}

/* Where the header ends, when the text starts with one; else 0. */
static size_t header_length(const char *s, size_t len)
{
	size_t at = 0;
	const char *colon = memchr(s, ':', len);

	if (!colon || colon == s)
		return 0;
	for (const char *p = s; p < colon; p++)
		if (is_blank(*p))
			return 0;
	while (at < len && !is_empty_line(s + at, len - at))
		at += field_length(s + at, len - at);
	return at;
}

/* Length of an mbox's line "From " at the start, with its end; else 0. Where
 * nothing else stands in the message it is the message. */
static size_t from_line_length(const char *s, size_t len)
{
	static const char from[] = "From ";
	const char *lf = memchr(s, '\n', len);

	if (!lf || len < strlen(from) || memcmp(s, from, strlen(from)) != 0)
		return 0;
	for (const char *p = lf; p < s + len; p++)
		if (!is_blank(*p))
			return (size_t)(lf - s) + 1;
	return 0;
}

void sync_identity_of_prefix(
    const char *bytes, size_t len, struct sync_key *out)
{
	char text[1 + PREFIX_HASHED_BYTES + 1];
	size_t used = 0;

	if (len > SYNC_IDENTITY_PREFIX_BYTES)
		len = SYNC_IDENTITY_PREFIX_BYTES;
	size_t skipped = from_line_length(bytes, len);
	bytes += skipped;
	len -= skipped;
	size_t header = header_length(bytes, len);
	text[used++] = header > 0 ? 'H' : 'B';
	for (size_t i = 0; i < (header > 0 ? header : len); i++)
		if (!is_blank(bytes[i]) && used <= PREFIX_HASHED_BYTES)
			text[used++] = folded(bytes[i]);
	hash_key(text, used, out->bytes);
}

void sync_identity_of_message(
    const char *bytes, size_t len, struct sync_key *out)
{
	if (!sync_identity_of_header(NULL, bytes, len, out))
		sync_identity_of_prefix(bytes, len, out);
}

void sync_identity_message_id(
    const char *bytes, size_t len, char *out, size_t max)
{
	size_t used = 0;

	while (len > 0 && !is_empty_line(bytes, len)) {
		size_t n = field_length(bytes, len);
		const char *colon = memchr(bytes, ':', n);
		if (colon && field_at(bytes, (size_t)(colon - bytes)) ==
				 FIELD_MESSAGE_ID) {
			for (const char *p = colon + 1; p < bytes + n; p++)
				if (*p && !is_blank(*p) && used + 1 < max)
					out[used++] = *p;
			break;
		}
		bytes += n;
		len -= n;
	}
	out[used] = '\0';
}
