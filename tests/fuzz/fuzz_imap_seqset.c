// SPDX-License-Identifier: MIT
/* Reading ends, ranges are in order; what is written reads the same. */
#include "engine/base/buf.h"
#include "engine/base/mem.h"
#include "engine/imap/imap_seqset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct imap_seqset_reader r, again;
	uint32_t pair[2], first, last;
	struct buf out;

	buf_init(&out, 64);
	imap_seqset_reader_init(&r, (const char *)data, size);
	while (imap_seqset_next(&r, &pair[0], &pair[1]) == 1) {
		bug_if(pair[0] == 0 || pair[0] > pair[1]);
		buf_reset(&out);
		bug_if(imap_seqset_format(&out, pair, 2, 64) != 2);
		imap_seqset_reader_init(&again, out.data, out.len);
		bug_if(imap_seqset_next(&again, &first, &last) != 1 ||
		       first != pair[0]);
		bug_if(imap_seqset_next(&again, &first, &last) < 0);
		bug_if(last != pair[1]);
	}
	buf_release(&out);
	return 0;
}
