// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: the device, its files and the dispatch of ioctls.
 */
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/rcupdate.h>

#include "control.h"

#define HP_FS_MAGIC 0x68706f73

static struct vfsmount *hp_mnt;

bool hp_poison_followed; /* constant once the module is loaded */

/*
 * Every object has an address space of its own, so that unmap_mapping_range()
 * reaches its mappings and no others. As in DRM, the inode comes from a file
 * system that nobody else can mount.
 */
static int hp_fs_init_context(struct fs_context *fc)
{
	return init_pseudo(fc, HP_FS_MAGIC) ? 0 : -ENOMEM;
}

/* No .owner: kern_mount() would pin the module in itself. */
static struct file_system_type hp_fs_type = {
	.name = "hugepost",
	.init_fs_context = hp_fs_init_context,
	.kill_sb = kill_anon_super,
};

struct inode *hp_inode_alloc(void)
{
	return alloc_anon_inode(hp_mnt->mnt_sb);
}

static int hp_open(struct inode *inode, struct file *file)
{
	struct hp_object *obj;

	if ((file->f_mode & (FMODE_READ | FMODE_WRITE)) !=
	    (FMODE_READ | FMODE_WRITE))
		return -EACCES;

	obj = hp_object_alloc();
	if (IS_ERR(obj))
		return PTR_ERR(obj);

	file->private_data = obj;
	file->f_mapping = obj->inode->i_mapping;
	/* A guest's writes are no change of the device node. */
	inode_set_flags(inode, S_NOCMTIME, S_NOCMTIME);
	return nonseekable_open(inode, file);
}

static int hp_release(struct inode *inode, struct file *file)
{
	hp_object_release(file->private_data);
	return 0;
}

static int hp_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	return 0;
}

/*
 * One row an ioctl: its structure, the last field that the first version of the
 * structure had, the flags it knows, and whether the object has to be set up.
 */
struct hp_ioctl_op {
	unsigned int size;
	unsigned int min_size;
	unsigned int cmd;
	u32 flags;
	bool needs_setup;
	int (*execute)(struct hp_object *obj, struct hp_ucmd *cmd);
};

#define HP_OP(_name, _fn, _struct, _last, _flags, _setup)                      \
	[HUGEPOST_CMD_##_name] = {                                             \
		.size = sizeof(_struct) +                                      \
			BUILD_BUG_ON_ZERO(sizeof(union hp_arg) <               \
					  sizeof(_struct)) +                   \
			BUILD_BUG_ON_ZERO(offsetof(_struct, size) != 0) +      \
			BUILD_BUG_ON_ZERO(offsetof(_struct, flags) !=          \
					  sizeof(u32)),                        \
		.min_size = offsetofend(_struct, _last),                       \
		.cmd = HUGEPOST_##_name,                                       \
		.flags = _flags,                                               \
		.needs_setup = _setup,                                         \
		.execute = _fn,                                                \
	}

static const struct hp_ioctl_op hp_ioctl_ops[] = {
	HP_OP(INFO, hp_info, struct hugepost_info, out_target_page_sizes, 0,
	      false),
	HP_OP(SETUP, hp_object_setup, struct hugepost_setup, out_allocated,
	      HUGEPOST_SETUP_PREALLOC | HUGEPOST_SETUP_NODE, false),
	HP_OP(ARM, hp_arm, struct hugepost_arm, __reserved,
	      HUGEPOST_ARM_NONBLOCK, true),
	HP_OP(DISARM, hp_disarm, struct hugepost_disarm, flags, 0, true),
	HP_OP(FILL, hp_fill, struct hugepost_fill, out_duplicates, 0, true),
	HP_OP(INSTALL, hp_install, struct hugepost_install, out_single, 0,
	      true),
	HP_OP(RESET, hp_reset, struct hugepost_reset, __reserved, 0, true),
	HP_OP(DISCARD, hp_discard, struct hugepost_discard, out_pages, 0, true),
	HP_OP(BITMAP, hp_bitmap, struct hugepost_bitmap, out_present, 0, true),
	HP_OP(WAKE, hp_wake, struct hugepost_wake, length, 0, true),
	HP_OP(COLLAPSE, hp_collapse, struct hugepost_collapse, out_length, 0,
	      true),
	HP_OP(STATS, hp_stats, struct hugepost_stats, out_id, 0, false),
};

/* Writes the argument back to the caller, as much of it as the caller has. */
int hp_respond(struct hp_ucmd *cmd)
{
	return copy_to_user(cmd->uarg, &cmd->arg, cmd->copy_size) ? -EFAULT : 0;
}

long hp_ioctl_any(struct file *file, unsigned int nr, unsigned long uarg)
{
	struct hp_object *obj = file->private_data;
	const struct hp_ioctl_op *op;
	struct hp_ucmd cmd = { .uarg = (void __user *)uarg };
	u32 user_size;
	int ret;

	if (_IOC_TYPE(nr) != HUGEPOST_IOC_TYPE ||
	    _IOC_NR(nr) >= ARRAY_SIZE(hp_ioctl_ops))
		return -ENOTTY;
	op = &hp_ioctl_ops[array_index_nospec(_IOC_NR(nr),
					      ARRAY_SIZE(hp_ioctl_ops))];
	if (op->cmd != nr)
		return -ENOTTY;

	if (get_user(user_size, (u32 __user *)cmd.uarg))
		return -EFAULT;
	if (user_size < op->min_size)
		return -EINVAL;
	if (user_size > PAGE_SIZE)
		return -E2BIG;
	ret = copy_struct_from_user(&cmd.arg, op->size, cmd.uarg, user_size);
	if (ret)
		return ret;
	/* The size may have changed since it was read; never write it back. */
	cmd.arg.head.size = user_size;
	cmd.copy_size = min_t(size_t, user_size, op->size);

	if (cmd.arg.head.flags & ~op->flags)
		return -EOPNOTSUPP;
	if (op->needs_setup && !hp_object_ready(obj))
		return -ENXIO;

	ret = op->execute(obj, &cmd);
	if (hp_respond(&cmd) && !ret)
		ret = -EFAULT;
	return ret;
}

static const struct file_operations hp_fops = {
	.owner = THIS_MODULE,
	.open = hp_open,
	.release = hp_release,
	.mmap = hp_mmap,
	.fsync = hp_fsync,
	.get_unmapped_area = thp_get_unmapped_area,
	.unlocked_ioctl = hp_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

bool hp_is_device(struct file *file)
{
	return file->f_op == &hp_fops;
}

static struct miscdevice hp_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "hugepost",
	.nodename = "hugepost",
	.mode = 0660,
	.fops = &hp_fops,
};

static int __init hp_init(void)
{
	int ret;

	if (!IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE))
		return -EOPNOTSUPP;

	hp_mnt = kern_mount(&hp_fs_type);
	if (IS_ERR(hp_mnt))
		return PTR_ERR(hp_mnt);

	hp_poison_followed = hp_poison_init();

	ret = hp_reserve_init();
	if (ret)
		goto err_poison;
	ret = hp_netlink_init();
	if (ret)
		goto err_reserve;
	ret = misc_register(&hp_misc);
	if (ret)
		goto err_netlink;
	return 0;

err_netlink:
	hp_netlink_exit();
err_reserve:
	hp_reserve_exit();
err_poison:
	hp_poison_exit();
	kern_unmount(hp_mnt);
	return ret;
}

static void __exit hp_exit(void)
{
	misc_deregister(&hp_misc);
	hp_netlink_exit();
	hp_reserve_exit();
	hp_poison_exit();
	kern_unmount(hp_mnt);
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
