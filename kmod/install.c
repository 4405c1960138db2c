// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: INSTALL and COLLAPSE: complete host pages into the caller's page
 * tables, under the mmap lock held for reading.
 */
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "fault.h"
#include "hostpage.h"
#include "hugepost_trace.h"
#include "install.h"
#include "map.h"
#include "policy.h"
#include "stall.h"

static bool hp_tp_complete(struct hp_object *obj, unsigned long hidx)
{
	struct hp_hostpage *hp;

	if (hidx >= obj->nr_hostpages)
		return false;
	hp = hp_hostpage_find(obj, hidx);
	return hp && READ_ONCE(hp->nr_present) == HP_SUBS &&
	       READ_ONCE(hp->staged);
}

/*
 * Maps the complete host page at @addr, an address in the caller's mapping of
 * @obj, as well as it can be. Called and returns with the mmap lock.
 */
static enum hp_mapped hp_map_hostpage(struct vm_area_struct *vma,
				      unsigned long addr)
{
	unsigned int flags = vma->vm_flags & VM_WRITE ? FAULT_FLAG_WRITE : 0;
	enum hp_mapped how = hp_how_mapped(vma->vm_mm, addr);

	if (how != HP_MAPPED_NOT)
		return how;
	/* A host page that was discarded meanwhile is an error, of no interest. */
	fixup_user_fault(vma->vm_mm, addr, flags | HP_FAULT_INSTALL, NULL);
	return hp_how_mapped(vma->vm_mm, addr);
}

static int hp_check_addr(u64 addr, u64 length)
{
	u64 end;

	if (!length || !PAGE_ALIGNED(addr | length) ||
	    check_add_overflow(addr, length, &end) || end > TASK_SIZE)
		return -EINVAL;
	return 0;
}

/* Told of a complete host page; true stops. */
typedef bool (*hp_complete_fn)(unsigned long addr, enum hp_mapped how,
			       void *arg);

/*
 * Calls @fn for each complete host page that lies in [addr, end) of the
 * caller's mapping whole.
 */
static int hp_walk_complete(struct hp_object *obj, unsigned long addr,
			    unsigned long end, hp_complete_fn fn, void *arg)
{
	struct mm_struct *mm = current->mm;
	bool stop = false;

	while (addr < end && !stop) {
		struct vm_area_struct *vma;
		unsigned long next;
		pgoff_t pgoff;

		hp_stall("install-walk");
		if (fatal_signal_pending(current))
			return -EINTR;
		mmap_read_lock(mm);
		vma = hp_find_mapping(obj, mm, addr);
		if (!vma) {
			mmap_read_unlock(mm);
			return -EFAULT;
		}
		pgoff = linear_page_index(vma, addr);
		next = addr + ((HP_SUBS - pgoff % HP_SUBS) << PAGE_SHIFT);
		if (IS_ALIGNED(pgoff, HP_SUBS) && next <= end &&
		    next <= vma->vm_end &&
		    hp_tp_complete(obj, hp_pgoff_to_hidx(pgoff)))
			stop = fn(addr, hp_map_hostpage(vma, addr), arg);
		else
			next = min(next, vma->vm_end);
		mmap_read_unlock(mm);
		addr = next;
		cond_resched();
	}
	return 0;
}

static bool hp_install_one(unsigned long addr, enum hp_mapped how, void *arg)
{
	struct hugepost_install *install = arg;

	if (how == HP_MAPPED_HUGE)
		install->out_huge++;
	else if (how == HP_MAPPED_SINGLE)
		install->out_single++;
	return false;
}

static int hp_install(struct hp_object *obj, struct hp_ucmd *cmd)
{
	struct hugepost_install *arg = &cmd->arg.install;
	int ret;

	arg->out_huge = 0;
	arg->out_single = 0;
	ret = hp_check_addr(arg->addr, arg->length);
	if (ret)
		return ret;
	ret = hp_walk_complete(obj, arg->addr, arg->addr + arg->length,
			       hp_install_one, arg);
	trace_hugepost_install(obj, arg->addr, arg->length, arg->out_huge,
			       arg->out_single, ret);
	return ret;
}

static bool hp_collapse_one(unsigned long addr, enum hp_mapped how, void *arg)
{
	struct hugepost_collapse *collapse = arg;
	bool single = how == HP_MAPPED_SINGLE &&
		      IS_ALIGNED(addr, HP_HOST_SIZE);

	if (!single)
		return collapse->out_length;
	if (!collapse->out_length)
		collapse->out_addr = addr;
	else if (collapse->out_addr + collapse->out_length != addr)
		return true;
	collapse->out_length += HP_HOST_SIZE;
	return false;
}

static int hp_collapse(struct hp_object *obj, struct hp_ucmd *cmd)
{
	struct hugepost_collapse *arg = &cmd->arg.collapse;
	int ret;

	arg->out_addr = 0;
	arg->out_length = 0;
	ret = hp_check_addr(arg->addr, arg->length);
	if (ret)
		return ret;
	ret = hp_walk_complete(obj, arg->addr, arg->addr + arg->length,
			       hp_collapse_one, arg);
	trace_hugepost_collapse(obj, arg->addr, arg->length, arg->out_addr,
				arg->out_length, ret);
	return ret;
}

const struct hp_ioctl_op hp_op_install =
	HP_OP(INSTALL, hp_install, struct hugepost_install, out_single, 0, HP_READY);

const struct hp_ioctl_op hp_op_collapse =
	HP_OP(COLLAPSE, hp_collapse, struct hugepost_collapse, out_length, 0,
	      HP_READY);
