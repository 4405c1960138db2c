// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: how much memory all objects may hold, and the reserve.
 *
 * The reserve is host pages that were allocated early, while memory was not
 * fragmented. None of them is handed to an object: a page can be charged to a
 * cgroup only when it is allocated. One is given back to the allocator instead,
 * just before the object's is asked for: a free huge page is there for it.
 *
 * hp_reserve_lock guards the lists; what is held is counted without a lock.
 */
#include <linux/list.h>
#include <linux/nodemask.h>
#include <linux/workqueue.h>

#include "folio.h"
#include "reserve.h"

static atomic_long_t hp_held;		/* host pages, the reserve included */
static unsigned long hp_limit = ULONG_MAX; /* of them */

static DEFINE_SPINLOCK(hp_reserve_lock); /* guards the lists and _ready */
static struct list_head hp_reserve[MAX_NUMNODES]; /* of folios, by their lru */
static unsigned long hp_reserve_ready;
static unsigned long hp_reserve_wanted;

static struct workqueue_struct *hp_reserve_wq;

/* Accounts for one more host page, if the limit allows it. */
bool hp_held_take(void)
{
	long held = atomic_long_read(&hp_held);

	do {
		if (held >= READ_ONCE(hp_limit))
			return false;
	} while (!atomic_long_try_cmpxchg(&hp_held, &held, held + 1));
	return true;
}

void hp_held_drop(void)
{
	atomic_long_dec(&hp_held);
}

u64 hp_held_get(void)
{
	return (u64)atomic_long_read(&hp_held) << HP_HOST_SHIFT;
}

u64 hp_limit_get(void)
{
	unsigned long limit = READ_ONCE(hp_limit);

	return limit == ULONG_MAX ? U64_MAX : (u64)limit << HP_HOST_SHIFT;
}

void hp_limit_set(u64 bytes)
{
	WRITE_ONCE(hp_limit, bytes == U64_MAX ? ULONG_MAX :
						bytes >> HP_HOST_SHIFT);
	hp_reserve_refill();
}

/*
 * Takes a host page out of the reserve, one of node @nid if there is one. It
 * stays accounted for.
 */
struct folio *hp_reserve_take(int nid)
{
	struct folio *folio = NULL;

	if (!READ_ONCE(hp_reserve_ready))
		return NULL;
	spin_lock(&hp_reserve_lock);
	if (nid == NUMA_NO_NODE || list_empty(&hp_reserve[nid]))
		for_each_node_state(nid, N_MEMORY)
			if (!list_empty(&hp_reserve[nid]))
				break;
	if (nid < MAX_NUMNODES)
		folio = list_first_entry_or_null(&hp_reserve[nid], struct folio,
						 lru);
	if (folio) {
		list_del(&folio->lru);
		WRITE_ONCE(hp_reserve_ready, hp_reserve_ready - 1);
	}
	spin_unlock(&hp_reserve_lock);
	return folio;
}

/* Gives back a host page that was taken out; it is not accounted for any more. */
static void hp_reserve_free(struct folio *folio)
{
	hp_held_drop();
	hp_folio_release(folio);
}

/* Puts a host page, which is accounted for, into the reserve. */
static void hp_reserve_put(struct folio *folio)
{
	spin_lock(&hp_reserve_lock);
	list_add(&folio->lru, &hp_reserve[folio_nid(folio)]);
	WRITE_ONCE(hp_reserve_ready, hp_reserve_ready + 1);
	spin_unlock(&hp_reserve_lock);
}

/*
 * Takes a free host page for the reserve in place of one that was given to the
 * allocator in vain. False if somebody else got that one.
 */
bool hp_reserve_take_back(int nid)
{
	struct folio *folio;

	folio = __folio_alloc_node(GFP_ATOMIC | __GFP_NOWARN, HP_HOST_ORDER,
				   nid);
	if (!folio)
		return false;
	hp_reserve_put(folio);
	return true;
}

static bool hp_reserve_add(int nid)
{
	struct folio *folio;

	if (!hp_held_take())
		return false;
	folio = __folio_alloc_node(GFP_KERNEL | __GFP_RETRY_MAYFAIL |
				   __GFP_NOWARN, HP_HOST_ORDER, nid);
	if (!folio) {
		hp_held_drop();
		return false;
	}
	hp_reserve_put(folio);
	return true;
}

/* Makes the reserve as large as is wanted, or as can be; nodes take turns. */
static void hp_reserve_work(struct work_struct *work)
{
	int nid = first_node(node_states[N_MEMORY]);
	unsigned long ready;
	struct folio *folio;

	for (;;) {
		ready = READ_ONCE(hp_reserve_ready);
		if (ready == READ_ONCE(hp_reserve_wanted))
			return;
		if (ready < READ_ONCE(hp_reserve_wanted)) {
			if (!hp_reserve_add(nid))
				return;
			nid = next_node_in(nid, node_states[N_MEMORY]);
		} else {
			folio = hp_reserve_take(NUMA_NO_NODE);
			if (folio)
				hp_reserve_free(folio);
		}
		cond_resched();
	}
}

static DECLARE_WORK(hp_reserve_todo, hp_reserve_work);

/* Some memory may have become free: it may be what the reserve lacks. */
void hp_reserve_refill(void)
{
	if (READ_ONCE(hp_reserve_ready) != READ_ONCE(hp_reserve_wanted))
		queue_work(hp_reserve_wq, &hp_reserve_todo);
}

u64 hp_reserve_get(void)
{
	return (u64)READ_ONCE(hp_reserve_wanted) << HP_HOST_SHIFT;
}

u64 hp_reserve_get_ready(void)
{
	return (u64)READ_ONCE(hp_reserve_ready) << HP_HOST_SHIFT;
}

bool hp_reserve_is_filling(void)
{
	return work_busy(&hp_reserve_todo);
}

/* Returns at once; the rest is a worker's, since it can take long. */
void hp_reserve_set(u64 bytes)
{
	WRITE_ONCE(hp_reserve_wanted, bytes >> HP_HOST_SHIFT);
	hp_reserve_refill();
}

int __init hp_reserve_init(void)
{
	int nid;

	for (nid = 0; nid < MAX_NUMNODES; nid++)
		INIT_LIST_HEAD(&hp_reserve[nid]);
	hp_reserve_wq = alloc_workqueue("hugepost", WQ_UNBOUND, 1);
	return hp_reserve_wq ? 0 : -ENOMEM;
}

void hp_reserve_exit(void)
{
	struct folio *folio;

	WRITE_ONCE(hp_reserve_wanted, 0);
	destroy_workqueue(hp_reserve_wq);
	for (folio = hp_reserve_take(NUMA_NO_NODE); folio;
	     folio = hp_reserve_take(NUMA_NO_NODE))
		hp_reserve_free(folio);
}
