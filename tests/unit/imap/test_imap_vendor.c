// SPDX-License-Identifier: MIT
#include "engine/imap/imap_vendor.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"

enum {
	GREETING_BYTES = 100
};

#define BYTES(s) s, sizeof(s) - 1
#define CGP "* OK CommuniGate Pro IMAP Server "

struct row {
	char greeting[GREETING_BYTES];
	size_t len;
	bool is_communigate, has_version;
	unsigned version[3];
	bool is_6_1_9; /* or later */
};

static struct row rows[] = {
    /* as they are seen */
    {BYTES(CGP "6.3.1 at host ready"), true, true, {6, 3, 1}, true},
    {BYTES(CGP "6.3.1 ready\r\n"), true, true, {6, 3, 1}, true},
    {BYTES(CGP "6.1.9 ready"), true, true, {6, 1, 9}, true},
    {BYTES(CGP "6.1.8 ready"), true, true, {6, 1, 8}, false},
    {BYTES(CGP "6.1.10 ready"), true, true, {6, 1, 10}, true},
    {BYTES(CGP "6.0.11 ready"), true, true, {6, 0, 11}, false},
    {BYTES(CGP "5.4.10 at host ready"), true, true, {5, 4, 10}, false},
    {BYTES(CGP "4.0.6 at host ready"), true, true, {4, 0, 6}, false},
    {BYTES(CGP "7.0.0 ready"), true, true, {7, 0, 0}, true},
    {BYTES(CGP "10.0.1 ready"), true, true, {10, 0, 1}, true},
    {BYTES(CGP "6.1.9"), true, true, {6, 1, 9}, true},
    {BYTES("* PREAUTH CommuniGate Pro IMAP Server 6.3.1 ready"), true, true,
	{6, 3, 1}, true},
    {BYTES("* OK [CAPABILITY IMAP4REV1 ACL] CommuniGate Pro IMAP Server 6.2.0 "
	   "ready"),
	true, true, {6, 2, 0}, true},
    /* on the way to a version of three numbers: before the first of them */
    {BYTES(CGP "6.2c5 ready"), true, true, {6, 2, 0}, true},
    {BYTES(CGP "6.1c9 ready"), true, true, {6, 1, 0}, false},
    {BYTES(CGP "6.1c.1 ready"), true, true, {6, 1, 0}, false},
    {BYTES(CGP "5.1b2 at host ready"), true, true, {5, 1, 0}, false},
    {BYTES(CGP "6.2 ready"), true, true, {6, 2, 0}, true},
    /* no version, or none that can be trusted */
    {BYTES("* OK CommuniGate Pro IMAP Server"), true, false, {0}, false},
    {BYTES(CGP), true, false, {0}, false},
    {BYTES(CGP "ready"), true, false, {0}, false},
    {BYTES(CGP " 6.3.1 ready"), true, false, {0}, false},
    {BYTES(CGP "6 ready"), true, false, {0}, false},
    {BYTES(CGP "6. ready"), true, false, {0}, false},
    {BYTES(CGP "6..9 ready"), true, false, {0}, false},
    {BYTES(CGP "6.1. ready"), true, false, {0}, false},
    {BYTES(CGP "6.1.9.1 ready"), true, false, {0}, false},
    {BYTES(CGP "6.1.9b1 ready"), true, false, {0}, false},
    {BYTES(CGP "6.1x9 ready"), true, false, {0}, false},
    {BYTES(CGP "6.2c ready"), true, false, {0}, false},
    {BYTES(CGP "-6.1.9 ready"), true, false, {0}, false},
    {BYTES(CGP "+6.1.9 ready"), true, false, {0}, false},
    {BYTES(CGP "v6.1.9 ready"), true, false, {0}, false},
    {BYTES(CGP "99999.1.9 ready"), true, false, {0}, false},
    {BYTES(CGP "4294967302.1.9 ready"), true, false, {0}, false},
    {BYTES(CGP "6.1.99999999999999999999"), true, false, {0}, false},
    {BYTES(CGP "6.1.9\0.1"), true, false, {0}, false},
    /* others, and those that would like to be it */
    {BYTES(""), false, false, {0}, false},
    {BYTES("* OK "), false, false, {0}, false},
    {BYTES("* OK Dovecot ready."), false, false, {0}, false},
    {BYTES("* BYE CommuniGate Pro IMAP Server 6.3.1"), false, false, {0},
	false},
    {BYTES("* NO CommuniGate Pro IMAP Server 6.3.1"), false, false, {0}, false},
    {BYTES("* ok CommuniGate Pro IMAP Server 6.3.1"), false, false, {0}, false},
    {BYTES("CommuniGate Pro IMAP Server 6.3.1"), false, false, {0}, false},
    {BYTES("* OK communigate pro imap server 6.3.1 ready"), false, false, {0},
	false},
    {BYTES("* OK COMMUNIGATE PRO IMAP SERVER 6.3.1 ready"), false, false, {0},
	false},
    {BYTES("* OK CommuniGate Pro POP3 Server 6.3.1 ready"), false, false, {0},
	false},
    {BYTES("* OK CommuniGate Pro IMAP Servers 6.3.1 ready"), false, false, {0},
	false},
    {BYTES("* OK like CommuniGate Pro IMAP Server 6.3.1 ready"), false, false,
	{0}, false},
    {BYTES("* OK [ALERT CommuniGate Pro IMAP Server 6.3.1 ready"), false, false,
	{0}, false},
    {BYTES("* OK [X CommuniGate Pro IMAP Server 6.3.1] Dovecot"), false, false,
	{0}, false},
};

ParameterizedTestParameters(imap_vendor, reads_greetings)
{
	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, imap_vendor, reads_greetings)
{
	struct imap_vendor v;
	// of its own size, so that a sanitizer sees a byte too far
	char *copy = mem_alloc(row->len ? row->len : 1);

	memcpy(copy, row->greeting, row->len);
	imap_vendor_parse(&v, copy, row->len);
	free(copy);
	cr_assert_eq(
	    v.is_communigate, row->is_communigate, "%s", row->greeting);
	cr_assert_eq(v.has_version, row->has_version, "%s", row->greeting);
	cr_assert_eq(v.major, row->version[0], "%s", row->greeting);
	cr_assert_eq(v.minor, row->version[1], "%s", row->greeting);
	cr_assert_eq(v.patch, row->version[2], "%s", row->greeting);
	cr_assert_eq(imap_vendor_at_least(&v, 6, 1, 9), row->is_6_1_9, "%s",
	    row->greeting);
}

Test(imap_vendor, compares_versions_number_by_number)
{
	const struct imap_vendor v = {.is_communigate = true,
	    .has_version = true,
	    .major = 6,
	    .minor = 1,
	    .patch = 9};
	struct imap_vendor other = v;

	cr_assert(imap_vendor_at_least(&v, 0, 0, 0));
	cr_assert(imap_vendor_at_least(&v, 5, 9, 99));
	cr_assert(imap_vendor_at_least(&v, 6, 0, 99));
	cr_assert(imap_vendor_at_least(&v, 6, 1, 9));
	cr_assert_not(imap_vendor_at_least(&v, 6, 1, 10));
	cr_assert_not(imap_vendor_at_least(&v, 6, 2, 0));
	cr_assert_not(imap_vendor_at_least(&v, 7, 0, 0));
	other.is_communigate = false;
	cr_assert_not(imap_vendor_at_least(&other, 0, 0, 0));
	other = v;
	other.has_version = false;
	cr_assert_not(imap_vendor_at_least(&other, 0, 0, 0));
}
