// SPDX-License-Identifier: MIT
#include "engine/sync/sync_marker.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "engine/base/log.h"

static char base[] = "/tmp/test-marker.XXXXXX";
static char folder[64], since[80];
static struct log *quiet;

/* A folder that is old enough. */
static void make_folder(void)
{
	static const struct timespec old[2] = {{1000, 0}, {1000, 0}};

	cr_assert_eq(mkdir(folder, 0700), 0);
	int fd = open(since, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	cr_assert_geq(fd, 0);
	cr_assert_eq(futimens(fd, old), 0);
	(void)close(fd);
}

static void set_up(void)
{
	cr_assert_not_null(mkdtemp(base));
	(void)snprintf(folder, sizeof(folder), "%s/mailconvoy", base);
	(void)snprintf(since, sizeof(since), "%s/since", folder);
	cr_assert_eq(setenv("XDG_RUNTIME_DIR", base, 1), 0);
	quiet = log_open(NULL, LOG_LEVEL_ERROR, &(struct error){.text = ""});
}

/* The name of the one marker, which is there when `wanted`. */
static void find(bool wanted, char out[400])
{
	DIR *d = opendir(folder);
	int found = 0;

	cr_assert_not_null(d);
	for (const struct dirent *e; (e = readdir(d));) {
		if (e->d_name[0] == '.' || strcmp(e->d_name, "since") == 0)
			continue;
		(void)snprintf(out, 400, "%s/%s", folder, e->d_name);
		found++;
	}
	(void)closedir(d);
	cr_assert_eq(found, wanted ? 1 : 0);
}

static void tear_down(void)
{
	char name[400];

	log_close(quiet);
	DIR *d = opendir(folder);
	for (const struct dirent *e; d && (e = readdir(d));) {
		(void)snprintf(name, sizeof(name), "%s/%s", folder, e->d_name);
		(void)unlink(name);
	}
	if (d)
		(void)closedir(d);
	(void)rmdir(folder);
	(void)unlink(folder);
	(void)rmdir(base);
}

TestSuite(sync_marker, .init = set_up, .fini = tear_down);

static void take_and_release(enum sync_marker_verdict wanted, bool stays)
{
	struct error err = {.kind = ERROR_NONE};
	struct sync_marker *m = sync_marker_take("a > b", quiet, &err);

	cr_assert_not_null(m, "%s", err.text);
	cr_assert_eq(sync_marker_verdict(m), wanted, "verdict %d",
	    (int)sync_marker_verdict(m));
	if (stays)
		sync_marker_sending(m);
	sync_marker_release(m, stays);
}

Test(sync_marker, goes_when_nothing_is_in_doubt)
{
	char name[400];

	make_folder();
	take_and_release(SYNC_MARKER_FREE, false);
	find(false, name);
	take_and_release(SYNC_MARKER_FREE, false);
}

Test(sync_marker, stays_until_a_run_has_answers_to_everything)
{
	char name[400];

	make_folder();
	take_and_release(SYNC_MARKER_FREE, true);
	find(true, name);
	take_and_release(SYNC_MARKER_LEFT, true);
	take_and_release(SYNC_MARKER_LEFT, false);
	take_and_release(SYNC_MARKER_FREE, false);
}

Test(sync_marker, of_a_run_that_dies_stays)
{
	make_folder();
	pid_t pid = fork();
	if (pid == 0) {
		struct error err = {.kind = ERROR_NONE};
		struct sync_marker *m = sync_marker_take("a > b", quiet, &err);
		sync_marker_sending(m);
		_exit(m ? 0 : 1);
	}
	int status = 1;
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
	take_and_release(SYNC_MARKER_LEFT, false);
}

Test(sync_marker, of_a_run_that_sent_nothing_means_nothing)
{
	struct error err = {.kind = ERROR_NONE};
	char name[400];

	make_folder();
	sync_marker_release(sync_marker_take("a > b", quiet, &err), true);
	find(true, name);
	take_and_release(SYNC_MARKER_FREE, true);
	// but one before it may be the one that is waited for
	sync_marker_release(sync_marker_take("a > b", quiet, &err), true);
	take_and_release(SYNC_MARKER_LEFT, false);
}

/* Returns what the runs before have left. */
static int64_t answered(int64_t took_ms)
{
	struct error err = {.kind = ERROR_NONE};
	struct sync_marker *m = sync_marker_take("a > b", quiet, &err);

	cr_assert_not_null(m);
	int64_t left = sync_marker_left_ms(m);
	sync_marker_sending(m);
	if (took_ms >= 0)
		sync_marker_answered(m, took_ms);
	sync_marker_release(m, true);
	return left;
}

Test(sync_marker, tells_how_slow_answers_were)
{
	static const int64_t most = 999999999;

	make_folder();
	cr_expect_eq(answered(-1), 0);
	cr_expect_eq(answered(0), 0);
	cr_expect_eq(answered(40), 1);
	cr_expect_eq(answered(20), 40);
	cr_expect_eq(answered(45), 40, "not for a little more");
	cr_expect_eq(answered(7000), 40);
	cr_expect_eq(answered(most * 5), 7000);
	cr_expect_eq(answered(1), most);
	take_and_release(SYNC_MARKER_LEFT, false);
	cr_expect_eq(answered(-1), 0, "it was another's");
}

/* Whatever stands there, it is a run of which nothing is known. */
Test(sync_marker, is_believed_only_when_it_can_be_read)
{
	static const char *const texts[] = {"", "host", "host\n",
	    "host\nAPPEND ", "host\nAPPEND none", "host\nAPPEND none     \n ",
	    "host\nAPPEND 00000001\n", "host\nAPPEND 0000000012\n",
	    "host\nAPPEND -00000001\n", "APPEND none     \n"};
	char name[400];

	make_folder();
	take_and_release(SYNC_MARKER_FREE, true);
	find(true, name);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct error err = {.kind = ERROR_NONE};
		FILE *f = fopen(name, "w");
		cr_assert(f && fputs(texts[i], f) >= 0 && fclose(f) == 0);
		struct sync_marker *m = sync_marker_take("a > b", quiet, &err);
		cr_expect_eq(
		    sync_marker_verdict(m), SYNC_MARKER_LEFT, "'%s'", texts[i]);
		cr_expect_eq(sync_marker_left_ms(m), 0, "'%s'", texts[i]);
		sync_marker_release(m, true);
	}
}

