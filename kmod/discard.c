// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: target pages that become missing again.
 */
#include <linux/sched/signal.h>

#include "private.h"
#include "hugepost_trace.h"

static bool hp_hostpage_populated(struct hp_hostpage *hp)
{
	bool ret;

	spin_lock(&hp->lock);
	ret = hp->nr_present;
	spin_unlock(&hp->lock);
	return ret;
}

/*
 * Makes [first, end) of a host page missing, but for what a channel is just
 * copying: that counts as filled after the discard. Returns how many target
 * pages were present.
 */
static unsigned int hp_discard_present(struct hp_object *obj,
				       struct hp_hostpage *hp,
				       unsigned int first, unsigned int end,
				       struct hp_bits **spare,
				       struct hp_leftover *left)
{
	unsigned int nr = 0, sub;

	lockdep_assert_held(&hp->lock);

	if (hp_hostpage_complete(hp)) {
		swap(hp->bits, *spare);
		bitmap_fill(hp->bits->present, HP_SUBS);
	}
	if (!hp->bits)
		return 0;

	for (sub = first; sub < end; sub++)
		nr += __test_and_clear_bit(sub, hp->bits->present);
	hp->nr_present -= nr;
	hp_hostpage_settle(obj, hp, left);
	return nr;
}

/*
 * A page-fault handler maps a target page under the folio's lock, having found
 * it present: with that lock held until all mappings are gone, none comes back.
 */
static unsigned int hp_discard_hostpage(struct hp_object *obj,
					struct hp_hostpage *hp,
					unsigned long hidx, unsigned int first,
					unsigned int end)
{
	struct hp_bits *bits = hp_bits_alloc(obj);
	struct hp_leftover left = {};
	struct folio *folio = NULL;
	unsigned int nr;

	for (;;) {
		spin_lock(&hp->lock);
		if (!hp->staged || hp->folio == folio)
			break;
		if (folio) {
			spin_unlock(&hp->lock);
			folio_unlock(folio);
			folio_put(folio);
			spin_lock(&hp->lock);
		}
		folio = hp->staged ? hp->folio : NULL;
		if (folio)
			folio_get(folio);
		spin_unlock(&hp->lock);
		if (folio)
			folio_lock(folio);
	}
	nr = hp_discard_present(obj, hp, first, end, &bits, &left);
	spin_unlock(&hp->lock);

	if (nr && folio)
		unmap_mapping_range(obj->inode->i_mapping,
				    ((loff_t)hidx << HP_HOST_SHIFT) +
				    ((loff_t)first << PAGE_SHIFT),
				    (loff_t)(end - first) << PAGE_SHIFT, 1);
	if (folio) {
		folio_unlock(folio);
		folio_put(folio);
	}
	hp_leftover_free(obj, &left);
	hp_bits_free(obj, bits);
	return nr;
}

int hp_discard(struct hp_object *obj, struct hp_ucmd *cmd)
{
	struct hugepost_discard *arg = &cmd->arg.discard;
	pgoff_t tp, end;
	int ret;

	arg->out_pages = 0;
	ret = hp_check_range(obj, arg->offset, arg->length);
	if (ret)
		return ret;

	tp = arg->offset >> PAGE_SHIFT;
	end = tp + (arg->length >> PAGE_SHIFT);
	while (tp < end) {
		unsigned long hidx = hp_pgoff_to_hidx(tp);
		pgoff_t base = hidx * HP_SUBS;
		pgoff_t stop = min_t(pgoff_t, end, base + HP_SUBS);
		struct hp_hostpage *hp = hp_hostpage_find(obj, hidx);

		if (!hp) {
			/* A chunk without state: on to the next one. */
			hidx = (hidx / HP_CHUNK + 1) * HP_CHUNK;
			tp = hidx * HP_SUBS;
			continue;
		}
		if (hp_hostpage_populated(hp))
			arg->out_pages +=
				hp_discard_hostpage(obj, hp, hidx, tp - base,
						    stop - base);
		tp = stop;
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		cond_resched();
	}

	atomic64_add(arg->out_pages, &obj->count.discarded);
	trace_hugepost_discard(obj, arg, ret);
	/* A waiter whose event is forgotten has to raise a new one. */
	hp_hostpage_announce(obj, arg->offset >> PAGE_SHIFT, end);
	return ret;
}
