/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: sizes and names that all files share.
 *
 * Names: "hidx" is the index of a host page in its object, "tp" the index of a
 * target page in its object, "sub" the index of a target page in its host page.
 * Ranges of target pages are half open: [first, end).
 *
 * The module's files are layers. Kbuild lists them from the top to the bottom;
 * each includes and calls only what is listed below it.
 *
 * Lock order:
 *
 *	hp_path_lock
 *	  cgroup_mutex				(cgroup_path_ns)
 *	    mmap_lock
 *	      setup_lock
 *	        hp_owner_lock, hp_reserve_lock
 *	        i_mmap_rwsem and others	(__mmu_notifier_register)
 *
 *	hp_registry_lock
 *	  hp_owner_lock
 *	  folio lock
 *	    i_mmap_rwsem, page-table locks	(unmap_mapping_range)
 *	    hp_hostpage.lock
 *
 *	thin_lock
 *	  folio lock, as above
 *
 *	mmap_lock
 *	  folio lock
 *
 *	arm_lock
 *	  hp_waits.lock
 *	  wait queues' locks
 *
 * A channel's busy bit is taken before all of them and is never waited for.
 * Nothing sleeps under hp_hostpage.lock: user memory is read without faults.
 */
#ifndef HUGEPOST_UNITS_H
#define HUGEPOST_UNITS_H

#include <linux/bits.h>
#include <linux/mm.h>

/* Of the module; the same as in userspace/VERSION. */
#define HP_VERSION	"0.1.0"

#define HP_HOST_SHIFT	PMD_SHIFT
#define HP_HOST_SIZE	BIT(HP_HOST_SHIFT)
#define HP_HOST_ORDER	(PMD_SHIFT - PAGE_SHIFT)
#define HP_SUBS		BIT(HP_HOST_SHIFT - PAGE_SHIFT)

/* Largest object: indices of target pages stay far from overflow. */
#define HP_LENGTH_MAX	BIT_ULL(46)

static inline unsigned long hp_pgoff_to_hidx(pgoff_t tp)
{
	return tp / HP_SUBS;
}

#endif /* HUGEPOST_UNITS_H */
