// SPDX-License-Identifier: MIT
/* A command that is taken, written in the plainest form, means the same. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "orchestrator/ctl_command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *plain(const struct ctl_command *c)
{
	const char *name = ctl_command_name(c->verb);

	switch (c->verb) {
	case CTL_JOBS:
		return mem_printf("jobs=%" PRIu64, c->number);
	case CTL_BANDWIDTH:
		return c->number % 1024 == 0
			   ? mem_printf("bw=%" PRIu64 "KiB", c->number / 1024)
			   : NULL;
	case CTL_CONNECTIONS:
		return mem_printf(
		    "server.%s.connections=%" PRIu64, c->name, c->number);
	case CTL_SKIP:
	case CTL_RETRY:
		return mem_printf("%s=%s", name, c->name);
	case CTL_PAUSE:
	case CTL_RESUME:
	case CTL_DRAIN:
	case CTL_STOP:
		return mem_strdup(name);
	case CTL_VERBS:
		break;
	}
	mem_bug(__FILE__, __LINE__, "no command");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ctl_command c, again;
	struct error err;

	if (ctl_command_parse((const char *)data, size, &c, &err) < 0)
		return 0;
	bug_if(strlen(c.name) >= CTL_NAME_BYTES);
	bug_if((c.verb == CTL_JOBS || c.verb == CTL_CONNECTIONS) &&
	       (c.number == 0 || c.number > CTL_NUMBER_MAX));
	char *line = plain(&c);
	if (line && strcmp(line, "bw=0KiB") != 0) {
		bug_if(ctl_command_parse(line, strlen(line), &again, &err) < 0);
		bug_if(again.verb != c.verb || again.number != c.number);
		bug_if(strcmp(again.name, c.name) != 0);
	}
	free(line);
	return 0;
}
