// SPDX-License-Identifier: MIT
/* A JSON object as a file of its own, 0600, whole or not at all. */
#ifndef ORCHESTRATOR_JSON_FILE_H
#define ORCHESTRATOR_JSON_FILE_H

struct error;
struct json_t;

/* Written beside it and renamed. Takes `object` (NULL: out of memory). */
int json_file_write(const char *path, struct json_t *object, struct error *err)
    __attribute__((warn_unused_result));

/* A new reference to an object, or NULL: err->kind is ERROR_CONFIG when the
 * file can be read but is no JSON object. */
struct json_t *json_file_read(const char *path, struct error *err);

#endif
