// SPDX-License-Identifier: MIT
/*
 * The keys of a plan as a JSON Schema (draft 2020-12), from the tables that the
 * parser reads by, for editors that complete and check.
 */
#ifndef CONFIG_PLAN_JSON_SCHEMA_H
#define CONFIG_PLAN_JSON_SCHEMA_H

#include <stdio.h>

void plan_json_schema_write(FILE *out);

#endif
