/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: structures and functions shared by the module's files.
 *
 * Names: "hidx" is the index of a host page in its object, "tp" the index of a
 * target page in its object, "sub" the index of a target page in its host page.
 * Ranges of subs are half open: [first, end).
 *
 * Lock order:
 *
 *	hp_objects_lock
 *	  cgroup_mutex				(cgroup_path_ns)
 *	    mmap_lock
 *	      setup_lock
 *	        hp_owner_lock, hp_reserve_lock
 *	  folio lock
 *	    i_mmap_rwsem, page-table locks	(unmap_mapping_range)
 *	    hp_hostpage.lock
 *
 *	mmap_lock
 *	  folio lock
 *
 *	arm_lock
 *	  hp_events.lock
 *	  hp_waitqueue lock
 *
 * A channel's busy bit is taken before all of them and is never waited for.
 * Nothing sleeps under hp_hostpage.lock: user memory is read without faults.
 */
#ifndef HUGEPOST_PRIVATE_H
#define HUGEPOST_PRIVATE_H

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/fs.h>
#include <linux/nospec.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pagemap.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/wait.h>
#include <linux/xarray.h>
#include <linux/hugepost.h>

#include "compat.h"
#include "stall.h"

/* Of the module; the same as in userspace/VERSION. */
#define HP_VERSION	"0.1.0"

#define HP_HOST_SHIFT	HPAGE_PMD_SHIFT
#define HP_HOST_SIZE	BIT(HP_HOST_SHIFT)
#define HP_HOST_ORDER	HPAGE_PMD_ORDER
#define HP_SUBS		BIT(HP_HOST_SHIFT - PAGE_SHIFT)

/*
 * Memory for an object. Reclaim and compaction are tried; then ENOMEM, not the OOM
 * killer, which a huge page is no reason for and which a cgroup's limit would
 * wake, too.
 */
#define HP_GFP	(GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/* Largest object: indices of target pages stay far from overflow. */
#define HP_LENGTH_MAX	BIT_ULL(46)

#define HP_WAIT_SHIFT	4

/*
 * Which target pages of a host page that is assembling are present; a host page
 * that is empty, present or zero has none of it. Guarded by the host page's
 * lock, freed after it was taken off.
 */
struct hp_bits {
	DECLARE_BITMAP(present, HP_SUBS);
};

enum hp_state {
	HP_EMPTY,
	HP_ASSEMBLING,	/* of zeros alone, without memory */
	HP_STAGING,	/* assembling, in a folio */
	HP_PRESENT,
	HP_ZERO,
	HP_STATES
};

/*
 * One host page. Its state follows from the fields:
 *
 *	empty		!bits, !nr_present
 *	assembling	bits
 *	present		!bits, nr_present == HP_SUBS, staged
 *	zero		!bits, nr_present == HP_SUBS, !staged
 *
 * @folio holds the guest's bytes if @staged. If not, it is a reserve of
 * PREALLOC with arbitrary content, or NULL (also with PREALLOC, after a memory
 * error). @staged is set under the folio's lock, too.
 */
struct hp_hostpage {
	spinlock_t lock;	/* guards all fields, and target pages not present */
	u16 nr_present;		/* target pages present */
	u8 staged;
	u8 state;		/* enum hp_state, as hp_counters has it */
	struct folio *folio;
	struct hp_bits *bits;
};

#define HP_CHUNK_BYTES	(PAGE_SIZE - sizeof(struct llist_node))
#define HP_CHUNK	((u32)(HP_CHUNK_BYTES / sizeof(struct hp_hostpage)))

/* The state of host pages that are neighbours, made when one is populated. */
struct hp_chunk {
	struct llist_node node;	/* in hp_object.populated */
	struct hp_hostpage pages[HP_CHUNK];
};

/*
 * A channel. All fields belong to the thread that holds @busy, but @generation
 * and @resets, which arm_lock guards. STATS reads the counters without either:
 * they are word-sized.
 */
