// SPDX-License-Identifier: MIT
/*
 * What a running batch leaves for others to read: status.json and the
 * Prometheus text file, made from a snapshot.  mailconvoy-formats(5) describes both.
 */
#ifndef ORCHESTRATOR_STATUS_FILE_H
#define ORCHESTRATOR_STATUS_FILE_H

#include <stddef.h>

struct error;
struct snapshot;
struct json_t;

enum {
	STATUS_FILE_VERSION = 1,
	STATUS_FILE_MAX_BYTES = 16 * 1024 * 1024 /* to be read */
};

/* Heap strings, NULL when out of memory. */
char *status_file_json(const struct snapshot *s);
char *status_file_prom(const struct snapshot *s);

/* Writes status.json and mailconvoy.prom into the directory of a run. */
int status_file_write(const char *run_path, const struct snapshot *s,
    struct error *err) __attribute__((warn_unused_result));

/* status.json of a run: a new reference, NULL when there is none or it is of
 * another version. */
struct json_t *status_file_read(const char *run_path);
void status_file_free(struct json_t *status);

#endif
