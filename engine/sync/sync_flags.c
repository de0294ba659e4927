// SPDX-License-Identifier: MIT
#include "engine/sync/sync_flags.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/base/buf.h"
#include "engine/base/mem.h"
#include "engine/base/text.h"
#include "engine/imap/imap_quote.h"

enum {
	FLAGS_OF_ONE_MAX = 256,
	FLAG_MAX_BYTES = 255,
	SET_MAX_BYTES = 16 * 1024,
	SETS_MAX = 100 * 1000,
	ALL_SETS_MAX_BYTES = 8 * 1024 * 1024,
	SLOTS_MIN = 64
};

struct item {
	uint32_t uid, set;
};

struct sync_flags {
	struct item *items;
	size_t count, cap;
	char **sets;
	size_t set_count, set_cap, set_bytes;
	uint32_t *slots; /* hash of a set to its number + 1 */
	size_t slot_count;
	char *kept; /* NULL: never told */
	bool any_keyword, is_lost;
};

struct sync_flags *sync_flags_new(void)
{
	struct sync_flags *flags = mem_calloc(1, sizeof(*flags));

	flags->slot_count = SLOTS_MIN;
	flags->slots = mem_calloc(SLOTS_MIN, sizeof(*flags->slots));
	return flags;
}

void sync_flags_free(struct sync_flags *flags)
{
	if (!flags)
		return;
	for (size_t i = 0; i < flags->set_count; i++)
		free(flags->sets[i]);
	free(flags->sets);
	free(flags->slots);
	free(flags->items);
	free(flags->kept);
	free(flags);
}

bool sync_flags_is_lost(const struct sync_flags *flags)
{
	return flags->is_lost;
}

/* ------------------------------------------------------------ sets */

static uint64_t hash_of(const char *set)
{
	uint64_t h = UINT64_C(1469598103934665603); // FNV-1a, without case

	for (const char *p = set; *p; p++) {
		unsigned char c = (unsigned char)*p;
		h ^= c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
		h *= UINT64_C(1099511628211);
	}
	return h;
}

static size_t slot_of(const struct sync_flags *flags, const char *set)
{
	size_t at = (size_t)(hash_of(set) % flags->slot_count);

	while (flags->slots[at] &&
	       !text_equal_fold_z(flags->sets[flags->slots[at] - 1], set))
		at = (at + 1) % flags->slot_count;
	return at;
}

static void grow_slots(struct sync_flags *flags)
{
	free(flags->slots);
	flags->slot_count *= 2;
	flags->slots = mem_calloc(flags->slot_count, sizeof(*flags->slots));
	for (size_t i = 0; i < flags->set_count; i++)
		flags->slots[slot_of(flags, flags->sets[i])] = (uint32_t)i + 1;
}

static uint32_t intern(struct sync_flags *flags, const char *set)
{
	size_t at = slot_of(flags, set);

	if (flags->slots[at])
		return flags->slots[at] - 1;
	if (flags->set_count >= SETS_MAX ||
	    flags->set_bytes > ALL_SETS_MAX_BYTES) {
		flags->is_lost = true;
		return 0;
	}
	flags->sets = mem_grow(flags->sets, &flags->set_cap, flags->set_count,
	    sizeof(*flags->sets));
	flags->sets[flags->set_count++] = mem_strdup(set);
	flags->set_bytes += strlen(set) + sizeof(char *);
	flags->slots[at] = (uint32_t)flags->set_count;
	if (flags->set_count * 2 > flags->slot_count)
		grow_slots(flags);
	return (uint32_t)flags->set_count - 1;
}

static int by_name(const void *a, const void *b)
{
	const struct imap_str *x = a, *y = b;
	size_t n = x->len < y->len ? x->len : y->len;
	int order = strncasecmp(x->s, y->s, n);

	return order ? order : (x->len > y->len) - (x->len < y->len);
}

static bool may_be_sent(struct imap_str flag)
{
	if (flag.len < 2 || flag.len > FLAG_MAX_BYTES)
		return flag.len == 1 && imap_quote_is_atom(flag.s, 1);
	if (flag.s[0] == '\\')
		return !imap_str_is(flag, "\\Recent") &&
		       imap_quote_is_atom(flag.s + 1, flag.len - 1);
	return imap_quote_is_atom(flag.s, flag.len);
}

