// SPDX-License-Identifier: LGPL-2.1-or-later
/* Calls on an object's memory that are one ioctl each. */
#include "internal.h"

int hugepost_object_discard(struct hugepost_object *obj, uint64_t offset, uint64_t length,
			    uint64_t *pages)
{
	struct hugepost_discard discard = {
		.size = sizeof(discard),
		.offset = offset,
		.length = length,
	};
	int ret = hp_ioctl(obj, HUGEPOST_DISCARD, &discard);

	if (pages)
		*pages = discard.out_pages;
	return ret;
}

int hugepost_object_trim(struct hugepost_object *obj, uint64_t offset, uint64_t length,
			 uint64_t *bytes)
{
	struct hugepost_trim trim = {
		.size = sizeof(trim),
		.offset = offset,
		.length = length,
	};
	int ret = hp_ioctl(obj, HUGEPOST_TRIM, &trim);

	if (bytes)
		*bytes = trim.out_bytes;
	return ret;
}

int hugepost_object_bitmap(struct hugepost_object *obj, uint64_t offset, uint64_t length,
			   uint64_t *bits, uint64_t *present)
{
	struct hugepost_bitmap bitmap = {
		.size = sizeof(bitmap),
		.offset = offset,
		.length = length,
		.bitmap = (uintptr_t)bits,
	};
	int ret = hp_ioctl(obj, HUGEPOST_BITMAP, &bitmap);

	if (present)
		*present = bitmap.out_present;
	return ret;
}

int hugepost_object_install(struct hugepost_object *obj, void *addr, size_t length, uint64_t *huge,
			    uint64_t *single)
{
	struct hugepost_install install = {
		.size = sizeof(install),
		.addr = (uintptr_t)addr,
		.length = length,
	};
	int ret = hp_ioctl(obj, HUGEPOST_INSTALL, &install);

	if (huge)
		*huge = install.out_huge;
	if (single)
		*single = install.out_single;
	return ret;
}

int hugepost_object_stats(struct hugepost_object *obj, struct hugepost_stats *stats)
{
	*stats = (struct hugepost_stats){ .size = sizeof(*stats) };
	return hp_ioctl(obj, HUGEPOST_STATS, stats);
}
