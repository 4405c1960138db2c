// SPDX-License-Identifier: GPL-2.0-only
/*
 * No byte that was not filled is ever seen: free memory is poisoned with a
 * marker, then everything that can be read of objects is searched for it. Only
 * means something where the kernel does not clear pages on allocation
 * (init_on_alloc=0); the first test checks that it does not.
 */
#include "hugepost_system.h"

#include <sched.h>
#include <sys/sysinfo.h>

#define MARKER	0x5ec2e7b1a5edfadeULL
/* What a kernel booted with page_poison=1 writes over it instead. */
#define PAGE_POISON 0xaaaaaaaaaaaaaaaaULL
#define PAGES	8			/* host pages of the object */

/*
 * Writes the marker over @percent of free memory and gives it back. What a
 * first pass leaves out the allocator hands out first to a second one.
 */
static bool poison_free_memory(unsigned int percent)
{
	struct sysinfo info;
	uint64_t *p;
	size_t len, i;

	if (sysinfo(&info))
		return false;
	len = info.freeram / 100 * percent / HP * HP;
	p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return false;
	madvise(p, len, MADV_HUGEPAGE);
	for (i = 0; i < len / sizeof(*p); i++)
		p[i] = MARKER;
	return !munmap(p, len);
}

static uint64_t count_markers(const void *mem, size_t len)
{
	const uint64_t *p = mem;
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < len / sizeof(*p); i++)
		n += p[i] == MARKER || p[i] == PAGE_POISON;
	return n;
}

static bool pages_cleared_on_allocation(void)
{
	char buf[4096] = "";
	FILE *f = fopen("/proc/cmdline", "re");

	if (f) {
		if (!fgets(buf, sizeof(buf), f))
			buf[0] = 0;
		fclose(f);
	}
	return !strstr(buf, "init_on_alloc=0");
}

FIXTURE(stale)
{
	int fd;
	char *mem;
	char *buf;
};

