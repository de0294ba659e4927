// SPDX-License-Identifier: MIT
#include "engine/imap/imap_caps.h"

#include <assert.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/imap/imap_acl.h"

static const char *const names[] = {
    [IMAP_CAP_IMAP4REV1] = "IMAP4rev1",
    [IMAP_CAP_IMAP4REV2] = "IMAP4rev2",
    [IMAP_CAP_STARTTLS] = "STARTTLS",
    [IMAP_CAP_LOGINDISABLED] = "LOGINDISABLED",
    [IMAP_CAP_AUTH_PLAIN] = "AUTH=PLAIN",
    [IMAP_CAP_AUTH_CRAM_MD5] = "AUTH=CRAM-MD5",
    [IMAP_CAP_AUTH_SCRAM_SHA_1] = "AUTH=SCRAM-SHA-1",
    [IMAP_CAP_AUTH_SCRAM_SHA_256] = "AUTH=SCRAM-SHA-256",
    [IMAP_CAP_AUTH_XOAUTH2] = "AUTH=XOAUTH2",
    [IMAP_CAP_AUTH_OAUTHBEARER] = "AUTH=OAUTHBEARER",
    [IMAP_CAP_AUTH_EXTERNAL] = "AUTH=EXTERNAL",
    [IMAP_CAP_SASL_IR] = "SASL-IR",
    [IMAP_CAP_LITERAL_PLUS] = "LITERAL+",
    [IMAP_CAP_LITERAL_MINUS] = "LITERAL-",
    [IMAP_CAP_MULTIAPPEND] = "MULTIAPPEND",
    [IMAP_CAP_UIDPLUS] = "UIDPLUS",
    [IMAP_CAP_NAMESPACE] = "NAMESPACE",
    [IMAP_CAP_LIST_EXTENDED] = "LIST-EXTENDED",
    [IMAP_CAP_LIST_STATUS] = "LIST-STATUS",
    [IMAP_CAP_STATUS_SIZE] = "STATUS=SIZE",
    [IMAP_CAP_SPECIAL_USE] = "SPECIAL-USE",
    [IMAP_CAP_CREATE_SPECIAL_USE] = "CREATE-SPECIAL-USE",
    [IMAP_CAP_ACL] = "ACL",
    [IMAP_CAP_RIGHTS] = "RIGHTS",
    [IMAP_CAP_METADATA] = "METADATA",
    [IMAP_CAP_CONDSTORE] = "CONDSTORE",
    [IMAP_CAP_ESEARCH] = "ESEARCH",
    [IMAP_CAP_ENABLE] = "ENABLE",
    [IMAP_CAP_ID] = "ID",
    [IMAP_CAP_UNSELECT] = "UNSELECT",
    [IMAP_CAP_COMPRESS_DEFLATE] = "COMPRESS=DEFLATE",
    [IMAP_CAP_QUOTA] = "QUOTA",
    [IMAP_CAP_APPENDLIMIT] = "APPENDLIMIT",
};

static_assert(ARRAY_LEN(names) == IMAP_CAPS, "a name for every capability");

/*
 * `bits`: what was announced, `dropped`: what failed. Servers repeat their list
 * in replies at will, and a later list must not bring back what failed; only a
 * reset does.
 */
static_assert((int)IMAP_CAPS <= 64, "a bit for every capability");

static uint64_t bit(enum imap_cap cap)
{
	bug_if((unsigned)cap >= IMAP_CAPS);
	return UINT64_C(1) << cap;
}

static int lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

static bool same_word(const char *token, size_t len, const char *name)
{
	if (len != strlen(name))
		return false;
	for (size_t i = 0; i < len; i++)
		if (lower(token[i]) != lower(name[i]))
			return false;
	return true;
}

void imap_caps_reset(struct imap_caps *caps)
{
	*caps = (struct imap_caps){.append_limit = UINT64_MAX};
}

/* "NAME=value" of the two whose value is free. A limit that is no number is
 * passed over like an unknown token. */
static void parse_valued(
    struct imap_caps *caps, const char *token, size_t name_len, size_t len)
{
	const char *value = token + name_len + 1;
	size_t value_len = len - name_len - 1;
	uint64_t limit;

	if (same_word(token, name_len, names[IMAP_CAP_RIGHTS])) {
		caps->bits |= bit(IMAP_CAP_RIGHTS);
		caps->rights |= imap_acl_rights(value, value_len);
		return;
	}
	if (!same_word(token, name_len, names[IMAP_CAP_APPENDLIMIT]) ||
	    !text_parse_u64(value, value_len, UINT64_MAX, &limit))
		return;
	caps->bits |= bit(IMAP_CAP_APPENDLIMIT);
	if (limit < caps->append_limit)
		caps->append_limit = limit;
}

static void parse_token(struct imap_caps *caps, const char *token, size_t len)
{
	const char *equals = memchr(token, '=', len);

	for (unsigned i = 0; i < IMAP_CAPS; i++) {
		/* RIGHTS means nothing without its value. */
		if (i == IMAP_CAP_RIGHTS || !same_word(token, len, names[i]))
			continue;
		caps->bits |= bit((enum imap_cap)i);
		return;
	}
	if (equals)
		parse_valued(caps, token, (size_t)(equals - token), len);
}

void imap_caps_parse(struct imap_caps *caps, const char *list, size_t len)
{
	size_t from = 0;

	caps->bits = 0;
	caps->append_limit = UINT64_MAX;
	caps->rights = 0;
	caps->known = true;
	for (size_t i = 0; i <= len; i++) {
		if (i < len && list[i] != ' ')
			continue;
		if (i > from)
			parse_token(caps, list + from, i - from);
		from = i + 1;
	}
}

bool imap_caps_has(const struct imap_caps *caps, enum imap_cap cap)
{
	return (caps->bits & ~caps->dropped & bit(cap)) != 0;
}

void imap_caps_drop(struct imap_caps *caps, enum imap_cap cap)
{
	caps->dropped |= bit(cap);
}

const char *imap_caps_name(enum imap_cap cap)
{
	bug_if((unsigned)cap >= IMAP_CAPS);
	return names[cap];
}
