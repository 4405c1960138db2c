// SPDX-License-Identifier: GPL-2.0-only
/*
 * No memory: a cgroup at its limit, a machine whose memory is used up, and one
 * whose free memory is in pieces. What needs none goes on, what needs some says
 * so, and no byte is wrong.
 */
#include "hugepost_cgroup.h"
#include "hugepost_touch.h"

#include <sys/prctl.h>

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

#define MIB	(1UL << 20)
#define VM	"/proc/sys/vm"

/* Host pages in each state, for a limit to meet them. */
enum { STAGED, ZEROS, ZERO, HUGE, EMPTY, ARMED, SPARE, STATES };

FIXTURE(limit)
{
	char path[64];
	char page[TP];
	int fd;
	char *mem;
};

FIXTURE_SETUP(limit)
{
	write_file(CGROUP, "cgroup.subtree_control", "+memory");
	snprintf(self->path, sizeof(self->path), CGROUP "/hugepost-%d",
		 getpid());
	if (mkdir(self->path, 0755))
		SKIP(return, "no cgroup can be made in " CGROUP);
	self->fd = new_in(self->path, STATES * HP, 1, 0);
	ASSERT_GE(self->fd, 0);
	self->mem = hp_map(self->fd, 0, STATES * HP);
	ASSERT_NE(self->mem, MAP_FAILED);
	memset(self->page, 0x5a, TP);
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, STAGED * SUBS, 1, 1), 0);
	ASSERT_EQ(hp_fill(self->fd, 0, ZEROS * HP, NULL, TP,
			  HUGEPOST_FILL_ZERO), 0);
	ASSERT_EQ(hp_fill(self->fd, 0, ZERO * HP, NULL, HP,
			  HUGEPOST_FILL_ZERO), 0);
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, HUGE * SUBS, SUBS, 1), 0);

	/* Room for small things; what the channel has ready goes, too. */
	ASSERT_EQ(limit_to_room(self->path, MIB), 0);
	ASSERT_EQ(hp_fill(self->fd, 0, SPARE * HP, self->page, TP, 0), 0);
}

FIXTURE_TEARDOWN(limit)
{
	EXPECT_EQ(cgroup_value(self->path, "memory.events", "oom_kill"), 0);
	munmap(self->mem, STATES * HP);
	close(self->fd);
	EXPECT_TRUE(uncharged(self->path, MIB));
	EXPECT_EQ(rmdir(self->path), 0);
}

/*
 * Rule: at the limit, host pages that have memory take all target pages; others
 * are left as they were, by fills and by touches, and go on when there is room.
 */
