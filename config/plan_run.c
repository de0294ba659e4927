// SPDX-License-Identifier: MIT
#include "config/plan_run.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/arena.h"
#include "config/plan_build.h"
#include "config/plan_diag.h"
#include "config/plan_schema.h"
#include "config/plan_yaml.h"
#include "config/value.h"
#include "engine/base/mem.h"

enum {
	JOBS_MAX = 1000,
	ATTEMPTS_MAX = 100,
	FACTOR_MAX = 100,
	HOUR_MS = 60 * 60 * 1000,
	DAY_MS = 24 * HOUR_MS,
	DAY_MINUTES = 24 * 60,
	ALL_DAYS = 0x7f,
	WORDS_MAX = 64,
	WHERE_BYTES = 64,
	PATH_BYTES = 256
};

/* Of a run that may last for weeks. */
#define WEEKS_MS (60 * (uint64_t)DAY_MS)

/* Offsets are those of a struct plan with what is not there as it stands. */
struct raw {
	struct plan plan;
	uint32_t order, at_window_end, action, log_level;
	const struct plan_yaml_node *bandwidth, *windows;
	const struct plan_yaml_node *before_run, *after_run, *after_account;
	const struct plan_yaml_node *sendmail;
};

static const struct raw builtin = {
    .plan = {.limits = {.jobs = 4},
	.retry = {.attempts = 4,
	    .backoff_ms = 30000,
	    .factor = 3,
	    .max_wait_ms = 1800000,
	    .jitter_percent = 20},
	.halt = {.min_finished = 20},
	.deletes = {false, PLAN_NO_LIMIT, PLAN_NO_LIMIT},
	.report = {.message_ids = true, .bad_percent = 1}}};

#define AT(field) offsetof(struct raw, field)
#define OF(field) offsetof(struct raw, plan.field)

/* ---- days and hours ---- */

struct raw_window {
	uint32_t from, to; /* minutes */
	uint8_t days;
	uint64_t rate;
};

static const struct raw_window any_time = {0, DAY_MINUTES, ALL_DAYS, 0};

#define WINDOW_KEYS \
	{.name = "days", \
	    .type = PLAN_SCHEMA_DAYS, \
	    .offset = offsetof(struct raw_window, days), \
	    .doc = "days on which it begins: mon-fri, or \"sat,sun\""}, \
	    {.name = "from", \
		.type = PLAN_SCHEMA_CLOCK, \
		.offset = offsetof(struct raw_window, from), \
		.doc = "when it begins: \"20:00\""}, \
	{ \
		.name = "to", .type = PLAN_SCHEMA_CLOCK, \
		.offset = offsetof(struct raw_window, to), \
		.doc = "when it ends, on the next day when not after from" \
	}

static const struct plan_schema_key window_keys[] = {WINDOW_KEYS};
static const struct plan_schema window_schema = {
    window_keys, ARRAY_LEN(window_keys), &any_time};

static const struct plan_schema_key rate_keys[] = {
    WINDOW_KEYS,
    {.name = "rate",
	.type = PLAN_SCHEMA_RATE,
	.offset = offsetof(struct raw_window, rate),
	.doc = "bytes a second at that time; null: no limit"},
};
static const struct plan_schema rate_schema = {
    rate_keys, ARRAY_LEN(rate_keys), &any_time};

/* ---- commands ---- */

struct raw_hook {
	const struct plan_yaml_node *command;
	uint64_t timeout_ms;
};

static const struct raw_hook no_hook = {NULL, 60000};
static const struct plan_schema_key hook_keys[] = {
    {.name = "command",
	.type = PLAN_SCHEMA_NODE,
	.offset = offsetof(struct raw_hook, command),
	.shape = PLAN_SCHEMA_SHAPE_TEXTS,
	.is_required = true,
	.doc = "the program and its arguments; no shell"},
    {.name = "timeout",
	.type = PLAN_SCHEMA_DURATION,
	.offset = offsetof(struct raw_hook, timeout_ms),
	.min = 100,
	.max = DAY_MS,
	.doc = "it is killed after that"},
};
static const struct plan_schema hook_schema = {
    hook_keys, ARRAY_LEN(hook_keys), &no_hook};

/* ---- the parts ---- */

/* In the order of the enums. */
static const char *const orders[] = {
    "plan", "largest", "shuffle", "failed_first", NULL};
static const char *const stops[] = {"drain", "stop", NULL};

