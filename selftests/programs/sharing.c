// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects and processes: what a fork inherits, one object in two processes,
 * and two objects that must not know of each other.
 */
#include "hugepost_peer.h"

FIXTURE(shared)
{
	struct peer peer;
	int fd;
	char *mem;
};

/* One object, mapped by this process and by the peer. */
FIXTURE_SETUP(shared)
{
	ASSERT_EQ(peer_start(&self->peer), 0);
	self->fd = hp_new(PAGES * HP, 2, 0);
	ASSERT_GE(self->fd, 0);
	self->mem = hp_map(self->fd, 0, PAGES * HP);
	ASSERT_NE(self->mem, MAP_FAILED);
	peer_ask(&self->peer, PEER_TAKE, 0, 0);
	ASSERT_EQ(send_fd(self->peer.sock, self->fd), 0);
	ASSERT_EQ(peer_answer(&self->peer), 0);
}

FIXTURE_TEARDOWN(shared)
{
	hp_disarm(self->fd);
	peer_end(&self->peer);
	munmap(self->mem, PAGES * HP);
	close(self->fd);
}

/* Rule: a page that one process fills is there for both, filled once. */
TEST_F(shared, fill)
{
	struct hugepost_channel_stats ch[2];

	ASSERT_EQ(hp_fill_pattern(self->fd, 1, 0, SUBS, 1), 0);
	EXPECT_EQ(peer_call(&self->peer, PEER_CHECK, 17, 1), 1);
	EXPECT_EQ(peer_call(&self->peer, PEER_FILL, 17, 2), 0);
	EXPECT_EQ(peer_call(&self->peer, PEER_FILL, SUBS, 2), 0);
	EXPECT_TRUE(hp_pattern_check(self->mem + 17 * TP, 17, 1));
	EXPECT_TRUE(hp_pattern_check(self->mem + HP, SUBS, 2));
	EXPECT_EQ(peer_call(&self->peer, PEER_BITMAP, 0, 0), SUBS + 1);
	ASSERT_EQ(hp_channel_stats(self->fd, 2, ch), 0);
	EXPECT_EQ(ch[0].duplicates, 1);
	EXPECT_EQ(ch[0].pages, 1);
	EXPECT_EQ(ch[1].pages, SUBS);
	EXPECT_EQ(hp_stats(self->fd).out_present, 1);
}

/* Rule: writes of one process are seen by the other, huge or not. */
TEST_F(shared, write)
{
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, SUBS + 3, 1), 0);
	EXPECT_EQ(peer_call(&self->peer, PEER_WRITE, 5, 55), 0);
	EXPECT_EQ(peer_call(&self->peer, PEER_WRITE, SUBS + 1, 56), 0);
	EXPECT_EQ(self->mem[5 * TP], 55);
	EXPECT_EQ(self->mem[HP + TP], 56);
	self->mem[6 * TP] = 66;
	EXPECT_EQ(peer_call(&self->peer, PEER_READ, 6, 0), 66);
	EXPECT_EQ(peer_call(&self->peer, PEER_READ, 5, 0), 55);
}

/* Rule: what one process discards is missing for both. */
TEST_F(shared, discard)
{
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, SUBS, 1), 0);
	EXPECT_EQ(peer_call(&self->peer, PEER_CHECK, 9, 1), 1);
	EXPECT_TRUE(hp_pattern_check(self->mem + 9 * TP, 9, 1));

	EXPECT_EQ(peer_call(&self->peer, PEER_DISCARD, 9, 0), 1);
	EXPECT_EQ(hp_discard(self->fd, 10 * TP, TP), 1);
	EXPECT_EQ(hp_fill_pattern(self->fd, 0, 9, 2, 2), 0);
	EXPECT_TRUE(hp_pattern_check(self->mem + 9 * TP, 9, 2));
	EXPECT_TRUE(hp_pattern_check(self->mem + 10 * TP, 10, 2));
	EXPECT_EQ(peer_call(&self->peer, PEER_CHECK, 9, 2), 1);
	EXPECT_EQ(peer_call(&self->peer, PEER_CHECK, 10, 2), 1);
	EXPECT_EQ(peer_call(&self->peer, PEER_CHECK, 11, 1), 1);
}

