// SPDX-License-Identifier: MIT
#include "engine/base/pace.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/mem.h"

enum {
	STEPS_A_SECOND = 8,
	STEP_MIN_BYTES = 4096
};

/* They stand in memory of several processes. */
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "no lock hides in a bucket");

static int64_t cost_us(uint64_t bytes, uint64_t rate)
{
	double us = (double)bytes * 1e6 / (double)rate;

	return us > PACE_AHEAD_US ? PACE_AHEAD_US : (int64_t)us;
}

int64_t pace_charge(struct pace_bucket *b, uint64_t bytes, int64_t now_us)
{
	uint64_t rate = atomic_load(&b->rate);
	int64_t next = atomic_load(&b->next_us), to;

	if (rate == 0)
		return 0;
	do {
		int64_t from = next;
		if (from < now_us - PACE_BURST_US)
			from = now_us - PACE_BURST_US;
		if (from > now_us + PACE_AHEAD_US)
			from =
			    now_us + PACE_AHEAD_US; // or somebody wrote there
		to = from + cost_us(bytes, rate);
	} while (!atomic_compare_exchange_weak(&b->next_us, &next, to));
	if (to > now_us + PACE_AHEAD_US)
		to = now_us + PACE_AHEAD_US;
	return to > now_us ? to : 0;
}

static int64_t charge(
    struct pace_bucket *b, uint64_t bytes, int64_t now_us, int64_t until)
{
	int64_t at = b ? pace_charge(b, bytes, now_us) : 0;

	return at > until ? at : until;
}

int64_t pace_charge_read(
    const struct pace_line *line, uint64_t bytes, int64_t now_us)
{
	int64_t until = charge(line->both, bytes, now_us, 0);

	for (size_t i = 0; i < ARRAY_LEN(line->reads); i++)
		until = charge(line->reads[i], bytes, now_us, until);
	return until;
}

int64_t pace_charge_written(
    const struct pace_line *line, uint64_t bytes, int64_t now_us)
{
	return charge(line->both, bytes, now_us, 0);
}

static size_t step(struct pace_bucket *b, size_t max)
{
	uint64_t rate = b ? atomic_load(&b->rate) : 0;
	uint64_t bytes = rate / STEPS_A_SECOND;

	if (rate == 0 || bytes >= max)
		return max;
	if (bytes >= STEP_MIN_BYTES)
		return (size_t)bytes;
	return max < STEP_MIN_BYTES ? max : STEP_MIN_BYTES;
}

size_t pace_step(const struct pace_line *line, size_t max)
{
	max = step(line->both, max);
	for (size_t i = 0; i < ARRAY_LEN(line->reads); i++)
		max = step(line->reads[i], max);
	return max;
}

/* --------------------------------------------------------- shared memory */

static int fail(struct error *err, const char *what)
{
	return error_set_errno(err, ERROR_OS, "local.memory",
	    "cannot %s the memory of bandwidth limits", what);
}

static struct pace_bucket *map(int fd, size_t count)
{
	void *at = mmap(NULL, count * sizeof(struct pace_bucket),
	    PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		return NULL;
	// cppcheck-suppress memleak ; the caller's, mapped until the end
	return at;
}

int pace_share(struct pace_bucket **out, size_t count, struct error *err)
{
	int fd = memfd_create("bandwidth", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	// of a fixed size: nobody can take the pages away from the others
	if (fd < 0 ||
	    ftruncate(fd, (off_t)(count * sizeof(struct pace_bucket))) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) <
		0) {
		(void)fail(err, "make");
		fd_close(&fd);
		return -1;
	}
	*out = map(fd, count);
	if (*out)
		return fd;
	(void)fail(err, "map");
	fd_close(&fd);
	return -1;
}

int pace_join(
    int fd, struct pace_bucket **out, size_t *count_out, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail(err, "find");
	*count_out = (size_t)st.st_size / sizeof(struct pace_bucket);
	if (!S_ISREG(st.st_mode) || *count_out == 0)
		return error_set(err, ERROR_CONFIG, "config.job",
		    "descriptor %d is no memory of bandwidth limits", fd);
	*out = map(fd, *count_out);
	return *out ? 0 : fail(err, "map");
}
