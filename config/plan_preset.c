// SPDX-License-Identifier: MIT
#include "config/plan_preset.h"

#include "engine/base/mem.h"

#define GIB (1024ULL * 1024 * 1024)

/* In the order of enum plan_preset; behind it other words for the same. */
const char *const plan_preset_words[] = {"generic", "communigate", "gmail",
    "office365", "dovecot", "cyrus", "courier", "exchange", NULL};

/* Below what these servers are known to refuse, with room for the clients
 * that people use meanwhile. */
static const struct plan_server_limits limits[] = {
    [PLAN_PRESET_GENERIC] = {0},
    [PLAN_PRESET_COMMUNIGATE] = {.per_account = 2},
    // 15 connections an account; about 2,500 MB a day are given out
    [PLAN_PRESET_GMAIL] = {.per_account = 1, .per_account_daily = 2 * GIB},
    // slows down mailboxes, and addresses that log in often
    [PLAN_PRESET_OFFICE365] = {.per_account = 1, .logins_per_minute = 60},
    // mail_max_userip_connections is 10, and it counts user and address
    [PLAN_PRESET_DOVECOT] = {.per_account = 4},
    [PLAN_PRESET_CYRUS] = {.per_account = 2},
    // MAXPERIP counts all that comes from one address, and was 4 for long
    [PLAN_PRESET_COURIER] = {.connections = 4, .per_account = 2},
};
_Static_assert(ARRAY_LEN(limits) == PLAN_PRESET_COURIER + 1, "limits for each");

enum plan_preset plan_preset_of_word(uint32_t word)
{
	return word <= PLAN_PRESET_COURIER ? (enum plan_preset)word
					   : PLAN_PRESET_OFFICE365;
}

const char *plan_preset_name(enum plan_preset preset)
{
	return plan_preset_words[preset];
}

struct plan_server_limits plan_preset_limits(enum plan_preset preset)
{
	return limits[preset];
}

void plan_preset_options(
    enum plan_preset source, enum plan_preset target, struct plan_options *o)
{
	(void)source;
	// refuses messages with lines of about 10,000 bytes
	if (target == PLAN_PRESET_OFFICE365)
		o->long_lines = PLAN_LONG_LINES_WRAP;
}
