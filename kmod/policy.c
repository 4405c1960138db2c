// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: where an object is mapped, and by which NUMA policy it gets memory.
 *
 * The policy that counts is that of the mapping which the process has that set the
 * object up, whoever touches or fills a page. As long as that process has mapped
 * nothing, another's mapping counts.
 *
 * Where an object was mapped last is a hint: it is compared and looked up, never
 * followed, and there is no lock.
 */
#include <linux/err.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>

#include "memory.h"
#include "policy.h"

static bool hp_is_mapping(struct hp_object *obj, struct vm_area_struct *vma)
{
	return vma->vm_file && vma->vm_file->f_mapping == obj->inode->i_mapping;
}

/* The mapping of @obj at @addr, NULL if there is another or none. */
struct vm_area_struct *hp_find_mapping(struct hp_object *obj,
				       struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma = vma_lookup(mm, addr);

	return vma && hp_is_mapping(obj, vma) ? vma : NULL;
}

static void hp_policy_hint(struct hp_object *obj, struct vm_area_struct *vma)
{
	WRITE_ONCE(obj->map_start, vma->vm_start);
	WRITE_ONCE(obj->map_pgoff, vma->vm_pgoff);
}

/* @vma is a new mapping of @obj. */
void hp_policy_note(struct hp_object *obj, struct vm_area_struct *vma)
{
	struct mm_struct *mm = READ_ONCE(obj->mm);

	if (vma->vm_mm != mm && READ_ONCE(obj->map_mm) == mm)
		return;
	WRITE_ONCE(obj->map_mm, vma->vm_mm);
	hp_policy_hint(obj, vma);
}

/*
 * The mapping of @pgoff in @mm, and in *@addr where that is. The hint is right
 * unless the object is mapped in pieces: then it is set to the piece found.
 */
static struct vm_area_struct *hp_policy_vma(struct hp_object *obj,
					    struct mm_struct *mm, pgoff_t pgoff,
					    unsigned long *addr)
{
	struct vm_area_struct *vma;

	mmap_assert_locked(mm);
	*addr = READ_ONCE(obj->map_start) +
		((pgoff - READ_ONCE(obj->map_pgoff)) << PAGE_SHIFT);
	vma = hp_find_mapping(obj, mm, *addr);
	if (vma && linear_page_index(vma, *addr) == pgoff)
		return vma;

	for (vma = find_vma(mm, 0); vma; vma = find_vma(mm, vma->vm_end)) {
		if (!hp_is_mapping(obj, vma) || pgoff < vma->vm_pgoff ||
		    pgoff - vma->vm_pgoff >= vma_pages(vma))
			continue;
		hp_policy_hint(obj, vma);
		*addr = vma->vm_start + ((pgoff - vma->vm_pgoff) << PAGE_SHIFT);
		return vma;
	}
	return NULL;
}

/* Is all memory alike, so that no policy need be asked? */
static bool hp_policy_none(struct hp_object *obj)
{
	return obj->mem.node != NUMA_NO_NODE || num_online_nodes() == 1;
}

/* By the policy of the mapping in another's memory, with its mmap lock. */
static struct folio *hp_policy_alloc_at(struct hp_object *obj,
					struct mm_struct *mm, pgoff_t pgoff)
{
	struct vm_area_struct *vma;
	unsigned long addr;

	vma = hp_policy_vma(obj, mm, pgoff, &addr);
	return hp_folio_alloc(&obj->mem, vma, addr);
}

/*
 * Allocates for a touch: -ENOMEM, or -EAGAIN if the lock of the guest's mappings is
 * to be waited for, which the fault's own lock must not be held for.
 */
struct folio *hp_policy_alloc(struct hp_object *obj, unsigned long hidx,
			      const struct vm_fault *vmf)
{
	const unsigned int waits = FAULT_FLAG_ALLOW_RETRY |
				   FAULT_FLAG_RETRY_NOWAIT | FAULT_FLAG_TRIED;
	struct mm_struct *mm = obj->mm;
	pgoff_t pgoff = hidx * HP_SUBS;
	struct folio *folio;

	if (hp_policy_none(obj)) {
		folio = hp_folio_alloc(&obj->mem, NULL, 0);
	} else if (vmf->vma->vm_mm == mm || READ_ONCE(obj->map_mm) != mm ||
		   !mmget_not_zero(mm)) {
		folio = hp_folio_alloc(&obj->mem, vmf->vma, vmf->address);
	} else {
		if (mmap_read_trylock(mm)) {
			folio = hp_policy_alloc_at(obj, mm, pgoff);
			mmap_read_unlock(mm);
		} else if ((vmf->flags & waits) == FAULT_FLAG_ALLOW_RETRY) {
			folio = ERR_PTR(-EAGAIN);
		} else {
			folio = hp_folio_alloc(&obj->mem, NULL, 0);
		}
		/* The last user's end must not come here, under an mmap lock. */
		mmput_async(mm);
	}
	return folio ?: ERR_PTR(-ENOMEM);
}

/*
 * Allocates for FILL. A channel's @spare goes first where all memory is alike, or
 * else where the policy has none left.
 */
struct folio *hp_policy_alloc_fill(struct hp_object *obj, unsigned long hidx,
				   struct folio **spare)
{
	const bool none = hp_policy_none(obj);
	struct mm_struct *mm = obj->mm;
	struct folio *folio = NULL;

	if (READ_ONCE(obj->map_mm) != mm)
		mm = current->mm;
	if (!none && READ_ONCE(obj->map_mm) == mm && mmget_not_zero(mm)) {
		if (!mmap_read_lock_killable(mm)) {
			folio = hp_policy_alloc_at(obj, mm, hidx * HP_SUBS);
			mmap_read_unlock(mm);
		}
		mmput_async(mm);
	} else if (!none || !*spare) {
		folio = hp_folio_alloc(&obj->mem, NULL, 0);
	}
	if (!folio)
		swap(folio, *spare);
	return folio;
}
