// SPDX-License-Identifier: MIT
#include "engine/imap/imap_quota.h"

enum {
	STORAGE_UNIT = 1024 /* bytes, in both RFCs */
};

static uint64_t left_of(const struct imap_quota_use *use)
{
	return use->used < use->limit ? use->limit - use->used : 0;
}

static void keep_tightest(
    struct imap_quota_use *kept, const struct imap_quota_use *use)
{
	if (use->is_given && (!kept->is_given || left_of(use) < left_of(kept)))
		*kept = *use;
}

static uint64_t times(uint64_t n, uint64_t unit)
{
	return n > UINT64_MAX / unit ? UINT64_MAX : n * unit;
}

static bool read_resource(struct imap_cursor *c, struct imap_quota *out)
{
	struct imap_str name;
	struct imap_quota_use use = {.is_given = true};

	if (!imap_atom(c, &name) || !imap_space(c) ||
	    !imap_number(c, &use.used) || !imap_space(c) ||
	    !imap_number(c, &use.limit))
		return false;
	if (imap_str_is(name, "STORAGE")) {
		use.used = times(use.used, STORAGE_UNIT);
		use.limit = times(use.limit, STORAGE_UNIT);
		// as good as none
		use.is_given = use.limit != UINT64_MAX;
		keep_tightest(&out->storage, &use);
	} else if (imap_str_is(name, "MESSAGE")) {
		keep_tightest(&out->count, &use);
	}
	return true;
}

bool imap_quota_add(struct imap_quota *q, struct imap_cursor rest)
{
	struct imap_quota found = *q;
	struct imap_str root;

	// an empty name is a root too
	if (!imap_astring(&rest, &root) || !imap_space(&rest) ||
	    !imap_char(&rest, '('))
		return false;
	(void)imap_space(&rest);
	while (!imap_char(&rest, ')')) {
		if (!read_resource(&rest, &found))
			return false;
		(void)imap_space(&rest);
	}
	*q = found;
	return true;
}
