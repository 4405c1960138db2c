// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: target pages that become missing again, or are lost.
 *
 * What takes a target page off holds the folio's lock until all mappings of it
 * are gone.
 */
#include <linux/pagemap.h>
#include <linux/sched/signal.h>

#include "discard.h"
#include "folio.h"
#include "hostpage.h"
#include "hugepost_trace.h"
#include "stall.h"

/*
 * Gets bits for a complete host page, which has none; -ENOMEM, but not if @all of
 * it goes.
 */
static int hp_discard_prepare(struct hp_object *obj, struct hp_hostpage *hp,
			      bool all)
{
	struct hp_bits *bits;

	if (READ_ONCE(hp->nr_present) != HP_SUBS)
		return 0;

	bits = hp_bits_alloc(&obj->mem, all);
	if (!bits)
		return -ENOMEM;
	spin_lock(&hp->lock);
	if (hp_hostpage_complete(hp) && !hp->bits) {
		bitmap_fill(bits->present, HP_SUBS);
		swap(hp->bits, bits);
		hp_hostpage_count(obj, hp);
	}
	spin_unlock(&hp->lock);
	hp_bits_free(&obj->mem, bits);
	return 0;
}

/* Locks the folio that holds the guest's bytes, if there is one. */
static struct folio *hp_discard_lock(struct hp_hostpage *hp)
{
	struct folio *folio = NULL, *now;

	for (;;) {
		spin_lock(&hp->lock);
		now = hp->staged ? hp->folio : NULL;
		if (now == folio || !now) {
			spin_unlock(&hp->lock);
			return folio;
		}
		folio_get(now);
		spin_unlock(&hp->lock);
		if (folio) {
			folio_unlock(folio);
			folio_put(folio);
		}
		folio = now;
		folio_lock(folio);
	}
}

/*
 * Makes [first, end) of a host page missing, which may be nothing, and takes off
 * what it does not need then. Returns how many target pages were present, or
 * -EAGAIN.
 *
 * A page-fault handler maps a target page under the folio's lock, having found
 * it present: with that lock held until all mappings are gone, none comes back.
 * A channel that fills the target page meanwhile fills it after the discard,
 * and a guest that still has it mapped owns it already.
 */
int hp_discard_hostpage(struct hp_object *obj, struct hp_hostpage *hp,
			unsigned long hidx, unsigned int first,
			unsigned int end)
{
	pgoff_t base = hidx * HP_SUBS;
	DECLARE_BITMAP(gone, HP_SUBS) = {};
	struct hp_leftover left = {};
	struct folio *folio;
	int nr = 0;

	folio = hp_discard_lock(hp);
	spin_lock(&hp->lock);
	if ((hp->staged && hp->folio != folio) ||
	    (!hp->bits && hp_hostpage_complete(hp))) {
		/* It got a folio, or became complete, just now. */
		nr = -EAGAIN;
	} else if (hp->bits) {
		bitmap_set(gone, first, end - first);
		bitmap_and(gone, gone, hp->bits->present, HP_SUBS);
		bitmap_andnot(hp->bits->present, hp->bits->present, gone,
			      HP_SUBS);
		nr = bitmap_weight(gone, HP_SUBS);
		hp->nr_present -= nr;
	}
	spin_unlock(&hp->lock);

	if (nr > 0) {
		hp_stall("discard-cleared");
		if (folio)
			unmap_mapping_range(obj->inode->i_mapping,
					    (loff_t)(base + first) << PAGE_SHIFT,
					    (loff_t)(end - first) << PAGE_SHIFT,
					    1);
	}
	if (nr >= 0) {
		spin_lock(&hp->lock);
		/* A folio that came meanwhile is settled with its lock. */
		if (!hp->staged || hp->folio == folio)
			hp_hostpage_settle(obj, hp, &left);
		spin_unlock(&hp->lock);
	}
	if (folio) {
		folio_unlock(folio);
		folio_put(folio);
	}
	hp_leftover_free(obj, &left);
	if (nr > 0)
		hp_announce(obj, base + first, base + end);
	return nr;
}

