// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: memory objects, from open to release. setup_lock guards what SETUP
 * sets.
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "arm.h"
#include "channel.h"
#include "compat.h"
#include "discard.h"
#include "fault.h"
#include "lifetime.h"
#include "netlink_events.h"
#include "registry.h"
#include "reserve.h"

struct hp_object *hp_object_open(void)
{
	struct hp_object *obj = hp_object_alloc();
	int ret;

	if (IS_ERR(obj))
		return obj;
	ret = hp_registry_add(obj);
	if (ret) {
		hp_object_put(obj);
		return ERR_PTR(ret);
	}
	return obj;
}

/* Gives the memory of all host pages back; nobody uses it any more. */
static void hp_object_free_memory(struct hp_object *obj)
{
	unsigned int i;

	for (i = 0; obj->channels && i < obj->nr_channels; i++)
		if (obj->channels[i].spare)
			hp_folio_free(&obj->mem, obj->channels[i].spare);
	hp_hostpages_free_memory(obj);
}

/* Then the state of host pages and channels goes, once nobody reads it. */
static void hp_object_free_tables(struct hp_object *obj)
{
	hp_hostpages_free(obj);
	kvfree(obj->channels);
	obj->channels = NULL;
	mem_cgroup_put(obj->mem.memcg);
	obj->mem.memcg = NULL;
}

void hp_tables_put(struct hp_object *obj)
{
	if (!refcount_dec_and_test(&obj->users))
		return;
	hp_object_free_tables(obj);
	hp_object_put(obj);
}

/*
 * The last user of the file is gone: no mapping is left, nobody waits in a
 * fault and no ioctl is under way. Somebody may still read what the object is:
 * that keeps its tables. Event descriptors keep the bare object.
 */
void hp_object_release(struct hp_object *obj)
{
	hp_registry_remove(obj);
	hp_disarm_object(obj);
	hp_object_free_memory(obj);
	if (obj->ready)
		hp_report(obj, HUGEPOST_EVENT_KIND_RELEASED);
	hp_tables_put(obj);
	hp_reserve_refill();
}

/* A page has a memory error, whosever it is. */
void hp_objects_lose(unsigned long pfn)
{
	struct hp_object *obj;
	unsigned long id;

	mutex_lock(&hp_registry_lock);
	xa_for_each(&hp_registry, id, obj)
		if (hp_discard_lost(obj, pfn))
			break;
	mutex_unlock(&hp_registry_lock);
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
		hp->folio = hp_folio_alloc(&obj->mem, NULL, 0);
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
		obj->channels[i].spare = hp_folio_alloc(&obj->mem, NULL, 0);
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
	obj->mem.prealloc = arg->flags & HUGEPOST_SETUP_PREALLOC;
	obj->mem.node = arg->flags & HUGEPOST_SETUP_NODE ? arg->node : NUMA_NO_NODE;
	obj->mem.memcg = get_mem_cgroup_from_mm(current->mm);

	ret = -ENOMEM;
	obj->chunks = kvcalloc(obj->nr_chunks, sizeof(*obj->chunks), HP_GFP);
	obj->channels = kvcalloc(obj->nr_channels, sizeof(*obj->channels),
				 HP_GFP);
	if (!obj->chunks || !obj->channels)
		goto err_free;

	for (i = 0; i < obj->nr_channels; i++)
		obj->channels[i].host_page = HUGEPOST_NO_PAGE;

	obj->mem.in_setup = true;
	ret = obj->mem.prealloc ? hp_object_prealloc(obj) : hp_object_stage(obj);
	obj->mem.in_setup = false;
	arg->out_allocated = atomic64_read(&obj->mem.folios) << HP_HOST_SHIFT;
	if (ret)
		goto err_free;

	/* A core that maps what ->fault returns compares it. */
	if (!HP_COMPAT_INSERT)
		i_size_write(obj->inode, obj->length);

	hp_owner_set(obj);
	hp_report(obj, HUGEPOST_EVENT_KIND_SETUP);
	/* Pairs with hp_object_ready(). */
	smp_store_release(&obj->ready, true);
	return 0;

err_free:
	hp_object_free_memory(obj);
	hp_object_free_tables(obj);
	hp_reserve_refill();
	return ret;
}

static int hp_setup(struct hp_object *obj, struct hp_ucmd *cmd)
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
	ret = hp_ucmd_respond(cmd);
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
static int hp_setup_default(struct hp_object *obj, u64 length)
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

/* A mapping of the object, which sets it up if nobody has. */
int hp_object_mmap(struct hp_object *obj, struct vm_area_struct *vma)
{
	u64 start = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 length = vma->vm_end - vma->vm_start;
	u64 end;
	int ret;

	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (vma->vm_pgoff > HP_LENGTH_MAX >> PAGE_SHIFT ||
	    check_add_overflow(start, length, &end))
		return -EINVAL;
	/* A host page that could never be mapped by one entry: a mistake. */
	if (!IS_ALIGNED(vma->vm_start - start, HP_HOST_SIZE) &&
	    round_up(start, HP_HOST_SIZE) + HP_HOST_SIZE <= end)
		return -EINVAL;

	if (!hp_object_ready(obj)) {
		ret = hp_setup_default(obj, end);
		if (ret)
			return ret;
	}
	if (end > obj->length)
		return -EINVAL;

	hp_map_vma(obj, vma);
	return 0;
}

const struct hp_ioctl_op hp_op_setup =
	HP_OP(SETUP, hp_setup, struct hugepost_setup, out_allocated,
	      HUGEPOST_SETUP_PREALLOC | HUGEPOST_SETUP_NODE, false);
