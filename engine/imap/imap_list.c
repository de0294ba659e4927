// SPDX-License-Identifier: MIT
#include "engine/imap/imap_list.h"

#include "engine/base/mem.h"

/* A quoted single character, or NIL for a flat hierarchy. */
static bool delimiter(struct imap_cursor *c, char *out, bool *bad_out)
{
	struct imap_str s;

	if (!imap_nstring(c, &s))
		return false;
	*out = '\0';
	*bad_out = s.len > 1 || (s.len == 1 && (s.s[0] <= ' ' || s.s[0] > '~'));
	if (s.len == 1 && !*bad_out)
		*out = s.s[0];
	return true;
}

/* "NIL" in quotes is a name, the bare word is none (F059). */
static bool mailbox(struct imap_cursor *c, struct imap_str *out)
{
	if (imap_nstring(c, out))
		return out->s != NULL;
	return imap_atom(c, out);
}

static const char *const use_names[IMAP_USES] = {"\\All", "\\Archive",
    "\\Drafts", "\\Flagged", "\\Junk", "\\Sent", "\\Trash", "\\Important"};

const char *imap_list_use_name(unsigned n)
{
	bug_if(n >= IMAP_USES);
	return use_names[n];
}

static unsigned list_use(struct imap_str flag)
{
	for (unsigned n = 0; n < IMAP_USES; n++)
		if (imap_str_is(flag, use_names[n]))
			return 1U << n;
	return 0;
}

static unsigned list_flags(struct imap_str text, unsigned *uses)
{
	struct imap_cursor c = {text.s, text.s + text.len};
	struct imap_str flag;
	unsigned flags = 0;

	for (;;) {
		(void)imap_space(&c);
		if (!imap_atom(&c, &flag))
			return flags;
		if (imap_str_is(flag, "\\Noselect"))
			flags |= IMAP_LIST_NOSELECT;
		else if (imap_str_is(flag, "\\NonExistent"))
			flags |= IMAP_LIST_NOSELECT | IMAP_LIST_NONEXISTENT;
		else if (imap_str_is(flag, "\\Subscribed"))
			flags |= IMAP_LIST_SUBSCRIBED;
		else
			*uses |= list_use(flag);
	}
}

bool imap_list_parse(struct imap_cursor rest, struct imap_list *out)
{
	struct imap_str flags;

	*out = (struct imap_list){0};
	if (!imap_list_text(&rest, &flags) || !imap_space(&rest) ||
	    !delimiter(&rest, &out->separator, &out->is_bad_separator) ||
	    !imap_space(&rest) || !mailbox(&rest, &out->name))
		return false;
	out->flags = list_flags(flags, &out->uses);
	return true; // extended data behind the name is not ours
}

static bool status_item(
    struct imap_str name, uint64_t n, struct imap_status *out)
{
	bool fits = n <= UINT32_MAX;

	if (imap_str_is(name, "MESSAGES")) {
		out->has_messages = fits;
		out->messages = (uint32_t)n;
	} else if (imap_str_is(name, "UIDNEXT")) {
		out->has_uidnext = fits && n > 0;
		out->uidnext = (uint32_t)n;
	} else if (imap_str_is(name, "UIDVALIDITY")) {
		out->has_uidvalidity = fits && n > 0;
		out->uidvalidity = (uint32_t)n;
	} else if (imap_str_is(name, "SIZE")) {
		out->has_size = true;
		out->size = n;
		return true;
	} else if (imap_str_is(name, "HIGHESTMODSEQ")) {
		out->highestmodseq = n;
		return true;
	} else if (imap_str_is(name, "APPENDLIMIT")) {
		out->has_append_limit = true;
		out->append_limit = n;
		return true;
	} else {
		return true;
	}
	return fits;
}

bool imap_status_parse(struct imap_cursor rest, struct imap_status *out)
{
	*out = (struct imap_status){0};
	if (!imap_astring(&rest, &out->name) || !imap_space(&rest) ||
	    !imap_char(&rest, '('))
		return false;
	for (;;) {
		struct imap_str name;
		uint64_t n = 0;
		(void)imap_space(&rest);
		if (imap_char(&rest, ')'))
			return true;
		if (!imap_atom(&rest, &name) || !imap_space(&rest))
			return false;
		if (imap_number(&rest, &n)) {
			if (!status_item(name, n, out))
				return false;
		} else if (!imap_skip(&rest)) {
			return false;
		}
	}
}

/* One of the three lists: NIL or ((prefix sep ext...) ...). */
static bool namespace_list(struct imap_cursor *c, struct imap_namespace *out,
    size_t max, size_t *count)
{
	struct imap_str nil;

	if (!imap_char(c, '('))
		return imap_nstring(c, &nil) && !nil.s;
	while (!imap_char(c, ')')) {
		struct imap_namespace ns;
		bool is_bad = false;
		(void)imap_space(c);
		if (!imap_char(c, '(') || !imap_string(c, &ns.prefix) ||
		    !imap_space(c) || !delimiter(c, &ns.separator, &is_bad) ||
		    is_bad)
			return false;
		while (!imap_char(c, ')'))
			if (!imap_space(c) || !imap_skip(c))
				return false;
		if (*count < max)
			out[(*count)++] = ns;
	}
	return true;
}

bool imap_namespace_parse(struct imap_cursor rest, struct imap_namespaces *out)
{
	struct imap_namespace personal[1];
	size_t count = 0;

	*out = (struct imap_namespaces){0};
	if (!namespace_list(&rest, personal, 1, &count) || !imap_space(&rest))
		return false;
	out->has_personal = count > 0;
	if (count > 0)
		out->personal = personal[0];
	return namespace_list(&rest, out->foreign, ARRAY_LEN(out->foreign),
		   &out->foreign_count) &&
	       imap_space(&rest) &&
	       namespace_list(&rest, out->foreign, ARRAY_LEN(out->foreign),
		   &out->foreign_count);
}
