// SPDX-License-Identifier: MIT
/* How large accounts are that no run has counted yet: for schedule.order
 * largest. */
#include <stdlib.h>
#include <string.h>

#include "cmd/mailconvoy_commands.h"
#include "cmd/mailconvoy_options.h"
#include "config/plan.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/contract/exit_code.h"
#include "orchestrator/journal_read.h"
#include "orchestrator/preflight.h"
#include "orchestrator/rundir.h"
#include "orchestrator/select.h"
#include "orchestrator/supervisor.h"
#include "orchestrator/window.h"

/* The last run of the plan, or NULL. */
static struct journal_run *last_run(const struct plan *plan)
{
	struct rundir dir = {.lock_fd = -1};
	struct journal_run *run = NULL;
	struct error ignored; // the run that is begun next tells it
	char *path = NULL;

	if (rundir_init(&dir, plan, &ignored) == 0 && rundir_find_latest(&dir))
		path = rundir_journal_path(&dir);
	if (path)
		run = journal_read(path, &ignored);
	free(path);
	rundir_release(&dir);
	return run;
}

static bool is_counted(const struct journal_run *run, const char *id)
{
	const struct journal_account *a = run ? journal_find(run, id) : NULL;

	return a && a->state == JOURNAL_ENDED && a->tally.source > 0;
}

/* Those that are to be run and that nobody has counted, by their ids.
 * *known_out: of others it is known. 0, or -1: out of memory. */
static int find_unknown(const struct plan *plan,
    const struct supervisor_options *how, const struct journal_run *run,
    struct select_rules *out, bool *known_out)
{
	bool goes_on = run && supervisor_goes_on(run, plan, how);

	out->ids = mem_try_calloc(plan->account_count, sizeof(*out->ids));
	if (!out->ids)
		return -1;
	for (size_t i = 0; i < plan->account_count; i++) {
		const struct plan_account *a = plan->by_id[i];
		bool is_known = is_counted(run, a->id);
		// who is not run is not logged in either: that may lock him out
		if (!select_matches(how->select, a) ||
		    (goes_on &&
			!supervisor_must_run(journal_find(run, a->id), a, how)))
			continue;
		*known_out |= is_known;
		if (is_known)
			continue;
		out->ids[out->id_count] = mem_try_strdup(a->id);
		if (!out->ids[out->id_count++])
			return -1;
	}
	select_sort_ids(out);
	return 0;
}

/* All in one unit: earlier runs have counted messages only. */
static uint64_t *sizes_of(const struct preflight *found, bool by_messages)
{
	uint64_t *sizes = mem_try_calloc(found->count, sizeof(*sizes));

	for (size_t i = 0; sizes && i < found->count; i++) {
		const struct preflight_look *l = &found->accounts[i].source;
		sizes[i] = !l->is_told || l->reason ? PROBE_UNKNOWN
			   : by_messages            ? l->probe.n[PROBE_MESSAGES]
						    : l->probe.n[PROBE_BYTES];
	}
	return sizes;
}

/* Outside of the plan's hours nobody logs in for an order. */
static bool is_open(const struct plan_schedule *s)
{
	return s->window_count == 0 ||
	       window_find(s->windows, s->window_count, clock_wall_ms()) >= 0;
}

static int look(const struct mailconvoy_options *o, const struct plan *plan,
    struct supervisor_options *run, const struct select_rules *unknown,
    bool by_messages, uint64_t **sizes_out)
{
	bool is_stopped = false;
	const struct supervisor_options how = {.look = true,
	    .select = unknown,
	    .max_duration_ms = run->max_duration_ms,
	    .progress = run->progress,
	    .stopped_out = &is_stopped,
	    .logins_out = &run->logins};
	struct preflight found = {0};
	int code = mailconvoy_check_look(o, plan, &how, &found);

	if (is_stopped) {
		code = EXIT_CODE_INTERRUPTED;
	} else if (found.accounts) {
		// what is wrong with an account is its own matter
		*sizes_out = sizes_of(&found, by_messages);
		code = *sizes_out ? EXIT_CODE_OK : EXIT_CODE_INTERNAL;
	}
	preflight_release(&found);
	return code;
}

/* What the look took is taken from the run. */
static void spend(struct supervisor_options *how, const struct plan *plan,
    uint64_t ms, size_t logins)
{
	uint64_t all = how->max_duration_ms ? how->max_duration_ms
					    : plan->limits.max_duration_ms;

	if (all > 0)
		how->max_duration_ms = all > ms ? all - ms : 1;
	how->logins_before = logins;
}

static int find_sizes(const struct mailconvoy_options *o,
    const struct plan *plan, struct supervisor_options *how,
    const struct journal_run *run, uint64_t **sizes_out)
{
	unsigned jobs = how->jobs ? how->jobs : plan->limits.jobs;
	struct select_rules unknown = {0};
	int64_t began = clock_ms();
	bool some_known = false;
	int code = EXIT_CODE_OK;

	if (find_unknown(plan, how, run, &unknown, &some_known) < 0) {
		code = EXIT_CODE_INTERNAL;
	} else if (unknown.id_count > jobs) { // else it needs no order
		code = look(o, plan, how, &unknown, some_known, sizes_out);
		spend(how, plan, (uint64_t)(clock_ms() - began),
		    unknown.id_count);
	}
	select_release(&unknown);
	return code;
}

int mailconvoy_sizes(const struct mailconvoy_options *o,
    const struct plan *plan, struct supervisor_options *how,
    uint64_t **sizes_out)
{
	*sizes_out = NULL;
	if (plan->schedule.order != PLAN_ORDER_LARGEST || how->dry_run ||
	    !is_open(&plan->schedule))
		return EXIT_CODE_OK;
	// a run that is forced does not look at what was before
	struct journal_run *run = how->new_run ? NULL : last_run(plan);
	int code = EXIT_CODE_OK;
	// what cannot be resumed is told by whoever looks next
	if (!how->resume || (run && supervisor_goes_on(run, plan, how)))
		code = find_sizes(o, plan, how, run, sizes_out);
	journal_run_free(run);
	return code;
}
