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

/*
 * For who found the object under hp_registry_lock, and drops the lock to describe
 * it: what hp_object_ready() says is there can be read until hp_tables_put().
 */
static inline void hp_tables_get(struct hp_object *obj)
{
	lockdep_assert_held(&hp_registry_lock);
	refcount_inc(&obj->users);
}

void hp_owner_set(struct hp_object *obj);
struct pid *hp_owner_get(struct hp_object *obj);
bool hp_owner_is(struct hp_object *obj, struct pid *pid);
pid_t hp_owner_nr(struct hp_object *obj);

#endif /* HUGEPOST_REGISTRY_H */
