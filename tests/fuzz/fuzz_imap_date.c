// SPDX-License-Identifier: MIT
/* A date is written and read as the same; eight bytes are a packed one. */
#include <string.h>

#include "engine/base/mem.h"
#include "engine/imap/imap_date.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct imap_date date, again;
	char text[IMAP_DATE_BYTES];
	int64_t packed;

	if (size == sizeof(packed)) {
		memcpy(&packed, data, size);
		date = imap_date_unpack(packed);
	} else if (!imap_date_parse((const char *)data, size, &date)) {
		return 0;
	}
	bool written = imap_date_format(&date, text);
	bug_if(size != sizeof(packed) && !written);
	if (!written)
		return 0;
	bug_if(!imap_date_parse(text + 1, strlen(text) - 2, &again));
	bug_if(imap_date_pack(&again) != imap_date_pack(&date));
	return 0;
}
