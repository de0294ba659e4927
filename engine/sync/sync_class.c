// SPDX-License-Identifier: MIT
#include "engine/sync/sync_class.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/base/utf7.h"
#include "engine/cgp/cgp_classes.h"
#include "engine/cgp/cgp_cli.h"
#include "engine/sync/sync_reporter.h"

#define REASON "folder.class"

enum {
	SHOWN_BYTES = 200
};

struct sync_class {
	struct sync_class_settings set;
	struct cgp_classes source, target;
};

struct sync_class *sync_class_new(const struct sync_class_settings *settings)
{
	struct sync_class *c = mem_calloc(1, sizeof(*c));

	c->set = *settings;
	cgp_classes_init(&c->source);
	cgp_classes_init(&c->target);
	return c;
}

void sync_class_free(struct sync_class *c)
{
	if (!c)
		return;
	cgp_classes_release(&c->source);
	cgp_classes_release(&c->target);
	free(c);
}

static struct cgp_cli_settings cli_of(const struct sync_class *c,
    const struct sync_class_endpoint *e, const char *side)
{
	return (struct cgp_cli_settings){
	    .side = side,
	    .host = e->host,
	    .port = e->port,
	    .user = e->user,
	    .password = e->password,
	    .account = e->account ? e->account : "*",
	    .allow_clear_text = e->allow_clear_text,
	    .timeout_ms = c->set.timeout_ms,
	    .stop_fds = c->set.stop_fds,
	    .stops = c->set.stops,
	    .log = c->set.log,
	    .connect = c->set.connect,
	    .connect_argument = c->set.connect_argument,
	};
}

/* A class that means mail is none. */
static bool is_mail(const struct cgp_class *class)
{
	return class->name[0] == '\0' || strcmp(class->name, "IPF.Note") == 0;
}

int sync_class_read(struct sync_class *c, struct error *err)
{
	const struct cgp_cli_settings cli = cli_of(c, &c->set.source, "source");
	size_t others = 0;

	cgp_classes_release(&c->source);
	if (cgp_cli_classes(&cli, &c->source, err) < 0)
		return error_prefix(err, "reading the classes of mailboxes");
	for (size_t i = 0; i < c->source.count; i++)
		others += !is_mail(&c->source.list[i]);
	log_write(c->set.log, LOG_LEVEL_INFO, "source",
	    "%zu of %zu mailboxes have a class other than mail", others,
	    c->source.count);
	return 0;
}

/* ------------------------------------------------------------- names */

/*
 * A name of IMAP in the list of the CLI.  Which encoding the CLI uses is not
 * documented, so both are looked for, and the list's own spelling is what is
 * sent: no name is ever encoded again.
 */
static const struct cgp_class *find(
    const struct cgp_classes *classes, const char *name, const char *prefix)
{
	size_t skip = prefix ? strlen(prefix) : 0;

	if (skip > 0) {
		if (strncmp(name, prefix, skip) != 0)
			return NULL;
		name += skip;
	}
	const struct cgp_class *found = cgp_classes_find(classes, name);
	if (found)
		return found;
	char *text = utf7_decode(name, strlen(name));
	if (text && strcmp(text, name) != 0)
		found = cgp_classes_find(classes, text);
	free(text);
	return found;
}

static const char *show(const char *name, char out[SHOWN_BYTES])
{
	return text_escape(name, strlen(name), out, SHOWN_BYTES);
}

/* ------------------------------------------------------------- hidden */

/* Marks in `seen` which mailboxes of the source its LIST showed. */
static void mark_listed(const struct sync_class *c,
    const struct sync_class_copied *copied, bool *seen)
{
	for (size_t i = 0; i < copied->listed_count; i++) {
		const struct cgp_class *class =
		    find(&c->source, copied->listed[i], c->set.source.prefix);
		if (class)
			seen[class - c->source.list] = true;
	}
}

