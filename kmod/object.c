// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: a bare object, which its file and its event descriptors refer to.
 */
#include <linux/ktime.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "inode.h"
#include "object.h"

/* A new object that nobody knows yet, with one reference. */
struct hp_object *hp_object_alloc(void)
{
	struct hp_object *obj;
	int ret;

	obj = kzalloc(sizeof(*obj), GFP_KERNEL_ACCOUNT);
	if (!obj)
		return ERR_PTR(-ENOMEM);

	obj->inode = hp_inode_alloc();
	if (IS_ERR(obj->inode)) {
		ret = PTR_ERR(obj->inode);
		kfree(obj);
		return ERR_PTR(ret);
	}

	kref_init(&obj->ref);
	refcount_set(&obj->users, 1);
	mutex_init(&obj->setup_lock);
	mutex_init(&obj->arm_lock);
	mutex_init(&obj->thin_lock);
	obj->mem.node = NUMA_NO_NODE;
	hp_waits_init(&obj->waits);

	obj->owner = get_pid(task_tgid(current));
	obj->mm = current->mm;
	mmgrab(obj->mm);
	obj->created = ktime_get_boottime_ns();
	obj->mode_since = obj->created;
	return obj;
}

static void hp_object_free(struct kref *ref)
{
	struct hp_object *obj = container_of(ref, struct hp_object, ref);

	put_pid(obj->owner);
	mmdrop(obj->mm);
	iput(obj->inode);
	kfree(obj);
}

void hp_object_get(struct hp_object *obj)
{
	kref_get(&obj->ref);
}

void hp_object_put(struct hp_object *obj)
{
	kref_put(&obj->ref, hp_object_free);
}
