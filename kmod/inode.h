/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: the inodes of objects.
 */
#ifndef HUGEPOST_INODE_H
#define HUGEPOST_INODE_H

#include <linux/fs.h>

struct inode *hp_inode_alloc(void);
struct file *hp_inode_file(struct inode *inode,
			   const struct file_operations *fops);
int hp_inode_init(void);
void hp_inode_exit(void);

#endif /* HUGEPOST_INODE_H */
