// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who tracks what a guest writes, by userfaultfd's asynchronous write protection
 * and PAGEMAP_SCAN (Linux 6.7), or by soft-dirty bits, misses no write.
 */
#include "hugepost_system.h"

#include <linux/userfaultfd.h>
#include <sys/syscall.h>

#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC	(1 << 15)
#endif

#ifndef PAGEMAP_SCAN
#define PAGE_IS_WRITTEN		(1 << 1)
#define PM_SCAN_WP_MATCHING	(1 << 0)
#define PM_SCAN_CHECK_WPASYNC	(1 << 1)

struct page_region {
	uint64_t start;
	uint64_t end;
	uint64_t categories;
};

struct pm_scan_arg {
	uint64_t size;
	uint64_t flags;
	uint64_t start;
	uint64_t end;
	uint64_t walk_end;
	uint64_t vec;
	uint64_t vec_len;
	uint64_t max_pages;
	uint64_t category_inverted;
	uint64_t category_mask;
	uint64_t category_anyof_mask;
	uint64_t return_mask;
};

#define PAGEMAP_SCAN		_IOWR('f', 16, struct pm_scan_arg)
#endif

#define PAGE	7			/* the target page that is written */

FIXTURE(tracking)
{
	int fd;
	int uffd;
	int pagemap;
	char *mem;
};

FIXTURE_SETUP(tracking)
{
	struct uffdio_api api = {
		.api = UFFD_API, .features = UFFD_FEATURE_WP_ASYNC,
	};
	struct uffdio_register range = {
		.mode = UFFDIO_REGISTER_MODE_WP, .range.len = HP,
	};

	self->uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (self->uffd < 0 || ioctl(self->uffd, UFFDIO_API, &api))
		SKIP(return, "the kernel has no asynchronous write protection");
	self->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	ASSERT_GE(self->pagemap, 0);
	self->fd = hp_new(HP, 1, 0);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, SUBS, 0), 0);
	self->mem = hp_map(self->fd, 0, HP);
	ASSERT_NE(self->mem, MAP_FAILED);
	range.range.start = (uintptr_t)self->mem;
	ASSERT_EQ(ioctl(self->uffd, UFFDIO_REGISTER, &range), 0);
}

FIXTURE_TEARDOWN(tracking)
{
	munmap(self->mem, HP);
	close(self->fd);
	close(self->pagemap);
	close(self->uffd);
}

/* Was the target page written since the last look? -errno. */
static int written(int pagemap, const char *mem, unsigned int page)
{
	const uint64_t at = (uintptr_t)mem + page * TP;
	struct page_region regions[SUBS];
	struct pm_scan_arg arg = {
		.size = sizeof(arg),
		.flags = PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC,
		.start = (uintptr_t)mem,
		.end = (uintptr_t)mem + HP,
		.vec = (uintptr_t)regions,
		.vec_len = SUBS,
		.category_mask = PAGE_IS_WRITTEN,
		.return_mask = PAGE_IS_WRITTEN,
	};
	int n = ioctl(pagemap, PAGEMAP_SCAN, &arg), i;

	for (i = 0; i < n; i++)
		if (regions[i].start <= at && at < regions[i].end)
			return 1;
	return n < 0 ? -errno : 0;
}

/* Rule: each write after a look is seen by the next one, of huge pages, too. */
TEST_F(tracking, writes_are_seen)
{
	volatile char *byte = self->mem + PAGE * TP;
	unsigned int i;

	*byte = 1;
	EXPECT_EQ(written(self->pagemap, self->mem, PAGE), 1);
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(written(self->pagemap, self->mem, PAGE), 0);
		*byte = 2 + i;
		EXPECT_EQ(written(self->pagemap, self->mem, PAGE), 1);
		EXPECT_EQ(*byte, 2 + i);
	}
}

/* Rule: the same for soft-dirty bits. */
TEST(soft_dirty_bits_are_set)
{
	int fd = hp_new(HP, 1, 0);
	volatile char *byte;
	unsigned int i;
	char *mem;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(hp_fill_pattern(fd, 0, 0, SUBS, 0), 0);
	mem = hp_map(fd, 0, HP);
	ASSERT_NE(mem, MAP_FAILED);
	byte = mem + PAGE * TP;
	*byte = 1;
	if (!soft_dirty(mem + PAGE * TP))
		SKIP(return, "the kernel has no soft-dirty bits");
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(write_file("/proc/self", "clear_refs", "4"), 0);
		EXPECT_FALSE(soft_dirty(mem + PAGE * TP));
		EXPECT_EQ(*byte, 1 + i);
		*byte = 2 + i;
		EXPECT_TRUE(soft_dirty(mem + PAGE * TP));
		EXPECT_EQ(*byte, 2 + i);
	}
	munmap(mem, HP);
	close(fd);
}

TEST_HARNESS_MAIN
