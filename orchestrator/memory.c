// SPDX-License-Identifier: MIT
#include "orchestrator/memory.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/fd.h"
#include "engine/base/text.h"

uint64_t memory_parse(const char *text)
{
	static const char key[] = "MemAvailable:";
	uint64_t kib = 0;

	while (strncmp(text, key, sizeof(key) - 1) != 0) {
		text = strchr(text, '\n');
		if (!text)
			return UINT64_MAX;
		text++;
	}
	text += sizeof(key) - 1;
	text += strspn(text, " \t");
	if (!text_parse_u64(
		text, strspn(text, "0123456789"), UINT64_MAX / 1024, &kib))
		return UINT64_MAX;
	return kib * 1024;
}

uint64_t memory_available(void)
{
	char text[4096];
	int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return UINT64_MAX;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	fd_close(&fd);
	if (n <= 0)
		return UINT64_MAX;
	text[n] = '\0';
	return memory_parse(text);
}
