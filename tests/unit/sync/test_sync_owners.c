// SPDX-License-Identifier: MIT
#include "engine/sync/sync_owners.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/contract/job.h"
#include "engine/imap/imap_acl.h"
#include "engine/sync/sync_extras.h"

struct row {
	char id[40];
	bool is_owner;
};

static struct row rows[] = {
    /* the source's and the target's user, as and PROXYAUTH */
    {"anna@old.example", true},
    {"anna", true},
    {"ANNA@Old.Example", true},
    {"-anna", true},
    {"-anna@old.example", true},
    {"admin", true},
    {"berta", true},
    {"berta@any.example", true},
    {"master", true},
    {"user=anna", true},
    {"anton", true},
    /* a domain that is another one */
    {"anna@new.example", false},
    /* the roles servers make up */
    {"owner", true},
    {"-owner", true},
    {"Administrators", true},
    {"group:administrators", true},
    {"-group:administrators", true},
    /* others */
    {"anyone", false},
    {"-anyone", true},
    {"-authenticated", true},
    /* whose mailboxes the prefixes open */
    {"dora", true},
    {"dora@company.com", true},
    {"-dora", true},
    {"emil", true},
    {"emi", false},
    {"ann", false},
    {"annab", false},
    {"old.example", false},
    {"group:anna", false},
    {"$anna", false},
    {"carl@old.example", false},
    {"--anna", false},
    {"", false},
};

static void make_job(struct job *job)
{
	job_init(job);
	job->source.user = mem_strdup("anna@old.example");
	job->source.proxy_auth = mem_strdup("anton");
	job->target.user = mem_strdup("berta*master");
	job->target.as = mem_strdup("admin");
	free(job->options.source_prefix);
	free(job->options.target_prefix);
	job->options.source_prefix = mem_strdup("~dora@company.com/");
	job->options.target_prefix = mem_strdup("user.emil.");
}

ParameterizedTestParameters(sync_owners, knows_whose_entries_are_not_sent)
{
	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(
    struct row *row, sync_owners, knows_whose_entries_are_not_sent)
{
	struct sync_owners owners;
	struct job job;

	make_job(&job);
	sync_owners_init(&owners, &job);
	cr_assert_eq(sync_owners_has(&owners, row->id), row->is_owner);
	job_release(&job);
}

Test(sync_owners, none_of_their_entries_becomes_an_extra)
{
	char text[] = "x anna lr bob lr -anna@old.example l owner lr berta l "
		      "-bob i bob w nobody \"\" \"\" lr - l";
	struct imap_cursor c = {text, text + strlen(text)};
	struct sync_extras *x = sync_extras_new(0);
	struct sync_owners owners;
	struct imap_acl acl;
	struct job job;

	make_job(&job);
	sync_owners_init(&owners, &job);
	cr_assert(imap_acl_begin(c, &acl));
	cr_assert(
	    sync_extras_add_acl(x, &acl, &owners, imap_acl_rights("texk", 4)));
	sync_extras_finish(x);
	cr_assert_eq(x->grant_count, 2, "each once, no owner, no empty right");
	cr_assert_str_eq(x->grants[0].id, "-bob");
	cr_assert_str_eq(x->grants[1].id, "bob");
	cr_assert_not(x->is_cut);
	sync_extras_free(x);
	job_release(&job);
}
