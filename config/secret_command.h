// SPDX-License-Identifier: MIT
/*
 * A command that prints a secret: run without a shell, in a process group of
 * its own, with a deadline and a cap on what it may print.  Nothing here
 * blocks but secret_command_run; knows nothing of accounts.
 *
 * A caller with a loop: start; poll `out_fd` and `err_fd` for reading (-1:
 * closed) until `deadline_ms` (engine/base/clock.h); feed when one of them is
 * readable; hand the wait status of `pid` to reaped, from whoever reaps; stop
 * when the deadline is past. As soon as is_done, finish.  Whoever reaps kills
 * the group first, while the zombie still keeps its number.
 */
#ifndef CONFIG_SECRET_COMMAND_H
#define CONFIG_SECRET_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct error;
struct plan_secret;
struct secret;

enum {
	SECRET_COMMAND_MAX_BYTES = 64 * 1024,
	SECRET_COMMAND_TAIL_BYTES = 256 /* of standard error, for messages */
};

struct secret_command {
	pid_t pid; /* leads its group; 0: reaped, or not started */
	int out_fd, err_fd;
	int64_t deadline_ms;
	bool is_stopped;
	/* private */
	const struct plan_secret *source;
	char *out; /* SECRET_COMMAND_MAX_BYTES + 1 */
	size_t out_len;
	char tail[SECRET_COMMAND_TAIL_BYTES + 1];
	size_t tail_len;
	bool is_too_long, is_late;
	int status; /* as waitpid gives it */
};

/*
 * `env`: its environment, NULL: ours. It gets standard signals and descriptors
 * 0 to 2, no others. `source` is a COMMAND and outlives the command. When it
 * cannot be started nothing is left to release: ERROR_CONFIG, or ERROR_OS with
 * err->retry when the system is only short of something.
 */
int secret_command_start(struct secret_command *c,
    const struct plan_secret *source, char *const *env, struct error *err)
    __attribute__((warn_unused_result));

/* Takes what is there. */
void secret_command_feed(struct secret_command *c);

/* The process has ended, and its group with it; what they had written is
 * taken. */
void secret_command_reaped(struct secret_command *c, int status);

/* Kills the group; `is_late`: because the deadline is past. */
void secret_command_stop(struct secret_command *c, bool is_late);

/* Reaped, and there is nothing more to read. */
bool secret_command_is_done(const struct secret_command *c);

/* Its first line, without the line end. ERROR_CONFIG says why not, with the end
 * of what it wrote to standard error, never with what it printed. Releases. */
int secret_command_finish(struct secret_command *c, struct secret *out,
    struct error *err) __attribute__((warn_unused_result));

/* Gives it up: killed, reaped when need be, wiped. */
void secret_command_release(struct secret_command *c);

/* All of it; waits, at most for the source's timeout and a moment. */
int secret_command_run(const struct plan_secret *source, struct secret *out,
    struct error *err) __attribute__((warn_unused_result));

#endif