static const struct plan_schema_key limit_keys[] = {
    {.name = "jobs",
	.type = PLAN_SCHEMA_UINT,
	.offset = OF(limits.jobs),
	.min = 1,
	.max = JOBS_MAX,
	.doc = "accounts at a time"},
    {.name = "start_delay",
	.type = PLAN_SCHEMA_DURATION,
	.offset = OF(limits.start_delay_ms),
	.max = HOUR_MS,
	.doc = "between two starts"},
    {.name = "min_free_memory",
	.type = PLAN_SCHEMA_SIZE,
	.offset = OF(limits.min_free_memory),
	.doc = "below it no account is started"},
    {.name = "min_free_disk",
	.type = PLAN_SCHEMA_SIZE,
	.offset = OF(limits.min_free_disk),
	.doc =
	    "the same of the file system of state_dir; accounts start again when there is room"},
    {.name = "account_timeout",
	.type = PLAN_SCHEMA_DURATION,
	.offset = OF(limits.account_timeout_ms),
	.min = 1000,
	.max = WEEKS_MS,
	.doc = "how long one attempt may take"},
    {.name = "stall_timeout",
	.type = PLAN_SCHEMA_DURATION,
	.offset = OF(limits.stall_timeout_ms),
	.min = 1000,
	.max = WEEKS_MS,
	.doc =
	    "how long an account may stand still; else three times its timeout, at least 15m"},
    {.name = "max_duration",
	.type = PLAN_SCHEMA_DURATION,
	.offset = OF(limits.max_duration_ms),
	.min = 1000,
	.max = WEEKS_MS,
	.doc = "after that nothing is started"},
    {.name = "bandwidth",
	.type = PLAN_SCHEMA_NODE,
	.offset = AT(bandwidth),
	.shape = PLAN_SCHEMA_SHAPE_RATES,
	.sub = &rate_schema,
	.doc =
	    "bytes a second of all accounts together: 40MiB/s; or a timetable, whose first rate that holds counts"},
    {.name = "connections",
	.type = PLAN_SCHEMA_PLANNED,
	.doc =
	    "they are counted at each server: servers.NAME.limits.connections"},
};

static const struct plan_schema_key schedule_keys[] = {
    {.name = "order",
	.type = PLAN_SCHEMA_WORD,
	.offset = AT(order),
	.words = orders,
	.doc =
	    "which accounts come first, after their priority; largest looks at the sizes of those that no run has counted yet"},
    {.name = "windows",
	.type = PLAN_SCHEMA_NODE,
	.offset = AT(windows),
	.shape = PLAN_SCHEMA_SHAPE_LIST,
	.sub = &window_schema,
	.doc = "when accounts may run; none: always"},
    {.name = "at_window_end",
	.type = PLAN_SCHEMA_WORD,
	.offset = AT(at_window_end),
	.words = stops,
	.doc =
	    "drain: what runs is finished; stop: it goes on in the next window"},
};

static const struct plan_schema_key retry_keys[] = {
    {.name = "attempts",
	.type = PLAN_SCHEMA_UINT,
	.offset = OF(retry.attempts),
	.min = 1,
	.max = ATTEMPTS_MAX,
	.doc = "how often an account is tried, the first time included"},
    {.name = "backoff",
	.type = PLAN_SCHEMA_DURATION,
	.offset = OF(retry.backoff_ms),
	.max = DAY_MS,
	.doc = "before the second attempt"},
    {.name = "factor",
	.type = PLAN_SCHEMA_FACTOR,
	.offset = OF(retry.factor),
	.min = 1,
	.max = FACTOR_MAX,
	.doc = "each wait is so many times the one before"},
    {.name = "max_wait",
	.type = PLAN_SCHEMA_DURATION,
	.offset = OF(retry.max_wait_ms),
	.max = DAY_MS,
	.doc = "the longest wait"},
    {.name = "jitter",
	.type = PLAN_SCHEMA_PERCENT,
	.offset = OF(retry.jitter_percent),
	.max = 100,
	.doc = "waits differ by so much, so that they do not end together"},
};

static const struct plan_schema_key halt_keys[] = {
    {.name = "failures",
	.type = PLAN_SCHEMA_UINT,
	.offset = OF(halt.failures),
	.min = 1,
	.max = PLAN_NO_LIMIT - 1,
	.doc = "so many failed accounts end the run"},
    {.name = "percent",
	.type = PLAN_SCHEMA_UINT,
	.offset = OF(halt.percent),
	.min = 1,
	.max = 100,
	.doc = "so many failed of a hundred finished ones end the run"},
    {.name = "min_finished",
	.type = PLAN_SCHEMA_UINT,
	.offset = OF(halt.min_finished),
	.min = 1,
	.max = PLAN_NO_LIMIT - 1,
	.doc = "percent counts from so many finished accounts on"},
    {.name = "action",
	.type = PLAN_SCHEMA_WORD,
	.offset = AT(action),
	.words = stops,
	.doc = "drain: what runs is finished; stop: it stops at once"},
};

