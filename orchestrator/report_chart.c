// SPDX-License-Identifier: MIT
#include "orchestrator/report_chart.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "orchestrator/journal_read.h"
#include "orchestrator/report_model.h"
#include "orchestrator/report_zone.h"

enum {
	WIDTH = 1000,    /* units of a picture */
	LANES_MAX = 256, /* what runs beyond is drawn in the last one */
	TIME_LINE_HEIGHT = 220,
	LANE_MAX = 14, /* units */
	BAR_MIN = 3,   /* units; shorter ones are drawn as one */
	BINS = 160,
	CURVE_HEIGHT = 180,
	TICKS = 4,
	MIB = 1024 * 1024
};

const char *report_chart_duration(uint64_t seconds, char out[32])
{
	if (seconds >= 3600)
		(void)snprintf(out, 32, "%" PRIu64 " h %" PRIu64 " min",
		    seconds / 3600, seconds / 60 % 60);
	else if (seconds >= 60)
		(void)snprintf(out, 32, "%" PRIu64 " min %" PRIu64 " s",
		    seconds / 60, seconds % 60);
	else
		(void)snprintf(out, 32, "%" PRIu64 " s", seconds);
	return out;
}

/* ---------------------------------------------------------------- share */

void report_chart_share(FILE *out, const struct report_model *m)
{
	static const enum grade order[] = {
	    GRADE_COMPLETE, GRADE_MINOR, GRADE_REVIEW, GRADE_BAD, GRADE_NONE};

	double x = 0;

	(void)fprintf(out,
	    "<svg class=\"share\" viewBox=\"0 0 %d 6\" preserveAspectRatio=\"none\" aria-hidden=\"true\">",
	    WIDTH);
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		size_t n = m->by_grade[order[i]];
		double width =
		    m->in_plan ? (double)n * WIDTH / (double)m->in_plan : 0;
		if (n == 0)
			continue;
		(void)fprintf(out,
		    "<rect class=\"%s\" x=\"%.1f\" y=\"0\" width=\"%.1f\" height=\"6\"/>",
		    order[i] ? grade_name(order[i]) : "none", x, width);
		x += width;
	}
	(void)fputs("</svg>\n", out);
}

/* ----------------------------------------------------------------- axis */

static double at(const struct report_model *m, int64_t ms)
{
	int64_t all = m->end_ms - m->begin_ms;

	// a clock that was set back lies before the beginning
	return all > 0 && ms > m->begin_ms
		   ? (double)(ms - m->begin_ms) * WIDTH / (double)all
		   : 0;
}

/* Hours and minutes; with the day where it begins and when it is another. */
static void put_ticks(FILE *out, const struct report_model *m, bool has_zone)
{
	char day[32] = "", now[32];
	bool is_short = m->seconds < 600;

	(void)fputs("<div class=\"axis\">", out);
	for (int i = 0; i <= TICKS; i++) {
		report_zone_clock(has_zone,
		    m->begin_ms + (m->end_ms - m->begin_ms) * i / TICKS, now);
		(void)fprintf(out, "<span>%.*s", is_short ? 8 : 5, now + 11);
		if (strncmp(day, now, 10) != 0)
			(void)fprintf(out, " <small>%.10s</small>", now);
		(void)fputs("</span>", out);
		memcpy(day, now, sizeof(day));
	}
	(void)fputs("</div>\n", out);
}

static void put_axis(FILE *out, const struct report_model *m)
{
	if (m->has_zone)
		put_ticks(out, m, true);
	put_ticks(out, m, false);
}

static void put_pauses(FILE *out, const struct report_model *m, int height)
{
	for (size_t i = 0; i < m->pause_count; i++) {
		const struct report_pause *p = &m->pauses[i];
		double x = at(m, p->begin_ms);
		double end = at(m, p->end_ms ? p->end_ms : m->end_ms);
		if (!p->server && end > x)
			(void)fprintf(out,
			    "<rect class=\"pause\" x=\"%.1f\" y=\"0\" width=\"%.1f\" height=\"%d\"/>",
			    x, end - x, height);
	}
}

