// SPDX-License-Identifier: MIT
#include "config/value.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

struct row {
	char kind; /* d duration, s size, p percent, u whole number */
	char text[24];
	enum value_result result;
	uint64_t value;
};

static struct row rows[] = {
    {'d', "90s", VALUE_OK, 90000},
    {'d', "15m", VALUE_OK, 900000},
    {'d', "1h30m", VALUE_OK, 5400000},
    {'d', "200ms", VALUE_OK, 200},
    {'d', "2d", VALUE_OK, 172800000},
    {'d', "0s", VALUE_OK, 0},
    {'d', "1m5ms", VALUE_OK, 60005},
    {'d', "90", VALUE_UNIT_MISSING, 0},
    {'d', "", VALUE_SYNTAX, 0},
    {'d', "s", VALUE_SYNTAX, 0},
    {'d', "30m1h", VALUE_SYNTAX, 0}, /* smaller unit first */
    {'d', "1h1h", VALUE_SYNTAX, 0},
    {'d', "1.5h", VALUE_SYNTAX, 0},
    {'d', "-5s", VALUE_SYNTAX, 0},
    {'d', "5 s", VALUE_SYNTAX, 0},
    {'d', "090s", VALUE_LEADING_ZERO, 0},
    {'d', "1h5", VALUE_UNIT_MISSING, 0},
    {'d', "99999999999999999999s", VALUE_TOO_LARGE, 0},
    {'d', "18446744073709551615d", VALUE_TOO_LARGE, 0},
    {'s', "10MiB", VALUE_OK, 10485760},
    {'s', "10MB", VALUE_OK, 10000000},
    {'s', "1B", VALUE_OK, 1},
    {'s', "2TiB", VALUE_OK, 2199023255552},
    {'s', "5kB", VALUE_OK, 5000},
    {'s', "10", VALUE_UNIT_MISSING, 0},
    {'s', "10mb", VALUE_SYNTAX, 0},
    {'s', "10Mb", VALUE_SYNTAX, 0},
    {'s', "1MiB5", VALUE_SYNTAX, 0},
    {'s', "010MiB", VALUE_LEADING_ZERO, 0},
    {'s', "99999999999TiB", VALUE_TOO_LARGE, 0},
    {'p', "20%", VALUE_OK, 20},
    {'p', "0%", VALUE_OK, 0},
    {'p', "100%", VALUE_OK, 100},
    {'p', "101%", VALUE_TOO_LARGE, 0},
    {'p', "20", VALUE_UNIT_MISSING, 0},
    {'p', "%", VALUE_SYNTAX, 0},
    {'p', "", VALUE_SYNTAX, 0},
    {'p', "2.5%", VALUE_SYNTAX, 0},
    {'u', "0", VALUE_OK, 0},
    {'u', "143", VALUE_OK, 143},
    {'u', "18446744073709551615", VALUE_OK, UINT64_MAX},
    {'u', "18446744073709551616", VALUE_TOO_LARGE, 0},
    {'u', "0143", VALUE_LEADING_ZERO, 0},
    {'u', "00", VALUE_LEADING_ZERO, 0},
    {'u', "0x1F", VALUE_SYNTAX, 0},
    {'u', "1e5", VALUE_SYNTAX, 0},
    {'u', "+1", VALUE_SYNTAX, 0},
    {'u', "1_000", VALUE_SYNTAX, 0},
};

ParameterizedTestParameters(value, reads)
{
	return cr_make_param_array(
	    struct row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct row *row, value, reads)
{
	uint64_t value = 0;
	unsigned percent = 0;
	enum value_result r = VALUE_OK;
	size_t len = strlen(row->text);

	switch (row->kind) {
	case 'd':
		r = value_duration(row->text, len, &value);
		break;
	case 's':
		r = value_size(row->text, len, &value);
		break;
	case 'p':
		r = value_percent(row->text, len, &percent);
		value = percent;
		break;
	default:
		r = value_uint(row->text, len, &value);
		break;
	}
	cr_assert_eq(r, row->result, "%s: %d", row->text, (int)r);
	if (r == VALUE_OK)
		cr_assert_eq(value, row->value, "%s", row->text);
}

Test(value, reads_factors)
{
	double f = 0;

	cr_assert_eq(value_factor("3", 1, &f), VALUE_OK);
	cr_assert_float_eq(f, 3, 1e-9);
	cr_assert_eq(value_factor("1.25", 4, &f), VALUE_OK);
	cr_assert_float_eq(f, 1.25, 1e-9);
	cr_assert_eq(value_factor("1.", 2, &f), VALUE_SYNTAX);
	cr_assert_eq(value_factor(".5", 2, &f), VALUE_SYNTAX);
	cr_assert_eq(value_factor("1e5", 3, &f), VALUE_SYNTAX);
	cr_assert_eq(value_factor("1.2345", 6, &f), VALUE_SYNTAX);
	cr_assert_eq(value_factor("12345678", 8, &f), VALUE_TOO_LARGE);
}

Test(value, stops_at_its_length)
{
	uint64_t ms = 0;

	cr_assert_eq(value_duration("90s5", 3, &ms), VALUE_OK);
	cr_assert_eq(ms, 90000);
}

Test(value, finds_the_nearest_word)
{
	static const char *const known[] = {
	    "host", "port", "tls", "tls_verify", "allow_plaintext"};

	cr_assert_str_eq(value_nearest("hots", known, 5), "host");
	cr_assert_str_eq(value_nearest("tls_verfy", known, 5), "tls_verify");
	cr_assert_str_eq(value_nearest("allow", known, 5), "allow_plaintext");
	cr_assert_str_eq(value_nearest("portnumber", known, 5), "port");
	cr_assert_null(value_nearest("zzz", known, 5));
	cr_assert_null(value_nearest("x", known, 5));
	cr_assert_null(value_nearest("", known, 5));
}
