// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

#include "engine/base/error.h"
#include "orchestrator/ctl_command.h"

struct row {
	char line[64];
	int rc;
	enum ctl_verb verb;
	uint64_t number;
	char name[24];
};

static struct row rows[] = {
    {"pause", 0, CTL_PAUSE, 0, ""},
    {"stop", 0, CTL_STOP, 0, ""},
    {"jobs=8", 0, CTL_JOBS, 8, ""},
    {"jobs=4096", 0, CTL_JOBS, 4096, ""},
    {"bw=20MiB/s", 0, CTL_BANDWIDTH, 20 << 20, ""},
    {"bw=5kB", 0, CTL_BANDWIDTH, 5000, ""},
    {"bw=off", 0, CTL_BANDWIDTH, 0, ""},
    {"server.old.connections=4", 0, CTL_CONNECTIONS, 4, "old"},
    /* a name may hold what looks like the rest */
    {"server.a.connections.connections=1", 0, CTL_CONNECTIONS, 1,
	"a.connections"},
    {"skip=anna@example.org", 0, CTL_SKIP, 0, "anna@example.org"},
    {"retry=a=b", 0, CTL_RETRY, 0, "a=b"},
    {"", -1, CTL_VERBS, 0, ""},
    {"pause=1", -1, CTL_VERBS, 0, ""},
    {"pause ", -1, CTL_VERBS, 0, ""},
    {"jobs", -1, CTL_VERBS, 0, ""},
    {"jobs=", -1, CTL_VERBS, 0, ""},
    {"jobs=0", -1, CTL_VERBS, 0, ""},
    {"jobs=4097", -1, CTL_VERBS, 0, ""},
    {"jobs=-1", -1, CTL_VERBS, 0, ""},
    {"bw=fast", -1, CTL_VERBS, 0, ""},
    {"bw=/s", -1, CTL_VERBS, 0, ""},
    {"server..connections=4", -1, CTL_VERBS, 0, ""},
    {"server.old=4", -1, CTL_VERBS, 0, ""},
    {"connections=4", -1, CTL_VERBS, 0, ""},
    {"skip=", -1, CTL_VERBS, 0, ""},
    {"fly", -1, CTL_VERBS, 0, ""},
};

ParameterizedTestParameters(ctl_command, parse)
{
	return cr_make_param_array(
	    struct row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct row *row, ctl_command, parse)
{
	struct ctl_command c;
	struct error err = {0};

	cr_assert_eq(ctl_command_parse(row->line, strlen(row->line), &c, &err),
	    row->rc, "%s", row->line);
	if (row->rc < 0) {
		cr_assert_neq(err.text[0], '\0');
		return;
	}
	cr_assert_eq(c.verb, row->verb);
	cr_assert_eq(c.number, row->number);
	cr_assert_str_eq(c.name, row->name);
}

Test(ctl_command, a_name_has_a_limit_and_no_nul)
{
	char line[300] = "skip=";
	struct ctl_command c;
	struct error err;

	memset(line + 5, 'a', 200);
	cr_assert_eq(ctl_command_parse(line, 205, &c, &err), -1);
	cr_assert_eq(ctl_command_parse("skip=a\0b", 8, &c, &err), -1);
}
