// SPDX-License-Identifier: MIT
/*
 * JSON as it is written, for programs that read what commands print: commas,
 * quotes, indentation.  Texts are clean UTF-8.
 */
#ifndef CONFIG_JSON_OUT_H
#define CONFIG_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
	JSON_OUT_DEPTH_MAX = 64
};

struct json_out {
	FILE *file;
	/* private */
	unsigned depth;
	bool has_any[JSON_OUT_DEPTH_MAX];
	char closing[JSON_OUT_DEPTH_MAX];
};

void json_out_init(struct json_out *o, FILE *file);

/* `bracket` is '{' or '['; `key` is NULL in a list and for the first one. */
void json_out_open(struct json_out *o, const char *key, char bracket);
void json_out_close(struct json_out *o);

void json_out_text(struct json_out *o, const char *key, const char *value);
void json_out_number(struct json_out *o, const char *key, uint64_t value);
void json_out_null(struct json_out *o, const char *key);
void json_out_bool(struct json_out *o, const char *key, bool value);

#endif
