// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: which objects there are, and whose they are.
 *
 * hp_registry_lock guards who is there, hp_owner_lock the owner of each.
 */
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>

#include "registry.h"

DEFINE_XARRAY_FLAGS(hp_registry, XA_FLAGS_ACCOUNT); /* id -> struct hp_object */
DEFINE_MUTEX(hp_registry_lock); /* guards hp_registry and hp_last_id */
DEFINE_SPINLOCK(hp_owner_lock); /* guards the owner of each object */
atomic_t hp_generation;	/* counts changes of who is there, and whose it is */

static u64 hp_last_id;

int hp_registry_add(struct hp_object *obj)
{
	int ret;

	mutex_lock(&hp_registry_lock);
	ret = xa_insert(&hp_registry, hp_last_id + 1, obj, GFP_KERNEL);
	if (!ret) {
		obj->id = ++hp_last_id;
		atomic_inc(&hp_generation);
	}
	mutex_unlock(&hp_registry_lock);
	return ret;
}

void hp_registry_remove(struct hp_object *obj)
{
	if (!obj->id) /* the self-test's, which was never there */
		return;
	mutex_lock(&hp_registry_lock);
	xa_erase(&hp_registry, obj->id);
	atomic_inc(&hp_generation);
	mutex_unlock(&hp_registry_lock);
}

/*
 * The process that sets an object up may be another than opened it. With setup_lock,
 * which guards its memory.
 */
void hp_owner_set(struct hp_object *obj)
{
	struct pid *old;

	lockdep_assert_held(&obj->setup_lock);
	mmgrab(current->mm);
	mmdrop(obj->mm);
	obj->mm = current->mm;

	spin_lock(&hp_owner_lock);
	old = obj->owner;
	obj->owner = get_pid(task_tgid(current));
	spin_unlock(&hp_owner_lock);
	put_pid(old);
	atomic_inc(&hp_generation);
}

struct pid *hp_owner_get(struct hp_object *obj)
{
	struct pid *pid;

	spin_lock(&hp_owner_lock);
	pid = get_pid(obj->owner);
	spin_unlock(&hp_owner_lock);
	return pid;
}

bool hp_owner_is(struct hp_object *obj, struct pid *pid)
{
	bool ret;

	spin_lock(&hp_owner_lock);
	ret = obj->owner == pid;
	spin_unlock(&hp_owner_lock);
	return ret;
}

/* The owner's number where the reader is, 0 if it has none there. */
pid_t hp_owner_nr(struct hp_object *obj)
{
	pid_t nr;

	spin_lock(&hp_owner_lock);
	nr = pid_nr_ns(obj->owner, task_active_pid_ns(current));
	spin_unlock(&hp_owner_lock);
	return nr;
}
