// SPDX-License-Identifier: MIT
#include "engine/imap/imap_reader.h"

#include <string.h>
#include <strings.h>

#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"

enum reader_state {
	STATE_LINE,
	STATE_KEEP,
	STATE_BODY
};

const struct imap_reader_limits imap_reader_default_limits = {
    .response_max = (size_t)1024 * 1024,
    .keep_max = (size_t)64 * 1024,
    .drop_max = UINT64_C(64) * 1024 * 1024,
    .literal_max = UINT64_C(1) << 40,
};

void imap_reader_init(
    struct imap_reader *r, const struct imap_reader_limits *limits)
{
	*r = (struct imap_reader){.limits = *limits};
	buf_init(&r->response, limits->response_max);
}

void imap_reader_release(struct imap_reader *r)
{
	buf_release(&r->response);
}

void imap_reader_reset(struct imap_reader *r)
{
	buf_reset(&r->response);
	r->state = STATE_LINE;
	r->line_at = 0;
	r->left = 0;
	r->keep_left = 0;
	r->deliver = false;
}

static enum imap_reader_event too_long(struct error *err)
{
	(void)error_set(err, ERROR_LIMIT, "proto.limit",
	    "the server sent a response that is too long");
	return IMAP_READER_ERROR;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Status responses end in free text, which may look like a literal. */
static bool may_hold_literals(const char *response, size_t len)
{
	static const char *const texts[] = {
	    "OK", "NO", "BAD", "BYE", "PREAUTH"};

	if (len == 0 || response[0] != '*')
		return false;
	const char *word = response + 1, *end = response + len;
	while (word < end && is_blank(*word))
		word++;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		size_t n = strlen(texts[i]);
		if ((size_t)(end - word) >= n &&
		    strncasecmp(word, texts[i], n) == 0 &&
		    (word + n == end || is_blank(word[n])))
			return false;
	}
	return true;
}

/* If the line ends in {n} or ~{n}: 1 with its size and where it starts, else
 * 0; -1 for a number that no literal can have. */
static int literal_at_end(const char *line, size_t len, uint64_t max,
    uint64_t *size_out, size_t *start_out)
{
	if (len < 3 || line[len - 1] != '}')
		return 0;
	size_t i = len - 1;
	while (i > 0 && line[i - 1] >= '0' && line[i - 1] <= '9')
		i--;
	if (i == 0 || i == len - 1 || line[i - 1] != '{')
		return 0;
	*start_out = i - 1;
	if (i >= 2 && line[i - 2] == '~')
		*start_out = i - 2;
	if (!text_parse_u64(line + i, len - 1 - i, max, size_out))
		return -1;
	return 1;
}

/* Does the line's part before a literal end in the name of a body? */
static bool is_body(const char *line, size_t len)
{
	static const char name[] = "BODY[]";
	size_t n = sizeof(name) - 1, end = len;

	while (end > 0 && is_blank(line[end - 1]))
		end--;
	return end < len && end > n &&
	       strncasecmp(line + end - n, name, n) == 0 &&
	       (is_blank(line[end - n - 1]) || line[end - n - 1] == '(');
}

static int put_marker(struct imap_reader *r, char kind, uint64_t len)
{
	char marker[IMAP_READER_MARKER_BYTES] = {'\0', kind};

	memcpy(marker + 2, &len, sizeof(len));
	return buf_append(&r->response, marker, sizeof(marker));
}

/* The response's present line is complete up to its line end. */
static enum imap_reader_event end_of_line(
    struct imap_reader *r, struct error *err)
{
	struct buf *b = &r->response;
	uint64_t size = 0;
	size_t start = 0;

	while (b->len > r->line_at && b->data[b->len - 1] == '\r')
		b->data[--b->len] = '\0';
	int found =
	    may_hold_literals(b->data, b->len)
		? literal_at_end(b->data + r->line_at, b->len - r->line_at,
		      r->limits.literal_max, &size, &start)
		: 0;
	if (found == 0) {
		r->deliver = true;
		return IMAP_READER_RESPONSE;
	}
	bool body = found > 0 && is_body(b->data + r->line_at, start);
	if (found < 0 || (!body && size > r->limits.drop_max)) {
		(void)error_set(err, ERROR_LIMIT, "proto.limit",
		    "the server announced a literal of impossible size");
		return IMAP_READER_ERROR;
	}
	b->len = r->line_at + start;
	b->data[b->len] = '\0';
	r->left = size;
	if (body) {
		r->state = STATE_BODY;
		r->body_bytes = size;
		if (put_marker(r, IMAP_READER_STREAMED, size) < 0)
			return too_long(err);
		return IMAP_READER_BODY_BEGIN;
	}
	r->keep_left =
	    size < r->limits.keep_max ? (size_t)size : r->limits.keep_max;
	r->state = STATE_KEEP;
	if (put_marker(r, IMAP_READER_KEPT, r->keep_left) < 0)
		return too_long(err);
	return IMAP_READER_MORE;
}

static enum imap_reader_event take_line(
    struct imap_reader *r, const char **input, size_t *len, struct error *err)
{
	const char *end = memchr(*input, '\n', *len);
	size_t n = end ? (size_t)(end - *input) : *len;

	if (memchr(*input, '\0', n)) {
		(void)error_set(err, ERROR_PROTOCOL, "proto.syntax",
		    "the server sent a NUL outside a literal");
		return IMAP_READER_ERROR;
	}
	if (buf_append(&r->response, *input, n) < 0)
		return too_long(err);
	*input += n + (end ? 1 : 0);
	*len -= n + (end ? 1 : 0);
	return end ? end_of_line(r, err) : IMAP_READER_MORE;
}

static enum imap_reader_event take_kept(
    struct imap_reader *r, const char **input, size_t *len, struct error *err)
{
	size_t n = r->left < *len ? (size_t)r->left : *len;
	size_t keep = n < r->keep_left ? n : r->keep_left;

	if (buf_append(&r->response, *input, keep) < 0)
		return too_long(err);
	r->keep_left -= keep;
	r->left -= n;
	*input += n;
	*len -= n;
	if (r->left == 0) {
		r->state = STATE_LINE;
		r->line_at = r->response.len;
	}
	return IMAP_READER_MORE;
}

static enum imap_reader_event take_body(
    struct imap_reader *r, const char **input, size_t *len)
{
	if (r->left == 0) {
		r->state = STATE_LINE;
		r->line_at = r->response.len;
		return IMAP_READER_BODY_END;
	}
	r->data = *input;
	r->data_len = r->left < *len ? (size_t)r->left : *len;
	r->left -= r->data_len;
	*input += r->data_len;
	*len -= r->data_len;
	return IMAP_READER_BODY_DATA;
}

enum imap_reader_event imap_reader_next(
    struct imap_reader *r, const char **input, size_t *len, struct error *err)
{
	if (r->deliver)
		imap_reader_reset(r);
	for (;;) {
		enum imap_reader_event event = IMAP_READER_MORE;
		bool empty_literal = r->state != STATE_LINE && r->left == 0;
		if (*len == 0 && !empty_literal)
			return IMAP_READER_MORE;
		if (r->state == STATE_LINE)
			event = take_line(r, input, len, err);
		else if (r->state == STATE_KEEP)
			event = take_kept(r, input, len, err);
		else
			return take_body(r, input, len);
		if (event != IMAP_READER_MORE)
			return event;
	}
}
