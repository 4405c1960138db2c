/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: the fast way of a FILL.
 */
#ifndef HUGEPOST_FILL_FAST_H
#define HUGEPOST_FILL_FAST_H

#include <linux/fs.h>

long hp_fill_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#endif /* HUGEPOST_FILL_FAST_H */
