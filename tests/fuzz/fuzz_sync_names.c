// SPDX-License-Identifier: MIT
/* A name and a rename rule, apart by line ends, between servers of all kinds:
 * what comes out is valid modified UTF-7, and maps to itself where nothing is
 * put before it and levels are parted alike. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/utf7.h"
#include "engine/contract/job.h"
#include "engine/sync/sync_names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct sync_naming servers[] = {
    {"", '/'}, {"", '.'}, {"INBOX.", '.'}, {"", '\0'}, {"mail/", '/'}};

static void map(const char *name, const struct sync_naming *from,
    const struct sync_naming *to, const struct job_options *options)
{
	static const struct job_options none;
	char *target = sync_names_map(name, from, to, options);

	bug_if(target && !target[0]);
	bug_if(target && !utf7_is_valid(target, strlen(target)));
	// a name of a server like the target's is as the target wants it
	if (target && options->rename_mailboxes == 0 && !to->prefix[0] &&
	    !options->target_prefix && from->separator == to->separator) {
		char *again = sync_names_map(target, to, to, &none);
		bug_if(!again || strcmp(again, target) != 0);
		free(again);
	}
	free(target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char source_prefix[] = "Old/", target_prefix[] = "New/";
	char *text = mem_strndup((const char *)data, size);
	char *fields[3] = {text, NULL, NULL};

	for (size_t i = 1; i < ARRAY_LEN(fields) && fields[i - 1]; i++) {
		fields[i] = strchr(fields[i - 1], '\n');
		if (fields[i])
			*fields[i]++ = '\0';
	}
	struct job_rename rule = {fields[1], fields[2]};
	struct job_options options = {0};
	for (unsigned n = 0; n < 8; n++) {
		options.source_prefix = n & 1 ? source_prefix : NULL;
		options.target_prefix = n & 2 ? target_prefix : NULL;
		options.rename_mailbox = &rule;
		options.rename_mailboxes = n & 4 && fields[2] ? 1 : 0;
		for (size_t i = 0; i < ARRAY_LEN(servers); i++)
			for (size_t j = 0; j < ARRAY_LEN(servers); j++)
				map(text, &servers[i], &servers[j], &options);
	}
	free(text);
	return 0;
}
