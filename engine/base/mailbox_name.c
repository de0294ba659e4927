// SPDX-License-Identifier: MIT
#include "engine/base/mailbox_name.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/base/utf7.h"

enum {
	MARK_BYTES = 3, /* "..." */
	GROWTH = 5      /* at most: a digit is 6 bits, 16 become 12 bytes */
};

/* Copies whole characters, as many as there is room for. */
static void copy(const char *text, char *out, size_t max)
{
	size_t len = strlen(text);

	if (len >= max) {
		len = max - 1 - MARK_BYTES;
		while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
		memcpy(out + len, "...", MARK_BYTES);
		memcpy(out, text, len);
		len += MARK_BYTES;
	} else {
		memcpy(out, text, len);
	}
	out[len] = '\0';
}

const char *mailbox_name_show(const char *name, char *out, size_t max)
{
	char *decoded = utf7_try_decode(name, strlen(name));
	const char *text = decoded ? decoded : name;

	// a run may hold what is not to be shown; the rest was escaped before
	if (text_is_shown(text))
		copy(text, out, max);
	else
		(void)text_escape(text, strlen(text), out, max);
	free(decoded);
	return out;
}

char *mailbox_name_try_show(const char *name)
{
	size_t max = strlen(name) * GROWTH + MARK_BYTES + 1;
	char *out = mem_try_calloc(max, 1);

	if (out)
		(void)mailbox_name_show(name, out, max);
	return out;
}