/* The same, with what it needs. */
static int hp_discard_in(struct hp_object *obj, struct hp_hostpage *hp,
			 unsigned long hidx, unsigned int first,
			 unsigned int end)
{
	int ret;

	do {
		ret = hp_discard_prepare(obj, hp, end - first == HP_SUBS);
		if (!ret)
			ret = hp_discard_hostpage(obj, hp, hidx, first, end);
	} while (ret == -EAGAIN && !fatal_signal_pending(current));
	/* A folio for what went came meanwhile, and nobody else takes it off. */
	if (ret > 0 && READ_ONCE(hp->staged) && !READ_ONCE(hp->nr_present))
		hp_discard_hostpage(obj, hp, hidx, 0, 0);
	return ret;
}

static int hp_discard(struct hp_object *obj, struct hp_ucmd *cmd)
{
	struct hugepost_discard *arg = &cmd->arg.discard;
	unsigned long hidx, after;
	pgoff_t first, end;
	int ret;

	arg->out_pages = 0;
	ret = hp_check_range(obj, arg->offset, arg->length);
	if (ret)
		return ret;

	first = arg->offset >> PAGE_SHIFT;
	end = first + (arg->length >> PAGE_SHIFT);
	after = hp_pgoff_to_hidx(end - 1) + 1;
	hidx = array_index_nospec(hp_pgoff_to_hidx(first), obj->nr_hostpages);
	for (hidx = hp_hostpage_next(obj, hidx, after); hidx < after;
	     hidx = hp_hostpage_next(obj, hidx + 1, after)) {
		pgoff_t base = hidx * HP_SUBS;

		ret = hp_discard_in(obj, hp_hostpage_find(obj, hidx), hidx,
				    max(first, base) - base,
				    min(end, base + HP_SUBS) - base);
		if (ret >= 0) {
			arg->out_pages += ret;
			ret = fatal_signal_pending(current) ? -EINTR : 0;
		}
		if (ret)
			break;
		cond_resched();
	}

	atomic64_add(arg->out_pages, &obj->count.discarded);
	trace_hugepost_discard(obj, arg->offset, arg->length, arg->out_pages, 0,
			       ret);
	/* A waiter whose event is forgotten has to raise a new one. */
	hp_announce(obj, first, end);
	return ret;
}

/*
 * Marks and unmaps a page with a memory error, if it is one of the object's. The folio's lock
 * keeps a fault from mapping the host page by one entry between the two.
 */
bool hp_discard_lost(struct hp_object *obj, unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);
	struct folio *folio = page_folio(page);
	unsigned long hidx = READ_ONCE(folio->index) / HP_SUBS;
	struct hp_hostpage *hp;
	bool ours;

	if (!hp_object_ready(obj) || hidx >= obj->nr_hostpages)
		return false;
	hp = hp_hostpage_find(obj, hidx);
	if (!hp)
		return false;

	spin_lock(&hp->lock);
	ours = hp->folio == folio;
	if (ours)
		folio_get(folio);
	spin_unlock(&hp->lock);
	if (!ours)
		return false;

	folio_lock(folio);
	spin_lock(&hp->lock);
	hp_folio_set_bad(folio);
	spin_unlock(&hp->lock);
	unmap_mapping_range(obj->inode->i_mapping,
			    ((loff_t)hidx << HP_HOST_SHIFT) +
			    ((loff_t)folio_page_idx(folio, page) << PAGE_SHIFT),
			    PAGE_SIZE, 1);
	/* Who sees it finds the page unmapped. */
	atomic64_inc(&obj->count.poisoned);
	folio_unlock(folio);
	folio_put(folio);
	return true;
}

const struct hp_ioctl_op hp_op_discard =
	HP_OP(DISCARD, hp_discard, struct hugepost_discard, out_pages, 0, HP_CHANGE);
