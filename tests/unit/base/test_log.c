// SPDX-License-Identifier: MIT
#include "engine/base/log.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/error.h"

/* The lines of a log of 4000 bytes, cut at their texts; heap. */
static char *written(enum log_level level, int lines, uint64_t *dropped)
{
	char path[] = "/tmp/test_log.XXXXXX";
	struct error err = {0};
	int fd = mkstemp(path);
	FILE *in = fdopen(fd, "r");
	char *text = calloc(1, 1 << 16);
	struct log *log = log_open(path, LOG_LEVEL_DEBUG, &err);

	cr_assert_not_null(log, "%s", err.text);
	log_limit(log, 4000);
	for (int i = 0; i < lines; i++)
		log_write(log, level, "source", "line %d", i);
	log_write(log, LOG_LEVEL_ERROR, "engine", "the last word");
	*dropped = log_dropped(log);
	int why = 0;
	cr_assert_eq(log_lost(log, &why), 0);
	log_close(log);
	cr_assert_lt(fread(text, 1, (1 << 16) - 1, in), 1 << 16);
	(void)fclose(in);
	(void)unlink(path);
	return text;
}

/* F216: it is said where it begins and at the end; errors stay. */
Test(log, leaves_out_what_is_too_much)
{
	uint64_t dropped = 0;
	char *text = written(LOG_LEVEL_WARNING, 1000, &dropped);
	size_t most = strlen(text);

	cr_assert_gt(dropped, 500);
	cr_assert_lt(most, 4600);
	const char *cut = strstr(text, "from here on lines are left out");
	cr_assert_not_null(cut);
	cr_assert_null(strstr(cut + 1, "from here on"), "once");
	const char *last = strstr(text, "the last word");
	cr_assert_gt(last, cut);
	char told[60];
	(void)snprintf(
	    told, sizeof(told), "%" PRIu64 " lines were left out", dropped);
	cr_assert_not_null(strstr(last, told), "%s", last);
	free(text);

	text = written(LOG_LEVEL_DEBUG, 1000, &dropped);
	cr_assert_lt(strlen(text), most - 1500, "commands get the half");
	free(text);
	text = written(LOG_LEVEL_ERROR, 200, &dropped);
	cr_assert_eq(dropped, 0);
	free(text);
	text = written(LOG_LEVEL_INFO, 20, &dropped);
	cr_assert_eq(dropped, 0);
	cr_assert_null(strstr(text, "left out"));
	free(text);
}
