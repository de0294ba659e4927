// SPDX-License-Identifier: MIT
#include "engine/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/text.h"

static const char *const kind_names[] = {"none", "io", "timeout", "tls", "auth",
    "protocol", "refused", "quota", "deferred", "limit", "config", "usage",
    "local", "interrupted", "internal"};
_Static_assert(sizeof(kind_names) / sizeof(kind_names[0]) == ERROR_KINDS,
    "a name for every kind");

const char *error_kind_name(enum error_kind kind)
{
	return kind_names[kind];
}

enum error_kind error_kind_of_file(int number)
{
	bool is_ours = number == EMFILE || number == ENFILE ||
		       number == ENOMEM || number == EIO;

	return is_ours ? ERROR_OS : ERROR_CONFIG;
}

void error_clear(struct error *err)
{
	*err = (struct error){.kind = ERROR_NONE};
}

static void fill(struct error *err, enum error_kind kind, const char *reason)
{
	err->kind = kind;
	err->scope = ERROR_SCOPE_ACCOUNT;
	err->retry = kind == ERROR_IO || kind == ERROR_TIMEOUT
			 ? ERROR_RETRY_LATER
			 : ERROR_RETRY_NEVER;
	err->wait_ms = 0;
	(void)snprintf(err->reason, sizeof(err->reason), "%s", reason);
}

int error_set(struct error *err, enum error_kind kind, const char *reason,
    const char *format, ...)
{
	va_list args;

	fill(err, kind, reason);
	va_start(args, format);
	(void)vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	text_make_shown(err->text, sizeof(err->text));
	return -1;
}

int error_set_errno(struct error *err, enum error_kind kind, const char *reason,
    const char *format, ...)
{
	int saved = errno;
	char os_text[96];
	va_list args;

	fill(err, kind, reason);
	va_start(args, format);
	(void)vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	size_t len = strlen(err->text);
	(void)snprintf(err->text + len, sizeof(err->text) - len, ": %s",
	    text_errno(saved, os_text, sizeof(os_text)));
	text_make_shown(err->text, sizeof(err->text));
	errno = saved;
	return -1;
}

int error_prefix(struct error *err, const char *format, ...)
{
	char text[ERROR_TEXT_BYTES];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	size_t len = strlen(text), room = sizeof(text) - len;
	if (room > 3) { // what does not fit is cut
		size_t old = strlen(err->text);
		memcpy(text + len, ": ", 2);
		if (old > room - 3)
			old = room - 3;
		memcpy(text + len + 2, err->text, old);
		text[len + 2 + old] = '\0';
	}
	memcpy(err->text, text, sizeof(text));
	return -1;
}
