// SPDX-License-Identifier: MIT
#include "engine/sync/sync_inventory.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/imap/imap_caps.h"
#include "engine/imap/imap_conn.h"
#include "engine/imap/imap_refusal.h"
#include "engine/sync/sync_names.h"

enum {
	OP_NAMESPACE,
	OP_LIST,
	OP_LSUB,
	OP_STATUS
};

enum {
	NAME_BYTES_MAX = 64 * 1024 * 1024,
	NAME_MAX_BYTES = 4096,
	NAME_SHOWN_BYTES = 160, /* of one that cannot be used */
	STATUS_FLIGHT = 500,
	STATUS_NEAR = 1000
};

void sync_inventory_init(struct sync_inventory *inv)
{
	*inv = (struct sync_inventory){
	    .prefix = mem_strdup(""), .reference = mem_strdup("")};
}

static void clear(struct sync_inventory *inv)
{
	for (size_t i = 0; i < inv->count; i++)
		free(inv->boxes[i].name);
	for (size_t i = 0; i < inv->foreign_count; i++)
		free(inv->foreign[i]);
	for (size_t i = 0; i < inv->unusable_count; i++)
		free(inv->unusable[i].name);
	inv->unusable_count = 0;
	inv->count = inv->foreign_count = inv->name_bytes = 0;
	inv->next_status = inv->pending = 0;
	inv->sorted = inv->subscriptions_failed = false;
}

static void clear_scope(struct sync_inventory *inv)
{
	for (size_t i = 0; i < inv->pattern_count; i++)
		free(inv->patterns[i]);
	free(inv->patterns);
	free(inv->reference);
	inv->patterns = NULL;
	inv->reference = NULL;
	inv->pattern_count = 0;
}

void sync_inventory_release(struct sync_inventory *inv)
{
	clear(inv);
	clear_scope(inv);
	free(inv->boxes);
	free(inv->unusable);
	free(inv->prefix);
	*inv = (struct sync_inventory){0};
}

static void set_scope(
    struct sync_inventory *inv, const struct sync_inventory_scope *scope)
{
	const char *reference = scope->reference ? scope->reference : "";

	clear_scope(inv);
	inv->reference = mem_strdup(reference);
	inv->pattern_count = scope->count ? scope->count : 1;
	inv->patterns = mem_calloc(inv->pattern_count, sizeof(char *));
	for (size_t i = 0; i < inv->pattern_count; i++)
		inv->patterns[i] =
		    mem_strdup(scope->count ? scope->patterns[i] : "*");
}

static void add_reference(
    const struct sync_inventory *inv, struct imap_cmd *cmd)
{
	imap_cmd_text(cmd, " ");
	imap_cmd_string_z(cmd, inv->reference);
	imap_cmd_text(cmd, " ");
}

/* All patterns in one command, everything in its answer. */
static void send_extended(
    struct sync_inventory *inv, struct imap_conn *conn, int op_base)
{
	struct imap_cmd *cmd =
	    imap_conn_command(conn, op_base + OP_LIST, NULL, "LIST");
	bool many = inv->pattern_count > 1;

	add_reference(inv, cmd);
	for (size_t i = 0; i < inv->pattern_count; i++) {
		if (many)
			imap_cmd_text(cmd, i ? " " : "(");
		imap_cmd_string_z(cmd, inv->patterns[i]);
	}
	imap_cmd_text(cmd,
	    "%s RETURN (SUBSCRIBED%s STATUS (MESSAGES UIDNEXT UIDVALIDITY%s%s%s))",
	    many ? ")" : "", inv->with_uses ? " SPECIAL-USE" : "",
	    inv->with_size ? " SIZE" : "",
	    inv->with_limit ? " APPENDLIMIT" : "",
	    inv->with_modseq ? " HIGHESTMODSEQ" : "");
	imap_conn_send(conn, cmd);
	inv->pending++;
}

static void send_plain(struct sync_inventory *inv, struct imap_conn *conn,
    int op, const char *verb)
{
	for (size_t i = 0; i < inv->pattern_count; i++) {
		struct imap_cmd *cmd = imap_conn_command(conn, op, NULL, verb);
		add_reference(inv, cmd);
		imap_cmd_string_z(cmd, inv->patterns[i]);
		if (inv->with_uses && strcmp(verb, "LIST") == 0)
			imap_cmd_text(cmd, " RETURN (SPECIAL-USE)");
		imap_conn_send(conn, cmd);
		inv->pending++;
	}
}

