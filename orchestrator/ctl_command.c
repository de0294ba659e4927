// SPDX-License-Identifier: MIT
#include "orchestrator/ctl_command.h"

#include <stdbool.h>
#include <string.h>

#include "config/value.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"

static const char known[] =
    "pause, resume, drain, stop, jobs=N, bw=RATE, server.NAME.connections=N, skip=ID, retry=ID";

static const struct {
	const char *word;
	bool has_value;
} words[] = {
    [CTL_PAUSE] = {"pause", false},
    [CTL_RESUME] = {"resume", false},
    [CTL_DRAIN] = {"drain", false},
    [CTL_STOP] = {"stop", false},
    [CTL_JOBS] = {"jobs", true},
    [CTL_BANDWIDTH] = {"bw", true},
    [CTL_CONNECTIONS] = {"connections", true},
    [CTL_SKIP] = {"skip", true},
    [CTL_RETRY] = {"retry", true},
};

const char *ctl_command_name(enum ctl_verb verb)
{
	return words[verb].word;
}

static int bad(struct error *err, const char *what)
{
	return error_set(
	    err, ERROR_USAGE, "ctl.command", "%s: there are %s", what, known);
}

static bool same(const char *word, const char *text, size_t len)
{
	return strlen(word) == len && memcmp(word, text, len) == 0;
}

static int take_name(
    struct ctl_command *c, const char *name, size_t len, struct error *err)
{
	if (len == 0 || len >= sizeof(c->name) || memchr(name, '\0', len))
		return bad(err, "a name is missing or too long");
	memcpy(c->name, name, len);
	c->name[len] = '\0';
	return 0;
}

static int take_number(
    struct ctl_command *c, const char *value, size_t len, struct error *err)
{
	if (!text_parse_u64(value, len, CTL_NUMBER_MAX, &c->number) ||
	    c->number == 0)
		return error_set(err, ERROR_USAGE, "ctl.command",
		    "%s wants a number from 1 to %d", words[c->verb].word,
		    CTL_NUMBER_MAX);
	return 0;
}

/* "20MiB/s", "20MiB", "off". */
static int take_rate(
    struct ctl_command *c, const char *value, size_t len, struct error *err)
{
	if (same("off", value, len) || same("0", value, len))
		return 0;
	if (len > 2 && memcmp(value + len - 2, "/s", 2) == 0)
		len -= 2;
	if (value_size(value, len, &c->number) != VALUE_OK || c->number == 0)
		return error_set(err, ERROR_USAGE, "ctl.command",
		    "bw wants a rate as 20MiB/s, or off");
	return 0;
}

/* server.NAME.connections */
static bool is_server(const char *key, size_t len, struct ctl_command *out)
{
	static const char head[] = "server.", tail[] = ".connections";
	size_t before = sizeof(head) - 1, behind = sizeof(tail) - 1;
	struct error ignored;

	if (len <= before + behind || memcmp(key, head, before) != 0 ||
	    memcmp(key + len - behind, tail, behind) != 0)
		return false;
	out->verb = CTL_CONNECTIONS;
	return take_name(out, key + before, len - before - behind, &ignored) ==
	       0;
}

int ctl_command_parse(
    const char *line, size_t len, struct ctl_command *out, struct error *err)
{
	const char *equals = memchr(line, '=', len);
	size_t key = equals ? (size_t)(equals - line) : len;
	const char *value = equals ? equals + 1 : line + len;
	size_t value_len = len - (size_t)(value - line);

	*out = (struct ctl_command){.verb = CTL_VERBS};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (i != CTL_CONNECTIONS && same(words[i].word, line, key) &&
		    words[i].has_value == (equals != NULL))
			out->verb = (enum ctl_verb)i;
	if (out->verb == CTL_VERBS && (!equals || !is_server(line, key, out)))
		return bad(err, "this is no command");
	switch (out->verb) {
	case CTL_JOBS:
	case CTL_CONNECTIONS:
		return take_number(out, value, value_len, err);
	case CTL_BANDWIDTH:
		return take_rate(out, value, value_len, err);
	case CTL_SKIP:
	case CTL_RETRY:
		return take_name(out, value, value_len, err);
	case CTL_PAUSE:
	case CTL_RESUME:
	case CTL_DRAIN:
	case CTL_STOP:
	case CTL_VERBS:
		break;
	}
	return 0;
}
