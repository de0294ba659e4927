// SPDX-License-Identifier: MIT
#include "config/plan_digest.h"

#include <string.h>

#include "config/plan.h"
#include "config/plan_server.h"
#include "engine/base/buf.h"
#include "engine/base/hash.h"
#include "engine/base/mem.h"

enum {
	DIGEST_BYTES = 8
};

/* Every field with its length, so that no two settings look the same. */
static int put(struct buf *out, const char *s)
{
	return s ? buf_printf(out, "%zu:", strlen(s)) || buf_puts(out, s)
		 : buf_puts(out, "-");
}

static int put_list(struct buf *out, char *const *list, size_t count)
{
	int rc = buf_printf(out, "%zu,", count);

	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = put(out, list[i]);
	return rc;
}

static int put_side(struct buf *out, const struct plan_endpoint *e)
{
	return put(out, e->server->host) ||
	       buf_printf(out, "%u,", plan_server_port(e->server)) ||
	       put(out, e->login) || put(out, e->as) ||
	       put(out, e->proxy_auth) || put(out, e->prefix);
}

static int put_names(struct buf *out, const struct plan_options *o)
{
	int rc = put_list(out, o->list, o->lists) ||
		 put_list(out, o->skip_mailbox, o->skip_mailboxes) ||
		 buf_printf(out, "%zu,", o->rename_mailboxes);

	for (size_t i = 0; rc == 0 && i < o->rename_mailboxes; i++)
		rc = put(out, o->rename_mailbox[i].from) ||
		     put(out, o->rename_mailbox[i].to);
	return rc;
}

static int put_options(struct buf *out, const struct plan_account *a)
{
	const struct plan_options *o = &a->options;
	int rc = buf_printf(out, "%d,%d,%d,%d,%d,%d,%d,%d,%d,%u,", (int)o->mode,
		     o->subscription, o->acl, o->special_use, o->metadata,
		     o->mailbox_class, (int)o->force_index, (int)o->new_uid,
		     (int)o->long_lines, o->errors_max) ||
		 put(out, o->new_uid_template) || put_names(out, o);

	// what has no say in the result has none in the digest
	if (rc == 0 && o->mode == PLAN_MODE_DST)
		rc = buf_printf(
		    out, "%u,%u,", o->max_delete, o->max_delete_percent);
	if (rc == 0 && o->mailbox_class)
		rc = buf_printf(out, "%u,%u,", a->source.server->cli_port,
		    a->target.server->cli_port);
	return rc;
}

void plan_digest_account(struct plan_account *a)
{
	uint8_t hash[HASH_KEY_BYTES];
	struct buf out;

	buf_init(&out, SIZE_MAX / 2);
	int rc = put_side(&out, &a->source) || put_side(&out, &a->target) ||
		 put_options(&out, a);
	bug_if(rc != 0); // memory: small beside the plan itself
	hash_key(out.data, out.len, hash);
	hash_hex(hash, DIGEST_BYTES, a->digest);
	buf_release(&out);
}
