// SPDX-License-Identifier: MIT
/* What a plan says about a run as a whole, and about its servers. */
#include "config/plan_run.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#include "config/plan.h"
#include "config/plan_diag.h"
#include "engine/base/mem.h"
#include "tests/unit/support/plan_text.h"

static struct plan *load_text(const char *text, struct plan_diag *d)
{
	return plan_load_bytes("p.yaml", text, strlen(text), d);
}

static struct plan *good(const char *text)
{
	struct plan_diag *d = plan_diag_new();
	struct plan *plan = load_text(text, d);

	if (!plan) {
		char *why = plan_text_printed(d);
		cr_assert_not_null(plan, "%s", why);
		free(why);
	}
	plan_diag_free(d);
	return plan;
}

Test(plan_run, has_its_built_in_values)
{
	struct plan *p = good(HEAD ACCOUNTS);

	cr_assert_eq(p->limits.jobs, 4);
	cr_assert_eq(p->log.level, PLAN_LOG_INFO);
	cr_assert_eq(p->limits.min_free_memory, 0);
	cr_assert_eq(p->limits.min_free_disk, 0);
	cr_assert_eq(p->limits.account_timeout_ms, 0);
	cr_assert_eq(p->limits.stall_timeout_ms, 0);
	cr_assert_eq(p->limits.max_duration_ms, 0);
	cr_assert_eq(p->limits.bandwidth, 0);
	cr_assert_eq(p->limits.rate_count, 0);
	cr_assert_eq(p->schedule.order, PLAN_ORDER_PLAN);
	cr_assert_eq(p->schedule.window_count, 0);
	cr_assert_eq(p->schedule.at_window_end, PLAN_STOP_DRAIN);
	cr_assert_eq(p->halt.failures, 0);
	cr_assert_eq(p->halt.percent, 0);
	cr_assert_eq(p->halt.min_finished, 20);
	cr_assert_eq(p->halt.action, PLAN_STOP_DRAIN);
	cr_assert_eq(p->hooks.before_run.argc, 0);
	cr_assert_eq(p->hooks.after_account.timeout_ms, 60000);
	cr_assert_null(p->notify.sendmail);
	cr_assert(p->report.message_ids);
	cr_assert_eq(p->report.bad_percent, 1);
	cr_assert_null(p->timezone);
	cr_assert_null(p->pass);
	const struct plan_server *s = &p->servers[0];
	cr_assert_eq(s->preset, PLAN_PRESET_GENERIC);
	cr_assert_eq(s->limits.connections, 0);
	cr_assert_eq(s->limits.per_account_daily, 0);
	cr_assert_eq(s->breaker.after, 5);
	cr_assert_eq(s->breaker.pause_ms, 120000);
	cr_assert_eq(s->breaker.max_pause_ms, 1800000);
	plan_free(p);
}