struct hp_channel {
	unsigned long busy;	/* bit 0: a FILL is under way */
	unsigned long replacing; /* a REPLACE is under way; see hp_arm() */
	unsigned long generation; /* counts RESETs */
	unsigned long known;	/* generation that @host_page belongs to */
	struct folio *spare;	/* staging set aside, NULL if PREALLOC */
	struct hp_hostpage *page; /* of @host_page, or NULL */
	u64 host_page;		/* hidx filled last, or HUGEPOST_NO_PAGE */
	u32 host_page_filled;
	bool all_zero;
	u64 pages;
	u64 zero_pages;
	u64 duplicates;
	u64 replaced;
	u64 resets;
} ____cacheline_aligned_in_smp;

/* A missing target page that somebody touched; lives until it is present. */
struct hp_event_entry {
	struct rb_node node;	/* in hp_events.pending */
	struct list_head queue;	/* on hp_events.queue until it is read */
	struct hugepost_event event;
};

/*
 * Events of an object. A new ARM makes a new @serial: descriptors of an older
 * one read end-of-file.
 */
struct hp_events {
	spinlock_t lock;	/* guards all fields but @poll */
	struct rb_root pending;	/* by offset */
	struct list_head queue;	/* those not read yet, oldest first */
	wait_queue_head_t poll;	/* readers and pollers of the descriptor */
	u64 serial;
};

struct hp_counters {
	atomic64_t folios;	/* host pages allocated */
	atomic64_t metadata;	/* bytes of chunks and bits */
	atomic64_t faults;
	atomic64_t waits;
	atomic64_t events;
	atomic64_t zero_fills;
	atomic64_t installs_huge;
	atomic64_t installs_single;
	atomic64_t discarded;
	atomic64_t poisoned;
	/* host pages in each state since SETUP, but that HP_EMPTY began at 0 */
	atomic64_t states[HP_STATES];
	atomic64_t complete;	/* host pages that are present or zero */
};

/*
 * A memory object. Referenced by its file and its event descriptors; a thread
 * that waits in a fault holds the file.
 */
struct hp_object {
	struct kref ref;
	struct inode *inode;	/* an address space of the object's own */
	u64 id;			/* constant, the index in hp_objects */
	u64 created;		/* constant, in ns of CLOCK_BOOTTIME */
	struct pid *owner;	/* who set it up; under hp_owner_lock */

	struct mutex setup_lock; /* guards the fields up to @memcg */
	/* Set once, then constant; @ready is set last. */
	bool ready;
	bool prealloc;
	int node;		/* NUMA_NO_NODE: the mapping's policy */
	u64 length;
	unsigned long nr_hostpages;
	unsigned int nr_channels;
	struct hp_channel *channels;
	struct hp_chunk **chunks;	/* each set once, by cmpxchg */
	unsigned long nr_chunks;
	struct llist_head populated;	/* all chunks that there are */
	struct mem_cgroup *memcg;

	/*
	 * HUGEPOST_MODE_*. Read under RCU where a zero-fill depends on it: see
	 * hp_arm_locked().
	 */
	int mode;
	u64 mode_since;		/* in ns of CLOCK_BOOTTIME */
	bool filled;		/* the first FILL was told of */
	u64 next_report;	/* complete host pages that are to be told of */
	struct mutex arm_lock;	/* guards the four above against other writers */

	/* Where it was mapped last: a hint for the NUMA policy of FILL. */
	struct mm_struct *map_mm;	/* compared, never followed */
	unsigned long map_start;
	pgoff_t map_pgoff;

	struct hp_events events;
	wait_queue_head_t waitq[1 << HP_WAIT_SHIFT];
	struct hp_counters count;
};

static inline unsigned long hp_pgoff_to_hidx(pgoff_t tp)
{
	return tp / HP_SUBS;
}

static inline int hp_mode(struct hp_object *obj)
{
	return READ_ONCE(obj->mode);
}

static inline bool hp_channel_reset_since(struct hp_channel *ch,
					  unsigned long generation)
{
	return READ_ONCE(ch->generation) != generation;
}

/*
 * An ioctl under way: the module's copy of the argument, and where the caller
 * has it. A handler's outputs are written back after it returned.
 */
