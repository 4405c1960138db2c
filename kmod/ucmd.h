/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: an ioctl under way.
 */
#ifndef HUGEPOST_UCMD_H
#define HUGEPOST_UCMD_H

#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/hugepost.h>

#include "object.h"

/*
 * The module's copy of an argument, and where the caller has it. A handler's
 * outputs are written back after it returned.
 */
union hp_arg {
	struct {
		u32 size;
		u32 flags;
	} head;
	struct hugepost_info info;
	struct hugepost_setup setup;
	struct hugepost_arm arm;
	struct hugepost_disarm disarm;
	struct hugepost_fill fill;
	struct hugepost_install install;
	struct hugepost_reset reset;
	struct hugepost_discard discard;
	struct hugepost_trim trim;
	struct hugepost_bitmap bitmap;
	struct hugepost_wake wake;
	struct hugepost_collapse collapse;
	struct hugepost_stats stats;
};

struct hp_ucmd {
	union hp_arg arg;
	void __user *uarg;
	size_t copy_size;	/* bytes of the argument that both sides know */
};

/* What an ioctl needs of an object that is not set up yet. */
enum hp_needs {
	HP_ANY,		/* nothing */
	HP_SETTLE,	/* that it is set up if it is mapped */
	HP_READY,	/* that it is set up, else ENXIO */
	HP_CHANGE,	/* that, and that the caller may change it, else EPERM */
};

/*
 * An ioctl: its structure, the last field that the first version of the
 * structure had, the flags it knows, and what it needs of the object.
 */
struct hp_ioctl_op {
	unsigned int size;
	unsigned int min_size;
	unsigned int cmd;
	u32 flags;
	enum hp_needs needs;
	int (*execute)(struct hp_object *obj, struct hp_ucmd *cmd);
};

#define HP_OP(_name, _fn, _struct, _last, _flags, _needs)                      \
	{                                                                      \
		.size = sizeof(_struct) +                                      \
			BUILD_BUG_ON_ZERO(sizeof(union hp_arg) <               \
					  sizeof(_struct)) +                   \
			BUILD_BUG_ON_ZERO(offsetof(_struct, size) != 0) +      \
			BUILD_BUG_ON_ZERO(offsetof(_struct, flags) !=          \
					  sizeof(u32)),                        \
		.min_size = offsetofend(_struct, _last),                       \
		.cmd = HUGEPOST_##_name,                                       \
		.flags = _flags,                                               \
		.needs = _needs,                                               \
		.execute = _fn,                                                \
	}

/*
 * The size of an array's element as the caller has it, or -errno: 0 is @first, the
 * first version's.
 */
static inline int hp_element_size(u32 size, u32 first)
{
	if (!size)
		return first;
	if (size > PAGE_SIZE)
		return -E2BIG;
	if (size < first || size % sizeof(u64))
		return -EINVAL;
	return size;
}

int hp_ucmd_respond(struct hp_ucmd *cmd);

#endif /* HUGEPOST_UCMD_H */
