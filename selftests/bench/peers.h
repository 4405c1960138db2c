/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a user would take instead of hugepost: userfaultfd, on pages of 4 KiB, on
 * huge pages of hugetlbfs and on transparent ones.
 */
#ifndef HUGEPOST_BENCH_PEERS_H
#define HUGEPOST_BENCH_PEERS_H

#include <linux/memfd.h>
#include <linux/userfaultfd.h>

#include "bench.h"

/* 6.8; headers of older systems do not have it. */
#ifndef UFFDIO_MOVE
struct uffdio_move {
	__u64 dst;
	__u64 src;
	__u64 len;
	__u64 mode;
	__s64 move;
};

#define UFFDIO_MOVE	_IOWR(UFFDIO, 0x05, struct uffdio_move)
#endif
#define FEATURE_MOVE	(1ULL << 16)

/* A userfaultfd, or -errno where the kernel does not have all @features. */
static inline int peer_uffd(uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (ioctl(fd, UFFDIO_API, &api)) {
		int ret = -errno;

		close(fd);
		return ret;
	}
	return fd;
}

static inline void peer_register(int fd, void *mem, size_t len, uint64_t mode)
{
	struct uffdio_register arg = {
		.range = { .start = (uintptr_t)mem, .len = len },
		.mode = mode,
	};

	if (ioctl(fd, UFFDIO_REGISTER, &arg))
		die("UFFDIO_REGISTER");
}

static inline void peer_copy(int fd, void *dst, const void *src, size_t len)
{
	struct uffdio_copy arg = {
		.dst = (uintptr_t)dst,
		.src = (uintptr_t)src,
		.len = len,
	};

	if (ioctl(fd, UFFDIO_COPY, &arg))
		die("UFFDIO_COPY");
}

static inline void peer_continue(int fd, void *dst, size_t len)
{
	struct uffdio_continue arg = {
		.range = { .start = (uintptr_t)dst, .len = len },
	};

	if (ioctl(fd, UFFDIO_CONTINUE, &arg))
		die("UFFDIO_CONTINUE");
}

static inline void peer_move(int fd, void *dst, void *src, size_t len)
{
	struct uffdio_move arg = {
		.dst = (uintptr_t)dst,
		.src = (uintptr_t)src,
		.len = len,
	};

	if (ioctl(fd, UFFDIO_MOVE, &arg))
		die("UFFDIO_MOVE");
}

/* Memory of hugetlbfs' pages of 2^@shift bytes; @mem2 is a second mapping. */
static inline char *peer_hugetlb(size_t len, unsigned int shift, char **mem2)
{
	int fd = (int)syscall(SYS_memfd_create, "peer",
			      MFD_CLOEXEC | MFD_HUGETLB |
			      (shift << MFD_HUGE_SHIFT));
	char *mem;

	if (fd < 0 || ftruncate(fd, (off_t)len))
		die("hugetlbfs");
	mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED)
		die("huge pages (are enough reserved, as by vm.nr_hugepages?)");
	if (mem2) {
		*mem2 = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			     0);
		if (*mem2 == MAP_FAILED)
			die("a second mapping of huge pages");
	}
	close(fd);
	return mem;
}

/* Anonymous memory, aligned to huge pages; @huge: made of them. */
static inline char *peer_anonymous(size_t len, bool huge)
{
	char *mem = mmap(NULL, len + HP, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (mem == MAP_FAILED)
		die("memory");
	mem += -(uintptr_t)mem % HP;
	madvise(mem, len, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return mem;
}

#endif /* HUGEPOST_BENCH_PEERS_H */
