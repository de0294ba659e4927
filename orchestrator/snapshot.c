// SPDX-License-Identifier: MIT
#include "orchestrator/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void snapshot_count(struct snapshot *s, const char *name)
{
	size_t i = 0;

	// names are constants of one table: most are found by their place
	while (i < s->class_count && s->classes[i].name != name &&
	       strcmp(s->classes[i].name, name) != 0)
		i++;
	if (i == SNAPSHOT_CLASSES)
		return; // there are fewer outcomes
	if (i == s->class_count)
		s->classes[s->class_count++] =
		    (struct snapshot_class){.name = name};
	s->classes[i].count++;
}

size_t snapshot_count_of(const struct snapshot *s, const char *name)
{
	for (size_t i = 0; i < s->class_count; i++)
		if (strcmp(s->classes[i].name, name) == 0)
			return s->classes[i].count;
	return 0;
}

uint64_t snapshot_rate(struct snapshot_rate *r, uint64_t bytes, int64_t now_ms)
{
	if (r->count == 0 ||
	    now_ms - r->ms[r->count - 1] >= SNAPSHOT_RATE_EVERY_MS) {
		if (r->count == SNAPSHOT_RATE_SAMPLES) {
			r->count--;
			memmove(r->ms, r->ms + 1, r->count * sizeof(*r->ms));
			memmove(r->bytes, r->bytes + 1,
			    r->count * sizeof(*r->bytes));
		}
		r->ms[r->count] = now_ms;
		r->bytes[r->count++] = bytes;
	}
	int64_t passed = now_ms - r->ms[0];
	// an attempt that is put off takes its bytes with it
	if (passed <= 0 || bytes < r->bytes[0])
		return 0;
	return (
	    uint64_t)((double)(bytes - r->bytes[0]) * 1000 / (double)passed);
}

/* Is the size of all that is left known? */
static bool bytes_left(const struct snapshot *s, uint64_t *left_out)
{
	*left_out = 0;
	if (s->waiting > 0 || s->retrying > 0 || s->account_count < s->running)
		return false;
	for (size_t i = 0; i < s->account_count; i++) {
		const struct snapshot_account *a = &s->accounts[i];
		if (a->expected_bytes == 0)
			return false;
		if (a->expected_bytes > a->bytes)
			*left_out += a->expected_bytes - a->bytes;
	}
	return true;
}

static double done_of(const struct snapshot_account *a)
{
	double part = 0;

	if (a->expected_bytes > 0)
		part = (double)a->bytes / (double)a->expected_bytes;
	else if (a->expected > 0)
		part = (double)a->copied / (double)a->expected;
	return part > 1 ? 1 : part;
}

void snapshot_eta(struct snapshot *s)
{
	uint64_t left = 0;
	double done = (double)s->done;

	s->eta_seconds = -1;
	s->eta_by = NULL;
	if (s->done >= s->total ||
	    (s->done < SNAPSHOT_ETA_ACCOUNTS && s->passed_ms < SNAPSHOT_ETA_MS))
		return;
	if (s->rate > 0 && bytes_left(s, &left)) {
		s->eta_seconds = (int64_t)(left / s->rate);
		s->eta_by = "bytes";
		return;
	}
	for (size_t i = 0; i < s->account_count; i++)
		done += done_of(&s->accounts[i]);
	if (done <= 0)
		return;
	double rest = ((double)s->total - done) / done;
	s->eta_seconds =
	    rest <= 0 ? 0 : (int64_t)((double)s->passed_ms * rest / 1000);
	s->eta_by = "accounts";
}

const char *snapshot_duration(int64_t seconds, char *out, size_t max)
{
	if (seconds >= 100L * 3600)
		(void)snprintf(out, max, "%" PRId64 "h", seconds / 3600);
	else if (seconds >= 3600)
		(void)snprintf(out, max, "%" PRId64 "h%02dm", seconds / 3600,
		    (int)(seconds / 60 % 60));
	else if (seconds >= 60)
		(void)snprintf(out, max, "%" PRId64 "m%02ds", seconds / 60,
		    (int)(seconds % 60));
	else
		(void)snprintf(out, max, "%" PRId64 "s", seconds);
	return out;
}
