// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: an ioctl under way: its argument comes in, its answer goes out.
 *
 * What holds for every ioctl (sizes, flags, set up or not) is checked here; there
 * is no lock.
 */
#include <linux/uaccess.h>

#include "ucmd.h"

/* Writes the argument back to the caller, as much of it as the caller has. */
int hp_ucmd_respond(struct hp_ucmd *cmd)
{
	return copy_to_user(cmd->uarg, &cmd->arg, cmd->copy_size) ? -EFAULT : 0;
}

long hp_ucmd_run(struct hp_object *obj, const struct hp_ioctl_op *op,
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
	if (op->needs_setup && !hp_object_ready(obj))
		return -ENXIO;

	ret = op->execute(obj, &cmd);
	if (hp_ucmd_respond(&cmd) && !ret)
		ret = -EFAULT;
	return ret;
}
