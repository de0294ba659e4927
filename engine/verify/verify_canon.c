// SPDX-License-Identifier: MIT
#include "engine/verify/verify_canon.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"

enum {
	NAME_MAX_BYTES = 12, /* longer than "message-id" */
	HEADER_MAX_BYTES = 48 * 1024,
	LOOSE_BYTES = 4096,
	FROM_BYTES = 5, /* "From " */
	BEGINNING_MAX = 256
};

#define FNV_START UINT64_C(14695981039346656037)
#define FNV_PRIME UINT64_C(1099511628211)

/* Header fields that say which message it is. */
enum field {
	FIELD_MESSAGE_ID,
	FIELD_DATE,
	FIELDS,
	FIELD_OTHER = FIELDS,
	FIELD_NAME /* its name is still to come */
};

struct verify_canon {
	/* permanent */
	enum job_long_lines rule;
	struct hash_stream *strict, *loose, *joined;
	/* of the present message */
	bool with_loose;
	uint64_t bytes;
	unsigned features;
	bool in_header, cr_pending, is_first_line;
	char last;
	size_t line_len;   /* with CRs, without LF */
	size_t line_bytes; /* without CRs */
	/* its fields */
	enum field field;
	char name[NAME_MAX_BYTES];
	size_t name_len;
	bool has_field[FIELDS];
	uint64_t hash[FIELDS];
	uint64_t beginning; /* of its first characters */
	size_t beginning_len;
	/* its loose form */
	char head[FROM_BYTES]; /* until it is known what line 1 is */
	size_t head_len;
	bool in_head, in_from_line, loose_header;
	size_t column, line_kept;
	char kept[LOOSE_BYTES], joint[LOOSE_BYTES];
	size_t kept_len, joint_len;
};

struct verify_canon *verify_canon_new(enum job_long_lines rule)
{
	struct verify_canon *c = mem_calloc(1, sizeof(*c));

	c->rule = rule;
	c->strict = hash_stream_new();
	c->loose = hash_stream_new();
	c->joined = hash_stream_new();
	verify_canon_begin(c, false);
	return c;
}

void verify_canon_free(struct verify_canon *c)
{
	if (!c)
		return;
	hash_stream_free(c->strict);
	hash_stream_free(c->loose);
	hash_stream_free(c->joined);
	free(c);
}

void verify_canon_begin(struct verify_canon *c, bool with_loose)
{
	hash_stream_reset(c->strict);
	c->with_loose = with_loose;
	c->bytes = 0;
	c->features = 0;
	c->in_header = c->is_first_line = true;
	c->cr_pending = false;
	c->last = '\0';
	c->line_len = c->line_bytes = 0;
	c->field = FIELD_NAME;
	c->name_len = 0;
	for (int i = 0; i < FIELDS; i++) {
		c->has_field[i] = false;
		c->hash[i] = FNV_START;
	}
	c->beginning = FNV_START;
	c->beginning_len = 0;
	c->head_len = 0;
	c->in_head = c->loose_header = true;
	c->in_from_line = false;
	c->column = c->line_kept = c->kept_len = c->joint_len = 0;
	if (with_loose) {
		hash_stream_reset(c->loose);
		hash_stream_reset(c->joined);
	}
}

/* ------------------------------------------------------------ the header */

/* What servers make of it: one for all 8-bit octets, and for NUL. */
static char folded(char c)
{
	return (char)(c == '\0' || (unsigned char)c >= 0x80 ? 'X' : c);
}

/* Of a message that has nothing else to know it by. */
static void begin_char(struct verify_canon *c, char ch)
{
	if (ch == ' ' || ch == '\t' || ch == '\r' || ch == '\n')
		return;
	c->beginning = (c->beginning ^ (unsigned char)folded(ch)) * FNV_PRIME;
	c->beginning_len++;
}

static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static enum field field_named(const char *name, size_t len)
{
	static const char *const names[] = {"message-id", "date"};

	_Static_assert(ARRAY_LEN(names) == FIELDS, "a name for every field");
	for (int i = 0; i < FIELDS; i++)
		if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
			return (enum field)i;
	return FIELD_OTHER;
}

static void name_char(struct verify_canon *c, char ch)
{
	if (ch == ':') {
		c->field = field_named(c->name, c->name_len);
		// only the first of several counts
		if (c->field < FIELDS && c->has_field[c->field])
			c->field = FIELD_OTHER;
		else if (c->field < FIELDS)
			c->has_field[c->field] = true;
	} else if (c->name_len < NAME_MAX_BYTES) {
		c->name[c->name_len++] = lower(ch);
	} else {
		c->field = FIELD_OTHER;
	}
}

