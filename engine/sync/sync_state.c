// SPDX-License-Identifier: MIT
/*
 * What survives what. A commit writes to the log of SQLite and does not wait for
 * the disk (WAL, synchronous=NORMAL): it survives the end of the process by any
 * signal, because the kernel has the bytes. A power loss may take the newest
 * commits, never the order of them: frames of the log carry checksums, and the
 * file itself is written only after the log was synced. So the state goes
 * back to what it was some seconds ago, and that only costs time: fingerprints
 * of then do not match the servers of now, a pair that was true stays true as
 * long as both UIDVALIDITY stay, and an intent that was lost belongs to a mailbox
 * whose target has grown beyond its fingerprint, which is compared anew.
 *
 * Pairs are kept in chunks of up to 4096, eight bytes a pair. A chunk says for
 * which UIDVALIDITYs it holds. Rows and chunks carry a digest over all they say
 * and the mailbox they say it of, because SQLite checks how pages hang together
 * but not what is in them, and a wrong pair would be a message not copied.
 */
#include "engine/sync/sync_state.h"

#include <stdlib.h>

#include "engine/base/clock.h"
#include "engine/base/step.h"
#include "engine/sync/sync_state_private.h"

enum {
	COMMIT_MS = 1000 /* the oldest that is not committed */
};

/* ---------------------------------------------------------------- outside */

static int commit(struct sync_state *state)
{
	int rc = sync_state_pairs_write(state);

	if (rc != SQLITE_OK || !state->in_transaction)
		return rc;
	step_point("state.commit");
	rc = sync_state_execute(
	    sync_state_statement(state, SYNC_STATE_COMMIT, NULL));
	step_point("state.committed");
	if (rc == SQLITE_OK)
		state->in_transaction = false;
	return rc;
}

/* Remembers the first failure; nothing is written any more. */
static int fail(struct sync_state *state, int code, struct error *err)
{
	if (state->failure.kind == ERROR_NONE)
		(void)sync_state_db_error(
		    state->db, state->path, code, "write", &state->failure);
	state->in_transaction = false; // the close rolls back
	*err = state->failure;
	return -1;
}

static bool enter_write(struct sync_state *state, struct error *err)
{
	(void)pthread_mutex_lock(&state->mutex);
	if (state->failure.kind == ERROR_NONE)
		return true;
	*err = state->failure;
	(void)pthread_mutex_unlock(&state->mutex);
	return false;
}

static int leave_write(struct sync_state *state, int code, struct error *err)
{
	if (code == SQLITE_OK && state->in_transaction &&
	    clock_ms() - state->begun_ms >= COMMIT_MS)
		code = commit(state);
	int rc = code == SQLITE_OK ? 0 : fail(state, code, err);
	(void)pthread_mutex_unlock(&state->mutex);
	return rc;
}

/* What a reader finds wrong, the next writer is told. */
static void leave_read(struct sync_state *state, int code)
{
	struct error ignored;

	if (code != SQLITE_OK)
		(void)fail(state, code, &ignored);
	(void)pthread_mutex_unlock(&state->mutex);
}

static bool read_row(struct sync_state *state, const char *source_name,
    const char *target_name, struct sync_state_row *out)
{
	(void)pthread_mutex_lock(&state->mutex);
	struct sync_state_names names =
	    sync_state_names_of(state, source_name, target_name);
	bool is_usable = state->failure.kind == ERROR_NONE;
	int rc = is_usable ? sync_state_row_get(state, &names, out) : SQLITE_OK;
	leave_read(state, rc);
	return is_usable && rc == SQLITE_OK;
}

bool sync_state_find(struct sync_state *state, const char *source_name,
    const char *target_name, struct sync_state_box *box_out)
{
	struct sync_state_row row = {.is_recorded = false};

	if (!read_row(state, source_name, target_name, &row) ||
	    !row.is_recorded)
		return false;
	*box_out = row.box;
	return true;
}

bool sync_state_has_intent(struct sync_state *state, const char *source_name,
    const char *target_name, struct sync_state_intent *intent_out)
{
	struct sync_state_row row = {.is_recorded = false};

	if (!read_row(state, source_name, target_name, &row) ||
	    row.intent.count == 0)
		return false;
	*intent_out = row.intent;
	return true;
}

bool sync_state_any_intent(struct sync_state *state)
{
	(void)pthread_mutex_lock(&state->mutex);
	sqlite3_stmt *s =
	    sync_state_statement(state, SYNC_STATE_ANY_INTENT, NULL);
	bool is_any = sqlite3_step(s) != SQLITE_DONE;
	leave_read(state, sync_state_finish(s));
	return is_any;
}

/* ---------------------------------------------------------------- pairs */

