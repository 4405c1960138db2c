/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: where an object is mapped, and by which policy it gets memory.
 */
#ifndef HUGEPOST_POLICY_H
#define HUGEPOST_POLICY_H

#include <linux/mm.h>

#include "object.h"

struct vm_area_struct *hp_find_mapping(struct hp_object *obj,
				       struct mm_struct *mm,
				       unsigned long addr);
void hp_policy_note(struct hp_object *obj, struct vm_area_struct *vma);
struct folio *hp_policy_alloc(struct hp_object *obj, unsigned long hidx,
			      const struct vm_fault *vmf);
struct folio *hp_policy_alloc_fill(struct hp_object *obj, unsigned long hidx,
				   struct folio **spare);

#endif /* HUGEPOST_POLICY_H */