union hp_arg {
	struct {
		u32 size;
		u32 flags;
	} head;
	struct hugepost_info info;
	struct hugepost_setup setup;
	struct hugepost_arm arm;
	struct hugepost_disarm disarm;
	struct hugepost_fill fill;
	struct hugepost_install install;
	struct hugepost_reset reset;
	struct hugepost_discard discard;
	struct hugepost_bitmap bitmap;
	struct hugepost_wake wake;
	struct hugepost_collapse collapse;
	struct hugepost_stats stats;
};

struct hp_ucmd {
	union hp_arg arg;
	void __user *uarg;
	size_t copy_size;	/* bytes of the argument that both sides know */
};

/* main.c */
struct inode *hp_inode_alloc(void);
int hp_respond(struct hp_ucmd *cmd);
bool hp_is_device(struct file *file);
long hp_ioctl_any(struct file *file, unsigned int nr, unsigned long uarg);

/* object.c */
extern struct xarray hp_objects;
extern struct mutex hp_objects_lock;
extern spinlock_t hp_owner_lock;
extern atomic_t hp_generation;

struct hp_object *hp_object_alloc(void);
void hp_object_release(struct hp_object *obj);
void hp_object_put(struct hp_object *obj);
int hp_object_setup(struct hp_object *obj, struct hp_ucmd *cmd);
int hp_object_setup_default(struct hp_object *obj, u64 length);

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

static inline void hp_object_get(struct hp_object *obj)
{
	kref_get(&obj->ref);
}

static inline bool hp_object_ready(struct hp_object *obj)
{
	return smp_load_acquire(&obj->ready); /* pairs with hp_object_setup() */
}

/* memory.c */
struct folio *hp_folio_alloc(struct hp_object *obj, struct vm_area_struct *vma,
			     unsigned long addr);
struct folio *hp_folio_alloc_fill(struct hp_object *obj, unsigned long hidx,
				  struct folio **spare);
void hp_folio_put(struct folio *folio);
void hp_folio_free(struct hp_object *obj, struct folio *folio);
void hp_folio_check(struct folio *folio);
void hp_folio_clear(struct folio *folio, unsigned int sub);
struct hp_bits *hp_bits_alloc(struct hp_object *obj, bool must);
void hp_bits_free(struct hp_object *obj, struct hp_bits *bits);
struct hp_hostpage *hp_hostpage_get(struct hp_object *obj, unsigned long hidx);

/* The state of a host page, NULL if it never had any: it is empty then. */
static inline struct hp_hostpage *hp_hostpage_find(struct hp_object *obj,
						   unsigned long hidx)
{
	u32 nr = hidx; /* no division of 64 bits: HP_LENGTH_MAX */
	unsigned long c = array_index_nospec(nr / HP_CHUNK, obj->nr_chunks);
	struct hp_chunk *chunk = READ_ONCE(obj->chunks[c]);

	return chunk ? &chunk->pages[nr % HP_CHUNK] : NULL;
}

/* Is the target page lost to a memory error? */
static inline bool hp_folio_poisoned(struct folio *folio, unsigned int sub)
{
	return unlikely(folio_test_has_hwpoisoned(folio)) &&
	       PageHWPoison(folio_page(folio, sub));
}

/* hostpage.c */
void hp_hostpage_wake(struct hp_object *obj, pgoff_t first, pgoff_t end);
void hp_hostpage_count(struct hp_object *obj, struct hp_hostpage *hp);
bool hp_hostpage_set_zero(struct hp_object *obj, struct hp_hostpage *hp);
int hp_hostpage_prepare(struct hp_object *obj, struct hp_hostpage *hp,
			unsigned long hidx, bool zero, struct folio **spare);
void hp_hostpage_materialise(struct hp_object *obj, struct hp_hostpage *hp,
			     unsigned long hidx, struct folio *own,
			     struct hp_bits **bits);

/* What a host page held and must be freed once its lock is dropped. */
struct hp_leftover {
	struct hp_bits *bits;
	struct folio *folio;
};

void hp_hostpage_settle(struct hp_object *obj, struct hp_hostpage *hp,
			struct hp_leftover *left);
void hp_leftover_free(struct hp_object *obj, struct hp_leftover *left);

