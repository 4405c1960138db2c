// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: what enters a page table, and how.
 *
 * Only target pages that are present are mapped: all others are somebody else's
 * old data. A host page is mapped by one entry only if it is complete and has no
 * memory error, else by an entry for each target page. Where the kernel lets a
 * driver make entries (HP_COMPAT_INSERT), both are made here. Elsewhere the core
 * makes them, of the page that ->fault returns, and would map all of its folio if
 * that has no page table yet: folios that are not complete have a mark that
 * forbids it (see folio.h).
 *
 * The caller holds the folio's lock, so that DISCARD, which takes it, cannot come
 * between the look at the host page and the entry.
 */
#include <linux/pagemap.h>
#include <linux/pgtable.h>

#include "compat.h"
#include "hostpage.h"
#include "folio.h"
#include "map.h"

/*
 * The core says that it has no memory, too, if the page table that it has just
 * made is freed again before it is used (madvise(MADV_DONTNEED) in another
 * thread, CONFIG_PT_RECLAIM).
 */
#define HP_MAP_TRIES	16

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
	unsigned long haddr = vmf->address & PMD_MASK;
	struct vm_area_struct *vma = vmf->vma;

	if (HP_COMPAT_INSERT && vmf->flags & FAULT_FLAG_WRITE &&
	    !pte_write(pfn_pte(0, vma->vm_page_prot)))
		return false;
	return pmd_none(*vmf->pmd) && haddr >= vma->vm_start &&
	       haddr + HP_HOST_SIZE <= vma->vm_end &&
	       IS_ALIGNED((vma->vm_start >> PAGE_SHIFT) - vma->vm_pgoff,
			  HP_SUBS);
}

/*
 * Maps the complete host page of the locked @folio, which suits, by one entry.
 * VM_FAULT_LOCKED leaves that to the core. That it is written is not told, since
 * the core would warn of a page table that appears meanwhile
 * (MADV_GUARD_INSTALL).
 */
vm_fault_t hp_map_huge(struct hp_object *obj, struct vm_fault *vmf,
		       struct folio *folio)
{
	vm_fault_t ret = hp_compat_insert_folio(vmf, folio);

	if (ret == VM_FAULT_LOCKED || ret == VM_FAULT_NOPAGE)
		atomic64_inc(&obj->count.installs_huge);
	return ret;
}

/*
 * Is there a marker in place of an entry (userfaultfd's write protection)? Only
 * the core knows what to make of it. It maps one page of such a mapping at a
 * time, and none by one entry whose folio is marked (folio.h).
 */
static bool hp_map_has_marker(struct vm_fault *vmf)
{
	return vmf->flags & FAULT_FLAG_ORIG_PTE_VALID &&
	       !pte_none(vmf->orig_pte);
}

/*
 * Maps a present target page of the locked @folio by an entry of its own.
 * VM_FAULT_LOCKED leaves that to the core.
 */
static vm_fault_t hp_map_single(struct hp_object *obj, struct vm_fault *vmf,
				struct folio *folio)
{
	struct page *page = folio_page(folio, vmf->pgoff % HP_SUBS);
	unsigned int tries = HP_MAP_TRIES;
	vm_fault_t ret = VM_FAULT_LOCKED;

	/*
	 * Nor must the core get a bad page: it would look for the page-cache
	 * mapping that our folios do not have.
	 */
	if (unlikely(PageHWPoison(page)))
		return VM_FAULT_HWPOISON;
	if (HP_COMPAT_INSERT && !hp_map_has_marker(vmf)) {
		/* With this lock another thread may have mapped all of it. */
		if (pmd_trans_huge(READ_ONCE(*vmf->pmd)))
			return VM_FAULT_NOPAGE;
		do {
			ret = hp_compat_insert_page(vmf, page);
		} while (ret == VM_FAULT_OOM && --tries);
	}
	if (ret == VM_FAULT_LOCKED || ret == VM_FAULT_NOPAGE)
		atomic64_inc(&obj->count.installs_single);
	return ret;
}

/*
 * Maps a present target page of the locked @folio as well as it can be: consumes
 * the reference and the lock, or passes them to the core with vmf->page.
 */
vm_fault_t hp_map_page(struct hp_object *obj, struct vm_fault *vmf,
		       struct folio *folio, bool complete)
{
	vm_fault_t ret;

	if (complete && !hp_folio_bad(folio) && hp_map_suits_huge(vmf))
		ret = hp_map_huge(obj, vmf, folio);
	else
		ret = hp_map_single(obj, vmf, folio);
	if (ret == VM_FAULT_LOCKED) {
		vmf->page = folio_page(folio, vmf->pgoff % HP_SUBS);
		return ret;
	}
	folio_unlock(folio);
	folio_put(folio);
	return ret;
}
