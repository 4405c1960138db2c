// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: memory objects, from open to release.
 */
#include <linux/ktime.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "control.h"

DEFINE_XARRAY_FLAGS(hp_objects, XA_FLAGS_ACCOUNT); /* id -> struct hp_object */
DEFINE_MUTEX(hp_objects_lock); /* guards hp_objects and hp_last_id */
DEFINE_SPINLOCK(hp_owner_lock); /* guards the owner of each object */
atomic_t hp_generation;	/* counts changes of who is there, and whose it is */

static u64 hp_last_id;

static int hp_object_publish(struct hp_object *obj)
{
	int ret;

	mutex_lock(&hp_objects_lock);
	obj->id = hp_last_id + 1;
	ret = xa_insert(&hp_objects, obj->id, obj, GFP_KERNEL);
	if (!ret) {
		hp_last_id++;
		atomic_inc(&hp_generation);
	}
	mutex_unlock(&hp_objects_lock);
	return ret;
}

/* The process that sets an object up may be another than opened it. */
static void hp_object_set_owner(struct hp_object *obj)
{
	struct pid *old;

	spin_lock(&hp_owner_lock);
	old = obj->owner;
	obj->owner = get_pid(task_tgid(current));
	spin_unlock(&hp_owner_lock);
	put_pid(old);
	atomic_inc(&hp_generation);
}

struct hp_object *hp_object_alloc(void)
{
	struct hp_object *obj;
	unsigned int i;
	int ret;

	obj = kzalloc(sizeof(*obj), GFP_KERNEL_ACCOUNT);
	if (!obj)
		return ERR_PTR(-ENOMEM);

	obj->inode = hp_inode_alloc();
	if (IS_ERR(obj->inode)) {
		ret = PTR_ERR(obj->inode);
		goto err_free;
	}

	kref_init(&obj->ref);
	mutex_init(&obj->setup_lock);
	mutex_init(&obj->arm_lock);
	obj->node = NUMA_NO_NODE;
	hp_events_init(&obj->events);
	for (i = 0; i < ARRAY_SIZE(obj->waitq); i++)
		init_waitqueue_head(&obj->waitq[i]);

	obj->owner = get_pid(task_tgid(current));
	obj->created = ktime_get_boottime_ns();
	obj->mode_since = obj->created;

	ret = hp_object_publish(obj);
	if (ret)
		goto err_put;
	return obj;

err_put:
	put_pid(obj->owner);
	iput(obj->inode);
err_free:
	kfree(obj);
	return ERR_PTR(ret);
}

/* Gives the memory of all host pages back; nobody uses them any more. */
static void hp_object_free_memory(struct hp_object *obj)
{
	struct hp_chunk *chunk, *next;
	unsigned int i;

	for (i = 0; obj->channels && i < obj->nr_channels; i++)
		if (obj->channels[i].spare)
			hp_folio_free(obj, obj->channels[i].spare);

	llist_for_each_entry_safe(chunk, next, llist_del_all(&obj->populated),
				  node) {
		for (i = 0; i < HP_CHUNK; i++) {
			struct hp_hostpage *hp = &chunk->pages[i];

			if (hp->bits)
				hp_bits_free(obj, hp->bits);
			if (hp->folio)
				hp_folio_free(obj, hp->folio);
		}
		kfree(chunk);
		atomic64_sub(sizeof(*chunk), &obj->count.metadata);
		cond_resched();
	}
	kvfree(obj->chunks);
	kvfree(obj->channels);
	mem_cgroup_put(obj->memcg);
	obj->chunks = NULL;
	obj->channels = NULL;
	obj->memcg = NULL;
}

/*
 * The last user of the file is gone: no mapping is left, nobody waits in a
 * fault and no ioctl is under way. Event descriptors may still be there: they
 * keep the bare object.
 */
void hp_object_release(struct hp_object *obj)
{
	mutex_lock(&hp_objects_lock);
	xa_erase(&hp_objects, obj->id);
	atomic_inc(&hp_generation);
	mutex_unlock(&hp_objects_lock);

	hp_disarm_object(obj);
	hp_object_free_memory(obj);
	if (obj->ready)
		hp_report(obj, HUGEPOST_EVENT_KIND_RELEASED);
	hp_object_put(obj);
	hp_reserve_refill();
}

static void hp_object_free(struct kref *ref)
{
	struct hp_object *obj = container_of(ref, struct hp_object, ref);

	put_pid(obj->owner);
	iput(obj->inode);
	kfree(obj);
}

void hp_object_put(struct hp_object *obj)
{
	kref_put(&obj->ref, hp_object_free);
}

