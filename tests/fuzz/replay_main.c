// SPDX-License-Identifier: MIT
/*
 * Runs a fuzz target over files that are there already, with any compiler:
 * arguments are files or directories, read to the bottom of neither.  The empty
 * input is always tried.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <sys/stat.h>

#include "engine/base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	INPUT_BYTES_MAX = 16 * 1024 * 1024
};

static unsigned long inputs;

static int run_file(const char *path)
{
	FILE *f = fopen(path, "rbe");
	struct stat st;

	if (!f || fstat(fileno(f), &st) < 0 || st.st_size > INPUT_BYTES_MAX) {
		(void)fprintf(stderr, "%s: cannot be read\n", path);
		if (f)
			(void)fclose(f);
		return -1;
	}
	/* as large as the input, so that a byte too far is noticed */
	size_t size = (size_t)st.st_size;
	uint8_t *data = mem_alloc(size ? size : 1);
	size_t got = fread(data, 1, size, f);
	(void)fclose(f);
	(void)fprintf(stderr, "%s\n", path);
	if (got == size)
		(void)LLVMFuzzerTestOneInput(data, size);
	free(data);
	inputs++;
	return got == size ? 0 : -1;
}

static int run_directory(const char *path)
{
	DIR *d = opendir(path);
	const struct dirent *e;
	int rc = 0;

	if (!d) {
		(void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		char *file = mem_printf("%s/%s", path, e->d_name);
		rc |= run_file(file);
		free(file);
	}
	(void)closedir(d);
	return rc;
}

int main(int argc, char **argv)
{
	int rc = 0;

	(void)LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (int i = 1; i < argc; i++) {
		struct stat st;

		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
			rc |= run_directory(argv[i]);
		else
			rc |= run_file(argv[i]);
	}
	(void)printf("%lu inputs\n", inputs);
	return rc ? 1 : 0;
}