static size_t split(struct imap_str list, struct imap_str *out, size_t max)
{
	struct imap_cursor c = {list.s, list.s + list.len};
	struct imap_str flag;
	size_t count = 0;

	for (;;) {
		(void)imap_space(&c);
		if (imap_at_end(&c) || count == max)
			return count;
		if (!imap_atom(&c, &flag)) {
			if (!imap_skip(&c))
				return count;
			continue; // a string or a list is no flag
		}
		if (may_be_sent(flag))
			out[count++] = flag;
	}
}

/* In order, each once, a blank between; NULL: too many. */
static char *canonical(struct imap_str list)
{
	struct imap_str flags[FLAGS_OF_ONE_MAX + 1];
	size_t count = split(list, flags, ARRAY_LEN(flags));
	struct buf text;
	int rc = 0;

	if (count > FLAGS_OF_ONE_MAX)
		return NULL;
	if (count > 1)
		qsort(flags, count, sizeof(flags[0]), by_name);
	buf_init(&text, SET_MAX_BYTES);
	for (size_t i = 0; i < count && rc == 0; i++) {
		if (i > 0 && by_name(&flags[i - 1], &flags[i]) == 0)
			continue;
		rc = buf_printf(&text, "%s%.*s", text.len ? " " : "",
		    (int)flags[i].len, flags[i].s);
	}
	char *out =
	    rc < 0 ? NULL : mem_strndup(text.len ? text.data : "", text.len);
	buf_release(&text);
	return out;
}

/* ------------------------------------------------------------ messages */

void sync_flags_add(
    struct sync_flags *flags, uint32_t uid, struct imap_str list)
{
	char *set = canonical(list);

	if (!set)
		return;
	flags->items = mem_grow(
	    flags->items, &flags->cap, flags->count, sizeof(*flags->items));
	flags->items[flags->count++] =
	    (struct item){.uid = uid, .set = intern(flags, set)};
	free(set);
}

static int by_uid(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return (x->uid > y->uid) - (x->uid < y->uid);
}

void sync_flags_finish(struct sync_flags *flags)
{
	if (flags->count > 1)
		qsort(
		    flags->items, flags->count, sizeof(*flags->items), by_uid);
}

size_t sync_flags_set_count(const struct sync_flags *flags)
{
	return flags->set_count;
}

bool sync_flags_number_of(
    const struct sync_flags *flags, uint32_t uid, uint32_t *out)
{
	const struct item wanted = {.uid = uid};

	if (flags->count == 0)
		return false;
	const struct item *found = bsearch(
	    &wanted, flags->items, flags->count, sizeof(wanted), by_uid);
	if (found)
		*out = found->set;
	return found != NULL;
}

const char *sync_flags_of(const struct sync_flags *flags, uint32_t uid)
{
	uint32_t set = 0;

	return sync_flags_number_of(flags, uid, &set) ? flags->sets[set] : NULL;
}

/* ------------------------------------------------------------ what is kept */

void sync_flags_set_kept(
    struct sync_flags *flags, const char *kept, bool any_keyword)
{
	char *copy = kept ? mem_strdup(kept) : NULL;

	free(flags->kept);
	flags->kept = copy;
	flags->any_keyword = any_keyword;
}

static bool keeps(const struct sync_flags *target, const char *flag, size_t len)
{
	char wanted[FLAG_MAX_BYTES + 3];

	if (!target->kept || (flag[0] != '\\' && target->any_keyword))
		return true;
	(void)snprintf(wanted, sizeof(wanted), " %.*s ", (int)len, flag);
	return strcasestr(target->kept, wanted) != NULL;
}

char *sync_flags_wanted(const struct sync_flags *target, const char *set)
{
	struct buf text;

	buf_init(&text, SET_MAX_BYTES);
	for (const char *p = set; *p;) {
		size_t len = strcspn(p, " ");
		bool is_deleted = text_equal_fold(p, len, "\\Deleted", 8);
		if (!is_deleted && keeps(target, p, len))
			bug_if(buf_printf(&text, "%s%.*s", text.len ? " " : "",
				   (int)len, p) < 0);
		p += len;
		p += *p == ' ';
	}
	char *out = mem_strndup(text.len ? text.data : "", text.len);
	buf_release(&text);
	return out;
}
