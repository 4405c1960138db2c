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
	HP_GUEST_ENDED,		/* the object gets no more memory: killed, or gone */
	HP_GUEST_GONE,		/* no vCPU runs any more; set when all is unarmed */
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
void hp_guest_exits(struct hp_object *obj);
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

static inline bool hp_guest_ended(struct hp_object *obj)
{
	return obj->guest && test_bit(HP_GUEST_ENDED, &obj->guest->state);
}

#endif /* HUGEPOST_GUEST_H */
