// SPDX-License-Identifier: MIT
#include "engine/sync/sync_owners.h"

#include <string.h>
#include <strings.h>

#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/job.h"

/* Names of roles: Courier's and Cyrus' for the owner and those above him. */
static const char *const roles[] = {
    "owner", "administrators", "group:administrators"};

/* Everybody: taking rights from them takes them from the owner. */
static const char *const everybody[] = {"anyone", "authenticated"};

static void add(struct sync_owners *owners, const char *name)
{
	if (name && name[0])
		owners->names[owners->count++] = name;
}

/* The account that a prefix of all names opens; nothing when it opens none, or
 * is too long to be one. */
static void add_opened(char *out, const char *prefix)
{
	const char *name = NULL;

	if (prefix && prefix[0] == '~')
		name = prefix + 1;
	else if (prefix && strncasecmp(prefix, "user", 4) == 0 &&
		 (prefix[4] == '/' || prefix[4] == '.'))
		name = prefix + 5;
	if (!name)
		return;
	char ends[] = {'/', prefix[0] == '~' ? '\0' : prefix[4], '\0'};
	size_t len = strcspn(name, ends);
	if (len < SYNC_OWNERS_NAME_BYTES)
		memcpy(out, name, len);
}

void sync_owners_init(struct sync_owners *owners, const struct job *job)
{
	const struct job_endpoint *sides[] = {&job->source, &job->target};

	*owners = (struct sync_owners){.count = 0};
	for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
		add(owners, sides[i]->user);
		add(owners, sides[i]->as);
		add(owners, sides[i]->proxy_auth);
	}
	add_opened(owners->opened[0], job->options.source_prefix);
	add_opened(owners->opened[1], job->options.target_prefix);
}

/*
 * "anna@example.org" and "anna" are taken for one, so are the two users in
 * "anna*master" each: servers show an owner in the form they like.
 */
static bool is_same(const char *owner, const char *id)
{
	size_t id_len = strlen(id), id_local = strcspn(id, "@");

	for (const char *part = owner;; part++) {
		size_t len = strcspn(part, "*"), local = strcspn(part, "*@");
		if (text_equal_fold(part, len, id, id_len) ||
		    text_equal_fold(part, local, id, id_len) ||
		    (local == len && text_equal_fold(part, len, id, id_local)))
			return true;
		part += len;
		if (!*part)
			return text_equal_fold_z(owner, id);
	}
}

bool sync_owners_has(const struct sync_owners *owners, const char *id)
{
	bool is_negative = id[0] == '-';

	id += is_negative;
	for (size_t i = 0; is_negative && i < ARRAY_LEN(everybody); i++)
		if (text_equal_fold_z(id, everybody[i]))
			return true;
	if (strncmp(id, "user=", 5) == 0 || strncmp(id, "user:", 5) == 0)
		id += 5;
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (text_equal_fold_z(id, roles[i]))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(owners->opened); i++)
		if (owners->opened[i][0] && is_same(owners->opened[i], id))
			return true;
	for (size_t i = 0; i < owners->count; i++)
		if (is_same(owners->names[i], id))
			return true;
	return false;
}
