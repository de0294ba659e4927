// SPDX-License-Identifier: MIT
#include "orchestrator/report_settings.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "config/plan.h"
#include "config/plan_show.h"
#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "orchestrator/journal_read.h"
#include "orchestrator/report_out.h"

enum {
	PARTS = 4, /* key, value, origin, place */
	PLACE_BYTES = 400,
	BLOCK = 64 * 1024
};

static int out_of_memory(struct error *err)
{
	return error_set(err, ERROR_OS, "local.memory", "out of memory");
}

/* -------------------------------------------------------------- writing */

/* A list of settings that grows, as JSON without its brackets. */
struct list {
	FILE *file;
	char *text;
	size_t len;
	bool any;
};

struct sorting {
	struct list own, shared;
};

struct writer {
	gzFile gz;
	const struct plan *plan;
	char **seen; /* shared lists that are written already */
	size_t count, cap;
	bool failed;
};

static bool list_begin(struct list *l)
{
	*l = (struct list){0};
	l->file = open_memstream(&l->text, &l->len);
	return l->file != NULL;
}

static void put_cut(FILE *out, const char *text)
{
	size_t len = strlen(text);

	if (len <= REPORT_SETTINGS_VALUE) {
		report_out_json(out, text);
		return;
	}
	len = REPORT_SETTINGS_VALUE;
	while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	char *cut = mem_try_printf("%.*s...", (int)len, text);
	report_out_json(out, cut ? cut : "...");
	free(cut);
}

/* What stands in the account itself is its own; all else comes from where
 * others have it too. */
static bool is_own(const struct plan_show_setting *s)
{
	return s->place.line > 0 &&
	       (s->note[0] == '\0' || strncmp(s->note, "also_", 5) == 0 ||
		   s->note[0] == ':');
}

static void take(void *arg, const struct plan_show_setting *s)
{
	struct sorting *sorting = arg;
	struct list *l = is_own(s) || strcmp(s->key, "id") == 0 ||
				 strcmp(s->key, "groups") == 0 ||
				 strncmp(s->key, "x_", 2) == 0
			     ? &sorting->own
			     : &sorting->shared;
	char place[PLACE_BYTES] = "";

	if (s->place.line > 0)
		(void)snprintf(place, sizeof(place), "%.300s:%u:%u",
		    s->place.file, s->place.line, s->place.column);
	(void)fputs(l->any ? ",[" : "[", l->file);
	l->any = true;
	report_out_json(l->file, s->key);
	(void)fputc(',', l->file);
	put_cut(l->file, s->value);
	(void)fputc(',', l->file);
	report_out_json(l->file, s->note);
	(void)fputc(',', l->file);
	report_out_json(l->file, place);
	(void)fputc(']', l->file);
}

static void write_text(struct writer *w, const char *text)
{
	size_t len = strlen(text);

	while (len > 0 && !w->failed) {
		unsigned part = len > BLOCK ? BLOCK : (unsigned)len;
		w->failed = gzwrite(w->gz, text, part) != (int)part;
		text += part;
		len -= part;
	}
}

/* Of a list no account had before; neighbours mostly have the same, so the
 * last one is looked at first. */
static size_t shared_number(struct writer *w, const char *list)
{
	char **grown;

	for (size_t i = w->count; i-- > 0;)
		if (strcmp(w->seen[i], list) == 0)
			return i;
	grown = mem_try_grow(w->seen, &w->cap, w->count, sizeof(*grown));
	if (grown)
		w->seen = grown;
	char *copy = grown ? mem_try_strdup(list) : NULL;
	if (!copy) {
		w->failed = true;
		errno = ENOMEM;
		return 0;
	}
	w->seen[w->count] = copy;
	write_text(w, "{\"kind\":\"shared\",\"settings\":[");
	write_text(w, list);
	write_text(w, "]}\n");
	return w->count++;
}

static void write_sorted(
    struct writer *w, const struct plan_account *a, const struct sorting *s)
{
	char number[32];

