// SPDX-License-Identifier: GPL-2.0-only
/*
 * A back end of a guest's devices: it maps the guest's memory, touches what the
 * guest chooses, and serves other guests as well. Whatever becomes of this one, the
 * back end lives. Here it is the test; the peer is the VMM.
 */
#include "hugepost_peer.h"

#define VMM_CGROUP	CGROUP "/hugepost-vmm"

FIXTURE(vmm)
{
	struct peer peer;
	int fd;
	char *mem;
	int log;
	bool ended;
};

FIXTURE_VARIANT(vmm)
{
	enum peer_op make;
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(vmm, owned) {
	.make = PEER_GIVE,
	.flags = HUGEPOST_SETUP_OWNED,
};

FIXTURE_VARIANT_ADD(vmm, by_mapping) {
	.make = PEER_MAP,
};

/* An object that the VMM has made, in a cgroup of its own. */
FIXTURE_SETUP(vmm)
{
	peer_cgroup = VMM_CGROUP;
	write_file(CGROUP, "cgroup.subtree_control", "+memory");
	if (mkdir(VMM_CGROUP, 0755) && errno != EEXIST)
		SKIP(return, "no cgroup can be made in " CGROUP);
	ASSERT_EQ(write_file(VMM_CGROUP, "memory.max", "max"), 0);
	self->log = kernel_log_open();
	ASSERT_GE(self->log, 0);
	ASSERT_EQ(peer_start(&self->peer), 0);
	ASSERT_EQ(peer_call(&self->peer, PEER_ENTER, 0, 0), 0);
	peer_ask(&self->peer, variant->make, 0, variant->flags);
	self->fd = receive_fd(self->peer.sock);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(peer_answer(&self->peer), 0);
	self->mem = hp_map(self->fd, 0, PAGES * HP);
	ASSERT_NE(self->mem, MAP_FAILED);
	/* It is used, so that its size is known. */
	ASSERT_EQ(peer_call(&self->peer, PEER_WRITE, 0, 1), 0);
}

FIXTURE_TEARDOWN(vmm)
{
	if (!self->ended)
		peer_end(&self->peer);
	munmap(self->mem, PAGES * HP);
	close(self->fd);
	close(self->log);
	rmdir(VMM_CGROUP);
}

/* Starts a touch that waits, and returns when it does. */
static void touch_waits(struct __test_metadata *_metadata,
			struct _test_data_vmm *self, struct hp_toucher *t,
			uint64_t page)
{
	const uint64_t waits = hp_stats(self->fd).out_waits;

	hp_toucher_start(t, self->mem + page * TP, -1);
	while (hp_stats(self->fd).out_waits == waits)
		usleep(1000);
	EXPECT_FALSE(t->done);
}

/*
 * Rule: the end of the VMM lets those go on who wait for a page. They get zeros, but
 * for system calls: what the guest never had is not to be written anywhere.
 */
static void vmm_ends(struct __test_metadata *_metadata,
		     struct _test_data_vmm *self, int want)
{
	struct hp_toucher t, late;
	int fd;

	touch_waits(_metadata, self, &t, SUBS);
	if (want == -SIGKILL)
		kill(self->peer.pid, SIGKILL);
	else
		close(self->peer.sock);
	EXPECT_EQ(child_wait(self->peer.pid), want);
	self->ended = true;
	EXPECT_EQ(hp_toucher_end(&t), 0);
	fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
	EXPECT_EQ(read(fd, self->mem + 3 * HP, TP), -1);
	EXPECT_EQ(errno, EFAULT);
	close(fd);
	hp_toucher_start(&late, self->mem + 2 * HP, 1);
	EXPECT_EQ(hp_toucher_end(&late), 1);
	EXPECT_EQ(hp_stats(self->fd).out_mode, HUGEPOST_MODE_UNARMED);
}

TEST_F(vmm, is_killed)
{
	ASSERT_EQ(peer_call(&self->peer, PEER_ARM, 0, 0), 0);
	vmm_ends(_metadata, self, -SIGKILL);
}

TEST_F(vmm, exits)
{
	ASSERT_EQ(peer_call(&self->peer, PEER_ARM, 0, 0), 0);
	vmm_ends(_metadata, self, 0);
}

TEST_F(vmm, is_killed_without_its_handler)
{
	ASSERT_EQ(peer_call(&self->peer, PEER_ARM, 0, 0), 0);
	ASSERT_EQ(peer_call(&self->peer, PEER_LOSE, 0, 0), 0);
	vmm_ends(_metadata, self, -SIGKILL);
}

/* Rule: a VMM that becomes another program is no VMM, whatever it keeps open. */
TEST_F(vmm, executes_another_program)
{
	struct hp_toucher t;

	ASSERT_EQ(peer_call(&self->peer, PEER_ARM, 0, 0), 0);
	touch_waits(_metadata, self, &t, SUBS);
	peer_ask(&self->peer, PEER_EXEC, 0, 0);
	EXPECT_EQ(hp_toucher_end(&t), 0);
	EXPECT_EQ(kill(self->peer.pid, SIGKILL), 0);
	EXPECT_EQ(child_wait(self->peer.pid), -SIGKILL);
	self->ended = true;
}

/* Rule: a back end waits as long as the handler is lost and may come back. */
TEST_F(vmm, loses_its_handler)
{
	struct hp_toucher before, lost, given;

	ASSERT_EQ(peer_call(&self->peer, PEER_ARM, 0, 0), 0);
	touch_waits(_metadata, self, &before, SUBS + 1);
	ASSERT_EQ(peer_call(&self->peer, PEER_LOSE, 0, 0), 0);
	touch_waits(_metadata, self, &lost, SUBS + 2);
	touch_waits(_metadata, self, &given, SUBS + 3);
	EXPECT_EQ(hp_stats(self->fd).out_mode, HUGEPOST_MODE_LOST);
	EXPECT_EQ(peer_call(&self->peer, PEER_READ, SUBS + 1, 0), -SIGBUS);

	/* What comes while the handler is lost is seen at once. */
	ASSERT_EQ(peer_call(&self->peer, PEER_FILL, SUBS + 3, 1), 0);
	EXPECT_EQ(hp_toucher_end(&given), hp_pattern(SUBS + 3, 1, 0));
	EXPECT_FALSE(before.done || lost.done);

	/* The next handler is told of those who wait. */
	ASSERT_EQ(peer_call(&self->peer, PEER_ARM, 0, 0), 0);
	EXPECT_EQ(peer_call(&self->peer, PEER_EVENT, 0, 0) +
		  peer_call(&self->peer, PEER_EVENT, 0, 0), 2 * SUBS + 3);
	EXPECT_FALSE(before.done || lost.done);
	ASSERT_EQ(peer_call(&self->peer, PEER_FILL, SUBS + 1, 1), 0);
	ASSERT_EQ(peer_call(&self->peer, PEER_FILL, SUBS + 2, 1), 0);
	EXPECT_EQ(hp_toucher_end(&before), hp_pattern(SUBS + 1, 1, 0));
	EXPECT_EQ(hp_toucher_end(&lost), hp_pattern(SUBS + 2, 1, 0));
}

/* Rule: if the VMM gives up instead, those who wait get zeros. */
TEST_F(vmm, disarms_after_its_handler_is_lost)
{
	struct hp_toucher t;

	ASSERT_EQ(peer_call(&self->peer, PEER_ARM, 0, 0), 0);
	ASSERT_EQ(peer_call(&self->peer, PEER_LOSE, 0, 0), 0);
	touch_waits(_metadata, self, &t, SUBS + 2);
	ASSERT_EQ(peer_call(&self->peer, PEER_DISARM, 0, 0), 0);
	EXPECT_EQ(hp_toucher_end(&t), 0);
}

/* Rule: a signal ends a back end's wait, also while the handler is lost. */
TEST_F(vmm, back_end_is_killed_while_it_waits)
{
	const uint64_t waits = hp_stats(self->fd).out_waits;
	pid_t pid;
	int status;

	ASSERT_EQ(peer_call(&self->peer, PEER_ARM, 0, 0), 0);
	ASSERT_EQ(peer_call(&self->peer, PEER_LOSE, 0, 0), 0);
	pid = fork();
	if (!pid) {
		char *mem = hp_map(self->fd, 0, PAGES * HP);

		(void)*(volatile char *)(mem + HP);
		_exit(1);
	}
	while (hp_stats(self->fd).out_waits == waits)
		usleep(1000);
	kill(pid, SIGTERM);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_TRUE(WIFSIGNALED(status));
}

/* Rule: if the guest has no memory for a page of another's, it is what ends. */
static void no_memory(struct __test_metadata *_metadata,
		      struct _test_data_vmm *self, uint64_t page)
{
	struct hugepost_stats stats;
	struct hp_toucher t, late;
	char line[256];

	ASSERT_EQ(limit_to_room(VMM_CGROUP, 64 * TP), 0);
	hp_toucher_start(&t, self->mem + page * TP, 77);
	EXPECT_EQ(hp_toucher_end(&t), 77);
	EXPECT_EQ(child_wait(self->peer.pid), -SIGKILL);
	self->ended = true;
	EXPECT_EQ(kernel_log_read(self->log, "hugepost: object ", line,
				  sizeof(line)), 1);
	EXPECT_NE(strstr(line, "no memory for a page that process"), NULL)
		TH_LOG("%s", line);

	/* It has no more memory than before, and the back end never lacks any. */
	stats = hp_stats(self->fd);
	hp_toucher_start(&late, self->mem + (PAGES - 1) * HP, 78);
	EXPECT_EQ(hp_toucher_end(&late), 78);
	EXPECT_EQ(hp_stats(self->fd).out_memory, stats.out_memory);
	EXPECT_EQ(self->mem[0], 1);
}

TEST_F(vmm, has_no_memory_for_a_missing_page)
{
	no_memory(_metadata, self, SUBS);
}

TEST_F(vmm, has_no_memory_for_a_page_of_zeros)
{
	ASSERT_EQ(peer_call(&self->peer, PEER_ZERO, SUBS, 0), 0);
	no_memory(_metadata, self, SUBS);
}

/* Rule: so it is if the VMM is gone already, but its cgroup is as full as before. */
TEST_F(vmm, is_gone_and_has_no_memory)
{
	ASSERT_EQ(limit_to_room(VMM_CGROUP, 64 * TP), 0);
	close(self->peer.sock);
	EXPECT_EQ(child_wait(self->peer.pid), 0);
	self->ended = true;
	EXPECT_EQ(hp_touch(self->mem + HP, 5), 0);
	EXPECT_EQ(hp_touch(self->mem + 2 * HP, 5), 0);
}

/* Rule: nothing changes for a guest if another process cannot set its object up. */
TEST_F(vmm, is_not_replaced)
{
	struct hp_toucher t;

	ASSERT_EQ(peer_call(&self->peer, PEER_ARM, 0, 0), 0);
	touch_waits(_metadata, self, &t, SUBS);
	EXPECT_EQ(hp_setup(self->fd, HP, 1, HUGEPOST_SETUP_OWNED), -EBUSY);
	EXPECT_EQ(hp_setup(self->fd, HP, 1, 0), -EBUSY);
	EXPECT_EQ(hp_stats(self->fd).out_mode, HUGEPOST_MODE_ARMED);
	EXPECT_FALSE(t.done);
	ASSERT_EQ(peer_call(&self->peer, PEER_FILL, SUBS, 1), 0);
	EXPECT_EQ(hp_toucher_end(&t), hp_pattern(SUBS, 1, 0));
}

/*
 * Rule: who was given a descriptor and is the first to map it is no VMM, and is not
 * made to end for one.
 */
TEST(first_to_map)
{
	struct peer peer = {};
	char *mem;
	int fd;

	ASSERT_EQ(peer_start(&peer), 0);
	peer_ask(&peer, PEER_OPEN, 0, 0);
	fd = receive_fd(peer.sock);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(peer_answer(&peer), 0);
	mem = hp_map(fd, 0, PAGES * HP);
	ASSERT_NE(mem, MAP_FAILED);
	mem[0] = 1;
	/* All are alike: without a handler none of them waits, this one nor the other. */
	ASSERT_EQ(peer_call(&peer, PEER_ARM, 0, 0), 0);
	ASSERT_EQ(peer_call(&peer, PEER_LOSE, 0, 0), 0);
	EXPECT_EQ(hp_touch(mem + HP, 1), SIGBUS);
	peer_end(&peer);
	munmap(mem, PAGES * HP);
	close(fd);
}

/* Rule: what the guest of an owned object never had costs nothing after its end. */
TEST_F(vmm, is_gone_and_needs_no_memory)
{
	uint64_t memory = hp_stats(self->fd).out_memory;
	unsigned int i;

	close(self->peer.sock);
	EXPECT_EQ(child_wait(self->peer.pid), 0);
	self->ended = true;
	for (i = 1; i < PAGES; i++)
		EXPECT_EQ(hp_touch(self->mem + i * HP + i * TP, 5), 0);
	if (!variant->flags)
		memory += (PAGES - 1) * HP;
	EXPECT_EQ(hp_stats(self->fd).out_memory, memory);
}

/* Rule: only the process that set an owned object up may change it. */
TEST_F(vmm, decides_alone)
{
	const int want = variant->flags ? -EPERM : 0;
	struct hugepost_info info = { .size = sizeof(info) };
	uint64_t bits[PAGES * SUBS / 64];
	struct hugepost_install install;
	int efd;

	efd = hp_arm(self->fd, 0);
	EXPECT_EQ(efd < 0 ? efd : 0, want);
	EXPECT_EQ(hp_fill_pattern(self->fd, 0, SUBS, 1, 1), want);
	EXPECT_EQ(hp_fill_pattern(self->fd, 0, SUBS, SUBS, 1), want);
	EXPECT_EQ(hp_discard(self->fd, HP, TP), want ? want : 1);
	EXPECT_EQ(hp_wake(self->fd, HP, TP), want);
	EXPECT_EQ(hp_reset(self->fd, 0), want);
	EXPECT_EQ(hp_disarm(self->fd), want);
	close(efd);

	EXPECT_EQ(hp_call(self->fd, HUGEPOST_INFO, &info), 0);
	EXPECT_EQ(hp_install(self->fd, self->mem, HP, &install), 0);
	EXPECT_EQ(install.out_huge, 1);
	EXPECT_GE(hp_bitmap(self->fd, 0, PAGES * HP, bits), (int64_t)SUBS);
	EXPECT_EQ(hp_stats(self->fd).out_length, PAGES * HP);
	EXPECT_EQ(peer_call(&self->peer, PEER_FILL, 2 * SUBS, 1), 0);
	EXPECT_TRUE(hp_pattern_check(self->mem + 2 * HP, 2 * SUBS, 1));
}

/* Rule: an event tells the number of a thread of the VMM, and no other's. */
TEST_F(vmm, has_threads)
{
	struct hugepost_event event;
	struct hp_toucher t;
	int64_t tid;
	int efd;

	if (variant->flags)
		SKIP(return, "another process cannot read events");
	efd = hp_arm(self->fd, 0);
	ASSERT_GE(efd, 0);
	tid = peer_call(&self->peer, PEER_TOUCHER, SUBS, 0);
	ASSERT_GT(tid, 0);
	ASSERT_EQ(hp_read_event(efd, &event), 0);
	EXPECT_EQ(event.offset, HP);
	EXPECT_EQ(event.tid, tid);
	hp_toucher_start(&t, self->mem + 2 * HP, -1);
	ASSERT_EQ(hp_read_event(efd, &event), 0);
	EXPECT_EQ(event.offset, 2 * HP);
	EXPECT_EQ(event.tid, 0);
	EXPECT_EQ(event.address, 0); /* nor where that has it mapped */
	EXPECT_EQ(hp_disarm(self->fd), 0);
	EXPECT_EQ(hp_toucher_end(&t), 0);
	close(efd);
}

/* Rule: the end of the file is the size of the object, if that is known. */
TEST_F(vmm, has_a_size)
{
	int other = hp_open();

	EXPECT_EQ(lseek(self->fd, 0, SEEK_END), PAGES * HP);
	EXPECT_EQ(lseek(self->fd, 0, SEEK_SET), 0);
	EXPECT_EQ(lseek(self->fd, 1, SEEK_END), -1);
	ASSERT_GE(other, 0);
	EXPECT_GE(lseek(other, 0, SEEK_END), 1LL << 46);
	close(other);
}

/* Rule: the policy of the VMM's mapping counts, whoever maps it last or touches it. */
TEST_F(vmm, binds_its_memory)
{
	struct peer *peer = &self->peer;
	unsigned int node;

	if (nodes_with_memory() != 3)
		SKIP(return, "needs two NUMA nodes, as numa=fake=2 makes");

	for (node = 0; node < 2; node++) {
		uint64_t page = (1 + node) * SUBS;

		ASSERT_EQ(peer_call(peer, PEER_BIND, SUBS, node), 0);
		ASSERT_EQ(peer_bind(self->mem, PAGES * HP, !node), 0);
		ASSERT_EQ(peer_call(peer, PEER_FILL, page, 1), 0);
		/* Only of what is mapped is it told. */
		EXPECT_EQ(hp_touch(self->mem + page * TP, -1), 0);
		EXPECT_EQ(node_of(self->mem + page * TP), (int)node);
	}
	self->mem[3 * HP] = 1;
	EXPECT_EQ(node_of(self->mem + 3 * HP), 1);
}

TEST_HARNESS_MAIN
