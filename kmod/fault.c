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
#include <linux/hash.h>
#include <linux/sched/signal.h>

#include "private.h"
#include "hugepost_trace.h"

/* A thread in obj->waitq; woken when its target page changes. */
struct hp_waiter {
	struct wait_queue_entry wq;
	pgoff_t tp;
};

struct hp_wake_key {
	pgoff_t first;
	pgoff_t end;
};

static int hp_wake_function(struct wait_queue_entry *wq, unsigned int mode,
			    int sync, void *arg)
{
	struct hp_waiter *waiter = container_of(wq, struct hp_waiter, wq);
	struct hp_wake_key *key = arg;

	if (waiter->tp < key->first || waiter->tp >= key->end)
		return 0;
	return autoremove_wake_function(wq, mode, sync, arg);
}

static wait_queue_head_t *hp_waitq(struct hp_object *obj, unsigned long hidx)
{
	return &obj->waitq[hash_long(hidx, HP_WAIT_SHIFT)];
}

/* Wakes those who wait for a target page of [first, end). */
void hp_wake_range(struct hp_object *obj, pgoff_t first, pgoff_t end)
{
	struct hp_wake_key key = { .first = first, .end = end };
	unsigned int i;

	if (hp_pgoff_to_hidx(first) == hp_pgoff_to_hidx(end - 1)) {
		wait_queue_head_t *wq = hp_waitq(obj, hp_pgoff_to_hidx(first));

		if (waitqueue_active(wq)) /* the caller has the barrier */
			__wake_up(wq, TASK_NORMAL, 0, &key);
		return;
	}
	for (i = 0; i < ARRAY_SIZE(obj->waitq); i++)
		__wake_up(&obj->waitq[i], TASK_NORMAL, 0, &key);
}

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
 * A missing target page that cannot be had now: raises its event if the object
 * is armed and waits, by the rules of handle_userfault(). Whatever ends the
 * wait, the fault is taken again and looks anew. The mmap lock is not held
 * meanwhile (whoever fills may need it), the file is: with it the object and
 * the module stay. Its reference is dropped when the task is about to return to
 * user mode, or by a work item if it never was there.
 */
static vm_fault_t hp_fault_wait(struct hp_object *obj, struct vm_fault *vmf)
{
	unsigned int state = hp_fault_wait_state(vmf->flags);
	wait_queue_head_t *wq = hp_waitq(obj, hp_pgoff_to_hidx(vmf->pgoff));
	struct hp_waiter waiter = { .tp = vmf->pgoff };
	bool wait, present;
	struct file *file;
	int mode = hp_mode(obj);

	trace_hugepost_fault(obj, vmf, VM_FAULT_RETRY);

	if (current->flags & (PF_EXITING | PF_DUMPCORE) ||
	    !(vmf->flags & FAULT_FLAG_ALLOW_RETRY) ||
	    mode == HUGEPOST_MODE_LOST)
		return VM_FAULT_SIGBUS;
	if (mode == HUGEPOST_MODE_ARMED && hp_event_queue(obj, vmf))
		return VM_FAULT_OOM;

	init_wait(&waiter.wq);
	waiter.wq.func = hp_wake_function;
	if (!(vmf->flags & FAULT_FLAG_RETRY_NOWAIT))
		prepare_to_wait(wq, &waiter.wq, state);
	/* Pairs with hp_hostpage_announce(): is there reason to wait still? */
	smp_mb();
	present = hp_tp_present(obj, vmf->pgoff);
	wait = !present && hp_mode(obj) == HUGEPOST_MODE_ARMED &&
	       hp_event_pending(obj, vmf->pgoff);
	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT) {
		if (present)
			hp_hostpage_announce(obj, vmf->pgoff, vmf->pgoff + 1);
		return VM_FAULT_RETRY;
	}

	file = get_file(vmf->vma->vm_file);
	mmap_read_unlock(vmf->vma->vm_mm);

	if (wait)
		hp_fault_sleep(obj, vmf->flags, state);
	finish_wait(wq, &waiter.wq);
	/* An event that came after the fill would stay for good. */
	if (present)
		hp_hostpage_announce(obj, vmf->pgoff, vmf->pgoff + 1);
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

/*
 * Can the host page be mapped by one entry? One that is inserted is as writable
 * as the mapping: not at all where somebody tracks writes. What is written there
 * becomes single pages, as the core makes them of shmem's.
 */
static bool hp_suits_huge(struct vm_fault *vmf)
{
	unsigned long haddr = vmf->address & HPAGE_PMD_MASK;
	struct vm_area_struct *vma = vmf->vma;

	if (HP_COMPAT_INSERT_PMD && vmf->flags & FAULT_FLAG_WRITE &&
	    !pte_write(pfn_pte(0, vma->vm_page_prot)))
		return false;
	return pmd_none(*vmf->pmd) && haddr >= vma->vm_start &&
	       haddr + HP_HOST_SIZE <= vma->vm_end &&
	       IS_ALIGNED((vma->vm_start >> PAGE_SHIFT) - vma->vm_pgoff,
			  HP_SUBS);
}

