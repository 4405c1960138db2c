/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: the process whose guest an object is.
 */
#ifndef HUGEPOST_GUEST_H
#define HUGEPOST_GUEST_H

#include <linux/mmu_notifier.h>

#include "object.h"

/* Bits of hp_guest.state. */
enum {
	HP_GUEST_OWNED,		/* the object is nothing without it */
	HP_GUEST_GONE,		/* its memory is gone: no vCPU runs any more */
	HP_GUEST_CONDEMNED,	/* it was killed, for it had no memory */
};

/* Constant but for @state and @blank, which are set without a lock. */
struct hp_guest {
	struct mmu_notifier mn;	/* of the process's memory */
	struct hp_object *obj;
	unsigned long state;
	struct page *blank;
};

struct hp_guest *hp_guest_alloc(struct hp_object *obj, bool owned);
int hp_guest_watch(struct hp_guest *guest);
int hp_guest_watch_locked(struct hp_guest *guest);
void hp_guest_end(struct hp_guest *guest);
bool hp_guest_condemn(struct hp_object *obj, struct mm_struct *toucher);
struct page *hp_guest_blank(struct hp_guest *guest);

/* Is @mm another's than the guest's, which lives? */
static inline bool hp_guest_is_other(struct hp_object *obj, struct mm_struct *mm)
{
	struct hp_guest *guest = obj->guest;

	return guest && guest->mn.mm != mm &&
	       !test_bit(HP_GUEST_GONE, &guest->state);
}

/* Has it come to an end, so that the object gets no more memory? */
static inline bool hp_guest_ended(struct hp_object *obj)
{
	const unsigned long owned_and_gone = BIT(HP_GUEST_OWNED) |
					     BIT(HP_GUEST_GONE);
	unsigned long state = obj->guest ? READ_ONCE(obj->guest->state) : 0;

	return state & BIT(HP_GUEST_CONDEMNED) ||
	       (state & owned_and_gone) == owned_and_gone;
}

#endif /* HUGEPOST_GUEST_H */
