// SPDX-License-Identifier: MIT
/* A valid name is the encoding of its text, and text comes back as it was. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/utf7.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *input = (const char *)data;
	char *text = utf7_decode(input, size);
	char *name = utf7_encode(input, size);

	bug_if((text != NULL) != utf7_is_valid(input, size));
	char *same_name = text ? utf7_encode(text, strlen(text)) : NULL;
	bug_if(text && (!same_name || strlen(same_name) != size));
	bug_if(text && memcmp(same_name, input, size) != 0);
	char *same_text = name ? utf7_decode(name, strlen(name)) : NULL;
	bug_if(name && (!same_text || strlen(same_text) != size));
	bug_if(name && memcmp(same_text, input, size) != 0);
	free(text), free(name), free(same_name), free(same_text);
	return 0;
}
