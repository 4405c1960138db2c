/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between kernel versions; nothing else in the module asks for one.
 */
#ifndef HUGEPOST_COMPAT_H
#define HUGEPOST_COMPAT_H

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/version.h>
#include <net/genetlink.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "hugepost needs Linux 6.1 or later"
#endif

/*
 * 6.14 began to free page tables under the mmap lock held for reading, and 6.18
 * made finish_fault() look at i_size. In between nothing keeps it from mapping
 * all of a folio that is assembling.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0) && \
	LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#error "hugepost cannot be safe on Linux 6.14 to 6.17"
#endif

/* 6.3 made vm_flags read-only to drivers. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}
#endif

/* 6.13 dropped the "hugepage" argument. */
static inline struct folio *hp_compat_vma_alloc_folio(gfp_t gfp, int order,
						      struct vm_area_struct *vma,
						      unsigned long addr)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
	return vma_alloc_folio(gfp, order, vma, addr, true);
#else
	return vma_alloc_folio(gfp, order, vma, addr);
#endif
}

/* 6.18 gave the flags of pages and folios a type of their own. */
static inline unsigned long hp_compat_page_flags(const struct page *page)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
	return page->flags;
#else
	return page->flags.f;
#endif
}

/* 6.7 (6.1.68) let a multicast group ask for a capability. */
#ifndef GENL_MCAST_CAP_SYS_ADMIN
#error "hugepost needs multicast groups that ask for a capability (6.1.68, 6.7)"
#endif

/* 6.6 gave dumps the struct genl_info that other requests have. */
static inline struct nlattr **hp_compat_dump_attrs(struct netlink_callback *cb)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
	return genl_dumpit_info(cb)->attrs;
#else
	return genl_info_dump(cb)->attrs;
#endif
}

/*
 * 6.16 exported vmf_insert_folio_pmd(), and 6.18 made it usable (above). Before,
 * ->fault returns a page of the folio locked and finish_fault() maps all of it
 * where there is no page table yet, if i_size covers it; where it must not, a
 * page table has to be made first. Where the driver inserts the folio itself
 * i_size has to stay 0: finish_fault() would else map a whole folio by single
 * entries.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
#define HP_COMPAT_INSERT_PMD 1
#define HP_COMPAT_HUGE_FAULT hp_huge_fault

static inline vm_fault_t hp_compat_map_huge(struct vm_fault *vmf,
					    struct folio *folio)
{
	/*
	 * Of a write it is not told, since it would warn of a page table that
	 * appears meanwhile (MADV_GUARD_INSTALL).
	 */
	return vmf_insert_folio_pmd(vmf, folio, false);
}

static inline int hp_compat_make_page_table(struct vm_fault *vmf, pte_fn_t fn)
{
	return 0;
}
#else
#define HP_COMPAT_INSERT_PMD 0
#define HP_COMPAT_HUGE_FAULT NULL

static inline vm_fault_t hp_compat_map_huge(struct vm_fault *vmf,
					    struct folio *folio)
{
	return VM_FAULT_LOCKED;
}

static inline int hp_compat_make_page_table(struct vm_fault *vmf, pte_fn_t fn)
{
	return apply_to_page_range(vmf->vma->vm_mm, vmf->address, PAGE_SIZE, fn,
				   NULL);
}
#endif

#endif /* HUGEPOST_COMPAT_H */