static int hp_no_pte(pte_t *pte, unsigned long addr, void *data)
{
	return 0;
}

/*
 * Maps a present target page of the locked @folio: consumes the reference and
 * the lock, or passes them to the core with vmf->page.
 */
static vm_fault_t hp_fault_map(struct hp_object *obj, struct vm_fault *vmf,
			       struct folio *folio, bool complete)
{
	struct page *page = folio_page(folio, vmf->pgoff % HP_SUBS);
	bool huge = complete && !folio_test_has_hwpoisoned(folio) &&
		    hp_suits_huge(vmf);
	vm_fault_t ret = VM_FAULT_LOCKED;

	if (huge)
		ret = hp_compat_map_huge(vmf, folio);
	else if (!complete && pmd_none(*vmf->pmd) &&
		 hp_compat_make_page_table(vmf, hp_no_pte))
		ret = VM_FAULT_OOM;
	/*
	 * Last, since the core must not get a bad page: it would look for the
	 * page-cache mapping that our folios do not have.
	 */
	if (ret == VM_FAULT_LOCKED && unlikely(PageHWPoison(page)))
		ret = VM_FAULT_HWPOISON;

	if (ret == VM_FAULT_LOCKED || ret == VM_FAULT_NOPAGE)
		atomic64_inc(huge ? &obj->count.installs_huge :
				    &obj->count.installs_single);
	if (ret == VM_FAULT_LOCKED) {
		vmf->page = page;
		return ret;
	}
	folio_unlock(folio);
	folio_put(folio);
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
		folio = hp_folio_alloc(obj, vmf->vma, vmf->address);
		if (!folio)
			return -ENOMEM;
	}
	hp_hostpage_materialise(obj, hp, hidx, folio, &none);
	return 0;
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
	if (hidx >= obj->nr_hostpages)
		return VM_FAULT_SIGBUS;

	while (!err) {
		hp = hp_hostpage_find(obj, hidx);
		found = hp_fault_lookup(hp, sub, &folio);
		if (found >= HP_LOOKUP_PARTIAL) {
			folio_lock(folio);
			found = hp_fault_confirm(hp, sub, folio);
			if (found != HP_LOOKUP_MISSING) {
				ret = hp_fault_map(obj, vmf, folio,
						   found == HP_LOOKUP_COMPLETE);
				break;
			}
			folio_unlock(folio);
			folio_put(folio);
			continue;
		}
		if (found == HP_LOOKUP_ZERO && touch)
			err = hp_fault_materialise(obj, vmf, hp, hidx);
		else if (hp_mode(obj) == HUGEPOST_MODE_UNARMED && touch)
			err = hp_fault_zero(obj, hidx, sub);
		else
			return hp_fault_wait(obj, vmf);
	}
	if (err)
		ret = err == -EHWPOISON ? VM_FAULT_HWPOISON : VM_FAULT_SIGBUS;
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
	if (order != HP_HOST_ORDER || hidx >= obj->nr_hostpages ||
	    !hp_suits_huge(vmf))
		return ret;

	hp = hp_hostpage_find(obj, hidx);
	found = hp_fault_lookup(hp, sub, &folio);
	if (found < HP_LOOKUP_PARTIAL)
		return ret;
	if (found != HP_LOOKUP_COMPLETE || !folio_trylock(folio))
		goto out_put;

	if (hp_fault_confirm(hp, sub, folio) == HP_LOOKUP_COMPLETE &&
	    !folio_test_has_hwpoisoned(folio)) {
		atomic64_inc(&obj->count.faults);
		atomic64_inc(&obj->count.installs_huge);
		ret = hp_compat_map_huge(vmf, folio);
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
const struct vm_operations_struct hp_vm_ops = {
	.fault = hp_fault,
	.huge_fault = HP_COMPAT_HUGE_FAULT,
};

int hp_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct hp_object *obj = file->private_data;
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
		ret = hp_object_setup_default(obj, end);
		if (ret)
			return ret;
	}
	if (end > obj->length)
		return -EINVAL;

	vm_flags_set(vma, VM_DONTCOPY | VM_DONTDUMP);
	vma->vm_ops = &hp_vm_ops;

	WRITE_ONCE(obj->map_mm, vma->vm_mm);
	WRITE_ONCE(obj->map_start, vma->vm_start);
	WRITE_ONCE(obj->map_pgoff, vma->vm_pgoff);
	return 0;
}
