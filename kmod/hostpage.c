// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: one host page's way from empty to present.
 *
 * Bytes get into a host page under its lock, a few target pages at a time, with
 * page faults off: a source that is not there (it may be a page of this very
 * object) is touched without the lock, then tried again. Only bytes of present
 * target pages are ever mapped; all others are somebody else's old data.
 *
 * Zero target pages of a host page without a folio need no memory: they are
 * present at once, and cleared when a folio comes ("materialise"), because a
 * target page with other bytes arrived or because one was touched.
 */
#include "private.h"
#include "hugepost_trace.h"

/* Counts the host page in the state that it is in now. */
void hp_hostpage_count(struct hp_object *obj, struct hp_hostpage *hp)
{
	const unsigned int complete = BIT(HP_PRESENT) | BIT(HP_ZERO);
	enum hp_state state;
	int change;

	lockdep_assert_held(&hp->lock);
	if (hp->bits)
		state = hp->staged ? HP_STAGING : HP_ASSEMBLING;
	else if (!hp_hostpage_complete(hp))
		state = HP_EMPTY;
	else
		state = hp->staged ? HP_PRESENT : HP_ZERO;
	if (state == hp->state)
		return;
	atomic64_dec(&obj->count.states[hp->state]);
	atomic64_inc(&obj->count.states[state]);
	change = !!(complete & BIT(state)) - !!(complete & BIT(hp->state));
	if (change)
		atomic64_add(change, &obj->count.complete);
	hp->state = state;
}

/*
 * Takes off what the host page does not need in its new state: the bits when it
 * became present, zero or empty; the folio when it became empty. No page-fault
 * handler is about to map an empty host page: one that found a target page
 * present holds the folio's lock, and only DISCARD, which takes that lock,
 * makes a present target page missing.
 */
void hp_hostpage_settle(struct hp_object *obj, struct hp_hostpage *hp,
			struct hp_leftover *left)
{
	lockdep_assert_held(&hp->lock);

	if (!hp->bits || (hp->nr_present && !hp_hostpage_complete(hp)))
		return;

	left->bits = hp->bits;
	hp->bits = NULL;
	if (!hp->nr_present && hp->staged) {
		hp->staged = 0;
		if (!obj->prealloc || folio_test_has_hwpoisoned(hp->folio)) {
			left->folio = hp->folio;
			hp->folio = NULL;
		}
	}
	hp_hostpage_count(obj, hp);
}

void hp_leftover_free(struct hp_object *obj, struct hp_leftover *left)
{
	hp_bits_free(obj, left->bits);
	if (left->folio)
		hp_folio_free(obj, left->folio);
}

/* Forgets the events of [first, end) and wakes who waits; see _announce(). */
void hp_hostpage_wake(struct hp_object *obj, pgoff_t first, pgoff_t end)
{
	hp_events_drop(obj, first, end);
	/* Either a waiter sees that its event is gone, or it is seen to wait. */
	smp_mb();
	hp_wake_range(obj, first, end);
}

/*
 * Makes an empty host page zero: no memory, no copy. False if it is not empty.
 */
bool hp_hostpage_set_zero(struct hp_object *obj, struct hp_hostpage *hp)
{
	lockdep_assert_held(&hp->lock);
	if (hp->bits || hp->nr_present)
		return false;
	hp->nr_present = HP_SUBS;
	hp_hostpage_count(obj, hp);
	return true;
}

/*
 * Which target pages are present as zeros and not cleared in the folio that is
 * to come? False if there are none: @hp can take the folio.
 */
static bool hp_to_clear(struct hp_hostpage *hp, const unsigned long *cleared,
			unsigned long *todo)
{
	lockdep_assert_held(&hp->lock);

	if (hp_hostpage_complete(hp))
		bitmap_fill(todo, HP_SUBS);
	else if (hp->bits)
		bitmap_copy(todo, hp->bits->present, HP_SUBS);
	else
		bitmap_zero(todo, HP_SUBS);
	return bitmap_andnot(todo, todo, cleared, HP_SUBS);
}

/* Hands *@bits over to a host page that can use them. */
static void hp_attach_bits(struct hp_object *obj, struct hp_hostpage *hp,
			   struct hp_bits **bits)
{
	lockdep_assert_held(&hp->lock);
	if (!hp->bits && !hp_hostpage_complete(hp))
		swap(hp->bits, *bits);
	hp_hostpage_count(obj, hp);
}

/*
 * Gives the host page a folio: its reserve if @own is NULL, or else @own, which
 * is consumed; and with it *@bits, so that it is never seen empty with a folio.
 * What is present as zeros is cleared first. Of two callers one wins, the
 * other's folio is freed; a caller who finds nothing done tries again.
 */
void hp_hostpage_materialise(struct hp_object *obj, struct hp_hostpage *hp,
			     unsigned long hidx, struct folio *own,
			     struct hp_bits **bits)
{
	DECLARE_BITMAP(cleared, HP_SUBS) = {};
	DECLARE_BITMAP(todo, HP_SUBS);
	struct folio *folio = own;
	struct folio *reserve;
	unsigned int sub;

	spin_lock(&hp->lock);
	reserve = hp->staged ? NULL : hp->folio;
	if (reserve)
		folio = reserve;
	if (folio)
		folio_get(folio);
	spin_unlock(&hp->lock);
	if (!folio)
		return;

	folio->index = hidx * HP_SUBS;
	folio_lock(folio);
	hp_stall("materialise");
	spin_lock(&hp->lock);
	while (!hp->staged && hp_to_clear(hp, cleared, todo)) {
		spin_unlock(&hp->lock);
		for_each_set_bit(sub, todo, HP_SUBS) {
			hp_folio_clear(folio, sub);
			cond_resched();
		}
		bitmap_or(cleared, cleared, todo, HP_SUBS);
		spin_lock(&hp->lock);
	}
	hp_folio_check(folio);
	if (!hp->staged && hp->folio == reserve &&
	    (hp->nr_present || hp->bits || *bits)) {
		hp->folio = folio;
		hp->staged = 1;
		if (folio == own)
			own = NULL;
	}
	if (hp->staged)
		hp_attach_bits(obj, hp, bits);
	spin_unlock(&hp->lock);
	folio_unlock(folio);
	folio_put(folio);

	if (own)
		hp_folio_free(obj, own);
}

/*
 * Gets what a host page lacks to take target pages: bits and, for other bytes
 * than zeros, a folio, from @spare if need be. The caller looks anew.
 */
int hp_hostpage_prepare(struct hp_object *obj, struct hp_hostpage *hp,
			unsigned long hidx, bool zero, struct folio **spare)
{
	struct folio *folio = NULL;
	struct hp_bits *bits = NULL;
	bool need_folio = !zero && !READ_ONCE(hp->staged);
	bool need_bits = !READ_ONCE(hp->bits);

	if (need_folio && !READ_ONCE(hp->folio)) {
		folio = hp_folio_alloc_fill(obj, hidx, spare);
		if (!folio)
			return -ENOMEM;
	}
	if (need_bits) {
		bits = hp_bits_alloc(obj, false);
		if (!bits) {
			if (folio)
				hp_folio_free(obj, folio);
			return -ENOMEM;
		}
	}

	hp_stall("fill-prepared");
	if (need_folio) {
		hp_hostpage_materialise(obj, hp, hidx, folio, &bits);
	} else {
		spin_lock(&hp->lock);
		hp_attach_bits(obj, hp, &bits);
		spin_unlock(&hp->lock);
	}
	hp_bits_free(obj, bits);
	return 0;
}
