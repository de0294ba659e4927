// SPDX-License-Identifier: MIT
/* The target side from inside: for sync_target.c, sync_setup.c,
 * sync_append.c, sync_refuse.c, sync_doubt.c, sync_quiet.c, sync_mirror.c,
 * sync_recall_target.c,
 * sync_force_index.c, sync_extras_write.c. */
#ifndef ENGINE_SYNC_SYNC_TARGET_PRIVATE_H
#define ENGINE_SYNC_SYNC_TARGET_PRIVATE_H

#include "engine/base/error.h"
#include "engine/sync/sync_index.h"
#include "engine/sync/sync_inventory.h"
#include "engine/sync/sync_ledger.h"
#include "engine/sync/sync_mailbox.h"
#include "engine/sync/sync_message.h"
#include "engine/sync/sync_owners.h"
#include "engine/sync/sync_retry.h"
#include "engine/sync/sync_target.h"

enum target_op {
	TARGET_OP_INVENTORY = 0, /* and the next ones */
	TARGET_OP_CREATE = SYNC_INVENTORY_OPS,
	TARGET_OP_PROBE, /* STATUS after a refused CREATE */
	TARGET_OP_SUBSCRIBE,
	TARGET_OP_SPECIAL_USE, /* SETMETADATA, where CREATE cannot give one */
	TARGET_OP_GETACL,
	TARGET_OP_GETMETADATA,
	TARGET_OP_SETACL,
	TARGET_OP_SETMETADATA,
	TARGET_OP_SELECT,
	TARGET_OP_SCAN,
	TARGET_OP_SCAN_OLD,  /* UIDs that were known */
	TARGET_OP_SCAN_MORE, /* keys that were left out at first */
	TARGET_OP_SCAN_PREFIX,
	TARGET_OP_QUIET_NOOP,
	TARGET_OP_QUIET, /* STATUS: does anybody else append? */
	TARGET_OP_APPEND,
	TARGET_OP_DOUBT_SELECT,
	TARGET_OP_DOUBT_SCAN,
	TARGET_OP_DOUBT_PREFIX,
	TARGET_OP_MIRROR_LOOK, /* STATUS of a mailbox that is to go */
	TARGET_OP_MIRROR_SELECT,
	TARGET_OP_MIRROR_FLAGS,
	TARGET_OP_MIRROR_EXPUNGE,
	TARGET_OP_MIRROR_DELETE,
	TARGET_OP_MIRROR_UNSUBSCRIBE,
	TARGET_OP_FORCE_SELECT,
	TARGET_OP_FORCE_FETCH,
	TARGET_OP_FORCE_STORE
};

enum target_box_state {
	TARGET_BOX_NEW, /* nothing done yet */
	TARGET_BOX_CREATING,
	TARGET_BOX_READY, /* takes messages */
	TARGET_BOX_REFUSED
};

enum target_scan_state {
	TARGET_SCAN_NONE,
	TARGET_SCAN_RUNNING,
	TARGET_SCAN_DONE
};

/* Which flags a mailbox keeps (PERMANENTFLAGS). */
struct target_flags {
	bool is_known;
	bool any_keyword;
	char *list; /* " \Seen $Forwarded " with blanks around each */
};

/* What pairs of former runs save (sync_recall_target.c). */
struct target_recall {
	bool is_short;    /* the listing has only UIDs of what was known */
	bool no_short;    /* such a one did not work */
	bool is_unsteady; /* UIDNOTSTICKY */
	bool is_told;     /* what is new */
	bool is_failed;   /* a command for UIDs was refused */
	size_t searches;  /* such ones under way */
	struct sync_uids wanted; /* by the source, with keys */
};