static void tell_hidden(const struct sync_class *c,
    const struct sync_class_copied *copied, struct sync_class_counts *counts)
{
	char name[SHOWN_BYTES], class_name[SHOWN_BYTES];

	if (!copied->listed || c->source.count == 0)
		return;
	bool *seen = mem_calloc(c->source.count, sizeof(*seen));
	mark_listed(c, copied, seen);
	for (size_t i = 0; i < c->source.count; i++) {
		const struct cgp_class *class = &c->source.list[i];
		if (seen[i] || is_mail(class))
			continue;
		counts->hidden++;
		sync_reporter_warn(c->set.reporter, "source", REASON,
		    "mailbox '%s' of class '%s' is not shown by LIST and was not copied",
		    show(class->mailbox, name), show(class->name, class_name));
	}
	free(seen);
}

/* ------------------------------------------------------------- changes */

struct changes {
	struct cgp_cli_change *list;
	size_t count, cap;
};

static void tell_missing(const struct sync_class *c, const char *side,
    const char *name, const char *class_name, struct sync_class_counts *counts)
{
	char shown[SHOWN_BYTES], shown_class[SHOWN_BYTES];

	counts->missing++;
	sync_reporter_warn(c->set.reporter, side, REASON,
	    "mailbox '%s': the CLI does not know a mailbox of this name, its class%s%s was not copied",
	    show(name, shown), class_name[0] ? " " : "",
	    show(class_name, shown_class));
}

/* What is to be done for one copied mailbox. */
static void plan_pair(const struct sync_class *c,
    const struct sync_class_pair *pair, struct changes *changes,
    struct sync_class_counts *counts)
{
	const struct cgp_class *from =
	    find(&c->source, pair->source, c->set.source.prefix);

	if (!from) {
		tell_missing(c, "source", pair->source, "", counts);
		return;
	}
	if (is_mail(from))
		return;
	const struct cgp_class *to =
	    find(&c->target, pair->target, c->set.target.prefix);
	if (!to) {
		tell_missing(c, "target", pair->target, from->name, counts);
		return;
	}
	if (strcmp(from->name, to->name) == 0) {
		counts->same++;
		return;
	}
	changes->list = mem_grow(changes->list, &changes->cap, changes->count,
	    sizeof(*changes->list));
	changes->list[changes->count++] = (struct cgp_cli_change){
	    .mailbox = to->mailbox, .class_name = from->name};
}

static void tell_result(const struct sync_class *c,
    const struct cgp_cli_change *change, struct sync_class_counts *counts)
{
	char name[SHOWN_BYTES], class_name[SHOWN_BYTES];

	(void)show(change->mailbox, name);
	(void)show(change->class_name, class_name);
	switch (change->result) {
	case CGP_CLI_DONE:
		counts->set++;
		log_write(c->set.log, LOG_LEVEL_INFO, "target",
		    "mailbox '%s' has class '%s' now", name, class_name);
		break;
	case CGP_CLI_REFUSED:
		counts->refused++;
		sync_reporter_warn(c->set.reporter, "target", REASON,
		    "mailbox '%s': class '%s' refused: '%s'", name, class_name,
		    change->words);
		break;
	case CGP_CLI_NOT_TRIED:
		// the error that ended it tells
		break;
	}
}

int sync_class_apply(struct sync_class *c,
    const struct sync_class_copied *copied, struct sync_class_counts *counts,
    struct error *err)
{
	const struct cgp_cli_settings cli = cli_of(c, &c->set.target, "target");
	struct changes changes = {0};

	*counts = (struct sync_class_counts){0};
	tell_hidden(c, copied, counts);
	cgp_classes_release(&c->target);
	if (cgp_cli_classes(&cli, &c->target, err) < 0)
		return error_prefix(err, "reading the classes of mailboxes");
	for (size_t i = 0; i < copied->count; i++)
		plan_pair(c, &copied->pairs[i], &changes, counts);
	int rc = cgp_cli_set_class(&cli, changes.list, changes.count, err);
	for (size_t i = 0; i < changes.count; i++)
		tell_result(c, &changes.list[i], counts);
	free(changes.list);
	return rc < 0 ? error_prefix(err, "setting the classes of mailboxes")
		      : 0;
}
