// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory: what comes back, what happens where there is no more, what the
 * module's own state takes, and from which node memory is.
 */
#include "hugepost_system.h"
#include "hugepost_touch.h"

#include <sys/syscall.h>

#define MIB	(1UL << 20)
#define GIB	(1UL << 30)

/* Rule: all of an object's memory comes back when it is closed. */
TEST(memory_returns)
{
	const uint64_t length = 96 * MIB;
	uint64_t before = free_memory(), i;
	int fd = hp_new(length, 4, 0);
	char *mem;

	ASSERT_GE(fd, 0);
	mem = hp_map(fd, 0, length);
	ASSERT_NE(mem, MAP_FAILED);
	for (i = 0; i < length / HP; i++)
		ASSERT_EQ(i % 3 ? hp_fill_pattern(fd, i % 4, i * SUBS, 1, 1) :
			  hp_touch(mem + i * HP, 1), 0);
	EXPECT_GE(hp_stats(fd).out_memory, length);
	EXPECT_LT(free_memory(), before - length / 2);
	munmap(mem, length);
	close(fd);
	EXPECT_TRUE(free_again(before - 8 * MIB));
}

/* An object that is not set up; for a test that may take long. */
FIXTURE(machine)
{
	int fd;
};

FIXTURE_SETUP(machine)
{
	self->fd = hp_open();
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(machine)
{
	close(self->fd);
}

/*
 * Rule: PREALLOC of more than there is fails with ENOMEM, tells how much could
 * be had, and leaves nothing allocated.
 */
TEST_F_TIMEOUT(machine, prealloc_too_big, 120)
{
	uint64_t before = free_memory();
	struct hugepost_setup arg = {
		.size = sizeof(arg),
		.flags = HUGEPOST_SETUP_PREALLOC,
		.length = (meminfo_bytes("MemTotal") + GIB) & ~(HP - 1),
	};

	EXPECT_EQ(hp_call(self->fd, HUGEPOST_SETUP, &arg), -ENOMEM);
	EXPECT_GT(arg.out_allocated, before / 4);
	EXPECT_LT(arg.out_allocated, arg.length);
	EXPECT_EQ(arg.out_allocated % HP, 0);
	EXPECT_EQ(hp_stats(self->fd).out_length, 0);
	EXPECT_EQ(hp_stats(self->fd).out_memory, 0);
	EXPECT_TRUE(free_again(before - 8 * MIB));

	/* The object can be set up still, with less. */
	EXPECT_EQ(hp_setup(self->fd, 4 * HP, 1, HUGEPOST_SETUP_PREALLOC), 0);
}

/* Rule: every channel has staging memory of its own, unless PREALLOC is set. */
TEST(staging)
{
	struct hugepost_setup arg = {
		.size = sizeof(arg), .length = 4 * HP, .channels = 64,
	};
	int fd = hp_open();
	uint32_t i;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(hp_call(fd, HUGEPOST_SETUP, &arg), 0);
	EXPECT_EQ(arg.out_allocated, 64 * HP);
	EXPECT_EQ(hp_stats(fd).out_staging, 64 * HP);
	for (i = 0; i < 64; i++)
		ASSERT_EQ(hp_fill_pattern(fd, i, (i % 4) * SUBS + i, 1, 1), 0);
	EXPECT_EQ(hp_stats(fd).out_staging, 64 * HP);
	EXPECT_EQ(hp_stats(fd).out_memory, (64 + 4) * HP);
	close(fd);

	arg.flags = HUGEPOST_SETUP_PREALLOC;
	fd = hp_open();
	ASSERT_EQ(hp_call(fd, HUGEPOST_SETUP, &arg), 0);
	EXPECT_EQ(arg.out_allocated, 4 * HP);
	EXPECT_EQ(hp_stats(fd).out_memory, 4 * HP);
	close(fd);
}

/*
 * Rule: the module's own state is at most 32 bytes a host page at rest. (A lock
 * that the kernel keeps an eye on is larger than that.)
 */
TEST(metadata)
{
	static const uint64_t lengths[] = { 64 * GIB, 1024 * GIB };
	uint64_t most = access("/proc/lockdep_stats", F_OK) ? 32 : 128;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		int fd = hp_new(lengths[i], 1, 0);
		struct hugepost_stats st;

		ASSERT_GE(fd, 0);
		ASSERT_EQ(hp_fill(fd, 0, 0, NULL, lengths[i],
				  HUGEPOST_FILL_ZERO), 0);
		st = hp_stats(fd);
		EXPECT_EQ(st.out_zero, lengths[i] / HP);
		EXPECT_LE(st.out_metadata, lengths[i] / HP * most);
		EXPECT_EQ(st.out_memory, HP);

		/* What assembling took is given back. */
		EXPECT_EQ(hp_discard(fd, 3 * HP, TP), 1);
		EXPECT_GT(hp_stats(fd).out_metadata, st.out_metadata);
		EXPECT_EQ(hp_fill(fd, 0, 3 * HP, NULL, TP, HUGEPOST_FILL_ZERO),
			  0);
		EXPECT_EQ(hp_stats(fd).out_metadata, st.out_metadata);
		close(fd);
	}
}

