// SPDX-License-Identifier: MIT
/* Plans as text, for tests: two good servers and defaults, seven lines. */
#ifndef TESTS_UNIT_SUPPORT_PLAN_TEXT_H
#define TESTS_UNIT_SUPPORT_PLAN_TEXT_H

struct plan_diag;

#define SERVERS \
	"version: 1\n" \
	"servers:\n" \
	"  old: {host: old.example.org}\n" \
	"  new: {host: new.example.org}\n"
#define DEFAULTS \
	"defaults:\n" \
	"  source: {server: old, password: sp}\n" \
	"  target: {server: new, password: tp}\n"
#define HEAD SERVERS DEFAULTS
#define ACCOUNTS "accounts: [{user: anna}]\n"

/* What the user would see, as a heap string. */
char *plan_text_printed(struct plan_diag *d);

#endif
