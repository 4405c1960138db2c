// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: mappings, page faults and who waits in them.
 *
 * A present target page is mapped: by one entry for its whole host page if that
 * is complete, else by an entry of its own. A page is returned to the core
 * locked, so that DISCARD, which takes the lock, cannot come between the look
 * at the host page and the entry in the page table.
 */
#include <linux/file.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "compat.h"
#include "fault.h"
#include "folio.h"
#include "guest.h"
#include "hostpage.h"
#include "hugepost_trace.h"
#include "map.h"
#include "policy.h"
#include "setup.h"
#include "stall.h"
#include "thin.h"

static bool hp_tp_present(struct hp_object *obj, pgoff_t tp)
{
	struct hp_hostpage *hp = hp_hostpage_find(obj, hp_pgoff_to_hidx(tp));
	bool ret;

	if (!hp)
		return false;
	spin_lock(&hp->lock);
	ret = hp_hostpage_present(hp, tp % HP_SUBS);
	spin_unlock(&hp->lock);
	return ret;
}

/*
 * A wait may outlast any suspend, and what is to end it may be frozen already:
 * the waiter is frozen where it is. It may hold locks of what reads or writes
 * the page, of no use to anybody in a suspend.
 */
static unsigned int hp_fault_wait_state(unsigned int flags)
{
	if (flags & FAULT_FLAG_INTERRUPTIBLE)
		return TASK_INTERRUPTIBLE | TASK_FREEZABLE_UNSAFE;
	if (flags & FAULT_FLAG_KILLABLE)
		return TASK_KILLABLE | TASK_FREEZABLE_UNSAFE;
	return TASK_UNINTERRUPTIBLE | TASK_FREEZABLE_UNSAFE;
}

/*
 * A fault of the kernel's own on a user's behalf (read(2) into the page, say)
 * is retried until it succeeds, whatever signal is pending. As long as one is,
 * an interruptible wait does not sleep: nap instead of spinning.
 */
static void hp_fault_sleep(struct hp_object *obj, unsigned int flags,
			   unsigned int state)
{
	bool retried = (flags & (FAULT_FLAG_TRIED | FAULT_FLAG_USER)) ==
		       FAULT_FLAG_TRIED;

	atomic64_inc(&obj->count.waits);
	if (!signal_pending_state(state, current)) {
		schedule();
	} else if (retried) {
		set_current_state(TASK_KILLABLE | TASK_FREEZABLE_UNSAFE);
		if (!fatal_signal_pending(current))
			schedule_timeout(HZ / 50 + 1);
	}
}

/*
 * Raises the event of the target page, unless it has one. -ENOMEM. The caller
 * looks afterwards whether the target page has become present.
 */
static int hp_fault_raise(struct hp_object *obj, const struct vm_fault *vmf)
{
	struct hp_event_entry *entry;
	struct hugepost_event *event;

	entry = kzalloc(sizeof(*entry), GFP_KERNEL_ACCOUNT);
	if (!entry)
		return -ENOMEM;
	event = &entry->event;
	event->kind = HUGEPOST_EVENT_MISSING;
	event->offset = (u64)vmf->pgoff << PAGE_SHIFT;
	if (vmf->vma->vm_mm == obj->mm) {
		event->address = vmf->real_address;
		if (!(current->flags & PF_KTHREAD))
			event->tid = task_pid_vnr(current);
	}
	if (vmf->flags & FAULT_FLAG_WRITE)
		event->access |= HUGEPOST_ACCESS_WRITE;
	if (vmf->flags & FAULT_FLAG_USER)
		event->access |= HUGEPOST_ACCESS_USER;
	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		event->access |= HUGEPOST_ACCESS_NOWAIT;

	if (!hp_event_queue(&obj->waits, entry))
		return 0;
	atomic64_inc(&obj->count.events);
	trace_hugepost_event(obj, vmf);
	hp_event_tell(&obj->waits);
	return 0;
}

enum hp_reason {
	HP_NO_REASON,		/* to wait: the page may be had */
	HP_REASON,		/* somebody brings it, or may come back to do so */
	HP_HOPELESS,
};

