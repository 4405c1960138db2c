// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: arming, events and their descriptor.
 *
 * The descriptor is an anonymous inode of its own, not the object's: mappings
 * keep the object's file, and a kernel worker that waits in a fault keeps the
 * mappings, so only a descriptor that no mapping knows can tell that the
 * handler is gone.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/ktime.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "control.h"
#include "hugepost_trace.h"

/* Events that are dropped under one hold of the lock. */
#define HP_DROP_BATCH	256

/* @owner: the process that armed, or a later reader; guarded by arm_lock. */
struct hp_event_file {
	struct hp_object *obj;
	struct pid *owner;
	u64 serial;
};

void hp_events_init(struct hp_events *ev)
{
	spin_lock_init(&ev->lock);
	ev->pending = RB_ROOT;
	INIT_LIST_HEAD(&ev->queue);
	init_waitqueue_head(&ev->poll);
}

/* Target pages, [first, end). */
struct hp_event_range {
	pgoff_t first, end;
};

static int hp_event_compare(const void *key, const struct rb_node *node)
{
	u64 offset = rb_entry(node, struct hp_event_entry, node)->event.offset;
	const struct hp_event_range *range = key;
	pgoff_t tp = offset >> PAGE_SHIFT;

	return tp >= range->end ? -1 : tp < range->first;
}

static bool hp_event_less(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct hp_event_entry, node)->event.offset <
	       rb_entry(b, struct hp_event_entry, node)->event.offset;
}

/* An event of target pages [first, end), NULL if there is none. */
static struct hp_event_entry *hp_event_find(struct hp_events *ev, pgoff_t first,
					    pgoff_t end)
{
	struct hp_event_range range = { .first = first, .end = end };
	struct rb_node *node;

	lockdep_assert_held(&ev->lock);
	node = rb_find(&range, &ev->pending, hp_event_compare);
	return rb_entry_safe(node, struct hp_event_entry, node);
}

bool hp_event_pending(struct hp_object *obj, pgoff_t tp)
{
	struct hp_events *ev = &obj->events;
	bool ret;

	spin_lock(&ev->lock);
	ret = hp_event_find(ev, tp, tp + 1);
	spin_unlock(&ev->lock);
	return ret;
}

/*
 * Forgets the events of target pages [first, end). The caller has a full
 * barrier between what makes them obsolete and this.
 */
void hp_events_drop(struct hp_object *obj, pgoff_t first, pgoff_t end)
{
	struct hp_events *ev = &obj->events;
	struct hp_event_entry *entry, *next;
	unsigned int nr;

	do {
		LIST_HEAD(dropped);

		spin_lock(&ev->lock);
		for (nr = 0; nr < HP_DROP_BATCH; nr++) {
			entry = hp_event_find(ev, first, end);
			if (!entry)
				break;
			rb_erase(&entry->node, &ev->pending);
			list_move(&entry->queue, &dropped);
		}
		spin_unlock(&ev->lock);

		list_for_each_entry_safe(entry, next, &dropped, queue)
			kfree(entry);
		cond_resched();
	} while (nr == HP_DROP_BATCH);
}

/*
 * Queues one event for the target page of @vmf, unless it has one. -ENOMEM. The
 * caller looks afterwards whether the target page has become present.
 */
