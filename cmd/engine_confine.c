// SPDX-License-Identifier: MIT
#include "cmd/engine_confine.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "engine/base/confine.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/contract/job.h"
#include "engine/sync/sync_marker.h"

enum {
	PORT_DNS = 53,
	OTHER_FILES = 64 /* beside the two sockets of each connection */
};

/* What names of hosts, certificates and hours are made of. */
static const char *const system_folders[] = {
    "/etc",
    "/usr",
    "/lib",
    "/lib64",
    "/run",
    "/dev",
    "/proc",
    "/sys",
    "/var/lib/sss",
    "/nix",
    "/gnu",
};

/* Folders with ":" between them. */
static void allow_list(struct confine *c, const char *list)
{
	char *copy = list ? mem_strdup(list) : NULL;
	char *rest = copy;
	const char *folder = NULL;

	while ((folder = strsep(&rest, ":")))
		confine_read(c, folder);
	free(copy);
}

static void allow_system(struct confine *c)
{
	char resolver[PATH_MAX];

	for (size_t i = 0; i < ARRAY_LEN(system_folders); i++)
		confine_read(c, system_folders[i]);
	// often a link to somewhere else
	if (realpath("/etc/resolv.conf", resolver))
		confine_read(c, resolver);
	confine_read(c, getenv("SSL_CERT_FILE"));
	allow_list(c, getenv("SSL_CERT_DIR"));
}

/* The folder that a file stands in. */
static void allow_folder(struct confine *c, const char *path,
    void (*allow)(struct confine *, const char *))
{
	char *folder = mem_strdup(path);
	char *slash = strrchr(folder, '/');

	if (slash)
		slash[slash == folder ? 1 : 0] = '\0';
	allow(c, slash ? folder : ".");
	free(folder);
}

/* Who renews a token puts another file in its place, or another link. */
static void allow_token(struct confine *c, const char *path)
{
	char target[PATH_MAX];

	if (!path)
		return;
	allow_folder(c, path, confine_read);
	if (realpath(path, target))
		allow_folder(c, target, confine_read);
}

static void allow_writing(struct confine *c, const struct job *job)
{
	const char *spool = getenv("TMPDIR");
	char marker[PATH_MAX];

	// SQLite makes its files beside the one it was told of
	if (job->options.state_file)
		allow_folder(c, job->options.state_file, confine_write);
	confine_write(c, spool && spool[0] == '/' ? spool : "/tmp");
	// who looks only makes neither a marker nor its folder
	if (!job->options.dry_run && !job->options.probe &&
	    job->options.verify == JOB_VERIFY_OFF && sync_marker_folder(marker))
		confine_write(c, marker);
#ifdef MAILCONVOY_DEBUG
	// where sanitizers and tests write what they found
	confine_write(c, getenv("MAILCONVOY_CONFINE_ALSO"));
#endif
}

static void allow_endpoint(struct confine *c, const struct job_endpoint *e)
{
	confine_read(c, e->ca_file);
	allow_token(c, e->token_file);
	confine_connect(c, job_endpoint_port(e));
	confine_connect(c, e->cli_port);
}

/* Sockets of all connections and a few files; more would be a leak. */
static void limit_files(const struct job *job)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return;
	rlim_t most = OTHER_FILES + 4 * (rlim_t)job->options.connections +
		      job->options.queue_max;
	if (files.rlim_cur > most)
		files.rlim_cur = most;
	if (files.rlim_max > files.rlim_cur)
		files.rlim_max = files.rlim_cur;
	(void)setrlimit(RLIMIT_NOFILE, &files);
}

void engine_confine(const struct job *job, struct log *log)
{
	struct confine c;

	limit_files(job);
	if (!job->options.confine)
		return;
	confine_begin(&c);
	allow_system(&c);
	allow_writing(&c, job);
	allow_endpoint(&c, &job->source);
	allow_endpoint(&c, &job->target);
	confine_connect(&c, PORT_DNS);
	switch (confine_seal(&c)) {
	case CONFINE_DONE:
		log_write(log, LOG_LEVEL_DEBUG, "engine",
		    "confined: no other files, programs and TCP ports");
		break;
	case CONFINE_DONE_WITHOUT_PORTS:
		log_write(log, LOG_LEVEL_DEBUG, "engine",
		    "confined: no other files and programs; this kernel cannot refuse TCP ports");
		break;
	case CONFINE_UNKNOWN:
		log_write(log, LOG_LEVEL_DEBUG, "engine",
		    "not confined: this kernel has no Landlock");
		break;
	case CONFINE_FAILED:
		log_write(log, LOG_LEVEL_WARNING, "engine", "not confined: %s",
		    strerror(errno));
		break;
	}
}
