// SPDX-License-Identifier: GPL-2.0-only
/*
 * Settings of the host: the limit on memory, and the reserve of huge pages.
 */
#include "hugepost_system.h"
#include "nl_test.h"

#define VM	"/proc/sys/vm"

FIXTURE(settings)
{
	struct nl nl;
};

FIXTURE_SETUP(settings)
{
	ASSERT_EQ(nl_open(&self->nl), 0);
}

FIXTURE_TEARDOWN(settings)
{
	nl_module_set(&self->nl, HUGEPOST_A_MODULE_LIMIT, ~0ULL);
	nl_reserve_set(&self->nl, 0);
	close(self->nl.fd);
}

static struct nl_module module(struct nl *nl)
{
	struct nl_module m;

	if (nl_module_get(nl, NL_NO_FD, &m))
		memset(&m, 0xff, sizeof(m));
	return m;
}

/* The reserve is filled again after an object is gone, a moment later. */
static bool ready_becomes(struct nl *nl, uint64_t bytes)
{
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		if (module(nl).ready == bytes)
			return true;
		usleep(10000);
	}
	return false;
}

/*
 * Rule: no more than the limit is held, by all objects together; what is held
 * stays when it is lowered.
 */
TEST_F(settings, limit)
{
	char *page = malloc(TP);
	int one, two;

	one = hp_new(4 * HP, 1, HUGEPOST_SETUP_PREALLOC);
	ASSERT_GE(one, 0);
	ASSERT_EQ(nl_module_set(&self->nl, HUGEPOST_A_MODULE_LIMIT,
				module(&self->nl).memory + 2 * HP), 0);
	EXPECT_EQ(hp_new(4 * HP, 1, HUGEPOST_SETUP_PREALLOC), -ENOMEM);
	EXPECT_EQ(module(&self->nl).memory,
		  module(&self->nl).limit - 2 * HP);

	/* staging, and one host page; a second one is too much */
	memset(page, 1, TP);
	two = hp_new(4 * HP, 1, 0);
	ASSERT_GE(two, 0);
	EXPECT_EQ(hp_fill(two, 0, 0, page, TP, 0), 0);
	EXPECT_EQ(hp_fill(two, 0, HP, page, TP, 0), 0);
	EXPECT_EQ(hp_fill(two, 0, 2 * HP, page, TP, 0), -ENOMEM);
	EXPECT_EQ(module(&self->nl).memory, module(&self->nl).limit);

	ASSERT_EQ(nl_module_set(&self->nl, HUGEPOST_A_MODULE_LIMIT, 0), 0);
	EXPECT_EQ(hp_fill(two, 0, TP, page, TP, 0), 0);
	EXPECT_EQ(hp_fill(one, 0, 0, page, TP, 0), 0);
	EXPECT_EQ(hp_fill(two, 0, 2 * HP, page, TP, 0), -ENOMEM);
	ASSERT_EQ(nl_module_set(&self->nl, HUGEPOST_A_MODULE_LIMIT, ~0ULL), 0);
	EXPECT_EQ(hp_fill(two, 0, 2 * HP, page, TP, 0), 0);
	close(one);
	close(two);
	free(page);
}

/*
 * Rule: the reserve is there when its setting returns, is what set-up uses first,
 * comes back when the object is gone, and is given back on demand.
 */
TEST_F(settings, reserve)
{
	uint64_t base = module(&self->nl).memory;
	int fd;

	ASSERT_EQ(nl_reserve_set(&self->nl, 8 * HP),
		  0);
	EXPECT_EQ(module(&self->nl).reserve, 8 * HP);
	EXPECT_EQ(module(&self->nl).ready, 8 * HP);
	EXPECT_EQ(module(&self->nl).memory, base + 8 * HP);

	fd = hp_new(6 * HP, 1, HUGEPOST_SETUP_PREALLOC);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(module(&self->nl).ready, 2 * HP);
	EXPECT_EQ(module(&self->nl).memory, base + 8 * HP);
	close(fd);
	EXPECT_TRUE(ready_becomes(&self->nl, 8 * HP));

	ASSERT_EQ(nl_reserve_set(&self->nl, HP), 0);
	EXPECT_EQ(module(&self->nl).ready, HP);
	ASSERT_EQ(nl_reserve_set(&self->nl, 0), 0);
	EXPECT_EQ(module(&self->nl).memory, base);
}