Test(plan_run, reads_all_that_is_written)
{
	struct plan *p = good(HEAD
	    "timezone: UTC\n"
	    "limits: {jobs: 16, start_delay: 200ms, min_free_memory: 512MiB,\n"
	    "  min_free_disk: 2GB,\n"
	    "  account_timeout: 12h, stall_timeout: 15m, max_duration: 20d,\n"
	    "  bandwidth: 40MiB/s}\n"
	    "schedule: {order: failed_first, at_window_end: stop, windows: [\n"
	    "  {days: mon-fri, from: \"20:00\", to: \"07:00\"}, {days: \"sat,sun\"},\n"
	    "  {from: 24:00, to: 00:30}]}\n"
	    "halt: {failures: 50, percent: 10, min_finished: 5, action: stop}\n"
	    "hooks: {before_run: [true, \"\", no], after_run: {command: [/bin/sh, -c, x], timeout: 5s}}\n"
	    "notify: {sendmail: post@example.org, report_every: 1h}\n"
	    "report: {message_ids: false, grade: {bad_at: 5%}}\n"
	    "log: {level: debug}\n" ACCOUNTS);
	cr_assert_eq(p->log.level, PLAN_LOG_DEBUG);
	cr_assert_str_eq(p->timezone, "UTC");
	cr_assert_eq(p->limits.min_free_memory, 512U << 20);
	cr_assert_eq(p->limits.min_free_disk, 2000000000);
	cr_assert_eq(p->limits.account_timeout_ms, 12 * 3600000);
	cr_assert_eq(p->limits.stall_timeout_ms, 900000);
	cr_assert_eq(p->limits.max_duration_ms, 20 * 86400000UL);
	cr_assert_eq(p->limits.bandwidth, 40U << 20);
	cr_assert_eq(p->schedule.order, PLAN_ORDER_FAILED_FIRST);
	cr_assert_eq(p->schedule.at_window_end, PLAN_STOP_STOP);
	cr_assert_eq(p->schedule.window_count, 3);
	const struct plan_window *w = p->schedule.windows;
	cr_assert_eq(w[0].days, 0x1f);
	cr_assert_eq(w[0].from_minute, 20 * 60);
	cr_assert_eq(w[0].to_minute, 7 * 60);
	cr_assert_eq(w[1].days, 0x60);
	cr_assert_eq(w[1].from_minute, 0);
	cr_assert_eq(w[1].to_minute, 24 * 60);
	cr_assert_eq(w[2].days, 0x7f);
	cr_assert_eq(w[2].to_minute, 30);
	cr_assert_eq(p->halt.failures, 50);
	cr_assert_eq(p->halt.percent, 10);
	cr_assert_eq(p->halt.min_finished, 5);
	cr_assert_eq(p->halt.action, PLAN_STOP_STOP);
	cr_assert_eq(p->hooks.before_run.argc, 3, "words may be anything");
	cr_assert_str_eq(p->hooks.before_run.argv[2], "no");
	cr_assert_null(p->hooks.before_run.argv[3]);
	cr_assert_str_eq(p->hooks.after_run.argv[0], "/bin/sh");
	cr_assert_eq(p->hooks.after_run.timeout_ms, 5000);
	cr_assert_str_eq(p->notify.sendmail, "post@example.org");
	cr_assert_eq(p->notify.report_every_ms, 3600000);
	cr_assert_not(p->report.message_ids);
	cr_assert_eq(p->report.bad_percent, 5);
	plan_free(p);
}

Test(plan_run, takes_a_timetable_of_bandwidths)
{
	struct plan *p = good(HEAD
	    "limits: {bandwidth: [{days: mon-fri, from: 08:00, to: 18:00, rate: 5MiB/s}, {rate: 1GB/s}, {rate: null}]}\n" ACCOUNTS);

	cr_assert_eq(p->limits.bandwidth, 0);
	cr_assert_eq(p->limits.rate_count, 3);
	cr_assert_eq(p->limits.rates[0].bandwidth, 5U << 20);
	cr_assert_eq(p->limits.rates[0].window.from_minute, 480);
	cr_assert_eq(p->limits.rates[1].bandwidth, 1000000000);
	cr_assert_eq(p->limits.rates[1].window.days, 0x7f);
	cr_assert_eq(p->limits.rates[2].bandwidth, 0, "no limit");
	plan_free(p);
}

Test(plan_run, resets_to_what_is_built_in)
{
	struct plan *p = good(HEAD "limits: {jobs: null, bandwidth: null}\n"
				   "schedule: null\n"
				   "halt: {min_finished: ~}\n"
				   "report: {grade: null}\n"
				   "hooks: {before_run: null}\n" ACCOUNTS);

	cr_assert_eq(p->limits.jobs, 4);
	cr_assert_eq(p->halt.min_finished, 20);
	cr_assert_eq(p->report.bad_percent, 1);
	plan_free(p);
}

#define SERVER(settings) \
	"version: 1\nservers: {a: {host: x, " settings "}}\naccounts: []\n"

Test(plan_run, servers_have_limits_and_presets)
{
	struct plan *p = good(SERVER(
	    "limits: {connections: 12, per_account: 2, logins_per_minute: 60, bandwidth: 40MiB/s, per_account_daily: 2GiB}, breaker: {after: 0, pause: 1s, max_pause: 2s}"));
	const struct plan_server *s = &p->servers[0];

	cr_assert_eq(s->limits.connections, 12);
	cr_assert_eq(s->limits.per_account, 2);
	cr_assert_eq(s->limits.logins_per_minute, 60);
	cr_assert_eq(s->limits.bandwidth, 40U << 20);
	cr_assert_eq(s->limits.per_account_daily, 2ULL << 30);
	cr_assert_eq(s->breaker.after, 0);
	cr_assert_eq(s->breaker.pause_ms, 1000);
	cr_assert_eq(s->breaker.max_pause_ms, 2000);
	plan_free(p);

	// what is written wins, wherever it stands
	p = good(SERVER("limits: {per_account_daily: 1GiB}, preset: gmail"));
	cr_assert_eq(p->servers[0].preset, PLAN_PRESET_GMAIL);
	cr_assert_eq(p->servers[0].limits.per_account_daily, 1ULL << 30);
	cr_assert_eq(p->servers[0].limits.per_account, 1);
	plan_free(p);
	p = good(SERVER("preset: gmail, limits: {per_account_daily: null}"));
	cr_assert_eq(p->servers[0].limits.per_account_daily, 0);
	plan_free(p);
	p = good(SERVER("preset: exchange"));
	cr_assert_eq(p->servers[0].preset, PLAN_PRESET_OFFICE365);
	plan_free(p);
}