static const struct plan_schema_key delete_keys[] = {
    {.name = "max_per_account",
	.type = PLAN_SCHEMA_UINT,
	.offset = OF(deletes.max_per_account),
	.max = PLAN_NO_LIMIT - 1,
	.doc = "messages that syncDst may delete of an account"},
    {.name = "max_percent",
	.type = PLAN_SCHEMA_UINT,
	.offset = OF(deletes.max_percent),
	.max = 100,
	.doc = "the same, of a hundred"},
};

#define HOOK(hook, what) \
	{ \
		.name = #hook, .type = PLAN_SCHEMA_NODE, .offset = AT(hook), \
		.shape = PLAN_SCHEMA_SHAPE_HOOK, .sub = &hook_schema, \
		.doc = what \
	}

static const struct plan_schema_key hook_list_keys[] = {
    HOOK(before_run,
	"a command before the first account; when it fails, nothing is started"),
    HOOK(after_run, "a command after the last account"),
    HOOK(after_account, "a command after each account"),
};

static const struct plan_schema_key notify_keys[] = {
    {.name = "sendmail",
	.type = PLAN_SCHEMA_TEXT,
	.offset = AT(sendmail),
	.doc = "address that the end of a run is mailed to"},
    {.name = "report_every",
	.type = PLAN_SCHEMA_DURATION,
	.offset = OF(notify.report_every_ms),
	.min = 60000,
	.max = WEEKS_MS,
	.doc = "also mailed while the run goes on"},
};

static const struct plan_schema_key grade_keys[] = {
    {.name = "bad_at",
	.type = PLAN_SCHEMA_PERCENT,
	.offset = 0,
	.max = 100,
	.doc =
	    "an account of whose messages so many were refused is graded bad"},
};
static const struct plan_schema grade_schema = {
    grade_keys, ARRAY_LEN(grade_keys), &builtin.plan.report.bad_percent};

static const struct plan_schema_key report_keys[] = {
    {.name = "message_ids",
	.type = PLAN_SCHEMA_BOOL,
	.offset = OF(report.message_ids),
	.doc = "whether refused messages are named by Message-ID"},
    {.name = "grade",
	.type = PLAN_SCHEMA_MAP,
	.offset = OF(report.bad_percent),
	.shape = PLAN_SCHEMA_SHAPE_MAP,
	.sub = &grade_schema,
	.doc = "what an account's grade depends on"},
};

/* In the order of the enum. */
static const char *const log_levels[] = {"info", "debug", NULL};

static const struct plan_schema_key log_keys[] = {
    {.name = "level",
	.type = PLAN_SCHEMA_WORD,
	.offset = AT(log_level),
	.words = log_levels,
	.doc =
	    "how much the logs of accounts say; debug: every command and answer, but no secret"},
};

const struct plan_schema plan_run_schemas[PLAN_RUN_PARTS] = {
    [PLAN_RUN_LIMITS] = {limit_keys, ARRAY_LEN(limit_keys), &builtin},
    [PLAN_RUN_SCHEDULE] = {schedule_keys, ARRAY_LEN(schedule_keys), &builtin},
    [PLAN_RUN_RETRY] = {retry_keys, ARRAY_LEN(retry_keys), &builtin},
    [PLAN_RUN_HALT] = {halt_keys, ARRAY_LEN(halt_keys), &builtin},
    [PLAN_RUN_DELETES] = {delete_keys, ARRAY_LEN(delete_keys), &builtin},
    [PLAN_RUN_HOOKS] = {hook_list_keys, ARRAY_LEN(hook_list_keys), &builtin},
    [PLAN_RUN_NOTIFY] = {notify_keys, ARRAY_LEN(notify_keys), &builtin},
    [PLAN_RUN_REPORT] = {report_keys, ARRAY_LEN(report_keys), &builtin},
    [PLAN_RUN_LOG] = {log_keys, ARRAY_LEN(log_keys), &builtin},
};

void plan_run_init(struct plan *plan)
{
	*plan = builtin.plan;
}

/* ---- reading ---- */