struct target_box {
	struct sync_mailbox *m;
	enum target_box_state state;
	enum target_scan_state scan;
	bool needs_scan;    /* the source compares */
	bool create;        /* still to be made */
	bool with_use;      /* its CREATE carries a special use */
	bool no_use;        /* which was refused */
	bool was_found;     /* it was there after all */
	char *create_words; /* of the server, when it refused */
	bool subscribed, subscribe_answered;
	bool was_relisted;
	bool is_alias;    /* CREATE said that it is there */
	bool is_probing;  /* STATUS after a refused CREATE is under way */
	bool probe_found; /* it told a count */
	uint32_t probe_messages;
	unsigned generation; /* how often it was made again (F106) */
	size_t prefix_pending;
	struct sync_index index;
	struct target_recall recall;
	struct target_flags flags;
	struct sync_orders *orders; /* of a mirror; NULL: none */
	bool no_new_uid;            /* suggested ones are not followed */
	bool is_forced;             /* to index itself */
	const char *force_flag;     /* set and taken away for that */
	uint32_t force_uid;         /* of the message that has it */
	uint32_t uidvalidity;
	uint64_t modseq; /* HIGHESTMODSEQ when it was listed; 0: not told */
	uint32_t status_messages, status_uidnext; /* as last told */
};

/* Messages of one APPEND. */
struct append_batch {
	struct append_batch *next;
	struct target_box *box;
	struct sync_message *head, **tail;
	size_t count;
	uint64_t bytes;
	int64_t sent_ms;
};

struct message_list {
	struct sync_message *head, **tail;
	size_t count;
};

enum target_phase {
	TARGET_PHASE_OPENING,
	TARGET_PHASE_PAUSED,
	TARGET_PHASE_INVENTORY,
	TARGET_PHASE_AWAIT_PLAN,
	TARGET_PHASE_COPY,
	TARGET_PHASE_ENDED
};

enum target_quiet {
	TARGET_QUIET_UNKNOWN,
	TARGET_QUIET_ASKED,
	TARGET_QUIET_SURE /* nobody else appends: go */
};

/* One mailbox whose messages a mirror changes. */
struct mirror_item {
	struct target_box *box;       /* or */
	struct sync_surplus *surplus; /* one that is to be emptied */
	uint32_t uidvalidity;         /* when it was listed; 0: not told */
	bool was_selected, was_moved, is_refused, is_done;
	bool is_again;   /* once more, without UNCHANGEDSINCE */
	bool in_doubt;   /* a session was lost that may have changed it */
	size_t modified; /* flags that others changed meanwhile: left alone */
};

enum mirror_phase {
	MIRROR_WAITING,  /* until all has been copied */
	MIRROR_CHANGING, /* messages, one mailbox after the other */
	MIRROR_LOOKING,  /* at the mailboxes that are to go, just before */
	MIRROR_REMOVING, /* mailboxes and subscriptions */
	MIRROR_DONE
};

struct target_mirror {
	enum mirror_phase phase;
	struct mirror_item *items;
	size_t count;
	size_t at;      /* the next one of the phase */
	size_t pending; /* commands under way */
};

/* Are UIDs suggested to this server? */
enum target_new_uid {
	TARGET_NEW_UID_UNKNOWN,
	TARGET_NEW_UID_KNOWN, /* it takes them */
	TARGET_NEW_UID_OFF
};

/* The mailbox that is made to index itself now. */
struct target_force {
	size_t at, pending;
	bool is_done, is_unfit;
	const char *flag;
	uint32_t uid;
};

/* Access rights and annotations (sync_extras_write.c). */
struct target_extras {
	struct sync_owners owners;
	struct sync_extras *items; /* mailboxes taken on */
	size_t count, commands;
	bool no_acl, no_metadata; /* announced, but not working (F018) */
};

