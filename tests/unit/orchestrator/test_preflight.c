// SPDX-License-Identifier: MIT
#include "orchestrator/preflight.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/plan.h"
#include "config/plan_diag.h"
#include "engine/base/error.h"
#include "engine/base/mem.h"

#define PLAN \
	"version: 1\n" \
	"servers: {old: {host: a.example.org}, new: {host: b.example.org}}\n" \
	"defaults: {source: {server: old, password: x}, target: {server: new, password: x}}\n" \
	"accounts: [{user: anna}]\n"

#define GOOD \
	"\"ev\":\"probe\",\"side\":\"source\",\"text\":\"* OK\",\"probe\":{\"mailboxes\":2,\"messages\":9,\"bytes\":5000}"
#define TARGET(numbers) \
	"\"ev\":\"probe\",\"side\":\"target\",\"text\":\"* OK\",\"probe\":{" numbers \
	"}"
#define BOTH(numbers) "\"ev\":\"probe\",\"probe\":{" numbers "}"
#define END(outcome, reason) \
	"\"ev\":\"account.end\",\"outcome\":\"" outcome \
	"\",\"reason\":\"" reason "\",\"text\":\"why\",\"tally\":{}"
#define START "\"ev\":\"account.start\",\"attempt\":1"
#define COPY "\"copy_messages\":9,\"copy_bytes\":5000,\"refused\":0"

struct row {
	const char *lines[6]; /* of the journal, up to a NULL */
	const char *verdict;  /* "go", "no-go", "unknown" */
	const char *findings; /* "!reason" of a problem, "reason" of a note */
};

static const struct row rows[] = {
    {{NULL}, "unknown", ""},
    {{START}, "unknown", ""},
    {{START, GOOD, TARGET(""), BOTH(COPY), END("ok", "")}, "go", ""},
    // exactly as much as there is
    {{START, GOOD, TARGET("\"storage_used\":5000,\"storage_limit\":10000"),
	 BOTH(COPY), END("ok", "")},
	"go", ""},
    {{START, GOOD, TARGET("\"storage_used\":5001,\"storage_limit\":10000"),
	 BOTH(COPY), END("ok", "")},
	"no-go", "!quota.target "},
    // over it already
    {{START, GOOD,
	 TARGET(
	     "\"storage_used\":20000,\"storage_limit\":10000,\"count_used\":1,\"count_limit\":9"),
	 BOTH(COPY), END("ok", "")},
	"no-go", "!quota.target !quota.target "},
    {{START, GOOD, TARGET("\"count_used\":1,\"count_limit\":10"), BOTH(COPY),
	 END("ok", "")},
	"go", ""},
    {{START, GOOD, TARGET("\"append_limit\":100"), BOTH(COPY ",\"too_big\":3"),
	 END("ok", "")},
	"go", "append.too_big "},
    {{START, GOOD, TARGET("\"append_limit\":100"), BOTH(COPY), END("ok", "")},
	"go", "append.too_big "},
    {{START, GOOD, TARGET("\"append_limit\":100"), BOTH(COPY ",\"too_big\":0"),
	 END("ok", "")},
	"go", ""},
    {{START, "\"ev\":\"refused\",\"mailbox\":\"A\",\"text\":\"twice\"", GOOD,
	 TARGET(""), BOTH(COPY), END("partial", "")},
	"no-go", "!folder.name "},
    {{START, GOOD,
	 "\"ev\":\"probe\",\"side\":\"target\",\"reason\":\"auth.rejected\",\"text\":\"no\",\"probe\":{}",
	 END("auth", "auth.rejected")},
	"no-go", "!auth.rejected "},
    {{START, END("config", "config.secret")}, "no-go", "!config.secret "},
    {{START, END("crash", "crash.signal")}, "no-go", "!crash.signal "},
    // what an earlier attempt said does not count
    {{START, GOOD, END("crash", "crash.signal"), START}, "unknown", ""},
};

static void write_journal(const char *path, const struct row *row)
{
	FILE *out = fopen(path, "we");

	cr_assert_not_null(out);
	for (size_t i = 0; i < ARRAY_LEN(row->lines) && row->lines[i]; i++)
		(void)fprintf(out,
		    "{\"v\":1,\"t\":\"2026-03-01T20:00:00.000Z\",\"seq\":%zu,\"run\":\"r\",\"id\":\"anna\",%s}\n",
		    i + 1, row->lines[i]);
	(void)fclose(out);
}

Test(preflight, judges)
{
	char path[] = "/tmp/test-preflight.XXXXXX", got[256];
	struct plan_diag *d = plan_diag_new();
	struct plan *plan = plan_load_bytes("p.yaml", PLAN, strlen(PLAN), d);
	struct preflight_verdict v;
	struct preflight p;
	struct error err = {0};
	int fd = mkstemp(path);

	cr_assert_not_null(plan);
	cr_assert_geq(fd, 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		write_journal(path, &rows[i]);
		cr_assert_eq(
		    preflight_read(&p, path, plan, &err), 0, "%s", err.text);
		cr_assert_eq(p.count, 1);
		preflight_judge(&p.accounts[0], &v);
		got[0] = '\0';
		for (size_t j = 0; j < v.count; j++) {
			size_t used = strlen(got);
			(void)snprintf(got + used, sizeof(got) - used, "%s%s ",
			    v.findings[j].is_problem ? "!" : "",
			    v.findings[j].reason);
		}
		cr_assert_str_eq(got, rows[i].findings, "row %zu: %s", i, got);
		cr_assert_str_eq(v.is_go          ? "go"
				 : v.is_looked_at ? "no-go"
						  : "unknown",
		    rows[i].verdict, "row %zu", i);
		preflight_release(&p);
	}
	(void)close(fd);
	(void)unlink(path);
	plan_free(plan);
	plan_diag_free(d);
}