static void send_list(
    struct sync_inventory *inv, struct imap_conn *conn, int op_base)
{
	if (inv->extended) {
		send_extended(inv, conn, op_base);
		return;
	}
	send_plain(inv, conn, op_base + OP_LIST, "LIST");
	send_plain(inv, conn, op_base + OP_LSUB, "LSUB");
}

/* What parts levels, in case nothing below the reference exists to tell it. */
static void send_separator(
    struct sync_inventory *inv, struct imap_conn *conn, int op_base)
{
	struct imap_cmd *cmd =
	    imap_conn_command(conn, op_base + OP_NAMESPACE, NULL, "LIST");

	imap_cmd_text(cmd, " \"\" \"\"");
	imap_conn_send(conn, cmd);
	inv->pending++;
}

void sync_inventory_start(struct sync_inventory *inv, struct imap_conn *conn,
    int op_base, const struct sync_inventory_scope *scope)
{
	const struct imap_caps *caps = imap_conn_caps(conn);

	clear(inv);
	set_scope(inv, scope);
	inv->extended = imap_caps_has(caps, IMAP_CAP_LIST_EXTENDED) &&
			imap_caps_has(caps, IMAP_CAP_LIST_STATUS);
	inv->with_size =
	    scope->with_size && imap_caps_has(caps, IMAP_CAP_STATUS_SIZE);
	// announced without a number: each mailbox has its own (RFC 7889)
	inv->with_limit = (scope->with_limit || !scope->with_size) &&
			  imap_caps_has(caps, IMAP_CAP_APPENDLIMIT) &&
			  caps->append_limit == UINT64_MAX;
	inv->with_modseq =
	    scope->with_modseq && imap_caps_has(caps, IMAP_CAP_CONDSTORE);
	inv->with_uses = imap_caps_has(caps, IMAP_CAP_LIST_EXTENDED) &&
			 imap_caps_has(caps, IMAP_CAP_SPECIAL_USE);
	if (imap_caps_has(caps, IMAP_CAP_NAMESPACE)) {
		imap_conn_send(
		    conn, imap_conn_command(
			      conn, op_base + OP_NAMESPACE, NULL, "NAMESPACE"));
		inv->pending++;
	}
	if (inv->reference[0])
		send_separator(inv, conn, op_base);
	send_list(inv, conn, op_base);
}

static int by_name(const void *a, const void *b)
{
	const struct sync_box *x = a, *y = b;

	return strcmp(x->name, y->name);
}

struct sync_box *sync_inventory_find(
    struct sync_inventory *inv, const char *name)
{
	struct sync_box wanted = {.name = (char *)(uintptr_t)name};

	if (inv->sorted && inv->count > 0) {
		if (sync_names_is_inbox(name))
			wanted.name = (char *)(uintptr_t) "INBOX";
		return bsearch(
		    &wanted, inv->boxes, inv->count, sizeof(wanted), by_name);
	}
	// while the list comes in, STATUS follows its LIST line closely
	size_t oldest = inv->count > STATUS_NEAR ? inv->count - STATUS_NEAR : 0;
	for (size_t i = inv->count; i > oldest; i--)
		if (strcmp(inv->boxes[i - 1].name, name) == 0 ||
		    (sync_names_is_inbox(name) &&
			sync_names_is_inbox(inv->boxes[i - 1].name)))
			return &inv->boxes[i - 1];
	return NULL;
}

static int check_caps(
    struct sync_inventory *inv, struct imap_str name, struct error *err)
{
	inv->name_bytes += name.len;
	if (inv->count + inv->unusable_count >= SYNC_INVENTORY_BOXES_MAX ||
	    inv->name_bytes > NAME_BYTES_MAX)
		return error_set(err, ERROR_LIMIT, "proto.limit",
		    "the server lists more than %d mailboxes",
		    SYNC_INVENTORY_BOXES_MAX);
	return 0;
}

static int add_box(struct sync_inventory *inv, struct imap_str name,
    struct sync_box **out, struct error *err)
{
	if (check_caps(inv, name, err) < 0)
		return -1;
	inv->boxes =
	    mem_grow(inv->boxes, &inv->cap, inv->count, sizeof(*inv->boxes));
	*out = &inv->boxes[inv->count++];
	**out = (struct sync_box){.name = mem_strndup(name.s, name.len)};
	if (sync_names_is_inbox((*out)->name))
		memcpy((*out)->name, "INBOX", 5);
	return 0;
}