struct sync_target {
	struct sync_shared *shared;
	struct imap_conn *conn;
	enum target_phase phase;
	struct sync_retry retry;
	int64_t again_at_ms;
	uint64_t progress;
	struct error error;
	bool has_error;
	struct sync_inventory *inventory; /* NULL once given away */
	bool has_inventory;
	struct sync_plan *plan;
	struct target_box *boxes;
	size_t box_count;
	size_t next_setup, next_scan;
	size_t scans;              /* under way */
	struct target_flags flags; /* of the first mailbox selected: for those
				      that are never selected */
	bool flags_asked, flags_answered;
	bool create_sent, create_answered; /* any one of this run */
	size_t made;            /* boxes before it are made, or refused */
	bool has_let_go;        /* further lanes may append */
	bool has_intent;        /* the state file knows that we append */
	uint64_t too_big_bytes; /* the smallest message refused for its size;
				   UINT64_MAX: none was */
	int64_t hold_until_ms;  /* nothing is sent before: the server had
				  trouble */
	/* what an extension announced but not working costs (F018) */
	bool no_multiappend, no_literal_plus;
	bool no_special_use; /* SETMETADATA cannot set it */
	struct target_extras extras;
	bool is_careful; /* after a lost session: one message at a time until
			    one has arrived */
	/* Messages of a batch; 0: no limit. Halved when a session ends below one,
	 * doubled by full ones: by more of them each time that it was. */
	size_t batch_limit;
	unsigned batch_needed, batch_full;
	enum target_quiet quiet;
	int64_t quiet_since_ms;
	int64_t quiet_waited_ms; /* before the look that is under way */
	int64_t quiet_answer_ms, quiet_slowest_ms;
	size_t quiet_pending;
	bool quiet_moved, quiet_late; /* in this round */
	unsigned quiet_rounds;
	/* messages: taken from the queue, under way, in doubt */
	struct message_list pending;
	struct append_batch *sent, **sent_tail; /* in order of sending */
	size_t sent_count;
	struct message_list doubts;
	int64_t search_from_ms;
	int64_t looking_since_ms;
	unsigned late_looks;          /* in a row; see sync_doubt.c */
	bool looking_is_gone;         /* the mailbox itself */
	bool has_set_aside;           /* a message; nothing was copied since */
	bool is_hopeless;             /* no further session */
	struct target_box *looking;   /* whose doubts are looked for now */
	struct target_box *searching; /* alone there, or waiting for that */
	uint32_t looking_from;
	int64_t look_again_ms; /* others have an APPEND under way there */
	struct sync_index found;
	size_t found_prefix_pending;
	struct target_mirror mirror;
	struct target_force force;
	enum target_new_uid new_uid;
};

/* sync_target.c */

/* Begins a command with the mailbox's name as first argument. */
struct imap_cmd *sync_target_command(
    struct sync_target *dst, int op, struct target_box *box, const char *verb);

/* What SELECT tells of a mailbox. */
void sync_target_on_select_data(struct sync_target *dst, struct target_box *box,
    const struct imap_response *r);

/* Has everything that was to come been appended, and nothing is under way? */
bool sync_target_is_copied(const struct sync_target *dst);

/* It takes messages. */
void sync_target_set_ready(struct sync_target *dst, struct target_box *box);

void sync_target_set_uidvalidity(
    struct sync_target *dst, struct target_box *box, uint32_t uidvalidity);

/* The mailbox cannot be used; said once. */
void sync_target_refuse_box(struct sync_target *dst, struct target_box *box,
    const char *step, const char *words);

/* sync_lane.c: the target side of one lane among several. */

/* A further lane: it is logged in. */
void sync_lane_begin(struct sync_target *dst);
bool sync_lane_work(struct sync_target *dst);
bool sync_lane_is_complete(const struct sync_target *dst);

/* The box of a message's mailbox; made at its first one. */
struct target_box *sync_lane_box(
    struct sync_target *dst, const struct sync_message *m);

/* What other lanes found out about the mailbox; true when it is new. */
bool sync_lane_learn(struct sync_target *dst, struct target_box *box);

/* May this lane append at all by now? */
bool sync_lane_may_append(struct sync_target *dst);

