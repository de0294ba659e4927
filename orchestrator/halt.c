// SPDX-License-Identifier: MIT
#include "orchestrator/halt.h"

bool halt_is_reached(
    const struct halt_config *config, size_t finished, size_t failed)
{
	if (failed == 0)
		return false;
	if (config->failures > 0 && failed >= config->failures)
		return true;
	return config->percent > 0 && finished > 0 &&
	       finished >= config->min_finished &&
	       (unsigned long long)failed * 100 >=
		   (unsigned long long)finished * config->percent;
}
