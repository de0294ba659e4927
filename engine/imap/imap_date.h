// SPDX-License-Identifier: MIT
/*
 * INTERNALDATE: "dd-Mon-yyyy hh:mm:ss +zzzz" (RFC 3501 date-time). Pure.
 *
 * A date is an instant plus the zone it was written in, so that it can be
 * compared as an instant and be sent again as it came.
 */
#ifndef ENGINE_IMAP_IMAP_DATE_H
#define ENGINE_IMAP_IMAP_DATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct imap_date {
	int64_t seconds;      /* since 1970 in UTC */
	int16_t zone_minutes; /* east of UTC, -1439 to 1439 */
};

/* Room for the quoted text and its NUL. */
enum {
	IMAP_DATE_BYTES = 32
};

/* Text without the quotes; the day has one or two digits or a leading space.
 * False: malformed or impossible (30-Feb, month, hour, zone, year 0; second 60
 * is taken as 59). */
bool imap_date_parse(const char *text, size_t len, struct imap_date *out);

/* With quotes, day with two digits; false when the year is not 1-9999. */
bool imap_date_format(const struct imap_date *date, char out[IMAP_DATE_BYTES]);

/* One number for instant and zone, equal exactly when both are; and back. */
int64_t imap_date_pack(const struct imap_date *date);
struct imap_date imap_date_unpack(int64_t packed);

/* The instant of a packed date. */
int64_t imap_date_packed_seconds(int64_t packed);

#endif
