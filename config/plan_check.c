// SPDX-License-Identifier: MIT
#include "config/plan_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/arena.h"
#include "config/plan_build.h"
#include "config/plan_diag.h"
#include "config/plan_server.h"
#include "config/secret_source.h"
#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/base/mem.h"

/* Something that must be unique, and whose it is. */
struct claim {
	const char *key;
	const struct plan_account *account;
};

bool plan_check_is_loopback(const char *host)
{
	size_t len = strlen(host);

	return strcasecmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
	       (len > 10 && strcasecmp(host + len - 10, ".localhost") == 0) ||
	       (strncmp(host, "127.", 4) == 0 &&
		   host[strspn(host, "0123456789.")] == '\0');
}

/* Whose mailboxes they are. */
static const char *mailbox_of(const struct plan_endpoint *e)
{
	if (e->proxy_auth)
		return e->proxy_auth;
	return e->as ? e->as : e->login;
}

static const char *prefix_of(const struct plan_endpoint *e)
{
	return e->prefix ? e->prefix : "";
}

static bool begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

/* "*.localhost" and 127.0.0.1 are one machine; 143 and 993 one server. */
static char *mailbox_key(struct arena *arena, const struct plan_endpoint *e)
{
	const char *host = plan_check_is_loopback(e->server->host)
			       ? "localhost"
			       : e->server->host;
	unsigned port = plan_server_port(e->server);
	char *key = arena_printf(
	    arena, "%s\n%u\n%s", host, port == 993 ? 143 : port, mailbox_of(e));

	// a server may tell users apart by case, but few do
	for (char *p = key; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + ('a' - 'A'));
	return key;
}

static int compare_claims(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	if (order == 0)
		order = strcmp(prefix_of(&x->account->target),
		    prefix_of(&y->account->target));
	if (order == 0)
		order = x->account < y->account ? -1 : x->account > y->account;
	return order;
}

static int compare_ids(const void *a, const void *b)
{
	const struct plan_account *const *x = a, *const *y = b;
	int order = strcasecmp((*x)->id, (*y)->id);

	return order ? order : *x < *y ? -1 : *x > *y;
}

static void check_ids(struct plan_build *b)
{
	struct plan *plan = b->plan;

	plan->by_id = arena_array(
	    b->arena, plan->account_count, sizeof(const struct plan_account *));
	for (size_t i = 0; i < plan->account_count; i++)
		plan->by_id[i] = &plan->accounts[i];
	if (plan->account_count > 1)
		qsort(plan->by_id, plan->account_count,
		    sizeof(const struct plan_account *), compare_ids);
	for (size_t i = 1; i < plan->account_count; i++) {
		const struct plan_account *one = plan->by_id[i - 1];
		const struct plan_account *two = plan->by_id[i];
		if (strcasecmp(one->id, two->id) != 0)
			continue;
		plan_diag_add(b->diag, "E0201", two->place, 1,
		    "ids are the same when they differ in case only",
		    "the account id \"%s\" is there twice", two->id);
		plan_diag_also(
		    b->diag, one->place, "the other one, \"%s\"", one->id);
	}
}

static struct claim *sorted_claims(struct plan_build *b,
    const char *(*key)(struct plan_build *, const struct plan_account *))
{
	struct plan *plan = b->plan;
	struct claim *claims =
	    mem_resize(NULL, plan->account_count, sizeof(*claims));

	for (size_t i = 0; i < plan->account_count; i++)
		claims[i] = (struct claim){
		    key(b, &plan->accounts[i]), &plan->accounts[i]};
	if (plan->account_count > 1)
		qsort(claims, plan->account_count, sizeof(*claims),
		    compare_claims);
	return claims;
}

static const char *target_key(
    struct plan_build *b, const struct plan_account *a)
{
	return mailbox_key(b->arena, &a->target);
}

static const char *slug_key(struct plan_build *b, const struct plan_account *a)
{
	(void)b;
	return a->slug;
}

