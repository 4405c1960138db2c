// SPDX-License-Identifier: GPL-2.0-only
/*
 * A KVM guest on an object's memory: KVM first asks without waiting
 * (FAULT_FLAG_RETRY_NOWAIT), and then lets the vCPU's thread wait.
 */
#include "hugepost_kvm.h"

#define GUEST_BYTES	(2 * HP)

FIXTURE(guest)
{
	int fd;
	int efd;
	char *mem;
	struct guest guest;
};

FIXTURE_SETUP(guest)
{
	int kvm = guest_open_kvm();

	if (kvm < 0)
		SKIP(return, "KVM is not available");

	self->fd = hp_new(GUEST_BYTES, 2, 0);
	ASSERT_GE(self->fd, 0);
	self->mem = hp_map(self->fd, 0, GUEST_BYTES);
	ASSERT_NE(self->mem, MAP_FAILED);
	ASSERT_EQ(hp_fill(self->fd, 0, 0, NULL, HP, HUGEPOST_FILL_ZERO), 0);
	ASSERT_EQ(guest_make(&self->guest, kvm, self->mem, GUEST_BYTES, false,
			     4), 0);
	self->efd = hp_arm(self->fd, 0);
	ASSERT_GE(self->efd, 0);
	close(kvm);
}

FIXTURE_TEARDOWN(guest)
{
	if (!self->mem)
		return;
	guest_end(&self->guest);
	close(self->efd);
	munmap(self->mem, GUEST_BYTES);
	close(self->fd);
}

struct vcpu {
	pthread_t thread;
	volatile pid_t tid;
	int fd;
	struct kvm_run *run;
	unsigned char out[8];
	volatile unsigned int outs;
	int ret;
};

/* Runs the guest until it halts or cannot go on. */
static void *vcpu_run(void *arg)
{
	struct vcpu *v = arg;

	v->tid = gettid();
	for (;;) {
		v->ret = ioctl(v->fd, KVM_RUN, 0) ? -errno : 0;
		if (v->ret == -EINTR)
			continue;
		if (v->ret || v->run->exit_reason != KVM_EXIT_IO)
			return NULL;
		v->out[v->outs++ % 8] = *((unsigned char *)v->run +
					  v->run->io.data_offset);
	}
}

static void vcpu_start(struct vcpu *v, const struct guest *guest)
{
	*v = (struct vcpu){ .fd = guest->vcpu, .run = guest->run };
	pthread_create(&v->thread, NULL, vcpu_run, v);
}

/*
 * Rule: a guest's touch of a missing target page raises an event that names the
 * vCPU's thread, though the first look was not allowed to wait; the guest goes
 * on with the page's bytes, page after page.
 */
TEST_F(guest, touch_waits_and_goes_on)
{
	struct hugepost_event e;
	struct vcpu v;
	unsigned int i;

	vcpu_start(&v, &self->guest);
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(hp_read_event(self->efd, &e), 0);
		EXPECT_EQ(e.offset, GUEST_FIRST + i * TP);
		EXPECT_TRUE(e.access & HUGEPOST_ACCESS_NOWAIT);
		EXPECT_EQ(e.tid, v.tid);
		EXPECT_EQ(v.outs, i);
		ASSERT_EQ(hp_fill_pattern(self->fd, 1, e.offset / TP, 1, 1), 0);
	}
	pthread_join(v.thread, NULL);
	EXPECT_EQ(v.ret, 0);
	EXPECT_EQ(self->guest.run->exit_reason, KVM_EXIT_HLT);
	EXPECT_EQ(v.outs, 4);
	for (i = 0; i < 4; i++) {
		unsigned char byte = hp_pattern(GUEST_FIRST / TP + i, 1, 0) + 1;

		EXPECT_EQ(v.out[i], byte);
		EXPECT_EQ((unsigned char)self->mem[GUEST_FIRST + i * TP], byte);
	}
}

/* Rule: a vCPU that waits can be kicked out by a signal, and run again. */
static void kick(int sig)
{
}

TEST_F(guest, signal_kicks_vcpu)
{
	struct sigaction sa = { .sa_handler = kick };
	struct hugepost_event e;
	struct vcpu v;
	unsigned int i;

	sigaction(SIGUSR1, &sa, NULL);
	vcpu_start(&v, &self->guest);
	ASSERT_EQ(hp_read_event(self->efd, &e), 0);
	for (i = 0; i < 3; i++) {
		while (!hp_thread_sleeps(v.tid))
			usleep(1000);
		pthread_kill(v.thread, SIGUSR1);
	}
	EXPECT_EQ(v.outs, 0);
	ASSERT_EQ(hp_fill_pattern(self->fd, 1, GUEST_FIRST / TP, 4, 1), 0);
	pthread_join(v.thread, NULL);
	EXPECT_EQ(v.ret, 0);
	EXPECT_EQ(v.outs, 4);
}

/* Rule: without a handler the vCPU's thread gets an error, not zeros. */
TEST_F(guest, handler_lost)
{
	struct hugepost_event e;
	struct vcpu v;

	vcpu_start(&v, &self->guest);
	ASSERT_EQ(hp_read_event(self->efd, &e), 0);
	ASSERT_EQ(close(self->efd), 0);
	pthread_join(v.thread, NULL);
	EXPECT_EQ(v.ret, -EFAULT);
	EXPECT_EQ(v.outs, 0);
}

/* Rule: a discard reaches the guest: what it had mapped is missing again. */
TEST_F(guest, discard_unmaps_guest)
{
	struct hugepost_event e;
	struct vcpu v;

	ASSERT_EQ(hp_fill_pattern(self->fd, 1, SUBS, SUBS, 1), 0);
	vcpu_start(&v, &self->guest);
	pthread_join(v.thread, NULL);
	ASSERT_EQ(v.outs, 4);

	EXPECT_EQ(hp_discard(self->fd, GUEST_FIRST + TP, TP), 1);
	ASSERT_EQ(guest_restart(&self->guest, 4), 0);
	vcpu_start(&v, &self->guest);
	ASSERT_EQ(hp_read_event(self->efd, &e), 0);
	EXPECT_EQ(e.offset, GUEST_FIRST + TP);
	ASSERT_EQ(hp_fill_pattern(self->fd, 1, GUEST_FIRST / TP + 1, 1, 2), 0);
	pthread_join(v.thread, NULL);
	EXPECT_EQ(v.outs, 4);
	EXPECT_EQ(v.out[0], (unsigned char)(hp_pattern(GUEST_FIRST / TP, 1, 0) + 2));
	EXPECT_EQ(v.out[1],
		  (unsigned char)(hp_pattern(GUEST_FIRST / TP + 1, 2, 0) + 1));
}

/* Rule: SIGKILL of a VMM whose vCPU waits leaves nothing behind. */
TEST_F(guest, kill_vmm)
{
	struct hugepost_event e;
	struct vcpu v;
	pid_t child;
	int ready[2], status;
	char c;

	ASSERT_EQ(pipe(ready), 0);
	child = fork();
	if (!child) {
		FIXTURE_DATA(guest) own = {};

		guest_setup(_metadata, &own, NULL);
		vcpu_start(&v, &own.guest);
		if (hp_read_event(own.efd, &e) || write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	ASSERT_EQ(read(ready[0], &c, 1), 1);
	EXPECT_EQ(kill(child, SIGKILL), 0);
	ASSERT_EQ(waitpid(child, &status, 0), child);
	EXPECT_TRUE(WIFSIGNALED(status));
	close(ready[0]);
	close(ready[1]);
}

TEST_HARNESS_MAIN
