// SPDX-License-Identifier: MIT
/*
 * Calls of the system that fail when a test wants it: to be preloaded.
 *
 *   CALLS_FAIL="FAMILY N COUNT ERRNO"  call N (from 1) of the family and COUNT-1
 *           more fail with this error number; COUNT 0: all from then on
 *   CALLS_STUTTER=1  reads and writes are of one byte, two of three are
 *           interrupted or, where nothing blocks, have to be tried again
 *   CALLS_FILE=PATH  struct report: how many calls there were
 *
 * The families are in family_names.  What glibc does inside of itself is not
 * seen, hence streams of the program are given functions of ours.
 */
#include "failing_calls.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *const family_names[FAMILIES] = {"memory", "library", "read",
    "receive", "write", "send", "sync", "rename", "open", "process", "thread",
    "descriptor", "connect", "map", "truncate", "unlink", "random", "mkdir",
    "lock", "stat", "chmod", "poll", "wait", "resolve"};

/* Shared with whoever wants to know; outlives every end. */
struct report {
	_Atomic uint64_t counts[FAMILIES];
	_Atomic uint64_t failed; /* so many calls were made to */
	_Atomic uint64_t
	    where; /* the first of them, from the program's start */
};

enum {
	STREAMS_MAX = 64
};

struct stream {
	FILE *file;
	int fd;
	bool is_used;
};

static struct report own_report;
static struct report *report = &own_report;
static enum family chosen = FAMILIES;
static uint64_t chosen_first, chosen_count;
static int chosen_errno;
static bool is_stuttering;
static uintptr_t program_base, program_end;
static struct stream streams[STREAMS_MAX];

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *p, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

/* ------------------------------------------------------------ the choice */

static bool is_program(const void *address)
{
	uintptr_t at = (uintptr_t)address;

	return at >= program_base && at < program_end;
}

/* Counts the call; true: it is to fail, errno is set. */
bool calls_fails(enum family family, const void *caller)
{
	uint64_t n = atomic_fetch_add(&report->counts[family], 1) + 1;

	if (family != chosen || n < chosen_first ||
	    (chosen_count > 0 && n >= chosen_first + chosen_count))
		return false;
	if (atomic_fetch_add(&report->failed, 1) == 0)
		atomic_store(&report->where, (uintptr_t)caller - program_base);
	errno = chosen_errno;
	return true;
}

static bool is_plain_file(int fd)
{
	struct stat st;

	return syscall(SYS_fstat, fd, &st) == 0 && S_ISREG(st.st_mode);
}

static enum family reading(int fd)
{
	return is_plain_file(fd) ? READ : RECEIVE;
}

static enum family writing(int fd)
{
	return is_plain_file(fd) ? WRITE : SEND;
}

/* How many bytes it may be; 0: none, errno is set. */
static size_t stutter(int fd, size_t len)
{
	static _Atomic unsigned turn;

	if (!is_stuttering || len == 0)
		return len;
	unsigned n = atomic_fetch_add(&turn, 1) % 3;
	if (n == 0) {
		errno = EINTR;
		return 0;
	}
	if (n == 1 && !is_plain_file(fd) &&
	    (syscall(SYS_fcntl, fd, F_GETFL) & O_NONBLOCK)) {
		errno = EAGAIN;
		return 0;
	}
	return 1;
}

bool calls_is_interrupted(void)
{
	static _Atomic unsigned turn;

	if (!is_stuttering || atomic_fetch_add(&turn, 1) % 2 != 0)
		return false;
	errno = EINTR;
	return true;
}