/*
 * Rule: the limit counts the reserve, which is no larger than the limit allows;
 * set-up may use it at the limit.
 */
TEST_F(settings, reserve_and_limit)
{
	uint64_t base = module(&self->nl).memory;
	int fd;

	ASSERT_EQ(nl_module_set(&self->nl, HUGEPOST_A_MODULE_LIMIT,
				base + 4 * HP), 0);
	EXPECT_EQ(nl_reserve_set(&self->nl, base + 5 * HP), -ERANGE);
	ASSERT_EQ(nl_reserve_set(&self->nl, 4 * HP),
		  0);
	fd = hp_new(4 * HP, 1, HUGEPOST_SETUP_PREALLOC);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(module(&self->nl).ready, 0U);
	EXPECT_EQ(hp_new(HP, 1, 0), -ENOMEM);
	close(fd);
	EXPECT_TRUE(ready_becomes(&self->nl, 4 * HP));
}

static uint64_t free_blocks(void)
{
	uint64_t sum = 0, nr;
	char line[512], *p;
	FILE *f = fopen("/proc/buddyinfo", "re");
	int order, used;

	while (f && fgets(line, sizeof(line), f)) {
		p = strstr(line, "zone");
		if (!p || sscanf(p, "zone %*s%n", &used) < 0)
			continue;
		p += used;
		for (order = 0; sscanf(p, "%ju%n", &nr, &used) == 1; order++) {
			if (order >= 9)
				sum += nr << (order - 9);
			p += used;
		}
	}
	if (f)
		fclose(f);
	return sum;
}

#define KEPT_EVERY	128		/* pages, where memory is given back */

/*
 * Leaves next to no huge page free, though memory is: takes it in pages that
 * compaction leaves alone, and gives a part back but for a page here and there.
 */
static char *fragment(size_t *size)
{
	size_t i;
	char *mem;

	write_file(VM, "compact_unevictable_allowed", "0");
	write_file(VM, "drop_caches", "3");
	*size = (free_blocks() * 19 / 20) * HP;
	mem = mmap(NULL, *size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		return NULL;
	madvise(mem, *size, MADV_NOHUGEPAGE);
	if (mlock(mem, *size))
		return NULL;
	for (i = 0; i < *size * 3 / 16; i += KEPT_EVERY * TP)
		if (munlock(mem + i + TP, (KEPT_EVERY - 1) * TP) ||
		    madvise(mem + i + TP, (KEPT_EVERY - 1) * TP, MADV_DONTNEED))
			return NULL;
	return mem;
}

/*
 * Rule: with a reserve that was made in time, objects can be set up in memory
 * that is so fragmented that half of what is free cannot be had in huge pages.
 */
TEST_F(settings, reserve_and_fragmentation)
{
	const uint64_t length = 64 * HP;
	size_t size;
	char *mem;
	int fd;

	ASSERT_EQ(nl_reserve_set(&self->nl, length),
		  0);
	mem = fragment(&size);
	ASSERT_NE(mem, NULL);
	fd = hp_new(length, 1, HUGEPOST_SETUP_PREALLOC);
	EXPECT_GE(fd, 0)
		TH_LOG("with a reserve: %s", strerror(-fd));
	EXPECT_EQ(hp_new(meminfo_bytes("MemFree") / 2 / HP * HP, 1,
			 HUGEPOST_SETUP_PREALLOC), -ENOMEM);
	close(fd);
	munmap(mem, size);
	write_file(VM, "compact_unevictable_allowed", "1");
}

TEST_HARNESS_MAIN
