// SPDX-License-Identifier: MIT
#include "orchestrator/breaker.h"

#include "engine/base/mem.h"

static const char *const names[] = {"closed", "open", "half-open", "given-up"};
_Static_assert(ARRAY_LEN(names) == BREAKER_STATES, "a name for each");

const char *breaker_state_name(enum breaker_state state)
{
	return names[state];
}

void breaker_init(struct breaker *b, const struct breaker_config *config)
{
	*b = (struct breaker){.config = *config};
}

int64_t breaker_ready_ms(const struct breaker *b, int64_t now_ms)
{
	switch (b->state) {
	case BREAKER_CLOSED:
		return now_ms;
	case BREAKER_OPEN:
		return b->until_ms > now_ms ? b->until_ms : now_ms;
	case BREAKER_HALF_OPEN:
	case BREAKER_GIVEN_UP:
	case BREAKER_STATES:
		break;
	}
	return INT64_MAX;
}

bool breaker_started(struct breaker *b)
{
	if (b->state != BREAKER_OPEN)
		return false;
	b->state = BREAKER_HALF_OPEN;
	return true;
}

void breaker_worked(struct breaker *b)
{
	if (b->failures > 0)
		b->streak++;
	b->failures = b->probes = 0;
	b->state = BREAKER_CLOSED;
}

static void open_for(struct breaker *b, int64_t pause_ms, int64_t now_ms)
{
	if (pause_ms > b->config.max_pause_ms)
		pause_ms = b->config.max_pause_ms;
	b->pause_ms = pause_ms;
	b->until_ms = now_ms + pause_ms;
	b->state = BREAKER_OPEN;
}

void breaker_failed(struct breaker *b, bool is_probe, int64_t now_ms)
{
	b->failures++;
	if (b->state == BREAKER_CLOSED) {
		if (b->config.after > 0 && b->failures >= b->config.after)
			open_for(b, b->config.pause_ms, now_ms);
		return;
	}
	if (b->state != BREAKER_HALF_OPEN || !is_probe)
		return; // it began before the breaker opened
	if (++b->probes >= BREAKER_PROBES_MAX)
		b->state = BREAKER_GIVEN_UP;
	else
		open_for(b, b->pause_ms * 2, now_ms);
}

void breaker_gone(struct breaker *b)
{
	if (b->state == BREAKER_HALF_OPEN)
		b->state = BREAKER_OPEN; // the next one tries at once
}

void breaker_give_up(struct breaker *b)
{
	b->state = BREAKER_GIVEN_UP;
}

void breaker_again(struct breaker *b, int64_t now_ms)
{
	if (b->state != BREAKER_GIVEN_UP)
		return;
	b->probes = BREAKER_PROBES_MAX - 1; // its failure is the last one
	b->until_ms = now_ms;
	b->state = BREAKER_OPEN;
}
