/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: the structure of a memory object.
 *
 * Who makes and ends objects is lifetime.c; each part of one belongs to the file
 * that its comment names, and no other changes it.
 */
#ifndef HUGEPOST_OBJECT_H
#define HUGEPOST_OBJECT_H

#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/hugepost.h>

#include "memory.h"
#include "units.h"
#include "wait.h"

struct hp_channel;
struct hp_chunk;
struct hp_guest;
struct hp_thin;

enum hp_state {
	HP_EMPTY,
	HP_ASSEMBLING,	/* of zeros alone, without memory */
	HP_STAGING,	/* assembling, in a folio */
	HP_PRESENT,
	HP_ZERO,
	HP_STATES
};

struct hp_counters {
	atomic64_t faults;
	atomic64_t waits;
	atomic64_t events;
	atomic64_t zero_fills;
	atomic64_t installs_huge;
	atomic64_t installs_single;
	atomic64_t discarded;
	atomic64_t trimmed;	/* host pages */
	atomic64_t poisoned;
	/* host pages in each state since SETUP, but that HP_EMPTY began at 0 */
	atomic64_t states[HP_STATES];
	atomic64_t complete;	/* host pages that are present or zero */
};

/*
 * A memory object. Referenced by its @users and its event descriptors; a thread
 * that waits in a fault holds the file. The file frees huge pages, the last user
 * @channels, chunks and the cgroup: they may be read, if @ready, when the file is
 * gone.
 */
struct hp_object {
	/* object.c, lifetime.c, registry.c */
	struct kref ref;
	refcount_t users;	/* the file, and who describes the object */
	struct inode *inode;	/* an address space of the object's own */
	u64 id;			/* index in the registry, 0: not there */
	u64 created;		/* constant, in ns of CLOCK_BOOTTIME */
	struct pid *owner;	/* who set it up; under hp_owner_lock */
	/* setup.c */
	struct mutex setup_lock; /* guards the fields up to @mem */
	u64 mapped;		/* bytes that mappings want, if nobody set it up */
	struct mm_struct *mm;	/* of who opened, then of who set it up; grabbed */
	struct hp_guest *guest;	/* guest.c; NULL: all processes are alike */
	/* Set once, then constant; @ready is set last. */
	bool ready;
	struct mm_struct *only;	/* who may change it; NULL: everybody */
	u64 length;
	unsigned long nr_hostpages;
	unsigned int nr_channels;
	struct hp_channel *channels;	/* fill.c */

	/* hostpage.c */
	struct hp_chunk **chunks;	/* each set once, by cmpxchg */
	unsigned long nr_chunks;
	struct llist_head populated;	/* all chunks that there are */

	struct hp_memory mem;		/* memory.c */

	/* arm.c, and of what netlink_events.c has told of */
	u64 mode_since;		/* in ns of CLOCK_BOOTTIME */
	bool filled;		/* the first FILL was told of */
	u64 next_report;	/* complete host pages that are to be told of */
	struct mutex arm_lock;	/* guards these and the mode against writers */

	/* policy.c: where it was mapped last, a hint */
	struct mm_struct *map_mm;	/* compared, never followed */
	unsigned long map_start;
	pgoff_t map_pgoff;

	/* thin.c */
	struct hp_thin *thin;	/* set once, by cmpxchg */
	struct mutex thin_lock;	/* guards @thin_ended, and what it says */
	bool thin_ended;	/* the memory is gone, or about to go */

	struct hp_waits waits;		/* wait.c */
	struct hp_counters count;
};

struct hp_object *hp_object_alloc(void);
void hp_object_get(struct hp_object *obj);
void hp_object_put(struct hp_object *obj);

static inline bool hp_object_ready(struct hp_object *obj)
{
	return smp_load_acquire(&obj->ready); /* pairs with hp_setup_locked() */
}

/* May the caller change the object? */
static inline bool hp_object_allows(struct hp_object *obj)
{
	return !obj->only || obj->only == current->mm;
}

static inline int hp_mode(struct hp_object *obj)
{
	return hp_waits_mode(&obj->waits);
}

static inline void hp_announce(struct hp_object *obj, pgoff_t first,
			       pgoff_t end)
{
	hp_waits_announce(&obj->waits, first, end);
}

static inline u64 hp_object_states(struct hp_object *obj, enum hp_state state)
{
	return atomic64_read(&obj->count.states[state]);
}

static inline u64 hp_object_complete(struct hp_object *obj)
{
	return atomic64_read(&obj->count.complete);
}

/* Is the range made of whole target pages of the object? */
static inline int hp_check_range(struct hp_object *obj, u64 offset, u64 length)
{
	u64 end;

	if (!length || !PAGE_ALIGNED(offset | length))
		return -EINVAL;
	if (check_add_overflow(offset, length, &end) || end > obj->length)
		return -ERANGE;
	return 0;
}

#endif /* HUGEPOST_OBJECT_H */