	(void)snprintf(number, sizeof(number), ",\"shared\":%zu",
	    shared_number(w, s->shared.text));
	json_t *id = json_string(a->id);
	char *quoted = id ? json_dumps(id, JSON_ENCODE_ANY) : NULL;
	w->failed |= !quoted;
	write_text(w, "{\"kind\":\"account\",\"id\":");
	write_text(w, quoted ? quoted : "");
	write_text(w, number);
	write_text(w, ",\"settings\":[");
	write_text(w, s->own.text);
	write_text(w, "]}\n");
	free(quoted);
	json_decref(id);
}

static void write_account(struct writer *w, const struct plan_account *a)
{
	struct sorting s = {0};

	w->failed = !list_begin(&s.own) || !list_begin(&s.shared);
	if (!w->failed)
		plan_show(w->plan, a, take, &s);
	if (s.own.file)
		w->failed |= fclose(s.own.file) != 0;
	if (s.shared.file)
		w->failed |= fclose(s.shared.file) != 0;
	if (!w->failed)
		write_sorted(w, a, &s);
	free(s.own.text);
	free(s.shared.text);
}

static void write_all(struct writer *w)
{
	struct list head;

	if (!list_begin(&head)) {
		w->failed = true;
		return;
	}
	(void)fprintf(head.file,
	    "{\"v\":%d,\"kind\":\"plan\",\"plan\":", REPORT_SETTINGS_VERSION);
	report_out_json(head.file, w->plan->name);
	(void)fprintf(
	    head.file, ",\"digest\":\"%s\",\"path\":", w->plan->digest);
	report_out_json(head.file, w->plan->path ? w->plan->path : "");
	(void)fputs("}\n", head.file);
	w->failed = fclose(head.file) != 0;
	if (!w->failed)
		write_text(w, head.text);
	free(head.text);
	for (size_t i = 0; !w->failed && i < w->plan->account_count; i++)
		write_account(w, &w->plan->accounts[i]);
	for (size_t i = 0; i < w->count; i++)
		free(w->seen[i]);
	free(w->seen);
}

int report_settings_write(
    const char *path, const struct plan *plan, struct error *err)
{
	struct writer w = {.plan = plan};
	struct report_out out;

	if (report_out_begin(&out, path, err) < 0)
		return -1;
	int fd = fcntl(fileno(out.file), F_DUPFD_CLOEXEC, 0);
	w.gz = fd < 0 ? NULL : gzdopen(fd, "wb6");
	if (w.gz) {
		write_all(&w);
		w.failed |= gzclose(w.gz) != Z_OK;
	} else {
		fd_close(&fd);
		w.failed = true;
	}
	if (w.failed)
		(void)error_set_errno(
		    err, ERROR_OS, "local.disk", "cannot write '%s'", path);
	return report_out_end(&out, !w.failed, true, err);
}

/* -------------------------------------------------------------- reading */

static int grow_shared(struct report_settings *s, const char *line)
{
	char **grown = mem_try_grow(
	    s->shared, &s->shared_cap, s->shared_count, sizeof(*grown));

	if (!grown)
		return -1;
	s->shared = grown;
	s->shared[s->shared_count] = mem_try_strdup(line);
	return s->shared[s->shared_count++] ? 0 : -1;
}

/* The run knows it as it is shown. */
static const struct journal_account *find(
    const struct journal_run *run, const char *id)
{
	size_t max = 4 * strlen(id) + 8;
	char *shown = mem_try_calloc(max, 1);
	const struct journal_account *a = NULL;

	if (shown)
		a = journal_find(run, text_escape(id, strlen(id), shown, max));
	free(shown);
	return a;
}

static int take_line(struct report_settings *s, const struct journal_run *run,
    const char *line, struct error *err)
{
	json_t *o = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
	const char *kind = json_string_value(json_object_get(o, "kind"));
	const char *id = json_string_value(json_object_get(o, "id"));
	int rc = 0;

	if (!kind)
		rc = error_set(err, ERROR_OS, "local.file",
		    "%s has a line that cannot be read", REPORT_SETTINGS_FILE);
	else if (strcmp(kind, "shared") == 0)
		rc = grow_shared(s, line) < 0 ? out_of_memory(err) : 0;
	const struct journal_account *a = id ? find(run, id) : NULL;
	if (rc == 0 && kind && a && strcmp(kind, "account") == 0) {
		size_t i = (size_t)(a - run->accounts);
		free(s->accounts[i]);
		s->accounts[i] = mem_try_strdup(line);
		rc = s->accounts[i] ? 0 : out_of_memory(err);
	}
	json_decref(o);
	return rc;
}

