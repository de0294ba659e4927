// SPDX-License-Identifier: MIT
#include "engine/contract/exit_code.h"

#include "engine/base/error.h"
#include "engine/base/mem.h"

static const struct exit_code_info table[] = {
    {EXIT_CODE_OK, "ok", "everything asked for is on the target",
	"all selected accounts are complete", EXIT_RETRY_NEVER},
    {EXIT_CODE_PARTIAL, "partial",
	"some messages or mailboxes were refused, each is listed",
	"finished, something needs a look", EXIT_RETRY_NEVER},
    {EXIT_CODE_CHANGED, "changed", "ended, another pass will find work",
	"finished, another pass will find work", EXIT_RETRY_AT_END},
    {EXIT_CODE_DEFERRED, "deferred", "a server said to come back much later",
	"stopped by an own rule with work left", EXIT_RETRY_AT_TIME},
    {EXIT_CODE_INTERRUPTED, "interrupted", "stopped, can be resumed",
	"stopped by the operator, can be resumed", EXIT_RETRY_RESUME},
    {EXIT_CODE_USAGE, "usage", "wrong command line", "wrong command line",
	EXIT_RETRY_NEVER},
    {EXIT_CODE_NO_INPUT, "noinput", NULL,
	"plan, accounts file or run not found", EXIT_RETRY_NEVER},
    {EXIT_CODE_INTERNAL, "internal", "internal error or out of memory",
	"internal error or out of memory", EXIT_RETRY_ONCE},
    {EXIT_CODE_CANNOT_CREATE, "quota", "the target is over its quota",
	"cannot create its files", EXIT_RETRY_NEVER},
    {EXIT_CODE_LOCAL, "local", "local disk or descriptor error",
	"local disk or descriptor error", EXIT_RETRY_NEVER},
    {EXIT_CODE_TEMPORARY, "temp",
	"network, time-out, throttling or a server that is unavailable",
	"another supervisor holds this plan", EXIT_RETRY_BACKOFF},
    {EXIT_CODE_PROTOCOL, "proto",
	"TLS or protocol: the peer is not what was promised", NULL,
	EXIT_RETRY_NEVER},
    {EXIT_CODE_AUTH, "auth", "authentication refused",
	"a file with secrets is readable by others", EXIT_RETRY_NEVER},
    {EXIT_CODE_CONFIG, "config", "wrong settings",
	"the plan has errors, nothing was started", EXIT_RETRY_NEVER},
};

const struct exit_code_info *exit_code_table(size_t *count_out)
{
	*count_out = ARRAY_LEN(table);
	return table;
}

const struct exit_code_info *exit_code_find(int code)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if ((int)table[i].code == code)
			return &table[i];
	return NULL;
}

enum exit_code exit_code_of_error(const struct error *err)
{
	switch (err->kind) {
	case ERROR_NONE:
		return EXIT_CODE_OK;
	case ERROR_IO:
	case ERROR_TIMEOUT:
		return EXIT_CODE_TEMPORARY;
	case ERROR_TLS:
	case ERROR_PROTOCOL:
	case ERROR_LIMIT:
		return EXIT_CODE_PROTOCOL;
	case ERROR_AUTH:
		return EXIT_CODE_AUTH;
	case ERROR_SERVER_NO:
		return err->retry == ERROR_RETRY_NEVER ? EXIT_CODE_PARTIAL
						       : EXIT_CODE_TEMPORARY;
	case ERROR_QUOTA:
		return EXIT_CODE_CANNOT_CREATE;
	case ERROR_DEFERRED:
		return EXIT_CODE_DEFERRED;
	case ERROR_CONFIG:
		return EXIT_CODE_CONFIG;
	case ERROR_USAGE:
		return EXIT_CODE_USAGE;
	case ERROR_OS:
		return EXIT_CODE_LOCAL;
	case ERROR_INTERRUPTED:
		return EXIT_CODE_INTERRUPTED;
	case ERROR_INTERNAL:
	case ERROR_KINDS:
		break;
	}
	return EXIT_CODE_INTERNAL;
}

/* Position in the fixed order, 0 the worst. */
static int badness(int code)
{
	static const int order[] = {70, 74, 4, 3, 1, 2, 0};

	for (int i = 0; i < (int)ARRAY_LEN(order); i++)
		if (order[i] == code)
			return i;
	return 4; /* anything else needs a look, as partial does */
}

int exit_code_worse(int batch, int account)
{
	static const int order[] = {70, 74, 4, 3, 1, 2, 0};
	int a = badness(batch), b = badness(account);

	return order[a < b ? a : b];
}
