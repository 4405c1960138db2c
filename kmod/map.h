/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: what enters a page table.
 */
#ifndef HUGEPOST_MAP_H
#define HUGEPOST_MAP_H

#include <linux/mm.h>

#include "object.h"

enum hp_mapped {
	HP_MAPPED_NOT,		/* no page table at all */
	HP_MAPPED_SINGLE,	/* a page table of single entries */
	HP_MAPPED_HUGE,
};

enum hp_mapped hp_how_mapped(struct mm_struct *mm, unsigned long addr);
bool hp_map_suits_huge(struct vm_fault *vmf);
vm_fault_t hp_map_huge(struct hp_object *obj, struct vm_fault *vmf,
		       struct folio *folio);
vm_fault_t hp_map_page(struct hp_object *obj, struct vm_fault *vmf,
		       struct folio *folio, bool complete);

#endif /* HUGEPOST_MAP_H */