/* NULL: it can. */
static const char *why_unusable(struct imap_str name)
{
	if (name.len > NAME_MAX_BYTES)
		return "its name is longer than 4096 bytes";
	for (size_t i = 0; i < name.len; i++)
		if (name.s[i] == '\0' || name.s[i] == '\r' || name.s[i] == '\n')
			return "its name holds a line end or NUL, which no command can carry";
	return NULL;
}

static bool is_usable_name(struct imap_str name)
{
	return name.len > 0 && !why_unusable(name);
}

/* The first bytes of a name as a string, and how long it was. */
static char *shown_name(struct imap_str name)
{
	size_t len = name.len < NAME_SHOWN_BYTES ? name.len : NAME_SHOWN_BYTES;
	char *out = mem_calloc(len * 4 + 1, 1), *to = out;

	if (name.len <= NAME_MAX_BYTES && !memchr(name.s, '\0', name.len)) {
		free(out); // it may be looked for
		return mem_strndup(name.s, name.len);
	}
	for (size_t i = 0; i < len; i++) {
		if (name.s[i])
			*to++ = name.s[i];
		else
			to = stpcpy(to, "\\x00");
	}
	if (len == name.len)
		return out;
	char *cut = mem_printf("%s... (%zu bytes)", out, name.len);
	free(out);
	return cut;
}

/* Kept to be told of, and never sent anywhere (F057, F061, F070). */
static int add_unusable(struct sync_inventory *inv, struct imap_str name,
    const char *why, struct error *err)
{
	if (check_caps(inv, name, err) < 0)
		return -1;
	inv->unusable = mem_grow(inv->unusable, &inv->unusable_cap,
	    inv->unusable_count, sizeof(*inv->unusable));
	inv->unusable[inv->unusable_count++] =
	    (struct sync_unusable){.name = shown_name(name), .why = why};
	return 0;
}

static int on_list(struct sync_inventory *inv, struct imap_cursor rest,
    bool is_lsub, struct error *err)
{
	const struct imap_str line = {rest.p, (size_t)(rest.end - rest.p)};
	struct imap_list l;
	struct sync_box *box = NULL;
	const char *why = NULL;

	// one line that cannot be used spoils nothing else
	if (!imap_list_parse(rest, &l)) {
		l.name = line;
		why = "this answer to LIST cannot be read";
	} else if (l.name.len == 0) {
		why = NULL; // it is about the separator
	} else if (l.is_bad_separator) {
		why = "what parts its levels is no single character";
	} else {
		why = why_unusable(l.name);
	}
	if (why && is_lsub) {
		inv->subscriptions_failed = true;
		return 0;
	}
	if (why)
		return add_unusable(inv, l.name, why, err);
	if (!is_lsub && l.separator && !inv->separator)
		inv->separator = l.separator;
	if (l.name.len == 0)
		return 0;
	if (add_box(inv, l.name, &box, err) < 0 || !box)
		return -1;
	box->separator = is_lsub ? '\0' : l.separator;
	box->is_listed = !is_lsub && !(l.flags & IMAP_LIST_NONEXISTENT);
	box->is_selectable = !is_lsub && !(l.flags & IMAP_LIST_NOSELECT);
	box->uses = is_lsub ? 0 : l.uses;
	box->is_subscribed = is_lsub || (l.flags & IMAP_LIST_SUBSCRIBED);
	return 0;
}

static void on_status(struct sync_inventory *inv, struct imap_cursor rest)
{
	struct imap_status s;

	if (!imap_status_parse(rest, &s) || !is_usable_name(s.name))
		return;
	char *name = mem_strndup(s.name.s, s.name.len);
	struct sync_box *box = sync_inventory_find(inv, name);
	free(name);
	if (!box || !s.has_messages)
		return;
	box->has_status = true;
	box->messages = s.messages;
	box->uidnext = s.has_uidnext ? s.uidnext : 0;
	box->uidvalidity = s.has_uidvalidity ? s.uidvalidity : 0;
	box->has_size = s.has_size;
	box->bytes = s.size;
	box->modseq = s.highestmodseq;
	box->has_append_limit = s.has_append_limit;
	box->append_limit = s.append_limit;
}

static void on_namespace(struct sync_inventory *inv, struct imap_cursor rest)
{
	struct imap_namespaces ns;

	if (!imap_namespace_parse(rest, &ns))
		return;
	if (ns.has_personal && (ns.personal.prefix.len == 0 ||
				   is_usable_name(ns.personal.prefix))) {
		free(inv->prefix);
		inv->prefix =
		    mem_strndup(ns.personal.prefix.s, ns.personal.prefix.len);
		if (ns.personal.separator)
			inv->separator = ns.personal.separator;
	}
	inv->rest_is_foreign = false;
	for (size_t i = 0; i < ns.foreign_count; i++)
		if (ns.foreign[i].prefix.len == 0)
			inv->rest_is_foreign = inv->prefix[0] != '\0';
		else if (is_usable_name(ns.foreign[i].prefix) &&
			 inv->foreign_count < SYNC_INVENTORY_FOREIGN_MAX)
			inv->foreign[inv->foreign_count++] = mem_strndup(
			    ns.foreign[i].prefix.s, ns.foreign[i].prefix.len);
}

