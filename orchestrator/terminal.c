// SPDX-License-Identifier: MIT
#include "orchestrator/terminal.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "engine/base/mem.h"

enum {
	COLUMNS_STANDARD = 80,
	ROWS_STANDARD = 24
};

static bool is_set(const char *name)
{
	const char *value = getenv(name);

	return value && value[0];
}

static bool is_dumb(void)
{
	const char *term = getenv("TERM");

	return !term || !term[0] || strcmp(term, "dumb") == 0;
}

bool terminal_wants_colour(enum terminal_colour option, int fd)
{
	const char *force = getenv("CLICOLOR_FORCE");

	if (option != TERMINAL_COLOUR_AUTO)
		return option == TERMINAL_COLOUR_ALWAYS;
	if (is_set("NO_COLOR"))
		return false;
	if (force && force[0] && strcmp(force, "0") != 0)
		return true;
	return terminal_is_capable(fd);
}

bool terminal_is_capable(int fd)
{
	return isatty(fd) == 1 && !is_dumb();
}

bool terminal_is_utf8(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *value = getenv(names[i]);
		if (value && value[0])
			return strcasestr(value, "UTF-8") ||
			       strcasestr(value, "UTF8");
	}
	return false;
}

bool terminal_reflows(void)
{
	static const char *const names[] = {
	    "TMUX", "VTE_VERSION", "KITTY_WINDOW_ID", "WT_SESSION"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (is_set(names[i]))
			return true;
	return false;
}

void terminal_size(int fd, size_t *columns_out, size_t *rows_out)
{
	struct winsize size = {0};

	(void)ioctl(fd, TIOCGWINSZ, &size); // else it stays 0
	*columns_out = size.ws_col ? size.ws_col : COLUMNS_STANDARD;
	*rows_out = size.ws_row ? size.ws_row : ROWS_STANDARD;
}

int terminal_reopen(int fd)
{
	char name[PATH_MAX];

	// cppcheck-suppress uninitvar ; it is the output
	if (ttyname_r(fd, name, sizeof(name)) != 0)
		return -1;
	return open(name, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
}

bool terminal_is_foreground(int fd)
{
	pid_t group = tcgetpgrp(fd);

	return group < 0 || group == getpgrp();
}

/* ----------------------------------------------------------------- keys */

/* How the terminal was. The only state of this program outside of a struct: a
 * handler of signals that end the process has no other way to it. */
static struct termios before;
static volatile sig_atomic_t changed_fd = -1;

/* In signal context. */
static void give_back(int number)
{
	if (changed_fd >= 0)
		(void)tcsetattr((int)changed_fd, TCSANOW, &before);
	changed_fd = -1;
	// SA_RESETHAND: this time it ends the process, blocked until we return
	(void)raise(number);
}

static void catch_ends(bool catch)
{
	static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT,
	    SIGQUIT, SIGALRM, SIGUSR2};
	struct sigaction action = {.sa_flags = (int)SA_RESETHAND};
	struct sigaction now;

	action.sa_handler = catch ? give_back : SIG_DFL;
	(void)sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < ARRAY_LEN(fatal); i++)
		if (sigaction(fatal[i], NULL, &now) == 0 &&
		    now.sa_handler == (catch ? SIG_DFL : give_back))
			(void)sigaction(fatal[i], &action, NULL);
}

int terminal_keys_on(int fd)
{
	struct termios now;

	if (changed_fd >= 0)
		return 0;
	if (tcgetattr(fd, &before) < 0)
		return -1;
	now = before;
	now.c_lflag &= ~(tcflag_t)(ICANON | ECHO); // ^C and ^Z stay signals
	now.c_cc[VMIN] = 1;
	now.c_cc[VTIME] = 0;
	changed_fd = fd;
	catch_ends(true);
	if (tcsetattr(fd, TCSANOW, &now) == 0)
		return 0;
	terminal_keys_off();
	return -1;
}

void terminal_keys_off(void)
{
	if (changed_fd >= 0)
		(void)tcsetattr((int)changed_fd, TCSANOW, &before);
	terminal_keys_forget();
}

void terminal_keys_forget(void)
{
	if (changed_fd >= 0)
		catch_ends(false);
	changed_fd = -1;
}

char terminal_key(int fd)
{
	char key = '\0';

	return read(fd, &key, 1) == 1 ? key : '\0';
}