/* Rule: touches of either process raise events, and a fill serves both. */
TEST_F(shared, events)
{
	int efd = hp_arm(self->fd, 0);
	struct hugepost_event event;
	struct hp_toucher t;

	ASSERT_GE(efd, 0);
	peer_ask(&self->peer, PEER_READ, 20, 0);
	ASSERT_EQ(hp_read_event(efd, &event), 0);
	EXPECT_EQ(event.offset, 20 * TP);
	EXPECT_EQ(event.tid, 0); /* no thread of the process that set it up */
	hp_toucher_start(&t, self->mem + 21 * TP, -1);
	ASSERT_EQ(hp_read_event(efd, &event), 0);
	EXPECT_EQ(event.offset, 21 * TP);
	EXPECT_FALSE(peer_answered(&self->peer));

	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 20, 2, 1), 0);
	EXPECT_EQ(peer_answer(&self->peer), hp_pattern(20, 1, 0));
	EXPECT_EQ(hp_toucher_end(&t), hp_pattern(21, 1, 0));
	close(efd);
	EXPECT_EQ(peer_call(&self->peer, PEER_READ, 22, 0), -SIGBUS);
	EXPECT_EQ(peer_call(&self->peer, PEER_READ, 21, 0),
		  hp_pattern(21, 1, 0));
}

/* Rule: the peer may be the handler; it serves this process's touches. */
TEST_F(shared, peer_handles)
{
	struct hp_toucher t;

	ASSERT_EQ(peer_call(&self->peer, PEER_ARM, 0, 0), 0);
	EXPECT_EQ(hp_arm(self->fd, 0), -EBUSY);
	hp_toucher_start(&t, self->mem + 30 * TP, -1);
	ASSERT_EQ(peer_call(&self->peer, PEER_EVENT, 0, 0), 30);
	EXPECT_FALSE(t.done);
	EXPECT_EQ(peer_call(&self->peer, PEER_FILL, 30, 1), 0);
	EXPECT_EQ(hp_toucher_end(&t), hp_pattern(30, 1, 0));
}

/* Rule: the object lives as long as one process has it, mapped or open. */
TEST_F(shared, outlives)
{
	int fd;

	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, SUBS, 1), 0);
	fd = open("/dev/null", O_RDONLY);
	munmap(self->mem, PAGES * HP);
	ASSERT_EQ(dup2(fd, self->fd), self->fd);
	close(fd);
	EXPECT_EQ(peer_call(&self->peer, PEER_CHECK, SUBS - 1, 1), 1);
	EXPECT_EQ(peer_call(&self->peer, PEER_BITMAP, 0, 0), SUBS);
}

/* Runs @fn in a forked child: its exit status, or its negative signal. */
static int in_child(int (*fn)(int fd, char *mem), int fd, char *mem)
{
	pid_t pid = fork();

	if (!pid)
		_exit(fn(fd, mem));
	return child_wait(pid);
}

static int child_touch(int fd, char *mem)
{
	return hp_touch(mem, -1);
}

static int child_map(int fd, char *mem)
{
	mem = hp_map(fd, 0, PAGES * HP);
	if (mem == MAP_FAILED || !hp_pattern_check(mem + TP, 1, 1))
		return 1;
	mem[2 * TP] = 42;
	return 0;
}

static int child_inherited(int fd, char *mem)
{
	if (!hp_pattern_check(mem + TP, 1, 1))
		return 1;
	mem[2 * TP] = 43;
	mem[HP] = 44;
	return hp_discard(fd, 3 * TP, TP) != 1;
}

/* Rule: a forked child does not inherit the mapping; it can map anew. */
TEST_F(shared, fork)
{
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, SUBS, 1), 0);
	EXPECT_TRUE(hp_pattern_check(self->mem + TP, 1, 1));
	EXPECT_EQ(in_child(child_touch, self->fd, self->mem), SIGSEGV);
	EXPECT_EQ(in_child(child_map, self->fd, self->mem), 0);
	EXPECT_EQ(self->mem[2 * TP], 42);
}

