/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between kernels, each by what the module needs; nothing else in
 * the module asks for one. What a kernel has is probed when the module is built
 * (see probe), since vendors take features to older versions, and stable trees do.
 * The version that brought a feature is named for the reader alone.
 */
#ifndef HUGEPOST_COMPAT_H
#define HUGEPOST_COMPAT_H

#include <linux/gfp.h>
#include <linux/mm.h>
#include <net/genetlink.h>

#include "probed.h"

/* 6.1: a task that waits for a page must not hold up a suspend. */
#ifndef HP_HAVE_TASK_FREEZABLE
#error "hugepost needs TASK_FREEZABLE_UNSAFE (Linux 6.1)"
#endif

/* 6.7 (6.1.68): events are for those who have a capability. */
#ifndef HP_HAVE_GENL_MCAST_CAP
#error "hugepost needs multicast groups that ask for a capability (Linux 6.1.68, 6.7)"
#endif

/* An object's guest ends with its memory. KVM selects it. */
#ifndef CONFIG_MMU_NOTIFIER
#error "hugepost needs CONFIG_MMU_NOTIFIER"
#endif

/*
 * One of two ways keeps what a target page shares its huge page with from being
 * mapped. (A kernel without huge pages is told so when the module is loaded.)
 *
 * 6.15: a driver inserts a page, or a folio of a PMD's size, into a page table
 * by itself (vmf_insert_page_mkwrite(), vmf_insert_folio_pmd()), and what the
 * core does with what ->fault returns does not matter.
 *
 * 5.15, with CONFIG_MEMORY_FAILURE: the core does not map a folio by one entry
 * that is marked to have a bad page: a folio that assembles is marked so.
 */
#if defined(CONFIG_TRANSPARENT_HUGEPAGE) && !defined(HP_HAVE_VMF_INSERT) && \
	!(defined(HP_HAVE_HAS_HWPOISONED) && defined(CONFIG_MEMORY_FAILURE))
#error "hugepost needs vmf_insert_page_mkwrite() (Linux 6.15) or CONFIG_MEMORY_FAILURE"
#endif

#ifdef HP_HAVE_VMF_INSERT
#define HP_COMPAT_INSERT 1
#define HP_COMPAT_HUGE_FAULT hp_huge_fault

static inline vm_fault_t hp_compat_insert_folio(struct vm_fault *vmf,
						struct folio *folio)
{
	return vmf_insert_folio_pmd(vmf, folio, false);
}

static inline vm_fault_t hp_compat_insert_page(struct vm_fault *vmf,
					       struct page *page)
{
	return vmf_insert_page_mkwrite(vmf, page, false);
}
#else
#define HP_COMPAT_INSERT 0
#define HP_COMPAT_HUGE_FAULT NULL

static inline vm_fault_t hp_compat_insert_folio(struct vm_fault *vmf,
						struct folio *folio)
{
	return VM_FAULT_LOCKED;
}

static inline vm_fault_t hp_compat_insert_page(struct vm_fault *vmf,
					       struct page *page)
{
	return VM_FAULT_LOCKED;
}
#endif

/* 6.3 made vm_flags read-only to drivers. */
#ifndef HP_HAVE_VM_FLAGS_SET
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
#ifdef HP_HAVE_VMA_ALLOC_FOLIO_OF_4
	return vma_alloc_folio(gfp, order, vma, addr);
#else
	return vma_alloc_folio(gfp, order, vma, addr, true);
#endif
}

/* 6.18 gave the flags of pages and folios a type of their own. */
static inline unsigned long hp_compat_page_flags(const struct page *page)
{
#ifdef HP_HAVE_PAGE_FLAGS_TYPE
	return page->flags.f;
#else
	return page->flags;
#endif
}

/* 6.6 gave dumps the struct genl_info that other requests have. */
static inline struct nlattr **hp_compat_dump_attrs(struct netlink_callback *cb)
{
#ifdef HP_HAVE_GENL_INFO_DUMP
	return genl_info_dump(cb)->attrs;
#else
	return genl_dumpit_info(cb)->attrs;
#endif
}

#endif /* HUGEPOST_COMPAT_H */
