// SPDX-License-Identifier: MIT
/* A state file that was changed: three bytes each say where (in sixteenths of
 * a page) and what. What it still says is as it was written, and it can be
 * written to. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/sync/sync_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	PAIRS = 300,
	FILE_BYTES_MAX = 256 * 1024
};

static const struct sync_state_box box = {
    {1, 400, 300, 7}, {2, 4000, 300, 9}, 300, 1, true};
static const struct sync_state_intent intent = {2, 4000, 5};

/* Two fuzzers may run; nothing is left behind. */
static char *new_folder(void)
{
	char *path = mem_strdup("/tmp/fuzz-state.XXXXXX");

	bug_if(!mkdtemp(path));
	return path;
}

static void remove_all(const char *path)
{
	static const char *const ends[] = {"", "-wal", "-shm", "-journal",
	    ".lock", ".broken", ".broken-wal", ".broken-journal"};

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		char *name = mem_printf("%s%s", path, ends[i]);
		(void)unlink(name);
		free(name);
	}
}

static struct sync_state *opened(
    const char *path, enum sync_state_verdict *verdict)
{
	struct error err;

	return sync_state_open(path, "a > b", NULL, verdict, &err);
}

static void fill(struct sync_state *s)
{
	struct sync_state_pair pairs[PAIRS];
	struct error err;

	for (uint32_t i = 0; i < PAIRS; i++)
		pairs[i] = (struct sync_state_pair){i + 1, 10 * (i + 1)};
	bug_if(sync_state_put(s, "INBOX", "IN", &box, &err) < 0);
	bug_if(sync_state_add_pairs(s, "INBOX", "IN", pairs, PAIRS, &err) < 0);
	bug_if(sync_state_intend(s, "INBOX", "IN", &intent, &err) < 0);
}

/* The good file, made once. */
static const uint8_t *good(const char *path, size_t *len_out)
{
	static uint8_t bytes[FILE_BYTES_MAX];
	static size_t len;
	enum sync_state_verdict verdict;

	if (len == 0) {
		struct sync_state *s = opened(path, &verdict);
		bug_if(!s);
		fill(s);
		sync_state_close(s);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = read(fd, bytes, sizeof(bytes));
		bug_if(n <= 0 || n == FILE_BYTES_MAX);
		len = (size_t)n;
		(void)close(fd);
		remove_all(path);
	}
	*len_out = len;
	return bytes;
}

static bool is_same_box(const struct sync_state_box *a)
{
	return a->source.uidvalidity == box.source.uidvalidity &&
	       a->source.uidnext == box.source.uidnext &&
	       a->source.messages == box.source.messages &&
	       a->source.highestmodseq == box.source.highestmodseq &&
	       a->target.uidvalidity == box.target.uidvalidity &&
	       a->target.uidnext == box.target.uidnext &&
	       a->target.messages == box.target.messages &&
	       a->target.highestmodseq == box.target.highestmodseq &&
	       a->present == box.present && a->deleted == box.deleted &&
	       a->complete == box.complete;
}

static void check(struct sync_state *s)
{
	struct sync_state_pair *pairs = NULL;
	struct sync_state_intent told;
	struct sync_state_box found;

	size_t n = sync_state_load_pairs(s, "INBOX", "IN", &pairs);
	bug_if(n > PAIRS);
	for (size_t i = 0; i < n; i++)
		bug_if(pairs[i].target_uid != 10 * pairs[i].source_uid ||
		       pairs[i].source_uid == 0 || pairs[i].source_uid > PAIRS);
	free(pairs);
	if (sync_state_find(s, "INBOX", "IN", &found))
		bug_if(!is_same_box(&found));
	else
		bug_if(n > 0);
	if (sync_state_has_intent(s, "INBOX", "IN", &told))
		bug_if(told.uidvalidity != intent.uidvalidity ||
		       told.uidnext != intent.uidnext ||
		       told.count % intent.count != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum sync_state_verdict verdict;
	char *folder = new_folder(), *path = mem_printf("%s/state", folder);
	size_t len;
	const uint8_t *from = good(path, &len);
	uint8_t *copy = memcpy(mem_alloc(len), from, len);

	for (size_t i = 0; i + 3 <= size; i += 3)
		copy[((size_t)data[i] * 256 + data[i + 1]) % len] = data[i + 2];
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bug_if(fd < 0 || write(fd, copy, len) != (ssize_t)len);
	(void)close(fd);
	free(copy);
	struct sync_state *s = opened(path, &verdict);
	bug_if(!s && verdict != SYNC_STATE_FOREIGN &&
	       verdict != SYNC_STATE_NEWER_VERSION &&
	       verdict != SYNC_STATE_OTHER_ACCOUNT);
	if (s) {
		check(s);
		fill(s);
		check(s);
	}
	sync_state_close(s);
	remove_all(path);
	(void)rmdir(folder);
	free(path);
	free(folder);
	return 0;
}
