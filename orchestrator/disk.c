// SPDX-License-Identifier: MIT
#include "orchestrator/disk.h"

#include <sys/statvfs.h>

uint64_t disk_available(const char *path)
{
	struct statvfs st;

	if (statvfs(path, &st) < 0)
		return UINT64_MAX;
	// a file system may say anything of itself
	uint64_t block = st.f_frsize ? st.f_frsize : st.f_bsize;
	if (block > 0 && st.f_bavail > UINT64_MAX / block)
		return UINT64_MAX;
	return st.f_bavail * block;
}
