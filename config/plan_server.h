// SPDX-License-Identifier: MIT
/*
 * The servers of a plan.
 *
 * Problems: those of plan_schema_read, E0102 no host, E0129 host, E0130 CA
 * file, E0131 pin, E0138 breaker, E0207 clear text.
 */
#ifndef CONFIG_PLAN_SERVER_H
#define CONFIG_PLAN_SERVER_H

#include <stdint.h>

struct plan_build;
struct plan_schema;
struct plan_server;
struct plan_yaml_node;

/* Reads `servers:` into the plan. NULL: the key is missing. */
void plan_server_read(struct plan_build *b, const struct plan_yaml_node *map);

/* The port that counts: 993 for implicit TLS, else 143, unless one is given. */
uint16_t plan_server_port(const struct plan_server *server);

/* The keys of a server, and of its limits, whose offsets are those of a struct
 * plan_server_limits. */
extern const struct plan_schema plan_server_schema;
extern const struct plan_schema plan_server_limits_schema;

#endif
