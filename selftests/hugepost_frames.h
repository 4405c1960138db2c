/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a mapping's pages are in the machine's memory.
 */
#ifndef HUGEPOST_FRAMES_H
#define HUGEPOST_FRAMES_H

#include "hugepost_test.h"

#define MEMORY	"/sys/devices/system/memory"

/* The number of the page frame that is mapped at @addr, 0 if there is none. */
static inline uint64_t frame_of(const char *addr)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	if (fd >= 0 && pread(fd, &entry, sizeof(entry),
			     (off_t)((uintptr_t)addr / TP * sizeof(entry))) !=
		       sizeof(entry))
		entry = 0;
	close(fd);
	return entry >> 63 ? entry & ((1ULL << 55) - 1) : 0;
}

#endif /* HUGEPOST_FRAMES_H */