/*
 * Why is a missing page to be waited for? When the handler is lost, only other
 * processes than the guest's wait: that one may arm the object again, or else it
 * ends. Whether it lives is looked at first.
 */
static enum hp_reason hp_fault_reason(struct hp_object *obj,
				      const struct vm_fault *vmf)
{
	bool other = hp_guest_is_other(obj, vmf->vma->vm_mm);

	smp_rmb(); /* pairs with hp_guest_gone() */
	switch (hp_mode(obj)) {
	case HUGEPOST_MODE_ARMED:
		return HP_REASON;
	case HUGEPOST_MODE_LOST:
		return other ? HP_REASON : HP_HOPELESS;
	default:
		return HP_NO_REASON;
	}
}

/*
 * A missing target page that cannot be had now: raises its event unless the object
 * is unarmed and waits, by the rules of handle_userfault(). Whatever ends the
 * wait, the fault is taken again and looks anew. The mmap lock is not held
 * meanwhile (whoever fills may need it), the file is: with it the object and
 * the module stay. Its reference is dropped when the task is about to return to
 * user mode, or by a work item if it never was there.
 */
static vm_fault_t hp_fault_wait(struct hp_object *obj, struct vm_fault *vmf)
{
	unsigned int state = hp_fault_wait_state(vmf->flags);
	const bool nowait = vmf->flags & FAULT_FLAG_RETRY_NOWAIT;
	struct hp_waiter waiter;
	bool wait, present;
	struct file *file;
	enum hp_reason reason = hp_fault_reason(obj, vmf);

	trace_hugepost_fault(obj, vmf, VM_FAULT_RETRY);

	if (current->flags & (PF_EXITING | PF_DUMPCORE) ||
	    !(vmf->flags & FAULT_FLAG_ALLOW_RETRY) ||
	    reason == HP_HOPELESS)
		return VM_FAULT_SIGBUS;
	if (reason == HP_REASON && hp_fault_raise(obj, vmf))
		return VM_FAULT_OOM;

	if (!nowait)
		hp_waiter_prepare(&obj->waits, &waiter, vmf->pgoff, state);
	/* Pairs with hp_waits_announce(): is there reason to wait still? */
	smp_mb();
	present = hp_tp_present(obj, vmf->pgoff);
	wait = !present && hp_fault_reason(obj, vmf) == HP_REASON &&
	       hp_event_pending(&obj->waits, vmf->pgoff);
	if (nowait) {
		if (present)
			hp_announce(obj, vmf->pgoff, vmf->pgoff + 1);
		return VM_FAULT_RETRY;
	}

	file = get_file(vmf->vma->vm_file);
	mmap_read_unlock(vmf->vma->vm_mm);

	if (wait)
		hp_fault_sleep(obj, vmf->flags, state);
	hp_waiter_finish(&waiter);
	/* An event that came after the fill would stay for good. */
	if (present)
		hp_announce(obj, vmf->pgoff, vmf->pgoff + 1);
	fput(file);
	return VM_FAULT_RETRY;
}

/*
 * A missing target page of an unarmed object becomes present as zeros; all of
 * its host page does if that is empty. The mode is looked at under the lock,
 * within which no RCU grace period ends: see hp_arm_locked().
 */
static int hp_fault_zero(struct hp_object *obj, unsigned long hidx,
			 unsigned int sub)
{
	struct hp_hostpage *hp = hp_hostpage_get(obj, hidx);
	struct hp_leftover left = {};
	int ret = 0;

	if (!hp)
		return -ENOMEM;

	hp_stall("fault-zero");
	spin_lock(&hp->lock);
	if (hp_mode(obj) != HUGEPOST_MODE_UNARMED ||
	    hp_hostpage_present(hp, sub)) {
		/* The caller looks anew. */
	} else if (hp->staged && hp_folio_poisoned(hp->folio, sub)) {
		ret = -EHWPOISON;
	} else {
		if (!hp_hostpage_set_zero(obj, hp)) {
			if (hp->staged)
				hp_folio_clear(hp->folio, sub);
			hp_hostpage_set_present(hp, sub, 1);
			hp_hostpage_settle(obj, hp, &left);
		}
		atomic64_inc(&obj->count.zero_fills);
	}
	spin_unlock(&hp->lock);

	hp_leftover_free(obj, &left);
	return ret;
}

