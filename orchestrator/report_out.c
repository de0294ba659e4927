// SPDX-License-Identifier: MIT
#include "orchestrator/report_out.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/mem.h"
#include "engine/base/step.h"
#include "engine/base/text.h"

/* ----------------------------------------------------------------- file */

static int fail(const struct report_out *o, struct error *err)
{
	return error_set_errno(
	    err, ERROR_OS, "local.disk", "cannot write '%s'", o->path);
}

static void release(struct report_out *o)
{
	free(o->path);
	free(o->temp);
	*o = (struct report_out){0};
}

int report_out_check(const char *path, struct error *err)
{
	struct stat st;

	if (lstat(path, &st) < 0 || S_ISREG(st.st_mode))
		return 0; // what else is wrong is told when it is written
	return error_set(err, ERROR_OS, "local.disk",
	    "cannot write '%s': it is no plain file; remove it or choose another path",
	    path);
}

int report_out_begin(struct report_out *o, const char *path, struct error *err)
{
	if (report_out_check(path, err) < 0) {
		*o = (struct report_out){0};
		return -1;
	}
	*o = (struct report_out){.path = mem_try_strdup(path),
	    .temp = mem_try_printf("%s.tmp.%ld", path, (long)getpid())};
	if (!o->path || !o->temp) {
		release(o);
		return error_set(
		    err, ERROR_INTERNAL, "local.memory", "out of memory");
	}
	(void)unlink(o->temp); // of a process that was killed
	int fd = open(o->temp,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	o->file = fd < 0 ? NULL : fdopen(fd, "w");
	if (o->file)
		return 0;
	(void)fail(o, err);
	fd_close(&fd);
	release(o);
	return -1;
}

int report_out_end(
    struct report_out *o, bool good, bool sync, struct error *err)
{
	int rc = good ? 0 : -1;

	if (rc == 0 && (fflush(o->file) != 0 || ferror(o->file) ||
			   (sync && fsync(fileno(o->file)) < 0)))
		rc = fail(o, err);
	if (fclose(o->file) != 0 && rc == 0)
		rc = fail(o, err);
	step_point("report.whole");
	if (rc == 0 && rename(o->temp, o->path) < 0)
		rc = fail(o, err);
	if (rc < 0)
		(void)unlink(o->temp);
	release(o);
	return rc;
}

/* "NAME.tmp.PID" of a process that is no more. */
static bool is_left_over(const char *name)
{
	static const char mark[] = ".tmp.";
	const char *at = NULL;
	uint64_t pid = 0;

	for (const char *p = name; (p = strstr(p, mark)) != NULL; p++)
		at = p + strlen(mark);
	return at && text_parse_u64(at, strlen(at), INT32_MAX, &pid) &&
	       pid > 0 && kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

void report_out_sweep(const char *directory)
{
	DIR *list = opendir(directory);
	const struct dirent *entry;

	// one thread only
	// cppcheck-suppress readdirCalled
	while (list && (entry = readdir(list)) != NULL)
		if (is_left_over(entry->d_name))
			(void)unlinkat(dirfd(list), entry->d_name, 0);
	if (list)
		(void)closedir(list);
}

/* ---------------------------------------------------------------- words */

/* Bytes of a character that no eye sees: controls, C1, marks of direction and
 * line ends of Unicode. 0: it can be seen. */
static size_t hidden(const unsigned char *p)
{
	if (p[0] < 0x20 || p[0] == 0x7f)
		return 1;
	if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
		return 2;
	if (p[0] == 0xd8 && p[1] == 0x9c)
		return 2;
	if (p[0] == 0xe2 && p[1] == 0x80 &&
	    (p[2] == 0x8e || p[2] == 0x8f || (p[2] >= 0xa8 && p[2] <= 0xae)))
		return 3;
	if (p[0] == 0xe2 && p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9)
		return 3;
	return 0;
}

static void put_hidden(
    FILE *out, const char *format, const unsigned char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		(void)fprintf(out, format[0] == 'j' ? "\\\\x%02X" : "\\x%02X",
		    (unsigned)p[i]);
}

void report_out_html(FILE *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	while (*p) {
		size_t len = hidden(p);
		if (len > 0) {
			put_hidden(out, "html", p, len);
			p += len;
			continue;
		}
		switch (*p) {
		case '&':
			(void)fputs("&amp;", out);
			break;
		case '<':
			(void)fputs("&lt;", out);
			break;
		case '>':
			(void)fputs("&gt;", out);
			break;
		case '"':
			(void)fputs("&quot;", out);
			break;
		case '\'':
			(void)fputs("&#39;", out);
			break;
		default:
			(void)fputc(*p, out);
		}
		p++;
	}
}

void report_out_json(FILE *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	(void)fputc('"', out);
	while (*p) {
		size_t len = hidden(p);
		if (len > 0) {
			put_hidden(out, "json", p, len);
			p += len;
			continue;
		}
		if (*p == '"' || *p == '\\')
			(void)fprintf(out, "\\%c", *p);
		else if (*p == '<' || *p == '>' || *p == '&')
			(void)fprintf(out, "\\u%04x", (unsigned)*p);
		else
			(void)fputc(*p, out);
		p++;
	}
	(void)fputc('"', out);
}

void report_out_csv(FILE *out, const char *text)
{
	if (!text[0])
		return;
	(void)fputc('"', out);
	if (text_is_formula(text, strlen(text)))
		(void)fputc('\'', out);
	for (; *text; text++) {
		if (*text == '"')
			(void)fputc('"', out);
		(void)fputc(*text, out);
	}
	(void)fputc('"', out);
}

void report_out_number(FILE *out, unsigned long long n)
{
	char digits[32];
	int len = snprintf(digits, sizeof(digits), "%llu", n);

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			(void)fputc(',', out);
		(void)fputc(digits[i], out);
	}
}
