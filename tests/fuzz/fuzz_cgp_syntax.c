// SPDX-License-Identifier: MIT
/* What is read, written in plain form, reads the same; the list of mailboxes
 * takes everything; replies do not depend on the split. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/cgp/cgp_classes.h"
#include "engine/cgp/cgp_reply.h"
#include "engine/cgp/cgp_syntax.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Writes the value again; false when it is broken. */
static bool rewrite(const char *bytes, size_t len, struct buf *out)
{
	char *copy = mem_alloc(len ? len : 1);
	char close[CGP_SYNTAX_DEPTH_MAX];
	struct cgp_syntax r;
	enum cgp_syntax_event e;
	unsigned depth = 0;

	memcpy(copy, bytes, len);
	cgp_syntax_init(&r, copy, len);
	while ((e = cgp_syntax_next(&r)) != CGP_SYNTAX_END &&
	       e != CGP_SYNTAX_ERROR) {
		bool opens =
		    e == CGP_SYNTAX_DICTIONARY || e == CGP_SYNTAX_ARRAY;
		if (opens)
			close[depth++] = e == CGP_SYNTAX_ARRAY ? ')' : '}';
		else if (e == CGP_SYNTAX_CLOSE)
			bug_if(buf_append(out, &close[--depth], 1) < 0);
		else
			bug_if(cgp_syntax_quote(out, r.s, r.len) < 0);
		bug_if(r.depth != depth);
		if (opens)
			bug_if(buf_puts(
				   out, e == CGP_SYNTAX_ARRAY ? "(" : "{") < 0);
		else if (e == CGP_SYNTAX_KEY)
			bug_if(buf_puts(out, "=") < 0);
		else if (depth > 0 && close[depth - 1] == '}')
			bug_if(buf_puts(out, ";") < 0);
		else if (depth > 0)
			bug_if(buf_puts(out, ",") < 0);
	}
	free(copy);
	return e == CGP_SYNTAX_END;
}

/* "(a,)" is no array: a comma before a bracket goes, but not one in quotes. */
static void drop_commas(struct buf *b)
{
	size_t to = 0;
	bool quoted = false;

	for (size_t i = 0; i < b->len; i++) {
		char c = b->data[i];
		if (quoted && c == '\\') {
			b->data[to++] = c;
			c = b->data[++i];
		} else if (c == '"') {
			quoted = !quoted;
		} else if (!quoted && c == ')' && b->data[to - 1] == ',') {
			to--;
		}
		b->data[to++] = c;
	}
	b->len = to;
}

static void replies(const char *at, size_t left, size_t step, struct buf *out)
{
	struct cgp_reply r;
	struct error err;
	size_t piece = 0;
	int rc = 0;

	cgp_reply_init(&r, 64);
	while (rc >= 0 && piece + left > 0) {
		if (rc == 0) {
			piece = left < step ? left : step;
			left -= piece;
		}
		rc = cgp_reply_feed(&r, &at, &piece, &err);
		if (rc > 0)
			bug_if(buf_printf(out, "%u %s|", r.code, r.text) < 0);
	}
	cgp_reply_release(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *input = (const char *)data;
	struct buf once, twice;
	struct cgp_classes classes;
	struct error err;

	buf_init(&once, SIZE_MAX / 2);
	buf_init(&twice, SIZE_MAX / 2);
	if (rewrite(input, size, &once)) {
		drop_commas(&once);
		bug_if(!rewrite(once.data, once.len, &twice));
		drop_commas(&twice);
		bug_if(once.len != twice.len);
		bug_if(memcmp(once.data, twice.data, once.len) != 0);
	}
	char *copy = mem_alloc(size ? size : 1);
	memcpy(copy, input, size);
	cgp_classes_init(&classes);
	bug_if(cgp_classes_parse(&classes, copy, size, &err) < 0 &&
	       classes.count > 0);
	cgp_classes_release(&classes);
	free(copy);
	buf_reset(&once);
	buf_reset(&twice);
	replies(input, size, size, &once);
	replies(input, size, size ? data[0] % 7U + 1 : 1, &twice);
	bug_if(once.len != twice.len);
	bug_if(memcmp(once.data, twice.data, once.len) != 0);
	buf_release(&once);
	buf_release(&twice);
	return 0;
}
