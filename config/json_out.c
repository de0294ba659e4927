// SPDX-License-Identifier: MIT
#include "config/json_out.h"

#include "engine/base/mem.h"

void json_out_init(struct json_out *o, FILE *file)
{
	*o = (struct json_out){.file = file};
}

static void write_text(FILE *f, const char *s)
{
	(void)fputc('"', f);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if (c == '"' || c == '\\')
			(void)fprintf(f, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			(void)fprintf(f, "\\u%04x", c);
		else
			(void)fputc(c, f);
	}
	(void)fputc('"', f);
}

static void begin(struct json_out *o, const char *key)
{
	if (o->depth == 0)
		return;
	(void)fputs(o->has_any[o->depth - 1] ? ",\n" : "\n", o->file);
	o->has_any[o->depth - 1] = true;
	(void)fprintf(o->file, "%*s", (int)(2 * o->depth), "");
	if (key) {
		write_text(o->file, key);
		(void)fputs(": ", o->file);
	}
}

void json_out_open(struct json_out *o, const char *key, char bracket)
{
	begin(o, key);
	(void)fputc(bracket, o->file);
	bug_if(o->depth == JSON_OUT_DEPTH_MAX);
	o->has_any[o->depth] = false;
	o->closing[o->depth++] = bracket == '{' ? '}' : ']';
}

void json_out_close(struct json_out *o)
{
	bug_if(o->depth == 0);
	o->depth--;
	if (o->has_any[o->depth])
		(void)fprintf(o->file, "\n%*s", (int)(2 * o->depth), "");
	(void)fputc(o->closing[o->depth], o->file);
	if (o->depth == 0)
		(void)fputc('\n', o->file);
}

void json_out_text(struct json_out *o, const char *key, const char *value)
{
	begin(o, key);
	write_text(o->file, value);
}

void json_out_number(struct json_out *o, const char *key, uint64_t value)
{
	begin(o, key);
	(void)fprintf(o->file, "%llu", (unsigned long long)value);
}

void json_out_bool(struct json_out *o, const char *key, bool value)
{
	begin(o, key);
	(void)fputs(value ? "true" : "false", o->file);
}

void json_out_null(struct json_out *o, const char *key)
{
	begin(o, key);
	(void)fputs("null", o->file);
}
