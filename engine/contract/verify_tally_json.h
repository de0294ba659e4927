// SPDX-License-Identifier: MIT
/* The counts of a comparison as a JSON object: those that are not 0. */
#ifndef ENGINE_CONTRACT_VERIFY_TALLY_JSON_H
#define ENGINE_CONTRACT_VERIFY_TALLY_JSON_H

struct json_t;
struct verify_tally;

/* A new reference, or NULL when out of memory. */
struct json_t *verify_tally_json_new(const struct verify_tally *t);

/* -1: not an object, or a counter is no whole number from 0 up. */
int verify_tally_json_read(const struct json_t *object,
    struct verify_tally *out) __attribute__((warn_unused_result));

#endif
