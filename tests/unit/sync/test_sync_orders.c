// SPDX-License-Identifier: MIT
#include "engine/sync/sync_orders.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/mem.h"
#include "engine/sync/sync_diff.h"
#include "engine/sync/sync_flags.h"
#include "engine/sync/sync_index.h"

/* Messages as text: "a:\Seen b d:" is key a with \Seen, b without flags, d that
 * is \Deleted; flags with `+` between. UIDs by place. */
static void fill(struct sync_index *index, const char *text)
{
	uint32_t uid = 0;

	index->flags = sync_flags_new();
	for (const char *p = text; *p;) {
		size_t len = strcspn(p, " ");
		struct sync_entry e = {.uid = ++uid, .size = 10};
		char flags[80] = "";
		e.key.bytes[0] = (uint8_t)*p;
		e.date = SYNC_INDEX_NO_DATE;
		if (len > 2)
			(void)snprintf(
			    flags, sizeof(flags), "%.*s", (int)len - 2, p + 2);
		for (char *f = flags; *f; f++)
			if (*f == '+')
				*f = ' ';
		e.is_deleted = strstr(flags, "\\Deleted") != NULL;
		index->entries = mem_grow(
		    index->entries, &index->cap, index->count, sizeof(e));
		index->entries[index->count++] = e;
		sync_flags_add(
		    index->flags, uid, (struct imap_str){flags, strlen(flags)});
		p += len;
		p += *p == ' ';
	}
	sync_index_finish(index);
}

struct row {
	char source[80], target[80];
	char orders[120]; /* "2={\Seen} -3": set flags of 2, 3 is gone */
};

ParameterizedTestParameters(sync_orders, what_a_mirror_changes)
{
	static struct row rows[] = {
	    {"", "", ""},
	    {"a", "a", ""},
	    {"a", "", ""},
	    {"", "a", "-1"},
	    {"a:\\Seen", "a", "1={\\Seen}"},
	    {"a", "a:\\Seen", "1={}"},
	    {"a:\\Seen", "a:\\SEEN", ""},
	    {"a:x+\\Seen", "a:\\Seen+x", ""},
	    {"a:x", "a:X", ""},
	    {"a:\\Seen b:\\Seen c", "b a c", "1,2={\\Seen}"},
	    {"a:\\Seen b:x", "b a", "2={\\Seen} 1={x}"},
	    /* equal ones: as many stay as there are */
	    {"a a", "a a a", "-3"},
	    {"b", "a b a", "-1 -3"},
	    /* those that are marked already come last */
	    {"b", "a:\\Deleted b a:\\Deleted a", "-4 -1 -3"},
	    /* F093: marked on the source, its copy is not missing there */
	    {"a:\\Deleted", "a", ""},
	    {"a:\\Deleted+\\Seen", "a", "1={\\Seen}"},
	    {"a:\\Deleted a:\\Flagged", "a", "1={\\Flagged}"},
	    /* of equal ones any may become any: as a whole it comes out right */
	    {"a:\\Deleted a:\\Flagged", "a a:\\Flagged", "1={\\Flagged} 2={}"},
	    /* marked on the target only: the mark goes */
	    {"a", "a:\\Deleted", "1={}"},
	    {"a:\\Deleted", "a:\\Deleted", "1={}"},
	    /* \Recent is nobody's business */
	    {"a:\\Recent", "a:\\Recent+\\Seen", "1={}"},
	    {"a:\\Recent", "a", ""},
	};

	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

/* However many messages have them, sets are kept once. */
Test(sync_orders, sets_are_bounded)
{
	enum {
		SETS = 200,
		MESSAGES = 2000
	};

	struct sync_index source = {.flags = sync_flags_new()};
	struct sync_index target = {.flags = sync_flags_new()};
	struct sync_pairs pairs = {0};
	char flags[20] = "";

	for (uint32_t uid = 1; uid <= MESSAGES; uid++) {
		pairs.list = mem_grow(
		    pairs.list, &pairs.cap, pairs.count, sizeof(*pairs.list));
		pairs.list[pairs.count++] = (struct sync_pair){uid, uid};
		(void)snprintf(flags, sizeof(flags), "x%u", uid % SETS);
		sync_flags_add(
		    source.flags, uid, (struct imap_str){flags, strlen(flags)});
		sync_flags_add(target.flags, uid, (struct imap_str){flags, 0});
	}
	sync_flags_finish(source.flags);
	sync_flags_finish(target.flags);
	struct sync_orders *o = sync_orders_new(&source, &target, &pairs);
	cr_assert_eq(o->flag_count, MESSAGES);
	cr_assert_eq(o->set_count, SETS);
	sync_orders_free(o);
	free(pairs.list);
	sync_index_release(&source);
	sync_index_release(&target);
}

static void describe(const struct sync_orders *o, struct buf *out)
{
	for (size_t i = 0; o && i < o->flag_count; i++) {
		bool more = i + 1 < o->flag_count &&
			    o->flags[i + 1].set == o->flags[i].set;
		bool same = i > 0 && o->flags[i - 1].set == o->flags[i].set;
		cr_assert_eq(buf_printf(out, "%s%u",
				 same       ? ","
				 : out->len ? " "
					    : "",
				 o->flags[i].uid),
		    0);
		if (!more)
			cr_assert_eq(
			    buf_printf(out, "={%s}", o->sets[o->flags[i].set]),
			    0);
	}
	for (size_t i = 0; o && i < o->gone_count; i++)
		cr_assert_eq(
		    buf_printf(out, "%s-%u", out->len ? " " : "", o->gone[i]),
		    0);
}

ParameterizedTest(struct row *row, sync_orders, what_a_mirror_changes)
{
	struct sync_index source = {0}, target = {0};
	struct sync_pairs pairs = {0};
	struct buf text;

	fill(&source, row->source);
	fill(&target, row->target);
	(void)sync_diff(&source, &target, &pairs);
	struct sync_orders *o = sync_orders_new(&source, &target, &pairs);
	buf_init(&text, 1000);
	describe(o, &text);
	cr_assert_str_eq(text.len ? text.data : "", row->orders);
	buf_release(&text);
	sync_orders_free(o);
	free(pairs.list);
	sync_index_release(&source);
	sync_index_release(&target);
}
