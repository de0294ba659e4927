// SPDX-License-Identifier: MIT
/* The engine as a program: command line or job in, exit code out. */
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/engine_confine.h"
#include "cmd/engine_options.h"
#include "engine/base/buf.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/base/pace.h"
#include "engine/base/text.h"
#include "engine/contract/exit_code.h"
#include "engine/contract/record.h"
#include "engine/sync/sync_accounting.h"
#include "engine/sync/sync_run.h"
#include "engine/verify/verify_run.h"

enum {
	JOB_WAIT_MS = 30000,
	JOB_READ_BYTES = 64 * 1024
};

/* Bodies come and go in all sizes on two threads: one arena, big ones mapped
 * and returned at once, keeps the process as small as its queue. */
static void tune_memory(void)
{
	(void)mallopt(M_ARENA_MAX, 1);
	(void)mallopt(M_MMAP_THRESHOLD, 512 * 1024);
	(void)mallopt(M_TRIM_THRESHOLD, 1024 * 1024);
}

/* SIGINT, SIGTERM and SIGHUP become a descriptor; SIGPIPE an error code. */
static int open_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Reads the job line; the descriptor stays open, its end means stop. */
static int read_job(int fd, struct job *job, struct error *err)
{
	int64_t deadline = clock_ms() + JOB_WAIT_MS;
	struct buf line;
	char *end = NULL;
	int rc = -1;

	buf_init(&line, JOB_LINE_MAX);
	while (!end) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		char *room = buf_reserve(&line, JOB_READ_BYTES);
		if (!room || poll(&p, 1, clock_poll_ms(deadline)) <= 0)
			break;
		ssize_t n = read(fd, room, JOB_READ_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		buf_added(&line, (size_t)n);
		end = memchr(line.data, '\n', line.len);
	}
	if (end)
		rc = job_decode(line.data, (size_t)(end - line.data), job, err);
	else
		(void)error_set(err, ERROR_CONFIG, "config.job",
		    "no whole job came on descriptor %d", fd);
	buf_wipe(&line);
	return rc;
}

static int fail(
    const struct engine_options *o, struct log *log, const struct error *err)
{
	int code = (int)exit_code_of_error(err);

	if (log)
		log_write(log, LOG_LEVEL_ERROR, "engine", "%s", err->text);
	if (!log || o->log_path)
		(void)fprintf(stderr, "syncIMAPMail: %s\n", err->text);
	if (o->record_fd >= 0) {
		const struct record record = {.event = RECORD_END,
		    .exit = code,
		    .reason = (char *)(uintptr_t)err->reason,
		    .text = (char *)(uintptr_t)err->text};
		size_t len = 0;
		char *line = record_encode(&record, &len);
		if (!line)
			mem_out();
		(void)fd_write_all(o->record_fd, line, len);
		free(line);
	}
	return code;
}

/* What this engine may use of the line, alone and with others. */
static int set_pace(struct job *job, struct pace_bucket *own, struct error *err)
{
	struct pace_bucket *shared = NULL;
	size_t count = 0;

	if (job->options.bandwidth > 0) {
		own->rate = (uint64_t)job->options.bandwidth * 1024;
		job->source.pace.reads[1] = own;
	}
	if (job->options.pace_fd == 0)
		return 0;
	if (pace_join((int)job->options.pace_fd, &shared, &count, err) < 0)
		return -1;
	job->source.pace.reads[0] = shared;
	if (job->source.bucket > 0 && job->source.bucket < count)
		job->source.pace.both = &shared[job->source.bucket];
	if (job->target.bucket > 0 && job->target.bucket < count)
		job->target.pace.both = &shared[job->target.bucket];
	return 0;
}

/* The account is copied or compared; how it ended. */
static int work(const struct engine_options *o, struct log *log, int signal_fd,
    struct error *err)
{
	if (o->job.options.verify != JOB_VERIFY_OFF) {
		const struct verify_run_io io = {.log = log,
		    .record_fd = o->record_fd,
		    .stop_fds = {signal_fd, o->job_fd}};
		struct verify_result result;
		verify_run(&o->job, &io, &result);
		*err = result.error;
		return (int)result.exit;
	}
	const struct sync_run_io io = {.log = log,
	    .record_fd = o->record_fd,
	    .stop_fds = {signal_fd, o->job_fd}};
	struct sync_result result;
	sync_run(&o->job, &io, &result);
	*err = result.error;
	return (int)result.exit;
}

/* To whoever looks: a full disk does not end a run, but is told. */
static void say_lost(const struct log *log)
{
	char words[96];
	int why = 0;
	uint64_t lost = log_lost(log, &why);

	if (lost > 0)
		(void)fprintf(stderr,
		    "syncIMAPMail: the log is not whole: %" PRIu64
		    " lines could not be written: %s\n",
		    lost, text_errno(why, words, sizeof(words)));
}

static int run(struct engine_options *o, int signal_fd)
{
	struct pace_bucket own = {0};
	struct error err = {.kind = ERROR_NONE};
	struct log *log = NULL;

	if (o->job_fd >= 0 && read_job(o->job_fd, &o->job, &err) < 0)
		return fail(o, NULL, &err);
	log = log_open(o->log_path,
	    o->job.options.verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, &err);
	if (!log)
		return fail(o, NULL, &err);
	int code;
	if (job_check(&o->job, &err) < 0 || set_pace(&o->job, &own, &err) < 0) {
		code = fail(o, log, &err);
	} else {
		engine_confine(&o->job, log);
		code = work(o, log, signal_fd, &err);
		if (o->log_path && o->record_fd < 0 && err.kind != ERROR_NONE)
			(void)fprintf(stderr, "syncIMAPMail: %s\n", err.text);
		if (o->log_path && o->record_fd < 0)
			say_lost(log);
	}
	log_close(log);
	o->job.source.pace.reads[1] = NULL; // it was ours
	return code;
}

int main(int argc, char **argv)
{
	struct engine_options o;
	struct error err = {.kind = ERROR_NONE};
	int code;

	if (fd_fill_standard() < 0) {
		perror("syncIMAPMail: cannot open /dev/null");
		return EXIT_CODE_LOCAL;
	}
	(void)umask(077);
	secret_harden_process();
	tune_memory();
	int signal_fd = open_signals();
	int signal_errno = errno;
	if (engine_options_parse(&o, argc, argv, &err) < 0) {
		code = fail(&o, NULL, &err);
	} else if (o.wants_help) {
		engine_options_help(stdout);
		code = EXIT_CODE_OK;
	} else if (o.wants_version) {
		(void)printf("syncIMAPMail %s\n", MAILCONVOY_VERSION);
		code = EXIT_CODE_OK;
	} else if (signal_fd < 0) { // nothing could stop it
		errno = signal_errno;
		(void)error_set_errno(&err, ERROR_OS, "local.descriptors",
		    "cannot set up signals");
		code = fail(&o, NULL, &err);
	} else {
		code = run(&o, signal_fd);
	}
	engine_options_release(&o);
	fd_close(&signal_fd);
	return code;
}
