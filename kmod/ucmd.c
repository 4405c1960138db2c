// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: an ioctl under way. There is no lock.
 */
#include <linux/uaccess.h>

#include "ucmd.h"

/* Writes the argument back to the caller, as much of it as the caller has. */
int hp_ucmd_respond(struct hp_ucmd *cmd)
{
	return copy_to_user(cmd->uarg, &cmd->arg, cmd->copy_size) ? -EFAULT : 0;
}
