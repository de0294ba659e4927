// SPDX-License-Identifier: MIT
#include "config/plan_side.h"

#include <stdio.h>
#include <string.h>

#include "config/plan_build.h"
#include "config/plan_diag.h"
#include "config/plan_schema.h"
#include "config/plan_secret.h"
#include "config/plan_yaml.h"
#include "engine/base/mem.h"

enum {
	WHERE_BYTES = 128,
	AUTH_UNSET = 99
};

/* In the order of enum plan_auth. */
static const char *const auths[] = {"auto", "login", "plain", "cram-md5",
    "scram-sha-1", "scram-sha-256", "xoauth2", "oauthbearer", "oauth",
    "external", NULL};

#define SIDE(field) offsetof(struct plan_side, field)
#define TEXT(key, what) \
	{ \
		.name = #key, .type = PLAN_SCHEMA_ANY, .offset = SIDE(key), \
		.doc = what \
	}
#define SECRET(key, at, what) \
	{ \
		.name = #key, .type = PLAN_SCHEMA_ANY, .offset = at, \
		.shape = PLAN_SCHEMA_SHAPE_SECRET, .sub = &plan_secret_schema, \
		.doc = what \
	}

static const struct plan_side no_side;
static const struct plan_schema_key side_keys[] = {
    {.name = "server",
	.type = PLAN_SCHEMA_TEXT,
	.offset = SIDE(server),
	.doc = "a name of servers:"},
    TEXT(user, "whose account it is; {user} is the account's user"),
    TEXT(login, "whose credentials; else the user's"),
    TEXT(as,
	"whose mailbox, said in the login; not with auth login and cram-md5"),
    TEXT(proxy_auth, "whose mailbox, by PROXYAUTH after the login"),
    {.name = "auth",
	.type = PLAN_SCHEMA_WORD,
	.offset = SIDE(auth),
	.words = auths,
	.doc = "how to log in"},
    SECRET(password, SIDE(password), "of the login"),
    SECRET(token, SIDE(token), "OAuth token, instead of a password"),
    TEXT(prefix,
	"source: what is below it is copied, without it; target: put before every name; \"\": none"),
};
const struct plan_schema plan_side_schema = {
    side_keys, ARRAY_LEN(side_keys), &no_side};

/* Stands for "none, whatever is inherited"; NULL is "not mentioned". */
static const struct plan_yaml_node nothing;

static bool is_given(const struct plan_yaml_node *n)
{
	return n && n != &nothing;
}

/* `null` resets; the empty prefix is none. */
static void check_texts(
    struct plan_build *b, const char *where, struct plan_side *side)
{
	const struct {
		const char *key;
		const struct plan_yaml_node **node;
	} texts[] = {{"user", &side->user}, {"login", &side->login},
	    {"as", &side->as}, {"proxy_auth", &side->proxy_auth},
	    {"prefix", &side->prefix}};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		const struct plan_yaml_node *n = *texts[i].node;
		if (!n)
			continue;
		if (plan_yaml_is_null(n) ||
		    (texts[i].node == &side->prefix &&
			n->kind == PLAN_YAML_SCALAR && n->len == 0))
			*texts[i].node = &nothing;
		else if (!plan_schema_is_text(n, where, texts[i].key, b->diag))
			*texts[i].node = NULL;
	}
}

void plan_side_read(struct plan_build *b, const struct plan_yaml_node *map,
    const char *where, const char *name, struct plan_side *side)
{
	char path[WHERE_BYTES + 32], inside[WHERE_BYTES + 16];

	(void)snprintf(inside, sizeof(inside), "%s.%s", where, name);
	where = inside;
	*side = no_side;
	side->auth = AUTH_UNSET;
	plan_schema_read(&plan_side_schema, map, where, b->diag, side);
	check_texts(b, where, side);
	if (side->token && side->password)
		plan_diag_add(b->diag, "E0214", side->token->place,
		    side->token->width, "remove one of them",
		    "%s has a password and a token", where);
	name = side->token ? "token" : "password";
	if (side->token)
		side->password = side->token;
	if (side->password) {
		(void)snprintf(path, sizeof(path), "%s.%s", where, name);
		plan_secret_read(b, side->password, path, &side->secret);
	}
}

static void inherit_text(const struct plan_yaml_node **own,
    const struct plan_yaml_node *from, bool inherits)
{
	if (!*own && inherits)
		*own = from;
}

void plan_side_inherit(struct plan_side *own, const struct plan_side *from)
{
	bool as_itself = own->password && !is_given(own->login) &&
			 !is_given(own->as) && !is_given(own->proxy_auth) &&
			 (is_given(from->as) || is_given(from->proxy_auth));
	bool other_kind =
	    own->password && from->password && !own->token != !from->token;

	if (!own->server)
		own->server = from->server;
	inherit_text(&own->user, from->user, true);
	inherit_text(&own->prefix, from->prefix, true);
	inherit_text(&own->login, from->login, !as_itself);
	inherit_text(&own->as, from->as, !as_itself);
	inherit_text(&own->proxy_auth, from->proxy_auth, !as_itself);
	if (own->auth == AUTH_UNSET && !as_itself && !other_kind)
		own->auth = from->auth;
	// EXTERNAL logs in with a certificate
	if (!own->password && own->auth != PLAN_AUTH_EXTERNAL) {
		own->password = from->password;
		own->token = from->token;
		own->secret = from->secret;
	}
}

void plan_side_finish(struct plan_side *side)
{
	const struct plan_yaml_node **const texts[] = {&side->user,
	    &side->prefix, &side->login, &side->as, &side->proxy_auth};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (*texts[i] == &nothing)
			*texts[i] = NULL;
	if (side->auth == AUTH_UNSET)
		side->auth = PLAN_AUTH_AUTO;
}
