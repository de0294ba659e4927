// SPDX-License-Identifier: MIT
#include "engine/sync/sync_owners.h"

#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/job.h"

/* Names of roles: Courier's and Cyrus' for the owner and those above him. */
static const char *const roles[] = {
    "owner", "administrators", "group:administrators"};

static void add(struct sync_owners *owners, const char *name)
{
	if (name && name[0])
		owners->names[owners->count++] = name;
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
	if (id[0] == '-')
		id++;
	if (strncmp(id, "user=", 5) == 0 || strncmp(id, "user:", 5) == 0)
		id += 5;
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (text_equal_fold_z(id, roles[i]))
			return true;
	for (size_t i = 0; i < owners->count; i++)
		if (is_same(owners->names[i], id))
			return true;
	return false;
}
