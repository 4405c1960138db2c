// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: the fast way of a FILL.
 *
 * Most calls ask for one target page of a host page that has memory, from a
 * source that is there, or for a host page of zeros. They wait for nothing and
 * allocate nothing, so they are done here in a few steps. All else, and all
 * errors, are left to hp_fill().
 *
 * The locks are those of the other way: the channel's busy bit, and the lock of
 * the host page.
 */
#include "channel.h"
#include "dispatch.h"
#include "fill.h"
#include "fill_fast.h"
#include "folio.h"
#include "hugepost_trace.h"
#include "netlink_events.h"

/* Not to be done here. */
#define HP_FAST_NOT	-1

/* Page faults are off in any case under a spinlock, where these are counted. */
static inline bool hp_fast_faults(void)
{
	return !IS_ENABLED(CONFIG_PREEMPT_COUNT) ||
	       IS_ENABLED(CONFIG_PREEMPT_RT);
}

/*
 * One target page: how many were filled. The last missing one of a host page,
 * which makes it complete, goes the long way, too.
 */
static __always_inline int hp_fast_single(struct hp_hostpage *hp,
					  struct hp_channel *ch,
					  pgoff_t tp, u64 src)
{
	unsigned int sub = tp % HP_SUBS;
	int ret = HP_FAST_NOT;

	if (hp_fast_faults())
		pagefault_disable();
	spin_lock(&hp->lock);
	if (hp_channel_reset_since(ch, ch->known)) {
		/* That is an error. */
	} else if (unlikely(hp->state != HP_STAGING)) {
		if (hp_hostpage_complete(hp))
			ret = 0;
	} else if (unlikely(test_bit(sub, hp->bits->present))) {
		ret = 0;
	} else if (likely(hp->nr_present < HP_SUBS - 1 &&
			  !hp_folio_poisoned(hp->folio, sub) &&
			  !hp_copy_pages(hp->folio, sub, 1, src))) {
		hp_hostpage_set_present(hp, sub, 1);
		ret = 1;
	}
	spin_unlock(&hp->lock);
	if (hp_fast_faults())
		pagefault_enable();
	return ret;
}

/* A host page of zeros. */
static __always_inline int hp_fast_zero(struct hp_object *obj,
					struct hp_hostpage *hp,
					struct hp_channel *ch)
{
	int ret = HP_FAST_NOT;

	spin_lock(&hp->lock);
	if (!hp_channel_reset_since(ch, ch->known) &&
	    hp_hostpage_set_zero(obj, hp))
		ret = HP_SUBS;
	spin_unlock(&hp->lock);
	return ret;
}

/* How many were filled; HP_FAST_NOT: nothing was done, ask hp_fill(). */
static __always_inline int hp_fast(struct hp_object *obj, u32 channel,
				   u64 offset, u64 src, bool zero)
{
	struct hp_channel *ch = hp_channel_find(obj, channel);
	unsigned long hidx = offset >> HP_HOST_SHIFT;
	pgoff_t tp = offset >> PAGE_SHIFT;
	struct hp_hostpage *hp;
	int nr = HP_FAST_NOT;

	if (unlikely(!ch || test_and_set_bit_lock(0, &ch->busy)))
		return HP_FAST_NOT;
	hp = ch->page;
	if (unlikely(ch->host_page != hidx)) {
		hp = offset < obj->length ? hp_hostpage_find(obj, hidx) : NULL;
		if (!hp)
			goto out;
	}
	nr = zero ? hp_fast_zero(obj, hp, ch) :
		    hp_fast_single(hp, ch, tp, src);
	if (likely(nr > 0)) {
		hp_channel_account(ch, hp, hidx, nr, zero);
		hp_announce(obj, tp, tp + nr);
	} else if (!nr) {
		ch->duplicates++;
	}
out:
	clear_bit_unlock(0, &ch->busy);
	return nr;
}

/*
 * Apart from what is asked more often, which completes no host page and is never
 * the first FILL of an object: there is no progress to report.
 */
static noinline int hp_fast_zeros(struct hp_object *obj, u32 channel,
				  u64 offset)
{
	int nr = hp_fast(obj, channel, offset, 0, true);

	if (nr > 0)
		hp_report_progress(obj);
	return nr;
}

/* A FILL, which goes the fast way or is left to hp_fill(). */
long hp_fill_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct hugepost_fill __user *uarg = (void __user *)arg;
	struct hp_object *obj = file->private_data;
	u32 size, flags, channel, nr, entry_size;
	struct hugepost_fill_entry e;
	u64 entries;
	int ret;

	if (trace_hugepost_fill_enabled() || !hp_object_ready(obj) ||
	    !hp_object_allows(obj))
		goto all_else;

	if (!user_read_access_begin(uarg, sizeof(*uarg)))
		goto all_else;
	unsafe_get_user(size, &uarg->size, fault);
	unsafe_get_user(flags, &uarg->flags, fault);
	unsafe_get_user(channel, &uarg->channel, fault);
	unsafe_get_user(nr, &uarg->nr, fault);
	unsafe_get_user(entries, &uarg->entries, fault);
	unsafe_get_user(entry_size, &uarg->entry_size, fault);
	user_read_access_end();
	/* An entry's size may be 0 or the first version's, a power of two. */
	if (size != sizeof(*uarg) || (flags | (nr ^ 1) |
	    (entry_size & ~HUGEPOST_FILL_ENTRY_SIZE_VER0)) ||
	    hp_get_entry(&e, u64_to_user_ptr(entries), sizeof(e)))
		goto all_else;

	ret = HP_FAST_NOT;
	if (likely(hp_is_single(&e) && PAGE_ALIGNED(e.offset)))
		ret = hp_fast(obj, channel, e.offset, e.src, false);
	else if (e.flags == HUGEPOST_FILL_ZERO && !e.__reserved && !e.src &&
		 e.len == HP_HOST_SIZE && IS_ALIGNED(e.offset, HP_HOST_SIZE))
		ret = hp_fast_zeros(obj, channel, e.offset);
	if (unlikely(ret == HP_FAST_NOT))
		goto all_else;
	if (!user_write_access_begin(uarg, sizeof(*uarg)))
		return -EFAULT;
	unsafe_put_user(1, &uarg->out_done, fault_out);
	if (likely(ret == 1)) {
		unsafe_put_user(PAGE_SIZE, &uarg->out_bytes, fault_out);
		unsafe_put_user(0, &uarg->out_duplicates, fault_out);
	} else {
		unsafe_put_user(0, &uarg->out_bytes, fault_out);
		unsafe_put_user(!ret, &uarg->out_duplicates, fault_out);
	}
	user_write_access_end();
	return 0;

fault:
	user_read_access_end();
all_else:
	return hp_dispatch(obj, &hp_op_fill, arg);
fault_out:
	user_write_access_end();
	return -EFAULT;
}