Test(sync_marker, is_held_by_one_run)
{
	struct error err = {.kind = ERROR_NONE};
	char name[400];

	make_folder();
	struct sync_marker *first = sync_marker_take("a > b", quiet, &err);
	struct sync_marker *other = sync_marker_take("a > c", quiet, &err);
	cr_assert(first && other);
	cr_assert_null(sync_marker_take("a > b", quiet, &err));
	cr_assert_eq(err.kind, ERROR_IO);
	cr_assert_str_eq(err.reason, "local.locked");
	cr_assert_not_null(strstr(err.text, " pid "), "%s", err.text);
	sync_marker_release(other, false);
	sync_marker_release(first, false);
	find(false, name);
}

Test(sync_marker, in_a_new_folder_says_nothing)
{
	take_and_release(SYNC_MARKER_UNKNOWN, false);
	take_and_release(SYNC_MARKER_UNKNOWN, true);
	take_and_release(SYNC_MARKER_LEFT, false);
	take_and_release(SYNC_MARKER_UNKNOWN, false);
}

Test(sync_marker, follows_no_link)
{
	char name[400];
	struct stat st;

	make_folder();
	take_and_release(SYNC_MARKER_FREE, true);
	find(true, name);
	cr_assert_eq(unlink(name), 0);
	cr_assert_eq(symlink("since", name), 0);
	take_and_release(SYNC_MARKER_UNKNOWN, false);
	cr_assert_eq(lstat(name, &st), 0);
	cr_assert(S_ISLNK(st.st_mode));
	// what could not be marked must not be taken for what was not run
	cr_assert_eq(stat(since, &st), 0);
	cr_assert_gt(st.st_mtime, time(NULL));
	cr_assert_eq(unlink(name), 0);
	cr_assert_eq(mkfifo(name, 0600), 0);
	take_and_release(SYNC_MARKER_UNKNOWN, false);
}

Test(sync_marker, needs_a_folder_that_is_ours_alone)
{
	static const struct {
		const char *label;
		mode_t base, folder;
	} rows[] = {
	    {"open to the group", 0700, 0710},
	    {"open to all", 0700, 0701},
	    {"below one that all may change", 0777, 0700},
	    {"below one that the group may change", 0770, 0700},
	};

	char name[400];

	make_folder();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = {.kind = ERROR_NONE};
		cr_assert_eq(chmod(base, rows[i].base), 0);
		cr_assert_eq(chmod(folder, rows[i].folder), 0);
		struct sync_marker *m =
		    sync_marker_take(rows[i].label, quiet, &err);
		find(false, name); // another folder took it
		sync_marker_release(m, false);
		cr_assert_eq(chmod(base, 0700), 0);
	}
	cr_assert_eq(chmod(folder, 0700), 0);
	take_and_release(SYNC_MARKER_FREE, false);
}

Test(sync_marker, needs_a_folder_that_is_no_link)
{
	struct error err = {.kind = ERROR_NONE};

	cr_assert_eq(symlink(base, folder), 0);
	struct sync_marker *m = sync_marker_take("linked", quiet, &err);
	cr_assert_not_null(m);
	cr_assert_eq(access(since, F_OK), -1);
	sync_marker_release(m, false);
}
