// SPDX-License-Identifier: MIT
/*
 * An engine that copies nothing and costs little, for batches of thousands:
 * reads its job, says what its account's name asks for, ends.  The name is
 * "WORD.REST"; the attempt is known from the name of the log.
 *
 *   restN     all well, after N milliseconds
 *   codeN     ends with N and says so
 *   passN     ends with 75 until the Nth attempt, which is well
 *   diesN     killed by signal N, each time
 *   onceN     killed by signal N the first time
 *   silent, disagree, torn, garbage, unbalanced, mute
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	JOB_FD = 3,
	RECORD_FD = 4
};

static void say(const char *text)
{
	if (write(RECORD_FD, text, strlen(text)) < 0)
		_exit(4);
}

static void read_job(void)
{
	char bytes[64 * 1024];

	for (;;) {
		ssize_t n = read(JOB_FD, bytes, sizeof(bytes));
		if (n <= 0)
			_exit(4);
		if (bytes[n - 1] == '\n')
			return;
	}
}

static void say_end(int code, int source)
{
	char line[512];

	(void)snprintf(line, sizeof(line),
	    "{\"v\":1,\"ev\":\"end\",\"duration_ms\":1,\"exit\":%d,"
	    "\"reason\":\"test.code\",\"text\":\"as asked\",\"tally\":"
	    "{\"source\":%d,\"copied\":0,\"present\":3,\"vanished\":0,"
	    "\"unreached\":0,\"bytes\":0,\"skipped\":{},\"refused\":{}}}\n",
	    code, source);
	say(line);
}

static int end(int code)
{
	say_end(code, 3);
	return code;
}

/* "NAME.ATTEMPT.log" */
static int attempt_of(const char *log)
{
	const char *end = strrchr(log, '.');

	while (end > log && end[-1] != '.')
		end--;
	return (int)strtol(end, NULL, 10);
}

static int number_after(const char *name, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(name, word, len) != 0 || name[len] < '0' || name[len] > '9')
		return -1;
	return (int)strtol(name + len, NULL, 10);
}

static int misbehave(const char *name)
{
	if (strncmp(name, "disagree", 8) == 0) {
		say_end(0, 3);
		return 1;
	}
	if (strncmp(name, "torn", 4) == 0) {
		say_end(0, 3);
		say("{\"v\":1,\"ev\":");
	} else if (strncmp(name, "garbage", 7) == 0) {
		say("\001\002no record\n");
	} else if (strncmp(name, "unbalanced", 10) == 0) {
		say_end(0, 9);
	}
	return 0; // "silent" too
}

static int act(const char *name, int attempt)
{
	int n = number_after(name, "rest");

	if (n >= 0) {
		(void)usleep(1000 * (useconds_t)n);
		return end(0);
	}
	if ((n = number_after(name, "code")) >= 0)
		return end(n);
	if ((n = number_after(name, "pass")) >= 0)
		return end(attempt < n ? 75 : 0);
	if ((n = number_after(name, "once")) >= 0 && attempt > 1)
		return end(0);
	if (n >= 0 || (n = number_after(name, "dies")) >= 0)
		(void)raise(n);
	return misbehave(name);
}

int main(int argc, char **argv)
{
	const char *name = "", *log = "";

	for (int i = 1; i + 1 < argc; i++) {
		if (strcmp(argv[i], "--account") == 0)
			name = argv[i + 1];
		if (strcmp(argv[i], "--logfile") == 0)
			log = argv[i + 1];
	}
	read_job();
	if (strncmp(name, "mute", 4) == 0)
		return 127;
	say("{\"v\":1,\"ev\":\"start\",\"account\":\"x\",\"version\":\"0\"}\n");
	return act(name, attempt_of(log));
}
