// SPDX-License-Identifier: MIT
/*
 * The report for people: one page that needs no network and no script.  Its one
 * script only sorts, filters and opens rows; the page's own policy lets no
 * other run.  Words of strangers are text in it, wherever they stand.
 */
#ifndef ORCHESTRATOR_REPORT_HTML_H
#define ORCHESTRATOR_REPORT_HTML_H

#include <stdio.h>

#include "orchestrator/grade.h"

struct report_model;

void report_html(FILE *out, const struct report_model *m);

/* The head of a page up to its body; `script` may be NULL. `title` is two
 * parts, both text. */
void report_html_begin(FILE *out, const char *what, const char *whose,
    const char *style, const char *script);

/* Its name as a class, its word and its sign. */
const char *report_html_class(enum grade g);
const char *report_html_word(enum grade g);
const char *report_html_sign(enum grade g);

/* A grade as a sign and a word; "not finished" of GRADE_NONE. */
void report_html_grade(FILE *out, enum grade g);

#endif