static void field_char(struct verify_canon *c, char ch)
{
	bool is_blank = ch == ' ' || ch == '\t';

	if (c->line_bytes == 0 && !is_blank) {
		c->field = FIELD_NAME;
		c->name_len = 0;
	}
	if (c->field == FIELD_NAME)
		name_char(c, ch);
	else if (c->field < FIELDS && !is_blank)
		c->hash[c->field] =
		    (c->hash[c->field] ^ (unsigned char)folded(ch)) * FNV_PRIME;
}

static void line_end(struct verify_canon *c, bool has_cr)
{
	if (!has_cr)
		c->features |= VERIFY_FEATURE_LINE_ENDS;
	if (c->line_len - has_cr > VERIFY_CANON_LINE_MAX)
		c->features |= VERIFY_FEATURE_LONG_LINE;
	c->line_len = c->line_bytes = 0;
	c->cr_pending = false;
}

/* Byte by byte, for a header is short; how many of them belong to it. */
static size_t scan_header(struct verify_canon *c, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char ch = bytes[i];
		if (ch == '\n') {
			c->in_header = c->line_bytes > 0;
			if (c->is_first_line &&
			    (c->features & VERIFY_FEATURE_FROM_LINE)) {
				c->beginning = FNV_START; // it may go
				c->beginning_len = 0;
			}
			c->is_first_line = false;
			line_end(c, c->cr_pending);
			if (!c->in_header)
				return i + 1;
			continue;
		}
		if (c->cr_pending)
			c->features |= VERIFY_FEATURE_LINE_ENDS;
		c->cr_pending = ch == '\r';
		c->line_len++;
		if (ch == '\r')
			continue;
		if (ch == '\0')
			c->features |= VERIFY_FEATURE_NUL;
		else if ((unsigned char)ch >= 0x80)
			c->features |= VERIFY_FEATURE_EIGHT_BIT;
		field_char(c, ch);
		if (c->beginning_len < BEGINNING_MAX)
			begin_char(c, ch);
		c->line_bytes++;
	}
	return len;
}

/* -------------------------------------------------------------- the body */

/* A piece of a line without its LF; it is not empty. */
static void line_part(struct verify_canon *c, const char *bytes, size_t len)
{
	const char *cr = memchr(bytes, '\r', len);

	if (c->cr_pending || (cr && cr != bytes + len - 1))
		c->features |= VERIFY_FEATURE_LINE_ENDS;
	c->cr_pending = bytes[len - 1] == '\r';
	c->line_len += len;
}

static void scan_body(struct verify_canon *c, const char *bytes, size_t len)
{
	if (memchr(bytes, '\0', len))
		c->features |= VERIFY_FEATURE_NUL;
	for (size_t i = 0; i < len && c->beginning_len < BEGINNING_MAX; i++)
		begin_char(c, bytes[i]);
	while (len > 0) {
		const char *lf = memchr(bytes, '\n', len);
		size_t n = lf ? (size_t)(lf - bytes) : len;
		if (n > 0)
			line_part(c, bytes, n);
		if (lf)
			line_end(c, c->cr_pending);
		n += lf != NULL;
		bytes += n;
		len -= n;
	}
}

/* -------------------------------------------------------- the loose form */

static void flush(struct hash_stream *hash, const char *bytes, size_t *len)
{
	hash_stream_add(hash, bytes, *len);
	*len = 0;
}

static void keep(struct verify_canon *c, char ch)
{
	c->kept[c->kept_len++] = ch;
	if (ch != '\n')
		c->joint[c->joint_len++] = ch;
	if (c->kept_len == LOOSE_BYTES)
		flush(c->loose, c->kept, &c->kept_len);
	if (c->joint_len == LOOSE_BYTES)
		flush(c->joined, c->joint, &c->joint_len);
}

static void loose_char(struct verify_canon *c, char ch)
{
	if (ch == '\n') {
		if (c->line_kept == 0)
			c->loose_header = false;
		if (!c->in_from_line)
			keep(c, ch);
		c->in_from_line = false;
		c->column = c->line_kept = 0;
		return;
	}
	size_t column = c->column++;
	if (ch == '\r')
		return;
	c->line_kept++;
	if (c->in_from_line ||
	    (c->rule == JOB_LONG_LINES_TRUNCATE &&
		column >= VERIFY_CANON_LINE_MAX) ||
	    (c->rule == JOB_LONG_LINES_WRAP && (ch == ' ' || ch == '\t')))
		return;
	if (c->loose_header)
		keep(c, folded(ch));
	else
		keep(c, (char)(ch == '\0' ? 0x80 : ch));
}

/* The beginning is known, or all there is. */
static void decide_head(struct verify_canon *c)
{
	c->in_head = false;
	c->in_from_line = c->head_len == FROM_BYTES &&
			  memcmp(c->head, "From ", FROM_BYTES) == 0;
	if (c->in_from_line)
		c->features |= VERIFY_FEATURE_FROM_LINE;
	for (size_t i = 0; c->with_loose && i < c->head_len; i++)
		loose_char(c, c->head[i]);
}

