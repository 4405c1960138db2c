/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: where an object's memory comes from.
 */
#ifndef HUGEPOST_MEMORY_H
#define HUGEPOST_MEMORY_H

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/gfp.h>
#include <linux/memcontrol.h>
#include <linux/mm_types.h>

#include "units.h"

/*
 * Memory for an object. Reclaim and compaction are tried; then ENOMEM, not the OOM
 * killer, which a huge page is no reason for and which a cgroup's limit would
 * wake, too.
 */
#define HP_GFP	(GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/* An object's source of memory, and what it took; constant once it is set up. */
struct hp_memory {
	struct mem_cgroup *memcg;	/* who pays */
	int node;			/* NUMA_NO_NODE: the mapping's policy */
	bool prealloc;
	bool in_setup;			/* goes to the reserve first */
	atomic64_t folios;		/* huge pages held */
	atomic64_t metadata;		/* bytes of chunks and bits */
};

/*
 * Which target pages of a host page that is assembling are present; a host page
 * that is empty, present or zero has none of it. Guarded by the host page's
 * lock, freed after it was taken off.
 */
struct hp_bits {
	DECLARE_BITMAP(present, HP_SUBS);
};

struct folio *hp_folio_alloc(struct hp_memory *mem, struct vm_area_struct *vma,
			     unsigned long addr);
void hp_folio_free(struct hp_memory *mem, struct folio *folio);
struct hp_bits *hp_bits_alloc(struct hp_memory *mem, bool must);
void hp_bits_free(struct hp_memory *mem, struct hp_bits *bits);

#endif /* HUGEPOST_MEMORY_H */