FIXTURE_VARIANT(stale)
{
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(stale, demand)
{
	.flags = 0,
};

FIXTURE_VARIANT_ADD(stale, prealloc)
{
	.flags = HUGEPOST_SETUP_PREALLOC,
};

FIXTURE_SETUP(stale)
{
	if (pages_cleared_on_allocation())
		SKIP(return, "needs a kernel booted with init_on_alloc=0");
	self->buf = malloc(2 * HP);
	ASSERT_NE(self->buf, NULL);
	memset(self->buf, 0x5a, 2 * HP);
	self->fd = hp_new(PAGES * HP, 2, variant->flags);
	ASSERT_GE(self->fd, 0);
	self->mem = hp_map(self->fd, 0, PAGES * HP);
	ASSERT_NE(self->mem, MAP_FAILED);
}

FIXTURE_TEARDOWN(stale)
{
	uint64_t *p = (uint64_t *)self->mem;
	size_t i;

	/* What this object had is marked again for the next one. */
	for (i = 0; i < PAGES * HP / sizeof(*p); i++)
		p[i] = MARKER;
	munmap(self->mem, PAGES * HP);
	close(self->fd);
	free(self->buf);
}

/* Rule: a zero-filled host page holds zeros only. */
TEST_F(stale, zero_fill)
{
	const uint64_t *p = (uint64_t *)self->mem;
	uint64_t other = 0;
	size_t i;

	for (i = 0; i < PAGES * HP / sizeof(*p); i++)
		other += p[i] != 0;
	EXPECT_EQ(other, 0);
}

/* Rule: while a host page assembles, only its present pages can be read. */
TEST_F(stale, assembling)
{
	unsigned int i;
	int efd;

	for (i = 0; i < PAGES * SUBS; i += 5)
		ASSERT_EQ(hp_fill(self->fd, i % 2, i * TP, self->buf, TP, 0),
			  0);
	efd = hp_arm(self->fd, 0);
	ASSERT_GE(efd, 0);
	for (i = 0; i < PAGES * SUBS; i += 5)
		ASSERT_EQ(count_markers(self->mem + i * TP, TP), 0);
	/* All that is mapped is what was touched: no fault-around. */
	EXPECT_EQ(hp_smaps(self->mem, PAGES * HP, "Rss"),
		  (PAGES * SUBS + 4) / 5 * TP);
	ASSERT_EQ(hp_disarm(self->fd), 0);
	close(efd);
	EXPECT_EQ(count_markers(self->mem, PAGES * HP), 0);
}

/* Rule: zero target pages are cleared before they share a folio. */
TEST_F(stale, zero_target_pages)
{
	unsigned int i;

	for (i = 0; i < SUBS; i += 2)
		ASSERT_EQ(hp_fill(self->fd, 0, i * TP, NULL, TP,
				  HUGEPOST_FILL_ZERO), 0);
	ASSERT_EQ(hp_fill(self->fd, 1, TP, self->buf, TP, 0), 0);
	for (i = 0; i < SUBS; i += 2)
		ASSERT_EQ(hp_fill(self->fd, 0, HP + i * TP, NULL, TP,
				  HUGEPOST_FILL_ZERO), 0);
	EXPECT_EQ(count_markers(self->mem, 2 * HP), 0);
}

/* Rule: a discarded target page shows neither its old bytes nor others'. */
TEST_F(stale, discarded)
{
	uint64_t *p = (uint64_t *)self->buf;
	size_t i;

	for (i = 0; i < HP / sizeof(*p); i++)
		p[i] = MARKER;
	ASSERT_EQ(hp_fill(self->fd, 0, 0, self->buf, HP, 0), 0);
	EXPECT_EQ(count_markers(self->mem, HP), HP / sizeof(*p));
	EXPECT_EQ(hp_discard(self->fd, 8 * TP, 4 * TP), 4);
	EXPECT_EQ(count_markers(self->mem, HP), (HP - 4 * TP) / sizeof(*p));
	EXPECT_EQ(hp_discard(self->fd, 0, HP), SUBS);
	EXPECT_EQ(count_markers(self->mem, HP), 0);
}

/* Rule: a fill that failed half-way leaves nothing of the rest to be seen. */
TEST_F(stale, failed_fill)
{
	char *edge = mmap(NULL, 3 * TP, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(edge, MAP_FAILED);
	memset(edge, 1, TP + 100);
	ASSERT_EQ(munmap(edge + 2 * TP, TP), 0);
	EXPECT_EQ(hp_fill(self->fd, 0, 0, edge + 100, 3 * TP, 0), -EFAULT);
	EXPECT_EQ(count_markers(self->mem, HP), 0);
	munmap(edge, 2 * TP);
}

/* Rule: outputs of ioctls and events carry no stale bytes. */
TEST_F(stale, outputs)
{
	struct hugepost_channel_stats ch[2];
	struct hugepost_stats st;
	uint64_t bits[PAGES * SUBS / 64];

	st = hp_stats(self->fd);
	EXPECT_EQ(count_markers(&st, sizeof(st)), 0);
	ASSERT_EQ(hp_channel_stats(self->fd, 2, ch), 0);
	EXPECT_EQ(count_markers(ch, sizeof(ch)), 0);
	ASSERT_EQ(hp_bitmap(self->fd, 0, PAGES * HP, bits), 0);
	EXPECT_EQ(count_markers(bits, sizeof(bits)), 0);
}

/*
 * Rule: the other tests prove something: in physical memory the target pages
 * of a staging folio that nobody filled do hold the marker.
 */
TEST_F(stale, search_can_find)
{
	uint64_t frame, found = 0;
	unsigned int i;

	for (i = 0; i < PAGES; i++) {
		ASSERT_EQ(hp_fill(self->fd, 0, i * HP, self->buf, TP, 0), 0);
		EXPECT_EQ(self->mem[i * HP], 0x5a);
		frame = frame_of(self->mem + i * HP);
		ASSERT_NE(frame, 0);
		ASSERT_EQ(read_frames(frame, self->buf + HP, HP), 0);
		EXPECT_EQ(memcmp(self->buf + HP, self->buf, TP), 0);
		found += count_markers(self->buf + HP + TP, HP - TP);
	}
	EXPECT_GT(found, 0);
}

/*
 * Each CPU keeps free huge pages of its own: with one for all tests, what a test
 * marked before it ended is what the next one gets.
 */
static bool stay_on_one_cpu(void)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(sched_getcpu(), &cpus);
	return !sched_setaffinity(0, sizeof(cpus), &cpus);
}

static void __attribute__((constructor)) poison_before_tests(void)
{
	if (!stay_on_one_cpu())
		ksft_exit_fail_msg("cannot stay on one CPU\n");
	if (!pages_cleared_on_allocation() &&
	    (!poison_free_memory(70) || !poison_free_memory(60)))
		ksft_exit_fail_msg("free memory cannot be marked\n");
}

TEST_HARNESS_MAIN