/*
 * Prefixes keep accounts apart that share a target.  One below the other is
 * enough to copy; a mirror would take away what the other one brings.
 */
struct sharing {
	const struct claim *outer, *outer_mirror, *last;
};

static const struct claim *find_clash(
    struct sharing *s, const struct claim *claim)
{
	const char *prefix = prefix_of(&claim->account->target);
	bool is_mirror = claim->account->options.mode == PLAN_MODE_DST;
	const struct claim *clash = NULL;

	if (strcmp(prefix, prefix_of(&s->last->account->target)) == 0)
		clash = s->last;
	if (!begins(prefix, prefix_of(&s->outer->account->target)))
		s->outer = claim;
	else if (is_mirror && !clash)
		clash = s->outer;
	if (s->outer_mirror &&
	    begins(prefix, prefix_of(&s->outer_mirror->account->target)))
		clash = clash ? clash : s->outer_mirror;
	else
		s->outer_mirror = is_mirror ? claim : NULL;
	s->last = claim;
	return clash;
}

static void report_clash(struct plan_build *b, const struct plan_account *one,
    const struct plan_account *two)
{
	bool is_mirror = one->options.mode == PLAN_MODE_DST ||
			 two->options.mode == PLAN_MODE_DST;

	plan_diag_add(b->diag, "E0203", two->place, 1,
	    is_mirror
		? "a mirror would delete what the other one brings: give one of them another target user or a target.prefix of its own"
		: "give one of them another target user or a target.prefix of its own, or remove it, or write shared_target: true in both if this is a merge",
	    "\"%s\" and \"%s\" write to the same target, %s at %s", one->id,
	    two->id, mailbox_of(&two->target), two->target.server->host);
	plan_diag_also(b->diag, one->place, "the other one, \"%s\"", one->id);
}

/* Two sources into one target, and both say that it is meant. */
static bool is_merge(
    const struct plan_account *one, const struct plan_account *two)
{
	return one->shared_target && two->shared_target &&
	       one->options.mode != PLAN_MODE_DST &&
	       two->options.mode != PLAN_MODE_DST;
}

/* Accounts of one target that share it are never run together. */
static void number_groups(struct plan_build *b, const struct claim *claims)
{
	struct plan *plan = b->plan;
	const char *last = NULL;

	for (size_t i = 0; i < plan->account_count; i++) {
		size_t at = (size_t)(claims[i].account - plan->accounts);
		if (!claims[i].account->shared_target)
			continue;
		if (!last || strcmp(last, claims[i].key) != 0)
			plan->target_groups++;
		last = claims[i].key;
		plan->accounts[at].target_group = plan->target_groups;
	}
}

static void check_targets(struct plan_build *b)
{
	struct claim *claims = sorted_claims(b, target_key);
	struct sharing sharing = {claims, NULL, claims};

	for (size_t i = 0; i < b->plan->account_count; i++) {
		const struct claim *claim = &claims[i];
		bool is_mirror = claim->account->options.mode == PLAN_MODE_DST;
		if (i == 0 || strcmp(claim->key, claims[i - 1].key) != 0) {
			sharing = (struct sharing){
			    claim, is_mirror ? claim : NULL, claim};
			continue;
		}
		const struct claim *other = find_clash(&sharing, claim);
		// equal ids are reported as E0201
		if (other && !is_merge(other->account, claim->account) &&
		    strcasecmp(other->account->id, claim->account->id) != 0)
			report_clash(b, other->account, claim->account);
	}
	number_groups(b, claims);
	free(claims);
}

static void check_slugs(struct plan_build *b)
{
	struct claim *claims = sorted_claims(b, slug_key);

	for (size_t i = 1; i < b->plan->account_count; i++) {
		const struct plan_account *one = claims[i - 1].account;
		const struct plan_account *two = claims[i].account;
		if (strcmp(one->slug, two->slug) != 0 ||
		    strcasecmp(one->id, two->id) == 0)
			continue;
		plan_diag_add(b->diag, "E0211", two->place, 1,
		    "change one of the ids",
		    "the ids \"%s\" and \"%s\" give the same file name",
		    one->id, two->id);
		plan_diag_also(b->diag, one->place, "the other one");
	}
	free(claims);
}

