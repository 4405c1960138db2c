/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: does this kernel keep the rules that all is built on?
 */
#ifndef HUGEPOST_SELFTEST_H
#define HUGEPOST_SELFTEST_H

#include <linux/fs.h>

int hp_selftest(const struct file_operations *fops, const char **why);

#endif /* HUGEPOST_SELFTEST_H */
