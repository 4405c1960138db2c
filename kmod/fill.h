/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: channels fill target pages.
 */
#ifndef HUGEPOST_FILL_H
#define HUGEPOST_FILL_H

#include "ucmd.h"

extern const struct hp_ioctl_op hp_op_fill;
extern const struct hp_ioctl_op hp_op_reset;

#endif /* HUGEPOST_FILL_H */