static bool is_outside(
    const struct sync_inventory *inv, const char *name, size_t len)
{
	size_t own = strlen(inv->prefix);

	if (inv->rest_is_foreign && !(len == 5 && sync_names_is_inbox(name)) &&
	    strncmp(name, inv->prefix, own) != 0)
		return true;
	for (size_t i = 0; i < inv->foreign_count; i++)
		if (strlen(inv->foreign[i]) <= len &&
		    strncmp(name, inv->foreign[i], strlen(inv->foreign[i])) ==
			0)
			return true;
	return false;
}

/* By a reference, or by a pattern that begins outside of what is ours. */
static bool was_asked_for(const struct sync_inventory *inv, const char *name)
{
	size_t len = strlen(inv->reference);

	if (len > 0)
		return sync_names_begins(name, inv->reference);
	for (size_t i = 0; i < inv->pattern_count; i++) {
		const char *pattern = inv->patterns[i];
		size_t known = strcspn(pattern, "*%");
		if (known > 0 && strncmp(name, pattern, known) == 0 &&
		    is_outside(inv, pattern, known))
			return true;
	}
	return false;
}

bool sync_inventory_is_foreign(
    const struct sync_inventory *inv, const char *name)
{
	return is_outside(inv, name, strlen(name)) && !was_asked_for(inv, name);
}

