// SPDX-License-Identifier: MIT
#include "engine/imap/imap_vendor.h"

#include <string.h>

enum {
	NUMBER_DIGITS_MAX = 4
};

struct text {
	const char *at, *end;
};

static bool take(struct text *t, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(t->end - t->at) < len || memcmp(t->at, word, len) != 0)
		return false;
	t->at += len;
	return true;
}

static bool take_number(struct text *t, unsigned *out)
{
	const char *from = t->at;
	unsigned value = 0;

	while (t->at < t->end && *t->at >= '0' && *t->at <= '9') {
		if (t->at - from == NUMBER_DIGITS_MAX)
			return false;
		value = value * 10 + (unsigned)(*t->at++ - '0');
	}
	*out = value;
	return t->at > from;
}

/* The version ends here. */
static bool at_blank(const struct text *t)
{
	return t->at == t->end || *t->at == ' ' || *t->at == '\r' ||
	       *t->at == '\n';
}

/* "c5", "b2", "c.1" of a version that is not one of three numbers. */
static bool take_letter(struct text *t)
{
	unsigned number;

	if (!take(t, "c") && !take(t, "b"))
		return false;
	(void)take(t, ".");
	return take_number(t, &number) && at_blank(t);
}

static bool take_version(struct text *t, struct imap_vendor *v)
{
	if (!take_number(t, &v->major) || !take(t, ".") ||
	    !take_number(t, &v->minor))
		return false;
	v->patch = 0;
	if (at_blank(t) || take_letter(t))
		return true;
	return take(t, ".") && take_number(t, &v->patch) && at_blank(t);
}

/* "[CAPABILITY ...] " in front of the words. */
static void skip_code(struct text *t)
{
	const char *close;

	if (t->at == t->end || *t->at != '[')
		return;
	close = memchr(t->at, ']', (size_t)(t->end - t->at));
	if (!close)
		return;
	t->at = close + 1;
	(void)take(t, " ");
}

void imap_vendor_parse(struct imap_vendor *v, const char *greeting, size_t len)
{
	struct text t = {greeting, greeting + len};

	*v = (struct imap_vendor){0};
	if (!take(&t, "* OK ") && !take(&t, "* PREAUTH "))
		return;
	skip_code(&t);
	// exactly so, and where the name stands: a server that only talks about
	// CommuniGate is another one
	v->is_communigate =
	    take(&t, "CommuniGate Pro IMAP Server") && at_blank(&t);
	if (!v->is_communigate || !take(&t, " "))
		return;
	v->has_version = take_version(&t, v);
	if (!v->has_version)
		v->major = v->minor = v->patch = 0;
}

bool imap_vendor_at_least(
    const struct imap_vendor *v, unsigned major, unsigned minor, unsigned patch)
{
	if (!v->is_communigate || !v->has_version)
		return false;
	if (v->major != major)
		return v->major > major;
	if (v->minor != minor)
		return v->minor > minor;
	return v->patch >= patch;
}
