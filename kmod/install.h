/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: complete host pages into the caller's page tables.
 */
#ifndef HUGEPOST_INSTALL_H
#define HUGEPOST_INSTALL_H

#include "ucmd.h"

extern const struct hp_ioctl_op hp_op_install;
extern const struct hp_ioctl_op hp_op_collapse;

#endif /* HUGEPOST_INSTALL_H */