TEST_F(limit, each_state)
{
	struct hugepost_event event;
	struct hp_toucher waiter;
	const int none[] = { ZEROS, EMPTY };
	unsigned int i;
	int efd;

	EXPECT_EQ(hp_fill_pattern(self->fd, 0, STAGED * SUBS, SUBS, 1), 0);
	EXPECT_EQ(hp_touch(self->mem + HUGE * HP, 3), 0);
	for (i = 0; i < 2; i++) {
		uint64_t at = none[i] * HP + TP;

		EXPECT_EQ(hp_fill(self->fd, 0, at, self->page, TP, 0), -ENOMEM);
		EXPECT_EQ(hp_fill(self->fd, 0, at, NULL, TP,
				  HUGEPOST_FILL_ZERO), 0);
		EXPECT_EQ(hp_touch(self->mem + at, -1), SIGBUS);
	}
	EXPECT_EQ(hp_touch(self->mem + ZERO * HP, 1), SIGBUS);
	EXPECT_EQ(hp_fill(self->fd, 0, ZERO * HP, self->page, TP,
			  HUGEPOST_FILL_REPLACE), -ENOMEM);
	EXPECT_EQ(hp_fill(self->fd, 0, ZERO * HP, self->page, TP, 0), 0);

	/* Who waits goes on waiting while there is no memory. */
	efd = hp_arm(self->fd, 0);
	ASSERT_GE(efd, 0);
	hp_toucher_start(&waiter, self->mem + ARMED * HP, -1);
	ASSERT_EQ(hp_read_event(efd, &event), 0);
	EXPECT_EQ(event.offset, ARMED * HP);
	EXPECT_EQ(hp_fill_pattern(self->fd, 0, ARMED * SUBS, 1, 1), -ENOMEM);
	EXPECT_FALSE(waiter.done);

	ASSERT_EQ(write_file(self->path, "memory.max", "max"), 0);
	EXPECT_EQ(hp_fill_pattern(self->fd, 0, ARMED * SUBS, 1, 1), 0);
	EXPECT_EQ(hp_toucher_end(&waiter), hp_pattern(ARMED * SUBS, 1, 0));
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(self->mem[none[i] * HP + TP], 0);
		EXPECT_EQ(hp_fill(self->fd, 0, none[i] * HP + 2 * TP,
				  self->page, TP, 0), 0);
		EXPECT_EQ(self->mem[none[i] * HP + 2 * TP], 0x5a);
	}
	EXPECT_EQ(self->mem[ZEROS * HP], 0);
	EXPECT_EQ(self->mem[ZERO * HP], 0);
	for (i = 0; i < SUBS; i++) {
		ASSERT_TRUE(hp_pattern_check(self->mem + i * TP, i, 1));
		if (i)
			ASSERT_TRUE(hp_pattern_check(self->mem + HUGE * HP +
						     i * TP, HUGE * SUBS + i,
						     1));
	}
	close(efd);
}

#define LEFT	(160 * MIB)	/* more than the kernel keeps for itself */

/*
 * Takes memory until little is left, and after a word from @go all there is,
 * until it is killed for it, before anybody else. No huge pages: of those the
 * kernel gathers gigabytes before it frees any, and looks for another victim
 * meanwhile.
 */
static void __attribute__((noreturn)) take_all(int ready, int go)
{
	bool told = false;
	char byte;

	prctl(PR_SET_NAME, "hog");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) ||
	    write_file("/proc/self", "oom_score_adj", "1000"))
		_exit(1);
	for (;;) {
		if (!told && meminfo_bytes("MemFree") < LEFT) {
			if (write(ready, "", 1) != 1 || read(go, &byte, 1) != 1)
				_exit(1);
			told = true;
		}
		mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	}
}

FIXTURE(machine)
{
	unsigned int pages;	/* host pages: half of the free memory */
	int fd;
	char *mem;
};

FIXTURE_SETUP(machine)
{
	self->pages = meminfo_bytes("MemFree") / HP / 2;
	self->fd = hp_new(self->pages * HP, 2, 0);
	ASSERT_GE(self->fd, 0);
	self->mem = hp_map(self->fd, 0, self->pages * HP);
	ASSERT_NE(self->mem, MAP_FAILED);
}

FIXTURE_TEARDOWN(machine)
{
	munmap(self->mem, self->pages * HP);
	close(self->fd);
}

/* Fills or touches the host page: 0, or -ENOMEM as both say it. */
static int populate(int fd, char *mem, unsigned int page)
{
	int sig;

	if (page % 2)
		return hp_fill_pattern(fd, 0, page * SUBS, 1, 1);
	sig = hp_touch(mem + page * HP, 7);
	return sig == SIGBUS ? -ENOMEM : sig;
}

/*
 * Rule: while all memory is used up, a fill is done or is ENOMEM, a touch is
 * done or is SIGBUS, and nobody but who used it up is killed for it.
 */
