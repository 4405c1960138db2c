// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: what enters a page table, and how.
 *
 * Only target pages that are present are mapped: all others are somebody else's
 * old data. A host page is mapped by one entry only if it is complete and has no
 * memory error, else by an entry for each target page. The caller holds the
 * folio's lock, so that DISCARD, which takes it, cannot come between the look at
 * the host page and the entry.
 */
#include <linux/pagemap.h>
#include <linux/pgtable.h>

#include "compat.h"
#include "hostpage.h"
#include "folio.h"
#include "map.h"

/* How the host page at @addr is mapped. Only looks, so no page-table lock. */
enum hp_mapped hp_how_mapped(struct mm_struct *mm, unsigned long addr)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d;
	pud_t *pud;
	pmd_t pmd;

	mmap_assert_locked(mm);
	if (pgd_none(*pgd))
		return HP_MAPPED_NOT;
	p4d = p4d_offset(pgd, addr);
	if (p4d_none(*p4d))
		return HP_MAPPED_NOT;
	pud = pud_offset(p4d, addr);
	if (pud_none(*pud))
		return HP_MAPPED_NOT;
	pmd = READ_ONCE(*pmd_offset(pud, addr));
	if (pmd_none(pmd))
		return HP_MAPPED_NOT;
	return pmd_trans_huge(pmd) ? HP_MAPPED_HUGE : HP_MAPPED_SINGLE;
}

/*
 * Can the host page be mapped by one entry? One that is inserted is as writable
 * as the mapping: not at all where somebody tracks writes. What is written there
 * becomes single pages, as the core makes them of shmem's.
 */
bool hp_map_suits_huge(struct vm_fault *vmf)
{
	unsigned long haddr = vmf->address & HPAGE_PMD_MASK;
	struct vm_area_struct *vma = vmf->vma;

	if (HP_COMPAT_INSERT_PMD && vmf->flags & FAULT_FLAG_WRITE &&
	    !pte_write(pfn_pte(0, vma->vm_page_prot)))
		return false;
	return pmd_none(*vmf->pmd) && haddr >= vma->vm_start &&
	       haddr + HP_HOST_SIZE <= vma->vm_end &&
	       IS_ALIGNED((vma->vm_start >> PAGE_SHIFT) - vma->vm_pgoff,
			  HP_SUBS);
}

/*
 * Maps the complete host page of the locked @folio, which suits, by one entry.
 * VM_FAULT_LOCKED leaves that to the core.
 */
vm_fault_t hp_map_huge(struct hp_object *obj, struct vm_fault *vmf,
		       struct folio *folio)
{
	vm_fault_t ret = hp_compat_map_huge(vmf, folio);

	if (ret == VM_FAULT_LOCKED || ret == VM_FAULT_NOPAGE)
		atomic64_inc(&obj->count.installs_huge);
	return ret;
}

static int hp_no_pte(pte_t *pte, unsigned long addr, void *data)
{
	return 0;
}

/*
 * Maps a present target page of the locked @folio by an entry of its own.
 * VM_FAULT_LOCKED leaves that to the core.
 */
static vm_fault_t hp_map_single(struct hp_object *obj, struct vm_fault *vmf,
				struct folio *folio, bool complete)
{
	if (!complete && pmd_none(*vmf->pmd) &&
	    hp_compat_make_page_table(vmf, hp_no_pte))
		return VM_FAULT_OOM;
	/*
	 * Last, since the core must not get a bad page: it would look for the
	 * page-cache mapping that our folios do not have.
	 */
	if (unlikely(PageHWPoison(folio_page(folio, vmf->pgoff % HP_SUBS))))
		return VM_FAULT_HWPOISON;
	atomic64_inc(&obj->count.installs_single);
	return VM_FAULT_LOCKED;
}

/*
 * Maps a present target page of the locked @folio as well as it can be: consumes
 * the reference and the lock, or passes them to the core with vmf->page.
 */
vm_fault_t hp_map_page(struct hp_object *obj, struct vm_fault *vmf,
		       struct folio *folio, bool complete)
{
	vm_fault_t ret;

	if (complete && !folio_test_has_hwpoisoned(folio) &&
	    hp_map_suits_huge(vmf))
		ret = hp_map_huge(obj, vmf, folio);
	else
		ret = hp_map_single(obj, vmf, folio, complete);
	if (ret == VM_FAULT_LOCKED) {
		vmf->page = folio_page(folio, vmf->pgoff % HP_SUBS);
		return ret;
	}
	folio_unlock(folio);
	folio_put(folio);
	return ret;
}
