// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: who waits for which target page, and the events that are pending.
 *
 * This file knows numbers of target pages only: not what they hold, nor who
 * brings them. Waiters are in wait queues, by their host page, each with the
 * queue's own lock; hp_waits.lock guards the pending events and those not read
 * yet. Neither is held while the other is taken.
 */
#include <linux/hash.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "wait.h"

/* Events that are dropped under one hold of the lock. */
#define HP_DROP_BATCH	256

struct hp_wake_key {
	pgoff_t first;
	pgoff_t end;
};

void hp_waits_init(struct hp_waits *waits)
{
	unsigned int i;

	spin_lock_init(&waits->lock);
	waits->pending = RB_ROOT;
	INIT_LIST_HEAD(&waits->queue);
	init_waitqueue_head(&waits->poll);
	for (i = 0; i < ARRAY_SIZE(waits->waitq); i++)
		init_waitqueue_head(&waits->waitq[i]);
}

static int hp_wake_function(struct wait_queue_entry *wq, unsigned int mode,
			    int sync, void *arg)
{
	struct hp_waiter *waiter = container_of(wq, struct hp_waiter, wq);
	struct hp_wake_key *key = arg;

	if (waiter->tp < key->first || waiter->tp >= key->end)
		return 0;
	return autoremove_wake_function(wq, mode, sync, arg);
}

static wait_queue_head_t *hp_waitq(struct hp_waits *waits, unsigned long hidx)
{
	return &waits->waitq[hash_long(hidx, HP_WAIT_SHIFT)];
}

/* Wakes those who wait for a target page of [first, end). */
static void hp_wake_range(struct hp_waits *waits, pgoff_t first, pgoff_t end)
{
	struct hp_wake_key key = { .first = first, .end = end };
	unsigned int i;

	if (hp_pgoff_to_hidx(first) == hp_pgoff_to_hidx(end - 1)) {
		wait_queue_head_t *wq = hp_waitq(waits, hp_pgoff_to_hidx(first));

		if (waitqueue_active(wq)) /* the caller has the barrier */
			__wake_up(wq, TASK_NORMAL, 0, &key);
		return;
	}
	for (i = 0; i < ARRAY_SIZE(waits->waitq); i++)
		__wake_up(&waits->waitq[i], TASK_NORMAL, 0, &key);
}

/*
 * Is about to wait for @tp in task state @state. The caller looks whether there
 * is a reason to before it sleeps, and calls hp_waiter_finish() in any case.
 */
void hp_waiter_prepare(struct hp_waits *waits, struct hp_waiter *waiter,
		       pgoff_t tp, unsigned int state)
{
	waiter->tp = tp;
	waiter->head = hp_waitq(waits, hp_pgoff_to_hidx(tp));
	init_wait(&waiter->wq);
	waiter->wq.func = hp_wake_function;
	prepare_to_wait(waiter->head, &waiter->wq, state);
}

void hp_waiter_finish(struct hp_waiter *waiter)
{
	finish_wait(waiter->head, &waiter->wq);
}

/* Target pages, [first, end). */
struct hp_event_range {
	pgoff_t first, end;
};

static int hp_event_compare(const void *key, const struct rb_node *node)
{
	u64 offset = rb_entry(node, struct hp_event_entry, node)->event.offset;
	const struct hp_event_range *range = key;
	pgoff_t tp = offset >> PAGE_SHIFT;

	return tp >= range->end ? -1 : tp < range->first;
}

static int hp_event_order(struct rb_node *a, const struct rb_node *b)
{
	u64 x = rb_entry(a, struct hp_event_entry, node)->event.offset;
	u64 y = rb_entry(b, struct hp_event_entry, node)->event.offset;

	return x < y ? -1 : x > y;
}

/* An event of target pages [first, end), NULL if there is none. */
static struct hp_event_entry *hp_event_find(struct hp_waits *waits,
					    pgoff_t first, pgoff_t end)
{
	struct hp_event_range range = { .first = first, .end = end };
	struct rb_node *node;

	lockdep_assert_held(&waits->lock);
	node = rb_find(&range, &waits->pending, hp_event_compare);
	return rb_entry_safe(node, struct hp_event_entry, node);
}

