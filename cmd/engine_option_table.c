// SPDX-License-Identifier: MIT
#include "cmd/engine_option_table.h"

#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/text.h"

#define ROW(group_, name_, id_, arity_, argument_, help_, detail_) \
	{ \
		name_, id_, arity_, argument_, help_, detail_, \
		    OPTION_SIDE_NONE, OPTION_GROUP_##group_ \
	}
#define SIDES(group_, word_, id_, arity_, argument_, help_, detail_) \
	{"src" word_, id_, arity_, argument_, help_, detail_, \
	    OPTION_SIDE_SOURCE, OPTION_GROUP_##group_}, \
	{ \
		"dst" word_, id_, arity_, argument_, NULL, NULL, \
		    OPTION_SIDE_TARGET, OPTION_GROUP_##group_ \
	}

// clang-format off
static const struct engine_option table[] = {
    ROW(WHAT, "list", OPT_LIST, 1, "PATTERN",
	"mailboxes to copy, as the source's LIST understands it (\"*\")",
	"May be repeated. Names stand as the server sends them, in modified UTF-7."),
    ROW(WHAT, "source", OPT_SOURCE, 1, "PREFIX",
	"only mailboxes that begin with this; it is taken off",
	"The first argument of LIST. On CommuniGate Pro \"~user/\" gives an administrator the mailboxes of another account."),
    ROW(WHAT, "target", OPT_TARGET, 1, "PREFIX",
	"put this before every name on the target",
	"On CommuniGate Pro \"~user/\" lets an administrator write into another account."),
    ROW(WHAT, "skipMailbox", OPT_SKIP_MAILBOX, 1, "NAME",
	"leave a mailbox out; * and ? match; may be repeated",
	"The wildcards match the hierarchy separator too."),
    ROW(WHAT, "renameMailbox", OPT_RENAME_MAILBOX, 2, "OLD NEW",
	"another name on the target; * and ? match; may be repeated",
	"The first rule that matches counts. A * in NEW stands for what the first * of OLD matched."),
    ROW(WHAT, "mode", OPT_MODE, 1, "syncSrcAll|syncSrcNew|syncDst",
	"what to synchronize (syncSrcAll)",
	"syncSrcAll copies what the target does not have. syncSrcNew copies what is not older than the newest message there, of INBOX unless --list says otherwise. syncDst makes the target a mirror: it also sets flags, and deletes messages, mailboxes (unless --list is given) and subscriptions that the source does not have."),
    ROW(WHAT, "dryRun", OPT_DRY_RUN, 0, NULL,
	"do everything except changes, and say what they would be", NULL),
    ROW(WHAT, "probe", OPT_PROBE, 0, NULL,
	"only log in to both sides, look, and say what is there",
	"Quickly: lists the mailboxes, their numbers and sizes, quota, limits and names that could not be used. No message is compared and nothing is changed."),
    ROW(WHAT, "maxDelete", OPT_MAX_DELETE, 1, "N|P%",
	"syncDst: delete nothing when it would be more than this",
	"A number of messages, or a percentage of those on the target."),
    ROW(WHAT, "force", OPT_FORCE, 0, NULL,
	"syncDst: let an empty source empty the target",
	"Without it and without --maxDelete, more than 100 messages that are more than half of the target are not deleted either."),
    ROW(WHAT, "longLines", OPT_LONG_LINES, 1, "truncate|keep|skip|wrap",
	"lines over 9000 bytes (truncate)",
	"truncate cuts them; keep sends them as they are; skip leaves such messages out; wrap sends them as they are and breaks the lines only when the target refuses the message."),
    ROW(WHAT, "errorsMax", OPT_ERRORS_MAX, 1, "N",
	"give a mailbox up after N refused messages in a row (100)", NULL),
    ROW(WHAT, "verify", OPT_VERIFY, 1, "count|digest|body",
	"compare both accounts and change nothing; 0 equal, 1 not",
	"count: how many messages; digest: also headers, sizes, flags, dates; body: every byte. What a copy changes by its rules is named, and no difference. What only the target has is one with syncDst."),
    ROW(WHAT, "verifySample", OPT_VERIFY_SAMPLE, 1, "N%",
	"--verify body: read so many of a hundred bodies (100%)",
	"All the others are compared as with digest. The same ones are chosen each time."),
    ROW(WHAT, "verifyDiff", OPT_VERIFY_DIFF, 0, NULL,
	"--verify: log each difference (= - + * !)",
	"= is equal, - only on the source, + only or too often on the target, * different, ! could not be read."),
    ROW(MAILBOX, "noSubscription", OPT_NO_SUBSCRIPTION, 0, NULL,
	"do not copy subscriptions", NULL),
    ROW(MAILBOX, "noACL", OPT_NO_ACL, 0, NULL,
	"do not copy access control lists", NULL),
    ROW(MAILBOX, "noSpecialUse", OPT_NO_SPECIAL_USE, 0, NULL,
	"do not copy SPECIAL-USE attributes (\\Sent, \\Trash, ...)", NULL),
    ROW(MAILBOX, "noMetadata", OPT_NO_METADATA, 0, NULL,
	"do not copy annotations (METADATA) of mailboxes", NULL),
    ROW(MAILBOX, "forceIndex", OPT_FORCE_INDEX, 0, NULL,
	"make any target index its mailboxes (CommuniGate: always)",
	"A flag of the first message of a mailbox that got new messages is set and taken away again."),
    ROW(MAILBOX, "noForceIndex", OPT_NO_FORCE_INDEX, 0, NULL,
	"never make the target index its mailboxes", NULL),
    ROW(MAILBOX, "newUIDTemplate", OPT_NEW_UID_TEMPLATE, 1, "TEXT",
	"suggest UIDs to CommuniGate 6.1.9 or later, e.g. \"UID %u\"",
	"The text is put before each message of an APPEND, %u replaced by its UID on the source. The syntax of this extension is not public: nothing is sent unless it is given here."),
    ROW(MAILBOX, "noNewUID", OPT_NO_NEW_UID, 0, NULL, "never suggest UIDs",
	NULL),
    ROW(MAILBOX, "copyMailboxClass", OPT_COPY_MAILBOX_CLASS, 0, NULL,
	"copy mailbox classes between two CommuniGate servers",
	"Calendars, contacts and the like, over the CLI port of both servers with the same credentials."),
    ROW(LIMITS, "fetchMax", OPT_FETCH_MAX, 1, "N", "messages in one query (50)",
	NULL),
    ROW(LIMITS, "fetchSizeMax", OPT_FETCH_SIZE_MAX, 1, "MB",
	"megabytes in one query (10)", NULL),
    ROW(LIMITS, "storeMax", OPT_STORE_MAX, 1, "N",
	"messages in one APPEND (50)", NULL),
    ROW(LIMITS, "storeSizeMax", OPT_STORE_SIZE_MAX, 1, "MB",
	"megabytes in one APPEND (10)", NULL),
    ROW(LIMITS, "queueMax", OPT_QUEUE_MAX, 1, "N",
	"messages in the queue (150)",
	"Those read from the source and not yet accepted by the target."),
    ROW(LIMITS, "queueSizeMax", OPT_QUEUE_SIZE_MAX, 1, "MB",
	"megabytes in the queue (30)", NULL),
    ROW(LIMITS, "connections", OPT_CONNECTIONS, 1, "N",
	"connections to each server for the messages (1, at most 16)",
	"The mailboxes, and parts of a large one, are spread over them; they share one queue. A connection that the server refuses is done without. With 1, messages that are new in a mailbox of the target stand there in the order of the source. With more, so do those of each mailbox that is copied in one part, and those of each part of a larger one (4 MB or more), but the parts may be mixed."),
    ROW(LIMITS, "timeout", OPT_TIMEOUT, 1, "SECONDS",
	"longest wait for any progress (60)", NULL),
    ROW(LIMITS, "notimeout", OPT_NOTIMEOUT, 0, NULL,
	"the same as --timeout 3600", NULL),
    ROW(LIMITS, "bwlimit", OPT_BWLIMIT, 1, "KB",
	"kilobytes a second that are read from the source", NULL),
    ROW(LIMITS, "stateFile", OPT_STATE_FILE, 1, "FILE",
	"remember here what was copied: the next run is faster",
	"A mailbox that has not changed on either side since is not looked at again, and of one that has only what is new. It also knows what a target has rewritten and would seem new for ever. Without the file, or with one that is damaged or of another account, the run takes longer and does the same. No two runs use one file at the same time."),
    ROW(LIMITS, "settle", OPT_SETTLE, 1, "MS",
	"stillness before the first APPEND (1000+ after a killed run)",
	"A server goes on with what a killed run had sent: first the numbers of its mailboxes must stand still for so long. Without this option nobody waits who knows that no run was killed: see FILES. 0 when the last run is known to have ended well."),
    ROW(LIMITS, "noThreads", OPT_NO_THREADS, 0, NULL,
	"both sides in one thread", NULL),
    ROW(LIMITS, "noLiteralPlus", OPT_NO_LITERAL_PLUS, 0, NULL,
	"wait for the server before every message, even with LITERAL+", NULL),
    ROW(LIMITS, "compress", OPT_COMPRESS, 1, "auto|on|off",
	"compress the lines (auto: on lines of 20 ms and more)",
	"COMPRESS=DEFLATE, with servers that offer it; each side is decided for itself. It costs a round trip at the beginning, and processor time."),
    SIDES(LOGIN, "AuthPlain", OPT_AUTH_PLAIN, 1, "ACCOUNT",
	"log in as USER, who may act as ACCOUNT (AUTHENTICATE PLAIN)",
	"A server that ignores for whom it is asked (Courier, GNU Mailutils) opens the own mailboxes of USER: look with --dryRun first."),
    SIDES(LOGIN, "Admin", OPT_ADMIN, 1, "NAME",
	"the password is that of NAME, who may act as USER",
	"The same as AuthPlain with both names changed round."),
    {"proxyAuth", OPT_PROXY_AUTH, 1, "ACCOUNT",
	"source: log in as USER, then PROXYAUTH ACCOUNT",
	"With dstProxyAuth the same is done on the target.", OPTION_SIDE_SOURCE,
	OPTION_GROUP_LOGIN},
    {"dstProxyAuth", OPT_PROXY_AUTH, 1, "ACCOUNT", NULL, NULL,
	OPTION_SIDE_TARGET, OPTION_GROUP_LOGIN},
    SIDES(LOGIN, "OAuth2", OPT_OAUTH2, 0, NULL,
	"PASSWORD is the name of a file with an access token",
	"The file is read at every login: a new token can be put there while the program runs."),
    SIDES(LOGIN, "Auth", OPT_AUTH, 1,
	"auto|login|plain|cram-md5|scram-sha-1|scram-sha-256|xoauth2|oauthbearer|oauth|external",
	"how to log in (auto)",
	"auto takes PLAIN where the server offers it, else LOGIN; oauth takes OAUTHBEARER or XOAUTH2, whichever is offered."),
    SIDES(LOGIN, "PasswordFile", OPT_PASSWORD_FILE, 1, "FILE",
	"password from a file's first line; give - in its place",
	"The line end is no part of it."),
    SIDES(LOGIN, "PasswordFd", OPT_PASSWORD_FD, 1, "N",
	"password from an open descriptor; give - in its place", NULL),
    SIDES(LOGIN, "CLIPort", OPT_CLI_PORT, 1, "N",
	"port of CommuniGate's CLI (106)", NULL),
    SIDES(TLS, "TLS", OPT_TLS, 1, "auto|implicit|starttls|none",
	"encryption (auto: 993 implicit, else STARTTLS if offered)",
	"auto goes on in clear text when the server offers no STARTTLS; implicit and starttls insist on encryption."),
    SIDES(TLS, "TLSVerify", OPT_TLS_VERIFY, 1, "yes|no",
	"check the server's certificate (yes)", NULL),
    SIDES(TLS, "CAFile", OPT_CA_FILE, 1, "FILE",
	"certificate authorities to trust (the system's)", NULL),
    SIDES(TLS, "Pin", OPT_PIN, 1, "HEX",
	"SHA-256 of the public key the server must have",
	"64 hexadecimal digits, of the key as it stands in the certificate (SubjectPublicKeyInfo in DER). It is checked besides the certificate."),
    ROW(OUTPUT, "noConfine", OPT_NO_CONFINE, 0, NULL,
	"keep the right to all files, programs and ports",
	"Before it connects, the engine gives up what it does not need (Landlock, Linux 5.13 and later): it can read the system's files and certificates, write its log, the folder of the state file and spool files, and reach the ports of its two servers. Where names of hosts are looked up in some other place, this option is the way out."),
    ROW(OUTPUT, "logfile", OPT_LOGFILE, 1, "FILE",
	"log there, not to standard error", NULL),
    ROW(OUTPUT, "verbose", OPT_VERBOSE, 0, NULL, "log every command and answer",
	NULL),
    ROW(OUTPUT, "account", OPT_ACCOUNT, 1, "ID",
	"name of the account in the log", NULL),
    ROW(OUTPUT, "jobFd", OPT_JOB_FD, 1, "N",
	"read the job (JSON) from a descriptor; its end means stop",
	"Written by a supervisor; no server, user or password is given on the command line then."),
    ROW(OUTPUT, "recordFd", OPT_RECORD_FD, 1, "N",
	"write records (lines of JSON) to a descriptor", NULL),
    ROW(OUTPUT, "help", OPT_HELP, 0, NULL, "print a summary of the options",
	NULL),
    ROW(OUTPUT, "version", OPT_VERSION, 0, NULL, "print the version", NULL),
};

// clang-format on

const struct engine_option *engine_option_table(size_t *count_out)
{
	*count_out = ARRAY_LEN(table);
	return table;
}

const char *engine_option_group_title(enum engine_option_group group)
{
	static const char *const titles[] = {"what is copied",
	    "beside messages", "limits", "login (dst... for the target)",
	    "encryption (dst... for the target)", "output"};

	_Static_assert(
	    ARRAY_LEN(titles) == OPTION_GROUPS, "a title for every group");
	return titles[group];
}

const struct engine_option *engine_option_find(const char *name, size_t len)
{
	char plain[64];
	size_t used = 0;

	for (size_t i = 0; i < len && used < sizeof(plain) - 1; i++)
		if (name[i] != '-')
			plain[used++] = name[i];
	if (text_equal_fold(plain, used, "srcProxyAuth", 12))
		return engine_option_find("proxyAuth", 9);
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (text_equal_fold(
			plain, used, table[i].name, strlen(table[i].name)))
			return &table[i];
	return NULL;
}
