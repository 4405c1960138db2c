// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: how much memory all objects may hold, and the reserve.
 *
 * The reserve is host pages that were allocated early, while memory was not
 * fragmented. None of them is handed to an object: a page can be charged to a
 * cgroup only when it is allocated. One is given back to the allocator instead,
 * just before the object's is asked for: a free huge page is there for it.
 */
#include <linux/list.h>
#include <linux/nodemask.h>
#include <linux/sched/signal.h>
#include <linux/workqueue.h>

#include "private.h"

static atomic_long_t hp_held;		/* host pages, the reserve included */
static unsigned long hp_limit = ULONG_MAX; /* of them */

static DEFINE_SPINLOCK(hp_reserve_lock); /* guards the two */
static LIST_HEAD(hp_reserve_list);	/* of folios, by their lru */
static unsigned long hp_reserve_ready;

static DEFINE_MUTEX(hp_reserve_size_lock); /* of who makes it fit */
static unsigned long hp_reserve_wanted;	/* guarded by it */

/* Accounts for one more host page, if the limit allows it. */
bool hp_memory_take(void)
{
	if (atomic_long_inc_return(&hp_held) <= READ_ONCE(hp_limit))
		return true;
	atomic_long_dec(&hp_held);
	return false;
}

void hp_memory_drop(void)
{
	atomic_long_dec(&hp_held);
}

u64 hp_memory_held(void)
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
}

/*
 * Gives a host page of the reserve to the allocator, one of node @nid if there
 * is one. False if the reserve is empty.
 */
bool hp_reserve_use(int nid)
{
	struct folio *folio, *found = NULL;

	if (!READ_ONCE(hp_reserve_ready))
		return false;
	spin_lock(&hp_reserve_lock);
	list_for_each_entry(folio, &hp_reserve_list, lru) {
		if (!found || folio_nid(folio) == nid)
			found = folio;
		if (nid == NUMA_NO_NODE || folio_nid(found) == nid)
			break;
	}
	if (found) {
		list_del(&found->lru);
		WRITE_ONCE(hp_reserve_ready, hp_reserve_ready - 1);
	}
	spin_unlock(&hp_reserve_lock);

	if (found)
		hp_folio_put(found);
	return found;
}

/* Allocates one more host page for the reserve; nodes take turns. */
static int hp_reserve_add(int nid)
{
	struct folio *folio;

	if (!hp_memory_take())
		return -ENOMEM;
	folio = __folio_alloc_node(GFP_KERNEL | __GFP_RETRY_MAYFAIL |
				   __GFP_NOWARN, HP_HOST_ORDER, nid);
	if (!folio) {
		hp_memory_drop();
		return -ENOMEM;
	}

	spin_lock(&hp_reserve_lock);
	list_add_tail(&folio->lru, &hp_reserve_list);
	WRITE_ONCE(hp_reserve_ready, hp_reserve_ready + 1);
	spin_unlock(&hp_reserve_lock);
	return 0;
}

static int hp_reserve_fit(void)
{
	int nid = first_node(node_states[N_MEMORY]);
	int ret = 0;

	lockdep_assert_held(&hp_reserve_size_lock);
	while (READ_ONCE(hp_reserve_ready) > hp_reserve_wanted) {
		hp_reserve_use(NUMA_NO_NODE);
		cond_resched();
	}
	while (!ret && READ_ONCE(hp_reserve_ready) < hp_reserve_wanted) {
		ret = fatal_signal_pending(current) ? -EINTR :
						      hp_reserve_add(nid);
		nid = next_node_in(nid, node_states[N_MEMORY]);
		cond_resched();
	}
	return ret;
}

void hp_reserve_get(u64 *wanted, u64 *ready)
{
	*wanted = (u64)READ_ONCE(hp_reserve_wanted) << HP_HOST_SHIFT;
	*ready = (u64)READ_ONCE(hp_reserve_ready) << HP_HOST_SHIFT;
}

/* -ENOMEM, -EINTR: the reserve is smaller than that; what is there is kept. */
int hp_reserve_set(u64 bytes)
{
	int ret;

	if (mutex_lock_killable(&hp_reserve_size_lock))
		return -EINTR;
	WRITE_ONCE(hp_reserve_wanted, bytes >> HP_HOST_SHIFT);
	ret = hp_reserve_fit();
	mutex_unlock(&hp_reserve_size_lock);
	return ret;
}

static void hp_reserve_work(struct work_struct *work)
{
	mutex_lock(&hp_reserve_size_lock);
	hp_reserve_fit();
	mutex_unlock(&hp_reserve_size_lock);
}

static DECLARE_WORK(hp_reserve_todo, hp_reserve_work);

/* Some memory may have become free: it may be what the reserve lacks. */
void hp_reserve_refill(void)
{
	if (READ_ONCE(hp_reserve_ready) < READ_ONCE(hp_reserve_wanted))
		schedule_work(&hp_reserve_todo);
}

void hp_reserve_exit(void)
{
	cancel_work_sync(&hp_reserve_todo);
	while (hp_reserve_use(NUMA_NO_NODE))
		cond_resched();
}
