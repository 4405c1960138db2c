// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory and cgroups: who pays, and what happens at the limit.
 */
#include "hugepost_cgroup.h"
#include "hugepost_touch.h"
#include "nl_test.h"

#define MIB	(1UL << 20)
#define GIB	(1UL << 30)

/*
 * A cgroup with a limit, to set an object up in. All else is done from outside,
 * so that only the object is charged. A bystander sleeps in the cgroup: it is
 * the one that an OOM killer would find.
 */
FIXTURE(cgroup)
{
	char path[64];
	int fd;
	pid_t bystander;
};

FIXTURE_SETUP(cgroup)
{
	self->fd = -1;
	write_file(CGROUP, "cgroup.subtree_control", "+memory");
	snprintf(self->path, sizeof(self->path), CGROUP "/hugepost-%d",
		 getpid());
	if (mkdir(self->path, 0755))
		SKIP(return, "no cgroup can be made in " CGROUP);
	ASSERT_EQ(write_file(self->path, "memory.max", "64M"), 0);
	self->bystander = bystander_start(self->path);
	ASSERT_GT(self->bystander, 0);
}

FIXTURE_TEARDOWN(cgroup)
{
	EXPECT_EQ(cgroup_value(self->path, "memory.events", "oom"), 0);
	EXPECT_EQ(cgroup_value(self->path, "memory.events", "oom_kill"), 0);
	EXPECT_EQ(waitpid(self->bystander, NULL, WNOHANG), 0);
	kill(self->bystander, SIGKILL);
	waitpid(self->bystander, NULL, 0);
	if (self->fd >= 0)
		close(self->fd);
	EXPECT_TRUE(uncharged(self->path, MIB));
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
	ASSERT_EQ(enter(self->path), 0);
	EXPECT_EQ(hp_call(self->fd, HUGEPOST_SETUP, &arg), -ENOMEM);
	EXPECT_GE(arg.out_allocated, 48 * MIB);
	EXPECT_LE(arg.out_allocated, 64 * MIB);
	EXPECT_EQ(hp_stats(self->fd).out_length, 0);
	EXPECT_TRUE(uncharged(self->path, 4 * MIB));
	EXPECT_EQ(hp_setup(self->fd, 48 * MIB, 1, HUGEPOST_SETUP_PREALLOC), 0);
	ASSERT_EQ(enter(CGROUP), 0);
	EXPECT_GE(charged(self->path), 48 * MIB);
}

