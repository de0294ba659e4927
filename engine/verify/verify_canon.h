// SPDX-License-Identifier: MIT
/*
 * A message becomes a digest while it streams by: the same for any split of
 * the same bytes, and nothing of it is kept. Pure.
 *
 * `strict` is over every byte, and a line end where the last one is missing.
 * `loose`, only when asked for, is over what no allowed change touches: a copy
 * may add a line end, cut long lines, make line ends CRLF; a server may replace
 * NUL and 8-bit octets of a header. It leaves these out, or makes both forms
 * the same. Two messages whose loose digests are equal are the same only when
 * their features explain why the strict ones are not (verify_canon_explain).
 */
#ifndef ENGINE_VERIFY_VERIFY_CANON_H
#define ENGINE_VERIFY_VERIFY_CANON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/hash.h"
#include "engine/contract/job.h"

/* What stands in a message that may be different in its copy, a set. */
enum verify_feature {
	VERIFY_FEATURE_NO_LINE_END = 1, /* at its very end */
	VERIFY_FEATURE_LONG_LINE = 2,   /* over 9000 bytes */
	VERIFY_FEATURE_LINE_ENDS = 4,   /* a CR or LF alone */
	VERIFY_FEATURE_NUL = 8,
	VERIFY_FEATURE_EIGHT_BIT = 16, /* in its header */
	VERIFY_FEATURE_FROM_LINE = 32  /* "From " comes first */
};

enum {
	VERIFY_CANON_LINE_MAX = 9000
};

struct verify_digest {
	uint8_t strict[HASH_KEY_BYTES], loose[HASH_KEY_BYTES];
	uint8_t joined[HASH_KEY_BYTES]; /* loose, also without line ends */
	uint64_t ident; /* of Message-ID and Date; of the first characters of
			   a message that has neither; 0: it is empty */
	uint64_t bytes;
	unsigned features;
};

struct verify_canon;

/* `rule` says what long lines become. */
struct verify_canon *verify_canon_new(enum job_long_lines rule);
void verify_canon_free(struct verify_canon *c);

/* Begins a message. */
void verify_canon_begin(struct verify_canon *c, bool with_loose);
void verify_canon_add(struct verify_canon *c, const char *bytes, size_t len);
void verify_canon_end(struct verify_canon *c, struct verify_digest *out);

/* A header alone, without what ends it; of a long one the first 48 KiB. */
void verify_canon_header(struct verify_canon *c, const char *bytes, size_t len,
    struct verify_digest *out);

/*
 * Is `target` what an allowed change makes of `source`? Both have their loose
 * digests. False: no, or nothing explains the difference. The set of features
 * that are no longer there, or not equal, comes with it; 0 when both are the
 * same to the last byte.
 */
bool verify_canon_explain(const struct verify_digest *source,
    const struct verify_digest *target, enum job_long_lines rule,
    unsigned *kinds_out);

/* Features that can explain any difference at all, under this rule. */
unsigned verify_canon_explaining(enum job_long_lines rule);

#endif
