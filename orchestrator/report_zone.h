// SPDX-License-Identifier: MIT
/*
 * Times of reports for people: in the plan's zone beside UTC.  The zone becomes
 * the process's ($TZ), as the plan's windows have it.
 */
#ifndef ORCHESTRATOR_REPORT_ZONE_H
#define ORCHESTRATOR_REPORT_ZONE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	REPORT_ZONE_TEXT = 80
};

/* Does this system know it? Then it is the process's from now on. */
bool report_zone_use(const char *name);

/* "2026-03-29 03:30 CEST (01:30 UTC)" of the journal's time, with the day of UTC
 * where it is another one; "2026-03-29 01:30 UTC" without a zone; "" of none. */
const char *report_zone_text(
    bool has_zone, const char *time, char out[REPORT_ZONE_TEXT]);

/* "2026-03-29T03:30:00": the clock on the wall there, or of UTC. */
void report_zone_clock(bool has_zone, int64_t wall_ms, char out[32]);

#endif
