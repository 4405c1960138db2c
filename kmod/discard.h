/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: target pages that become missing again, or are lost.
 */
#ifndef HUGEPOST_DISCARD_H
#define HUGEPOST_DISCARD_H

#include "hostpage.h"
#include "ucmd.h"

int hp_discard_hostpage(struct hp_object *obj, struct hp_hostpage *hp,
			unsigned long hidx, unsigned int first,
			unsigned int end);

bool hp_discard_lost(struct hp_object *obj, unsigned long pfn);

extern const struct hp_ioctl_op hp_op_discard;

#endif /* HUGEPOST_DISCARD_H */
