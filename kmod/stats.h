/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: what the module tells of itself and of an object.
 */
#ifndef HUGEPOST_STATS_H
#define HUGEPOST_STATS_H

#include "ucmd.h"

void hp_object_stats(struct hp_object *obj, struct hugepost_stats *out);
void hp_channel_stats(struct hp_channel *ch,
		      struct hugepost_channel_stats *out);

extern const struct hp_ioctl_op hp_op_info;
extern const struct hp_ioctl_op hp_op_stats;
extern const struct hp_ioctl_op hp_op_bitmap;

#endif /* HUGEPOST_STATS_H */
