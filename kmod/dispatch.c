// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: what holds for every ioctl: its argument comes in, sizes and flags
 * are checked, the object is set up or not, its answer goes out. There is no lock.
 */
#include <linux/uaccess.h>

#include "dispatch.h"
#include "setup.h"

long hp_dispatch(struct hp_object *obj, const struct hp_ioctl_op *op,
		 unsigned long uarg)
{
	struct hp_ucmd cmd = { .uarg = (void __user *)uarg };
	u32 user_size;
	int ret;

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
	if (op->needs != HP_ANY && unlikely(!hp_object_ready(obj))) {
		ret = hp_setup_settle(obj);
		if (ret && op->needs >= HP_READY)
			return ret;
	}
	if (op->needs == HP_CHANGE && unlikely(!hp_object_allows(obj)))
		return -EPERM;

	ret = op->execute(obj, &cmd);
	if (hp_ucmd_respond(&cmd) && !ret)
		ret = -EFAULT;
	return ret;
}
