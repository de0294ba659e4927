// SPDX-License-Identifier: MIT
#include "orchestrator/report_files.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "orchestrator/report.h"
#include "orchestrator/report_csv.h"
#include "orchestrator/report_html.h"
#include "orchestrator/report_model.h"
#include "orchestrator/report_out.h"
#include "orchestrator/report_owner.h"

static const struct {
	const char *name;
	void (*print)(FILE *out, const struct report_model *m);
} kinds[REPORT_FILES_KINDS] = {
    [REPORT_FILES_ACCOUNTS] = {"accounts.csv", report_csv_accounts},
    [REPORT_FILES_TODO] = {"todo.csv", report_csv_todo},
    [REPORT_FILES_HTML] = {"report.html", report_html},
};

const char *report_files_name(enum report_files_kind kind)
{
	return kinds[kind].name;
}

int report_files_write(const struct report_model *m,
    enum report_files_kind kind, const char *path, struct error *err)
{
	struct report_out out;

	if (report_out_begin(&out, path, err) < 0)
		return -1;
	kinds[kind].print(out.file, m);
	return report_out_end(&out, true, true, err);
}

static int write_into(const struct report_model *m, enum report_files_kind kind,
    const char *directory, struct error *err)
{
	char *path = mem_try_printf("%s/%s", directory, kinds[kind].name);

	if (!path)
		return error_set(
		    err, ERROR_INTERNAL, "local.memory", "out of memory");
	int rc = report_files_write(m, kind, path, err);
	free(path);
	return rc;
}

static int write_lines(const struct report_model *m, const char *journal_path,
    const char *directory, struct error *err)
{
	char *path = mem_try_printf("%s/report.jsonl.gz", directory);

	if (!path)
		return error_set(
		    err, ERROR_INTERNAL, "local.memory", "out of memory");
	int rc = report_write_run(m->run, journal_path, path, err);
	free(path);
	return rc;
}

int report_files_all(
    const char *journal_path, const char *directory, struct error *err)
{
	struct report_model *m = report_model_read(journal_path, err);

	if (!m)
		return -1;
	report_out_sweep(directory);
	int rc = write_lines(m, journal_path, directory, err);
	for (size_t i = 0; i < REPORT_FILES_KINDS; i++)
		if (write_into(m, (enum report_files_kind)i, directory, err) <
		    0)
			rc = -1;
	char *users = mem_try_printf("%s/users", directory);
	if (!users)
		rc = error_set(
		    err, ERROR_INTERNAL, "local.memory", "out of memory");
	else if (report_owner_write(m, users, err) < 0)
		rc = -1;
	if (users)
		report_out_sweep(users);
	free(users);
	report_model_free(m);
	return rc;
}
