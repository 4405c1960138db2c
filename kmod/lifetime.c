// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: memory objects, from open to release: who is in the registry, and for
 * how long. What an object has it gets in setup.c.
 */
#include <linux/mm.h>

#include "discard.h"
#include "fault.h"
#include "guest.h"
#include "lifetime.h"
#include "mode.h"
#include "netlink_events.h"
#include "registry.h"
#include "reserve.h"
#include "setup.h"
#include "thin.h"

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

void hp_tables_put(struct hp_object *obj)
{
	if (!refcount_dec_and_test(&obj->users))
		return;
	hp_thin_free(obj);
	hp_setup_free_tables(obj);
	mem_cgroup_put(obj->mem.memcg);
	obj->mem.memcg = NULL;
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
	hp_thin_end(obj);
	hp_guest_end(obj->guest);
	hp_disarm_object(obj);
	hp_setup_free_memory(obj);
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

/* A mapping of the object, which says how large it is to be if nobody has. */
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

	ret = hp_setup_want(obj, end);
	if (!ret)
		hp_map_vma(obj, vma);
	return ret;
}
