/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: memory that holds nothing but zeros is given back.
 */
#ifndef HUGEPOST_TRIM_H
#define HUGEPOST_TRIM_H

#include "object.h"
#include "ucmd.h"

enum hp_trimmed {
	HP_TRIM_KEPT,	/* there was nothing to give back */
	HP_TRIM_ASSEMBLES,	/* it is not complete */
	HP_TRIM_BUSY,	/* somebody uses it just now */
	HP_TRIM_DONE,
};

enum hp_trimmed hp_trim_hostpage(struct hp_object *obj, unsigned long hidx);
unsigned long hp_trim_range(struct hp_object *obj, unsigned long first,
			    unsigned long end);

extern const struct hp_ioctl_op hp_op_trim;

#endif /* HUGEPOST_TRIM_H */
