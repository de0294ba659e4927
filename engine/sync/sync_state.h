// SPDX-License-Identifier: MIT
/*
 * What was known of an account pair when the last run ended, in one SQLite file:
 * fingerprints of both sides and pairs of UIDs by mailbox, and which APPENDs may
 * have been under way.  An accelerator, never the authority: what is missing
 * here costs a comparison, what is here was true when it was written, and the
 * caller must not believe it when the servers say otherwise.
 *
 * What is read back is bounded and checked row by row; a mailbox one of whose
 * rows is not as it was written is forgotten as a whole.
 *
 * Safe for several threads.  Nothing here waits for a network; a commit writes
 * to a local file without waiting for the disk, a checkpoint now and then waits.
 *
 * A write that fails is remembered: it and every later write return the error
 * (kind ERROR_OS), nothing is stored any more, and the caller stops copying.
 */
#ifndef ENGINE_SYNC_SYNC_STATE_H
#define ENGINE_SYNC_SYNC_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct log;
struct sync_state;

enum {
	SYNC_STATE_PAIRS_MAX = 20 * 1000 * 1000 /* of a mailbox, read back */
};

enum sync_state_verdict {
	/* a state is returned */
	SYNC_STATE_NEW,
	SYNC_STATE_OLD,
	SYNC_STATE_TORN, /* was ours but damaged: now PATH.broken, a new one made */
	/* NULL; no error of the run, but to be told: work without */
	SYNC_STATE_OTHER_ACCOUNT,
	SYNC_STATE_FOREIGN, /* not made by us: left as it is */
	SYNC_STATE_NEWER_VERSION,
	/* NULL; the run must not start */
	SYNC_STATE_LOCKED, /* another engine has it: ERROR_IO, "local.locked" */
	SYNC_STATE_FAILED  /* disk, permission, symbolic link, FIFO: ERROR_OS */
};

struct sync_state_side {
	uint32_t uidvalidity, uidnext, messages; /* 0: not told */
	uint64_t highestmodseq;                  /* 0: not told */
};

/* The end of a pass over a mailbox. */
struct sync_state_box {
	struct sync_state_side source, target;
	uint64_t present, deleted; /* tally of that pass */
	bool complete;
};

struct sync_state_pair {
	uint32_t source_uid;
	uint32_t target_uid; /* 0: it is there, its UID is not known */
};

/* From `uidnext` on, up to `count` messages may have arrived on the target that
 * have no pair. */
struct sync_state_intent {
	uint32_t uidvalidity, uidnext;
	uint32_t count;
};

/*
 * Opens or makes the file and holds it alone, by a lock on PATH.lock, until the
 * close or the end of the process. `pair_key` names the account pair. `log` may
 * be NULL and is told of a damaged file only. On NULL `err` holds the text,
 * for the verdicts that mean "work without" too. The folder must exist.
 */
struct sync_state *sync_state_open(const char *path, const char *pair_key,
    struct log *log, enum sync_state_verdict *verdict_out, struct error *err)
    __attribute__((warn_unused_result));

/* Commits what it can; who wants to know calls sync_state_flush before. NULL is
 * fine. */
void sync_state_close(struct sync_state *state);

/* Names are bytes as on the wire, of any length. */
bool sync_state_find(struct sync_state *state, const char *source_name,
    const char *target_name, struct sync_state_box *box_out);

/* Stores or replaces the record. The pairs stay when both UIDVALIDITY stay,
 * else they go; an intent is not touched. */
int sync_state_put(struct sync_state *state, const char *source_name,
    const char *target_name, const struct sync_state_box *box,
    struct error *err) __attribute__((warn_unused_result));

/* Drops the record, the pairs and the intent. */
int sync_state_forget(struct sync_state *state, const char *source_name,
    const char *target_name, struct error *err)
    __attribute__((warn_unused_result));

/*
 * The pairs of the mailbox by source UID, each once, in a heap array that the
 * caller frees (NULL when there are none). Of two pairs of one source UID the
 * one with the greater target UID counts. Returns their number.
 */
size_t sync_state_load_pairs(struct sync_state *state, const char *source_name,
    const char *target_name, struct sync_state_pair **pairs_out);

/* In any order. They hold for the UIDVALIDITYs of the stored record, which must
 * be there: without it, or when one of them is 0, nothing is stored. */
int sync_state_add_pairs(struct sync_state *state, const char *source_name,
    const char *target_name, const struct sync_state_pair *pairs, size_t count,
    struct error *err) __attribute__((warn_unused_result));

/* Drops the pairs whose source UID is not in `kept` (ascending). */
int sync_state_drop_missing(struct sync_state *state, const char *source_name,
    const char *target_name, const uint32_t *kept, size_t kept_count,
    struct error *err) __attribute__((warn_unused_result));

/*
 * To be called before an APPEND leaves: when it returns 0, the intent and all
 * that was given before survive the end of this process. Over an intent that
 * stands (same UIDVALIDITY) the lower `uidnext` stays and the counts add up.
 */
int sync_state_intend(struct sync_state *state, const char *source_name,
    const char *target_name, const struct sync_state_intent *intent,
    struct error *err) __attribute__((warn_unused_result));

/* All that was under way is known now, its pairs are added. */
int sync_state_settled(struct sync_state *state, const char *source_name,
    const char *target_name, struct error *err)
    __attribute__((warn_unused_result));

bool sync_state_has_intent(struct sync_state *state, const char *source_name,
    const char *target_name, struct sync_state_intent *intent_out);

/* Of any mailbox; reads them all. True when that cannot be told. */
bool sync_state_any_intent(struct sync_state *state);

/* Commits what is buffered. */
int sync_state_flush(struct sync_state *state, struct error *err)
    __attribute__((warn_unused_result));

#endif
