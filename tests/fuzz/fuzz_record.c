// SPDX-License-Identifier: MIT
/* What decodes must encode again, to the same record as long as it fits. */
#include <stdint.h>
#include <stdlib.h>

#include "engine/base/error.h"
#include "engine/base/mem.h"
#include "engine/contract/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record r, back;
	struct error err;
	size_t len = 0;

	if (record_decode((const char *)data, size, &r, &err) < 0)
		return 0;
	char *line = record_encode(&r, &len);
	bug_if(!line || len == 0 || len >= RECORD_LINE_MAX);
	bug_if(line[len - 1] != '\n');
	bug_if(record_decode(line, len, &back, &err) < 0);
	bug_if(back.event != r.event || back.uid != r.uid);
	record_release(&back);
	record_release(&r);
	free(line);
	return 0;
}
