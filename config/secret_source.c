// SPDX-License-Identifier: MIT
#include "config/secret_source.h"

#include <stdlib.h>
#include <string.h>

#include "config/plan.h"
#include "config/secret_command.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/base/secret.h"

static int read_env(const char *name, struct secret *out, struct error *err)
{
	const char *value = getenv(name);

	if (!value)
		return error_set(err, ERROR_CONFIG, "config.secret",
		    "the environment variable %s is not set", name);
	if (!value[0])
		return error_set(err, ERROR_CONFIG, "config.secret",
		    "the environment variable %s is empty", name);
	secret_set(out, value, strlen(value));
	return 0;
}

/* IMAP can carry neither; both come from files that are no password files. */
static int check_bytes(struct secret *s, struct error *err)
{
	if (s->bytes && !memchr(s->bytes, '\0', s->len) &&
	    !memchr(s->bytes, '\r', s->len) && !memchr(s->bytes, '\n', s->len))
		return 0;
	secret_release(s);
	return error_set(err, ERROR_CONFIG, "config.secret",
	    "the secret holds a NUL or a line end");
}

static int read_file(
    const char *path, struct secret *out, bool *exposed_out, struct error *err)
{
	if (secret_from_file(out, path, exposed_out, err) < 0)
		return -1;
	if (!*exposed_out)
		return 0;
	secret_release(out);
	return error_set(err, ERROR_CONFIG, "config.secret",
	    "others may read the secret file '%s'", path);
}

/* What systemd lays down for a service; the directory is private. */
static int read_credential(
    const char *name, struct secret *out, struct error *err)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	if (!dir || dir[0] != '/')
		return error_set(err, ERROR_CONFIG, "config.secret",
		    "no credential '%s': CREDENTIALS_DIRECTORY is not set",
		    name);
	char *path = mem_try_printf("%s/%s", dir, name);
	if (!path)
		return error_set(
		    err, ERROR_INTERNAL, "local.memory", "out of memory");
	int rc = secret_from_file(out, path, NULL, err);
	free(path);
	return rc;
}

static int read_any(const struct plan_secret *source, struct secret *out,
    bool *exposed_out, struct error *err)
{
	*exposed_out = false;
	switch (source->kind) {
	case PLAN_SECRET_NONE:
		return error_set(
		    err, ERROR_CONFIG, "config.secret", "no secret is given");
	case PLAN_SECRET_TEXT:
		secret_set(out, source->value, strlen(source->value));
		return 0;
	case PLAN_SECRET_FILE:
		if (read_file(source->value, out, exposed_out, err) < 0)
			return -1;
		return check_bytes(out, err);
	case PLAN_SECRET_ENV:
		if (read_env(source->value, out, err) < 0)
			return -1;
		return check_bytes(out, err);
	case PLAN_SECRET_CREDENTIAL:
		if (read_credential(source->value, out, err) < 0)
			return -1;
		return check_bytes(out, err);
	case PLAN_SECRET_COMMAND:
		if (secret_command_run(source, out, err) < 0)
			return -1;
		return check_bytes(out, err);
	}
	return error_set(
	    err, ERROR_INTERNAL, "internal", "unknown kind of secret");
}

static int add_place(const struct plan_secret *source, struct error *err)
{
	return error_prefix(err, "%s:%u:%u",
	    source->place.file ? source->place.file : "plan",
	    source->place.line, source->place.column);
}

int secret_source_read(
    const struct plan_secret *source, struct secret *out, struct error *err)
{
	bool exposed = false;

	if (read_any(source, out, &exposed, err) == 0)
		return 0;
	return add_place(source, err);
}

int secret_source_start(const struct plan_secret *source,
    struct secret_command *c, char *const *env, struct error *err)
{
	if (secret_command_start(c, source, env, err) == 0)
		return 0;
	return add_place(source, err);
}

int secret_source_finish(const struct plan_secret *source,
    struct secret_command *c, struct secret *out, struct error *err)
{
	if (secret_command_finish(c, out, err) == 0 &&
	    check_bytes(out, err) == 0)
		return 0;
	return add_place(source, err);
}

int secret_source_check(
    const struct plan_secret *source, bool *exposed_out, struct error *err)
{
	struct secret s = {0};
	int rc = read_any(source, &s, exposed_out, err);

	secret_release(&s);
	return rc;
}
