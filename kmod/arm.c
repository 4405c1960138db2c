// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: arming, events and their descriptor.
 *
 * The descriptor is an anonymous inode of its own, not the object's: mappings
 * keep the object's file, and a kernel worker that waits in a fault keeps the
 * mappings, so only a descriptor that no mapping knows can tell that the
 * handler is gone.
 *
 * arm_lock guards the mode against other writers, and who owns a descriptor.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "arm.h"
#include "channel.h"
#include "hugepost_trace.h"
#include "mode.h"
#include "netlink_events.h"
#include "stall.h"
#include "thin.h"

/* @owner: the process that armed, or a later reader; guarded by arm_lock. */
struct hp_event_file {
	struct hp_object *obj;
	struct pid *owner;
	u64 serial;
	size_t event_size;	/* the caller's */
};

static void hp_handler_lost(struct hp_event_file *ef)
{
	struct hp_object *obj = ef->obj;

	mutex_lock(&obj->arm_lock);
	if (obj->waits.mode == HUGEPOST_MODE_ARMED &&
	    obj->waits.serial == ef->serial) {
		trace_hugepost_handler_lost(obj);
		hp_waits_end(&obj->waits, HUGEPOST_MODE_LOST);
		hp_mode_changed(obj, HUGEPOST_EVENT_KIND_LOST);
	}
	mutex_unlock(&obj->arm_lock);
}

static bool hp_event_ended(struct hp_event_file *ef)
{
	return hp_waits_ended(&ef->obj->waits, ef->serial);
}

static bool hp_event_ready(struct hp_event_file *ef)
{
	return !list_empty(&ef->obj->waits.queue) || hp_event_ended(ef);
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
	struct hp_waits *waits = &ef->obj->waits;
	struct hugepost_event event;
	size_t len = min(ef->event_size, sizeof(event));
	size_t done = 0;
	int ret = 0;

	if (count < ef->event_size)
		return -EINVAL;
	hp_event_set_owner(ef);

	while (count - done >= ef->event_size) {
		if (hp_event_take(waits, ef->serial, &event)) {
			hp_stall("event-taken");
			if (copy_to_user(buf + done, &event, len) ||
			    (ef->event_size > len &&
			     clear_user(buf + done + len, ef->event_size - len))) {
				hp_event_untake(waits, &event);
				ret = -EFAULT;
				break;
			}
			done += ef->event_size;
			continue;
		}
		if (done || hp_event_ended(ef))
			break;
		if (file->f_flags & O_NONBLOCK) {
			ret = -EAGAIN;
			break;
		}
		if (wait_event_interruptible(waits->poll, hp_event_ready(ef))) {
			ret = -ERESTARTSYS;
			break;
		}
	}
	return done ? done : ret;
}

static __poll_t hp_event_poll(struct file *file, poll_table *wait)
{
	struct hp_event_file *ef = file->private_data;

	poll_wait(file, &ef->obj->waits.poll, wait);
	if (hp_event_ended(ef))
		return EPOLLHUP | EPOLLIN | EPOLLRDNORM;
	return hp_event_ready(ef) ? EPOLLIN | EPOLLRDNORM : 0;
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

static struct file *hp_event_file(struct hp_object *obj, u32 flags, u32 size)
{
	struct hp_event_file *ef;
	struct file *file;

	ef = kzalloc(sizeof(*ef), GFP_KERNEL_ACCOUNT);
	if (!ef)
		return ERR_PTR(-ENOMEM);
	ef->obj = obj;
	ef->event_size = size;
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
	int old = obj->waits.mode;
	unsigned int i;

	lockdep_assert_held(&obj->arm_lock);
	if (old == HUGEPOST_MODE_ARMED)
		return -EBUSY;

	ef->serial = hp_waits_begin(&obj->waits);

	WRITE_ONCE(obj->waits.mode, HUGEPOST_MODE_ARMED);
	smp_mb(); /* pairs with hp_fill_entry() */
	for (i = 0; i < obj->nr_channels; i++) {
		/* pairs with the release in hp_fill_entry() */
		if (smp_load_acquire(&obj->channels[i].replacing)) {
			hp_waits_end(&obj->waits, old);
			return -EBUSY;
		}
	}
	hp_stall("arm-mode");
	synchronize_rcu();
	hp_report_again(obj);
	hp_mode_changed(obj, HUGEPOST_EVENT_KIND_ARMED);
	return 0;
}

static int hp_arm(struct hp_object *obj, struct hp_ucmd *cmd)
{
	struct hugepost_arm *arg = &cmd->arg.arm;
	struct file *file;
	int fd, ret, size;

	size = hp_element_size(arg->event_size, HUGEPOST_EVENT_SIZE_VER0);
	if (size < 0)
		return size;
	arg->out_fd = -1;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	file = hp_event_file(obj, arg->flags, size);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}

	arg->out_fd = fd;
	ret = hp_ucmd_respond(cmd);
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
	hp_thin_anew(obj);
	fd_install(fd, file);
	cmd->copy_size = 0; /* told already: that must not fail any more */
	return 0;
}

static int hp_disarm(struct hp_object *obj, struct hp_ucmd *cmd)
{
	hp_disarm_object(obj);
	return 0;
}

static int hp_wake(struct hp_object *obj, struct hp_ucmd *cmd)
{
	struct hugepost_wake *arg = &cmd->arg.wake;
	int ret;

	ret = hp_check_range(obj, arg->offset, arg->length);
	if (ret)
		return ret;
	hp_announce(obj, arg->offset >> PAGE_SHIFT,
		    (arg->offset + arg->length) >> PAGE_SHIFT);
	return 0;
}

const struct hp_ioctl_op hp_op_arm =
	HP_OP(ARM, hp_arm, struct hugepost_arm, event_size,
	      HUGEPOST_ARM_NONBLOCK, HP_CHANGE);

const struct hp_ioctl_op hp_op_disarm =
	HP_OP(DISARM, hp_disarm, struct hugepost_disarm, flags, 0, HP_CHANGE);

const struct hp_ioctl_op hp_op_wake =
	HP_OP(WAKE, hp_wake, struct hugepost_wake, length, 0, HP_CHANGE);
