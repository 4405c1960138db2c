/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: what holds for every ioctl.
 */
#ifndef HUGEPOST_DISPATCH_H
#define HUGEPOST_DISPATCH_H

#include "ucmd.h"

long hp_dispatch(struct hp_object *obj, const struct hp_ioctl_op *op,
		 unsigned long uarg);

#endif /* HUGEPOST_DISPATCH_H */
