/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: mappings and page faults.
 */
#ifndef HUGEPOST_FAULT_H
#define HUGEPOST_FAULT_H

#include <linux/mm.h>

#include "object.h"

/*
 * Of a fault that INSTALL or COLLAPSE takes, and without FAULT_FLAG_USER of no
 * other that the CPU or KVM takes: nobody touches the page, so that one without
 * memory is left alone.
 */
#define HP_FAULT_INSTALL FAULT_FLAG_INSTRUCTION

void hp_map_vma(struct hp_object *obj, struct vm_area_struct *vma);

#endif /* HUGEPOST_FAULT_H */
