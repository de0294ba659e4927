// SPDX-License-Identifier: MIT
/*
 * A tally as a JSON object, the same in records, journal and reports: the
 * terms of the identity always, the other counters when they are not 0.
 */
#ifndef ENGINE_CONTRACT_TALLY_JSON_H
#define ENGINE_CONTRACT_TALLY_JSON_H

struct json_t;
struct tally;

/* A new reference, or NULL when out of memory. */
struct json_t *tally_json_new(const struct tally *t);

/* -1: not an object, or a counter is no whole number from 0 up. */
int tally_json_read(const struct json_t *object, struct tally *out)
    __attribute__((warn_unused_result));

#endif
