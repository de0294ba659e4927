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
#include "config/plan_preset.h"
#include "config/plan_schema.h"
#include "config/plan_yaml.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"

enum {
	HOST_MAX_BYTES = 253,
	PIN_DIGITS = 64,
	CLI_PORT = 106,
	CONNECTIONS_MAX = 100000,
	PER_ACCOUNT_MAX = 32,
	PAUSE_MAX_MS = 24 * 60 * 60 * 1000,
	WHERE_BYTES = 128
};

struct raw {
	const struct plan_yaml_node *host, *ca_file, *pin;
	uint32_t port, cli_port, tls, preset;
	bool tls_verify, allow_plaintext;
	struct plan_server_limits limits;
	struct plan_breaker breaker;
};

#define AT(field) offsetof(struct raw, field)

static const struct raw builtin = {.tls_verify = true,
    .cli_port = CLI_PORT,
    .breaker = {.after = 5, .pause_ms = 120000, .max_pause_ms = 1800000}};
static const char *const tls_words[] = {
    "auto", "implicit", "starttls", "none", NULL};

static const struct plan_schema_key limit_keys[] = {
    {.name = "connections",
	.type = PLAN_SCHEMA_UINT,
	.offset = offsetof(struct plan_server_limits, connections),
	.min = 1,
	.max = CONNECTIONS_MAX,
	.doc = "connections of all accounts together"},
    {.name = "per_account",
	.type = PLAN_SCHEMA_UINT,
	.offset = offsetof(struct plan_server_limits, per_account),
	.min = 1,
	.max = PER_ACCOUNT_MAX,
	.doc = "connections of one account"},
    {.name = "logins_per_minute",
	.type = PLAN_SCHEMA_UINT,
	.offset = offsetof(struct plan_server_limits, logins_per_minute),
	.min = 1,
	.max = CONNECTIONS_MAX,
	.doc = "log-ins a minute of all accounts together"},
    {.name = "bandwidth",
	.type = PLAN_SCHEMA_RATE,
	.offset = offsetof(struct plan_server_limits, bandwidth),
	.doc = "bytes a second of all accounts together: 40MiB/s"},
    {.name = "per_account_daily",
	.type = PLAN_SCHEMA_SIZE,
	.offset = offsetof(struct plan_server_limits, per_account_daily),
	.doc = "of one account in 24 hours: 2GiB"},
};
const struct plan_schema plan_server_limits_schema = {
    limit_keys, ARRAY_LEN(limit_keys), &builtin.limits};

static const struct plan_schema_key breaker_keys[] = {
    {.name = "after",
	.type = PLAN_SCHEMA_UINT,
	.offset = offsetof(struct plan_breaker, after),
	.max = CONNECTIONS_MAX,
	.doc = "failures in a row before the server is left alone; 0: never"},
    {.name = "pause",
	.type = PLAN_SCHEMA_DURATION,
	.offset = offsetof(struct plan_breaker, pause_ms),
	.min = 1000,
	.max = PAUSE_MAX_MS,
	.doc = "for how long; twice as long each time it goes on to fail"},
    {.name = "max_pause",
	.type = PLAN_SCHEMA_DURATION,
	.offset = offsetof(struct plan_breaker, max_pause_ms),
	.min = 1000,
	.max = PAUSE_MAX_MS,
	.doc = "the longest pause"},
};
static const struct plan_schema breaker_schema = {
    breaker_keys, ARRAY_LEN(breaker_keys), &builtin.breaker};

