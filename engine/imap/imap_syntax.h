// SPDX-License-Identifier: MIT
/*
 * A collected response (imap_reader) read with a cursor that advances only on
 * success. Pure; iterative, with a depth limit; lenient where servers are
 * known to be lax, never guessing.  Strings point into the response.
 */
#ifndef ENGINE_IMAP_IMAP_SYNTAX_H
#define ENGINE_IMAP_IMAP_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct imap_str {
	char *s; /* not NUL-terminated; NULL: NIL or absent */
	size_t len;
};

struct imap_cursor {
	char *p, *end;
};

/* Lists deeper than this are refused (F083). */
enum {
	IMAP_SYNTAX_DEPTH_MAX = 64
};

bool imap_str_is(struct imap_str s, const char *word); /* without case */

/* Takes one given character; imap_space takes one or more blanks. */
bool imap_char(struct imap_cursor *c, char ch);
bool imap_space(struct imap_cursor *c);
bool imap_at_end(const struct imap_cursor *c);

/* A run without blanks, parentheses, quotes; for flags with `\` and `*`. */
bool imap_atom(struct imap_cursor *c, struct imap_str *out);
bool imap_number(struct imap_cursor *c, uint64_t *out);

/* Quoted (unescaped in place: a response is read once) or kept literal. */
bool imap_string(struct imap_cursor *c, struct imap_str *out);

/* String or NIL (out->s is NULL). */
bool imap_nstring(struct imap_cursor *c, struct imap_str *out);

/* String or atom (a mailbox name). */
bool imap_astring(struct imap_cursor *c, struct imap_str *out);

/* Any value: atom, string, list of values. */
bool imap_skip(struct imap_cursor *c);

/* A parenthesised list as it stands, without its outer parentheses. */
bool imap_list_text(struct imap_cursor *c, struct imap_str *out);

enum imap_response_kind {
	IMAP_RESPONSE_CONTINUE, /* + text */
	IMAP_RESPONSE_TAGGED,   /* tag OK/NO/BAD [code] text */
	IMAP_RESPONSE_STATUS,   /* * OK/NO/BAD/BYE/PREAUTH [code] text */
	IMAP_RESPONSE_DATA,     /* * WORD ... */
	IMAP_RESPONSE_NUMBER    /* * n WORD ... */
};

enum imap_condition {
	IMAP_CONDITION_OK,
	IMAP_CONDITION_NO,
	IMAP_CONDITION_BAD,
	IMAP_CONDITION_BYE,
	IMAP_CONDITION_PREAUTH
};

struct imap_response {
	enum imap_response_kind kind;
	struct imap_str tag;
	enum imap_condition condition; /* TAGGED, STATUS */
	struct imap_str code;          /* word of [CODE args] */
	struct imap_str code_args;
	struct imap_str text; /* behind the code; of CONTINUE all of it */
	struct imap_str word; /* DATA, NUMBER */
	uint64_t number;
	struct imap_cursor rest; /* behind the word */
};

/* False: not a response at all. */
bool imap_response_parse(char *bytes, size_t len, struct imap_response *out);

/* Code and text of a TAGGED or STATUS response, as the server said them. */
struct imap_str imap_response_words(const struct imap_response *r);

/* What a FETCH response told of one message. */
struct imap_fetch {
	bool has_uid, has_flags, has_date, has_size, has_header, has_body;
	bool body_streamed; /* came through IMAP_READER_BODY_* */
	uint32_t uid;
	struct imap_str flags; /* inside of the list */
	struct imap_str date;  /* without quotes */
	uint64_t size;
	struct imap_str header; /* BODY[HEADER...] or BODY[]<0>; may be NIL */
	struct imap_str body;   /* BODY[] when not streamed; NIL: s is NULL */
};

/* `rest` of a "* n FETCH" response. False: malformed. */
bool imap_fetch_parse(struct imap_cursor rest, struct imap_fetch *out);

#endif
