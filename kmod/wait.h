/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: who waits for which target page, and the events that are pending.
 */
#ifndef HUGEPOST_WAIT_H
#define HUGEPOST_WAIT_H

#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/hugepost.h>

#include "units.h"

#define HP_WAIT_SHIFT	4

/* A missing target page that somebody touched; lives until it is present. */
struct hp_event_entry {
	struct rb_node node;	/* in hp_waits.pending */
	struct list_head queue;	/* on hp_waits.queue until it is read */
	struct hugepost_event event;
};

/*
 * Waiters and events of an object. A new ARM makes a new @serial: descriptors of
 * an older one read end-of-file.
 */
struct hp_waits {
	/*
	 * HUGEPOST_MODE_*, which arm.c sets. Read under RCU where a zero-fill
	 * depends on it: see hp_arm_locked().
	 */
	int mode;
	spinlock_t lock;	/* guards the four below */
	struct rb_root pending;	/* by offset */
	struct list_head queue;	/* those not read yet, oldest first */
	u64 serial;
	wait_queue_head_t poll;	/* readers and pollers of the descriptor */
	wait_queue_head_t waitq[1 << HP_WAIT_SHIFT];
};

/* A thread in a wait queue; woken when its target page changes. */
struct hp_waiter {
	struct wait_queue_entry wq;
	wait_queue_head_t *head;
	pgoff_t tp;
};

void hp_waits_init(struct hp_waits *waits);
void hp_waits_settle(struct hp_waits *waits, pgoff_t first, pgoff_t end);
void hp_waits_end(struct hp_waits *waits, int mode);
u64 hp_waits_begin(struct hp_waits *waits);

void hp_waiter_prepare(struct hp_waits *waits, struct hp_waiter *waiter,
		       pgoff_t tp, unsigned int state);
void hp_waiter_finish(struct hp_waiter *waiter);

bool hp_event_pending(struct hp_waits *waits, pgoff_t tp);
bool hp_event_queue(struct hp_waits *waits, struct hp_event_entry *entry);
void hp_event_tell(struct hp_waits *waits);
bool hp_event_take(struct hp_waits *waits, u64 serial,
		   struct hugepost_event *event);
void hp_event_untake(struct hp_waits *waits,
		     const struct hugepost_event *event);

static inline int hp_waits_mode(struct hp_waits *waits)
{
	return READ_ONCE(waits->mode);
}

/* Has the mode ended in which @serial was given out? */
static inline bool hp_waits_ended(struct hp_waits *waits, u64 serial)
{
	return hp_waits_mode(waits) != HUGEPOST_MODE_ARMED ||
	       READ_ONCE(waits->serial) != serial;
}

/* Tells everybody who cares that [first, end) changed. */
static inline void hp_waits_announce(struct hp_waits *waits, pgoff_t first,
				     pgoff_t end)
{
	/*
	 * Pairs with hp_fault_wait(): either it sees the new state, or its
	 * event is seen here. Nobody waits without one.
	 */
	smp_mb();
	if (!RB_EMPTY_ROOT(&waits->pending))
		hp_waits_settle(waits, first, end);
}

#endif /* HUGEPOST_WAIT_H */