/* Allocates all host pages, or as many as there are memory for. */
static int hp_object_prealloc(struct hp_object *obj)
{
	unsigned long hidx;

	for (hidx = 0; hidx < obj->nr_hostpages; hidx++) {
		struct hp_hostpage *hp;

		if (fatal_signal_pending(current))
			return -EINTR;
		hp = hp_hostpage_get(obj, hidx);
		if (!hp)
			return -ENOMEM;
		hp->folio = hp_folio_alloc(obj, NULL, 0);
		if (!hp->folio)
			return -ENOMEM;
		hp->folio->index = hidx * HP_SUBS;
		cond_resched();
	}
	return 0;
}

static int hp_object_stage(struct hp_object *obj)
{
	unsigned int i;

	for (i = 0; i < obj->nr_channels; i++) {
		obj->channels[i].spare = hp_folio_alloc(obj, NULL, 0);
		if (!obj->channels[i].spare)
			return -ENOMEM;
	}
	return 0;
}

static int hp_setup_locked(struct hp_object *obj, struct hugepost_setup *arg)
{
	unsigned int i;
	int ret;

	lockdep_assert_held(&obj->setup_lock);

	if (obj->ready)
		return -EBUSY;

	obj->length = arg->length;
	obj->nr_hostpages = arg->length >> HP_HOST_SHIFT;
	obj->nr_chunks = DIV_ROUND_UP(obj->nr_hostpages, HP_CHUNK);
	obj->nr_channels = arg->channels ?: 1;
	obj->prealloc = arg->flags & HUGEPOST_SETUP_PREALLOC;
	obj->node = arg->flags & HUGEPOST_SETUP_NODE ? arg->node : NUMA_NO_NODE;
	obj->memcg = get_mem_cgroup_from_mm(current->mm);

	ret = -ENOMEM;
	obj->chunks = kvcalloc(obj->nr_chunks, sizeof(*obj->chunks), HP_GFP);
	obj->channels = kvcalloc(obj->nr_channels, sizeof(*obj->channels),
				 HP_GFP);
	if (!obj->chunks || !obj->channels)
		goto err_free;

	for (i = 0; i < obj->nr_channels; i++)
		obj->channels[i].host_page = HUGEPOST_NO_PAGE;

	ret = obj->prealloc ? hp_object_prealloc(obj) : hp_object_stage(obj);
	arg->out_allocated = atomic64_read(&obj->count.folios) << HP_HOST_SHIFT;
	if (ret)
		goto err_free;

	/* finish_fault() of kernels that map through ->fault compares it. */
	if (!HP_COMPAT_INSERT_PMD)
		i_size_write(obj->inode, obj->length);

	hp_object_set_owner(obj);
	hp_report(obj, HUGEPOST_EVENT_KIND_SETUP);
	/* Pairs with hp_object_ready(). */
	smp_store_release(&obj->ready, true);
	return 0;

err_free:
	hp_object_free_memory(obj);
	hp_reserve_refill();
	return ret;
}

int hp_object_setup(struct hp_object *obj, struct hp_ucmd *cmd)
{
	struct hugepost_setup *arg = &cmd->arg.setup;
	int ret;

	arg->out_allocated = 0;
	if ((arg->host_shift && arg->host_shift != HP_HOST_SHIFT) ||
	    (arg->target_shift && arg->target_shift != PAGE_SHIFT))
		return -EOPNOTSUPP;
	if (!arg->length || !IS_ALIGNED(arg->length, HP_HOST_SIZE) ||
	    arg->length > HP_LENGTH_MAX ||
	    arg->channels > HUGEPOST_CHANNELS_MAX)
		return -EINVAL;
	if (arg->flags & HUGEPOST_SETUP_NODE ?
	    arg->node >= MAX_NUMNODES || !node_state(arg->node, N_MEMORY) :
	    arg->node)
		return -EINVAL;

	/*
	 * Success is told before anything is done: afterwards it must not fail,
	 * and user memory cannot be waited for under setup_lock (lock order).
	 */
	arg->out_allocated = arg->flags & HUGEPOST_SETUP_PREALLOC ?
			     arg->length : max(arg->channels, 1U) * HP_HOST_SIZE;
	ret = hp_respond(cmd);
	arg->out_allocated = 0;
	if (ret || mutex_lock_interruptible(&obj->setup_lock))
		return ret ?: -EINTR;
	ret = hp_setup_locked(obj, arg);
	mutex_unlock(&obj->setup_lock);
	if (!ret)
		cmd->copy_size = 0;
	return ret;
}

/* For mmap() of an object that nobody set up: covers @length bytes. */
int hp_object_setup_default(struct hp_object *obj, u64 length)
{
	struct hugepost_setup arg = {
		.length = round_up(length, HP_HOST_SIZE),
	};
	int ret;

	if (length > HP_LENGTH_MAX)
		return -EINVAL;

	if (mutex_lock_killable(&obj->setup_lock))
		return -EINTR;
	ret = hp_setup_locked(obj, &arg);
	mutex_unlock(&obj->setup_lock);
	return ret == -EBUSY ? 0 : ret;
}