int hp_event_queue(struct hp_object *obj, const struct vm_fault *vmf)
{
	struct hp_events *ev = &obj->events;
	struct hp_event_entry *entry;
	bool queued = false;

	if (hp_event_pending(obj, vmf->pgoff))
		return 0;

	entry = kzalloc(sizeof(*entry), GFP_KERNEL_ACCOUNT);
	if (!entry)
		return -ENOMEM;
	entry->event.kind = HUGEPOST_EVENT_MISSING;
	entry->event.offset = (u64)vmf->pgoff << PAGE_SHIFT;
	entry->event.address = vmf->real_address;
	if (!(current->flags & PF_KTHREAD))
		entry->event.tid = task_pid_vnr(current);
	if (vmf->flags & FAULT_FLAG_WRITE)
		entry->event.access |= HUGEPOST_ACCESS_WRITE;
	if (vmf->flags & FAULT_FLAG_USER)
		entry->event.access |= HUGEPOST_ACCESS_USER;
	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		entry->event.access |= HUGEPOST_ACCESS_NOWAIT;

	spin_lock(&ev->lock);
	/* Whoever ends the armed mode drops all events after that. */
	if (hp_mode(obj) == HUGEPOST_MODE_ARMED &&
	    !hp_event_find(ev, vmf->pgoff, vmf->pgoff + 1)) {
		rb_add(&entry->node, &ev->pending, hp_event_less);
		list_add_tail(&entry->queue, &ev->queue);
		queued = true;
	}
	spin_unlock(&ev->lock);

	if (!queued) {
		kfree(entry);
		return 0;
	}
	atomic64_inc(&obj->count.events);
	trace_hugepost_event(obj, vmf);
	wake_up_interruptible_poll(&ev->poll, EPOLLIN);
	return 0;
}

/* Leaves the armed mode; nobody waits for an event any more. */
static void hp_leave_armed(struct hp_object *obj, int mode)
{
	lockdep_assert_held(&obj->arm_lock);
	WRITE_ONCE(obj->mode, mode);
	smp_mb(); /* pairs with hp_event_queue() */
	hp_events_drop(obj, 0, ULONG_MAX);
	smp_mb(); /* pairs with hp_fault_wait() */
	wake_up_interruptible_poll(&obj->events.poll, EPOLLHUP);
	hp_wake_range(obj, 0, ULONG_MAX);
}

static void hp_mode_changed(struct hp_object *obj,
			    enum hugepost_event_kind kind)
{
	lockdep_assert_held(&obj->arm_lock);
	WRITE_ONCE(obj->mode_since, ktime_get_boottime_ns());
	hp_report(obj, kind);
}

static void hp_handler_lost(struct hp_event_file *ef)
{
	struct hp_object *obj = ef->obj;

	mutex_lock(&obj->arm_lock);
	if (obj->mode == HUGEPOST_MODE_ARMED &&
	    obj->events.serial == ef->serial) {
		trace_hugepost_handler_lost(obj);
		hp_leave_armed(obj, HUGEPOST_MODE_LOST);
		hp_mode_changed(obj, HUGEPOST_EVENT_KIND_LOST);
	}
	mutex_unlock(&obj->arm_lock);
}

static bool hp_event_ended(struct hp_event_file *ef)
{
	return hp_mode(ef->obj) != HUGEPOST_MODE_ARMED ||
	       READ_ONCE(ef->obj->events.serial) != ef->serial;
}

static bool hp_event_ready(struct hp_event_file *ef)
{
	return !list_empty(&ef->obj->events.queue) || hp_event_ended(ef);
}

/* Takes the oldest event that was not read. */
static bool hp_event_take(struct hp_event_file *ef,
			  struct hugepost_event *event)
{
	struct hp_events *ev = &ef->obj->events;
	struct hp_event_entry *entry;

	spin_lock(&ev->lock);
	entry = hp_event_ended(ef) ? NULL :
		list_first_entry_or_null(&ev->queue, struct hp_event_entry,
					 queue);
	if (entry) {
		list_del_init(&entry->queue);
		*event = entry->event;
	}
	spin_unlock(&ev->lock);
	return entry;
}

/* Puts an event that could not be delivered back, if it still matters. */
static void hp_event_untake(struct hp_event_file *ef,
			    const struct hugepost_event *event)
{
	struct hp_events *ev = &ef->obj->events;
	struct hp_event_entry *entry;

	spin_lock(&ev->lock);
	entry = hp_event_find(ev, event->offset >> PAGE_SHIFT,
			      (event->offset >> PAGE_SHIFT) + 1);
	if (entry && list_empty(&entry->queue))
		list_add(&entry->queue, &ev->queue);
	spin_unlock(&ev->lock);
	wake_up_interruptible_poll(&ev->poll, EPOLLIN);
}

