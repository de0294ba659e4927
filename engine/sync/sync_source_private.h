// SPDX-License-Identifier: MIT
/* The source side from inside: for sync_source.c, sync_compare.c, sync_fetch.c,
 * sync_recall_source.c and sync_extras_read.c only. */
#ifndef ENGINE_SYNC_SYNC_SOURCE_PRIVATE_H
#define ENGINE_SYNC_SYNC_SOURCE_PRIVATE_H

#include "engine/base/error.h"
#include "engine/sync/sync_diff.h"
#include "engine/sync/sync_index.h"
#include "engine/sync/sync_inventory.h"
#include "engine/sync/sync_mailbox.h"
#include "engine/sync/sync_message.h"
#include "engine/sync/sync_owners.h"
#include "engine/sync/sync_pool.h"
#include "engine/sync/sync_retry.h"
#include "engine/sync/sync_source.h"

enum source_op {
	SOURCE_OP_INVENTORY = 0, /* and the next ones */
	SOURCE_OP_EXAMINE = SYNC_INVENTORY_OPS,
	SOURCE_OP_SCAN,
	SOURCE_OP_SCAN_OLD,  /* UIDs that were known */
	SOURCE_OP_SCAN_MORE, /* keys that were left out at first */
	SOURCE_OP_SCAN_PREFIX,
	SOURCE_OP_FETCH,
	SOURCE_OP_ACL,
	SOURCE_OP_METADATA
};

enum source_box_state {
	SOURCE_BOX_WAITING,  /* nothing asked yet */
	SOURCE_BOX_SCANNING, /* its listing comes in */
	SOURCE_BOX_SCANNED,  /* waits for the target's index */
	SOURCE_BOX_READY,    /* `todo` says what to fetch */
	SOURCE_BOX_DIRECT,   /* fetched whole without a listing */
	SOURCE_BOX_DONE
};

/* What pairs of former runs save (sync_recall_source.c). */
struct source_recall {
	bool is_short;    /* the listing has only UIDs of what was known */
	bool no_short;    /* such a one did not work */
	bool is_void;     /* the pairs are not believed */
	bool is_unsteady; /* UIDNOTSTICKY */
	bool is_told;     /* what is new */
	bool is_failed;   /* a command for UIDs was refused */
	size_t searches;  /* such ones under way */
	struct sync_uids deleted; /* of the known ones, marked so */
	struct sync_uids asked;   /* for their keys */
	struct sync_pairs used;   /* of a mirror */
	/* known ones that need no look, and what went away meanwhile */
	size_t present, marked, vanished;
};

struct source_box {
	struct sync_mailbox *m;
	enum source_box_state state;
	bool with_keys; /* the listing is for comparison */
	bool no_direct;
	bool is_failed; /* its EXAMINE was refused: answers do not count */
	uint32_t uidvalidity; /* of the first EXAMINE; 0: none told */
	uint32_t exists;      /* of the last one */
	bool exists_told;
	int64_t newest; /* syncSrcNew: instant of the target's newest message */
	size_t prefix_pending;
	unsigned tries; /* of an EXAMINE refused for now */
	struct sync_index index;
	bool has_target_index;
	struct sync_index target_index;
	struct source_recall recall;
	struct todo *todo;
	size_t todo_count, todo_next, todo_open; /* open: not DONE */
	size_t batches;                          /* under way */
	/* UIDs taken by a direct fetch, in case it does not end well */
	uint32_t *taken;
	size_t taken_count, taken_cap;
	/* a part taken from the pool; those that may be there are sought */
	bool is_slot, is_sought;
	uint32_t floor;
	/* access rights and annotations under way, else NULL */
	struct sync_extras *extras;
	unsigned extras_pending, extras_tries;
	bool extras_done;
};

/* Access rights and annotations of the account (sync_extras_read.c). */
enum {
	SOURCE_EXTRAS_BOXES = 16 /* asked at once */
};

struct source_extras {
	struct sync_owners owners;
	size_t next_box;                               /* to be asked next */
	struct source_box *asked[SOURCE_EXTRAS_BOXES]; /* under way */
	size_t boxes;
	size_t refused;
	bool no_acl, no_metadata; /* announced, but not working (F018) */
	bool told;
};

/* Messages asked for in one FETCH. */
struct fetch_batch {
	struct fetch_batch *next;
	struct source_box *box;
	bool is_direct;
	bool is_again; /* one message, asked for a second time */
	uint64_t bytes;
	size_t count, got;
	struct todo **items; /* ascending by UID; none for a direct one */
};

