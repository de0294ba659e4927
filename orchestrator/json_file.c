// SPDX-License-Identifier: MIT
#include "orchestrator/json_file.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "engine/base/fd.h"
#include "engine/base/mem.h"

enum {
	FILE_MAX_BYTES = 256 * 1024 * 1024
};

static int no_memory(struct error *err)
{
	return error_set(err, ERROR_INTERNAL, "local.memory", "out of memory");
}

/* A device or a link must not be replaced. */
static int check_place(const char *path, struct error *err)
{
	struct stat st;

	if (lstat(path, &st) < 0 || S_ISREG(st.st_mode))
		return 0;
	return error_set(err, ERROR_OS, "local.disk",
	    "'%s' is there and is no plain file", path);
}

static int write_beside(char *beside, const char *path, const char *text,
    size_t len, struct error *err)
{
	// its last letters become others, its mode is 0600
	int fd = mkostemp(beside, O_CLOEXEC);
	int rc = fd < 0 ? -1 : fd_write_all(fd, text, len);

	if (rc == 0)
		rc = fsync(fd);
	if (rc == 0)
		rc = rename(beside, path);
	if (rc < 0)
		(void)error_set_errno(
		    err, ERROR_OS, "local.disk", "cannot write '%s'", path);
	if (rc < 0 && fd >= 0)
		(void)unlink(beside);
	fd_close(&fd);
	return rc < 0 ? -1 : 0;
}

int json_file_write(const char *path, struct json_t *object, struct error *err)
{
	char *text = object ? json_dumps(object, JSON_INDENT(2)) : NULL;
	char *beside = mem_try_printf("%s.XXXXXX", path);
	int rc = -1;

	json_decref(object);
	if (text && beside && check_place(path, err) == 0) {
		size_t len = strlen(text);
		text[len] = '\n'; // in place of the NUL
		rc = write_beside(beside, path, text, len + 1, err);
	} else if (!text || !beside) {
		(void)no_memory(err);
	}
	free(text);
	free(beside);
	return rc;
}

struct json_t *json_file_read(const char *path, struct error *err)
{
	json_error_t problem;
	size_t len = 0;
	char *text = fd_read_file(path, FILE_MAX_BYTES, &len, err);

	if (!text) {
		// so that it differs from a file with something wrong in it
		err->kind = ERROR_OS;
		return NULL;
	}
	json_t *o = json_loadb(text, len, JSON_REJECT_DUPLICATES, &problem);
	free(text);
	if (json_is_object(o))
		return o;
	json_decref(o);
	(void)error_set(err, ERROR_CONFIG, "local.json",
	    "'%s' is no JSON object (line %d)", path, problem.line);
	return NULL;
}
