/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: memory objects, from open to release.
 */
#ifndef HUGEPOST_LIFETIME_H
#define HUGEPOST_LIFETIME_H

#include "object.h"

struct hp_object *hp_object_open(void);
int hp_object_mmap(struct hp_object *obj, struct vm_area_struct *vma);
void hp_object_release(struct hp_object *obj);
void hp_tables_put(struct hp_object *obj);
void hp_objects_lose(unsigned long pfn);

#endif /* HUGEPOST_LIFETIME_H */
