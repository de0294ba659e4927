// SPDX-License-Identifier: MIT
#include "engine/sync/sync_names.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/base/utf7.h"
#include "engine/contract/job.h"

enum {
	INBOX_LEN = 5
};

/* Which ends of a name a piece of it forms. */
enum {
	AT_START = 1,
	AT_END = 2
};

bool sync_names_is_inbox(const char *name)
{
	return strcasecmp(name, "INBOX") == 0;
}

/* A first level that is INBOX in any spelling. */
static size_t inbox_level(const char *name, char separator)
{
	if (strncasecmp(name, "INBOX", INBOX_LEN) != 0)
		return 0;
	if (name[INBOX_LEN] == '\0' ||
	    (separator && name[INBOX_LEN] == separator))
		return INBOX_LEN;
	return 0;
}

bool sync_names_begins(const char *name, const char *prefix)
{
	size_t len = strlen(prefix), same = 0;

	if (len > INBOX_LEN && inbox_level(prefix, prefix[INBOX_LEN]))
		same = strncasecmp(name, prefix, INBOX_LEN) ? 0 : INBOX_LEN;
	return strncmp(name + same, prefix + same, len - same) == 0;
}

const char *sync_names_plain(const char *source, const struct sync_naming *from,
    const struct job_options *options)
{
	const char *prefix = options->source_prefix;
	size_t len = strlen(from->prefix);

	if (sync_names_is_inbox(source))
		return source;
	if (prefix && prefix[0] && sync_names_begins(source, prefix))
		return source + strlen(prefix);
	if (len > 0 && strncasecmp(source, from->prefix, len) == 0)
		return source + len;
	return source;
}

/* --------------------------------------------------------------- notes */

static void apply_notes_at_start(char *name)
{
	if (name[0] == '.' || name[0] == '~')
		name[0] = '_';
	for (char *p = name; *p == ' '; p++)
		*p = '_';
}

static void apply_notes_at_end(char *name, char separator)
{
	static const char *const endings[] = {".mbox", ".mdir", ".mslc"};
	size_t len = strlen(name), end = len;

	while (end > 0 && name[end - 1] == ' ')
		name[--end] = '_';
	for (size_t i = 0; separator != '.' && i < ARRAY_LEN(endings); i++) {
		size_t n = strlen(endings[i]);
		if (len >= n && strcmp(name + len - n, endings[i]) == 0)
			name[len - n] = '-';
	}
}

/* The notes of the guide, in place; what parts levels is no part of a name. */
static void apply_notes(char *name, char separator, unsigned ends)
{
	if (ends & AT_START)
		apply_notes_at_start(name);
	for (char *p = name; *p; p++) {
		if (*p == separator)
			continue;
		if (*p == '\\' || *p == '#')
			*p = '_';
		else if (*p == '"')
			*p = '\'';
	}
	if (ends & AT_END)
		apply_notes_at_end(name, separator);
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

	if (utf7_is_valid(name, len))
		return name;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			name[i] = '_';
	char *encoded = utf7_encode(name, len);
	if (!encoded) {
		for (size_t i = 0; i < len; i++)
			if ((unsigned char)name[i] >= 0x80)
				name[i] = '_';
		encoded = utf7_encode(name, len);
	}
	bug_if(!encoded); // it is printable ASCII by now
	free(name);
	return encoded;
}

/* Of the source's name, all or a piece, to the target's rules; owns `name`. */
static char *translate(char *name, const struct sync_naming *from,
    const struct sync_naming *to, unsigned ends)
{
	apply_notes(name, from->separator, ends);
	translate_separator(name, from->separator, to->separator);
	return repair(name);
}

/* ------------------------------------------------------------- renames */

/* Is the first level of the pattern INBOX, or all that is known of it? */
static bool begins_with_inbox(const char *pattern, char separator)
{
	return inbox_level(pattern, separator) > 0 ||
	       (strncasecmp(pattern, "INBOX", INBOX_LEN) == 0 &&
		   strchr("*?", pattern[INBOX_LEN]));
}

bool sync_names_match(const char *pattern, const char *name, char separator)
{
	if (text_wildcard(pattern, name))
		return true;
	return inbox_level(name, separator) > 0 &&
	       begins_with_inbox(pattern, separator) &&
	       text_wildcard(pattern + INBOX_LEN, name + INBOX_LEN);
}