void *calls_next(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

/* ---------------------------------------------------------------- memory */

static bool has_memory(const void *caller)
{
	return !calls_fails(is_program(caller) ? MEMORY : LIBRARY, caller);
}

void *malloc(size_t bytes)
{
	return has_memory(CALLER) ? __libc_malloc(bytes) : NULL;
}

void *calloc(size_t count, size_t bytes)
{
	return has_memory(CALLER) ? __libc_calloc(count, bytes) : NULL;
}

void *realloc(void *p, size_t bytes)
{
	return has_memory(CALLER) ? __libc_realloc(p, bytes) : NULL;
}

void *reallocarray(void *p, size_t count, size_t bytes)
{
	size_t all;

	if (__builtin_mul_overflow(count, bytes, &all)) {
		errno = ENOMEM;
		return NULL;
	}
	return has_memory(CALLER) ? __libc_realloc(p, all) : NULL;
}

int posix_memalign(void **out, size_t alignment, size_t bytes)
{
	if (!has_memory(CALLER))
		return ENOMEM;
	void *p = __libc_memalign(alignment, bytes);
	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	return has_memory(CALLER) ? __libc_memalign(alignment, bytes) : NULL;
}

/* --------------------------------------------------------------- reading */

ssize_t read(int fd, void *to, size_t len)
{
	size_t part = stutter(fd, len);

	if (calls_fails(reading(fd), CALLER) || (part == 0 && len > 0))
		return -1;
	return syscall(SYS_read, fd, to, part);
}

ssize_t pread(int fd, void *to, size_t len, off_t offset)
{
	size_t part = stutter(fd, len);

	if (calls_fails(READ, CALLER) || (part == 0 && len > 0))
		return -1;
	return syscall(SYS_pread64, fd, to, part, offset);
}

ssize_t recv(int fd, void *to, size_t len, int flags)
{
	size_t part = stutter(fd, len);

	if (calls_fails(RECEIVE, CALLER) || (part == 0 && len > 0))
		return -1;
	return syscall(SYS_recvfrom, fd, to, part, flags, NULL, NULL);
}

ssize_t pread64(int, void *, size_t, off_t) __attribute__((alias("pread")));

/* What fortified builds call instead. */
ssize_t __read_chk(int fd, void *to, size_t len, size_t room)
{
	(void)room;
	size_t part = stutter(fd, len);

	if (calls_fails(reading(fd), CALLER) || (part == 0 && len > 0))
		return -1;
	return syscall(SYS_read, fd, to, part);
}

ssize_t __pread_chk(int fd, void *to, size_t len, off_t offset, size_t room)
{
	(void)room;
	return pread(fd, to, len, offset);
}

ssize_t __recv_chk(int fd, void *to, size_t len, size_t room, int flags)
{
	(void)room;
	return recv(fd, to, len, flags);
}

ssize_t __pread64_chk(int, void *, size_t, off_t, size_t)
    __attribute__((alias("__pread_chk")));

/* --------------------------------------------------------------- writing */

ssize_t write(int fd, const void *from, size_t len)
{
	size_t part = stutter(fd, len);

	if (calls_fails(writing(fd), CALLER) || (part == 0 && len > 0))
		return -1;
	return syscall(SYS_write, fd, from, part);
}

ssize_t pwrite(int fd, const void *from, size_t len, off_t offset)
{
	size_t part = stutter(fd, len);

	if (calls_fails(WRITE, CALLER) || (part == 0 && len > 0))
		return -1;
	return syscall(SYS_pwrite64, fd, from, part, offset);
}

ssize_t pwrite64(int, const void *, size_t, off_t)
    __attribute__((alias("pwrite")));

ssize_t send(int fd, const void *from, size_t len, int flags)
{
	size_t part = stutter(fd, len);

	if (calls_fails(SEND, CALLER) || (part == 0 && len > 0))
		return -1;
	return syscall(SYS_sendto, fd, from, part, flags, NULL, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct iovec first;
	struct msghdr shorter = *message;

	if (calls_fails(SEND, CALLER))
		return -1;
	if (!is_stuttering || message->msg_iovlen == 0)
		return syscall(SYS_sendmsg, fd, message, flags);
	first = message->msg_iov[0];
	first.iov_len = stutter(fd, first.iov_len);
	if (first.iov_len == 0 && message->msg_iov[0].iov_len > 0)
		return -1;
	shorter.msg_iov = &first;
	shorter.msg_iovlen = 1;
	return syscall(SYS_sendmsg, fd, &shorter, flags);
}

ssize_t sendfile(int out, int in, off_t *offset, size_t len)
{
	size_t part = stutter(out, len);

	if (calls_fails(SEND, CALLER) || (part == 0 && len > 0))
		return -1;
	return syscall(SYS_sendfile, out, in, offset, part);
}

ssize_t sendfile64(int, int, off_t *, size_t)
    __attribute__((alias("sendfile")));

/* --------------------------------------------------------------- streams */

static ssize_t stream_read(void *cookie, char *to, size_t len)
{
	const struct stream *s = cookie;

	return read(s->fd, to, len);
}

/* A stream of libc goes on after a short write, and gives up when interrupted:
 * so does this one. */
static ssize_t stream_write(void *cookie, const char *from, size_t len)
{
	const struct stream *s = cookie;
	size_t done = 0;

	while (done < len) {
		ssize_t n = is_stuttering
				? syscall(SYS_write, s->fd, from + done, 1)
				: write(s->fd, from + done, len - done);
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static int stream_seek(void *cookie, off_t *offset, int whence)
{
	const struct stream *s = cookie;
	off_t at = lseek(s->fd, *offset, whence);

	if (at < 0)
		return -1;
	*offset = at;
	return 0;
}

static int stream_close(void *cookie)
{
	struct stream *s = cookie;
	int fd = s->fd;

	s->is_used = false;
	return close(fd);
}

static FILE *open_stream(int fd, const char *mode)
{
	const cookie_io_functions_t functions = {
	    stream_read, stream_write, stream_seek, stream_close};

	for (size_t i = 0; i < STREAMS_MAX; i++) {
		struct stream *s = &streams[i];
		if (s->is_used)
			continue;
		*s = (struct stream){.fd = fd, .is_used = true};
		s->file = fopencookie(s, mode, functions);
		s->is_used = s->file != NULL;
		return s->file;
	}
	errno = EMFILE;
	return NULL;
}

FILE *fdopen(int fd, const char *mode)
{
	return open_stream(fd, mode);
}

int fileno(FILE *file)
{
	for (size_t i = 0; i < STREAMS_MAX; i++)
		if (streams[i].is_used && streams[i].file == file)
			return streams[i].fd;
	return file->_fileno;
}

/* ----------------------------------------------------------------- files */

static int open_any(int at, const char *path, int flags, va_list args)
{
	mode_t mode = 0;

	if (flags & (O_CREAT | __O_TMPFILE))
		mode = va_arg(args, mode_t);
	return (int)syscall(SYS_openat, at, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
	va_list args;

	if (calls_fails(OPEN, CALLER))
		return -1;
	va_start(args, flags);
	int fd = open_any(AT_FDCWD, path, flags, args);
	va_end(args);
	return fd;
}

int open64(const char *, int, ...) __attribute__((alias("open")));

int openat(int at, const char *path, int flags, ...)
{
	va_list args;

	if (calls_fails(OPEN, CALLER))
		return -1;
	va_start(args, flags);
	int fd = open_any(at, path, flags, args);
	va_end(args);
	return fd;
}

int openat64(int, const char *, int, ...) __attribute__((alias("openat")));

int __open_2(const char *path, int flags)
{
	return open(path, flags);
}

int __open64_2(const char *, int) __attribute__((alias("__open_2")));

int mkostemp(char *template, int flags)
{
	int (*real)(char *, int) = (int (*)(char *, int))calls_next("mkostemp");

	return calls_fails(OPEN, CALLER) ? -1 : real(template, flags);
}

FILE *fopen(const char *path, const char *mode)
{
	FILE *(*real)(const char *, const char *) =
	    (FILE * (*)(const char *, const char *)) calls_next("fopen");

	return calls_fails(OPEN, CALLER) ? NULL : real(path, mode);
}

FILE *fopen64(const char *, const char *) __attribute__((alias("fopen")));

DIR *opendir(const char *path)
{
	DIR *(*real)(const char *) =
	    (DIR * (*)(const char *)) calls_next("opendir");

	return calls_fails(OPEN, CALLER) ? NULL : real(path);
}

int fsync(int fd)
{
	return calls_fails(SYNC, CALLER) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return calls_fails(SYNC, CALLER) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int rename(const char *from, const char *to)
{
	return calls_fails(RENAME, CALLER)
		   ? -1
		   : (int)syscall(
			 SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int ftruncate(int fd, off_t len)
{
	return calls_fails(TRUNCATE, CALLER)
		   ? -1
		   : (int)syscall(SYS_ftruncate, fd, len);
}

int ftruncate64(int, off_t) __attribute__((alias("ftruncate")));

int unlink(const char *path)
{
	return calls_fails(UNLINK, CALLER)
		   ? -1
		   : (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int unlinkat(int at, const char *path, int flags)
{
	return calls_fails(UNLINK, CALLER)
		   ? -1
		   : (int)syscall(SYS_unlinkat, at, path, flags);
}

int mkdir(const char *path, mode_t mode)
{
	return calls_fails(MKDIR, CALLER)
		   ? -1
		   : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

int mkdirat(int at, const char *path, mode_t mode)
{
	return calls_fails(MKDIR, CALLER)
		   ? -1
		   : (int)syscall(SYS_mkdirat, at, path, mode);
}

int fchmod(int fd, mode_t mode)
{
	return calls_fails(CHMOD, CALLER) ? -1
					  : (int)syscall(SYS_fchmod, fd, mode);
}

int flock(int fd, int operation)
{
	if (calls_fails(LOCK, CALLER))
		return -1;
	return (int)syscall(SYS_flock, fd, operation);
}

int fstat(int fd, struct stat *out)
{
	return calls_fails(STAT, CALLER) ? -1
					 : (int)syscall(SYS_fstat, fd, out);
}

static int stat_any(
    int at, const char *path, struct stat *out, int flags, const void *caller)
{
	if (calls_fails(STAT, caller))
		return -1;
	return (int)syscall(SYS_newfstatat, at, path, out, flags);
}

int stat(const char *path, struct stat *out)
{
	return stat_any(AT_FDCWD, path, out, 0, CALLER);
}

int lstat(const char *path, struct stat *out)
{
	return stat_any(AT_FDCWD, path, out, AT_SYMLINK_NOFOLLOW, CALLER);
}

int fstatat(int at, const char *path, struct stat *out, int flags)
{
	return stat_any(at, path, out, flags, CALLER);
}

int fstat64(int, struct stat64 *) __attribute__((alias("fstat")));
int stat64(const char *, struct stat64 *) __attribute__((alias("stat")));
int lstat64(const char *, struct stat64 *) __attribute__((alias("lstat")));

/* ----------------------------------------------------------- at the start */

static int note_program(struct dl_phdr_info *info, size_t size, void *unused)
{
	(void)size, (void)unused;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		uintptr_t end = info->dlpi_addr + part->p_vaddr + part->p_memsz;
		if (part->p_type == PT_LOAD && end > program_end)
			program_end = end;
	}
	program_base = info->dlpi_addr;
	return 1; // the first one is the program
}

static void choose(char *text)
{
	char *end = strchr(text, ' ');

	if (!end)
		return;
	chosen_first = strtoull(end, &end, 10);
	chosen_count = strtoull(end, &end, 10);
	chosen_errno = (int)strtoul(end, NULL, 10);
	for (int i = 0; i < FAMILIES; i++)
		if (strncmp(text, family_names[i], strcspn(text, " ")) == 0 &&
		    family_names[i][strcspn(text, " ")] == '\0')
			chosen = (enum family)i;
}

static void share_report(const char *path)
{
	struct stat st;
	int fd = (int)syscall(
	    SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || syscall(SYS_fstat, fd, &st) < 0)
		abort();
	// a limit on the size of files is not for us
	if (st.st_size < (off_t)sizeof(*report) &&
	    syscall(SYS_ftruncate, fd, sizeof(*report)) < 0)
		abort();
	void *at = (void *)syscall(SYS_mmap, NULL, sizeof(*report),
	    PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0L);
	if (at == MAP_FAILED)
		abort();
	report = at;
	(void)syscall(SYS_close, fd);
}

__attribute__((constructor)) static void begin(void)
{
	char *what = getenv("CALLS_FAIL"), *path = getenv("CALLS_FILE");

	(void)dl_iterate_phdr(note_program, NULL);
	stdout = open_stream(STDOUT_FILENO, "w");
	stderr = open_stream(STDERR_FILENO, "w");
	(void)setvbuf(stderr, NULL, _IONBF, 0);
	is_stuttering = getenv("CALLS_STUTTER") != NULL;
	if (path)
		share_report(path);
	if (what)
		choose(what);
}
