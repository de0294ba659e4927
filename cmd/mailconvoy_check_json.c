// SPDX-License-Identifier: MIT
/* mailconvoy check -o json: problems as records, for editors and CI. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/mailconvoy_commands.h"
#include "config/json_out.h"
#include "config/plan.h"
#include "config/plan_diag.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/contract/exit_code.h"

static void put_name(struct json_out *o, const char *key, const char *name)
{
	size_t room = strlen(name) * 4 + 8;
	char *shown = mem_alloc(room);

	json_out_text(o, key, text_escape(name, strlen(name), shown, room));
	free(shown);
}

static void put_problem(struct json_out *o, const struct plan_diag_item *item)
{
	json_out_open(o, NULL, '{');
	json_out_text(o, "code", item->code);
	json_out_text(o, "severity", item->is_warning ? "warning" : "error");
	put_name(o, "file", item->place.file);
	json_out_number(o, "line", item->place.line);
	json_out_number(o, "column", item->place.column);
	json_out_number(o, "end_column", item->place.column + item->width);
	json_out_text(o, "message", item->message);
	if (item->hint)
		json_out_text(o, "hint", item->hint);
	json_out_close(o);
}

int mailconvoy_check_json(
    const char *path, const struct plan_choice *choice, bool is_strict)
{
	struct plan_diag *diag = plan_diag_new();
	struct plan *plan = plan_load_choice(path, choice, diag);
	struct plan_diag_item item;
	struct json_out o;

	json_out_init(&o, stdout);
	json_out_open(&o, NULL, '{');
	put_name(&o, "plan", path);
	json_out_number(&o, "errors", plan_diag_errors(diag));
	json_out_number(&o, "warnings", plan_diag_warnings(diag));
	if (plan) {
		json_out_number(&o, "accounts", plan->account_count);
		json_out_number(&o, "servers", plan->server_count);
		json_out_text(&o, "digest", plan->digest);
	}
	json_out_open(&o, "problems", '[');
	for (size_t i = 0; plan_diag_get(diag, i, &item); i++)
		put_problem(&o, &item);
	json_out_close(&o);
	json_out_close(&o);
	int code = plan ? EXIT_CODE_OK
			: mailconvoy_find_class(plan_diag_get_class(diag));
	if (plan && is_strict && plan_diag_warnings(diag) > 0)
		code = EXIT_CODE_CONFIG;
	plan_free(plan);
	plan_diag_free(diag);
	return code;
}