/* Rule: with MADV_DOFORK a child shares it; with MADV_DONTFORK no more. */
TEST_F(shared, dofork)
{
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, SUBS, 1), 0);
	EXPECT_TRUE(hp_pattern_check(self->mem + TP, 1, 1));
	ASSERT_EQ(madvise(self->mem, PAGES * HP, MADV_DOFORK), 0);
	EXPECT_EQ(in_child(child_inherited, self->fd, self->mem), 0);
	EXPECT_EQ(self->mem[2 * TP], 43);
	EXPECT_EQ(self->mem[HP], 44);
	EXPECT_EQ(self->mem[3 * TP], 0);
	EXPECT_TRUE(hp_pattern_check(self->mem + 4 * TP, 4, 1));
	ASSERT_EQ(madvise(self->mem, PAGES * HP, MADV_DONTFORK), 0);
	EXPECT_EQ(in_child(child_touch, self->fd, self->mem), SIGSEGV);
}

/* Rule: a child that exits is not the loss of its parent's handler. */
TEST_F(shared, child_exits)
{
	int efd = hp_arm(self->fd, 0);

	ASSERT_GE(efd, 0);
	EXPECT_EQ(in_child(child_touch, self->fd, self->mem), SIGSEGV);
	EXPECT_EQ(hp_stats(self->fd).out_mode, HUGEPOST_MODE_ARMED);
	close(efd);
}

/* Rule: two objects in two processes share no page, event or discard. */
TEST(two_objects)
{
	struct hugepost_event event;
	struct hp_toucher t;
	struct peer peer = {};
	int fd, efd;
	char *mem;

	ASSERT_EQ(peer_start(&peer), 0);
	fd = hp_new(PAGES * HP, 1, 0);
	ASSERT_GE(fd, 0);
	mem = hp_map(fd, 0, PAGES * HP);
	ASSERT_NE(mem, MAP_FAILED);
	ASSERT_EQ(peer_call(&peer, PEER_NEW, 0, 0), 0);

	/* Pages. */
	ASSERT_EQ(hp_fill_pattern(fd, 0, 0, SUBS, 1), 0);
	ASSERT_TRUE(hp_pattern_check(mem + 3 * TP, 3, 1));
	EXPECT_EQ(peer_call(&peer, PEER_BITMAP, 0, 0), 0);
	EXPECT_EQ(peer_call(&peer, PEER_FILL, 3, 2), 0);
	EXPECT_EQ(peer_call(&peer, PEER_FILL, SUBS + 3, 2), 0);
	EXPECT_EQ(peer_call(&peer, PEER_CHECK, 3, 2), 1);
	EXPECT_EQ(peer_call(&peer, PEER_BITMAP, 0, 0), 2);
	EXPECT_TRUE(hp_pattern_check(mem + 3 * TP, 3, 1));
	EXPECT_EQ(hp_stats(fd).out_present, 1);

	/* Discards: the mapping of the one stays huge, and its bytes. */
	EXPECT_EQ(peer_call(&peer, PEER_DISCARD, 3, 0), 1);
	EXPECT_EQ(hp_smaps(mem, PAGES * HP, "FilePmdMapped"), HP);
	EXPECT_TRUE(hp_pattern_check(mem + 3 * TP, 3, 1));
	EXPECT_EQ(hp_discard(fd, SUBS * TP, HP), 0);
	EXPECT_EQ(peer_call(&peer, PEER_CHECK, SUBS + 3, 2), 1);

	/* Events. */
	efd = hp_arm(fd, HUGEPOST_ARM_NONBLOCK);
	ASSERT_GE(efd, 0);
	EXPECT_EQ(peer_call(&peer, PEER_READ, 2 * SUBS, 0), 0);
	EXPECT_EQ(hp_read_event(efd, &event), -EAGAIN);
	ASSERT_EQ(peer_call(&peer, PEER_ARM, 0, 0), 0);
	hp_toucher_start(&t, mem + 3 * HP, -1);
	ASSERT_TRUE(hp_event_waits(efd, 20000));
	peer_ask(&peer, PEER_EVENT, 0, 0);
	EXPECT_EQ(hp_fill_pattern(fd, 0, 3 * SUBS, 1, 7), 0);
	EXPECT_EQ(hp_toucher_end(&t), hp_pattern(3 * SUBS, 7, 0));
	EXPECT_FALSE(peer_answered(&peer));

	/* The end of one is no end of the other. */
	kill(peer.pid, SIGKILL);
	peer_end(&peer);
	EXPECT_EQ(hp_stats(fd).out_mode, HUGEPOST_MODE_ARMED);
	EXPECT_TRUE(hp_pattern_check(mem + 4 * TP, 4, 1));
	munmap(mem, PAGES * HP);
	close(efd);
	close(fd);
}

TEST_HARNESS_MAIN