bool hp_event_pending(struct hp_waits *waits, pgoff_t tp)
{
	bool ret;

	spin_lock(&waits->lock);
	ret = hp_event_find(waits, tp, tp + 1);
	spin_unlock(&waits->lock);
	return ret;
}

/*
 * Forgets the events of target pages [first, end). The caller has a full
 * barrier between what makes them obsolete and this.
 */
static void hp_events_drop(struct hp_waits *waits, pgoff_t first, pgoff_t end)
{
	struct hp_event_entry *entry, *next;
	unsigned int nr;

	do {
		LIST_HEAD(dropped);

		spin_lock(&waits->lock);
		for (nr = 0; nr < HP_DROP_BATCH; nr++) {
			entry = hp_event_find(waits, first, end);
			if (!entry)
				break;
			rb_erase(&entry->node, &waits->pending);
			list_move(&entry->queue, &dropped);
		}
		spin_unlock(&waits->lock);

		list_for_each_entry_safe(entry, next, &dropped, queue)
			kfree(entry);
		cond_resched();
	} while (nr == HP_DROP_BATCH);
}

/*
 * Forgets the events of [first, end) and wakes who waits; see
 * hp_waits_announce().
 */
void hp_waits_settle(struct hp_waits *waits, pgoff_t first, pgoff_t end)
{
	hp_events_drop(waits, first, end);
	/* Either a waiter sees that its event is gone, or it is seen to wait. */
	smp_mb();
	hp_wake_range(waits, first, end);
}

/* Begins a mode's events: those who read older ones find them ended. */
u64 hp_waits_begin(struct hp_waits *waits)
{
	u64 serial;

	spin_lock(&waits->lock);
	serial = ++waits->serial;
	spin_unlock(&waits->lock);
	return serial;
}

/* Leaves the armed mode for @mode; nobody waits for an event any more. */
void hp_waits_end(struct hp_waits *waits, int mode)
{
	WRITE_ONCE(waits->mode, mode);
	smp_mb(); /* pairs with hp_event_queue() */
	hp_events_drop(waits, 0, ULONG_MAX);
	smp_mb(); /* pairs with hp_fault_wait() */
	wake_up_interruptible_poll(&waits->poll, EPOLLHUP);
	hp_wake_range(waits, 0, ULONG_MAX);
}

/*
 * Queues @entry, which is freed if its target page has one already, or if the
 * mode has ended. Was it queued? The caller looks afterwards whether the target
 * page has become present.
 */
bool hp_event_queue(struct hp_waits *waits, struct hp_event_entry *entry)
{
	bool queued = false;

	spin_lock(&waits->lock);
	/*
	 * Whoever changes the mode drops all events after that. Of those that are
	 * queued when the handler is lost the next one is told.
	 */
	if (hp_waits_mode(waits) != HUGEPOST_MODE_UNARMED &&
	    !rb_find_add(&entry->node, &waits->pending, hp_event_order)) {
		list_add_tail(&entry->queue, &waits->queue);
		queued = true;
	}
	spin_unlock(&waits->lock);

	if (!queued)
		kfree(entry);
	return queued;
}

/* Tells readers that there is an event. */
void hp_event_tell(struct hp_waits *waits)
{
	wake_up_interruptible_poll(&waits->poll, EPOLLIN);
}

/* Takes the oldest event that was not read. */
bool hp_event_take(struct hp_waits *waits, u64 serial,
		   struct hugepost_event *event)
{
	struct hp_event_entry *entry;

	spin_lock(&waits->lock);
	entry = hp_waits_ended(waits, serial) ? NULL :
		list_first_entry_or_null(&waits->queue, struct hp_event_entry,
					 queue);
	if (entry) {
		list_del_init(&entry->queue);
		*event = entry->event;
	}
	spin_unlock(&waits->lock);
	return entry;
}

/* Puts an event that could not be delivered back, if it still matters. */
void hp_event_untake(struct hp_waits *waits, const struct hugepost_event *event)
{
	pgoff_t tp = event->offset >> PAGE_SHIFT;
	struct hp_event_entry *entry;

	spin_lock(&waits->lock);
	entry = hp_event_find(waits, tp, tp + 1);
	if (entry && list_empty(&entry->queue))
		list_add(&entry->queue, &waits->queue);
	spin_unlock(&waits->lock);
	hp_event_tell(waits);
}