static const struct plan_schema_key keys[] = {
    {.name = "host",
	.type = PLAN_SCHEMA_TEXT,
	.offset = AT(host),
	.is_required = true,
	.doc = "name or address"},
    {.name = "port",
	.type = PLAN_SCHEMA_UINT,
	.offset = AT(port),
	.min = 1,
	.max = UINT16_MAX,
	.doc = "993 with implicit TLS, else 143"},
    {.name = "cli_port",
	.type = PLAN_SCHEMA_UINT,
	.offset = AT(cli_port),
	.min = 1,
	.max = UINT16_MAX,
	.doc = "CommuniGate's CLI"},
    {.name = "tls",
	.type = PLAN_SCHEMA_WORD,
	.offset = AT(tls),
	.words = tls_words,
	.doc = "how the connection is made safe"},
    {.name = "tls_verify",
	.type = PLAN_SCHEMA_BOOL,
	.offset = AT(tls_verify),
	.doc = "check the certificate"},
    {.name = "ca_file",
	.type = PLAN_SCHEMA_TEXT,
	.offset = AT(ca_file),
	.doc = "certificates to trust, instead of the system's"},
    {.name = "pin",
	.type = PLAN_SCHEMA_TEXT,
	.offset = AT(pin),
	.doc = "SHA-256 of the server's public key, 64 hexadecimal digits"},
    {.name = "allow_plaintext",
	.type = PLAN_SCHEMA_BOOL,
	.offset = AT(allow_plaintext),
	.doc = "without it, tls: none is refused"},
    {.name = "preset",
	.type = PLAN_SCHEMA_WORD,
	.offset = AT(preset),
	.words = plan_preset_words,
	.doc =
	    "kind of server: safe limits, which what is written here replaces"},
    {.name = "limits",
	.type = PLAN_SCHEMA_MAP,
	.offset = AT(limits),
	.shape = PLAN_SCHEMA_SHAPE_MAP,
	.sub = &plan_server_limits_schema,
	.doc = "what the server bears"},
    {.name = "breaker",
	.type = PLAN_SCHEMA_MAP,
	.offset = AT(breaker),
	.shape = PLAN_SCHEMA_SHAPE_MAP,
	.sub = &breaker_schema,
	.doc = "when a server that fails is left alone"},
};
const struct plan_schema plan_server_schema = {keys, ARRAY_LEN(keys), &builtin};

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

/* What the preset says comes first, wherever it stands. */
static void take_preset(struct plan_build *b, const struct plan_yaml_node *map,
    const char *where, struct raw *raw)
{
	if (plan_yaml_is_null(map) || map->kind != PLAN_YAML_MAP)
		return;
	for (size_t i = 0; i < map->count; i++)
		for (size_t k = 0; k < ARRAY_LEN(keys); k++)
			if (keys[k].words == plan_preset_words &&
			    strcmp(map->pairs[i].key->text, keys[k].name) == 0)
				plan_schema_read_value(&keys[k],
				    map->pairs[i].value, where, b->diag, raw);
	raw->limits = plan_preset_limits(plan_preset_of_word(raw->preset));
}

static void check_breaker(struct plan_build *b,
    const struct plan_yaml_node *map, const char *where,
    const struct plan_breaker *breaker)
{
	if (breaker->max_pause_ms < breaker->pause_ms)
		plan_diag_add(b->diag, "E0138", map->place, map->width,
		    "max_pause: is 30m when it is not written",
		    "the pause of %s.breaker is longer than max_pause", where);
}

static void read_server(struct plan_build *b, const struct plan_yaml_node *key,
    const struct plan_yaml_node *map, struct plan_server *out)
{
	char where[WHERE_BYTES];
	struct raw raw = builtin;

	(void)snprintf(where, sizeof(where), "servers.%s", key->text);
	take_preset(b, map, where, &raw);
	plan_schema_read(&plan_server_schema, map, where, b->diag, &raw);
	check_breaker(b, map, where, &raw.breaker);
	*out = (struct plan_server){.name = key->text,
	    .port = (uint16_t)raw.port,
	    .cli_port = (uint16_t)raw.cli_port,
	    .tls = (enum plan_tls)raw.tls,
	    .tls_verify = raw.tls_verify,
	    .allow_plaintext = raw.allow_plaintext,
	    .preset = plan_preset_of_word(raw.preset),
	    .limits = raw.limits,
	    .breaker = raw.breaker,
	    .map = map};
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
