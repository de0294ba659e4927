// SPDX-License-Identifier: MIT
#include "engine/imap/imap_date.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/mem.h"

enum {
	TEXT_BYTES = 48
};

struct good {
	char text[TEXT_BYTES];
	int64_t seconds;
	int zone;
	char sent[TEXT_BYTES];
};

struct bad {
	char text[TEXT_BYTES];
	size_t len;
};

#define BYTES(s) s, sizeof(s) - 1

ParameterizedTestParameters(imap_date, reads_and_writes)
{
	static struct good rows[] = {
	    {"01-Jan-1970 00:00:00 +0000", 0, 0,
		"\"01-Jan-1970 00:00:00 +0000\""},
	    /* the three spellings of a day */
	    {"05-Jan-2020 10:00:00 +0000", 1578218400, 0,
		"\"05-Jan-2020 10:00:00 +0000\""},
	    {" 5-Jan-2020 10:00:00 +0000", 1578218400, 0,
		"\"05-Jan-2020 10:00:00 +0000\""},
	    {"5-Jan-2020 10:00:00 +0000", 1578218400, 0,
		"\"05-Jan-2020 10:00:00 +0000\""},
	    /* months in any case */
	    {"05-JAN-2020 10:00:00 +0000", 1578218400, 0,
		"\"05-Jan-2020 10:00:00 +0000\""},
	    {"05-jAn-2020 10:00:00 +0000", 1578218400, 0,
		"\"05-Jan-2020 10:00:00 +0000\""},
	    /* one instant in four zones */
	    {"05-Jan-2020 15:30:00 +0530", 1578218400, 330,
		"\"05-Jan-2020 15:30:00 +0530\""},
	    {"05-Jan-2020 00:30:00 -0930", 1578218400, -570,
		"\"05-Jan-2020 00:30:00 -0930\""},
	    {"06-Jan-2020 09:59:00 +2359", 1578218400, 1439,
		"\"06-Jan-2020 09:59:00 +2359\""},
	    {"04-Jan-2020 10:01:00 -2359", 1578218400, -1439,
		"\"04-Jan-2020 10:01:00 -2359\""},
	    /* "-0000" is no zone of its own */
	    {"05-Jan-2020 10:00:00 -0000", 1578218400, 0,
		"\"05-Jan-2020 10:00:00 +0000\""},
	    {"05-Jan-2020 09:59:00 -0001", 1578218400, -1,
		"\"05-Jan-2020 09:59:00 -0001\""},
	    /* a leap second is the second before */
	    {"31-Dec-2016 23:59:60 +0000", 1483228799, 0,
		"\"31-Dec-2016 23:59:59 +0000\""},
	    {"05-Jan-2020 10:00:60 +0000", 1578218459, 0,
		"\"05-Jan-2020 10:00:59 +0000\""},
	    /* leap days */
	    {"29-Feb-2020 12:00:00 +0000", 1582977600, 0,
		"\"29-Feb-2020 12:00:00 +0000\""},
	    {"29-Feb-2000 00:00:00 +0000", 951782400, 0,
		"\"29-Feb-2000 00:00:00 +0000\""},
	    /* before 1970, and by the zone only */
	    {"31-Dec-1969 23:59:59 +0000", -1, 0,
		"\"31-Dec-1969 23:59:59 +0000\""},
	    {"01-Jan-1970 00:00:00 +0100", -3600, 60,
		"\"01-Jan-1970 00:00:00 +0100\""},
	    {"01-Jan-1900 00:00:00 +0000", -2208988800, 0,
		"\"01-Jan-1900 00:00:00 +0000\""},
	    /* around the end of 32 bits */
	    {"19-Jan-2038 03:14:08 +0000", 2147483648, 0,
		"\"19-Jan-2038 03:14:08 +0000\""},
	    {"07-Feb-2106 06:28:16 +0000", 4294967296, 0,
		"\"07-Feb-2106 06:28:16 +0000\""},
	    /* the ends, where the year in UTC is 0 and 10000 */
	    {"01-Jan-0001 00:00:00 +0000", -62135596800, 0,
		"\"01-Jan-0001 00:00:00 +0000\""},
	    {"01-Jan-0001 00:00:00 +2359", -62135683140, 1439,
		"\"01-Jan-0001 00:00:00 +2359\""},
	    {"31-Dec-9999 23:59:59 +0000", 253402300799, 0,
		"\"31-Dec-9999 23:59:59 +0000\""},
	    {"31-Dec-9999 23:59:59 -2359", 253402387139, -1439,
		"\"31-Dec-9999 23:59:59 -2359\""},
	};

	return cr_make_param_array(struct good, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct good *row, imap_date, reads_and_writes)
{
	struct imap_date date;
	char sent[IMAP_DATE_BYTES];

	cr_assert(imap_date_parse(row->text, strlen(row->text), &date), "%s",
	    row->text);
	cr_assert_eq(date.seconds, row->seconds, "%s", row->text);
	cr_assert_eq(date.zone_minutes, row->zone, "%s", row->text);
	cr_assert(imap_date_format(&date, sent));
	cr_assert_str_eq(sent, row->sent);
}

ParameterizedTestParameters(imap_date, refuses)
{
	static struct bad rows[] = {
	    {BYTES("")}, {BYTES("NIL")},
	    {BYTES("\"05-Jan-2020 10:00:00 +0000\"")}, /* with its quotes */
	    {BYTES("05-Jan-2020 10:00:00")},
	    {BYTES("05-Jan-2020 10:00:00 GMT")},
	    {BYTES("05-Jan-2020 10:00:00 +000")},
	    {BYTES("05-Jan-2020 10:00:00 +00000")},
	    {BYTES("5-Jan-2020 10:00:00 +0000 ")},
	    {BYTES("05-Jan-2020 10:00:00  0000")}, /* no sign */
	    {BYTES("05-Jan-2020 10:00:00 0000")},
	    {BYTES("-Jan-2020 10:00:00 +0000")},
	    {BYTES(" -Jan-2020 10:00:00 +0000")},
	    {BYTES("  -Jan-2020 10:00:00 +0000")},
	    {BYTES("  5-Jan-2020 10:00:00 +0000")},
	    {BYTES(" 15-Jan-2020 10:00:00 +0000")}, /* space and two digits */
	    {BYTES("005-Jan-2020 10:00:00 +0000")},
	    {BYTES("+5-Jan-2020 10:00:00 +0000")},
	    {BYTES("5 -Jan-2020 10:00:00 +0000")},
	    {BYTES("\t5-Jan-2020 10:00:00 +0000")},
	    {BYTES("0-Jan-2020 10:00:00 +0000")},
	    {BYTES("00-Jan-2020 10:00:00 +0000")},
	    {BYTES("32-Jan-2020 10:00:00 +0000")},
	    {BYTES("31-Apr-2020 10:00:00 +0000")},
	    {BYTES("30-Feb-2020 10:00:00 +0000")},
	    {BYTES("29-Feb-2019 10:00:00 +0000")},
	    {BYTES("29-Feb-1900 10:00:00 +0000")}, /* not a leap year */
	    {BYTES("05-Foo-2020 10:00:00 +0000")},
	    {BYTES("05-\x0a\x01\x0e-2020 10:00:00 +0000")}, /* "Jan" & 0x1f */
	    {BYTES("05-J\xe1n-2020 10:00:00 +0000")},
	    {BYTES("05-01--2020 10:00:00 +0000")},
	    {BYTES("05/Jan/2020 10:00:00 +0000")},
	    {BYTES("05-Jan-0000 10:00:00 +0000")},
	    {BYTES("05-Jan--020 10:00:00 +0000")},
	    {BYTES("05-Jan-20 10:00:00 +0000")},
	    {BYTES("05-Jan-12020 10:00:00 +0000")},
	    {BYTES("5-Jan-12020 10:00:00 +0000")}, /* 26 bytes all the same */
	    {BYTES("05-Jan-2020T10:00:00 +0000")},
	    {BYTES("05-Jan-2020 24:00:00 +0000")},
	    {BYTES("05-Jan-2020 10:60:00 +0000")},
	    {BYTES("05-Jan-2020 10:00:61 +0000")},
	    {BYTES("05-Jan-2020 1:00:00 +00000")},
	    {BYTES("05-Jan-2020 10.00.00 +0000")},
	    {BYTES("05-Jan-2020 10:00:00 +2400")},
	    {BYTES("05-Jan-2020 10:00:00 -0060")},
	    {BYTES("05-Jan-2020 10:00:00 +9999")},
	    {BYTES("05-Jan-2020 10:00:00\0+0000")},
	    {BYTES("05-Jan-2020 10:00:00 +000\0")},
	    {BYTES("05-Jan-2020 10:00:\r\n +0000")},
	    {BYTES("\xb2\xb3-Jan-2020 10:00:00 +0000")}, /* 8-bit digits */
	};

	return cr_make_param_array(struct bad, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct bad *row, imap_date, refuses)
{
	struct imap_date date;

	cr_assert_not(
	    imap_date_parse(row->text, row->len, &date), "%s", row->text);
}

Test(imap_date, refuses_every_prefix)
{
	static const char text[] = "05-Jan-2020 10:00:00 +0000";
	struct imap_date date;

	for (size_t len = 0; len < sizeof(text) - 1; len++)
		cr_assert_not(imap_date_parse(text, len, &date));
}

/* A day with its number, checked against a calendar counted by hand. */
static void check_day(int year, int month, int day, int64_t days)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct imap_date date;
	char text[64], sent[IMAP_DATE_BYTES];

	(void)snprintf(text, sizeof(text), "\"%02d-%.3s-%04d 12:34:56 -0430\"",
	    day, names + 3 * (month - 1), year);
	cr_assert(imap_date_parse(text + 1, strlen(text) - 2, &date));
	if (date.seconds != days * 86400 + 45296 + 270 * 60)
		cr_assert_fail("%s", text);
	cr_assert(imap_date_format(&date, sent));
	if (strcmp(sent, text) != 0)
		cr_assert_fail("%s is not %s", sent, text);
	int64_t packed = imap_date_pack(&date);
	struct imap_date back = imap_date_unpack(packed);
	cr_assert_eq(back.seconds, date.seconds);
	cr_assert_eq(back.zone_minutes, date.zone_minutes);
	cr_assert_eq(imap_date_packed_seconds(packed), date.seconds);
}

Test(imap_date, knows_the_calendar)
{
	int64_t days = -719162; /* 1 January of year 1 */

	for (int year = 1; year <= 9999; year++) {
		for (int month = 1; month <= 12; month++) {
			bool leap = year % 400 == 0 ||
				    (year % 4 == 0 && year % 100 != 0);
			int last = month == 2 ? 28 + leap
				   : month == 4 || month == 6 || month == 9 ||
					   month == 11
				       ? 30
				       : 31;
			check_day(year, month, 1, days);
			check_day(year, month, last, days + last - 1);
			days += last;
		}
	}
	cr_assert_eq(days, 253402300800 / 86400);
}

Test(imap_date, writes_only_years_of_four_digits)
{
	static const struct imap_date dates[] = {
	    {-62135596801, 0},  /* 31 December of year 0 */
	    {-62135596800, -1}, /* the same by its zone */
	    {253402300800, 0},  /* year 10000 */
	    {253402300799, 1},  /* the same by its zone */
	    {INT64_MIN, -1439},
	    {INT64_MIN, 1439},
	    {INT64_MAX, -1439},
	    {INT64_MAX, 1439},
	    {0, 1440}, /* no such zone */
	    {0, -1440},
	    {0, INT16_MAX},
	    {0, INT16_MIN},
	};
	char sent[IMAP_DATE_BYTES];

	for (size_t i = 0; i < ARRAY_LEN(dates); i++)
		cr_assert_not(imap_date_format(&dates[i], sent), "%zu", i);
}

Test(imap_date, packs_and_unpacks)
{
	static const int64_t seconds[] = {0, 1, -1, 1578218400, -62135683140,
	    253402387139, INT64_MAX / 4096, -(INT64_MAX / 4096)};
	static const int16_t zones[] = {0, 1, -1, 330, 1439, -1439};

	for (size_t i = 0; i < ARRAY_LEN(seconds); i++) {
		for (size_t j = 0; j < ARRAY_LEN(zones); j++) {
			struct imap_date date = {seconds[i], zones[j]};
			int64_t packed = imap_date_pack(&date);
			struct imap_date back = imap_date_unpack(packed);
			cr_assert_eq(back.seconds, seconds[i]);
			cr_assert_eq(back.zone_minutes, zones[j]);
			cr_assert_eq(
			    imap_date_packed_seconds(packed), seconds[i]);
		}
	}
}

Test(imap_date, packs_in_order_of_instants)
{
	/* The zone decides only between equal instants. */
	struct imap_date early = {-1, 1439}, late = {0, -1439};
	struct imap_date other = {0, -1438};

	cr_assert_lt(imap_date_pack(&early), imap_date_pack(&late));
	cr_assert_lt(imap_date_pack(&late), imap_date_pack(&other));
}

Test(imap_date, unpacks_any_number)
{
	static const int64_t numbers[] = {INT64_MIN, INT64_MAX, -1, 0, 4095};

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		struct imap_date date = imap_date_unpack(numbers[i]);
		cr_assert_eq(
		    date.seconds, imap_date_packed_seconds(numbers[i]));
		cr_assert_geq(date.zone_minutes, -2048);
		cr_assert_leq(date.zone_minutes, 2047);
	}
}

/* F197 */
Test(imap_date, does_not_depend_on_the_locale)
{
	static const char text[] = "05-Jan-2020 10:00:00 +0000";
	struct imap_date date;
	char sent[IMAP_DATE_BYTES];

	(void)setlocale(LC_ALL, "tr_TR.UTF-8"); /* where it is installed */
	cr_assert(imap_date_parse(text, sizeof(text) - 1, &date));
	cr_assert(imap_date_format(&date, sent));
	cr_assert_str_eq(sent, "\"05-Jan-2020 10:00:00 +0000\"");
}
