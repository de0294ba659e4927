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

/* Those that nobody has counted, by their ids. *known_out: some are known. 0,
 * or -1: out of memory. */
static int find_unknown(const struct mailconvoy_options *o,
    const struct plan *plan, const struct select_rules *select,
    struct select_rules *out, bool *known_out)
{
	// a run that is forced does not look at what was before
	struct journal_run *run = mailconvoy_options_has(o, MAILCONVOY_NEW_RUN)
				      ? NULL
				      : last_run(plan);
	int rc = 0;

	out->ids = mem_try_calloc(plan->account_count, sizeof(*out->ids));
	if (!out->ids)
		rc = -1;
	for (size_t i = 0; rc == 0 && i < plan->account_count; i++) {
		const struct plan_account *a = plan->by_id[i];
		bool is_known = is_counted(run, a->id);
		if (!select_matches(select, a))
			continue;
		*known_out |= is_known;
		if (is_known)
			continue;
		out->ids[out->id_count] = mem_try_strdup(a->id);
		if (!out->ids[out->id_count++])
			rc = -1;
	}
	journal_run_free(run);
	return rc;
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
    const struct select_rules *unknown, const struct progress_options *progress,
    bool by_messages, uint64_t **sizes_out)
{
	const struct supervisor_options how = {
	    .look = true, .select = unknown, .progress = *progress};
	struct preflight found = {0};
	int code = mailconvoy_check_look(o, plan, &how, &found);

	if (code == EXIT_CODE_OK) {
		*sizes_out = sizes_of(&found, by_messages);
		code = *sizes_out ? EXIT_CODE_OK : EXIT_CODE_INTERNAL;
	}
	preflight_release(&found);
	return code;
}

int mailconvoy_sizes(const struct mailconvoy_options *o,
    const struct plan *plan, const struct select_rules *select,
    const struct progress_options *progress, uint64_t **sizes_out)
{
	unsigned jobs = (unsigned)mailconvoy_options_number(o, MAILCONVOY_JOBS);
	struct select_rules unknown = {0};
	bool some_known = false;
	int code = EXIT_CODE_OK;

	*sizes_out = NULL;
	if (plan->schedule.order != PLAN_ORDER_LARGEST ||
	    mailconvoy_options_has(o, MAILCONVOY_DRY_RUN) ||
	    !is_open(&plan->schedule))
		return EXIT_CODE_OK;
	if (find_unknown(o, plan, select, &unknown, &some_known) < 0)
		code = EXIT_CODE_INTERNAL;
	// what starts at once needs no order
	else if (unknown.id_count > (jobs ? jobs : plan->limits.jobs))
		code = look(o, plan, &unknown, progress, some_known, sizes_out);
	select_release(&unknown);
	return code;
}
