// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: memory that holds nothing but zeros is given back.
 *
 * A complete host page whose bytes are all zero becomes a zero host page, which has
 * no memory. Nobody may write to it between the look at its bytes and that. With the
 * folio's lock held it is unmapped everywhere, KVM's tables included, and no fault
 * maps it again; who has pinned it, for DMA say, or waits for its lock holds a
 * reference, and then it stays. That lock also keeps DISCARD and a memory error
 * away. A FILL that replaces has neither lock nor reference: it takes the mark off
 * that the look puts on (HP_STAGED_TRIM).
 *
 * A host page is not unmapped for nothing: its bytes are looked at before, too,
 * without a lock, which ends at the first that is not zero.
 *
 * The memory of an object with PREALLOC stays, whatever it holds; and so does that of
 * one whose guest has ended: it gets none any more.
 */
#include <linux/highmem.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>

#include "folio.h"
#include "guest.h"
#include "hostpage.h"
#include "hugepost_trace.h"
#include "stall.h"
#include "trim.h"

/* The object's own reference, and that of who trims. */
#define HP_TRIM_REFS	2

#define HP_TRIM_BATCH	64	/* target pages */

static bool hp_trim_is_zero(struct folio *folio)
{
	unsigned int sub;
	bool zero = true;

	for (sub = 0; zero && sub < HP_SUBS; sub++) {
		struct page *page = folio_page(folio, sub);
		void *bytes;

		/* To read it would be the host's end. */
		if (PageHWPoison(page))
			return false;
		bytes = kmap_local_page(page);
		/* Who writes meanwhile: it is looked at again, see above. */
		zero = !data_race(memchr_inv(bytes, 0, PAGE_SIZE));
		kunmap_local(bytes);
		if (sub % HP_TRIM_BATCH == 0)
			cond_resched();
	}
	return zero;
}

/* Is it the memory of a host page that is complete, and without an error? */
static bool hp_trim_suits(struct hp_hostpage *hp, struct folio *folio)
{
	lockdep_assert_held(&hp->lock);
	return hp->staged && hp->folio == folio && !hp->bits &&
	       hp_hostpage_complete(hp) && !hp_folio_bad(folio);
}

/*
 * The host page has been unmapped: has nobody else a reference to its memory? Then
 * it is marked.
 */
static bool hp_trim_begin(struct hp_hostpage *hp, struct folio *folio)
{
	bool alone;

	spin_lock(&hp->lock);
	alone = hp_trim_suits(hp, folio) &&
		folio_ref_count(folio) == HP_TRIM_REFS;
	if (alone)
		hp->staged = HP_STAGED_TRIM;
	spin_unlock(&hp->lock);
	smp_rmb(); /* what who dropped a reference has written is seen */
	return alone;
}

/* Takes the memory off the host page, which becomes zero. */
static bool hp_trim_take(struct hp_object *obj, struct hp_hostpage *hp,
			 struct folio *folio)
{
	bool suits;

	spin_lock(&hp->lock);
	suits = hp_trim_suits(hp, folio) && hp->staged == HP_STAGED_TRIM;
	if (suits) {
		hp->staged = HP_STAGED_NOT;
		hp->folio = NULL;
		hp_hostpage_count(obj, hp);
	}
	spin_unlock(&hp->lock);
	return suits;
}

static enum hp_trimmed hp_trim_locked(struct hp_object *obj,
				      struct hp_hostpage *hp,
				      unsigned long hidx, struct folio *folio)
{
	unmap_mapping_range(obj->inode->i_mapping,
			    (loff_t)hidx << HP_HOST_SHIFT, HP_HOST_SIZE, 1);
	hp_stall("trim-unmapped");
	if (!hp_trim_begin(hp, folio))
		return HP_TRIM_BUSY;
	if (!hp_trim_is_zero(folio))
		return HP_TRIM_KEPT;
	hp_stall("trim-looked");
	return hp_trim_take(obj, hp, folio) ? HP_TRIM_DONE : HP_TRIM_BUSY;
}

/* Gives the memory of a host page back, if it holds only zeros. */
enum hp_trimmed hp_trim_hostpage(struct hp_object *obj, unsigned long hidx)
{
	struct hp_hostpage *hp = hp_hostpage_find(obj, hidx);
	enum hp_trimmed ret = HP_TRIM_KEPT;
	struct folio *folio = NULL;

	if (!hp || obj->mem.prealloc || hp_guest_ended(obj))
		return ret;
	spin_lock(&hp->lock);
	if (hp->bits)
		ret = HP_TRIM_ASSEMBLES;
	else if (hp_trim_suits(hp, hp->folio))
		folio = hp->folio;
	if (folio)
		folio_get(folio);
	spin_unlock(&hp->lock);
	if (!folio)
		return ret;

	if (folio_maybe_dma_pinned(folio)) {
		ret = HP_TRIM_BUSY;
	} else if (hp_trim_is_zero(folio)) {
		folio_lock(folio);
		ret = hp_trim_locked(obj, hp, hidx, folio);
		folio_unlock(folio);
	}
	folio_put(folio);
	if (ret == HP_TRIM_DONE) {
		atomic64_inc(&obj->count.trimmed);
		hp_folio_free(&obj->mem, folio);
	}
	return ret;
}

/* The same for all of [first, end); returns how many became zero. */
unsigned long hp_trim_range(struct hp_object *obj, unsigned long first,
			    unsigned long end)
{
	unsigned long hidx, done = 0;

	for (hidx = hp_hostpage_next(obj, first, end); hidx < end;
	     hidx = hp_hostpage_next(obj, hidx + 1, end)) {
		done += hp_trim_hostpage(obj, hidx) == HP_TRIM_DONE;
		if (fatal_signal_pending(current))
			break;
		cond_resched();
	}
	return done;
}

static int hp_trim(struct hp_object *obj, struct hp_ucmd *cmd)
{
	struct hugepost_trim *arg = &cmd->arg.trim;
	unsigned long first, end, done = 0;
	int ret;

	arg->out_bytes = 0;
	ret = hp_check_range(obj, arg->offset, arg->length);
	if (ret)
		return ret;
	first = DIV_ROUND_UP_ULL(arg->offset, HP_HOST_SIZE);
	end = (arg->offset + arg->length) >> HP_HOST_SHIFT;
	if (first < end)
		done = hp_trim_range(obj,
				     array_index_nospec(first, obj->nr_hostpages),
				     end);
	arg->out_bytes = (u64)done << HP_HOST_SHIFT;
	ret = fatal_signal_pending(current) ? -EINTR : 0;
	trace_hugepost_trim(obj, arg->offset, arg->length, arg->out_bytes, 0,
			    ret);
	return ret;
}

const struct hp_ioctl_op hp_op_trim =
	HP_OP(TRIM, hp_trim, struct hugepost_trim, out_bytes, 0, HP_CHANGE);
