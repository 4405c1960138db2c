/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Program counters that a thread's calls reach in the module, from a kernel and a
 * module built with KCOV.
 */
#ifndef HUGEPOST_RAW_KCOV_H
#define HUGEPOST_RAW_KCOV_H

#include "raw.h"

#define RAW_KCOV	"/sys/kernel/debug/kcov"
#define RAW_KCOV_WORDS	(1UL << 16)
#define RAW_KCOV_INIT	_IOR('c', 1, unsigned long)
#define RAW_KCOV_ENABLE	_IO('c', 100)

/* The buffer, on from now on in this thread; NULL if there is no such kernel. */
static inline uint64_t *raw_kcov_start(void)
{
	int fd = open(RAW_KCOV, O_RDWR | O_CLOEXEC);
	uint64_t *cover;

	if (fd < 0)
		return NULL;
	if (ioctl(fd, RAW_KCOV_INIT, RAW_KCOV_WORDS))
		return NULL;
	cover = mmap(NULL, RAW_KCOV_WORDS * sizeof(*cover),
		     PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (cover == MAP_FAILED || ioctl(fd, RAW_KCOV_ENABLE, 0))
		return NULL;
	return cover;
}

static inline void raw_kcov_begin(uint64_t *cover)
{
	if (cover)
		__atomic_store_n(cover, 0, __ATOMIC_RELAXED);
}

/* Takes what was reached since; true if any of it is new. */
static inline bool raw_kcov_new(uint64_t *cover, struct raw_shared *s)
{
	uint64_t nr = cover ? __atomic_load_n(cover, __ATOMIC_RELAXED) : 0;
	bool any = false;
	uint64_t i;

	for (i = 1; i <= nr && s->nr_pcs < RAW_PCS / 2; i++) {
		uint64_t pc = cover[i], slot = pc * 0x9e3779b97f4a7c15ULL >> 49;

		while (s->pcs[slot] && s->pcs[slot] != pc)
			slot = (slot + 1) % RAW_PCS;
		if (s->pcs[slot])
			continue;
		s->pcs[slot] = pc;
		s->nr_pcs++;
		any = true;
	}
	return any;
}

#endif /* HUGEPOST_RAW_KCOV_H */