/* The message whose body comes in. */
struct incoming {
	struct sync_message *message;
	uint64_t reserved;
	bool is_waiting; /* for room in the queue */
	bool is_dropped; /* nobody asked for it */
	uint64_t announced;
};

enum source_phase {
	SOURCE_PHASE_OPENING,
	SOURCE_PHASE_PAUSED, /* between two sessions */
	SOURCE_PHASE_INVENTORY,
	SOURCE_PHASE_AWAIT_TARGET,
	SOURCE_PHASE_COPY,
	SOURCE_PHASE_ENDED
};

struct sync_source {
	struct sync_shared *shared;
	struct imap_conn *conn;
	enum source_phase phase;
	struct sync_retry retry;
	int64_t again_at_ms;
	uint64_t progress; /* grows with everything that is proved done */
	struct error error;
	bool has_error;
	struct sync_inventory inventory;
	bool has_inventory;
	struct sync_plan *plan;
	struct source_box *boxes;
	size_t box_count, boxes_done;
	size_t first_open;           /* boxes before it are done */
	struct source_box *selected; /* when all sent commands are executed */
	size_t scan_entries; /* listed or asked for, not yet turned to todo */
	/* the message that was asked for alone when a session ended */
	const struct sync_mailbox *poison_box;
	uint32_t poison_uid;
	unsigned poison_deaths;
	bool has_lost;      /* the session, just now */
	bool has_set_aside; /* one such; nothing has come since */
	bool is_hopeless;   /* no further session */
	/* why a mirror deletes nothing; "" when it may */
	char objection[SYNC_POOL_WHY_BYTES];
	struct fetch_batch *batches;
	bool is_careful; /* after a lost session: one message at a time until
			    one has come */
	size_t asked_messages;
	uint64_t asked_bytes;
	struct incoming in;
	struct source_extras extras;
	struct source_box *slots; /* SYNC_SLOTS of them, or NULL */
	size_t slots_open;        /* that are not done */
	struct sync_plan *own;    /* of a further lane: its tallies */
};

/* sync_fetch.c: bodies. */

/* Room for another FETCH? */
bool sync_fetch_has_room(const struct sync_source *src);

/* Sends the next batch of a READY box; false when it has nothing open. */
bool sync_fetch_next(struct sync_source *src, struct source_box *box);

/* May it be fetched whole without a listing? */
bool sync_fetch_may_go_direct(
    const struct sync_source *src, const struct source_box *box);

/* Fetches a small cold mailbox whole. */
void sync_fetch_direct(struct sync_source *src, struct source_box *box);

/* An event of a FETCH, or one that carries a body. 0, or -1: the session
 * cannot be used further, src->error says why. */
int sync_fetch_on_event(
    struct sync_source *src, const struct imap_event *event);

/* Waits a body for room in the queue? Tries again; true when it still does. */
bool sync_fetch_is_blocked(struct sync_source *src);

/* Is it above what the target takes? Then it is refused here and not even
 * fetched (F108). */
bool sync_fetch_is_too_big(struct sync_source *src,
    const struct source_box *box, const struct sync_entry *e);

/* The session ends for such a refusal: -1 with src->error. */
int sync_fetch_come_back_later(
    struct sync_source *src, const struct imap_cmd *cmd);

/* Is it a refusal that may pass by itself? */
bool sync_fetch_is_transient(const struct imap_cmd *cmd);

/* Did a direct fetch bring this one? */
bool sync_fetch_was_taken(const struct source_box *box, uint32_t uid);

/* The session is gone: what was asked for is open again. */
void sync_fetch_reset(struct sync_source *src);

/* sync_extras_read.c: access rights and annotations. */

/* Asks for those of some more mailboxes; true when it did anything. */
bool sync_extras_read_work(struct sync_source *src);
/* Takes data of any command; false: not ours. */
bool sync_extras_read_on_data(
    struct sync_source *src, const struct imap_response *r);
void sync_extras_read_on_done(
    struct sync_source *src, const struct imap_cmd *cmd);

/* The session is gone; src->error says why and may be made milder. */
void sync_extras_read_reset(struct sync_source *src);
bool sync_extras_read_is_done(const struct sync_source *src);

/* sync_recall_source.c: what has a pair is not asked for its key. */

void sync_recall_source_release(struct source_box *box);

/* Sends a short listing of the selected box; false: all is to be listed. */
bool sync_recall_source_start(struct sync_source *src, struct source_box *box);
void sync_recall_source_on_data(
    struct source_box *box, const struct imap_response *response);

