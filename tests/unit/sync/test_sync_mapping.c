// SPDX-License-Identifier: MIT
#include "engine/sync/sync_mapping.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/mem.h"
#include "engine/contract/job.h"
#include "engine/imap/imap_acl.h"
#include "engine/sync/sync_inventory.h"
#include "engine/sync/sync_mailbox.h"

/* What a test says of a mailbox: "NAME" or "NAME:flags" with n \Noselect,
 * s subscribed, l only subscribed to, e empty by STATUS, f not empty. */
static void add(struct sync_inventory *inv, const char *text)
{
	size_t len = strcspn(text, ":");
	const char *flags = text + len;
	const bool is_listed = !strchr(flags, 'l');
	const bool is_empty = strchr(flags, 'e') != NULL;

	inv->boxes =
	    mem_grow(inv->boxes, &inv->cap, inv->count, sizeof(*inv->boxes));
	inv->boxes[inv->count++] = (struct sync_box){
	    .name = mem_strndup(text, len),
	    .is_listed = is_listed,
	    .is_selectable = is_listed && !strchr(flags, 'n'),
	    .is_subscribed = strchr(flags, 's') || !is_listed,
	    .has_status = is_empty || strchr(flags, 'f'),
	    .messages = is_empty ? 0 : 5,
	    .uidnext = 42,
	    .uidvalidity = 7,
	};
}