/* ------------------------------------------------------------ time line */

struct bar {
	unsigned lane;
	double x, end;
	const char *class;
};

struct lanes {
	int64_t busy_ms[LANES_MAX]; /* until then */
	size_t last[LANES_MAX];     /* bar + 1 */
	unsigned count;
};

static unsigned free_lane(struct lanes *l, int64_t begin_ms)
{
	for (unsigned i = 0; i < l->count; i++)
		if (l->busy_ms[i] <= begin_ms)
			return i;
	if (l->count < LANES_MAX)
		l->count++;
	return l->count - 1;
}

static const char *class_of(
    const struct report_model *m, const struct report_span *s, bool is_last)
{
	enum grade g = m->accounts[s->account].a->grade;

	if (!is_last)
		return "again";
	return g ? grade_name(g) : "none";
}

/* Bars that would touch become one. Returns how many there are. */
static size_t make_bars(const struct report_model *m, struct lanes *l,
    const size_t *last_span, struct bar *bars)
{
	size_t count = 0;

	for (size_t i = 0; i < m->span_count; i++) {
		const struct report_span *s = &m->spans[i];
		int64_t end = s->end_ms ? s->end_ms : m->end_ms;
		unsigned lane = free_lane(l, s->begin_ms);
		const char *class = class_of(m, s, last_span[s->account] == i);
		double x = at(m, s->begin_ms), x_end = at(m, end);
		struct bar *before =
		    l->last[lane] ? &bars[l->last[lane] - 1] : NULL;
		l->busy_ms[lane] = end;
		x_end = x_end - x < 1 ? x + 1 : x_end;
		if (before && strcmp(before->class, class) == 0 &&
		    x - before->end < 0.5 && x_end - x < BAR_MIN) {
			before->end = x_end > before->end ? x_end : before->end;
			continue;
		}
		bars[count] = (struct bar){lane, x, x_end, class};
		l->last[lane] = ++count;
	}
	return count;
}

static void put_bars(FILE *out, const struct bar *bars, size_t count,
    double lane_height, const char *class)
{
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		if (strcmp(bars[i].class, class) != 0)
			continue;
		if (!any)
			(void)fprintf(out, "<path class=\"%s\" d=\"", class);
		any = true;
		(void)fprintf(out, "M%.1f %.1fH%.1fv%.1fH%.1fz", bars[i].x,
		    bars[i].lane * lane_height,
		    bars[i].end - bars[i].x > BAR_MIN ? bars[i].end - 0.8
						      : bars[i].end,
		    lane_height > 2 ? lane_height - 1 : lane_height * 0.8,
		    bars[i].x);
	}
	if (any)
		(void)fputs("\"/>\n", out);
}

static void put_time_line(FILE *out, const struct report_model *m,
    const struct lanes *l, const struct bar *bars, size_t count)
{
	static const char *const classes[] = {
	    "again", "none", "complete", "minor", "review", "bad"};
	double lane = l->count > 0 ? (double)TIME_LINE_HEIGHT / l->count : 1;
	int height = TIME_LINE_HEIGHT;

	if (lane > LANE_MAX) {
		lane = LANE_MAX;
		height = (int)(l->count * LANE_MAX);
	}
	(void)fprintf(out,
	    "<svg viewBox=\"0 0 %d %d\" height=\"%d\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"%zu attempts of %zu accounts, at most %u at a time\">\n",
	    WIDTH, height, height, m->span_count, m->count, l->count);
	put_pauses(out, m, height);
	for (size_t i = 0; i < ARRAY_LEN(classes); i++)
		put_bars(out, bars, count, lane, classes[i]);
	(void)fputs("</svg>\n", out);
	put_axis(out, m);
}