/* Takes a message of which no more than the UID was asked for; false: it is
 * another one. */
bool sync_recall_source_on_fetch(
    struct source_box *box, const struct imap_fetch *f);

/* A command of the listing has ended, in any order: was that the last one? */
bool sync_recall_source_has_all(
    struct source_box *box, const struct imap_cmd *cmd);

/* The listing has ended: false when it begins anew. */
bool sync_recall_source_on_listed(
    struct sync_source *src, struct source_box *box);

/* Keys that were left out at first have come. */
void sync_recall_source_on_more(
    struct sync_source *src, struct source_box *box);

/* The target's index, or a part of it (moves). */
void sync_recall_source_take_index(
    struct source_box *box, struct sync_index *index);

/* Both listings are there: marks what has a pair. False: more was asked for. */
bool sync_recall_source_ready(struct sync_source *src, struct source_box *box);

/* sync_recall_keep_deleted of a mirror. */
void sync_recall_source_keep_deleted(
    struct sync_source *src, struct source_box *box, struct sync_pairs *pairs);

/* sync_source.c */

/* Selects the box for the commands to come, unless it is. */
void sync_source_examine(struct sync_source *src, struct source_box *box);
void sync_source_box_done(struct sync_source *src, struct source_box *box);

/* The same of a box that failed: it is only counted. */
void sync_source_count_done(struct sync_source *src, struct source_box *box);

/* How many entries its listing will have, as far as that is known. */
uint64_t sync_source_expected(const struct source_box *box);

/* Lists it from the beginning. */
void sync_source_scan(struct sync_source *src, struct source_box *box);

/* sync_source_fail.c */

enum source_failure {
	SOURCE_FAILURE_REFUSED,
	SOURCE_FAILURE_GONE,  /* went away while we ran */
	SOURCE_FAILURE_TARGET /* the target has told of it already */
};

/* The whole mailbox, or what this box is of it, cannot be copied. */
void sync_source_fail(struct sync_source *src, struct source_box *box,
    enum source_failure failure, const char *step, const char *words);

/* sync_slots.c: parts of the pool, with several lanes. */

enum {
	SYNC_SLOTS = 64
};

/* Is the work shared, and may this box be given to others? */
bool sync_slots_may_give(
    const struct sync_source *src, const struct source_box *box);

/* Gives what is to be fetched of a box to the pool; it is done then. */
void sync_slots_give(struct sync_source *src, struct source_box *box);

/* Begins the next part, or one that has to begin again. False: there is none,
 * or no room. */
bool sync_slots_take(struct sync_source *src);

/* A slot with something to ask for, or NULL. */
struct source_box *sync_slots_fetchable(const struct sync_source *src);

/* The session cannot read the mailbox, or finds another one in its place: so it
 * is with all parts of it, which share one EXAMINE. */
void sync_slots_fail(struct sync_source *src, struct source_box *box,
    enum source_failure failure, const char *words);

/* A further lane: what it cannot read of a part the leader shall try, who can
 * tell whether that is so for all. */
void sync_slots_leave(
    struct sync_source *src, struct source_box *box, const char *words);

/* The same of one message that is not there. */
void sync_slots_leave_one(struct sync_source *src, const struct source_box *box,
    const struct todo *todo);

/* Nothing under way in any, and nothing will come any more? */
bool sync_slots_are_over(const struct sync_source *src);

void sync_slots_release(struct sync_source *src);

/* sync_compare.c: what follows from a listing. */

bool sync_compare_is_mirror(const struct sync_source *src);

/* A mirror cannot be sure of all of the source: it deletes nothing, whichever
 * lane found that out. The first reason is kept. */
void sync_compare_object(
    struct sync_source *src, const struct source_box *box, const char *why);

/* When it is opened: are there fewer messages than STATUS told? Whether some
 * went away or are hidden, another pass must look. */
bool sync_compare_has_less(
    const struct sync_source *src, const struct source_box *box);

/* A server that lists less than it counts hides mail: says so. */
void sync_compare_check_listing(
    struct sync_source *src, struct source_box *box);

/* With the target's index: marks what is there, orders what a mirror changes. */
void sync_compare_box(struct sync_source *src, struct source_box *box);

/* The listing becomes the list to fetch. */
void sync_compare_make_todo(struct sync_source *src, struct source_box *box);

/* At the end: what the target has beyond the source may go, or why not. */
void sync_compare_allow_deleting(struct sync_source *src);

#endif
