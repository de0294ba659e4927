// SPDX-License-Identifier: MIT
/* Pictures of a run as SVG inside of a page: coordinates and fixed words only,
 * no name of a stranger, and of a size that does not grow with the run. */
#ifndef ORCHESTRATOR_REPORT_CHART_H
#define ORCHESTRATOR_REPORT_CHART_H

#include <stdint.h>
#include <stdio.h>

struct report_model;

/* How many accounts have which grade, as one bar. */
void report_chart_share(FILE *out, const struct report_model *m);

/* One thin bar an attempt, side by side what ran side by side. */
void report_chart_time_line(FILE *out, const struct report_model *m);

/* Bytes a second; shaded where nothing was started. */
void report_chart_throughput(FILE *out, const struct report_model *m);

/* "19 h 41 min"; returns `out`. */
const char *report_chart_duration(uint64_t seconds, char out[32]);

#endif