enum hp_lookup {
	HP_LOOKUP_MISSING,
	HP_LOOKUP_ZERO,		/* present, but without a folio */
	HP_LOOKUP_PARTIAL,
	HP_LOOKUP_COMPLETE,
};

/* With a reference to the folio in *@folio if it is partial or complete. */
static enum hp_lookup hp_fault_lookup(struct hp_hostpage *hp, unsigned int sub,
				      struct folio **folio)
{
	enum hp_lookup ret = HP_LOOKUP_MISSING;

	if (!hp)
		return ret;
	spin_lock(&hp->lock);
	if (hp_hostpage_present(hp, sub)) {
		if (!hp->staged)
			ret = HP_LOOKUP_ZERO;
		else if (hp_hostpage_complete(hp))
			ret = HP_LOOKUP_COMPLETE;
		else
			ret = HP_LOOKUP_PARTIAL;
	}
	if (ret >= HP_LOOKUP_PARTIAL) {
		*folio = hp->folio;
		folio_get(*folio);
	}
	spin_unlock(&hp->lock);
	hp_stall("fault-looked");
	return ret;
}

/* The same once more, with the lock of @folio: is it still in place? */
static enum hp_lookup hp_fault_confirm(struct hp_hostpage *hp, unsigned int sub,
				       struct folio *folio)
{
	enum hp_lookup ret;
	struct folio *now;

	ret = hp_fault_lookup(hp, sub, &now);
	if (ret < HP_LOOKUP_PARTIAL)
		return HP_LOOKUP_MISSING;
	folio_put(now);
	return now == folio ? ret : HP_LOOKUP_MISSING;
}

/* A host page that is present as zeros gets a cleared folio. */
static int hp_fault_materialise(struct hp_object *obj, struct vm_fault *vmf,
				struct hp_hostpage *hp, unsigned long hidx)
{
	struct folio *folio = NULL;
	struct hp_bits *none = NULL;

	if (!READ_ONCE(hp->folio)) {
		folio = hp_policy_alloc(obj, hidx, vmf);
		if (IS_ERR(folio))
			return PTR_ERR(folio);
	}
	hp_hostpage_materialise(obj, hp, hidx, folio, &none);
	hp_thin_note(obj, hidx, vmf);
	return 0;
}

/*
 * What was touched cannot be had. If it is for lack of memory, that may be the end
 * of the guest, which is no reason for another process to end: see guest.c.
 */
static vm_fault_t hp_fault_failed(struct hp_object *obj, struct vm_fault *vmf,
				  int err)
{
	struct page *page;

	if (err == -EHWPOISON)
		return VM_FAULT_HWPOISON;
	/* Who is killed gets no memory of this size, whosever it is. */
	if (err != -ENOMEM || fatal_signal_pending(current) ||
	    !hp_guest_condemn(obj, vmf->vma->vm_mm) ||
	    !(vmf->flags & FAULT_FLAG_USER))
		return VM_FAULT_SIGBUS;
	page = hp_guest_blank(obj->guest);
	if (!page)
		return VM_FAULT_OOM;
	get_page(page);
	vmf->page = page;
	return 0;
}

/*
 * The lock of the guest's mappings is taken, and a policy there asks for it: waits
 * for it without any other lock, and has the fault taken again.
 */
static vm_fault_t hp_fault_wait_policy(struct hp_object *obj,
				       struct vm_fault *vmf)
{
	struct file *file = get_file(vmf->vma->vm_file);

	mmap_read_unlock(vmf->vma->vm_mm);
	if (!mmap_read_lock_killable(obj->mm))
		mmap_read_unlock(obj->mm);
	fput(file);
	return VM_FAULT_RETRY;
}