struct bad_row {
	char code[8];
	unsigned line, column;
	char text[160];
};

static struct bad_row bad_rows[] = {
    {"E0126", 8, 14, "log: {level: trace}"},
    {"E0107", 8, 7, "log: {levle: debug}"},
    {"E0101", 8, 6, "log: debug"},
    {"E0124", 8, 27, "limits: {min_free_memory: 0MiB}"},
    {"E0124", 8, 27, "limits: {min_free_memory: 512}"},
    {"E0124", 8, 25, "limits: {min_free_disk: 10%}"},
    {"E0124", 8, 21, "limits: {bandwidth: 40}"},
    {"E0124", 8, 21, "limits: {bandwidth: 40MiB}"},
    {"E0124", 8, 21, "limits: {bandwidth: 0MiB/s}"},
    {"E0101", 8, 21, "limits: {bandwidth: {rate: 4MiB/s}}"},
    {"E0137", 8, 22, "limits: {bandwidth: [null]}"},
    {"E0123", 8, 27, "limits: {account_timeout: 10}"},
    {"E0123", 8, 25, "limits: {stall_timeout: 1ms}"},
    {"E0126", 8, 19, "schedule: {order: smallest}"},
    {"E0101", 8, 21, "schedule: {windows: mon}"},
    {"E0132", 8, 29, "schedule: {windows: [{days: monday}]}"},
    {"E0132", 8, 29, "schedule: {windows: [{days: \"mon,\"}]}"},
    {"E0133", 8, 29, "schedule: {windows: [{from: 8:00}]}"},
    {"E0133", 8, 29, "schedule: {windows: [{from: \"25:00\"}]}"},
    {"E0133", 8, 29, "schedule: {windows: [{from: \"24:01\"}]}"},
    {"E0137", 8, 22, "schedule: {windows: [{from: 08:00, to: 08:00}]}"},
    {"E0122", 8, 18, "halt: {failures: 0}"},
    {"E0122", 8, 17, "halt: {percent: 10%}"},
    {"E0126", 8, 16, "halt: {action: kill}"},
    {"E0134", 8, 21, "hooks: {before_run: echo}"},
    {"E0134", 8, 21, "hooks: {before_run: []}"},
    {"E0134", 8, 22, "hooks: {before_run: [\"\"]}"},
    {"E0134", 8, 22, "hooks: {before_run: [/nowhere/x]}"},
    {"E0134", 8, 25, "hooks: {before_run: [a, [b]]}"},
    {"E0102", 8, 21, "hooks: {before_run: {timeout: 5s}}"},
    {"E0136", 8, 20, "notify: {sendmail: \"a b@example.org\"}"},
    {"E0136", 8, 20, "notify: {sendmail: -t}"},
    {"E0125", 8, 26, "report: {grade: {bad_at: 5}}"},
    {"E0135", 8, 11, "timezone: Europe/Atlantis"},
    {"E0135", 8, 11, "timezone: ../../etc/passwd"},
};

ParameterizedTestParameters(plan_run, refuses)
{
	return cr_make_param_array(
	    struct bad_row, bad_rows, sizeof(bad_rows) / sizeof(bad_rows[0]));
}

ParameterizedTest(struct bad_row *row, plan_run, refuses)
{
	char *text = mem_printf(HEAD "%s\n" ACCOUNTS, row->text);
	struct plan_diag *d = plan_diag_new();
	struct plan_diag_item item;

	cr_assert_null(load_text(text, d), "%s", row->text);
	cr_assert(plan_diag_get(d, 0, &item));
	cr_assert_str_eq(item.code, row->code, "%s: %s %s", row->text,
	    item.code, item.message);
	cr_assert(
	    item.place.line == row->line && item.place.column == row->column,
	    "%s: %u:%u %s", row->text, item.place.line, item.place.column,
	    item.message);
	plan_diag_free(d);
	free(text);
}
