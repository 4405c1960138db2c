/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: which objects there are, and whose they are.
 */
#ifndef HUGEPOST_REGISTRY_H
#define HUGEPOST_REGISTRY_H

#include <linux/mutex.h>
#include <linux/xarray.h>

#include "object.h"

extern struct xarray hp_registry;
extern struct mutex hp_registry_lock;
extern spinlock_t hp_owner_lock;
extern atomic_t hp_generation;

int hp_registry_add(struct hp_object *obj);
void hp_registry_remove(struct hp_object *obj);

void hp_owner_set(struct hp_object *obj);
pid_t hp_owner_nr(struct hp_object *obj);

#endif /* HUGEPOST_REGISTRY_H */
