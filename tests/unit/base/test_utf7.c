// SPDX-License-Identifier: MIT
#include "engine/base/utf7.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"

enum {
	TEXT_BYTES = 64
};

struct pair {
	char utf8[TEXT_BYTES];
	char name[TEXT_BYTES];
};

struct bytes {
	char text[TEXT_BYTES];
	size_t len;
};

#define BYTES(s) s, sizeof(s) - 1

ParameterizedTestParameters(utf7, turns_both_ways)
{
	static struct pair rows[] = {
	    {"", ""},
	    {"INBOX", "INBOX"},
	    {" lead and trail ", " lead and trail "},
	    {"!\"#$%'()*+,-./:;<=>?@[\\]^_`{|}~",
		"!\"#$%'()*+,-./:;<=>?@[\\]^_`{|}~"},
	    {"&", "&-"},
	    {"&&", "&-&-"},
	    {"&-", "&--"},       /* the second `-` is itself */
	    {"AOk-", "AOk-"},    /* looks like a run, has no `&` */
	    {"&AOk-", "&-AOk-"}, /* an escaped `&` before it */
	    {"caf\u00e9", "caf&AOk-"},
	    {"\u00e9&", "&AOk-&-"},
	    {"&\u00e9", "&-&AOk-"},
	    {"\u00e9-", "&AOk--"}, /* `-` ends the run, `-` follows */
	    {"\u00e9 \u00e9", "&AOk- &AOk-"},
	    /* 1, 2 and 3 units: 2, 4 and 0 bits of padding */
	    {"\u00e9", "&AOk-"},
	    {"\u00e9\u00e9", "&AOkA6Q-"},
	    {"\u00e9\u00e9\u00e9", "&AOkA6QDp-"},
	    /* RFC 3501 5.1.3 */
	    {"~peter/mail/\u53f0\u5317/\u65e5\u672c\u8a9e",
		"~peter/mail/&U,BTFw-/&ZeVnLIqe-"},
	    {"\x01", "&AAE-"}, /* control bytes are not printable */
	    {"\t\r\n", "&AAkADQAK-"},
	    {"\x7f", "&AH8-"},
	    {"\xc2\x80", "&AIA-"},
	    {"\u07ff\u0800", "&B,8IAA-"},
	    {"\ud7ff\ue000", "&1,,gAA-"}, /* around the surrogates */
	    {"\ufeff\uffff", "&,v,,,w-"}, /* byte order mark, no character */
	    {"\U00010000", "&2ADcAA-"},
	    {"\U0001f600", "&2D3eAA-"},
	    {"\U0010ffff", "&2,,f,w-"},
	    {"a\U0001f600b\U0001f600", "a&2D3eAA-b&2D3eAA-"},
	};

	return cr_make_param_array(struct pair, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct pair *row, utf7, turns_both_ways)
{
	char *name = utf7_encode(row->utf8, strlen(row->utf8));
	char *utf8 = utf7_decode(row->name, strlen(row->name));

	cr_assert_str_eq(name, row->name);
	cr_assert_not_null(utf8, "%s", row->name);
	cr_assert_str_eq(utf8, row->utf8);
	cr_assert(utf7_is_valid(row->name, strlen(row->name)));
	free(name);
	free(utf8);
}

ParameterizedTestParameters(utf7, refuses_names)
{
	static struct bytes rows[] = {
	    {BYTES("&")},            /* nothing behind it */
	    {BYTES("a&b")},          /* a bare `&` */
	    {BYTES("&AOk")},         /* no end */
	    {BYTES("&AOk/x-")},      /* separator inside a run */
	    {BYTES("&AOk=-")},       /* padding of plain base64 */
	    {BYTES("&U/BTFw-")},     /* `/` of plain base64 */
	    {BYTES("&A-")},          /* less than a unit */
	    {BYTES("&AO-")},         /* 12 bits */
	    {BYTES("&AOkA-")},       /* a digit too many */
	    {BYTES("&AOkA6-")},      /* 30 bits */
	    {BYTES("&AOl-")},        /* padding bits not zero: 2 */
	    {BYTES("&AOkA6R-")},     /* padding bits not zero: 4 */
	    {BYTES("&AOkAA-")},      /* 30 bits, of them zero */
	    {BYTES("&AGE-")},        /* "a", which is printable */
	    {BYTES("&ACY-")},        /* "&" */
	    {BYTES("&AC8-")},        /* "/", a separator in hiding */
	    {BYTES("&ACA-")},        /* the first printable */
	    {BYTES("&AH4-")},        /* the last */
	    {BYTES("&AOkAYQ-")},     /* "a" behind an e acute */
	    {BYTES("&AAA-")},        /* NUL */
	    {BYTES("&AOkAAA-")},     /* NUL at the end */
	    {BYTES("&AOk-&AOk-")},   /* two runs that are one */
	    {BYTES("&2AA-")},        /* high surrogate alone */
	    {BYTES("&3AA-")},        /* low surrogate alone */
	    {BYTES("&3ADYAA-")},     /* in the wrong order */
	    {BYTES("&2ADYAA-")},     /* two high */
	    {BYTES("&2AAA6Q-")},     /* high, then a character */
	    {BYTES("&2D3eANwA-")},   /* a pair, then a low one */
	    {BYTES("caf\xc3\xa9")},  /* UTF-8 */
	    {BYTES("caf\xe9")},      /* ISO 8859-1 */
	    {BYTES("&AO\xc3\xa9-")}, /* 8-bit inside a run */
	    {BYTES("a\tb")},
	    {BYTES("a\r\nb")},
	    {BYTES("a\x7f")},
	    {BYTES("a\0b")},
	    {BYTES("\0")},
	    {BYTES("&AOk-\0")},
	    {BYTES("&AO\0-")},
	};

	return cr_make_param_array(struct bytes, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct bytes *row, utf7, refuses_names)
{
	cr_assert_not(utf7_is_valid(row->text, row->len), "%s", row->text);
	cr_assert_null(utf7_decode(row->text, row->len));
}

ParameterizedTestParameters(utf7, refuses_text)
{
	static struct bytes rows[] = {
	    {BYTES("\0")},
	    {BYTES("a\0b")},
	    {BYTES("\x80")},  /* continuation alone */
	    {BYTES("\xc3")},  /* cut short */
	    {BYTES("\xc3(")}, /* no continuation */
	    {BYTES("a\xe2\x82")},
	    {BYTES("\xf0\x9f\x98")},
	    {BYTES("\xc0\x80")}, /* NUL, overlong */
	    {BYTES("\xc0\xaf")}, /* "/", overlong */
	    {BYTES("\xc1\xbf")},
	    {BYTES("\xe0\x9f\xbf")},     /* U+07FF in three */
	    {BYTES("\xf0\x8f\xbf\xbf")}, /* U+FFFF in four */
	    {BYTES("\xed\xa0\x80")},     /* a surrogate */
	    {BYTES("\xed\xbf\xbf")},
	    {BYTES("\xf4\x90\x80\x80")}, /* U+110000 */
	    {BYTES("\xf8\x88\x80\x80\x80")},
	    {BYTES("\xfe")},
	    {BYTES("\xff")},
	};

	return cr_make_param_array(struct bytes, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct bytes *row, utf7, refuses_text)
{
	cr_assert_null(utf7_encode(row->text, row->len));
}

Test(utf7, takes_nothing)
{
	char *text = utf7_decode("x", 0);

	cr_assert_str_eq(text, "");
	cr_assert(utf7_is_valid("&", 0));
	free(text);
}

Test(utf7, reads_no_further_than_told)
{
	char *text = utf7_decode("caf&AOk-&", 8);

	cr_assert_str_eq(text, "caf\u00e9");
	cr_assert_not(utf7_is_valid("caf&AOk-", 7));
	free(text);
}

static size_t utf8_of(unsigned long point, char out[5])
{
	int n = snprintf(out, 5, "%s", "");

	if (point < 0x80) {
		out[n++] = (char)point;
	} else if (point < 0x800) {
		out[n++] = (char)(0xc0 | point >> 6);
		out[n++] = (char)(0x80 | (point & 0x3f));
	} else if (point < 0x10000) {
		out[n++] = (char)(0xe0 | point >> 12);
		out[n++] = (char)(0x80 | (point >> 6 & 0x3f));
		out[n++] = (char)(0x80 | (point & 0x3f));
	} else {
		out[n++] = (char)(0xf0 | point >> 18);
		out[n++] = (char)(0x80 | (point >> 12 & 0x3f));
		out[n++] = (char)(0x80 | (point >> 6 & 0x3f));
		out[n++] = (char)(0x80 | (point & 0x3f));
	}
	out[n] = '\0';
	return (size_t)n;
}

Test(utf7, returns_every_character)
{
	for (unsigned long point = 1; point <= 0x10ffff; point++) {
		char utf8[5];
		size_t len = utf8_of(point, utf8);
		char *name = utf7_encode(utf8, len);
		if (point >= 0xd800 && point <= 0xdfff) {
			cr_assert_null(name);
			continue;
		}
		char *back = utf7_decode(name, strlen(name));
		bool same = back && strcmp(back, utf8) == 0;
		free(name);
		free(back);
		if (!same)
			cr_assert_fail("U+%04lX", point);
	}
}

Test(utf7, turns_long_runs)
{
	/* Text that grows most when it is read, and when it is written. */
	enum {
		POINTS = 3000
	};

	char *utf8 = mem_alloc(POINTS * 3 + 1);

	for (size_t i = 0; i < POINTS; i++)
		memcpy(utf8 + 3 * i, "\u8a9e", 3);
	for (size_t n = 0; n <= POINTS; n = n < 20 ? n + 1 : n * 2 + 1) {
		char *name = utf7_encode(utf8, 3 * n);
		char *back = utf7_decode(name, strlen(name));
		cr_assert_eq(strlen(name), n ? (n * 16 + 5) / 6 + 2 : 0);
		cr_assert_eq(strlen(back), 3 * n);
		cr_assert_eq(memcmp(back, utf8, 3 * n), 0);
		free(name);
		free(back);
	}
	for (size_t i = 0; i < POINTS; i++)
		utf8[i] = i % 2 ? 'x' : '\n';
	char *name = utf7_encode(utf8, POINTS);
	cr_assert_eq(strlen(name), POINTS * 3);
	free(name);
	free(utf8);
}