/* Rule: memory is from the node that SETUP named; no other node is taken. */
TEST(setup_node)
{
	uint64_t mask = nodes_with_memory();
	unsigned int node;

	for (node = 0; node < 64; node++) {
		struct hugepost_setup arg = {
			.size = sizeof(arg), .length = 4 * HP, .channels = 2,
			.flags = HUGEPOST_SETUP_NODE, .node = node,
		};
		int fd = hp_open();
		char *mem;

		ASSERT_GE(fd, 0);
		if (!(mask & (1ULL << node))) {
			EXPECT_EQ(hp_call(fd, HUGEPOST_SETUP, &arg), -EINVAL);
			close(fd);
			continue;
		}
		ASSERT_EQ(hp_call(fd, HUGEPOST_SETUP, &arg), 0);
		mem = hp_map(fd, 0, 4 * HP);
		ASSERT_NE(mem, MAP_FAILED);
		EXPECT_EQ(hp_fill_pattern(fd, 0, 0, SUBS, 1), 0);
		EXPECT_EQ(hp_fill_pattern(fd, 1, SUBS, 1, 1), 0);
		EXPECT_EQ(hp_touch(mem, -1), 0);
		EXPECT_EQ(hp_touch(mem + HP, -1), 0);
		EXPECT_EQ(hp_touch(mem + 2 * HP, 1), 0);
		EXPECT_EQ(node_of(mem + 5 * TP), node);
		EXPECT_EQ(node_of(mem + HP), node);
		EXPECT_EQ(node_of(mem + 2 * HP + TP), node);
		munmap(mem, 4 * HP);
		close(fd);
	}
}

/* From <linux/mempolicy.h>, whose library's header is another package's. */
#define POLICY_BIND	2
#define MOVE_OR_FAIL	(1 << 0 | 1 << 1)	/* MPOL_MF_STRICT, _MOVE */

/* mbind(2): memory of the range is to be @node's, 0 or -errno. */
static int bind_memory(char *mem, size_t length, unsigned int node, int flags)
{
	unsigned long want = 1UL << node;

	if (syscall(SYS_mbind, mem, length, POLICY_BIND, &want, 65, flags))
		return -errno;
	return 0;
}

/* Rule: without a node, memory follows the mapping's NUMA policy. */
TEST(mapping_policy)
{
	uint64_t mask = nodes_with_memory();
	unsigned int node;

	for (node = 0; node < 64; node++) {
		char *mem;
		int fd;

		if (!(mask & (1ULL << node)))
			continue;
		fd = hp_new(4 * HP, 2, 0);
		ASSERT_GE(fd, 0);
		mem = hp_map(fd, 0, 4 * HP);
		ASSERT_NE(mem, MAP_FAILED);
		if (bind_memory(mem, 4 * HP, node, 0))
			SKIP(return, "no NUMA policies in this kernel");
		EXPECT_EQ(hp_touch(mem, 1), 0);
		EXPECT_EQ(hp_fill_pattern(fd, 0, SUBS, 1, 1), 0);
		EXPECT_EQ(hp_touch(mem + HP, -1), 0);
		EXPECT_EQ(node_of(mem), node);
		EXPECT_EQ(node_of(mem + HP), node);
		munmap(mem, 4 * HP);
		close(fd);
	}
}

/*
 * Rule: memory stays on its node, whoever asks for it to be moved, and is told
 * that it does; what comes later follows the new policy.
 */
TEST(memory_that_cannot_move)
{
	uint64_t mask = nodes_with_memory();
	unsigned int first = __builtin_ctzll(mask);
	int fd, status, second;
	void *page;
	char *mem;

	mask &= mask - 1;
	if (!mask)
		SKIP(return, "needs two NUMA nodes, as numa=fake=2 makes");
	second = __builtin_ctzll(mask);
	fd = hp_new(4 * HP, 1, 0);
	ASSERT_GE(fd, 0);
	mem = hp_map(fd, 0, 4 * HP);
	ASSERT_NE(mem, MAP_FAILED);
	if (bind_memory(mem, 4 * HP, first, 0))
		SKIP(return, "no NUMA policies in this kernel");
	EXPECT_EQ(hp_touch(mem, 1), 0);
	EXPECT_EQ(hp_fill_pattern(fd, 0, SUBS, SUBS, 1), 0);
	EXPECT_EQ(hp_touch(mem + HP, -1), 0);

	EXPECT_EQ(bind_memory(mem, 4 * HP, second, MOVE_OR_FAIL), -EIO);
	page = mem;
	EXPECT_EQ(syscall(SYS_move_pages, 0, 1UL, &page, &second, &status, 0),
		  0);
	EXPECT_LT(status, 0);

	EXPECT_EQ(node_of(mem), first);
	EXPECT_EQ(node_of(mem + HP), first);
	EXPECT_TRUE(hp_pattern_check(mem + HP + 3 * TP, SUBS + 3, 1));
	EXPECT_EQ(hp_touch(mem + 2 * HP, 1), 0);
	EXPECT_EQ(node_of(mem + 2 * HP), second);
	munmap(mem, 4 * HP);
	close(fd);
}

TEST_HARNESS_MAIN
