/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: a channel, and what both ways of a FILL share.
 */
#ifndef HUGEPOST_CHANNEL_H
#define HUGEPOST_CHANNEL_H

#include <linux/cache.h>
#include <linux/nospec.h>
#include <linux/uaccess.h>

#include "hostpage.h"

/*
 * A channel. All fields belong to the thread that holds @busy, but @generation
 * and @resets, which arm_lock guards. STATS reads the counters without either:
 * they are word-sized.
 */
struct hp_channel {
	unsigned long busy;	/* bit 0: a FILL is under way */
	unsigned long replacing; /* a REPLACE is under way; see hp_arm_locked() */
	unsigned long generation; /* counts RESETs */
	unsigned long known;	/* generation that @host_page belongs to */
	struct folio *spare;	/* staging set aside, NULL if PREALLOC */
	struct hp_hostpage *page; /* of @host_page, or NULL */
	u64 host_page;		/* hidx filled last, or HUGEPOST_NO_PAGE */
	u32 host_page_filled;
	bool all_zero;
	u64 pages;
	u64 zero_pages;
	u64 duplicates;
	u64 replaced;
	u64 resets;
} ____cacheline_aligned_in_smp;

static inline bool hp_channel_reset_since(struct hp_channel *ch,
					  unsigned long generation)
{
	return READ_ONCE(ch->generation) != generation;
}

static inline struct hp_channel *hp_channel_find(struct hp_object *obj,
						 u32 index)
{
	if (index >= obj->nr_channels)
		return NULL;
	return &obj->channels[array_index_nospec(index, obj->nr_channels)];
}

/* Accounts @nr target pages of @hp, host page @hidx, that this channel filled. */
static inline void hp_channel_account(struct hp_channel *ch,
				      struct hp_hostpage *hp,
				      unsigned long hidx, unsigned int nr,
				      bool zero)
{
	if (ch->page != hp) {
		ch->page = hp;
		ch->host_page = hidx;
		ch->host_page_filled = 0;
		ch->all_zero = true;
	}
	ch->host_page_filled += nr;
	ch->pages += nr;
	if (zero)
		ch->zero_pages += nr;
	else
		ch->all_zero = false;
}

/* One target page of other bytes than zeros, not to replace anything? */
static inline bool hp_is_single(const struct hugepost_fill_entry *e)
{
	return e->len == PAGE_SIZE && !(e->flags | e->__reserved);
}

/*
 * Reads an entry that has @size bytes where it comes from: in line, since a call
 * would take longer than the copy. -EFAULT, or -E2BIG if what of it the module
 * does not know is not zero.
 */
static __always_inline int
hp_get_entry(struct hugepost_fill_entry *e,
	     const struct hugepost_fill_entry __user *from, size_t size)
{
	if (unlikely(size != sizeof(*from)))
		return copy_struct_from_user(e, sizeof(*e), from, size);
	if (!user_read_access_begin(from, sizeof(*from)))
		return -EFAULT;
	unsafe_get_user(e->offset, &from->offset, fault);
	unsafe_get_user(e->src, &from->src, fault);
	unsafe_get_user(e->len, &from->len, fault);
	unsafe_get_user(e->flags, &from->flags, fault);
	unsafe_get_user(e->__reserved, &from->__reserved, fault);
	user_read_access_end();
	return 0;
fault:
	user_read_access_end();
	return -EFAULT;
}

/*
 * Copies target pages from user space, with page faults off; @nr is a constant,
 * which spares a check of the copy's size. Returns how many bytes are not copied.
 */
static __always_inline unsigned long
hp_copy_pages(struct folio *folio, unsigned int sub, unsigned int nr, u64 src)
{
	void *to = folio_address(folio) + ((size_t)sub << PAGE_SHIFT);
	const void __user *from = u64_to_user_ptr(src);

	if (!access_ok(from, nr * PAGE_SIZE))
		return nr * PAGE_SIZE;
	barrier_nospec();
	return __copy_from_user_inatomic(to, from, nr * PAGE_SIZE);
}

#endif /* HUGEPOST_CHANNEL_H */