static vm_fault_t hp_fault(struct vm_fault *vmf)
{
	const bool touch = (vmf->flags & (FAULT_FLAG_USER | HP_FAULT_INSTALL)) !=
			   HP_FAULT_INSTALL;
	struct hp_object *obj = vmf->vma->vm_file->private_data;
	unsigned long hidx = hp_pgoff_to_hidx(vmf->pgoff);
	unsigned int sub = vmf->pgoff % HP_SUBS;
	struct hp_hostpage *hp;
	enum hp_lookup found;
	struct folio *folio;
	vm_fault_t ret = 0;
	int err = 0;

	atomic64_inc(&obj->count.faults);
	if (unlikely(!hp_object_ready(obj)))
		err = hp_setup_settle(obj);
	if (!err && hidx >= obj->nr_hostpages)
		return VM_FAULT_SIGBUS;

	while (!err) {
		hp = hp_hostpage_find(obj, hidx);
		found = hp_fault_lookup(hp, sub, &folio);
		if (found >= HP_LOOKUP_PARTIAL) {
			folio_lock(folio);
			found = hp_fault_confirm(hp, sub, folio);
			if (found != HP_LOOKUP_MISSING) {
				ret = hp_map_page(obj, vmf, folio,
						  found == HP_LOOKUP_COMPLETE);
				break;
			}
			folio_unlock(folio);
			folio_put(folio);
			continue;
		}
		if (!touch || (found != HP_LOOKUP_ZERO &&
			       hp_mode(obj) != HUGEPOST_MODE_UNARMED))
			return hp_fault_wait(obj, vmf);
		if (unlikely(hp_guest_ended(obj)))
			err = -ENOMEM;
		else if (found == HP_LOOKUP_ZERO)
			err = hp_fault_materialise(obj, vmf, hp, hidx);
		else
			err = hp_fault_zero(obj, hidx, sub);
	}
	if (err == -EAGAIN)
		return hp_fault_wait_policy(obj, vmf);
	if (err)
		ret = hp_fault_failed(obj, vmf, err);
	trace_hugepost_fault(obj, vmf, ret);
	return ret;
}

/*
 * Maps a complete host page whose page is at hand; all else is left to
 * ->fault, since this may run under a VMA's lock alone.
 */
static vm_fault_t __maybe_unused hp_huge_fault(struct vm_fault *vmf,
					       unsigned int order)
{
	struct hp_object *obj = vmf->vma->vm_file->private_data;
	unsigned long hidx = hp_pgoff_to_hidx(vmf->pgoff);
	unsigned int sub = vmf->pgoff % HP_SUBS;
	vm_fault_t ret = VM_FAULT_FALLBACK;
	struct hp_hostpage *hp;
	struct folio *folio;
	enum hp_lookup found;

	/* The core splits an entry that is there, write-protected. */
	if (order != HP_HOST_ORDER || !hp_object_ready(obj) ||
	    hidx >= obj->nr_hostpages || !hp_map_suits_huge(vmf))
		return ret;

	hp = hp_hostpage_find(obj, hidx);
	found = hp_fault_lookup(hp, sub, &folio);
	if (found < HP_LOOKUP_PARTIAL)
		return ret;
	if (found != HP_LOOKUP_COMPLETE || !folio_trylock(folio))
		goto out_put;

	if (hp_fault_confirm(hp, sub, folio) == HP_LOOKUP_COMPLETE &&
	    !hp_folio_bad(folio)) {
		atomic64_inc(&obj->count.faults);
		ret = hp_map_huge(obj, vmf, folio);
		trace_hugepost_fault(obj, vmf, ret);
	}
	folio_unlock(folio);
out_put:
	folio_put(folio);
	return ret;
}

/*
 * No ->close, no VM_DONTEXPAND and no ->map_pages: the first two would keep the
 * pieces of a mapping from merging after a collapse, and without the third
 * ->fault is called under the mmap lock, which it drops to wait.
 */
static const struct vm_operations_struct hp_vm_ops = {
	.fault = hp_fault,
	.huge_fault = HP_COMPAT_HUGE_FAULT,
};

/* Makes @vma, whose range the caller has checked, a mapping of @obj. */
void hp_map_vma(struct hp_object *obj, struct vm_area_struct *vma)
{
	vm_flags_set(vma, VM_DONTCOPY | VM_DONTDUMP);
	vma->vm_ops = &hp_vm_ops;
	hp_policy_note(obj, vma);
}
