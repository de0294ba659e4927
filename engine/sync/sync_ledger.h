// SPDX-License-Identifier: MIT
/*
 * What all connections of a run know together about each mailbox of the target:
 * whether it takes messages, which UIDs there are ours, and who has an APPEND
 * to it under way.  A message in doubt can be told from those of the other
 * connections only with it.  Safe for several threads; waits for nothing: who
 * may not go on now is woken when that may have changed.
 *
 * What is ours is known by its UID where the server tells it (APPENDUID), else
 * by its key.  Whoever searches a mailbox is alone: nobody else has an APPEND to
 * it under way, or begins one, until the search is over.
 */
#ifndef ENGINE_SYNC_SYNC_LEDGER_H
#define ENGINE_SYNC_SYNC_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sync_index;
struct sync_key;
struct sync_ledger;
struct sync_wake;

enum sync_ledger_state {
	SYNC_LEDGER_NEW,    /* not known yet */
	SYNC_LEDGER_READY,  /* takes messages */
	SYNC_LEDGER_REFUSED /* cannot be used; that was said */
};

struct sync_ledger *sync_ledger_new(unsigned lanes);
void sync_ledger_free(struct sync_ledger *l);

/* Whom to wake; to be told before a second thread begins. */
void sync_ledger_set_wake(
    struct sync_ledger *l, unsigned lane, struct sync_wake *wake);

/* How many mailboxes there are. Once, before anything below. */
void sync_ledger_open(struct sync_ledger *l, size_t mailboxes);

/* The first UID that may be ours; `at_first` keeps one that is known. */
void sync_ledger_set_mark(
    struct sync_ledger *l, size_t mailbox, uint32_t uidnext, bool at_first);
uint32_t sync_ledger_mark(struct sync_ledger *l, size_t mailbox);

/* Of the mailbox; 0: not known. The setter forgets nothing. */
void sync_ledger_set_uidvalidity(
    struct sync_ledger *l, size_t mailbox, uint32_t uidvalidity);
uint32_t sync_ledger_uidvalidity(struct sync_ledger *l, size_t mailbox);

/* True when that is new. */
bool sync_ledger_set_state(
    struct sync_ledger *l, size_t mailbox, enum sync_ledger_state state);
enum sync_ledger_state sync_ledger_state(struct sync_ledger *l, size_t mailbox);

/* The same of the source's side of it. True at the first time. */
bool sync_ledger_refuse_source(struct sync_ledger *l, size_t mailbox);

/* Somebody else's messages may be among those from the mark on, and they had
 * come to stand below `end` (0: not known). */
void sync_ledger_set_strangers(
    struct sync_ledger *l, size_t mailbox, uint32_t end);
bool sync_ledger_has_strangers(struct sync_ledger *l, size_t mailbox);

/* False when all from the mark on may be theirs, else those between `*end_out`
 * and `*next_out` (not included) are ours. */
bool sync_ledger_strangers(struct sync_ledger *l, size_t mailbox,
    uint32_t *end_out, uint32_t *next_out);

/* The mailbox is made anew: nothing of ours is there. */
void sync_ledger_reset(struct sync_ledger *l, size_t mailbox);

/* Flags that are kept: " \Seen $x " (copied), of a mailbox or, with SIZE_MAX, of
 * those not asked. The getter: the list of the mailbox or that of the others in
 * malloc'd memory, or NULL: not known. */
void sync_ledger_set_flags(
    struct sync_ledger *l, size_t mailbox, const char *list, bool any_keyword);
char *sync_ledger_flags(
    struct sync_ledger *l, size_t mailbox, bool *any_keyword_out);

/* The leader: further connections may append from now on. */
void sync_ledger_go(struct sync_ledger *l);
bool sync_ledger_is_going(struct sync_ledger *l);

/* A further connection has messages: the leader shall see to that. */
void sync_ledger_want_go(struct sync_ledger *l);
bool sync_ledger_is_wanted(struct sync_ledger *l);

/* An APPEND is going to be sent: false when somebody searches. *floor_out: what
 * it stores has this UID or a greater one. */
bool sync_ledger_begin_append(
    struct sync_ledger *l, size_t mailbox, unsigned lane, uint32_t *floor_out);

/* It was answered, or its session is lost. */
void sync_ledger_end_append(
    struct sync_ledger *l, size_t mailbox, unsigned lane);

/*
 * `count` messages were stored: takes what "APPENDUID" said (its arguments).
 * Returns the last UID; 0 when that is not consistent (F102): then each of
 * them is given by its key.
 */
uint32_t sync_ledger_add_uids(
    struct sync_ledger *l, size_t mailbox, const char *args, size_t count);
void sync_ledger_add_key(
    struct sync_ledger *l, size_t mailbox, const struct sync_key *key);

/* One message was copied. */
void sync_ledger_copied(struct sync_ledger *l, size_t mailbox, uint32_t uid);

/* One (UID on the source) was refused: how many in a row, 0 when one that stood
 * behind it was stored. */
unsigned sync_ledger_refused(
    struct sync_ledger *l, size_t mailbox, uint32_t uid);

/* The lane wants to look for messages: true when it may, and until the end
 * nobody else appends there. False: it is woken, and asks again. */
bool sync_ledger_begin_search(
    struct sync_ledger *l, size_t mailbox, unsigned lane);
void sync_ledger_end_search(
    struct sync_ledger *l, size_t mailbox, unsigned lane);

/* Marks what was known to be ours (is_present) among what was found. */
void sync_ledger_sift(
    struct sync_ledger *l, size_t mailbox, struct sync_index *found);

/* This one is ours too. */
void sync_ledger_claim(struct sync_ledger *l, size_t mailbox, uint32_t uid);

/* Was anything copied into it? */
bool sync_ledger_has_copied(struct sync_ledger *l, size_t mailbox);

/* Behind the last one we appended, when all UIDs are known; else 0. */
uint32_t sync_ledger_end(
    struct sync_ledger *l, size_t mailbox, uint32_t *uidvalidity_out);

/* The greatest UID that the server told of those we appended; 0: it told none. */
uint32_t sync_ledger_top(struct sync_ledger *l, size_t mailbox);

#endif