static void read_window(struct plan_build *b, const struct plan_yaml_node *n,
    const struct plan_schema *schema, const char *where, struct raw_window *out)
{
	*out = any_time;
	plan_schema_read(schema, n, where, b->diag, out);
	if (plan_yaml_is_null(n))
		plan_diag_add(b->diag, "E0137", n->place, n->width,
		    "{days: mon-fri, from: \"20:00\", to: \"07:00\"}",
		    "%s is empty", where);
	else if (out->from == out->to)
		plan_diag_add(b->diag, "E0137", n->place, n->width,
		    "without from and to it is the whole day",
		    "%s begins when it ends", where);
}

static struct plan_window window_of(const struct raw_window *raw)
{
	return (struct plan_window){
	    raw->days, (uint16_t)raw->from, (uint16_t)raw->to};
}

static void read_windows(struct plan_build *b, const struct plan_yaml_node *n,
    struct plan_schedule *out)
{
	char where[WHERE_BYTES];
	struct raw_window raw;

	if (!n || !plan_schema_is_list(n, "schedule", "windows", b->diag))
		return;
	out->windows = arena_array(b->arena, n->count, sizeof(*out->windows));
	for (size_t i = 0; i < n->count; i++) {
		(void)snprintf(
		    where, sizeof(where), "schedule.windows[%zu]", i);
		read_window(b, n->items[i], &window_schema, where, &raw);
		out->windows[out->window_count++] = window_of(&raw);
	}
}

/* A rate, or a list of {days, from, to, rate}. */
static void read_bandwidth(struct plan_build *b, const struct plan_yaml_node *n,
    struct plan_limits *out)
{
	static const struct plan_schema_key one = {.name = "bandwidth",
	    .type = PLAN_SCHEMA_RATE,
	    .offset = offsetof(struct plan_limits, bandwidth)};
	char where[WHERE_BYTES];
	struct raw_window raw;

	if (!n)
		return;
	if (n->kind == PLAN_YAML_SCALAR) {
		plan_schema_read_value(&one, n, "limits", b->diag, out);
		return;
	}
	if (!plan_schema_is_list(n, "limits", "bandwidth", b->diag))
		return;
	out->rates = arena_array(b->arena, n->count, sizeof(*out->rates));
	for (size_t i = 0; i < n->count; i++) {
		(void)snprintf(
		    where, sizeof(where), "limits.bandwidth[%zu]", i);
		read_window(b, n->items[i], &rate_schema, where, &raw);
		out->rates[out->rate_count++] =
		    (struct plan_rate){window_of(&raw), raw.rate};
	}
}

int plan_run_argv(struct plan_build *b, const struct plan_yaml_node *list,
    const char *where, char ***argv_out, size_t *argc_out)
{
	size_t before = plan_diag_errors(b->diag);

	if (list->kind != PLAN_YAML_LIST || list->count == 0 ||
	    list->count > WORDS_MAX) {
		plan_diag_add(b->diag, "E0134", list->place, list->width,
		    "a list of words: [./program, argument]; a shell is [sh, -c, TEXT]",
		    "%s must be a list of 1 to 64 words", where);
		return -1;
	}
	char **argv = arena_array(b->arena, list->count + 1, sizeof(char *));
	for (size_t i = 0; i < list->count; i++) {
		const struct plan_yaml_node *n = list->items[i];
		// an argument may be what a name may not: empty, or "no"
		if (n->kind != PLAN_YAML_SCALAR || (i == 0 && n->len == 0))
			plan_diag_add(b->diag, "E0134", n->place, n->width,
			    NULL, "a word of %s must be text", where);
		argv[i] = n->text;
	}
	if (plan_diag_errors(b->diag) != before)
		return -1;
	if (strchr(argv[0], '/')) {
		argv[0] = plan_build_path(b, argv[0]);
		if (access(argv[0], X_OK) != 0) {
			plan_diag_add(b->diag, "E0134", list->items[0]->place,
			    list->items[0]->width,
			    "a path counts from the plan's directory; the file needs chmod +x",
			    "'%s' cannot be run", argv[0]);
			return -1;
		}
	}
	*argv_out = argv;
	*argc_out = list->count;
	return 0;
}

static void read_hook(struct plan_build *b, const struct plan_yaml_node *n,
    const char *name, struct plan_hook *out)
{
	struct raw_hook raw = no_hook;
	char where[WHERE_BYTES];

	out->timeout_ms = no_hook.timeout_ms;
	if (!n)
		return;
	(void)snprintf(where, sizeof(where), "hooks.%s", name);
	raw.command = n;
	if (n->kind == PLAN_YAML_MAP) {
		raw.command = NULL;
		plan_schema_read(&hook_schema, n, where, b->diag, &raw);
	}
	out->timeout_ms = raw.timeout_ms;
	if (raw.command)
		(void)plan_run_argv(
		    b, raw.command, where, &out->argv, &out->argc);
	else
		plan_diag_add(b->diag, "E0102", n->place, n->width,
		    "{command: [./program, argument], timeout: 60s}",
		    "%s needs command", where);
}

