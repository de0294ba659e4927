// SPDX-License-Identifier: MIT
/* mailconvoy schema: the JSON Schema of a plan, for editors. */
#include <stdio.h>

#include "cmd/mailconvoy_commands.h"
#include "config/plan_json_schema.h"
#include "engine/contract/exit_code.h"

int mailconvoy_schema(const struct mailconvoy_options *o)
{
	(void)o;
	plan_json_schema_write(stdout);
	return EXIT_CODE_OK;
}
