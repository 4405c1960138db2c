/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A KVM guest with one vCPU that touches target pages, one after the other.
 */
#ifndef HUGEPOST_KVM_H
#define HUGEPOST_KVM_H

#include "hugepost_test.h"

#include <linux/kvm.h>

#define GUEST_CODE	0x1000UL		/* guest-physical */
#define GUEST_FIRST	(HP + 5 * TP)		/* what the guest touches */

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

struct guest {
	int vm;
	int vcpu;
	struct kvm_run *run;
	size_t run_size;
};

/* KVM's descriptor, or -errno; its module is loaded if need be. */
static inline int guest_open_kvm(void)
{
	int kvm;

	if (access("/dev/kvm", F_OK) && system("modprobe -q kvm_amd") &&
	    system("modprobe -q kvm_intel"))
		fprintf(stderr, "# no KVM module could be loaded\n");
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	return kvm < 0 ? -errno : kvm;
}

/* Sets the vCPU to touch the first @pages pages when it runs next. */
static inline int guest_restart(struct guest *g, unsigned int pages)
{
	struct kvm_regs regs;

	if (ioctl(g->vcpu, KVM_GET_REGS, &regs))
		return -errno;
	regs.rip = GUEST_CODE;
	regs.rbx = GUEST_FIRST;
	regs.rcx = pages;
	return ioctl(g->vcpu, KVM_SET_REGS, &regs) ? -errno : 0;
}

/*
 * Makes a guest of the @size bytes at @mem, the first host page of which it can
 * write to. With @async it has an interrupt controller and interrupts on: KVM
 * lets a worker wait for a missing page then, and halts the vCPU.
 */
static inline int guest_make(struct guest *g, int kvm, char *mem, size_t size,
			     bool async, unsigned int pages)
{
	struct kvm_userspace_memory_region region = {
		.memory_size = size, .userspace_addr = (uintptr_t)mem,
	};
	struct kvm_regs regs = { .rflags = async ? 0x202 : 2 };
	struct kvm_sregs sregs;

	g->vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (g->vm < 0 || ioctl(g->vm, KVM_SET_USER_MEMORY_REGION, &region))
		return -errno;
	if (async && ioctl(g->vm, KVM_CREATE_IRQCHIP, 0))
		return -errno;
	g->vcpu = ioctl(g->vm, KVM_CREATE_VCPU, 0);
	if (g->vcpu < 0)
		return -errno;
	g->run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	g->run = mmap(NULL, g->run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		      g->vcpu, 0);
	if (g->run == MAP_FAILED || ioctl(g->vcpu, KVM_GET_SREGS, &sregs))
		return -errno;
	sregs.cs.selector = 0;
	sregs.cs.base = 0;
	sregs.ds.selector = 0;
	sregs.ds.base = 0;
	sregs.ds.limit = ~0U;
	sregs.ds.g = 1;
	if (ioctl(g->vcpu, KVM_SET_SREGS, &sregs) ||
	    ioctl(g->vcpu, KVM_SET_REGS, &regs))
		return -errno;
	memcpy(mem + GUEST_CODE, guest_code, sizeof(guest_code));
	return guest_restart(g, pages);
}

static inline void guest_end(struct guest *g)
{
	munmap(g->run, g->run_size);
	close(g->vcpu);
	close(g->vm);
}

#endif /* HUGEPOST_KVM_H */