size_t sync_state_load_pairs(struct sync_state *state, const char *source_name,
    const char *target_name, struct sync_state_pair **pairs_out)
{
	struct sync_state_row row = {0};
	size_t count = 0;
	int rc = SQLITE_OK;

	*pairs_out = NULL;
	(void)pthread_mutex_lock(&state->mutex);
	struct sync_state_names names =
	    sync_state_names_of(state, source_name, target_name);
	if (state->failure.kind == ERROR_NONE) {
		rc = sync_state_pairs_write(state);
		if (rc == SQLITE_OK)
			rc = sync_state_row_get(state, &names, &row);
		if (rc == SQLITE_OK && row.is_recorded)
			rc = sync_state_pairs_read(
			    state, &names, &row, pairs_out, &count);
		if (rc == SQLITE_MISMATCH)
			rc = sync_state_row_drop(state, names.key);
	}
	leave_read(state, rc);
	return count;
}

int sync_state_add_pairs(struct sync_state *state, const char *source_name,
    const char *target_name, const struct sync_state_pair *pairs, size_t count,
    struct error *err)
{
	if (!enter_write(state, err))
		return -1;
	struct sync_state_names names =
	    sync_state_names_of(state, source_name, target_name);
	return leave_write(
	    state, sync_state_pairs_append(state, &names, pairs, count), err);
}

int sync_state_drop_missing(struct sync_state *state, const char *source_name,
    const char *target_name, const uint32_t *kept, size_t kept_count,
    struct error *err)
{
	if (!enter_write(state, err))
		return -1;
	struct sync_state_names names =
	    sync_state_names_of(state, source_name, target_name);
	return leave_write(state,
	    sync_state_pairs_filter(state, &names, kept, kept_count), err);
}

/* ---------------------------------------------------------------- records */

static int put_box(struct sync_state *state,
    const struct sync_state_names *names, const struct sync_state_box *box)
{
	struct sync_state_row row;
	int rc = sync_state_begin(state);

	if (rc == SQLITE_OK)
		rc = sync_state_pairs_leave(state);
	if (rc == SQLITE_OK)
		rc = sync_state_row_get(state, names, &row);
	if (rc != SQLITE_OK)
		return rc;
	bool is_same = row.is_recorded &&
		       row.box.source.uidvalidity == box->source.uidvalidity &&
		       row.box.target.uidvalidity == box->target.uidvalidity;
	row.is_recorded = true;
	row.box = *box;
	if (!is_same)
		rc = sync_state_execute(sync_state_statement(
		    state, SYNC_STATE_CHUNKS_DELETE, names->key));
	else if (box->complete)
		rc = sync_state_pairs_compact(state, names, &row);
	return rc == SQLITE_OK ? sync_state_row_put(state, names, &row) : rc;
}

int sync_state_put(struct sync_state *state, const char *source_name,
    const char *target_name, const struct sync_state_box *box,
    struct error *err)
{
	if (!enter_write(state, err))
		return -1;
	struct sync_state_names names =
	    sync_state_names_of(state, source_name, target_name);
	return leave_write(state, put_box(state, &names, box), err);
}

int sync_state_forget(struct sync_state *state, const char *source_name,
    const char *target_name, struct error *err)
{
	if (!enter_write(state, err))
		return -1;
	struct sync_state_names names =
	    sync_state_names_of(state, source_name, target_name);
	return leave_write(state, sync_state_row_drop(state, names.key), err);
}

/* ---------------------------------------------------------------- intents */

static int widen_intent(struct sync_state *state,
    const struct sync_state_names *names,
    const struct sync_state_intent *intent)
{
	struct sync_state_row row;
	int rc = sync_state_begin(state);

	if (rc == SQLITE_OK)
		rc = sync_state_row_get(state, names, &row);
	if (rc != SQLITE_OK)
		return rc;
	struct sync_state_intent *old = &row.intent, new = *intent;
	if (old->count > 0 && old->uidvalidity == new.uidvalidity) {
		if (old->uidnext < new.uidnext)
			new.uidnext = old->uidnext;
		new.count = new.count > UINT32_MAX - old->count
				? UINT32_MAX
				: new.count + old->count;
	}
	row.intent = new;
	rc = sync_state_row_put(state, names, &row);
	return rc == SQLITE_OK ? commit(state) : rc;
}

int sync_state_intend(struct sync_state *state, const char *source_name,
    const char *target_name, const struct sync_state_intent *intent,
    struct error *err)
{
	if (!enter_write(state, err))
		return -1;
	struct sync_state_names names =
	    sync_state_names_of(state, source_name, target_name);
	return leave_write(state, widen_intent(state, &names, intent), err);
}

static int end_intent(
    struct sync_state *state, const struct sync_state_names *names)
{
	struct sync_state_row row;
	int rc = sync_state_row_get(state, names, &row);

	if (rc != SQLITE_OK || row.intent.count == 0)
		return rc;
	row.intent = (struct sync_state_intent){.count = 0};
	rc = sync_state_begin(state);
	return rc == SQLITE_OK ? sync_state_row_put(state, names, &row) : rc;
}

int sync_state_settled(struct sync_state *state, const char *source_name,
    const char *target_name, struct error *err)
{
	if (!enter_write(state, err))
		return -1;
	struct sync_state_names names =
	    sync_state_names_of(state, source_name, target_name);
	return leave_write(state, end_intent(state, &names), err);
}

int sync_state_flush(struct sync_state *state, struct error *err)
{
	if (!enter_write(state, err))
		return -1;
	return leave_write(state, commit(state), err);
}
