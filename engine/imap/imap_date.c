// SPDX-License-Identifier: MIT
#include "engine/imap/imap_date.h"

#include "engine/base/mem.h"

/*
 * Own calendar arithmetic (proleptic Gregorian, 64 bits): the C library's
 * would bring the locale, the zone of this machine and its own idea of what is
 * out of range.
 */

enum {
	SECONDS_OF_DAY = 86400,
	DAYS_OF_ERA = 146097,  /* 400 years */
	DAYS_TO_1970 = 719468, /* from 1 March of year 0 */
	ZONE_MAX = 23 * 60 + 59,
	PACK_UNIT = 4096, /* the low 12 bits hold the zone */
	PACK_ZONE_ZERO = 2048
};

/* Largest instant that leaves room for the zone beside it. */
#define PACK_SECONDS_MAX (INT64_MAX / PACK_UNIT)

static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* What follows the day: 9 a digit, a any byte of the month, s a sign. */
static const char shape[] = "-aaa-9999 99:99:99 s9999";

enum {
	SHAPE_BYTES = sizeof(shape) - 1
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int number(const char *digits, int count)
{
	int value = 0;

	for (int i = 0; i < count; i++)
		value = value * 10 + (digits[i] - '0');
	return value;
}

static bool has_shape(const char *rest)
{
	for (int i = 0; i < SHAPE_BYTES; i++) {
		bool fits = rest[i] == shape[i];
		if (shape[i] == '9')
			fits = is_digit(rest[i]);
		else if (shape[i] == 's')
			fits = rest[i] == '+' || rest[i] == '-';
		else if (shape[i] == 'a')
			fits = true;
		if (!fits)
			return false;
	}
	return true;
}

/* Two digits, one digit, or a space and one digit; 0 is malformed. */
static int read_day(const char *text, size_t len)
{
	if (len == 2 && text[0] == ' ') {
		text++;
		len = 1;
	}
	for (size_t i = 0; i < len; i++)
		if (!is_digit(text[i]))
			return 0;
	return number(text, (int)len);
}

/* 1 to 12, or 0. Bit 0x20 is all that tells the cases of a letter apart, and
 * only letters become letters by it. */
static int read_month(const char *text)
{
	for (int month = 0; month < 12; month++) {
		bool same = true;
		for (int i = 0; i < 3; i++)
			same = same &&
			       (text[i] | 0x20) == (months[month][i] | 0x20);
		if (same)
			return month + 1;
	}
	return 0;
}

static int days_of_month(int year, int month)
{
	static const int days[12] = {
	    31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

/* Days since 1970. The year is counted from March, so that the leap day is its
 * last. For years from 1 on. */
static int64_t days_from_civil(int year, int month, int day)
{
	int64_t y = year - (month <= 2);
	int64_t era = y / 400, year_of_era = y % 400;
	int64_t from_march = (month + 9) % 12;
	int64_t day_of_year = (153 * from_march + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 -
			     year_of_era / 100 + day_of_year;

	return era * DAYS_OF_ERA + day_of_era - DAYS_TO_1970;
}

/* The reverse; for days from 1 March of year 0 on. */
static void civil_from_days(int64_t days, int *year, int *month, int *day)
{
	int64_t z = days + DAYS_TO_1970;
	int64_t era = z / DAYS_OF_ERA, day_of_era = z % DAYS_OF_ERA;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 +
				  day_of_era / 36524 - day_of_era / 146096) /
			      365;
	int64_t day_of_year =
	    day_of_era -
	    (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t from_march = (5 * day_of_year + 2) / 153;

	*day = (int)(day_of_year - (153 * from_march + 2) / 5 + 1);
	*month = (int)(from_march < 10 ? from_march + 3 : from_march - 9);
	*year = (int)(era * 400 + year_of_era + (*month <= 2));
}

bool imap_date_parse(const char *text, size_t len, struct imap_date *out)
{
	if (len < SHAPE_BYTES + 1 || len > SHAPE_BYTES + 2)
		return false;
	const char *rest = text + (len - SHAPE_BYTES);
	if (!has_shape(rest))
		return false;
	int day = read_day(text, len - SHAPE_BYTES);
	int month = read_month(rest + 1);
	int year = number(rest + 5, 4);
	if (month == 0 || year == 0 || day == 0 ||
	    day > days_of_month(year, month))
		return false;
	int hour = number(rest + 10, 2);
	int minute = number(rest + 13, 2);
	int second = number(rest + 16, 2);
	if (hour > 23 || minute > 59 || second > 60)
		return false;
	/* Leap seconds have no place in this count, and servers refuse 60. */
	if (second == 60)
		second = 59;
	int zone_hours = number(rest + 20, 2);
	int zone_rest = number(rest + 22, 2);
	if (zone_hours > 23 || zone_rest > 59)
		return false;
	int zone = zone_hours * 60 + zone_rest;
	if (rest[19] == '-')
		zone = -zone;
	int second_of_day = hour * 3600 + minute * 60 + second;
	int zone_seconds = zone * 60;
	out->zone_minutes = (int16_t)zone;
	out->seconds = days_from_civil(year, month, day) * SECONDS_OF_DAY +
		       second_of_day - zone_seconds;
	return true;
}

static char *put_number(char *to, int value, int width)
{
	for (int i = width - 1; i >= 0; i--) {
		to[i] = (char)('0' + value % 10);
		value /= 10;
	}
	return to + width;
}

static char *put_time(char *to, int second_of_day)
{
	to = put_number(to, second_of_day / 3600, 2);
	*to++ = ':';
	to = put_number(to, second_of_day / 60 % 60, 2);
	*to++ = ':';
	return put_number(to, second_of_day % 60, 2);
}

bool imap_date_format(const struct imap_date *date, char out[IMAP_DATE_BYTES])
{
	const int64_t first = days_from_civil(1, 1, 1) * SECONDS_OF_DAY;
	const int64_t end = days_from_civil(10000, 1, 1) * SECONDS_OF_DAY;
	int zone = date->zone_minutes, zone_seconds = zone * 60;
	int year, month, day;

	if (zone < -ZONE_MAX || zone > ZONE_MAX)
		return false;
	/* Not zone added to the instant: that could overflow. */
	if (date->seconds < first - zone_seconds ||
	    date->seconds >= end - zone_seconds)
		return false;
	/* Counted from a day before all others, so that division is floor. */
	int64_t local = date->seconds + zone_seconds - first;
	civil_from_days(local / SECONDS_OF_DAY + first / SECONDS_OF_DAY, &year,
	    &month, &day);
	char *to = out;
	*to++ = '"';
	to = put_number(to, day, 2);
	*to++ = '-';
	for (int i = 0; i < 3; i++)
		*to++ = months[month - 1][i];
	*to++ = '-';
	to = put_number(to, year, 4);
	*to++ = ' ';
	to = put_time(to, (int)(local % SECONDS_OF_DAY));
	*to++ = ' ';
	*to++ = zone < 0 ? '-' : '+';
	if (zone < 0)
		zone = -zone;
	to = put_number(to, zone / 60 * 100 + zone % 60, 4);
	*to++ = '"';
	*to = '\0';
	return true;
}

int64_t imap_date_pack(const struct imap_date *date)
{
	bug_if(date->seconds > PACK_SECONDS_MAX ||
	       date->seconds < -PACK_SECONDS_MAX);
	bug_if(date->zone_minutes < -PACK_ZONE_ZERO ||
	       date->zone_minutes >= PACK_ZONE_ZERO);
	return date->seconds * PACK_UNIT + date->zone_minutes + PACK_ZONE_ZERO;
}

struct imap_date imap_date_unpack(int64_t packed)
{
	return (struct imap_date){
	    .seconds = imap_date_packed_seconds(packed),
	    .zone_minutes =
		(int16_t)((packed & (PACK_UNIT - 1)) - PACK_ZONE_ZERO),
	};
}

int64_t imap_date_packed_seconds(int64_t packed)
{
	return (packed - (packed & (PACK_UNIT - 1))) / PACK_UNIT;
}
