// SPDX-License-Identifier: MIT
/* mailconvoy show: the settings of one account, and where each comes from. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/mailconvoy_commands.h"
#include "cmd/mailconvoy_options.h"
#include "config/json_out.h"
#include "config/plan.h"
#include "config/plan_show.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/exit_code.h"

enum {
	KEY_WIDTH = 32,
	VALUE_WIDTH = 24,
	PLACE_WIDTH = 20
};

struct printing {
	bool with_origin;
	struct json_out json;
};

static char *escaped(const char *text)
{
	size_t room = strlen(text) * 4 + 8;

	return text_escape(text, strlen(text), mem_alloc(room), room);
}

static void print_line(void *arg, const struct plan_show_setting *s)
{
	const struct printing *p = arg;
	char *value = escaped(s->value);
	char *place = mem_strdup("");

	if (!p->with_origin) {
		(void)printf("%-*s = %s\n", KEY_WIDTH, s->key, value);
	} else if (s->place.line == 0) {
		(void)printf("%-*s = %-*s %s\n", KEY_WIDTH, s->key, VALUE_WIDTH,
		    value, s->note);
	} else {
		char *file = escaped(s->place.file);
		free(place);
		place = mem_printf(
		    "%s:%u:%u", file, s->place.line, s->place.column);
		(void)printf("%-*s = %-*s %-*s%s%s%s\n", KEY_WIDTH, s->key,
		    VALUE_WIDTH, value, s->note[0] ? PLACE_WIDTH : 0, place,
		    s->note[0] ? " (" : "", s->note, s->note[0] ? ")" : "");
		free(file);
	}
	free(place);
	free(value);
}

static void print_json(void *arg, const struct plan_show_setting *s)
{
	struct json_out *o = &((struct printing *)arg)->json;

	json_out_open(o, NULL, '{');
	json_out_text(o, "key", s->key);
	json_out_text(o, "value", s->value);
	json_out_text(o, "origin", s->note);
	if (s->place.line > 0) {
		char *file = escaped(s->place.file);
		json_out_text(o, "file", file);
		json_out_number(o, "line", s->place.line);
		json_out_number(o, "column", s->place.column);
		free(file);
	}
	json_out_close(o);
}

static void show(const struct plan *plan, const struct plan_account *a,
    bool as_json, struct printing *p)
{
	if (!as_json) {
		plan_show(plan, a, print_line, p);
		return;
	}
	json_out_init(&p->json, stdout);
	json_out_open(&p->json, NULL, '{');
	json_out_text(&p->json, "id", a->id);
	json_out_text(&p->json, "digest", a->digest);
	json_out_open(&p->json, "settings", '[');
	plan_show(plan, a, print_json, p);
	json_out_close(&p->json);
	json_out_close(&p->json);
}

int mailconvoy_show(const struct mailconvoy_options *o)
{
	const struct plan_choice choice = {
	    mailconvoy_options_value(o, MAILCONVOY_PASS),
	    mailconvoy_options_value(o, MAILCONVOY_STATE_DIR)};
	const char *format = mailconvoy_options_value(o, MAILCONVOY_OUTPUT);
	struct printing p = {
	    .with_origin = mailconvoy_options_has(o, MAILCONVOY_ORIGIN)};
	size_t warnings = 0;
	int code = EXIT_CODE_OK;
	struct error err;
	struct plan *plan =
	    mailconvoy_find_plan_choice(o, &choice, &warnings, &code);

	if (!plan)
		return code;
	const struct plan_account *a = plan_find_account(plan, o->arguments[1]);
	if (a) {
		show(plan, a, format && strcmp(format, "json") == 0, &p);
	} else {
		(void)error_set(&err, ERROR_USAGE, "plan.account",
		    "the plan '%s' has no account '%s'", plan->name,
		    o->arguments[1]);
		code = mailconvoy_find_failed(&err, EXIT_CODE_NO_INPUT);
	}
	plan_free(plan);
	return code;
}
