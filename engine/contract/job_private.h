// SPDX-License-Identifier: MIT
/* How the fields of a job stand in the struct: for job.c and job_json.c. */
#ifndef ENGINE_CONTRACT_JOB_PRIVATE_H
#define ENGINE_CONTRACT_JOB_PRIVATE_H

#include "engine/contract/job.h"

struct job_words {
	const char *const *names;
	size_t count;
};

enum job_field_kind {
	JOB_FIELD_TEXT,  /* char * */
	JOB_FIELD_TEXTS, /* char ** and its count */
	JOB_FIELD_BOOL,
	JOB_FIELD_U16,
	JOB_FIELD_U32,
	JOB_FIELD_WORD /* an enum, read and written as unsigned */
};

struct job_field {
	const char *key;
	enum job_field_kind kind;
	size_t offset;
	size_t count_offset;           /* of JOB_FIELD_TEXTS */
	const struct job_words *words; /* of JOB_FIELD_WORD */
};

const struct job_field *job_endpoint_fields(size_t *count_out);
const struct job_field *job_option_fields(size_t *count_out);

const char *job_word_name(const struct job_words *words, unsigned value);
int job_word_parse(const struct job_words *words, const char *word);

void job_release_texts(char ***list, size_t *count);
void job_release_renames(struct job_options *o);

int job_complain(
    struct error *err, const char *where, const char *key, const char *what);

#endif