static int by_name(const void *a, const void *b)
{
	const struct sync_box *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* `boxes` ends with NULL. */
static void list(struct sync_inventory *inv, const char *prefix, char separator,
    const char *const *boxes)
{
	sync_inventory_init(inv);
	free(inv->prefix);
	inv->prefix = mem_strdup(prefix);
	inv->separator = separator;
	for (; *boxes; boxes++)
		add(inv, *boxes);
	if (inv->count)
		qsort(inv->boxes, inv->count, sizeof(*inv->boxes), by_name);
	inv->sorted = true;
}

#define LIST(inv, prefix, separator, ...) \
	list(inv, prefix, separator, (const char *const[]){__VA_ARGS__, NULL})

/* "source>target", with +create +subscribe +cold, or "source!" when refused;
 * releases all. */
static void expect(struct sync_inventory *source, struct sync_inventory *target,
    const struct job_options *options, size_t skipped, const char *told)
{
	struct sync_plan *plan = sync_mapping(source, target, options);
	struct buf out;

	buf_init(&out, 10000);
	for (size_t i = 0; i < plan->count; i++) {
		const struct sync_mailbox *m = &plan->mailboxes[i];
		cr_assert_eq(m->number, i);
		cr_assert(m->target || m->refusal);
		int rc = buf_printf(&out, "%s%s", i ? " " : "", m->source);
		rc |= m->refusal ? buf_puts(&out, "!")
				 : buf_printf(&out, ">%s%s%s%s", m->target,
				       m->create ? "+create" : "",
				       m->subscribe ? "+subscribe" : "",
				       m->is_cold ? "+cold" : "");
		cr_assert_eq(rc, 0);
	}
	cr_assert_str_eq(out.data, told);
	cr_assert_eq(plan->skipped, skipped);
	buf_release(&out);
	sync_plan_free(plan);
	sync_inventory_release(source);
	sync_inventory_release(target);
}

static const struct job_options plain = {.subscription = true};

Test(sync_mapping, creates_what_is_not_there)
{
	struct sync_inventory source, target;

	LIST(&source, "", '/', "INBOX", "a", "a/b", "c");
	LIST(&target, "", '/', "INBOX:f", "a:f", "c:e");
	// an empty one needs no comparison, one that is not told of does
	expect(&source, &target, &plain, 0,
	    "INBOX>INBOX a>a a/b>a/b+create+cold c>c+cold");
	LIST(&source, "", '/', "a", "b");
	LIST(&target, "", '/', "a");
	expect(&source, &target, &plain, 0, "a>a b>b+create+cold");
}

/* INBOX is there by definition, even when nobody lists it. */
Test(sync_mapping, never_creates_inbox)
{
	struct sync_inventory source, target;

	LIST(&source, "", '/', "INBOX");
	LIST(&target, "", '/', "a");
	expect(&source, &target, &plain, 0, "INBOX>INBOX");
}

/* A parent that only holds children, a name that is only subscribed to. */
Test(sync_mapping, creates_what_cannot_be_selected)
{
	struct sync_inventory source, target;

	LIST(&source, "", '/', "a", "a/b", "old");
	LIST(&target, "", '/', "a:n", "a/b:f", "old:l");
	expect(&source, &target, &plain, 0,
	    "a>a+create+cold a/b>a/b old>old+create+cold");
}

Test(sync_mapping, leaves_out_what_holds_no_messages)
{
	struct sync_inventory source, target;

	LIST(&source, "", '/', "a:n", "a/b", "gone:l", "x:ns");
	LIST(&target, "", '/', "INBOX");
	expect(&source, &target, &plain, 0, "a/b>a/b+create+cold");
	// and an empty source is an empty plan
	LIST(&source, "", '/', "a:n");
	LIST(&target, "", '/', "INBOX");
	expect(&source, &target, &plain, 0, "");
	LIST(&source, "", '/', NULL);
	LIST(&target, "", '/', NULL);
	expect(&source, &target, &plain, 0, "");
}

Test(sync_mapping, subscribes_where_it_is_not_yet)
{
	static const struct job_options none = {.subscription = false};
	struct sync_inventory source, target;

	LIST(&source, "", '/', "a:s", "b:s", "c:s", "d");
	LIST(&target, "", '/', "a:f", "b:fs", "d:fs");
	expect(&source, &target, &plain, 0,
	    "a>a+subscribe b>b c>c+create+subscribe+cold d>d");
	LIST(&source, "", '/', "a:s", "c:s");
	LIST(&target, "", '/', "a:f");
	expect(&source, &target, &none, 0, "a>a c>c+create+cold");
	// already subscribed to, long before it exists
	LIST(&source, "", '/', "a:s");
	LIST(&target, "", '/', "a:l");
	expect(&source, &target, &plain, 0, "a>a+create+cold");
}

Test(sync_mapping, skips_by_wildcards)
{
	static char trash[] = "Trash*", three[] = "a?c", below[] = "x/*";
	static char any_inbox[] = "inbox", star[] = "*";
	static char *patterns[] = {trash, three, below};
	static char *inbox[] = {any_inbox}, *all[] = {star};
	const struct job_options options = {
	    .skip_mailbox = patterns, .skip_mailboxes = ARRAY_LEN(patterns)};
	const struct job_options no_inbox = {
	    .skip_mailbox = inbox, .skip_mailboxes = 1};
	const struct job_options none = {
	    .skip_mailbox = all, .skip_mailboxes = 1};
	struct sync_inventory source, target;

	// `*` crosses levels, `?` is one byte; case counts
	LIST(&source, "", '/', "Trash", "Trash/x", "abc", "abbc", "x", "x/y/z",
	    "trash");
	LIST(&target, "", '/', "abbc:f", "x:f", "trash:f");
	expect(&source, &target, &options, 4, "abbc>abbc trash>trash x>x");
	LIST(&source, "", '/', "INBOX", "INBOX/x");
	LIST(&target, "", '/', "INBOX/x:f");
	expect(&source, &target, &no_inbox, 1, "INBOX/x>INBOX/x");
	// one that cannot be selected was never to be copied
	LIST(&source, "", '/', "INBOX", "a:n");
	LIST(&target, "", '/', "INBOX");
	expect(&source, &target, &none, 1, "");
}

/* A skipped one does not take a name from another. */
Test(sync_mapping, refuses_names_that_fall_together)
{
	static char dotted[] = ".x", *patterns[] = {dotted};
	const struct job_options options = {
	    .skip_mailbox = patterns, .skip_mailboxes = 1};
	struct sync_inventory source, target;

	LIST(&source, "", '/', "a\"b", "a\\b", "a#b", "c");
	LIST(&target, "", '/', "a'b:f", "a_b:f", "c:f");
	expect(&source, &target, &plain, 0, "a\"b>a'b a#b>a_b a\\b! c>c");
	// the one whose name stays as it is goes before the others
	LIST(&source, "", '/', ".x", "_x", "~x");
	LIST(&target, "", '/', "_x:f");
	expect(&source, &target, &plain, 0, ".x! _x>_x ~x!");
	LIST(&source, "", '/', ".x", "~x");
	LIST(&target, "", '/', "_x:f");
	expect(&source, &target, &options, 1, "~x>_x");
	// by separators
	LIST(&source, "", '/', "a.b", "a_b");
	LIST(&target, "", '.', "a_b:f");
	expect(&source, &target, &plain, 0, "a.b! a_b>a_b");
	// below INBOX and beside it
	LIST(&source, "", '/', "INBOX", "INBOX/x", "x");
	LIST(&target, "INBOX.", '.', "INBOX:f", "INBOX.x:f");
	expect(&source, &target, &plain, 0, "INBOX>INBOX INBOX/x>INBOX.x x!");
}

Test(sync_mapping, says_why_a_mailbox_is_refused)
{
	struct sync_inventory source, target;

	LIST(&source, "INBOX.", '.', "INBOX", "INBOX.INBOX", "INBOX.a#",
	    "INBOX.a\\");
	LIST(&target, "", '/', "INBOX", "a_");
	struct sync_plan *plan = sync_mapping(&source, &target, &plain);
	cr_assert_eq(plan->count, 4);
	cr_assert_null(plan->mailboxes[0].refusal);
	cr_assert_null(plan->mailboxes[1].target);
	cr_assert(strstr(plan->mailboxes[1].refusal, "nothing is left"));
	cr_assert_null(plan->mailboxes[2].refusal);
	cr_assert(strstr(plan->mailboxes[3].refusal, "'a_'"));
	sync_plan_free(plan);
	sync_inventory_release(&source);
	sync_inventory_release(&target);
}

Test(sync_mapping, leaves_out_namespaces_of_others)
{
	struct sync_inventory source, target;

	LIST(&source, "INBOX.", '.', "INBOX", "INBOX.a", "shared.x",
	    "#shared.y", "sharedness", "user.z");
	source.foreign[source.foreign_count++] = mem_strdup("#shared.");
	source.foreign[source.foreign_count++] = mem_strdup("shared.");
	LIST(&target, "", '/', "INBOX:f", "a:f");
	// they are not counted as skipped either: they are not the user's
	expect(&source, &target, &plain, 0,
	    "INBOX>INBOX INBOX.a>a sharedness>sharedness+create+cold "
	    "user.z>user/z+create+cold");
}

Test(sync_mapping, leaves_out_all_that_is_not_ours_when_theirs_is_empty)
{
	struct sync_inventory source, target;

	// Cyrus: personal "INBOX.", shared ""
	LIST(&source, "INBOX.", '.', "INBOX", "INBOX.a", "announce", "user.z");
	source.rest_is_foreign = true;
	LIST(&target, "", '/', "INBOX:f", "a:f");
	expect(&source, &target, &plain, 0, "INBOX>INBOX INBOX.a>a");
}

Test(sync_mapping, finds_the_target_by_its_mapped_name)
{
	struct sync_inventory source, target;

	LIST(&source, "INBOX.", '.', "INBOX", "INBOX.Sent", "INBOX.a.b:s");
	LIST(&target, "", '/', "INBOX:e", "Sent:e", "a/b:fs");
	expect(&source, &target, &plain, 0,
	    "INBOX>INBOX+cold INBOX.Sent>Sent+cold INBOX.a.b>a/b");
}

Test(sync_mapping, takes_over_what_both_sides_told)
{
	struct sync_inventory source, target;

	LIST(&source, "", '/', "a:f", "b:f", "c");
	LIST(&target, "", '/', "a:f");
	source.boxes[0].has_size = true;
	source.boxes[0].bytes = 12345;
	source.boxes[0].uidvalidity = 99;
	struct sync_plan *plan = sync_mapping(&source, &target, &plain);
	cr_assert_eq(plan->count, 3);
	const struct sync_mailbox *m = plan->mailboxes;
	cr_assert(m[0].has_status && m[0].has_size);
	cr_assert_eq(m[0].messages, 5);
	cr_assert_eq(m[0].bytes, 12345);
	cr_assert_eq(m[0].uidvalidity, 99);
	cr_assert_eq(m[0].target_uidnext, 42);
	cr_assert_eq(m[0].target_uidvalidity, 7);
	// one that we create begins at 1
	cr_assert_eq(m[1].target_uidnext, 1);
	cr_assert_eq(m[1].target_uidvalidity, 0);
	cr_assert_not(m[2].has_status);
	sync_plan_free(plan);
	sync_plan_free(NULL);
	sync_inventory_release(&source);
	sync_inventory_release(&target);
}

/* ------------------------------------------------------------- options */

static void add_unusable(
    struct sync_inventory *inv, const char *name, const char *why)
{
	inv->unusable = mem_grow(inv->unusable, &inv->unusable_cap,
	    inv->unusable_count, sizeof(*inv->unusable));
	inv->unusable[inv->unusable_count++] =
	    (struct sync_unusable){.name = mem_strdup(name), .why = why};
}

static void refer_to(struct sync_inventory *inv, const char *prefix)
{
	free(inv->reference);
	inv->reference = mem_strdup(prefix);
}

Test(sync_mapping, skips_by_either_form_of_a_name)
{
	static char listed[] = "INBOX.a", plain_name[] = "b*";
	static char *patterns[] = {listed, plain_name};
	const struct job_options options = {
	    .skip_mailbox = patterns, .skip_mailboxes = ARRAY_LEN(patterns)};
	struct sync_inventory source, target;

	LIST(&source, "INBOX.", '.', "INBOX", "INBOX.a", "INBOX.b", "INBOX.b.c",
	    "INBOX.c");
	LIST(&target, "", '/', "INBOX:f", "c:f");
	expect(&source, &target, &options, 3, "INBOX>INBOX INBOX.c>c");
}

/* F071 */
Test(sync_mapping, leaves_out_a_name_that_is_all_prefix)
{
	static char prefix[] = "abc/", to[] = "Info/";
	const struct job_options options = {
	    .source_prefix = prefix, .target_prefix = to};
	struct sync_inventory source, target;

	LIST(&source, "", '/', "abc/", "abc/INBOX", "abc/x");
	LIST(&target, "", '/', "Info/x:f");
	struct sync_plan *plan = sync_mapping(&source, &target, &options);
	cr_assert_eq(plan->count, 2);
	cr_assert_eq(plan->skipped, 1);
	cr_assert_str_eq(plan->left_out[0].name, "abc/");
	cr_assert(strstr(plan->left_out[0].why, "nothing is left"));
	sync_plan_free(plan);
	expect(&source, &target, &options, 1,
	    "abc/INBOX>Info/INBOX+create+cold abc/x>Info/x");
}

Test(sync_mapping, finds_collisions_of_renamed_names)
{
	static char old[] = "a*", new_name[] = "x";
	static struct job_rename rule = {old, new_name};
	const struct job_options options = {
	    .rename_mailbox = &rule, .rename_mailboxes = 1};
	struct sync_inventory source, target;

	LIST(&source, "", '/', "a1", "a2", "x");
	LIST(&target, "", '/', "x:f");
	expect(&source, &target, &options, 0, "a1! a2! x>x");
}

/* F057, F061: told of, without a name on the target. */
Test(sync_mapping, refuses_what_cannot_be_used)
{
	struct sync_inventory source, target;

	LIST(&source, "", '/', "a", "b");
	add_unusable(&source, "a\r\nb", "a line end");
	LIST(&target, "", '/', "INBOX");
	add_unusable(&target, "b", "what parts its levels");
	struct sync_plan *plan = sync_mapping(&source, &target, &plain);
	cr_assert_eq(plan->count, 3);
	cr_assert_null(plan->mailboxes[0].refusal);
	cr_assert(strstr(plan->mailboxes[1].refusal, "what parts its levels"));
	cr_assert_null(plan->mailboxes[2].target);
	cr_assert_str_eq(plan->mailboxes[2].refusal, "a line end");
	cr_assert_str_eq(plan->mailboxes[2].source, "a\r\nb");
	cr_assert_eq(plan->mailboxes[2].number, 2);
	sync_plan_free(plan);
	sync_inventory_release(&source);
	sync_inventory_release(&target);
}

Test(sync_mapping, writes_into_no_namespace_of_others)
{
	static char prefix[] = "~b/";
	const struct job_options options = {.target_prefix = prefix};
	struct sync_inventory source, target;

	LIST(&source, "", '/', "Shared/x", "y");
	LIST(&target, "", '/', "INBOX");
	target.foreign[target.foreign_count++] = mem_strdup("Shared/");
	expect(&source, &target, &plain, 0, "Shared/x! y>y+create+cold");
	// unless that is what was asked for
	LIST(&source, "", '/', "y");
	LIST(&target, "", '/', NULL);
	target.foreign[target.foreign_count++] = mem_strdup("~");
	refer_to(&target, "~b/");
	expect(&source, &target, &options, 0, "y>~b/y+create+cold");
}

Test(sync_mapping, takes_a_namespace_of_others_when_asked_for)
{
	static char prefix[] = "~a/";
	const struct job_options options = {.source_prefix = prefix};
	struct sync_inventory source, target;

	LIST(&source, "", '/', "~a/x", "~c/y");
	source.foreign[source.foreign_count++] = mem_strdup("~");
	refer_to(&source, "~a/");
	LIST(&target, "", '/', "x:f");
	expect(&source, &target, &options, 0, "~a/x>x");
	LIST(&source, "", '/', "shared/x", "user/y");
	source.foreign[source.foreign_count++] = mem_strdup("shared/");
	source.foreign[source.foreign_count++] = mem_strdup("user/");
	source.patterns = mem_calloc(1, sizeof(char *));
	source.patterns[source.pattern_count++] = mem_strdup("shared/*");
	LIST(&target, "", '/', "shared/x:f");
	expect(&source, &target, &plain, 0, "shared/x>shared/x");
}

/* F065 */
Test(sync_mapping, marks_what_differs_in_case_only)
{
	struct sync_inventory source, target;

	LIST(&source, "", '/', "Bob", "a", "bob");
	LIST(&target, "", '/', "INBOX");
	struct sync_plan *plan = sync_mapping(&source, &target, &plain);
	cr_assert_eq(plan->count, 3);
	cr_assert(plan->mailboxes[0].has_case_twin);
	cr_assert_not(plan->mailboxes[1].has_case_twin);
	cr_assert(plan->mailboxes[2].has_case_twin);
	sync_plan_free(plan);
	sync_inventory_release(&source);
	sync_inventory_release(&target);
}

/* F057: two lines with different separators. */
Test(sync_mapping, goes_by_the_separator_of_each_line)
{
	struct sync_inventory source, target;

	LIST(&source, "", '/', "a/b", "c.d");
	source.boxes[1].separator = '.';
	LIST(&target, "", '/', NULL);
	expect(&source, &target, &plain, 0,
	    "a/b>a/b+create+cold c.d>c/d+create+cold");
}

static void use(struct sync_inventory *inv, const char *name, unsigned uses)
{
	struct sync_box *box = sync_inventory_find(inv, name);

	cr_assert(box);
	box->uses = uses;
}

/* Only to a mailbox we make, only once, only what is not virtual. */
Test(sync_mapping, gives_special_uses)
{
	static const unsigned given[] = {
	    0, IMAP_USE_SENT, 0, 0, IMAP_USE_ARCHIVE, 0};
	const struct job_options options = {.special_use = true};
	struct sync_inventory source, target;

	LIST(&source, "", '/', "a", "b", "c", "d", "e", "f");
	LIST(&target, "", '/', "a", "rubbish");
	use(&source, "a", IMAP_USE_DRAFTS); // is there without it: stays so
	use(&source, "b", IMAP_USE_SENT | IMAP_USE_FLAGGED);
	use(&source, "c", IMAP_USE_SENT); // the second one
	use(&source, "d", IMAP_USE_TRASH);
	use(&source, "e", IMAP_USE_ARCHIVE | IMAP_USE_TRASH);
	use(&source, "f", IMAP_USE_ALL | IMAP_USE_IMPORTANT);
	use(&target, "rubbish", IMAP_USE_TRASH);
	for (int on = 1; on >= 0; on--) {
		struct sync_plan *plan =
		    sync_mapping(&source, &target, on ? &options : &plain);
		for (size_t i = 0; i < plan->count; i++)
			cr_assert_eq(plan->mailboxes[i].uses, on ? given[i] : 0,
			    "%s", plan->mailboxes[i].source);
		sync_plan_free(plan);
	}
	sync_inventory_release(&source);
	sync_inventory_release(&target);
}

/* Asked for only where both servers know it and nobody forbade it. */
Test(sync_mapping, decides_on_rights_and_annotations)
{
	static const char full[] = "IMAP4rev1 ACL RIGHTS=texkn METADATA";
	static const char old[] = "IMAP4rev1 ACL";
	const struct job_options both = {.acl = true, .metadata = true};
	struct sync_inventory source, target;

	LIST(&source, "", '/', "a");
	LIST(&target, "", '/', "a");
	imap_caps_parse(&source.caps, full, strlen(full));
	imap_caps_parse(&target.caps, full, strlen(full));
	struct sync_plan *plan = sync_mapping(&source, &target, &both);
	cr_assert(plan->with_acl && plan->with_annotations);
	cr_assert_eq(plan->target_rights, imap_acl_rights("texkn", 5));
	sync_plan_free(plan);
	plan = sync_mapping(&source, &target, &plain);
	cr_assert(!plan->with_acl && !plan->with_annotations);
	sync_plan_free(plan);
	imap_caps_parse(&target.caps, old, strlen(old));
	plan = sync_mapping(&source, &target, &both);
	cr_assert(plan->with_acl && !plan->with_annotations);
	cr_assert_eq(plan->target_rights, 0);
	sync_plan_free(plan);
	sync_inventory_release(&source);
	sync_inventory_release(&target);
}
