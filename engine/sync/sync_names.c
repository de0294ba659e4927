// SPDX-License-Identifier: MIT
#include "engine/sync/sync_names.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/base/mem.h"
#include "engine/imap/imap_utf7.h"

bool sync_names_is_inbox(const char *name)
{
	return strcasecmp(name, "INBOX") == 0;
}

/* The notes of the guide, on the whole name, in place; what parts levels is no
 * part of a name. */
static void apply_notes(char *name, char separator)
{
	static const char *const endings[] = {".mbox", ".mdir", ".mslc"};
	size_t len = strlen(name), end = len;

	if (name[0] == '.' || name[0] == '~')
		name[0] = '_';
	for (size_t i = 0; i < len && name[i] == ' '; i++)
		name[i] = '_';
	while (end > 0 && name[end - 1] == ' ')
		name[--end] = '_';
	for (size_t i = 0; i < len; i++) {
		if (name[i] == separator)
			continue;
		if (name[i] == '\\' || name[i] == '#')
			name[i] = '_';
		else if (name[i] == '"')
			name[i] = '\'';
	}
	for (size_t i = 0; separator != '.' && i < ARRAY_LEN(endings); i++) {
		size_t n = strlen(endings[i]);
		if (len >= n && strcmp(name + len - n, endings[i]) == 0)
			name[len - n] = '-';
	}
}

/* Separators: ours inside a level would make a level of its own. */
static void translate_separator(char *name, char from, char to)
{
	if (from == to || to == '\0')
		return;
	for (char *p = name; *p; p++) {
		if (from != '\0' && *p == from)
			*p = to;
		else if (*p == to)
			*p = '_';
	}
}

/* Raw 8-bit or broken names become valid ones. */
static char *repair(char *name)
{
	size_t len = strlen(name);

	if (imap_utf7_is_valid(name, len))
		return name;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			name[i] = '_';
	char *encoded = imap_utf7_encode(name, len);
	if (!encoded) {
		for (size_t i = 0; i < len; i++)
			if ((unsigned char)name[i] >= 0x80)
				name[i] = '_';
		encoded = imap_utf7_encode(name, len);
	}
	free(name);
	return encoded;
}

/* Without the personal namespace; INBOX and what is below it stay. */
static const char *strip_prefix(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);

	if (len > 0 && strncasecmp(name, prefix, len) == 0)
		return name + len;
	return name;
}

/* A first level that is INBOX in any spelling. */
static size_t inbox_level(const char *name, char separator)
{
	size_t n = strlen("INBOX");

	if (strncasecmp(name, "INBOX", n) != 0)
		return 0;
	if (name[n] == '\0' || (separator && name[n] == separator))
		return n;
	return 0;
}

char *sync_names_map(const char *source, const struct sync_naming *from,
    const struct sync_naming *to)
{
	if (sync_names_is_inbox(source))
		return mem_strdup("INBOX");
	char *name = mem_strdup(strip_prefix(source, from->prefix));
	apply_notes(name, from->separator);
	translate_separator(name, from->separator, to->separator);
	name = repair(name);
	if (!name || name[0] == '\0' || sync_names_is_inbox(name)) {
		free(name);
		return NULL;
	}
	size_t inbox = inbox_level(name, to->separator);
	if (inbox > 0)
		memcpy(name, "INBOX", inbox);
	// "INBOX." before "INBOX.x" would double it
	if (inbox > 0 && strncasecmp(to->prefix, "INBOX", 5) == 0)
		return name;
	char *full = mem_printf("%s%s", to->prefix, name);
	free(name);
	return full;
}