static void read_deletes(
    struct plan_build *b, const struct plan_yaml_node *map, struct raw *raw)
{
	struct plan_deletes *d = &raw->plan.deletes;
	size_t before = plan_diag_errors(b->diag);

	if (!map)
		return;
	plan_schema_read(
	    &plan_run_schemas[PLAN_RUN_DELETES], map, "deletes", b->diag, raw);
	d->is_given = true; // a fault in it is not a missing one
	if (d->max_per_account == PLAN_NO_LIMIT &&
	    d->max_percent == PLAN_NO_LIMIT &&
	    plan_diag_errors(b->diag) == before)
		plan_diag_add(b->diag, "E0102", map->place, map->width,
		    "deletes: {max_per_account: 100, max_percent: 5}",
		    "deletes needs max_per_account or max_percent");
}

/* It goes into the head of a mail. */
static void read_sendmail(
    struct plan_build *b, const struct plan_yaml_node *n, struct plan *plan)
{
	if (!n)
		return;
	const char *at = strchr(n->text, '@');
	if (n->text[0] == '-' || strpbrk(n->text, " ,;<>()\"\\") ||
	    (at && (at == n->text || !at[1])))
		plan_diag_add(b->diag, "E0136", n->place, n->width,
		    "one address: postmaster@example.org",
		    "this cannot be an address");
	plan->notify.sendmail = n->text;
}

static void read_timezone(
    struct plan_build *b, const struct plan_yaml_node *n, struct plan *plan)
{
	char path[PATH_BYTES];

	if (!n)
		return;
	plan->timezone = n->text;
	(void)snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", n->text);
	if (strcmp(n->text, "UTC") == 0)
		return;
	if (n->text[0] == '/' || strstr(n->text, "..") ||
	    n->text[strspn(n->text,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/")] ||
	    access(path, R_OK) != 0)
		plan_diag_add(b->diag, "E0135", n->place, n->width,
		    "a name as in /usr/share/zoneinfo: Europe/Berlin, or UTC",
		    "\"%s\" is not a time zone that this system knows",
		    n->text);
}

void plan_run_read(struct plan_build *b, const struct plan_run_nodes *nodes)
{
	const struct {
		enum plan_run_part part;
		const char *name;
		const struct plan_yaml_node *map;
	} parts[] = {{PLAN_RUN_LIMITS, "limits", nodes->limits},
	    {PLAN_RUN_SCHEDULE, "schedule", nodes->schedule},
	    {PLAN_RUN_RETRY, "retry", nodes->retry},
	    {PLAN_RUN_HALT, "halt", nodes->halt},
	    {PLAN_RUN_HOOKS, "hooks", nodes->hooks},
	    {PLAN_RUN_NOTIFY, "notify", nodes->notify},
	    {PLAN_RUN_REPORT, "report", nodes->report},
	    {PLAN_RUN_LOG, "log", nodes->log}};
	struct raw raw = {.plan = *b->plan};
	struct plan *plan = b->plan;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		plan_schema_read(&plan_run_schemas[parts[i].part], parts[i].map,
		    parts[i].name, b->diag, &raw);
	read_deletes(b, nodes->deletes, &raw);
	plan->limits = raw.plan.limits;
	plan->retry = raw.plan.retry;
	plan->halt = raw.plan.halt;
	plan->halt.action = (enum plan_stop)raw.action;
	plan->deletes = raw.plan.deletes;
	plan->notify = raw.plan.notify;
	plan->report = raw.plan.report;
	plan->log.level = (enum plan_log_level)raw.log_level;
	plan->schedule.order = (enum plan_order)raw.order;
	plan->schedule.at_window_end = (enum plan_stop)raw.at_window_end;
	read_bandwidth(b, raw.bandwidth, &plan->limits);
	read_windows(b, raw.windows, &plan->schedule);
	read_hook(b, raw.before_run, "before_run", &plan->hooks.before_run);
	read_hook(b, raw.after_run, "after_run", &plan->hooks.after_run);
	read_hook(
	    b, raw.after_account, "after_account", &plan->hooks.after_account);
	read_sendmail(b, raw.sendmail, plan);
	read_timezone(b, nodes->timezone, plan);
}
