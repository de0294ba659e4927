// SPDX-License-Identifier: MIT
/* A job that is taken is written again, and read as the same. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/contract/job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct job job, again;
	struct error err;
	size_t len = 0, again_len = 0;

	job_init(&job);
	if (job_decode((const char *)data, size, &job, &err) == 0) {
		char *line = job_encode(&job, &len);
		bug_if(!line || line[len - 1] != '\n');
		bug_if(memchr(line, '\n', len) != line + len - 1);
		if (len <= JOB_LINE_MAX) {
			job_init(&again);
			bug_if(job_decode(line, len, &again, &err) < 0);
			bug_if(
			    job_check(&job, &err) != job_check(&again, &err));
			char *twice = job_encode(&again, &again_len);
			bug_if(len != again_len || memcmp(line, twice, len));
			job_wipe_line(twice, again_len);
			job_release(&again);
		}
		job_wipe_line(line, len);
	}
	job_release(&job);
	return 0;
}
