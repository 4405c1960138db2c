// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: the device, its files and the dispatch of ioctls.
 */
#define pr_fmt(fmt) "hugepost: " fmt

#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/rcupdate.h>

#include "arm.h"
#include "discard.h"
#include "dispatch.h"
#include "fill.h"
#include "fill_fast.h"
#include "guest.h"
#include "inode.h"
#include "install.h"
#include "lifetime.h"
#include "netlink.h"
#include "poison.h"
#include "reserve.h"
#include "selftest.h"
#include "setup.h"
#include "stats.h"
#include "thin.h"
#include "trim.h"

static int hp_open(struct inode *inode, struct file *file)
{
	struct hp_object *obj;

	if ((file->f_mode & (FMODE_READ | FMODE_WRITE)) !=
	    (FMODE_READ | FMODE_WRITE))
		return -EACCES;

	obj = hp_object_open();
	if (IS_ERR(obj))
		return PTR_ERR(obj);

	file->private_data = obj;
	file->f_mapping = obj->inode->i_mapping;
	/* A guest's writes are no change of the device node. */
	inode_set_flags(inode, S_NOCMTIME, S_NOCMTIME);
	return 0;
}

static int hp_release(struct inode *inode, struct file *file)
{
	hp_object_release(file->private_data);
	return 0;
}

/* A process closes a descriptor, or exits. */
static int hp_flush(struct file *file, fl_owner_t id)
{
	hp_guest_exits(file->private_data);
	return 0;
}

static int hp_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	return 0;
}

/*
 * A program that is given the descriptor may ask how large the memory is. Before
 * that is known it is as large as it may become: of an empty file QEMU would ask
 * the kernel to make it larger.
 */
static loff_t hp_llseek(struct file *file, loff_t offset, int whence)
{
	struct hp_object *obj = file->private_data;
	u64 length = hp_object_ready(obj) ? obj->length : READ_ONCE(obj->mapped);

	return fixed_size_llseek(file, offset, whence, length ?: HP_LENGTH_MAX);
}

static int hp_mmap(struct file *file, struct vm_area_struct *vma)
{
	return hp_object_mmap(file->private_data, vma);
}

static const struct hp_ioctl_op *const hp_ioctl_ops[] = {
	[HUGEPOST_CMD_INFO] = &hp_op_info,
	[HUGEPOST_CMD_SETUP] = &hp_op_setup,
	[HUGEPOST_CMD_ARM] = &hp_op_arm,
	[HUGEPOST_CMD_DISARM] = &hp_op_disarm,
	[HUGEPOST_CMD_FILL] = &hp_op_fill,
	[HUGEPOST_CMD_INSTALL] = &hp_op_install,
	[HUGEPOST_CMD_RESET] = &hp_op_reset,
	[HUGEPOST_CMD_DISCARD] = &hp_op_discard,
	[HUGEPOST_CMD_BITMAP] = &hp_op_bitmap,
	[HUGEPOST_CMD_WAKE] = &hp_op_wake,
	[HUGEPOST_CMD_COLLAPSE] = &hp_op_collapse,
	[HUGEPOST_CMD_STATS] = &hp_op_stats,
	[HUGEPOST_CMD_TRIM] = &hp_op_trim,
};

static noinline long hp_ioctl_any(struct file *file, unsigned int cmd,
				  unsigned long arg)
{
	const struct hp_ioctl_op *op;

	if (_IOC_TYPE(cmd) != HUGEPOST_IOC_TYPE ||
	    _IOC_NR(cmd) >= ARRAY_SIZE(hp_ioctl_ops))
		return -ENOTTY;
	op = hp_ioctl_ops[array_index_nospec(_IOC_NR(cmd),
					     ARRAY_SIZE(hp_ioctl_ops))];
	if (op->cmd != cmd)
		return -ENOTTY;
	return hp_dispatch(file->private_data, op, arg);
}

/* What is called most goes its own way at once. */
static long hp_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	if (likely(cmd == HUGEPOST_FILL))
		return hp_fill_ioctl(file, cmd, arg);
	return hp_ioctl_any(file, cmd, arg);
}

static const struct file_operations hp_fops = {
	.owner = THIS_MODULE,
	.open = hp_open,
	.release = hp_release,
	.flush = hp_flush,
	.llseek = hp_llseek,
	.mmap = hp_mmap,
	.fsync = hp_fsync,
	.get_unmapped_area = thp_get_unmapped_area,
	.unlocked_ioctl = hp_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice hp_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "hugepost",
	.nodename = "hugepost",
	.mode = 0660,
	.fops = &hp_fops,
};

/*
 * Says why: whoever loads the module is told an errno, and no more. EEXIST is what
 * modprobe takes for a module that is loaded already.
 */
static int __init hp_refuse(int err, const char *why)
{
	pr_err("not loaded: %s (%pe)\n", why, ERR_PTR(err));
	return err == -EEXIST ? -EBUSY : err;
}

static int __init hp_init(void)
{
	const char *why;
	int ret;

	if (!IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE))
		return hp_refuse(-EOPNOTSUPP,
				 "this kernel has no transparent huge pages, as no real-time kernel has: boot one with CONFIG_TRANSPARENT_HUGEPAGE");
	if (!has_transparent_hugepage())
		return hp_refuse(-EOPNOTSUPP,
				 "this CPU has no huge pages: in a VM, choose a CPU model with pse");

	ret = hp_inode_init();
	if (ret)
		return hp_refuse(ret, "its file system cannot be mounted");

	hp_poison_init(hp_objects_lose);

	ret = hp_reserve_init();
	if (ret) {
		why = "the reserve cannot have a worker";
		goto err_poison;
	}
	ret = hp_thin_init();
	if (ret) {
		why = "what looks for zeros cannot have a worker";
		goto err_reserve;
	}
	ret = hp_selftest(&hp_fops, &why);
	if (ret)
		goto err_thin;
	ret = hp_netlink_init(&hp_fops);
	if (ret) {
		why = ret == -EEXIST ?
			"netlink family hugepost is there already: unload the module that has it" :
			"netlink family hugepost cannot be registered";
		goto err_thin;
	}
	ret = misc_register(&hp_misc);
	if (ret) {
		why = "/dev/hugepost cannot be made";
		goto err_netlink;
	}
	return 0;

err_netlink:
	hp_netlink_exit();
err_thin:
	hp_thin_exit();
err_reserve:
	hp_reserve_exit();
err_poison:
	hp_poison_exit();
	hp_inode_exit();
	return hp_refuse(ret, why);
}

static void __exit hp_exit(void)
{
	misc_deregister(&hp_misc);
	hp_netlink_exit();
	hp_thin_exit();
	hp_reserve_exit();
	hp_poison_exit();
	hp_inode_exit();
	/*
	 * A task that waited in a fault drops the file, and with it the module,
	 * a few instructions before it leaves the module's text.
	 */
	synchronize_rcu_tasks();
}

module_init(hp_init);
module_exit(hp_exit);

MODULE_DESCRIPTION("In-kernel assembly of a migrating guest's huge pages");
MODULE_AUTHOR("The hugepost authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(HP_VERSION);
