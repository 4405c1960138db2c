// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: the short way of a FILL.
 *
 * Most calls ask for one target page of a host page that has memory, from a
 * source that is there, or for a host page of zeros. They wait for nothing and
 * allocate nothing, so they are done here in a few steps. All else, and all
 * errors, are left to hp_fill().
 */
#include <linux/uaccess.h>

#include "channel.h"
#include "control.h"
#include "hugepost_trace.h"

/* Not to be done here. */
#define HP_SHORT_NOT	-1

/*
 * One target page: how many were filled. The last missing one of a host page,
 * which makes it complete, goes the long way, too.
 */
static __always_inline int hp_short_single(struct hp_hostpage *hp,
					   struct hp_channel *ch,
					   unsigned int sub, u64 src)
{
	int ret = HP_SHORT_NOT;

	pagefault_disable();
	spin_lock(&hp->lock);
	if (hp_channel_reset_since(ch, ch->known)) {
		/* That is an error. */
	} else if (!hp->bits || !hp->staged) {
		if (hp_hostpage_complete(hp))
			ret = 0;
	} else if (test_bit(sub, hp->bits->present)) {
		ret = 0;
	} else if (hp->nr_present < HP_SUBS - 1 &&
		   !hp_folio_poisoned(hp->folio, sub) &&
		   !hp_copy_pages(hp->folio, sub, 1, src)) {
		hp_hostpage_set_present(hp, sub, 1);
		ret = 1;
	}
	spin_unlock(&hp->lock);
	pagefault_enable();
	return ret;
}

/* A host page of zeros. */
static __always_inline int hp_short_zero(struct hp_object *obj,
					 struct hp_hostpage *hp,
					 struct hp_channel *ch)
{
	int ret = HP_SHORT_NOT;

	spin_lock(&hp->lock);
	if (!hp_channel_reset_since(ch, ch->known) &&
	    hp_hostpage_set_zero(obj, hp))
		ret = HP_SUBS;
	spin_unlock(&hp->lock);
	return ret;
}

/* How many were filled; HP_SHORT_NOT: nothing was done, ask hp_fill(). */
static __always_inline int hp_short(struct hp_object *obj, u32 channel,
				    const struct hugepost_fill_entry *e)
{
	unsigned long hidx = e->offset >> HP_HOST_SHIFT;
	pgoff_t first = e->offset >> PAGE_SHIFT;
	struct hp_hostpage *hp;
	struct hp_channel *ch;
	bool zero;
	int nr;

	if (hp_is_single(e) && PAGE_ALIGNED(e->offset))
		zero = false;
	else if (e->flags == HUGEPOST_FILL_ZERO && !e->__reserved && !e->src &&
		 e->len == HP_HOST_SIZE && IS_ALIGNED(e->offset, HP_HOST_SIZE))
		zero = true;
	else
		return HP_SHORT_NOT;
	if (e->offset >= obj->length)
		return HP_SHORT_NOT;
	hp = hp_hostpage_find(obj, hidx);
	ch = hp_channel_find(obj, channel);
	if (!hp || !ch || test_and_set_bit_lock(0, &ch->busy))
		return HP_SHORT_NOT;

	nr = zero ? hp_short_zero(obj, hp, ch) :
		    hp_short_single(hp, ch, first % HP_SUBS, e->src);
	if (nr > 0)
		hp_channel_account(ch, hidx, nr, zero);
	else if (!nr)
		ch->duplicates++;
	clear_bit_unlock(0, &ch->busy);

	if (nr > 0) {
		hp_hostpage_announce(obj, first, first + nr);
		hp_report_progress(obj);
	}
	return nr;
}

/* The device's: a FILL that goes the short way, or any call. */
long hp_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct hugepost_fill __user *uarg = (void __user *)arg;
	struct hp_object *obj = file->private_data;
	u32 size, flags, channel, nr, reserved;
	struct hugepost_fill_entry e;
	u64 entries;
	int ret;

	if (cmd != HUGEPOST_FILL || trace_hugepost_fill_enabled() ||
	    !hp_object_ready(obj))
		goto all_else;

	if (!user_read_access_begin(uarg, sizeof(*uarg)))
		goto all_else;
	unsafe_get_user(size, &uarg->size, fault);
	unsafe_get_user(flags, &uarg->flags, fault);
	unsafe_get_user(channel, &uarg->channel, fault);
	unsafe_get_user(nr, &uarg->nr, fault);
	unsafe_get_user(entries, &uarg->entries, fault);
	unsafe_get_user(reserved, &uarg->__reserved, fault);
	user_read_access_end();
	if (size != sizeof(*uarg) || flags || nr != 1 || reserved ||
	    !hp_get_entry(&e, u64_to_user_ptr(entries)))
		goto all_else;

	ret = hp_short(obj, channel, &e);
	if (ret == HP_SHORT_NOT)
		goto all_else;
	if (!user_write_access_begin(uarg, sizeof(*uarg)))
		return -EFAULT;
	unsafe_put_user(1, &uarg->out_done, fault_out);
	unsafe_put_user(ret == 1 ? PAGE_SIZE : 0, &uarg->out_bytes, fault_out);
	unsafe_put_user(!ret, &uarg->out_duplicates, fault_out);
	user_write_access_end();
	return 0;

fault:
	user_read_access_end();
all_else:
	return hp_ioctl_any(file, cmd, arg);
fault_out:
	user_write_access_end();
	return -EFAULT;
}
