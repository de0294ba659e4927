// SPDX-License-Identifier: MIT
/*
 * Whether a server is left alone for a while: failures in a row open the
 * breaker, after a pause one account tries, and its end decides.  Pure: time
 * comes in as an argument; knows neither accounts nor what a failure is.
 */
#ifndef ORCHESTRATOR_BREAKER_H
#define ORCHESTRATOR_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum {
	BREAKER_PROBES_MAX = 10 /* failed in a row: the server is given up */
};

struct breaker_config {
	unsigned after; /* failures in a row; 0: it never opens */
	int64_t pause_ms, max_pause_ms;
};

enum breaker_state {
	BREAKER_CLOSED,    /* all is well */
	BREAKER_OPEN,      /* nothing is started before `until_ms` */
	BREAKER_HALF_OPEN, /* one account tries */
	BREAKER_GIVEN_UP,  /* nothing is started any more */
	BREAKER_STATES
};

struct breaker {
	struct breaker_config config;
	enum breaker_state state;
	unsigned failures; /* in a row */
	unsigned probes;   /* of them, those that were to tell */
	unsigned streak;   /* changes when a row of failures ends */
	int64_t pause_ms, until_ms;
};

void breaker_init(struct breaker *b, const struct breaker_config *config);

/* From when on something may be started; INT64_MAX: an event comes first. */
int64_t breaker_ready_ms(const struct breaker *b, int64_t now_ms);

/* Something is started. true: it is the one that tries; breaker_failed and
 * breaker_gone shall be told so. */
bool breaker_started(struct breaker *b);

/* The server did what it is for. */
void breaker_worked(struct breaker *b);

/* The server failed. */
void breaker_failed(struct breaker *b, bool is_probe, int64_t now_ms);

/* The one that tried has ended and says nothing about the server. */
void breaker_gone(struct breaker *b);

/* Nothing is started any more. */
void breaker_give_up(struct breaker *b);

/* Given up, it may be tried by one more all the same. */
void breaker_again(struct breaker *b, int64_t now_ms);

const char *breaker_state_name(enum breaker_state state);

#endif
