/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: the modes of an object.
 */
#ifndef HUGEPOST_ARM_H
#define HUGEPOST_ARM_H

#include "ucmd.h"

void hp_disarm_object(struct hp_object *obj);

extern const struct hp_ioctl_op hp_op_arm;
extern const struct hp_ioctl_op hp_op_disarm;
extern const struct hp_ioctl_op hp_op_wake;

#endif /* HUGEPOST_ARM_H */
