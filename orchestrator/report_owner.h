// SPDX-License-Identifier: MIT
/*
 * What a mailbox's owner, or the help desk, is handed over: folders by their
 * old and new names, counts, what was left out and why in plain words, a line
 * to sign.  Nothing of any other account.
 */
#ifndef ORCHESTRATOR_REPORT_OWNER_H
#define ORCHESTRATOR_REPORT_OWNER_H

#include <stdio.h>

struct error;
struct report_account;
struct report_model;

void report_owner_text(
    FILE *out, const struct report_model *m, const struct report_account *r);
void report_owner_html(
    FILE *out, const struct report_model *m, const struct report_account *r);

/* <directory>/<slug>.txt and .html of every account; makes the directory.
 * Files of accounts that are not in the run stay. */
int report_owner_write(const struct report_model *m, const char *directory,
    struct error *err) __attribute__((warn_unused_result));

#endif
