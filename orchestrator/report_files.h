// SPDX-License-Identifier: MIT
/* The files of a report: each whole or not at all, all from one model. */
#ifndef ORCHESTRATOR_REPORT_FILES_H
#define ORCHESTRATOR_REPORT_FILES_H

struct error;
struct report_model;

enum report_files_kind {
	REPORT_FILES_ACCOUNTS, /* accounts.csv */
	REPORT_FILES_TODO,     /* todo.csv */
	REPORT_FILES_HTML,     /* report.html */
	REPORT_FILES_KINDS
};

/* How it is called in a run's directory. */
const char *report_files_name(enum report_files_kind kind);

int report_files_write(const struct report_model *m,
    enum report_files_kind kind, const char *path, struct error *err)
    __attribute__((warn_unused_result));

/* All of them, report.jsonl.gz and users/. Goes on past one that fails; -1 then. */
int report_files_all(const char *journal_path, const char *directory,
    struct error *err) __attribute__((warn_unused_result));

#endif
