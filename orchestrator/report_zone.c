// SPDX-License-Identifier: MIT
#include "orchestrator/report_zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "orchestrator/report_model.h"

enum {
	PATH_BYTES = 300
};

bool report_zone_use(const char *name)
{
	char path[PATH_BYTES];

	// libc would take a path for a zone, and what it does not know for UTC
	if (!name || !name[0] || name[0] == '/' || strstr(name, "..") ||
	    strlen(name) > PATH_BYTES / 2 ||
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
			      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/")])
		return false;
	(void)snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
	if (access(path, R_OK) != 0)
		return false;
	if (setenv("TZ", name, 1) < 0)
		return false;
	tzset();
	return true;
}

static bool split(bool has_zone, int64_t wall_ms, struct tm *out)
{
	time_t seconds = (time_t)(wall_ms / 1000);

	return has_zone ? localtime_r(&seconds, out) != NULL
			: gmtime_r(&seconds, out) != NULL;
}

const char *report_zone_text(
    bool has_zone, const char *time, char out[REPORT_ZONE_TEXT])
{
	char there[40], utc[24];
	struct tm t;
	int64_t ms = strlen(time) < 16 ? 0 : report_model_time(time);

	out[0] = '\0';
	if (ms == 0 || !split(false, ms, &t))
		return out;
	(void)strftime(utc, sizeof(utc), "%Y-%m-%d %H:%M", &t);
	if (!has_zone || !split(true, ms, &t)) {
		(void)snprintf(out, REPORT_ZONE_TEXT, "%s UTC", utc);
		return out;
	}
	(void)strftime(there, sizeof(there), "%Y-%m-%d %H:%M %Z", &t);
	if (strncmp(there + 11, utc + 11, 5) == 0 &&
	    strcmp(there + 17, "UTC") == 0) {
		(void)snprintf(out, REPORT_ZONE_TEXT, "%s UTC", utc);
		return out;
	}
	bool same_day = strncmp(there, utc, 10) == 0;
	(void)snprintf(out, REPORT_ZONE_TEXT, "%s (%s UTC)", there,
	    same_day ? utc + 11 : utc);
	return out;
}

void report_zone_clock(bool has_zone, int64_t wall_ms, char out[32])
{
	struct tm t;

	out[0] = '\0';
	if (split(has_zone, wall_ms, &t))
		(void)strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &t);
}
