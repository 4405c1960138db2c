/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: the generic netlink family.
 */
#ifndef HUGEPOST_NETLINK_H
#define HUGEPOST_NETLINK_H

#include <linux/fs.h>

int hp_netlink_init(const struct file_operations *device_fops);
void hp_netlink_exit(void);

#endif /* HUGEPOST_NETLINK_H */
