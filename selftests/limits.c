// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory: who pays for it, what happens where there is no more, what comes
 * back, and from which node it is.
 */
#include "hugepost_touch.h"

#include <dirent.h>
#include <limits.h>
#include <sys/syscall.h>

#define CGROUP	"/sys/fs/cgroup"
#define MIB	(1UL << 20)
#define GIB	(1UL << 30)

/* A field of /proc/meminfo, in bytes. */
static uint64_t meminfo(const char *field)
{
	FILE *f = fopen("/proc/meminfo", "re");
	unsigned long kb = 0;
	char line[128];
	size_t n = strlen(field);

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, field, n) && line[n] == ':')
			sscanf(line + n + 1, "%lu", &kb);
	if (f)
		fclose(f);
	return (uint64_t)kb << 10;
}

/* Free memory, with what is on the processors' own free lists. */
static uint64_t free_memory(void)
{
	FILE *f = fopen("/proc/zoneinfo", "re");
	uint64_t sum = meminfo("MemFree");
	unsigned long count;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, " count: %lu", &count) == 1)
			sum += count * TP;
	if (f)
		fclose(f);
	return sum;
}

/* Is at least @want free, at once or soon? Freeing is partly deferred. */
static bool free_again(uint64_t want)
{
	unsigned int i;

	for (i = 0; i < 500 && free_memory() < want; i++)
		usleep(10000);
	return free_memory() >= want;
}

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
		.length = (meminfo("MemTotal") + GIB) & ~(HP - 1),
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