/* Takes the first bytes away; how many. */
static size_t add_head(struct verify_canon *c, const char *bytes, size_t len)
{
	size_t n = 0;

	while (n < len && c->head_len < FROM_BYTES)
		c->head[c->head_len++] = bytes[n++];
	if (c->head_len == FROM_BYTES)
		decide_head(c);
	return n;
}

/* ------------------------------------------------------------ the message */

void verify_canon_add(struct verify_canon *c, const char *bytes, size_t len)
{
	size_t done = 0;

	if (len == 0)
		return;
	hash_stream_add(c->strict, bytes, len);
	c->bytes += len;
	c->last = bytes[len - 1];
	if (c->in_head)
		done = add_head(c, bytes, len);
	for (size_t i = done; c->with_loose && i < len; i++)
		loose_char(c, bytes[i]);
	done = c->in_header ? scan_header(c, bytes, len) : 0;
	if (done < len)
		scan_body(c, bytes + done, len - done);
}

static uint64_t ident_of(const struct verify_canon *c)
{
	uint64_t ident = 0;

	for (int i = 0; i < FIELDS; i++)
		if (c->has_field[i])
			ident = (ident ^ c->hash[i]) * FNV_PRIME + (unsigned)i;
	return ident == 0 && c->beginning_len > 0 ? c->beginning : ident;
}

static void finish(struct verify_canon *c, struct verify_digest *out)
{
	if (c->in_head)
		decide_head(c);
	if (c->line_len > VERIFY_CANON_LINE_MAX)
		c->features |= VERIFY_FEATURE_LONG_LINE;
	*out = (struct verify_digest){
	    .ident = ident_of(c), .bytes = c->bytes, .features = c->features};
	hash_stream_key(c->strict, out->strict);
	if (!c->with_loose)
		return;
	flush(c->loose, c->kept, &c->kept_len);
	flush(c->joined, c->joint, &c->joint_len);
	hash_stream_key(c->loose, out->loose);
	hash_stream_key(c->joined, out->joined);
}

void verify_canon_end(struct verify_canon *c, struct verify_digest *out)
{
	if (c->last != '\n') {
		c->features |= VERIFY_FEATURE_NO_LINE_END;
		hash_stream_add(c->strict, "\r\n", 2);
		if (c->in_head)
			decide_head(c);
		if (c->with_loose)
			loose_char(c, '\n');
		if (c->last == '\r')
			c->features |= VERIFY_FEATURE_LINE_ENDS;
	}
	finish(c, out);
}

void verify_canon_header(struct verify_canon *c, const char *bytes, size_t len,
    struct verify_digest *out)
{
	if (len > HEADER_MAX_BYTES)
		len = HEADER_MAX_BYTES;
	while (len > 0 && (bytes[len - 1] == '\r' || bytes[len - 1] == '\n'))
		len--;
	verify_canon_begin(c, false);
	verify_canon_add(c, bytes, len);
	finish(c, out);
}

/* ------------------------------------------------------------ the changes */

unsigned verify_canon_explaining(enum job_long_lines rule)
{
	unsigned all = VERIFY_FEATURE_NO_LINE_END | VERIFY_FEATURE_LINE_ENDS |
		       VERIFY_FEATURE_NUL | VERIFY_FEATURE_EIGHT_BIT |
		       VERIFY_FEATURE_FROM_LINE;

	if (rule == JOB_LONG_LINES_TRUNCATE || rule == JOB_LONG_LINES_WRAP)
		all |= VERIFY_FEATURE_LONG_LINE;
	return all;
}

bool verify_canon_explain(const struct verify_digest *source,
    const struct verify_digest *target, enum job_long_lines rule,
    unsigned *kinds_out)
{
	unsigned all = verify_canon_explaining(rule);
	unsigned gone = source->features & ~target->features & all;
	// a server may drop some of them, or give others back than it got
	unsigned odd = (source->features | target->features) &
		       (unsigned)VERIFY_FEATURE_LINE_ENDS;

	*kinds_out = gone;
	if (memcmp(source->strict, target->strict, HASH_KEY_BYTES) == 0) {
		*kinds_out = gone & (unsigned)VERIFY_FEATURE_NO_LINE_END;
		return true;
	}
	unsigned kinds = gone | odd, breaking = VERIFY_FEATURE_LINE_ENDS;
	if (rule == JOB_LONG_LINES_WRAP)
		breaking |= VERIFY_FEATURE_LONG_LINE;
	if (memcmp(source->loose, target->loose, HASH_KEY_BYTES) != 0 &&
	    (!(kinds & breaking) ||
		memcmp(source->joined, target->joined, HASH_KEY_BYTES) != 0))
		return false;
	*kinds_out = kinds;
	return (*kinds_out & ~(unsigned)VERIFY_FEATURE_NO_LINE_END) != 0;
}
