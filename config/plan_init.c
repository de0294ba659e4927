// SPDX-License-Identifier: MIT
#include "config/plan_init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "config/accounts_file.h"
#include "config/arena.h"
#include "config/input.h"
#include "config/plan_diag.h"
#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/mem.h"

enum {
	HOSTS_MAX = 64,
	ID_MAX_BYTES = 128,
	IMAPSYNC_SEPARATORS = 5
};

struct side {
	const char *host, *user, *password; /* NULL: not told */
};

struct row {
	struct side source, target;
	const char *id;
	unsigned line;
};

/* Hosts of one side, in the order in which they come. */
struct hosts {
	const char *names[HOSTS_MAX];
	size_t count;
};

struct init {
	const char *directory, *from;
	struct arena arena;
	struct error *err;
	enum accounts_file_format format;
	struct row *rows;
	size_t count, cap;
	struct hosts old_hosts, new_hosts;
};

/* ---- what there is ---- */

static bool add_host(struct hosts *hosts, const char *host)
{
	if (!host)
		return true;
	for (size_t i = 0; i < hosts->count; i++)
		if (strcasecmp(hosts->names[i], host) == 0)
			return true;
	if (hosts->count == HOSTS_MAX)
		return false;
	hosts->names[hosts->count++] = host;
	return true;
}

static void take_field(struct row *row, const char *path, const char *text)
{
	bool is_source = strncmp(path, "source.", 7) == 0;
	bool is_target = strncmp(path, "target.", 7) == 0;
	struct side *side = is_target ? &row->target : &row->source;
	const char *key = is_source || is_target ? path + 7 : path;

	if (strcmp(key, "server") == 0)
		side->host = text;
	else if (strcmp(key, "user") == 0)
		side->user = text;
	else
		side->password = text;
	// what belongs to no side belongs to both
	if (!is_source && !is_target)
		row->target = row->source;
}

