// SPDX-License-Identifier: MIT
/* A message on its way: the same at any split and spooled; cut or repaired, it
 * keeps its key, has no line that is too long, and a comparison takes it for
 * what it was. The first byte chooses the rule of long lines and the split;
 * 0x0e and a byte stand for 64 letters as often as the byte says. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/sync/sync_message.h"
#include "engine/sync/sync_repair.h"
#include "engine/verify/verify_canon.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	SPOOLED_STEP = 5000,
	TEXT_BYTES_MAX = 20000 /* two long lines: more is only slow */
};

static void unfold(struct buf *out, const uint8_t *data, size_t size)
{
	static const char letters[] =
	    "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789";

	for (size_t i = 0; i < size; i++) {
		if (data[i] != 0x0e || i + 1 == size) {
			bug_if(buf_append(out, &data[i], 1) < 0);
			continue;
		}
		i++;
		for (unsigned n = 0; n < data[i] && out->len < TEXT_BYTES_MAX;
		     n++)
			bug_if(buf_append(out, letters, 64) < 0);
	}
	bug_if(buf_puts(out, "") < 0);
}

static struct sync_message *made(
    const struct buf *text, size_t step, bool spool, enum job_long_lines rule)
{
	struct error err;
	struct sync_message *m = sync_message_new(text->len, spool, rule, &err);

	bug_if(!m);
	for (size_t at = 0; at < text->len; at += step) {
		size_t n = text->len - at < step ? text->len - at : step;
		bug_if(sync_message_add(m, text->data + at, n, &err) < 0);
	}
	bug_if(sync_message_finish(m, &err) < 0);
	return m;
}

static char *bytes_of(const struct sync_message *m)
{
	char *bytes = mem_calloc(m->bytes + 1, 1);

	if (m->spool_fd < 0)
		memcpy(bytes, m->body, m->bytes);
	else
		bug_if(pread(m->spool_fd, bytes, m->bytes, 0) !=
		       (ssize_t)m->bytes);
	return bytes;
}

static struct verify_digest digest(
    const char *bytes, size_t len, size_t step, enum job_long_lines rule)
{
	struct verify_canon *c = verify_canon_new(rule);
	struct verify_digest d = {0};

	verify_canon_begin(c, true);
	for (size_t at = 0; at < len; at += step)
		verify_canon_add(
		    c, bytes + at, len - at < step ? len - at : step);
	verify_canon_end(c, &d);
	verify_canon_free(c);
	return d;
}

static void check_lines(const char *bytes, size_t len)
{
	while (len > 0) {
		const char *lf = memchr(bytes, '\n', len);
		bug_if(!lf);
		size_t n = (size_t)(lf - bytes);
		n -= n > 0 && lf[-1] == '\r';
		bug_if(n > SYNC_MESSAGE_LINE_MAX);
		len -= (size_t)(lf - bytes) + 1;
		bytes = lf + 1;
	}
}

static void check_explained(const struct buf *text, const char *bytes,
    size_t len, size_t step, enum job_long_lines rule)
{
	struct verify_digest was = digest(text->data, text->len, step, rule);
	struct verify_digest is = digest(bytes, len, len ? len : 1, rule);
	struct verify_digest same =
	    digest(text->data, text->len, text->len, rule);
	unsigned kinds;

	bug_if(memcmp(was.strict, same.strict, sizeof(was.strict)) != 0);
	bug_if(memcmp(was.loose, same.loose, sizeof(was.loose)) != 0);
	bug_if(memcmp(was.joined, same.joined, sizeof(was.joined)) != 0);
	bug_if(was.features != same.features || was.ident != same.ident);
	bug_if(!verify_canon_explain(&was, &is, rule, &kinds));
}

/* Another form has the same key, or was not taken. */
static void check_repaired(
    struct sync_message *m, const struct sync_key *key, unsigned what)
{
	struct sync_key again;
	struct error err;

	if (sync_message_repair(m, what, &err) != SYNC_MESSAGE_REPAIR_DONE)
		return;
	bug_if(sync_message_key(m, &again, &err) < 0);
	bug_if(memcmp(key, &again, sizeof(again)) != 0);
	char *bytes = bytes_of(m);
	if (what & SYNC_REPAIR_WRAP)
		check_lines(bytes, (size_t)m->bytes);
	free(bytes);
}

static void check_same(
    const struct sync_message *whole, const struct sync_message *other)
{
	struct sync_key key, same;
	struct error err;
	char *a = bytes_of(whole), *b = bytes_of(other);

	bug_if(whole->bytes != other->bytes);
	bug_if(memcmp(a, b, whole->bytes) != 0);
	bug_if(whole->long_lines != other->long_lines);
	bug_if(whole->line_end_added != other->line_end_added);
	bug_if(sync_message_key(whole, &key, &err) < 0);
	bug_if(sync_message_key(other, &same, &err) < 0);
	bug_if(memcmp(&key, &same, sizeof(key)) != 0);
	free(a);
	free(b);
}

static void check(const struct buf *text, size_t step, enum job_long_lines rule,
    unsigned what)
{
	struct sync_message *whole = made(text, text->len, false, rule);
	struct sync_message *split = made(text, step, false, rule);
	struct sync_message *spooled = made(text, SPOOLED_STEP, true, rule);
	struct sync_key key, original;
	struct error err;
	char *bytes = bytes_of(whole);

	check_same(whole, split);
	check_same(whole, spooled);
	bug_if(sync_message_key(whole, &key, &err) < 0);
	sync_identity_of_message(text->data, text->len, &original);
	bug_if(memcmp(&key, &original, sizeof(key)) != 0);
	if (rule == JOB_LONG_LINES_TRUNCATE)
		check_lines(bytes, (size_t)whole->bytes);
	check_explained(text, bytes, (size_t)whole->bytes, step, rule);
	check_repaired(whole, &key, what);
	check_repaired(spooled, &key, what);
	sync_message_free(whole);
	sync_message_free(split);
	sync_message_free(spooled);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t steps[] = {1, 2, 7, 1000};
	struct buf text;

	if (size < 2)
		return 0;
	buf_init(&text, SIZE_MAX / 2);
	unfold(&text, data + 1, size - 1);
	if (text.len > 0)
		check(&text, steps[data[0] >> 2 & 3],
		    (enum job_long_lines)(data[0] & 3), data[0] >> 4 & 3);
	buf_release(&text);
	return 0;
}
