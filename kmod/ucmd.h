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

/*
 * An ioctl: its structure, the last field that the first version of the
 * structure had, the flags it knows, and whether the object has to be set up.
 */
struct hp_ioctl_op {
	unsigned int size;
	unsigned int min_size;
	unsigned int cmd;
	u32 flags;
	bool needs_setup;
	int (*execute)(struct hp_object *obj, struct hp_ucmd *cmd);
};

#define HP_OP(_name, _fn, _struct, _last, _flags, _setup)                      \
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
		.needs_setup = _setup,                                         \
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

long hp_ucmd_run(struct hp_object *obj, const struct hp_ioctl_op *op,
		 unsigned long uarg);
int hp_ucmd_respond(struct hp_ucmd *cmd);

#endif /* HUGEPOST_UCMD_H */
