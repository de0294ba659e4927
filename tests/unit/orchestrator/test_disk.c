// SPDX-License-Identifier: MIT
#include "orchestrator/disk.h"

#include <criterion/criterion.h>

Test(disk, here)
{
	cr_assert_gt(disk_available("."), 0);
	cr_assert_lt(disk_available("."), UINT64_MAX);
}

Test(disk, a_full_file_system_has_none)
{
	cr_assert_eq(disk_available("/proc"), 0);
}

Test(disk, what_is_not_there_is_not_known)
{
	cr_assert_eq(disk_available("/nonexistent/disk"), UINT64_MAX);
}
