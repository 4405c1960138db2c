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
 *
 * The lock of a host page guards its state; that it has a folio (staged) changes
 * under the folio's lock, too, which a page-fault handler holds while it maps.
 */
#include <linux/highmem.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "folio.h"
#include "hostpage.h"
#include "stall.h"

/* The state of a host page, made if need be; NULL if there is no memory. */
struct hp_hostpage *hp_hostpage_get(struct hp_object *obj, unsigned long hidx)
{
	struct hp_chunk **slot = &obj->chunks[hidx / HP_CHUNK];
	struct hp_hostpage *hp = hp_hostpage_find(obj, hidx);
	struct mem_cgroup *old;
	struct hp_chunk *chunk;
	unsigned int i;

	if (likely(hp))
		return hp;

	old = set_active_memcg(obj->mem.memcg);
	chunk = kzalloc(sizeof(*chunk), HP_GFP);
	set_active_memcg(old);
	if (!chunk)
		return NULL;
	for (i = 0; i < HP_CHUNK; i++)
		spin_lock_init(&chunk->pages[i].lock);

	if (cmpxchg(slot, NULL, chunk)) {
		kfree(chunk);
	} else {
		llist_add(&chunk->node, &obj->populated);
		atomic64_add(sizeof(*chunk), &obj->mem.metadata);
	}
	return hp_hostpage_find(obj, hidx);
}

/*
 * The first host page from @hidx on, before @end, that is not empty; @end if there is
 * none. One that another DISCARD has cleared is not empty as long as it may still be
 * mapped.
 */
unsigned long hp_hostpage_next(struct hp_object *obj, unsigned long hidx,
			       unsigned long end)
{
	unsigned long c = hidx / HP_CHUNK;
	unsigned int i = hidx % HP_CHUNK;
	struct hp_chunk *chunk;

	for (; c < obj->nr_chunks && c * HP_CHUNK < end; c++, i = 0) {
		chunk = READ_ONCE(obj->chunks[c]);
		for (; chunk && i < HP_CHUNK; i++)
			if (READ_ONCE(chunk->pages[i].state) != HP_EMPTY)
				return min(c * HP_CHUNK + i, end);
	}
	return end;
}

/* Gives the memory of all host pages back, which nobody uses any more. */
void hp_hostpages_free_memory(struct hp_object *obj)
{
	struct hp_chunk *chunk;
	unsigned int i;

	llist_for_each_entry(chunk, obj->populated.first, node) {
		for (i = 0; i < HP_CHUNK; i++) {
			struct hp_hostpage *hp = &chunk->pages[i];

			if (hp->bits)
				hp_bits_free(&obj->mem, hp->bits);
			hp->bits = NULL;
			if (hp->folio)
				hp_folio_free(&obj->mem, hp->folio);
			hp->folio = NULL;
		}
		cond_resched();
	}
}

/* Then their state, which nobody reads any more. */
void hp_hostpages_free(struct hp_object *obj)
{
	struct hp_chunk *chunk, *next;

	llist_for_each_entry_safe(chunk, next, llist_del_all(&obj->populated),
				  node) {
		kfree(chunk);
		atomic64_sub(sizeof(*chunk), &obj->mem.metadata);
		cond_resched();
	}
	kvfree(obj->chunks);
	obj->chunks = NULL;
}

/*
 * Counts the host page in the state that it is in now, and marks its folio by
 * it: before a target page of a complete one goes, and after the last one came.
 */
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
	if (state == HP_STAGING)
		hp_folio_set_partial(hp->folio);
	else if (state == HP_PRESENT)
		hp_folio_set_whole(hp->folio);
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
		hp->staged = HP_STAGED_NOT;
		if (!obj->mem.prealloc || hp_folio_bad(hp->folio)) {
			left->folio = hp->folio;
			hp->folio = NULL;
		}
	}
	hp_hostpage_count(obj, hp);
}

void hp_leftover_free(struct hp_object *obj, struct hp_leftover *left)
{
	hp_bits_free(&obj->mem, left->bits);
	if (left->folio)
		hp_folio_free(&obj->mem, left->folio);
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
void hp_hostpage_attach_bits(struct hp_object *obj, struct hp_hostpage *hp,
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
		hp->staged = HP_STAGED;
		if (folio == own)
			own = NULL;
	}
	if (hp->staged)
		hp_hostpage_attach_bits(obj, hp, bits);
	spin_unlock(&hp->lock);
	folio_unlock(folio);
	folio_put(folio);

	if (own)
		hp_folio_free(&obj->mem, own);
}
