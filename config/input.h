// SPDX-License-Identifier: MIT
/*
 * The bytes of a plan or an accounts file: read once, within a cap, checked to
 * be clean UTF-8, wiped afterwards.
 */
#ifndef CONFIG_INPUT_H
#define CONFIG_INPUT_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct plan_diag;

enum {
	INPUT_MAX_BYTES = 64 * 1024 * 1024
};

struct input {
	const char *name; /* for messages; borrowed */
	const char *text; /* behind the byte order mark, if there is one */
	size_t len;
	bool exposed; /* its group or others may read the file */
	bool missing; /* after a failed input_read: there is no such file */
	/* private */
	char *store;
	size_t store_len;
};

/* Reads a plain file; ERROR_CONFIG names it. */
int input_read(struct input *in, const char *path, struct error *err)
    __attribute__((warn_unused_result));

/* Takes bytes in memory; they are borrowed. */
void input_borrow(
    struct input *in, const char *name, const char *bytes, size_t len);

/* Wipes and frees what input_read took. */
void input_release(struct input *in);

/* UTF-8 without control bytes, LF or CRLF: else E0002 with its place. */
bool input_check(const struct input *in, struct plan_diag *diag);

/* Start of a line counted from 1 (NULL: there is none) and its length without
 * the line end. */
const char *input_line(
    const char *text, size_t len, unsigned line, size_t *line_len_out);

/* Characters (UTF-8 sequences) in some bytes. */
unsigned input_characters(const char *bytes, size_t len);

#endif
