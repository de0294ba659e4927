// SPDX-License-Identifier: MIT
#include "config/plan_secret.h"

#include <string.h>

#include "config/arena.h"
#include "config/plan_build.h"
#include "config/plan_diag.h"
#include "config/plan_run.h"
#include "config/plan_schema.h"
#include "config/plan_yaml.h"
#include "engine/base/mem.h"

enum {
	COMMAND_MS = 30000,
	COMMAND_MAX_MS = 10 * 60 * 1000
};

struct raw {
	const struct plan_yaml_node *file, *env, *command, *credential;
	uint64_t timeout_ms;
};

#define AT(field) offsetof(struct raw, field)

static const struct raw builtin = {.timeout_ms = COMMAND_MS};
static const struct plan_schema_key keys[] = {
    {.name = "file",
	.type = PLAN_SCHEMA_TEXT,
	.offset = AT(file),
	.doc =
	    "path of a file that nobody else may read; its first line counts"},
    {.name = "env",
	.type = PLAN_SCHEMA_TEXT,
	.offset = AT(env),
	.doc = "name of an environment variable"},
    {.name = "command",
	.type = PLAN_SCHEMA_NODE,
	.offset = AT(command),
	.shape = PLAN_SCHEMA_SHAPE_TEXTS,
	.doc = "a program and its arguments, no shell; its output counts"},
    {.name = "timeout",
	.type = PLAN_SCHEMA_DURATION,
	.offset = AT(timeout_ms),
	.min = 100,
	.max = COMMAND_MAX_MS,
	.doc = "of the command; it is killed after that"},
    {.name = "credential",
	.type = PLAN_SCHEMA_TEXT,
	.offset = AT(credential),
	.doc = "name of a file in $CREDENTIALS_DIRECTORY"},
};
const struct plan_schema plan_secret_schema = {keys, ARRAY_LEN(keys), &builtin};

static const char sources[] =
    "{file: PATH}, {env: NAME}, {command: [PROGRAM, ARGUMENT]} or {credential: NAME}";
static const char env_hint[] = "letters, digits and _; no $ in front";
static const char credential_hint[] =
    "a name as in LoadCredential=; no slash, no dot in front";

static void read_text(struct plan_build *b, const struct plan_yaml_node *n,
    struct plan_secret *out)
{
	const char *problem = NULL;

	if (plan_yaml_is_null(n))
		problem = "there is no secret here";
	else if (n->len == 0)
		problem = "the secret is empty";
	else if (strpbrk(n->text, "\r\n"))
		problem = "the secret has more than one line";
	if (problem) {
		plan_diag_add(b->diag, "E0306", n->place, 1,
		    "put it in quotes, or better in a file: password: {file: PATH}",
		    "%s", problem);
		return;
	}
	if (n->is_cut)
		plan_diag_add(b->diag, "W0301", n->place, 1,
		    "put it in quotes, or better in a file: password: {file: PATH}",
		    "the secret ends at \" #\": the rest is a comment");
	if (!b->text_secret && n->place.file == b->plan->path)
		b->text_secret = n;
	*out = (struct plan_secret){
	    .kind = PLAN_SECRET_TEXT, .value = n->text, .place = n->place};
}

