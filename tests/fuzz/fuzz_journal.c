// SPDX-License-Identifier: MIT
/* A journal that may be damaged anywhere: it is refused, or what was good of
 * it ends at a line's end and says the same alone; a byte cut off its end takes
 * one line at most. The report's model takes what the reader takes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "orchestrator/journal_read.h"
#include "orchestrator/report_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct journal_run *read_bytes(
    const uint8_t *data, size_t size, bool with_model, struct error *err)
{
	int fd = memfd_create("journal", MFD_CLOEXEC);
	char path[64];

	bug_if(fd < 0 || write(fd, data, size) != (ssize_t)size);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	struct journal_run *run = journal_read(path, err);
	if (with_model) {
		struct report_model *m = report_model_read(path, err);
		bug_if((m != NULL) != (run != NULL));
		bug_if(m && m->count != run->count);
		report_model_free(m);
	}
	(void)close(fd);
	return run;
}

static bool is_same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void check_same(const struct journal_run *a, const struct journal_run *b)
{
	bug_if(a->count != b->count || a->exit != b->exit);
	bug_if(a->has_ended != b->has_ended);
	bug_if(a->extent.seq != b->extent.seq);
	for (size_t i = 0; i < a->count; i++) {
		const struct journal_account *x = &a->accounts[i];
		const struct journal_account *y = &b->accounts[i];
		bug_if(!is_same_text(x->id, y->id));
		bug_if(!is_same_text(x->outcome, y->outcome));
		bug_if(x->state != y->state || x->grade != y->grade);
		bug_if(memcmp(&x->tally, &y->tally, sizeof(x->tally)) != 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err;
	struct journal_run *run = read_bytes(data, size, true, &err);

	if (!run)
		return 0;
	size_t good = (size_t)run->extent.good_bytes;
	bug_if(good > size || (good > 0 && data[good - 1] != '\n'));
	for (size_t i = 0; i < run->count; i++) {
		bug_if(journal_find(run, run->accounts[i].id) !=
		       &run->accounts[i]);
		bug_if(!journal_outcome(&run->accounts[i]));
	}
	(void)journal_exit(run);
	struct journal_run *again = read_bytes(data, good, false, &err);
	bug_if(!again);
	check_same(run, again);
	journal_run_free(again);
	again = good > 0 ? read_bytes(data, good - 1, false, &err) : NULL;
	// the last line may be the one that began the run
	bug_if(good > 0 && !again && !strstr(err.text, "holds no run"));
	bug_if(again && again->extent.seq + 1 != run->extent.seq);
	journal_run_free(again);
	journal_run_free(run);
	return 0;
}