static bool is_good_id(const char *id)
{
	static const char known[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@+-";

	return id && id[0] && strlen(id) <= ID_MAX_BYTES &&
	       !id[strspn(id, known)];
}

static void take_row(void *arg, const struct accounts_file_row *fields)
{
	struct init *init = arg;
	struct row row = {.line = fields->place.line};

	for (size_t i = 0; i < fields->count; i++)
		if (fields->fields[i].len > 0 &&
		    fields->columns[i].kind != ACCOUNTS_FILE_EXTRA)
			take_field(&row, fields->columns[i].path,
			    arena_strndup(&init->arena, fields->fields[i].text,
				fields->fields[i].len));
	row.id = row.target.user;
	if (!is_good_id(row.id))
		row.id =
		    arena_printf(&init->arena, "account-%zu", init->count + 1);
	init->rows =
	    mem_grow(init->rows, &init->cap, init->count, sizeof(*init->rows));
	init->rows[init->count++] = row;
}

/* By the first line that says anything. */
static enum accounts_file_format detect(const struct input *in)
{
	static const char exchange[] = "EmailAddress";
	size_t separators = 0;

	if (memmem(in->text, in->len < 256 ? in->len : 256, exchange,
		strlen(exchange)))
		return ACCOUNTS_FILE_EXCHANGE;
	for (const char *p = in->text, *end = p + in->len; p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *stop = nl ? nl : end;
		if (*p != '#' && stop > p) {
			for (; p < stop; p++)
				separators += *p == ';';
			break;
		}
		p = nl ? nl + 1 : end;
	}
	return separators >= IMAPSYNC_SEPARATORS ? ACCOUNTS_FILE_IMAPSYNC
						 : ACCOUNTS_FILE_GUIDE;
}

static int collect_hosts(struct init *init)
{
	for (size_t i = 0; i < init->count; i++)
		if (!add_host(&init->old_hosts, init->rows[i].source.host) ||
		    !add_host(&init->new_hosts, init->rows[i].target.host))
			return error_set(init->err, ERROR_CONFIG, "config.job",
			    "'%s' names more than %d hosts", init->from,
			    HOSTS_MAX);
	return 0;
}

/* -1 without an error in init->err: the diagnostics say it. */
static int read_rows(struct init *init, struct plan_diag *diag)
{
	struct accounts_file_spec spec = {0};
	struct input in;
	bool has_secrets = false;

	if (input_read(&in, init->from, init->err) < 0)
		return -1;
	plan_diag_source(diag, init->from, in.text, in.len);
	init->format = detect(&in);
	spec.format = init->format;
	if (input_check(&in, diag))
		(void)accounts_file_parse(
		    &in, &spec, diag, &has_secrets, take_row, init);
	plan_diag_source(diag, init->from, NULL, 0);
	input_release(&in);
	if (plan_diag_errors(diag) > 0)
		return -1;
	if (init->count == 0)
		return error_set(init->err, ERROR_CONFIG, "config.job",
		    "'%s' names no account", init->from);
	return collect_hosts(init);
}

static void make_example(struct init *init)
{
	static const char *const users[] = {
	    "anna@example.org", "bob@example.org"};

	init->rows = mem_resize(NULL, ARRAY_LEN(users), sizeof(*init->rows));
	for (; init->count < ARRAY_LEN(users); init->count++)
		init->rows[init->count] =
		    (struct row){.source = {.user = users[init->count]},
			.target = {.user = users[init->count]},
			.id = users[init->count]};
}

/* ---- files ---- */

/* A new file, or NULL. */
static FILE *create(struct init *init, const char *name)
{
	char *path = mem_printf("%s/%s", init->directory, name);
	int fd = open(
	    path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (!f) {
		(void)error_set_errno(init->err, ERROR_OS, "local.file",
		    "cannot write '%s'%s", path,
		    errno == EEXIST ? ", nothing is overwritten" : "");
		fd_close(&fd);
	}
	free(path);
	return f;
}

static int finish(struct init *init, FILE *f, const char *name)
{
	bool good = fflush(f) == 0 && !ferror(f) && fsync(fileno(f)) == 0;

	if (!good)
		(void)error_set_errno(init->err, ERROR_OS, "local.disk",
		    "cannot write '%s/%s'", init->directory, name);
	return fclose(f) == 0 && good ? 0 : -1;
}

static int write_secret(struct init *init, const struct row *row,
    const char *end, const char *password)
{
	char *name = mem_printf("secrets/%s%s", row->id, end);
	FILE *f = create(init, name);
	int rc = -1;

	if (f) {
		(void)fprintf(f, "%s\n", password);
		rc = finish(init, f, name);
	} else if (errno == EEXIST && init->from) {
		(void)error_set(init->err, ERROR_CONFIG, "local.file",
		    "%s:%u: there is a secret of '%s' already: a row of the same user, or an earlier plan",
		    init->from, row->line, row->id);
	}
	free(name);
	return rc;
}

/* Passwords that nobody has told are to be filled in. */
static const char *or_placeholder(const char *password)
{
	return password ? password : "replace-this-line";
}

static int write_shared_secret(struct init *init, const char *name)
{
	const struct row row = {.id = name};

	return write_secret(init, &row, "", or_placeholder(NULL));
}

static bool has_source_passwords(const struct init *init)
{
	return init->from != NULL;
}

static bool has_target_passwords(const struct init *init)
{
	return init->from && init->format != ACCOUNTS_FILE_EXCHANGE;
}

static int write_secrets(struct init *init)
{
	if (!has_source_passwords(init) &&
	    write_shared_secret(init, "source") < 0)
		return -1;
	if (!has_target_passwords(init) &&
	    write_shared_secret(init, "target") < 0)
		return -1;
	for (size_t i = 0; i < init->count; i++) {
		const struct row *row = &init->rows[i];
		if (has_source_passwords(init) &&
		    write_secret(init, row, ".source",
			or_placeholder(row->source.password)) < 0)
			return -1;
		if (has_target_passwords(init) &&
		    write_secret(init, row, ".target",
			or_placeholder(row->target.password)) < 0)
			return -1;
	}
	return 0;
}

static void put_csv(FILE *f, const char *text, const char *end)
{
	bool quotes = strpbrk(text, ",;\"\r\n") || text[0] == ' ';

	(void)fputs(quotes ? "\"" : "", f);
	for (const char *p = text; *p; p++)
		(void)fputs(*p == '"' ? "\"\"" : (char[]){*p, '\0'}, f);
	(void)fprintf(f, "%s%s", quotes ? "\"" : "", end);
}

static int write_accounts(struct init *init)
{
	bool with_servers =
	    init->old_hosts.count > 1 || init->new_hosts.count > 1;
	FILE *f = create(init, "accounts.csv");

	if (!f)
		return -1;
	(void)fprintf(f, "id,src_user,dst_user%s\n",
	    with_servers ? ",source.server,target.server" : "");
	for (size_t i = 0; i < init->count; i++) {
		const struct row *row = &init->rows[i];
		put_csv(f, row->id, ",");
		put_csv(f, row->source.user ? row->source.user : "", ",");
		put_csv(f, row->target.user ? row->target.user : "",
		    with_servers ? "," : "\n");
		if (with_servers) {
			put_csv(
			    f, row->source.host ? row->source.host : "", ",");
			put_csv(
			    f, row->target.host ? row->target.host : "", "\n");
		}
	}
	return finish(init, f, "accounts.csv");
}

/* ---- the plan ---- */

static void put_server(FILE *f, const char *name, size_t number,
    const char *host, const char *comment)
{
	char digits[16] = "";

	if (number > 0)
		(void)snprintf(digits, sizeof(digits), "%zu", number + 1);
	(void)fprintf(f, "  %s%s:\n    host: \"", name, digits);
	for (const char *p = host; *p; p++)
		(void)fprintf(f, *p == '"' || *p == '\\' ? "\\%c" : "%c", *p);
	(void)fprintf(f,
	    "\"%s\n    tls: starttls          # implicit: port 993\n"
	    "    # preset: dovecot      # communigate gmail office365 cyrus courier: safe limits\n"
	    "    # limits: {connections: 20, logins_per_minute: 60}\n",
	    comment);
}

static void put_servers(
    FILE *f, const char *name, const struct hosts *hosts, const char *example)
{
	if (hosts->count == 0)
		put_server(f, name, 0, example, "   # write your own");
	for (size_t i = 0; i < hosts->count; i++)
		put_server(f, name, i, hosts->names[i], "");
}

static void put_password(FILE *f, bool each, const char *side)
{
	if (each)
		(void)fprintf(
		    f, "    password: {file: \"secrets/{id}.%s\"}\n", side);
	else
		(void)fprintf(f,
		    "    # an administrator who may act for users: his password is in this file\n"
		    "    # auth: plain\n"
		    "    # login: postmaster\n"
		    "    # as: \"{user}\"\n"
		    "    password: {file: secrets/%s}   # put it there\n",
		    side);
}

static const char plan_end[] =
    "  options:\n"
    "    mode: syncSrcAll       # syncSrcNew: newer mail only; syncDst: a mirror, deletes\n"
    "    # skip_mailbox: [Junk, \"Trash*\"]\n"
    "    # rename_mailbox: [{from: \"Sent Items\", to: Sent}]\n"
    "\n"
    "limits:\n"
    "  jobs: 4                  # accounts at a time\n"
    "  # bandwidth: 40MiB/s\n"
    "\n"
    "# schedule: {windows: [{days: mon-fri, from: \"20:00\", to: \"07:00\"}, {days: \"sat,sun\"}]}\n"
    "# halt: {failures: 50}     # give up when so many fail\n"
    "# deletes: {max_per_account: 100, max_percent: 5}   # for mode syncDst\n"
    "\n"
    "# columns: id, src_user, dst_user, groups, any dotted key (options.timeout), x_...\n"
    "accounts_file: {path: accounts.csv}\n";

static int write_plan(struct init *init)
{
	FILE *f = create(init, "plan.yaml");

	if (!f)
		return -1;
	(void)fputs(
	    "# A plan of mailconvoy. All keys: mailconvoy schema; what\n"
	    "# counts for an account: mailconvoy show plan.yaml ID --origin\n"
	    "# Next: mailconvoy check plan.yaml\n"
	    "version: 1\n"
	    "\n"
	    "servers:\n",
	    f);
	put_servers(f, "old", &init->old_hosts, "imap.old.example.org");
	put_servers(f, "new", &init->new_hosts, "imap.new.example.org");
	(void)fputs("\ndefaults:\n  source:\n    server: old\n", f);
	put_password(f, has_source_passwords(init), "source");
	(void)fputs("  target:\n    server: new\n", f);
	put_password(f, has_target_passwords(init), "target");
	(void)fputs(plan_end, f);
	return finish(init, f, "plan.yaml");
}

static int make_directories(struct init *init)
{
	char *secrets = mem_printf("%s/secrets", init->directory);
	int rc = fd_make_dirs(secrets, init->err);

	free(secrets);
	return rc;
}

/* The plan first: where there is one, nothing else is touched. */
static int write_all(struct init *init)
{
	if (make_directories(init) < 0 || write_plan(init) < 0 ||
	    write_accounts(init) < 0)
		return -1;
	return write_secrets(init);
}

int plan_init_write(const char *directory, const char *from,
    struct plan_diag *diag, struct plan_init_result *out, struct error *err)
{
	struct init init = {.directory = directory, .from = from, .err = err};
	int rc = 0;

	error_clear(err);
	arena_init(&init.arena);
	if (from)
		rc = read_rows(&init, diag);
	else
		make_example(&init);
	if (rc == 0)
		rc = write_all(&init);
	if (rc == 0)
		*out = (struct plan_init_result){
		    init.count, strcmp(directory, ".") == 0
				    ? mem_strdup("plan.yaml")
				    : mem_printf("%s/plan.yaml", directory)};
	arena_release(&init.arena);
	free(init.rows);
	return rc;
}
