// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: the process whose guest an object is, and what its end means to
 * others that map the object.
 *
 * The others are back ends of the guest's devices, and may serve other guests as
 * well. A guest chooses which page a device touches, so none of its misfortunes
 * may be theirs:
 *
 * - Its end is the end of the armed mode: nobody will fill a page any more.
 * - If it has no memory for a page that another process touches (its cgroup is at
 *   its limit, or no huge page is free), it is what is killed, as it would be for
 *   a page that it touches itself.
 * - Of an object whose guest has ended so, others get a blank page in place of
 *   every page that is missing or has no memory: the same one, of 4 KiB, so that
 *   this cannot fail for lack of memory and holds none. A system call of theirs
 *   gets EFAULT instead: what the guest never had is not to be written to a disk.
 *
 * The guest is known by its memory, as KVM knows it: the end of that is the end of
 * all vCPUs, whoever still has the descriptor.
 */
#define pr_fmt(fmt) "hugepost: " fmt

#include <linux/mm.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "guest.h"
#include "mode.h"
#include "registry.h"

/*
 * No vCPU runs any more. Whoever sees that it is gone sees the object unarmed, too.
 */
static void hp_guest_gone(struct hp_guest *guest)
{
	struct hp_object *obj = guest->obj;

	mutex_lock(&obj->arm_lock);
	if (test_bit(HP_GUEST_OWNED, &guest->state) ||
	    hp_mode(obj) != HUGEPOST_MODE_UNARMED)
		set_bit(HP_GUEST_ENDED, &guest->state);
	hp_disarm_locked(obj);
	smp_wmb(); /* pairs with hp_fault_reason() */
	set_bit(HP_GUEST_GONE, &guest->state);
	mutex_unlock(&obj->arm_lock);
}

/*
 * The process exits, or executes another program. (Or else it is not watched any
 * more: then the object has no such guest, or nobody touches it.)
 */
static void hp_guest_release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct hp_guest *guest = container_of(mn, struct hp_guest, mn);

	if (READ_ONCE(guest->obj->guest) == guest)
		hp_guest_gone(guest);
}

/*
 * A process that has the object's file open exits. Its memory may stay a while: a
 * worker of KVM that waits for a page of this very object keeps it.
 */
void hp_guest_exits(struct hp_object *obj)
{
	struct hp_guest *guest = READ_ONCE(obj->guest);

	if (guest && hp_process_exits() && hp_owner_is(obj, task_tgid(current)))
		hp_guest_gone(guest);
}

static const struct mmu_notifier_ops hp_guest_ops = {
	.release = hp_guest_release,
};

/* The guest of @obj is to be the caller's. */
struct hp_guest *hp_guest_alloc(struct hp_object *obj, bool owned)
{
	struct hp_guest *guest = kzalloc(sizeof(*guest), GFP_KERNEL_ACCOUNT);

	if (!guest)
		return NULL;
	guest->mn.ops = &hp_guest_ops;
	guest->obj = obj;
	if (owned)
		__set_bit(HP_GUEST_OWNED, &guest->state);
	return guest;
}

/* Begins to watch the caller's memory; @guest is freed if it cannot be. */
int hp_guest_watch(struct hp_guest *guest)
{
	int ret = mmu_notifier_register(&guest->mn, current->mm);

	if (ret)
		kfree(guest);
	return ret;
}

/*
 * The same with the mmap lock held for writing. It gives up if a signal is pending,
 * but mmap() has taken away by now what was mapped there: let it wait.
 */
int hp_guest_watch_locked(struct hp_guest *guest)
{
	sigset_t all, old;
	int ret;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	ret = __mmu_notifier_register(&guest->mn, current->mm);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (ret)
		kfree(guest);
	return ret;
}

/* Nobody touches the object any more. */
void hp_guest_end(struct hp_guest *guest)
{
	if (!guest)
		return;
	mmu_notifier_unregister(&guest->mn, guest->mn.mm);
	if (guest->blank)
		put_page(guest->blank);
	kfree(guest);
}

/*
 * Kills whoever has the memory, as the OOM killer does: a process that executes
 * another program has another one from then on, which task_lock() guards.
 */
static void hp_guest_kill(struct mm_struct *mm)
{
	struct task_struct *process, *thread;
	bool found;

	rcu_read_lock();
	for_each_process(process) {
		for_each_thread(process, thread) {
			task_lock(thread);
			found = thread->mm == mm &&
				!(thread->flags & PF_KTHREAD);
			if (found)
				send_sig(SIGKILL, thread, 1);
			task_unlock(thread);
			if (found)
				break;
		}
	}
	rcu_read_unlock();
}

/*
 * There is no memory for a page that a process with the memory @toucher touched.
 * Is that the end of another process's guest? If so, the toucher gets a blank page.
 */
bool hp_guest_condemn(struct hp_object *obj, struct mm_struct *toucher)
{
	struct hp_guest *guest = obj->guest;
	struct pid *pid;

	if (!guest || guest->mn.mm == toucher)
		return false;
	if (test_and_set_bit(HP_GUEST_ENDED, &guest->state) ||
	    test_bit(HP_GUEST_GONE, &guest->state))
		return true;
	pid = hp_owner_get(obj);
	pr_warn_ratelimited("object %llu: no memory for a page that process %d (%s) touched: its guest's process %d is killed\n",
			    obj->id, task_tgid_nr(current), current->comm,
			    pid_nr(pid));
	put_pid(pid);
	hp_guest_kill(guest->mn.mm);
	return true;
}

/* The blank page, which stays as long as @guest does; NULL if there is none. */
struct page *hp_guest_blank(struct hp_guest *guest)
{
	struct page *page = READ_ONCE(guest->blank), *old;

	if (page)
		return page;
	page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!page)
		return NULL;
	old = cmpxchg(&guest->blank, NULL, page);
	if (!old)
		return page;
	put_page(page);
	return old;
}