/* Rule: the module's own state is at most 32 bytes a host page at rest. */
TEST(metadata)
{
	static const uint64_t lengths[] = { 64 * GIB, 1024 * GIB };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		int fd = hp_new(lengths[i], 1, 0);
		struct hugepost_stats st;

		ASSERT_GE(fd, 0);
		ASSERT_EQ(hp_fill(fd, 0, 0, NULL, lengths[i],
				  HUGEPOST_FILL_ZERO), 0);
		st = hp_stats(fd);
		EXPECT_EQ(st.out_zero, lengths[i] / HP);
		EXPECT_LE(st.out_metadata, lengths[i] / HP * 32);
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

/* The NUMA nodes with memory, as a mask. */
static uint64_t nodes_with_memory(void)
{
	FILE *f = fopen("/sys/devices/system/node/has_memory", "re");
	unsigned int first, last;
	uint64_t mask = 0;
	char sep;

	while (f && fscanf(f, "%u", &first) == 1) {
		last = first;
		if (fscanf(f, "%c", &sep) == 1 && sep == '-' &&
		    fscanf(f, "%u%c", &last, &sep) < 1)
			break;
		for (; first <= last && first < 64; first++)
			mask |= 1ULL << first;
	}
	if (f)
		fclose(f);
	return mask ? mask : 1;
}

/* The node of the page that is mapped at @addr. */
static int node_of(char *addr)
{
	void *page = addr;
	int status = -EINVAL;

	if (syscall(SYS_move_pages, 0, 1UL, &page, NULL, &status, 0))
		return -errno;
	return status;
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

/* Rule: without a node, memory follows the mapping's NUMA policy. */
TEST(mapping_policy)
{
	const int bind = 2; /* MPOL_BIND */
	uint64_t mask = nodes_with_memory();
	unsigned int node;

	for (node = 0; node < 64; node++) {
		unsigned long want = 1UL << node;
		char *mem;
		int fd;

		if (!(mask & want))
			continue;
		fd = hp_new(4 * HP, 2, 0);
		ASSERT_GE(fd, 0);
		mem = hp_map(fd, 0, 4 * HP);
		ASSERT_NE(mem, MAP_FAILED);
		if (syscall(SYS_mbind, mem, 4 * HP, bind, &want, 65, 0))
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

/* A cgroup that this process can be moved into, and out of again. */
FIXTURE(cgroup)
{
	char path[64];
	int fd;
};

static int write_file(const char *dir, const char *name, const char *value)
{
	char path[PATH_MAX];
	int fd, ret = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/* The number in a file of the cgroup, after @key if that is given. */
static uint64_t cgroup_value(const char *dir, const char *name, const char *key)
{
	unsigned long long value = UINT64_MAX;
	char path[PATH_MAX], line[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (!key)
			sscanf(line, "%llu", &value);
		else if (!strncmp(line, key, strlen(key)) &&
			 line[strlen(key)] == ' ')
			sscanf(line + strlen(key), "%llu", &value);
	}
	if (f)
		fclose(f);
	return value;
}

static uint64_t current(const char *dir)
{
	return cgroup_value(dir, "memory.current", NULL);
}

/* Is the cgroup charged at most @want, at once or soon? */
static bool uncharged(const char *dir, uint64_t want)
{
	unsigned int i;

	for (i = 0; i < 500 && current(dir) > want; i++)
		usleep(10000);
	return current(dir) <= want;
}

static int enter(const char *dir)
{
	return write_file(dir, "cgroup.procs", "0");
}

FIXTURE_SETUP(cgroup)
{
	char max[32];

	self->fd = -1;
	write_file(CGROUP, "cgroup.subtree_control", "+memory");
	snprintf(self->path, sizeof(self->path), CGROUP "/hugepost-%d",
		 getpid());
	if (mkdir(self->path, 0755))
		SKIP(return, "no cgroup can be made in " CGROUP);
	snprintf(max, sizeof(max), "%lu", 64 * MIB);
	ASSERT_EQ(write_file(self->path, "memory.max", max), 0);
	ASSERT_EQ(enter(self->path), 0);
}

FIXTURE_TEARDOWN(cgroup)
{
	EXPECT_EQ(cgroup_value(self->path, "memory.events", "oom_kill"), 0);
	EXPECT_EQ(enter(CGROUP), 0);
	if (self->fd >= 0)
		close(self->fd);
	EXPECT_TRUE(uncharged(self->path, 4 * MIB));
	EXPECT_EQ(rmdir(self->path), 0);
}

/* Rule: PREALLOC over the limit is ENOMEM, and kills nothing. */
TEST_F(cgroup, prealloc)
{
	struct hugepost_setup arg = {
		.size = sizeof(arg), .flags = HUGEPOST_SETUP_PREALLOC,
		.length = 128 * MIB,
	};

	self->fd = hp_open();
	ASSERT_GE(self->fd, 0);
	EXPECT_EQ(hp_call(self->fd, HUGEPOST_SETUP, &arg), -ENOMEM);
	EXPECT_GE(arg.out_allocated, 48 * MIB);
	EXPECT_LE(arg.out_allocated, 64 * MIB);
	EXPECT_EQ(hp_stats(self->fd).out_length, 0);
	EXPECT_TRUE(uncharged(self->path, 4 * MIB));
	EXPECT_EQ(hp_setup(self->fd, 48 * MIB, 1, HUGEPOST_SETUP_PREALLOC), 0);
	EXPECT_GE(current(self->path), 48 * MIB);
}

/* Rule: a touch over the limit is SIGBUS for its thread, and harms no other. */
TEST_F(cgroup, touch)
{
	char *mem;
	unsigned int i, n = 0;

	self->fd = hp_new(128 * MIB, 1, 0);
	ASSERT_GE(self->fd, 0);
	mem = hp_map(self->fd, 0, 128 * MIB);
	ASSERT_NE(mem, MAP_FAILED);
	for (i = 0; i < 64; i++) {
		int sig = hp_touch(mem + i * HP, (int)i);

		n += !sig;
		EXPECT_TRUE(!sig || sig == SIGBUS);
	}
	EXPECT_GE(n, 24);
	EXPECT_LT(n, 32);
	for (i = 0; i < n; i++)
		EXPECT_EQ(mem[i * HP], (char)i);

	/* What is discarded makes room again. */
	EXPECT_EQ(hp_discard(self->fd, 0, 2 * HP), 2 * SUBS);
	EXPECT_EQ(hp_touch(mem + 63 * HP, 1), 0);
	munmap(mem, 128 * MIB);
}

/* Rule: a FILL over the limit is ENOMEM; what fitted is done and stays. */
TEST_F(cgroup, fill)
{
	struct hugepost_fill_entry e[64];
	uint64_t bits[64 * SUBS / 64];
	struct hugepost_fill out;
	char page[TP];
	unsigned int i;
	char *mem;

	memset(page, 0x5a, TP);
	for (i = 0; i < 64; i++)
		e[i] = (struct hugepost_fill_entry){
			.offset = i * HP, .src = (uintptr_t)page, .len = TP,
		};
	self->fd = hp_new(128 * MIB, 1, 0);
	ASSERT_GE(self->fd, 0);
	EXPECT_EQ(hp_fill_entries(self->fd, 0, e, 64, &out), -ENOMEM);
	EXPECT_GE(out.out_done, 24);
	EXPECT_LE(out.out_done, 32);
	EXPECT_EQ(out.out_bytes, out.out_done * TP);
	EXPECT_EQ(hp_bitmap(self->fd, 0, 128 * MIB, bits), out.out_done);
	mem = hp_map(self->fd, 0, 128 * MIB);
	ASSERT_NE(mem, MAP_FAILED);
	EXPECT_EQ(mem[(out.out_done - 1) * HP + TP - 1], 0x5a);
	munmap(mem, 128 * MIB);

	/* With room again, the rest is done; zeros need none. */
	EXPECT_EQ(hp_fill(self->fd, 0, 40 * HP, NULL, HP, HUGEPOST_FILL_ZERO),
		  0);
	ASSERT_EQ(write_file(self->path, "memory.max", "max"), 0);
	i = out.out_done;
	EXPECT_EQ(hp_fill_entries(self->fd, 0, e + i, 64 - i, &out), 0);
	EXPECT_EQ(out.out_duplicates, 1);
}

/* Rule: the module's own state over the limit is ENOMEM, too, no OOM kill. */
TEST_F(cgroup, state)
{
	struct hugepost_fill_entry e = {
		.len = 1024 * GIB, .flags = HUGEPOST_FILL_ZERO,
	};
	struct hugepost_fill out;
	int status = 0;
	pid_t pid;

	ASSERT_EQ(write_file(self->path, "memory.max", "8M"), 0);
	self->fd = hp_new(e.len, 1, 0);
	ASSERT_GE(self->fd, 0);

	/* The child is all that could be killed. */
	ASSERT_EQ(enter(CGROUP), 0);
	pid = fork();
	if (!pid) {
		if (enter(self->path))
			_exit(2);
		_exit(hp_fill_entries(self->fd, 0, &e, 1, &out) == -ENOMEM ?
		      0 : 1);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(WEXITSTATUS(status), 0);
}

/* Rule: the cgroup of SETUP pays, whoever fills or touches. */
TEST_F(cgroup, who_pays)
{
	char other[sizeof(self->path) + 8];
	uint64_t before;
	unsigned int i;
	char *mem;

	snprintf(other, sizeof(other), "%s-other", self->path);
	ASSERT_EQ(mkdir(other, 0755), 0);
	self->fd = hp_new(64 * MIB, 1, 0);
	ASSERT_GE(self->fd, 0);
	before = current(self->path);
	ASSERT_EQ(enter(other), 0);
	mem = hp_map(self->fd, 0, 64 * MIB);
	ASSERT_NE(mem, MAP_FAILED);
	for (i = 0; i < 12; i++)
		ASSERT_EQ(i % 2 ? hp_fill_pattern(self->fd, 0, i * SUBS, 1, 1) :
			  hp_touch(mem + i * HP, 1), 0);
	EXPECT_GE(current(self->path), before + 11 * HP);
	EXPECT_LT(current(other), 8 * MIB);

	/* The limit holds for it, too. */
	for (; i < 32; i++)
		if (hp_fill_pattern(self->fd, 0, i * SUBS, 1, 1))
			break;
	EXPECT_GE(i, 24);
	EXPECT_LT(i, 32);
	EXPECT_EQ(cgroup_value(other, "memory.events", "max"), 0);

	EXPECT_EQ(hp_discard(self->fd, 0, 64 * MIB), SUBS * 6 + i - 6);
	EXPECT_TRUE(uncharged(self->path, before + 2 * HP));
	munmap(mem, 64 * MIB);
	EXPECT_EQ(enter(CGROUP), 0);
	EXPECT_EQ(rmdir(other), 0);
}

/* Rule: with PREALLOC no memory is needed after SETUP, whatever is done. */
TEST_F(cgroup, prealloc_suffices)
{
	const unsigned int pages = 8;
	uint64_t max, hits, h;
	unsigned int round;
	char value[32];
	char *mem;
	int efd;

	self->fd = hp_new(pages * HP, 4, HUGEPOST_SETUP_PREALLOC);
	ASSERT_GE(self->fd, 0);
	EXPECT_EQ(hp_stats(self->fd).out_memory, pages * HP);
	ASSERT_EQ(enter(CGROUP), 0);
	mem = hp_map(self->fd, 0, pages * HP);
	ASSERT_NE(mem, MAP_FAILED);
	max = current(self->path);
	EXPECT_GE(max, pages * HP);
	snprintf(value, sizeof(value), "%llu", (unsigned long long)max);
	ASSERT_EQ(write_file(self->path, "memory.max", value), 0);
	hits = cgroup_value(self->path, "memory.events", "max");

	for (round = 0; round < 3; round++) {
		for (h = 0; h < pages; h++) {
			uint64_t tp = h * SUBS;

			switch ((h + round) % 4) {
			case 0:
				EXPECT_EQ(hp_fill_pattern(self->fd, h % 4, tp,
							  SUBS, round), 0);
				break;
			case 1:
				EXPECT_EQ(hp_fill_pattern(self->fd, h % 4, tp,
							  1, round), 0);
				EXPECT_EQ(hp_fill(self->fd, h % 4, h * HP + TP,
						  NULL, HP - TP,
						  HUGEPOST_FILL_ZERO), 0);
				break;
			case 2:
				EXPECT_EQ(hp_fill(self->fd, h % 4, h * HP, NULL,
						  HP, HUGEPOST_FILL_ZERO), 0);
				EXPECT_EQ(hp_fill(self->fd, h % 4, h * HP, mem,
						  TP, HUGEPOST_FILL_REPLACE),
					  0);
				break;
			}
			EXPECT_EQ(hp_touch(mem + h * HP + 7, (int)h), 0);
			EXPECT_EQ(hp_discard(self->fd, h * HP + 9 * TP, TP), 1);
			EXPECT_EQ(hp_touch(mem + h * HP + 9 * TP, 1), 0);
		}
		efd = hp_arm(self->fd, 0);
		ASSERT_GE(efd, 0);
		EXPECT_EQ(hp_discard(self->fd, 0, 2 * HP), 2 * SUBS);
		EXPECT_EQ(hp_fill_pattern(self->fd, 1, 1, SUBS, round), 0);
		EXPECT_TRUE(hp_pattern_check(mem + TP, 1, round));
		EXPECT_EQ(hp_reset(self->fd, 1), 0);
		EXPECT_EQ(hp_disarm(self->fd), 0);
		close(efd);
		EXPECT_EQ(hp_stats(self->fd).out_memory, pages * HP);
		EXPECT_GT(hp_discard(self->fd, 0, pages * HP), 0);
		EXPECT_EQ(hp_stats(self->fd).out_staging, pages * HP);
	}
	EXPECT_EQ(cgroup_value(self->path, "memory.events", "max"), hits);
	munmap(mem, pages * HP);
}

TEST_HARNESS_MAIN
