// SPDX-License-Identifier: MIT
#include "config/input.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/plan_diag.h"
#include "engine/base/error.h"
#include "engine/base/fd.h"

static void skip_bom(struct input *in)
{
	if (in->len >= 3 && memcmp(in->text, "\xef\xbb\xbf", 3) == 0) {
		in->text += 3;
		in->len -= 3;
	}
}

int input_read(struct input *in, const char *path, struct error *err)
{
	struct stat st;

	*in = (struct input){.name = path};
	in->store = fd_read_file(path, INPUT_MAX_BYTES, &in->store_len, err);
	if (!in->store) {
		in->missing = access(path, F_OK) != 0;
		return -1;
	}
	// the mode is advice to the owner, so a swapped file is no concern
	in->exposed = stat(path, &st) == 0 && (st.st_mode & 077) != 0;
	in->text = in->store;
	in->len = in->store_len;
	skip_bom(in);
	return 0;
}

void input_borrow(
    struct input *in, const char *name, const char *bytes, size_t len)
{
	*in = (struct input){
	    .name = name, .text = bytes ? bytes : "", .len = bytes ? len : 0};
	skip_bom(in);
}

void input_release(struct input *in)
{
	if (in->store) {
		explicit_bzero(in->store, in->store_len);
		free(in->store);
	}
	*in = (struct input){0};
}

/* Length of a valid sequence of two to four bytes, or 0. */
static size_t sequence(const unsigned char *p, size_t left, uint32_t *c_out)
{
	size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	uint32_t c = p[0] & (0xffU >> (n + 1));

	if (p[0] < 0xc2 || p[0] > 0xf4 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fU);
	}
	if ((n == 3 && c < 0x800) || (n == 4 && (c < 0x10000 || c > 0x10ffff)))
		return 0;
	if (c >= 0xd800 && c <= 0xdfff)
		return 0;
	*c_out = c;
	return n;
}

/* What is wrong with a character, or NULL. YAML 1.1 breaks lines at three of
 * these, editors do not: places would go astray. */
static const char *refused(uint32_t c)
{
	if (c == 0)
		return "a NUL byte";
	if (c < 0x20 || c == 0x7f || (c >= 0x80 && c < 0xa0))
		return "a control character";
	if (c == 0x2028 || c == 0x2029)
		return "an invisible line separator";
	if (c == 0xfeff)
		return "a byte order mark inside the text";
	if (c == 0xfffe || c == 0xffff)
		return "a character that Unicode reserves";
	return NULL;
}

static bool report(const struct input *in, struct plan_diag *diag, size_t at,
    unsigned line, size_t line_start, const char *what)
{
	struct plan_place place = {in->name, line,
	    input_characters(in->text + line_start, at - line_start) + 1};

	// bytes around may be a secret in a strange encoding
	plan_diag_hide_line(diag, place);
	plan_diag_add(diag, "E0002", place, 1,
	    "plans and accounts files are UTF-8 text with LF or CRLF line ends",
	    "%s is not allowed here", what);
	return false;
}

bool input_check(const struct input *in, struct plan_diag *diag)
{
	const unsigned char *p = (const unsigned char *)in->text;
	size_t line_start = 0;
	unsigned line = 1;

	if (in->len >= 2 &&
	    (memcmp(p, "\xff\xfe", 2) == 0 || memcmp(p, "\xfe\xff", 2) == 0))
		return report(in, diag, 0, 1, 0, "UTF-16");
	for (size_t i = 0; i < in->len;) {
		uint32_t c = p[i];
		size_t n = 1;
		if (c == '\n') {
			line++;
			line_start = i + 1;
		} else if (c >= 0x80 &&
			   !(n = sequence(p + i, in->len - i, &c))) {
			return report(in, diag, i, line, line_start,
			    "a byte that is not UTF-8");
		} else if (c != '\t' && (c != '\r' || i + 1 == in->len ||
					    p[i + 1] != '\n')) {
			const char *what = refused(c);
			if (what)
				return report(
				    in, diag, i, line, line_start, what);
		}
		i += n;
	}
	return true;
}

const char *input_line(
    const char *text, size_t len, unsigned line, size_t *line_len_out)
{
	const char *p = text, *end = text + len;

	if (line == 0)
		return NULL;
	for (unsigned i = 1; i < line; i++) {
		p = memchr(p, '\n', (size_t)(end - p));
		if (!p)
			return NULL;
		p++;
	}
	const char *stop = memchr(p, '\n', (size_t)(end - p));
	if (!stop)
		stop = end;
	if (stop > p && stop[-1] == '\r')
		stop--;
	*line_len_out = (size_t)(stop - p);
	return p;
}

unsigned input_characters(const char *bytes, size_t len)
{
	unsigned n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)bytes[i] & 0xc0) != 0x80;
	return n;
}