/* The leader: has it, or has any lane, messages that wait for quiet? */
bool sync_lane_is_waited_for(const struct sync_target *dst);

/* The leader: lets the others begin when all mailboxes are made. */
void sync_lane_let_go(struct sync_target *dst);

/* Gives a message to another lane, `is_leaders`: to the leader. */
void sync_lane_give(
    struct sync_target *dst, struct sync_message *m, bool is_leaders);

/* One APPEND takes so many messages and bytes of the queue's share. */
size_t sync_lane_store_max(const struct sync_target *dst);
uint64_t sync_lane_store_bytes(const struct sync_target *dst);

/* sync_recall_target.c: what has a pair is not asked for its key. */

/* Behind a SELECT: asks for the keys that the source wants, or sends a short
 * listing; false: all is to be listed. */
bool sync_recall_target_start(struct sync_target *dst, struct target_box *box);
void sync_recall_target_on_data(
    struct target_box *box, const struct imap_response *response);

/* Takes a message of which no more than the UID was asked for; false: it is
 * another one. */
bool sync_recall_target_on_fetch(
    struct target_box *box, const struct imap_fetch *f);

/* A command of the listing has ended, in any order: was that the last one? */
bool sync_recall_target_has_all(
    struct target_box *box, const struct imap_cmd *cmd);

/* The listing has ended: false when it begins anew. */
bool sync_recall_target_on_listed(
    struct sync_target *dst, struct target_box *box);

/* Takes what the source wants. */
void sync_recall_target_take(struct sync_target *dst);

/* sync_setup.c: CREATE and SUBSCRIBE. */

bool sync_setup_work(struct sync_target *dst);
int sync_setup_on_created(struct sync_target *dst, struct target_box *box,
    const struct imap_cmd *cmd);
void sync_setup_on_probed(struct sync_target *dst, struct target_box *box);

/* The answer to a special use set after its mailbox was made. */
void sync_setup_on_use(struct sync_target *dst, struct target_box *box,
    const struct imap_cmd *cmd);

/* sync_extras_write.c: access rights and annotations. */

bool sync_extras_write_work(struct sync_target *dst);
/* Takes data of any command; false: not ours. */
bool sync_extras_write_on_data(
    struct sync_target *dst, const struct imap_response *r);
void sync_extras_write_on_done(
    struct sync_target *dst, const struct imap_cmd *cmd);
/* An answer above our ceiling shall not end the whole run: makes dst->error
 * milder, and the mailboxes asked are given up by the reset. */
void sync_extras_write_on_limit(struct sync_target *dst);
void sync_extras_write_reset(struct sync_target *dst);
void sync_extras_write_release(struct sync_target *dst);
bool sync_extras_write_is_idle(const struct sync_target *dst);

/* sync_append.c */

/* Takes what the queue holds. */
void sync_append_take(struct sync_target *dst);

/* Sends what can be sent. True when it did anything. */
bool sync_append_work(struct sync_target *dst);

/* An APPEND has ended. 0, or -1 with dst->error: the session or run ends. */
int sync_append_on_done(struct sync_target *dst, const struct imap_cmd *cmd);

/* The session is gone: all that is under way is in doubt. */
void sync_append_reset(struct sync_target *dst);

/* Nothing taken, under way or in doubt? */
bool sync_append_is_idle(const struct sync_target *dst);

/* A message has arrived. */
void sync_append_copied(struct sync_target *dst, struct sync_message *m);

/* sync_refuse.c: what the target does not take. */

/* One message was refused, or a batch as a whole: `m` or what is left of `b` is
 * sent again, in doubt, or given up. 0, or -1 with dst->error: the session or
 * run ends. */
int sync_refuse_single(struct sync_target *dst, struct target_box *box,
    struct sync_message *m, const struct imap_cmd *cmd);
