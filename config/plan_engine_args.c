// SPDX-License-Identifier: MIT
#include "config/plan_engine_args.h"

#include <stdio.h>
#include <string.h>

#include "config/plan_build.h"
#include "config/plan_diag.h"
#include "config/plan_yaml.h"
#include "config/value.h"
#include "engine/base/mem.h"

enum {
	HINT_BYTES = 160
};

/* Without "--"; those of one side without "src" and "dst". */
struct pair {
	const char *option, *instead;
};

static const struct pair of_both[] = {
    {"list", "options.list: PATTERN"},
    {"source", "source.prefix: PREFIX"},
    {"target", "target.prefix: PREFIX"},
    {"skipMailbox", "options.skip_mailbox: [NAME]"},
    {"renameMailbox", "options.rename_mailbox: [{from: OLD, to: NEW}]"},
    {"mode", "options.mode: MODE"},
    {"dryRun", "mailconvoy run --dry-run"},
    {"probe", "mailconvoy check --connect"},
    {"maxDelete", "deletes: {max_per_account: N, max_percent: P}"},
    {"force", "deletes: {max_percent: 100}"},
    {"longLines", "options.long_lines: keep"},
    {"errorsMax", "options.errors_max: N"},
    {"verify", "verify of a pass, or mailconvoy verify --level"},
    {"verifySample", "mailconvoy verify --sample"},
    {"verifyDiff", "mailconvoy verify --diff"},
    {"noSubscription", "options.subscription: false"},
    {"noACL", "options.acl: false"},
    {"noSpecialUse", "options.special_use: false"},
    {"noMetadata", "options.metadata: false"},
    {"forceIndex", "options.force_index: true"},
    {"noForceIndex", "options.force_index: false"},
    {"newUIDTemplate", "options.new_uid_template: TEXT"},
    {"noNewUID", "options.new_uid: false"},
    {"copyMailboxClass", "options.mailbox_class: true"},
    {"fetchMax", "options.fetch.max_messages: N"},
    {"fetchSizeMax", "options.fetch.max_size: 10MiB"},
    {"storeMax", "options.store.max_messages: N"},
    {"storeSizeMax", "options.store.max_size: 10MiB"},
    {"queueMax", "options.queue.max_messages: N"},
    {"queueSizeMax", "options.queue.max_size: 30MiB"},
    {"connections", "options.connections: N"},
    {"timeout", "options.timeout: 60s"},
    {"notimeout", "options.timeout: 1h"},
    {"bwlimit", "limits.bandwidth, or that of a server"},
    {"stateFile", "nothing: mailconvoy keeps one for each account"},
    {"settle", "nothing: mailconvoy knows how the last run ended"},
    {"noThreads", "options.overlap: false"},
    {"noLiteralPlus", "options.literal_plus: false"},
    {"compress", "options.compress: auto"},
    {"proxyAuth", "source.proxy_auth: ACCOUNT"},
    {"dstProxyAuth", "target.proxy_auth: ACCOUNT"},
    {"noConfine", "options.confine: false"},
    {"logfile", "nothing: mailconvoy keeps one for each attempt"},
    {"verbose", "log.level: debug"},
    {"account", "id of the account"},
    {"jobFd", "nothing: that is how mailconvoy speaks with engines"},
    {"recordFd", "nothing: that is how mailconvoy speaks with engines"},
};

static const struct pair of_a_side[] = {
    {"AuthPlain", "auth: plain and as"},
    {"Admin", "login and as: \"{user}\""},
    {"OAuth2", "token: {file: FILE}"},
    {"Auth", "auth"},
    {"PasswordFile", "password: {file: FILE}"},
    {"PasswordFd", "password: {file: FILE}, or {credential: NAME}"},
    {"CLIPort", "cli_port of the server"},
    {"TLS", "tls of the server"},
    {"TLSVerify", "tls_verify of the server"},
    {"CAFile", "ca_file of the server"},
    {"Pin", "pin of the server"},
};

static const char *find(
    const struct pair *table, size_t count, const char *option, size_t len)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(table[i].option) == len &&
		    memcmp(table[i].option, option, len) == 0)
			return table[i].instead;
	return NULL;
}

/* Only names that are known are repeated: anything else may be a password. */
static void tell_option(struct plan_build *b, const struct plan_yaml_node *n)
{
	const char *name = n->text + 2;
	size_t len = strcspn(name, "=");
	bool is_source = strncmp(name, "src", 3) == 0;
	bool is_side = is_source || strncmp(name, "dst", 3) == 0;
	const char *instead = find(of_both, ARRAY_LEN(of_both), name, len);
	const char *side = "";
	char hint[HINT_BYTES];

	if (!instead && is_side) {
		instead =
		    find(of_a_side, ARRAY_LEN(of_a_side), name + 3, len - 3);
		side = is_source ? "source: " : "target: ";
	}
	if (!instead)
		return;
	(void)snprintf(hint, sizeof(hint), "instead: %s%s", side, instead);
	plan_diag_add(b->diag, "E0103", n->place, n->width, hint,
	    "--%.*s is said in another way in a plan", (int)len, name);
}

static const struct plan_yaml_node *value_of(
    const struct plan_yaml_node *map, const char *key)
{
	for (size_t i = 0; map->kind == PLAN_YAML_MAP && i < map->count; i++)
		if (strcmp(map->pairs[i].key->text, key) == 0)
			return map->pairs[i].value;
	return NULL;
}

void plan_engine_args_tell(
    struct plan_build *b, const struct plan_yaml_node *top)
{
	const struct plan_yaml_node *args = value_of(top, "engine_args");

	if (!args)
		return;
	// what stands there may be a password
	plan_diag_hide_line(b->diag, args->place);
	for (size_t i = 0; args->kind == PLAN_YAML_LIST && i < args->count; i++)
		plan_diag_hide_line(b->diag, args->items[i]->place);
	for (size_t i = 0; args->kind == PLAN_YAML_LIST && i < args->count; i++)
		if (args->items[i]->kind == PLAN_YAML_SCALAR &&
		    strncmp(args->items[i]->text, "--", 2) == 0)
			tell_option(b, args->items[i]);
}