void report_chart_time_line(FILE *out, const struct report_model *m)
{
	struct lanes *l = mem_try_calloc(1, sizeof(*l));
	struct bar *bars = mem_try_calloc(m->span_count + 1, sizeof(*bars));
	size_t *last = mem_try_calloc(m->count + 1, sizeof(*last));

	if (l && bars && last && m->span_count > 0) {
		for (size_t i = 0; i < m->span_count; i++)
			last[m->spans[i].account] = i;
		size_t count = make_bars(m, l, last, bars);
		put_time_line(out, m, l, bars, count);
	} else {
		(void)fputs(
		    "<p class=\"none-at-all\">Nothing was started.</p>\n", out);
	}
	free(l);
	free(bars);
	free(last);
}

/* ----------------------------------------------------------- throughput */

/* Spreads the bytes evenly over the time in which they were copied. */
static void spread(const struct report_model *m, double bins[BINS],
    const struct report_flow *f)
{
	double width = (double)WIDTH / BINS;
	double begin = at(m, f->begin_ms) / width;
	double end = at(m, f->end_ms) / width;

	if (end - begin < 1e-6) {
		size_t i = begin >= BINS ? BINS - 1 : (size_t)begin;
		bins[i] += (double)f->bytes;
		return;
	}
	for (size_t i = begin < 0 ? 0 : (size_t)begin;
	     i < BINS && (double)i < end; i++) {
		double from = begin > (double)i ? begin : (double)i;
		double to = end < (double)i + 1 ? end : (double)i + 1;
		bins[i] += (double)f->bytes * (to - from) / (end - begin);
	}
}

static void put_curve(FILE *out, const double bins[BINS], double peak)
{
	const double width = (double)WIDTH / BINS;

	(void)fprintf(out, "<path class=\"area\" d=\"M0 %d", CURVE_HEIGHT);
	for (size_t i = 0; i < BINS; i++)
		(void)fprintf(out, "L%.1f %.1f", ((double)i + 0.5) * width,
		    CURVE_HEIGHT - bins[i] / peak * (CURVE_HEIGHT - 8));
	(void)fprintf(out, "L%d %dz\"/>\n<path class=\"curve\" d=\"", WIDTH,
	    CURVE_HEIGHT);
	for (size_t i = 0; i < BINS; i++)
		(void)fprintf(out, "%c%.1f %.1f", i ? 'L' : 'M',
		    ((double)i + 0.5) * width,
		    CURVE_HEIGHT - bins[i] / peak * (CURVE_HEIGHT - 8));
	(void)fputs("\"/>\n", out);
}

void report_chart_throughput(FILE *out, const struct report_model *m)
{
	double bins[BINS] = {0}, peak = 0, sum = 0;
	double seconds = (double)(m->end_ms - m->begin_ms) / 1000;

	for (size_t i = 0; i < m->flow_count; i++)
		spread(m, bins, &m->flows[i]);
	for (size_t i = 0; i < BINS; i++) {
		peak = bins[i] > peak ? bins[i] : peak;
		sum += bins[i];
	}
	if (peak <= 0 || seconds <= 0) {
		(void)fputs(
		    "<p class=\"none-at-all\">Nothing was copied.</p>\n", out);
		return;
	}
	(void)fprintf(out,
	    "<figure><figcaption>%.2f MiB/s on average, at most %.2f MiB/s</figcaption>\n"
	    "<svg viewBox=\"0 0 %d %d\" height=\"%d\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"Throughput over time\">\n",
	    sum / MIB / seconds, peak / MIB / (seconds / BINS), WIDTH,
	    CURVE_HEIGHT, CURVE_HEIGHT);
	put_pauses(out, m, CURVE_HEIGHT);
	for (int i = 0; i <= 2; i++)
		(void)fprintf(out, "<path class=\"grid\" d=\"M0 %dH%d\"/>\n",
		    i == 2 ? CURVE_HEIGHT : 8 + i * (CURVE_HEIGHT - 8) / 2,
		    WIDTH);
	put_curve(out, bins, peak);
	(void)fputs("</svg>\n", out);
	put_axis(out, m);
	(void)fputs("</figure>\n", out);
}