int sync_refuse_batch(struct sync_target *dst, struct append_batch *b,
    const struct imap_cmd *cmd);

/* A message is refused for good; `words` are the server's, or ours. */
void sync_refuse_message(struct sync_target *dst, struct sync_message *m,
    enum tally_refusal c, const char *step, const char *words);

/* A message was taken, but only in another form. */
void sync_refuse_won(struct sync_target *dst, const struct sync_message *m);

void message_list_init(struct message_list *list);
void message_list_add(struct message_list *list, struct sync_message *m);
void message_list_add_front(struct message_list *list, struct sync_message *m);
/* Puts all of `front`, in order, before the others; `front` is empty then. */
void message_list_prepend(
    struct message_list *list, struct message_list *front);
struct sync_message *message_list_take(struct message_list *list);

struct target_box *sync_target_box(
    struct sync_target *dst, const struct sync_message *m);

/* Does this refusal say that the mailbox is not there? */
bool sync_target_says_gone(const struct imap_cmd *cmd);

/* Is it one that may pass by itself? */
bool sync_target_is_transient(const struct imap_cmd *cmd);

/* sync_doubt.c: looks for messages whose APPEND may or may not have worked. */

/* Starts the next search when nothing is under way; true while doubts last. */
bool sync_doubt_work(struct sync_target *dst);
int sync_doubt_on_event(struct sync_target *dst, const struct imap_event *event,
    const struct imap_cmd *cmd);
void sync_doubt_reset(struct sync_target *dst);
int64_t sync_doubt_deadline_ms(const struct sync_target *dst);

/* Remembers an acknowledged message while its UID is not known. */
int sync_doubt_remember(struct sync_target *dst, struct target_box *box,
    const struct sync_message *m);

/* sync_mirror.c: what syncDst changes, when all has been copied. */

bool sync_mirror_work(struct sync_target *dst);
bool sync_mirror_is_done(const struct sync_target *dst);
int sync_mirror_on_event(struct sync_target *dst,
    const struct imap_event *event, const struct imap_cmd *cmd);
void sync_mirror_reset(struct sync_target *dst);
void sync_mirror_release(struct sync_target *dst);

/* sync_new_uid.c: suggested UIDs. */

/* Is this the first suggestion? It goes alone, and waits for its go. */
bool sync_new_uid_on_trial(const struct sync_target *dst,
    const struct target_box *box, const struct sync_message *m);

/* Writes the suggestion of a message, if there is one. */
void sync_new_uid_put(struct sync_target *dst, struct imap_cmd *cmd,
    const struct target_box *box, struct sync_message *m);

/* The last message of an APPEND became `uid`; 0: not told. */
void sync_new_uid_on_ok(struct sync_target *dst, struct target_box *box,
    const struct sync_message *last, uint32_t uid);

/* A message was refused: true when that may be for its suggestion, and it is to
 * be sent once more without. */
bool sync_new_uid_take_back(struct sync_target *dst, struct sync_message *m,
    const struct imap_cmd *cmd);

/* sync_force_index.c: at the very end. */

bool sync_force_index_work(struct sync_target *dst);
bool sync_force_index_is_done(const struct sync_target *dst);
int sync_force_index_on_event(struct sync_target *dst,
    const struct imap_event *event, const struct imap_cmd *cmd);
void sync_force_index_reset(struct sync_target *dst);

/* sync_quiet.c: nobody else may be appending when we begin. */

void sync_quiet_init(struct sync_target *dst);
void sync_quiet_reset(struct sync_target *dst);

/* True as long as appending must wait. */
bool sync_quiet_work(struct sync_target *dst);
int64_t sync_quiet_deadline_ms(const struct sync_target *dst);
void sync_quiet_on_status(struct sync_target *dst, struct target_box *box,
    const struct imap_status *s);
void sync_quiet_on_noop(struct sync_target *dst);
void sync_quiet_on_done(struct sync_target *dst);

#endif
