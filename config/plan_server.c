// SPDX-License-Identifier: MIT
#include "config/plan_server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/arena.h"
#include "config/plan_build.h"
#include "config/plan_check.h"
#include "config/plan_diag.h"
#include "config/plan_schema.h"
#include "config/plan_yaml.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"

enum {
	HOST_MAX_BYTES = 253,
	PIN_DIGITS = 64,
	CLI_PORT = 106,
	WHERE_BYTES = 128
};

struct raw {
	const struct plan_yaml_node *host, *ca_file, *pin, *tls_at;
	uint32_t port, cli_port, tls;
	bool tls_verify, allow_plaintext;
};

#define AT(field) offsetof(struct raw, field)

static const struct raw builtin = {.tls_verify = true, .cli_port = CLI_PORT};
static const char *const tls_words[] = {
    "auto", "implicit", "starttls", "none", NULL};
static const struct plan_schema_key keys[] = {
    {"host", PLAN_SCHEMA_TEXT, AT(host), 0, 0, NULL, NULL},
    {"port", PLAN_SCHEMA_UINT, AT(port), 1, UINT16_MAX, NULL, NULL},
    {"cli_port", PLAN_SCHEMA_UINT, AT(cli_port), 1, UINT16_MAX, NULL, NULL},
    {"tls", PLAN_SCHEMA_WORD, AT(tls), 0, 0, tls_words, NULL},
    {"tls_verify", PLAN_SCHEMA_BOOL, AT(tls_verify), 0, 0, NULL, NULL},
    {"ca_file", PLAN_SCHEMA_TEXT, AT(ca_file), 0, 0, NULL, NULL},
    {"pin", PLAN_SCHEMA_TEXT, AT(pin), 0, 0, NULL, NULL},
    {"allow_plaintext", PLAN_SCHEMA_BOOL, AT(allow_plaintext), 0, 0, NULL,
	NULL},
    {"preset", PLAN_SCHEMA_PLANNED, 0, 0, 0, NULL, NULL},
    {"limits", PLAN_SCHEMA_PLANNED, 0, 0, 0, NULL, NULL},
    {"breaker", PLAN_SCHEMA_PLANNED, 0, 0, 0, NULL, NULL},
};
static const struct plan_schema schema = {keys, ARRAY_LEN(keys), &builtin};

uint16_t plan_server_port(const struct plan_server *s)
{
	if (s->port)
		return s->port;
	return s->tls == PLAN_TLS_IMPLICIT ? 993 : 143;
}

/* A name or an address; what looks like a URL or host:port gets a hint. */
static const char *host_problem(const char *host, const char **hint)
{
	static const char known[] = "abcdefghijklmnopqrstuvwxyz0123456789.-_";
	static const char address[] = "0123456789abcdef:.";
	const char *colon = strchr(host, ':');

	*hint = NULL;
	if (strstr(host, "://"))
		*hint = "write the name alone; tls: says how to connect";
	else if (colon && !strchr(colon + 1, ':'))
		*hint = "port: has its own key";
	if (*hint)
		return "this is more than a host name";
	if (strlen(host) > HOST_MAX_BYTES)
		return "the host name is longer than 253 bytes";
	size_t good = strspn(host, colon ? address : known);
	// the zone of a link-local address
	if (host[good] == '\0' || (colon && host[good] == '%'))
		return NULL;
	*hint = "letters, digits, dots and hyphens; other letters as xn--";
	return "this cannot be a host name";
}

/* Lower case and without the brackets of an address. */
static char *read_host(struct plan_build *b, const struct plan_yaml_node *n)
{
	const char *hint = NULL;
	size_t len = n->len;
	bool brackets = len > 2 && n->text[0] == '[' && n->text[len - 1] == ']';
	char *host = brackets ? arena_strndup(b->arena, n->text + 1, len - 2)
			      : arena_strdup(b->arena, n->text);

	for (char *p = host; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + ('a' - 'A'));
	const char *problem = host_problem(host, &hint);
	if (problem)
		plan_diag_add(
		    b->diag, "E0129", n->place, n->width, hint, "%s", problem);
	return host;
}

static char *read_ca_file(struct plan_build *b, const struct plan_yaml_node *n)
{
	char reason[96];
	char *path = plan_build_path(b, n->text);

	// the engine opens it later; a wrong name is better known now
	if (access(path, R_OK) != 0)
		plan_diag_add(b->diag, "E0130", n->place, n->width, NULL,
		    "cannot read the CA file '%s': %s", path,
		    text_errno(errno, reason, sizeof(reason)));
	return path;
}

static char *read_pin(struct plan_build *b, const struct plan_yaml_node *n)
{
	char *pin = arena_strdup(b->arena, n->text);

	for (char *p = pin; *p; p++)
		if (*p >= 'A' && *p <= 'F')
			*p = (char)(*p + ('a' - 'A'));
	if (n->len != PIN_DIGITS || pin[strspn(pin, "0123456789abcdef")])
		plan_diag_add(b->diag, "E0131", n->place, n->width,
		    "64 hexadecimal digits: the SHA-256 of the server's public key",
		    "this is not a pin");
	return pin;
}

static void read_server(struct plan_build *b, const struct plan_yaml_node *key,
    const struct plan_yaml_node *map, struct plan_server *out)
{
	char where[WHERE_BYTES];
	struct raw raw = builtin;

	(void)snprintf(where, sizeof(where), "servers.%s", key->text);
	plan_schema_read(&schema, map, where, b->diag, &raw);
	*out = (struct plan_server){.name = key->text,
	    .port = (uint16_t)raw.port,
	    .cli_port = (uint16_t)raw.cli_port,
	    .tls = (enum plan_tls)raw.tls,
	    .tls_verify = raw.tls_verify,
	    .allow_plaintext = raw.allow_plaintext};
	if (raw.ca_file)
		out->ca_file = read_ca_file(b, raw.ca_file);
	if (raw.pin)
		out->pin = read_pin(b, raw.pin);
	if (!raw.host) {
		out->host = arena_strdup(b->arena, "");
		if (plan_yaml_is_null(map) || map->kind == PLAN_YAML_MAP)
			plan_diag_add(b->diag, "E0102", key->place, key->width,
			    "host: imap.example.org", "%s has no host", where);
		return;
	}
	out->host = read_host(b, raw.host);
	if (raw.tls == PLAN_TLS_NONE && !raw.allow_plaintext &&
	    !plan_check_is_loopback(out->host))
		plan_diag_add(b->diag, "E0207", raw.host->place,
		    raw.host->width,
		    "tls: starttls or implicit; or, if the way there is safe, allow_plaintext: true",
		    "%s sends passwords in clear text", where);
}

void plan_server_read(struct plan_build *b, const struct plan_yaml_node *map)
{
	struct plan *plan = b->plan;

	if (plan_yaml_is_null(map)) {
		struct plan_place place = {plan->path, 1, 1};
		plan_diag_add(b->diag, "E0102", map ? map->place : place, 1,
		    "servers: {old: {host: imap.example.org}}",
		    "the plan has no servers");
		return;
	}
	if (!plan_schema_is_map(map, "servers", "", b->diag))
		return;
	plan->servers =
	    arena_array(b->arena, map->count, sizeof(*plan->servers));
	for (size_t i = 0; i < map->count; i++)
		read_server(b, map->pairs[i].key, map->pairs[i].value,
		    &plan->servers[plan->server_count++]);
}