static void check_loop(struct plan_build *b, const struct plan_account *a)
{
	char *source = mailbox_key(b->arena, &a->source);
	char *target = mailbox_key(b->arena, &a->target);

	const char *from = prefix_of(&a->source);
	const char *to = prefix_of(&a->target);
	if (strcmp(source, target) == 0 &&
	    (begins(from, to) || begins(to, from)))
		plan_diag_add(b->diag, "E0204", a->place, 1,
		    "a copy onto itself is refused; prefixes could keep them apart",
		    "source and target of \"%s\" are the same mailbox, %s at %s",
		    a->id, mailbox_of(&a->target), a->target.server->host);
}

/* A mirror deletes; how much it may is for the plan to say. */
static void check_mode(struct plan_build *b, const struct plan_account *a)
{
	const struct plan_options *o = &a->options;

	if (o->mode == PLAN_MODE_DST && !b->plan->deletes.is_given)
		plan_diag_add(b->diag, "E0215", o->mode_place, 7,
		    "deletes: {max_per_account: 100, max_percent: 5}",
		    "mode syncDst deletes on the target, and the plan has no deletes: that says how much");
}

/* ---- secrets ---- */

void plan_check_exposed(struct plan_build *b, struct plan_place place,
    const char *path, const char *what)
{
	char *hint = mem_printf("chmod 600 %s", path);

	plan_diag_set_class(b->diag, PLAN_DIAG_EXPOSED);
	plan_diag_add(
	    b->diag, "E0304", place, 1, hint, "others may read %s", what);
	free(hint);
}

static void check_secret(struct plan_build *b, const struct plan_secret *s)
{
	struct error err;
	bool exposed = false;

	// a command is not run to see whether it would work
	if (s->kind == PLAN_SECRET_NONE || s->kind == PLAN_SECRET_TEXT ||
	    s->kind == PLAN_SECRET_COMMAND)
		return;
	if (secret_source_check(s, &exposed, &err) == 0)
		return;
	if (exposed)
		plan_check_exposed(b, s->place, s->value, "the secret file");
	else
		plan_diag_add(b->diag,
		    s->kind == PLAN_SECRET_ENV ? "E0303" : "E0302", s->place, 1,
		    NULL, "%s", err.text);
}

/* Accounts that inherit a secret share its value: it is read once. */
static void check_secrets(struct plan_build *b)
{
	const char *last[2] = {NULL, NULL};

	for (size_t i = 0; i < b->plan->account_count; i++) {
		const struct plan_account *a = &b->plan->accounts[i];
		const struct plan_secret *secrets[2] = {
		    &a->source.password, &a->target.password};
		for (size_t k = 0; k < 2; k++) {
			if (secrets[k]->value != last[k])
				check_secret(b, secrets[k]);
			last[k] = secrets[k]->value;
		}
	}
}

/* By id, so that moving an account changes nothing. */
static void make_digest(struct plan *plan)
{
	uint8_t hash[HASH_KEY_BYTES];
	struct buf all;
	int rc = 0;

	buf_init(&all, SIZE_MAX / 2);
	for (size_t i = 0; rc == 0 && i < plan->account_count; i++)
		rc = buf_printf(&all, "%s %s\n", plan->by_id[i]->id,
		    plan->by_id[i]->digest);
	bug_if(rc != 0); // memory: less than the accounts take
	hash_key(all.data, all.len, hash);
	hash_hex(hash, 8, plan->digest);
	buf_release(&all);
}

void plan_check(struct plan_build *b)
{
	struct plan *plan = b->plan;

	for (size_t i = 0; i < plan->account_count; i++) {
		check_loop(b, &plan->accounts[i]);
		check_mode(b, &plan->accounts[i]);
	}
	check_ids(b);
	check_targets(b);
	check_slugs(b);
	check_secrets(b);
	make_digest(plan);
}