static void hp_event_set_owner(struct hp_event_file *ef)
{
	struct pid *old;

	if (READ_ONCE(ef->owner) == task_tgid(current))
		return;
	mutex_lock(&ef->obj->arm_lock);
	old = ef->owner;
	WRITE_ONCE(ef->owner, get_pid(task_tgid(current)));
	mutex_unlock(&ef->obj->arm_lock);
	put_pid(old);
}

static ssize_t hp_event_read(struct file *file, char __user *buf, size_t count,
			     loff_t *ppos)
{
	struct hp_event_file *ef = file->private_data;
	struct hp_events *ev = &ef->obj->events;
	struct hugepost_event event;
	size_t done = 0;
	int ret = 0;

	if (count < sizeof(event))
		return -EINVAL;
	hp_event_set_owner(ef);

	while (count - done >= sizeof(event)) {
		if (hp_event_take(ef, &event)) {
			hp_stall("event-taken");
			if (copy_to_user(buf + done, &event, sizeof(event))) {
				hp_event_untake(ef, &event);
				ret = -EFAULT;
				break;
			}
			done += sizeof(event);
			continue;
		}
		if (done || hp_event_ended(ef))
			break;
		if (file->f_flags & O_NONBLOCK) {
			ret = -EAGAIN;
			break;
		}
		if (wait_event_interruptible(ev->poll, hp_event_ready(ef))) {
			ret = -ERESTARTSYS;
			break;
		}
	}
	return done ? done : ret;
}

static __poll_t hp_event_poll(struct file *file, poll_table *wait)
{
	struct hp_event_file *ef = file->private_data;

	poll_wait(file, &ef->obj->events.poll, wait);
	if (hp_event_ended(ef))
		return EPOLLHUP | EPOLLIN | EPOLLRDNORM;
	return hp_event_ready(ef) ? EPOLLIN | EPOLLRDNORM : 0;
}

/* Is the whole process exiting, not just a thread with files of its own? */
static bool hp_process_exits(void)
{
	return (current->flags & PF_EXITING) &&
	       ((current->signal->flags & SIGNAL_GROUP_EXIT) ||
		!atomic_read(&current->signal->live));
}

/* Is the descriptor this process's to handle? Also if who handled is gone. */
static bool hp_event_owned(struct hp_event_file *ef)
{
	bool ret;

	mutex_lock(&ef->obj->arm_lock);
	rcu_read_lock();
	ret = ef->owner == task_tgid(current) ||
	      !pid_task(ef->owner, PIDTYPE_TGID);
	rcu_read_unlock();
	mutex_unlock(&ef->obj->arm_lock);
	return ret;
}

/*
 * When the process that handles events exits the handler is lost, whoever else
 * has the descriptor. This cannot wait for release(): the process may hold KVM's
 * descriptors, whose release waits for workers that wait for a target page.
 * flush() of all its descriptors comes before any release().
 */
static int hp_event_flush(struct file *file, fl_owner_t id)
{
	struct hp_event_file *ef = file->private_data;

	if (hp_process_exits() && hp_event_owned(ef))
		hp_handler_lost(ef);
	return 0;
}

static int hp_event_release(struct inode *inode, struct file *file)
{
	struct hp_event_file *ef = file->private_data;

	hp_handler_lost(ef);
	put_pid(ef->owner);
	hp_object_put(ef->obj);
	kfree(ef);
	return 0;
}

static const struct file_operations hp_event_fops = {
	.owner = THIS_MODULE,
	.read = hp_event_read,
	.poll = hp_event_poll,
	.flush = hp_event_flush,
	.release = hp_event_release,
};