static int unusable_by_name(const void *a, const void *b)
{
	const struct sync_unusable *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static void fold_unusable(struct sync_inventory *inv)
{
	size_t kept = 0;

	if (inv->unusable_count > 1)
		qsort(inv->unusable, inv->unusable_count,
		    sizeof(*inv->unusable), unusable_by_name);
	for (size_t i = 0; i < inv->unusable_count; i++) {
		struct sync_unusable *u = &inv->unusable[i];
		if (kept > 0 &&
		    strcmp(inv->unusable[kept - 1].name, u->name) == 0)
			free(u->name);
		else
			inv->unusable[kept++] = *u;
	}
	inv->unusable_count = kept;
}

const char *sync_inventory_why_unusable(
    const struct sync_inventory *inv, const char *name)
{
	const struct sync_unusable wanted = {.name = (char *)(uintptr_t)name};
	const struct sync_unusable *found = NULL;

	if (inv->unusable_count > 0)
		found = bsearch(&wanted, inv->unusable, inv->unusable_count,
		    sizeof(wanted), unusable_by_name);
	return found ? found->why : NULL;
}

static void merge_box(struct sync_box *to, const struct sync_box *from)
{
	to->is_listed |= from->is_listed;
	to->is_selectable |= from->is_selectable;
	to->is_subscribed |= from->is_subscribed;
	to->uses |= from->uses;
	if (!to->separator)
		to->separator = from->separator;
	if (from->has_status && !to->has_status) {
		to->has_status = true;
		to->has_size = from->has_size;
		to->messages = from->messages;
		to->uidnext = from->uidnext;
		to->uidvalidity = from->uidvalidity;
		to->bytes = from->bytes;
		to->modseq = from->modseq;
		to->has_append_limit = from->has_append_limit;
		to->append_limit = from->append_limit;
	}
}

/* By name, each once: LSUB and a doubled LIST line are folded in. */
static void fold(struct sync_inventory *inv)
{
	size_t kept = 0;

	if (inv->count > 1)
		qsort(inv->boxes, inv->count, sizeof(*inv->boxes), by_name);
	for (size_t i = 0; i < inv->count; i++) {
		struct sync_box *b = &inv->boxes[i];
		if (kept > 0 &&
		    strcmp(inv->boxes[kept - 1].name, b->name) == 0) {
			merge_box(&inv->boxes[kept - 1], b);
			free(b->name);
		} else {
			inv->boxes[kept++] = *b;
		}
	}
	inv->count = kept;
	inv->sorted = true;
	fold_unusable(inv);
}

static bool asks_for_all(const struct sync_inventory *inv)
{
	for (size_t i = 0; i < inv->pattern_count && !inv->reference[0]; i++)
		if (strcmp(inv->patterns[i], "*") == 0)
			return true;
	return false;
}

/* Some servers hide an empty INBOX: it is there by definition. */
static int ensure_inbox(struct sync_inventory *inv, struct error *err)
{
	char inbox[] = "INBOX";
	struct sync_box *box = NULL;

	if (!asks_for_all(inv) || sync_inventory_find(inv, "INBOX"))
		return 0;
	if (add_box(inv, (struct imap_str){inbox, 5}, &box, err) < 0 || !box)
		return -1;
	box->is_listed = box->is_selectable = true;
	return 0;
}

/* Sends the next STATUS commands; false when none is due. */
static bool send_status(
    struct sync_inventory *inv, struct imap_conn *conn, int op_base)
{
	while (inv->next_status < inv->count && inv->pending < STATUS_FLIGHT) {
		struct sync_box *box = &inv->boxes[inv->next_status++];
		if (box->has_status || !box->is_selectable)
			continue;
		struct imap_cmd *cmd =
		    imap_conn_command(conn, op_base + OP_STATUS, box, "STATUS");
		imap_cmd_text(cmd, " ");
		imap_cmd_string_z(cmd, box->name);
		imap_cmd_text(cmd, " (MESSAGES UIDNEXT UIDVALIDITY%s%s)",
		    inv->with_size ? " SIZE" : "",
		    inv->with_limit ? " APPENDLIMIT" : "");
		imap_conn_send(conn, cmd);
		inv->pending++;
	}
	return inv->pending > 0;
}

/* Nothing was looked at: another try may see more, but not of a server that does
 * not know the command (F052). */
static int refused(const struct imap_cmd *cmd, struct error *err)
{
	bool is_bad = imap_cmd_condition(cmd) == IMAP_CONDITION_BAD;

	(void)error_set(err, is_bad ? ERROR_PROTOCOL : ERROR_SERVER_NO,
	    "list.refused", "LIST refused: '%s'", imap_cmd_reply(cmd));
	if (!is_bad)
		err->retry = ERROR_RETRY_LATER;
	return -1;
}

static int on_done(struct sync_inventory *inv, struct imap_conn *conn,
    int op_base, struct imap_cmd *cmd, struct error *err)
{
	int op = imap_cmd_op(cmd) - op_base;

	inv->pending--;
	if (op == OP_LIST && imap_cmd_condition(cmd) != IMAP_CONDITION_OK) {
		if (!inv->extended && !inv->with_uses)
			return refused(cmd, err);
		// announced, but not working: plain LIST for this session
		imap_caps_drop(imap_conn_caps(conn), IMAP_CAP_LIST_EXTENDED);
		inv->extended = inv->with_limit = inv->with_uses = false;
		inv->with_size = false;
		inv->with_modseq = false;
		send_list(inv, conn, op_base);
		return 0;
	}
	// Dovecot lists a deleted parent as if it were still there
	if (op == OP_STATUS && imap_refusal_of(cmd) == IMAP_REFUSAL_GONE) {
		struct sync_box *box = imap_cmd_context(cmd);
		box->is_missing = !sync_names_is_inbox(box->name);
		box->is_selectable = !box->is_missing;
	}
	inv->subscriptions_failed |=
	    op == OP_LSUB && imap_cmd_condition(cmd) != IMAP_CONDITION_OK;
	// NAMESPACE, LSUB, STATUS: a refusal costs what they would have told
	if (inv->pending > 0)
		return 0;
	if (!inv->sorted) {
		if (ensure_inbox(inv, err) < 0)
			return -1;
		fold(inv);
	}
	if (send_status(inv, conn, op_base))
		return 0;
	inv->caps = *imap_conn_caps(conn);
	return 1;
}

int sync_inventory_on_event(struct sync_inventory *inv, struct imap_conn *conn,
    int op_base, const struct imap_event *event, struct error *err)
{
	const struct imap_response *r = &event->response;

	if (event->kind == IMAP_EVENT_DONE)
		return on_done(inv, conn, op_base, event->cmd, err);
	if (event->kind != IMAP_EVENT_UNTAGGED || r->kind != IMAP_RESPONSE_DATA)
		return 0;
	if (imap_str_is(r->word, "LIST"))
		return on_list(inv, r->rest, false, err);
	if (imap_str_is(r->word, "LSUB"))
		return on_list(inv, r->rest, true, err);
	if (imap_str_is(r->word, "STATUS"))
		on_status(inv, r->rest);
	else if (imap_str_is(r->word, "NAMESPACE"))
		on_namespace(inv, r->rest);
	return 0;
}