TEST_F(machine, used_up)
{
	int ready[2], go[2], ret = 0, status = 0;
	unsigned int i = 0;
	pid_t hog, gone = 0;
	char byte;

	ASSERT_EQ(pipe(ready), 0);
	ASSERT_EQ(pipe(go), 0);
	hog = fork();
	if (!hog)
		take_all(ready[1], go[0]);
	ASSERT_GT(hog, 0);
	ASSERT_EQ(read(ready[0], &byte, 1), 1);
	while (!ret && i < self->pages)
		ret = populate(self->fd, self->mem, i++);
	EXPECT_EQ(ret, -ENOMEM);
	ASSERT_EQ(write(go[1], "", 1), 1);

	for (i = 0; !gone; i = (i + 1) % self->pages) {
		ret = populate(self->fd, self->mem, i);
		ASSERT_TRUE(!ret || ret == -ENOMEM);
		gone = waitpid(hog, &status, WNOHANG);
	}
	/* Those that had none get some when it is gone. */
	for (i = 0; i < self->pages; i++)
		ASSERT_EQ(populate(self->fd, self->mem, i), 0);
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(WTERMSIG(status), SIGKILL);
	for (i = 0; i < self->pages; i++)
		ASSERT_TRUE(i % 2 ? hp_pattern_check(self->mem + i * HP,
						     i * SUBS, 1) :
			    self->mem[i * HP] == 7 && !self->mem[i * HP + TP]);
	for (i = 0; i < 2; i++) {
		close(ready[i]);
		close(go[i]);
	}
}

/*
 * Rule: where memory is free, but not in one piece of 2 MiB, a fill is ENOMEM, a
 * touch SIGBUS and a SETUP ENOMEM; what needs no such piece works.
 */
TEST_F(machine, fragmented)
{
	const size_t size = 256 * MIB;
	unsigned int n = 0, most, taken = 0;
	int fd, rest[200];
	char *mem;
	size_t i;

	if (write_file(VM, "compact_unevictable_allowed", "0"))
		SKIP(return, "the kernel compacts locked memory");
	/* Most of the memory is in use, and what is not is broken up. */
	fd = hp_new((meminfo_bytes("MemFree") - size - LEFT) & ~(HP - 1), 1,
		    HUGEPOST_SETUP_PREALLOC);
	ASSERT_GE(fd, 0);
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(mem, MAP_FAILED);
	ASSERT_EQ(madvise(mem, size, MADV_NOHUGEPAGE), 0);
	ASSERT_EQ(mlock(mem, size), 0);
	for (i = 0; i < size; i += 2 * TP)
		if (madvise(mem + i, TP, MADV_DONTNEED_LOCKED))
			break;
	if (i < size)
		SKIP(goto out, "the kernel keeps locked memory");
	/*
	 * The kernel's caches give way, now or later: what comes of them in one
	 * piece goes, too.
	 */
	for (i = 0; i < 10 && taken < ARRAY_SIZE(rest);) {
		rest[taken] = hp_new(HP, 1, HUGEPOST_SETUP_PREALLOC);
		if (rest[taken] >= 0) {
			taken++;
		} else {
			i++;
			usleep(100000);
		}
	}
	ASSERT_LT(taken, ARRAY_SIZE(rest));

	most = self->pages < 100 ? self->pages : 100;
	for (; n < most; n++)
		if (hp_fill_pattern(self->fd, 0, n * SUBS, 1, 1))
			break;
	EXPECT_LT(n, most);
	EXPECT_GT(meminfo_bytes("MemFree"), size / 4);
	EXPECT_EQ(hp_fill_pattern(self->fd, 0, n * SUBS, 1, 1), -ENOMEM);
	EXPECT_EQ(hp_touch(self->mem + n * HP, 1), SIGBUS);
	EXPECT_EQ(hp_new(HP, 1, 0), -ENOMEM);
	EXPECT_EQ(hp_fill(self->fd, 0, (n + 1) * HP, NULL, HP,
			  HUGEPOST_FILL_ZERO), 0);
	if (n)
		EXPECT_EQ(hp_fill_pattern(self->fd, 0, 1, 9, 1), 0);
out:
	while (taken--)
		close(rest[taken]);
	munmap(mem, size);
	close(fd);
	EXPECT_EQ(hp_fill_pattern(self->fd, 0, n * SUBS, SUBS, 1), 0);
	for (i = 0; i < n * SUBS; i += SUBS)
		EXPECT_TRUE(hp_pattern_check(self->mem + i * TP, i, 1));
	write_file(VM, "compact_unevictable_allowed", "1");
}

TEST_HARNESS_MAIN
