// SPDX-License-Identifier: GPL-2.0-only
/*
 * A KVM guest on an object's memory: KVM first asks without waiting
 * (FAULT_FLAG_RETRY_NOWAIT), and then lets the vCPU's thread wait.
 */
#include "hugepost_test.h"

#include <linux/kvm.h>

#define GUEST_BYTES	(2 * HP)
#define CODE		0x1000UL		/* guest-physical */
#define FIRST		(HP + 5 * TP)		/* what the guest touches */

/*
 * 16-bit code, unreal by a flat segment limit set from outside: reads a byte at
 * %ebx, adds one, writes it back, tells it through port 0xe9, steps on to the
 * next target page, and halts when %ecx of them are done.
 */
static const unsigned char guest_code[] = {
	0x67, 0x8a, 0x03,				/* mov (%ebx), %al */
	0xfe, 0xc0,					/* inc %al */
	0x67, 0x88, 0x03,				/* mov %al, (%ebx) */
	0xe6, 0xe9,					/* out %al, $0xe9 */
	0x66, 0x81, 0xc3, 0x00, 0x10, 0x00, 0x00,	/* add $0x1000, %ebx */
	0x66, 0x49,					/* dec %ecx */
	0x75, 0xeb,					/* jnz start */
	0xf4,						/* hlt */
};

FIXTURE(guest)
{
	int fd;
	int efd;
	char *mem;
	int vm;
	int vcpu;
	struct kvm_run *run;
	size_t run_size;
};

static void load_module(void)
{
	if (access("/dev/kvm", F_OK) && system("modprobe -q kvm_amd") &&
	    system("modprobe -q kvm_intel"))
		fprintf(stderr, "# no KVM module could be loaded\n");
}

FIXTURE_SETUP(guest)
{
	struct kvm_userspace_memory_region region = {};
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	int kvm;

	load_module();
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		SKIP(return, "KVM is not available");

	self->fd = hp_new(GUEST_BYTES, 2, 0);
	ASSERT_GE(self->fd, 0);
	self->mem = hp_map(self->fd, 0, GUEST_BYTES);
	ASSERT_NE(self->mem, MAP_FAILED);

	self->vm = ioctl(kvm, KVM_CREATE_VM, 0);
	ASSERT_GE(self->vm, 0);
	region.memory_size = GUEST_BYTES;
	region.userspace_addr = (uintptr_t)self->mem;
	ASSERT_EQ(ioctl(self->vm, KVM_SET_USER_MEMORY_REGION, &region), 0);
	self->vcpu = ioctl(self->vm, KVM_CREATE_VCPU, 0);
	ASSERT_GE(self->vcpu, 0);
	self->run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	self->run = mmap(NULL, self->run_size, PROT_READ | PROT_WRITE,
			 MAP_SHARED, self->vcpu, 0);
	ASSERT_NE(self->run, MAP_FAILED);

	ASSERT_EQ(ioctl(self->vcpu, KVM_GET_SREGS, &sregs), 0);
	sregs.cs.selector = 0;
	sregs.cs.base = 0;
	sregs.ds.selector = 0;
	sregs.ds.base = 0;
	sregs.ds.limit = ~0U;
	sregs.ds.g = 1;
	ASSERT_EQ(ioctl(self->vcpu, KVM_SET_SREGS, &sregs), 0);
	regs = (struct kvm_regs){ .rip = CODE, .rbx = FIRST, .rcx = 4,
				  .rflags = 2 };
	ASSERT_EQ(ioctl(self->vcpu, KVM_SET_REGS, &regs), 0);

	ASSERT_EQ(hp_fill(self->fd, 0, 0, NULL, HP, HUGEPOST_FILL_ZERO), 0);
	memcpy(self->mem + CODE, guest_code, sizeof(guest_code));
	self->efd = hp_arm(self->fd, 0);
	ASSERT_GE(self->efd, 0);
	close(kvm);
}

FIXTURE_TEARDOWN(guest)
{
	if (!self->mem)
		return;
	munmap(self->run, self->run_size);
	close(self->vcpu);
	close(self->vm);
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

static void vcpu_start(struct vcpu *v, int fd, struct kvm_run *run)
{
	*v = (struct vcpu){ .fd = fd, .run = run };
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

	vcpu_start(&v, self->vcpu, self->run);
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(hp_read_event(self->efd, &e), 0);
		EXPECT_EQ(e.offset, FIRST + i * TP);
		EXPECT_TRUE(e.access & HUGEPOST_ACCESS_NOWAIT);
		EXPECT_EQ(e.tid, v.tid);
		EXPECT_EQ(v.outs, i);
		ASSERT_EQ(hp_fill_pattern(self->fd, 1, e.offset / TP, 1, 1), 0);
	}
	pthread_join(v.thread, NULL);
	EXPECT_EQ(v.ret, 0);
	EXPECT_EQ(self->run->exit_reason, KVM_EXIT_HLT);
	EXPECT_EQ(v.outs, 4);
	for (i = 0; i < 4; i++) {
		unsigned char byte = hp_pattern(FIRST / TP + i, 1, 0) + 1;

		EXPECT_EQ(v.out[i], byte);
		EXPECT_EQ((unsigned char)self->mem[FIRST + i * TP], byte);
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
	vcpu_start(&v, self->vcpu, self->run);
	ASSERT_EQ(hp_read_event(self->efd, &e), 0);
	for (i = 0; i < 3; i++) {
		while (!hp_thread_sleeps(v.tid))
			usleep(1000);
		pthread_kill(v.thread, SIGUSR1);
	}
	EXPECT_EQ(v.outs, 0);
	ASSERT_EQ(hp_fill_pattern(self->fd, 1, FIRST / TP, 4, 1), 0);
	pthread_join(v.thread, NULL);
	EXPECT_EQ(v.ret, 0);
	EXPECT_EQ(v.outs, 4);
}

/* Rule: without a handler the vCPU's thread gets an error, not zeros. */
TEST_F(guest, handler_lost)
{
	struct hugepost_event e;
	struct vcpu v;

	vcpu_start(&v, self->vcpu, self->run);
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
	struct kvm_regs regs;
	struct vcpu v;

	ASSERT_EQ(hp_fill_pattern(self->fd, 1, SUBS, SUBS, 1), 0);
	vcpu_start(&v, self->vcpu, self->run);
	pthread_join(v.thread, NULL);
	ASSERT_EQ(v.outs, 4);

	EXPECT_EQ(hp_discard(self->fd, FIRST + TP, TP), 1);
	ASSERT_EQ(ioctl(self->vcpu, KVM_GET_REGS, &regs), 0);
	regs.rip = CODE;
	regs.rbx = FIRST;
	regs.rcx = 4;
	ASSERT_EQ(ioctl(self->vcpu, KVM_SET_REGS, &regs), 0);
	vcpu_start(&v, self->vcpu, self->run);
	ASSERT_EQ(hp_read_event(self->efd, &e), 0);
	EXPECT_EQ(e.offset, FIRST + TP);
	ASSERT_EQ(hp_fill_pattern(self->fd, 1, FIRST / TP + 1, 1, 2), 0);
	pthread_join(v.thread, NULL);
	EXPECT_EQ(v.outs, 4);
	EXPECT_EQ(v.out[0], (unsigned char)(hp_pattern(FIRST / TP, 1, 0) + 2));
	EXPECT_EQ(v.out[1],
		  (unsigned char)(hp_pattern(FIRST / TP + 1, 2, 0) + 1));
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
		vcpu_start(&v, own.vcpu, own.run);
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