static bool is_env_name(const char *s)
{
	static const char letters[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
	bool digit = s[0] >= '0' && s[0] <= '9';

	return s[0] && !digit && s[strspn(s, letters)] == '\0';
}

static bool is_credential_name(const char *s)
{
	return s[0] && s[0] != '.' && !strchr(s, '/') && strlen(s) < 256;
}

/* Of what is written, before or after its placeholders are replaced. */
static bool check_name(struct plan_build *b, const struct plan_yaml_node *n,
    enum plan_secret_kind kind, const char *name)
{
	if (kind == PLAN_SECRET_ENV && !is_env_name(name)) {
		plan_diag_add(b->diag, "E0305", n->place, n->width, env_hint,
		    "\"%s\" is not the name of an environment variable", name);
		return false;
	}
	if (kind == PLAN_SECRET_CREDENTIAL && !is_credential_name(name)) {
		plan_diag_add(b->diag, "E0305", n->place, n->width,
		    credential_hint, "\"%s\" is not the name of a credential",
		    name);
		return false;
	}
	return true;
}

static void take_named(struct plan_build *b, const struct plan_yaml_node *n,
    enum plan_secret_kind kind, struct plan_secret *out)
{
	bool each = strchr(n->text, '{');

	if (!each && !check_name(b, n, kind, n->text))
		return;
	out->kind = kind;
	out->place = n->place;
	out->value = kind == PLAN_SECRET_FILE && !each
			 ? plan_build_path(b, n->text)
			 : n->text;
}

static void take_command(struct plan_build *b, const struct raw *raw,
    const char *where, struct plan_secret *out)
{
	if (plan_run_argv(b, raw->command, where, &out->argv, &out->argc) < 0)
		return;
	out->kind = PLAN_SECRET_COMMAND;
	out->place = raw->command->place;
	out->value = out->argv[0];
	out->timeout_ms = raw->timeout_ms;
}

static void read_map(struct plan_build *b, const struct plan_yaml_node *n,
    const char *where, struct plan_secret *out)
{
	struct raw raw = builtin;
	size_t before = plan_diag_errors(b->diag);

	plan_schema_read(&plan_secret_schema, n, where, b->diag, &raw);
	if (plan_diag_errors(b->diag) != before)
		return;
	if ((raw.file != NULL) + (raw.env != NULL) + (raw.command != NULL) +
		(raw.credential != NULL) !=
	    1) {
		plan_diag_add(b->diag, "E0305", n->place, n->width, sources,
		    "%s needs exactly one source", where);
		return;
	}
	if (raw.command)
		take_command(b, &raw, where, out);
	else if (raw.file)
		take_named(b, raw.file, PLAN_SECRET_FILE, out);
	else if (raw.env)
		take_named(b, raw.env, PLAN_SECRET_ENV, out);
	else
		take_named(b, raw.credential, PLAN_SECRET_CREDENTIAL, out);
}

void plan_secret_read(struct plan_build *b, const struct plan_yaml_node *n,
    const char *where, struct plan_secret *out)
{
	*out =
	    (struct plan_secret){.kind = PLAN_SECRET_NONE, .place = n->place};
	switch (n->kind) {
	case PLAN_YAML_SCALAR:
		read_text(b, n, out);
		break;
	case PLAN_YAML_MAP:
		read_map(b, n, where, out);
		break;
	case PLAN_YAML_LIST:
		plan_diag_add(b->diag, "E0305", n->place, n->width, sources,
		    "%s must be a mapping or text, this is a list", where);
		break;
	}
}

static bool build_argv(struct plan_build *b, plan_secret_expand_fn *expand,
    void *arg, struct plan_secret *s)
{
	bool each = false;

	for (size_t i = 0; i < s->argc; i++)
		each = each || strchr(s->argv[i], '{');
	if (!each)
		return true; // shared by all accounts
	char **argv = arena_array(b->arena, s->argc + 1, sizeof(char *));
	for (size_t i = 0; i < s->argc; i++) {
		argv[i] = expand(arg, s->argv[i]);
		if (!argv[i])
			return false;
	}
	s->argv = argv;
	s->value = argv[0];
	return true;
}

bool plan_secret_build(struct plan_build *b, const struct plan_yaml_node *n,
    const char *user, plan_secret_expand_fn *expand, void *arg,
    struct plan_secret *s)
{
	if (s->kind == PLAN_SECRET_NONE)
		return false; // reported where it stands
	if (s->kind == PLAN_SECRET_COMMAND)
		return build_argv(b, expand, arg, s);
	if (s->kind == PLAN_SECRET_TEXT || !strchr(s->value, '{'))
		return true;
	if (user && s->kind == PLAN_SECRET_FILE && strchr(user, '/') &&
	    strstr(s->value, "{user}")) {
		plan_diag_add(b->diag, "E0212", n->place, n->width, NULL,
		    "a user with \"/\" cannot stand in a file name");
		return false;
	}
	char *value = expand(arg, s->value);
	if (!value || !check_name(b, n, s->kind, value))
		return false;
	s->value =
	    s->kind == PLAN_SECRET_FILE ? plan_build_path(b, value) : value;
	return true;
}