static bool is_at(const char *text, size_t len, const char *name)
{
	for (size_t i = 0; i < len; i++)
		if (!name[i] || (text[i] != '?' && text[i] != name[i]))
			return false;
	return true;
}

/* What the first `*` of a pattern that matches stands for, as short as it can
 * be; NULL when it has none. */
static char *captured(const char *pattern, const char *name)
{
	const char *next = strchr(pattern, '*');

	if (!next)
		return NULL;
	size_t head = (size_t)(next - pattern);
	next += strspn(next, "*");
	size_t text = strcspn(next, "*");
	size_t end = strlen(name) - text;
	if (next[text] != '\0')
		for (end = head; name[end] && !is_at(next, text, name + end);)
			end++;
	bug_if(end < head); // the pattern matches
	return mem_strndup(name + head, end - head);
}

/* As UTF-8: two encoded runs that come to touch must become one. Owns it. */
static char *as_text(char *name)
{
	name = repair(name);
	char *text = utf7_decode(name, strlen(name));

	bug_if(!text); // it is valid by now
	free(name);
	return text;
}

/* The new name of a rule, with its first `*` filled in. */
static char *expand(const struct job_rename *rule, const char *original,
    const struct sync_naming *from, const struct sync_naming *to)
{
	const char *star = strchr(rule->to, '*');
	char *piece = star ? captured(rule->from, original) : NULL;

	if (!piece)
		return repair(mem_strdup(rule->to));
	piece = translate(piece, from, to,
	    (star == rule->to ? AT_START : 0u) | (star[1] ? 0u : AT_END));
	char *head = as_text(mem_strndup(rule->to, (size_t)(star - rule->to)));
	char *tail = as_text(mem_strdup(star + 1));
	piece = as_text(piece);
	char *text = mem_printf("%s%s%s", head, piece, tail);
	char *name = utf7_encode(text, strlen(text));
	bug_if(!name); // made of what was decoded
	free(head);
	free(piece);
	free(tail);
	free(text);
	return name;
}

/* By the first rule that matches; NULL: none does. */
static char *renamed(const char *listed, const char *plain,
    const struct sync_naming *from, const struct sync_naming *to,
    const struct job_options *options)
{
	for (size_t i = 0; i < options->rename_mailboxes; i++) {
		const struct job_rename *rule = &options->rename_mailbox[i];
		if (sync_names_match(rule->from, plain, from->separator))
			return expand(rule, plain, from, to);
		if (sync_names_match(rule->from, listed, from->separator))
			return expand(rule, listed, from, to);
	}
	return NULL;
}

/* ------------------------------------------------------------- mapping */

/* With the target's prefix before it; owns `name`. */
static char *put_prefix(
    char *name, const struct sync_naming *to, const struct job_options *options)
{
	const char *prefix = options->target_prefix;
	size_t inbox = inbox_level(name, to->separator);

	// the personal namespace asked for by name is what we have without
	if (!prefix || !prefix[0] || strcmp(prefix, to->prefix) == 0) {
		prefix = to->prefix;
		// "INBOX." before "INBOX.x" would double it
		if (sync_names_is_inbox(name) ||
		    (inbox > 0 && strncasecmp(prefix, "INBOX", INBOX_LEN) == 0))
			prefix = "";
	}
	if (inbox > 0)
		memcpy(name, "INBOX", INBOX_LEN);
	char *full = mem_printf("%s%s", prefix, name);
	free(name);
	return full;
}

char *sync_names_map(const char *source, const struct sync_naming *from,
    const struct sync_naming *to, const struct job_options *options)
{
	const char *plain = sync_names_plain(source, from, options);
	char *name = renamed(source, plain, from, to, options);

	if (!name) {
		bool is_asked =
		    options->source_prefix && options->source_prefix[0] &&
		    sync_names_begins(source, options->source_prefix);
		// "INBOX.INBOX" is not the INBOX
		if (plain != source && sync_names_is_inbox(plain) && !is_asked)
			return NULL;
		name =
		    translate(mem_strdup(plain), from, to, AT_START | AT_END);
	}
	if (name[0] == '\0') {
		free(name);
		return NULL;
	}
	return put_prefix(name, to, options);
}