static inline bool hp_hostpage_complete(const struct hp_hostpage *hp)
{
	lockdep_assert_held(&hp->lock);
	return hp->nr_present == HP_SUBS;
}

static inline void hp_hostpage_set_present(struct hp_hostpage *hp,
					   unsigned int first, unsigned int nr)
{
	lockdep_assert_held(&hp->lock);
	if (nr == 1)
		__set_bit(first, hp->bits->present);
	else
		bitmap_set(hp->bits->present, first, nr);
	hp->nr_present += nr;
}

static inline u64 hp_object_states(struct hp_object *obj, enum hp_state state)
{
	return atomic64_read(&obj->count.states[state]);
}

static inline u64 hp_object_complete(struct hp_object *obj)
{
	return atomic64_read(&obj->count.complete);
}

/* Tells everybody who cares that [first, end) changed. */
static inline void hp_hostpage_announce(struct hp_object *obj, pgoff_t first,
					pgoff_t end)
{
	/*
	 * Pairs with hp_fault_wait(): either it sees the new state, or its
	 * event is seen here. Nobody waits without one.
	 */
	smp_mb();
	if (!RB_EMPTY_ROOT(&obj->events.pending))
		hp_hostpage_wake(obj, first, end);
}

static inline bool hp_hostpage_present(const struct hp_hostpage *hp,
				       unsigned int sub)
{
	return hp_hostpage_complete(hp) ||
	       (hp->bits && test_bit(sub, hp->bits->present));
}

/* discard.c */
int hp_discard_hostpage(struct hp_object *obj, struct hp_hostpage *hp,
			unsigned long hidx, unsigned int first,
			unsigned int end);
int hp_discard(struct hp_object *obj, struct hp_ucmd *cmd);

/* channel.c */
int hp_fill(struct hp_object *obj, struct hp_ucmd *cmd);
int hp_reset(struct hp_object *obj, struct hp_ucmd *cmd);

/* short.c */
long hp_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

/* fault.c */

/*
 * Of a fault that INSTALL or COLLAPSE takes, and without FAULT_FLAG_USER of no
 * other that the CPU or KVM takes: nobody touches the page, so that one without
 * memory is left alone.
 */
#define HP_FAULT_INSTALL FAULT_FLAG_INSTRUCTION

extern const struct vm_operations_struct hp_vm_ops;

int hp_mmap(struct file *file, struct vm_area_struct *vma);
void hp_wake_range(struct hp_object *obj, pgoff_t first, pgoff_t end);

/* event.c */
void hp_events_init(struct hp_events *ev);
void hp_events_drop(struct hp_object *obj, pgoff_t first, pgoff_t end);
bool hp_event_pending(struct hp_object *obj, pgoff_t tp);
int hp_event_queue(struct hp_object *obj, const struct vm_fault *vmf);
void hp_disarm_object(struct hp_object *obj);
int hp_arm(struct hp_object *obj, struct hp_ucmd *cmd);
int hp_disarm(struct hp_object *obj, struct hp_ucmd *cmd);
int hp_wake(struct hp_object *obj, struct hp_ucmd *cmd);

/* install.c */
int hp_install(struct hp_object *obj, struct hp_ucmd *cmd);
int hp_collapse(struct hp_object *obj, struct hp_ucmd *cmd);

/* stats.c */
int hp_info(struct hp_object *obj, struct hp_ucmd *cmd);
int hp_stats(struct hp_object *obj, struct hp_ucmd *cmd);
int hp_bitmap(struct hp_object *obj, struct hp_ucmd *cmd);
void hp_object_stats(struct hp_object *obj, struct hugepost_stats *out);
void hp_channel_stats(struct hp_channel *ch,
		      struct hugepost_channel_stats *out);

/* poison.c */
#ifdef CONFIG_MEMORY_FAILURE
bool hp_poison_init(void);
void hp_poison_exit(void);
#else
static inline bool hp_poison_init(void)
{
	return false;
}

static inline void hp_poison_exit(void)
{
}
#endif
extern bool hp_poison_followed;

#endif /* HUGEPOST_PRIVATE_H */