static int read_lines(struct report_settings *s, const struct journal_run *run,
    gzFile gz, char *line, struct error *err)
{
	size_t total = 0;
	int rc = 0, problem = Z_OK;

	while (rc == 0 && gzgets(gz, line, REPORT_SETTINGS_LINE)) {
		size_t len = strlen(line);
		total += len;
		if (len == 0 || line[len - 1] != '\n' ||
		    total > REPORT_SETTINGS_TOTAL)
			return error_set(err, ERROR_LIMIT, "local.file",
			    "%s is too long or was cut off",
			    REPORT_SETTINGS_FILE);
		rc = take_line(s, run, line, err);
	}
	(void)gzerror(gz, &problem);
	if (rc == 0 && problem != Z_OK && problem != Z_STREAM_END)
		rc = error_set(err, ERROR_OS, "local.file",
		    "%s cannot be unpacked", REPORT_SETTINGS_FILE);
	return rc;
}

int report_settings_read(struct report_settings *s, const char *journal_path,
    const struct journal_run *run, struct error *err)
{
	const char *slash = strrchr(journal_path, '/');
	char *path = mem_try_printf("%.*s%s",
	    slash ? (int)(slash + 1 - journal_path) : 0, journal_path,
	    REPORT_SETTINGS_FILE);
	char *line = mem_try_calloc(1, REPORT_SETTINGS_LINE);
	int rc = -1;

	*s = (struct report_settings){.count = run->count};
	s->accounts = mem_try_calloc(run->count + 1, sizeof(*s->accounts));
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	gzFile gz = fd < 0 ? NULL : gzdopen(fd, "rb");
	if (!path || !line || !s->accounts || (fd >= 0 && !gz))
		(void)out_of_memory(err);
	else if (!gz)
		(void)error_set_errno(
		    err, ERROR_OS, "local.file", "%s", REPORT_SETTINGS_FILE);
	else
		rc = read_lines(s, run, gz, line, err);
	if (gz)
		(void)gzclose(gz); // was only read
	else
		fd_close(&fd);
	free(line);
	free(path);
	if (rc < 0)
		report_settings_release(s);
	return rc;
}

void report_settings_release(struct report_settings *s)
{
	for (size_t i = 0; i < s->shared_count; i++)
		free(s->shared[i]);
	for (size_t i = 0; s->accounts && i < s->count; i++)
		free(s->accounts[i]);
	free(s->shared);
	free(s->accounts);
	*s = (struct report_settings){0};
}

void report_settings_put(FILE *out, const char *line)
{
	json_t *o = line ? json_loads(line, 0, NULL) : NULL;
	const json_t *list = json_object_get(o, "settings"), *setting;
	size_t i;
	bool any = false;

	(void)fputc('[', out);
	json_array_foreach(list, i, setting)
	{
		if (json_array_size(setting) != PARTS)
			continue;
		(void)fputs(any ? ",[" : "[", out);
		any = true;
		for (size_t k = 0; k < PARTS; k++) {
			const char *part =
			    json_string_value(json_array_get(setting, k));
			if (k > 0)
				(void)fputc(',', out);
			report_out_json(out, part ? part : "");
		}
		(void)fputc(']', out);
	}
	(void)fputc(']', out);
	json_decref(o);
}

int report_settings_shared(const struct report_settings *s, const char *line)
{
	json_t *o = line ? json_loads(line, 0, NULL) : NULL;
	json_t *number = json_object_get(o, "shared");
	json_int_t n =
	    json_is_integer(number) ? json_integer_value(number) : -1;

	json_decref(o);
	return n >= 0 && (uint64_t)n < s->shared_count ? (int)n : -1;
}