static struct file *hp_event_file(struct hp_object *obj, u32 flags)
{
	struct hp_event_file *ef;
	struct file *file;

	ef = kzalloc(sizeof(*ef), GFP_KERNEL_ACCOUNT);
	if (!ef)
		return ERR_PTR(-ENOMEM);
	ef->obj = obj;
	file = anon_inode_getfile("[hugepost-events]", &hp_event_fops, ef,
				  O_RDONLY | O_CLOEXEC |
				  (flags & HUGEPOST_ARM_NONBLOCK ? O_NONBLOCK :
								   0));
	if (IS_ERR(file)) {
		kfree(ef);
		return file;
	}
	ef->owner = get_pid(task_tgid(current));
	hp_object_get(obj);
	return file;
}

/*
 * Waiters and events begin with the mode. A fault that saw the object unarmed
 * publishes its zeros with the same hold of the host page's lock, within which
 * no RCU grace period ends: after one, no target page becomes present behind the
 * handler's back.
 */
static int hp_arm_locked(struct hp_object *obj, struct hp_event_file *ef)
{
	int old = obj->mode;
	unsigned int i;

	lockdep_assert_held(&obj->arm_lock);
	if (old == HUGEPOST_MODE_ARMED)
		return -EBUSY;

	spin_lock(&obj->events.lock);
	ef->serial = ++obj->events.serial;
	spin_unlock(&obj->events.lock);

	WRITE_ONCE(obj->mode, HUGEPOST_MODE_ARMED);
	smp_mb(); /* pairs with hp_fill_entry() */
	for (i = 0; i < obj->nr_channels; i++) {
		/* pairs with the release in hp_fill_entry() */
		if (smp_load_acquire(&obj->channels[i].replacing)) {
			hp_leave_armed(obj, old);
			return -EBUSY;
		}
	}
	hp_stall("arm-mode");
	synchronize_rcu();
	hp_report_again(obj);
	hp_mode_changed(obj, HUGEPOST_EVENT_KIND_ARMED);
	return 0;
}

int hp_arm(struct hp_object *obj, struct hp_ucmd *cmd)
{
	struct hugepost_arm *arg = &cmd->arg.arm;
	struct file *file;
	int fd, ret;

	if (arg->__reserved)
		return -EINVAL;
	arg->out_fd = -1;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	file = hp_event_file(obj, arg->flags);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}

	arg->out_fd = fd;
	ret = hp_respond(cmd);
	if (!ret) {
		mutex_lock(&obj->arm_lock);
		ret = hp_arm_locked(obj, file->private_data);
		mutex_unlock(&obj->arm_lock);
	}

	if (ret) {
		arg->out_fd = -1;
		put_unused_fd(fd);
		fput(file);
		return ret;
	}
	fd_install(fd, file);
	cmd->copy_size = 0; /* told already: that must not fail any more */
	return 0;
}

void hp_disarm_object(struct hp_object *obj)
{
	mutex_lock(&obj->arm_lock);
	if (obj->mode != HUGEPOST_MODE_UNARMED) {
		hp_leave_armed(obj, HUGEPOST_MODE_UNARMED);
		hp_mode_changed(obj, HUGEPOST_EVENT_KIND_DISARMED);
	}
	mutex_unlock(&obj->arm_lock);
}

int hp_disarm(struct hp_object *obj, struct hp_ucmd *cmd)
{
	hp_disarm_object(obj);
	return 0;
}

int hp_wake(struct hp_object *obj, struct hp_ucmd *cmd)
{
	struct hugepost_wake *arg = &cmd->arg.wake;
	int ret;

	ret = hp_check_range(obj, arg->offset, arg->length);
	if (ret)
		return ret;
	hp_hostpage_announce(obj, arg->offset >> PAGE_SHIFT,
			     (arg->offset + arg->length) >> PAGE_SHIFT);
	return 0;
}
