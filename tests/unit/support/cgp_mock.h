// SPDX-License-Identifier: MIT
/*
 * A CLI server for unit tests: a list of what is expected and what is answered,
 * behind the seam of the transport, told in pieces of any size.
 */
#ifndef TESTS_UNIT_SUPPORT_CGP_MOCK_H
#define TESTS_UNIT_SUPPORT_CGP_MOCK_H

#include <stddef.h>

struct cgp_cli_settings;
struct error;
struct transport;

struct cgp_mock_step {
	const char *expect; /* a line without its end; NULL: a new connection */
	const char *reply;  /* NULL: silence; "": the connection is closed */
};

struct cgp_mock {
	const struct cgp_mock_step *steps; /* ended by one with both NULL */
	size_t chunk;                      /* bytes a read; 0: all */
	/* results */
	size_t at;
	unsigned open, connections, released;
	char problem[300]; /* what was not expected, or "" */
};

/* For cgp_cli_settings.connect; connect_argument is the mock. */
struct transport *cgp_mock_connect(
    const struct cgp_cli_settings *set, struct error *err);

/* Asserts that the dialogue went to its end and nothing is left open. */
void cgp_mock_check(const struct cgp_mock *mock);

#endif