/* Rule: a touch over the limit is SIGBUS for its thread, and harms no other. */
TEST_F(cgroup, touch)
{
	char *mem;
	unsigned int i, n = 0;

	self->fd = new_in(self->path, 128 * MIB, 1, 0);
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
	self->fd = new_in(self->path, 128 * MIB, 1, 0);
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

/*
 * Rule: a channel that could not set memory aside does so as soon as there is
 * some, when it gets to another host page; until then it goes on without.
 */
TEST_F(cgroup, set_aside)
{
	self->fd = new_in(self->path, 8 * HP, 1, 0);
	ASSERT_GE(self->fd, 0);
	EXPECT_EQ(hp_stats(self->fd).out_staging, HP);
	ASSERT_EQ(limit_to_room(self->path, HP + MIB), 0);
	EXPECT_EQ(hp_fill_pattern(self->fd, 0, 0, 1, 1), 0);
	EXPECT_EQ(hp_fill_pattern(self->fd, 0, SUBS, 1, 1), 0);
	EXPECT_EQ(hp_fill_pattern(self->fd, 0, 2 * SUBS, 1, 1), -ENOMEM);
	EXPECT_EQ(hp_stats(self->fd).out_staging, 0);
	ASSERT_EQ(write_file(self->path, "memory.max", "64M"), 0);
	EXPECT_EQ(hp_fill_pattern(self->fd, 0, SUBS, 2, 1), 0);
	EXPECT_EQ(hp_stats(self->fd).out_staging, 0);
	EXPECT_EQ(hp_fill_pattern(self->fd, 0, 2 * SUBS, 1, 1), 0);
	EXPECT_EQ(hp_stats(self->fd).out_staging, HP);
}

/* Rule: the module's own state over the limit is ENOMEM, too, no OOM kill. */
TEST_F(cgroup, state)
{
	struct hugepost_fill_entry e = {
		.len = 1024 * GIB, .flags = HUGEPOST_FILL_ZERO,
	};
	struct hugepost_fill out;

	ASSERT_EQ(write_file(self->path, "memory.max", "8M"), 0);
	self->fd = new_in(self->path, e.len, 1, 0);
	ASSERT_GE(self->fd, 0);
	EXPECT_EQ(hp_fill_entries(self->fd, 0, &e, 1, &out), -ENOMEM);
	EXPECT_GT(hp_stats(self->fd).out_zero, 0);

	/* The rest is done when there is room. */
	ASSERT_EQ(write_file(self->path, "memory.max", "256M"), 0);
	EXPECT_EQ(hp_fill_entries(self->fd, 0, &e, 1, &out), 0);
	EXPECT_EQ(hp_stats(self->fd).out_zero, e.len / HP);
}

/* Rule: a SETUP whose own state is over the limit is ENOMEM, no OOM kill. */
TEST_F(cgroup, setup_state)
{
	int status = -1;
	pid_t pid;

	ASSERT_EQ(write_file(self->path, "memory.max", "1M"), 0);
	pid = fork();
	if (!pid)
		_exit(new_in(self->path, 64 * 1024 * GIB, 1, 0) != -ENOMEM);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(WEXITSTATUS(status), 0);
	EXPECT_TRUE(uncharged(self->path, MIB / 2));
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
	self->fd = new_in(self->path, 64 * MIB, 1, 0);
	ASSERT_GE(self->fd, 0);
	before = charged(self->path);
	ASSERT_EQ(enter(other), 0);
	mem = hp_map(self->fd, 0, 64 * MIB);
	ASSERT_NE(mem, MAP_FAILED);
	for (i = 0; i < 12; i++)
		ASSERT_EQ(i % 2 ? hp_fill_pattern(self->fd, 0, i * SUBS, 1, 1) :
			  hp_touch(mem + i * HP, 1), 0);
	EXPECT_GE(charged(self->path), before + 11 * HP);
	EXPECT_LT(charged(other), 8 * MIB);

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

	self->fd = new_in(self->path, pages * HP, 4, HUGEPOST_SETUP_PREALLOC);
	ASSERT_GE(self->fd, 0);
	EXPECT_EQ(hp_stats(self->fd).out_memory, pages * HP);
	mem = hp_map(self->fd, 0, pages * HP);
	ASSERT_NE(mem, MAP_FAILED);
	max = charged(self->path);
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

/*
 * Rule: memory out of the host's reserve is charged, and a cgroup that is at its
 * limit does not use the reserve up.
 */
TEST_F(cgroup, reserve)
{
	struct nl_module m = {};
	unsigned int i;
	struct nl nl;

	ASSERT_EQ(nl_open(&nl), 0);
	ASSERT_EQ(nl_reserve_set(&nl, 48 * MIB), 0);
	self->fd = new_in(self->path, 16 * MIB, 1, HUGEPOST_SETUP_PREALLOC);
	ASSERT_GE(self->fd, 0);
	EXPECT_GE(charged(self->path), 16 * MIB);
	ASSERT_EQ(nl_module_get(&nl, NL_NO_FD, &m), 0);
	EXPECT_EQ(m.ready, 32 * MIB);
	for (i = 0; i < 20; i++)
		EXPECT_EQ(new_in(self->path, 64 * MIB, 1,
				 HUGEPOST_SETUP_PREALLOC), -ENOMEM);
	for (i = 0; i < 1000 && m.ready < 48 * MIB; i++) {
		usleep(10000);
		ASSERT_EQ(nl_module_get(&nl, NL_NO_FD, &m), 0);
	}
	EXPECT_EQ(m.ready, 48 * MIB);
	EXPECT_EQ(nl_reserve_set(&nl, 0), 0);
	close(nl.fd);
}

#define CPUSET_A	CGROUP "/hugepost-a"
#define CPUSET_B	CGROUP "/hugepost-b"

/* Sets objects up by mmap() until it is killed. */
static void __attribute__((noreturn)) set_up_by_mmap(void)
{
	for (;;) {
		int fd = hp_open();
		char *mem = hp_map(fd, 0, HP);

		if (mem != MAP_FAILED)
			munmap(mem, HP);
		close(fd);
	}
}

static void __attribute__((noreturn)) dump_objects(void)
{
	struct nl nl;

	if (nl_open(&nl))
		_exit(1);
	for (;;)
		nl_object_dump(&nl, NL_NO_FD, NULL, NULL);
}

/* Moves a process from a cpuset to another one until it is killed. */
static void __attribute__((noreturn)) move(pid_t pid)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	for (;;) {
		write_file(CPUSET_A, "cgroup.procs", text);
		write_file(CPUSET_B, "cgroup.procs", text);
	}
}

/*
 * Rule: a dump, which asks for the path of each object's cgroup, does not stand
 * in the way of mmap() and of moves between cgroups, nor they in the others'.
 */
TEST(dump_and_moves)
{
	int fd, others[16];
	pid_t children[3];
	unsigned int i;
	uint64_t first, last;

	write_file(CGROUP, "cgroup.subtree_control", "+cpuset");
	mkdir(CPUSET_A, 0755);
	mkdir(CPUSET_B, 0755);
	if (write_file(CPUSET_A, "cpuset.cpus", "0") ||
	    write_file(CPUSET_B, "cpuset.cpus", "0-1"))
		SKIP(goto out, "no cpuset controller");

	for (i = 0; i < 16; i++) {
		others[i] = hp_new(HP, 1, 0);
		ASSERT_GE(others[i], 0);
	}
	children[0] = fork();
	if (!children[0])
		set_up_by_mmap();
	children[1] = fork();
	if (!children[1])
		dump_objects();
	children[2] = fork();
	if (!children[2])
		move(children[0]);

	/* Objects go on to be made, and can be. */
	fd = hp_open();
	first = hp_id(fd);
	close(fd);
	for (i = 0; i < 30; i++) {
		usleep(100000);
		fd = hp_open();
		ASSERT_GE(fd, 0);
		last = hp_id(fd);
		close(fd);
	}
	EXPECT_GT(last, first + 31);
	for (i = 0; i < 3; i++)
		kill(children[i], SIGKILL);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(waitpid(children[i], NULL, 0), children[i]);
	for (i = 0; i < 16; i++)
		close(others[i]);
out:
	rmdir(CPUSET_A);
	rmdir(CPUSET_B);
}

TEST_HARNESS_MAIN
