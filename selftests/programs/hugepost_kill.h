/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Processes that do without end what those of a migration do, for somebody to
 * kill them: threads that handle events, fill, discard, wait.
 */
#ifndef HUGEPOST_KILL_H
#define HUGEPOST_KILL_H

#include "hugepost_kvm.h"

#include <sys/prctl.h>
#include <sys/uio.h>

#define KILL_PAGES	4			/* host pages of an object */
#define KILL_BYTES	(KILL_PAGES * HP)
#define KILL_TPS	(KILL_PAGES * SUBS)	/* its target pages */
#define KILL_CHANNELS	8
#define KILL_JOBS	10			/* threads of a process, at most */

/* What the processes of a round know of each other. */
struct kill_shared {
	volatile pid_t waiter;		/* whose memory others read */
	char * volatile waiter_mem;
	volatile bool waits;		/* whom it is about waits for a page */
};

struct kill_process {
	struct kill_shared *shared;
	int fd;
	char *mem;
	struct guest guest;
	uint32_t access;		/* whose wait is meant: HUGEPOST_ACCESS_* */
};

/* A thread of such a process. */
struct kill_job {
	struct kill_process *p;
	uint32_t channel;
	unsigned int seed;
};

static inline uint32_t kill_random(struct kill_job *j, uint32_t below)
{
	return rand_r(&j->seed) % below;
}

static inline void kill_nap(struct kill_job *j, uint32_t us)
{
	usleep(kill_random(j, us));
}

/* Arms, and fills what is asked for: one target page, or some that follow. */
static void *kill_handle(void *arg)
{
	struct kill_job *j = arg;
	struct hugepost_event e;
	int efd;

	while ((efd = hp_arm(j->p->fd, 0)) < 0)
		kill_nap(j, 1000);
	for (;;) {
		uint32_t page, n = kill_random(j, 4) ? 1 : 40;

		if (hp_read_event(efd, &e))
			continue;
		kill_nap(j, kill_random(j, 2) ? 300 : 20000);
		if ((e.access & j->p->access) == j->p->access)
			j->p->shared->waits = true;
		page = e.offset / TP;
		if (page + n > KILL_TPS)
			n = 1;
		hp_fill_pattern(j->p->fd, j->channel, page, n, 1);
	}
	return NULL;
}

/* Single pages, many in one entry, zeros, and calls that are reset. */
static void *kill_fill(void *arg)
{
	struct kill_job *j = arg;

	for (;;) {
		uint32_t page = kill_random(j, KILL_TPS);
		uint32_t n = kill_random(j, 8) ? 1 : KILL_TPS - page;

		switch (kill_random(j, 4)) {
		case 0:
			hp_fill(j->p->fd, j->channel, page * TP, NULL, n * TP,
				HUGEPOST_FILL_ZERO);
			break;
		case 1:
			hp_reset(j->p->fd, kill_random(j, KILL_CHANNELS));
			break;
		default:
			hp_fill_pattern(j->p->fd, j->channel, page, n, 1);
		}
		kill_nap(j, 300);
	}
	return NULL;
}

/* FILLs whose source is the object itself: they wait for it, too. */
static void *kill_fill_from_missing(void *arg)
{
	struct kill_job *j = arg;

	for (;;)
		hp_fill(j->p->fd, j->channel, kill_random(j, KILL_TPS) * TP,
			j->p->mem + kill_random(j, KILL_TPS) * TP, TP, 0);
	return NULL;
}

static void *kill_discard(void *arg)
{
	struct kill_job *j = arg;

	for (;;) {
		uint32_t page = kill_random(j, KILL_TPS);
		uint32_t n = kill_random(j, 3) ? 8 : SUBS;

		hp_discard(j->p->fd, page * TP,
			   (page + n > KILL_TPS ? 1 : n) * TP);
		kill_nap(j, 1000);
	}
	return NULL;
}

/* Touches as a vCPU's, and a mapping that comes and goes beside them. */
static void *kill_touch(void *arg)
{
	struct kill_job *j = arg;
	volatile char *p;

	for (;;) {
		p = j->p->mem + kill_random(j, KILL_TPS) * TP;
		if (kill_random(j, 2))
			*p = 1;
		else
			(void)*p;
	}
	return NULL;
}

static void *kill_map(void *arg)
{
	struct kill_job *j = arg;
	volatile char *p;
	char *mem;

	for (;;) {
		mem = hp_map(j->p->fd, HP, HP);
		if (mem == MAP_FAILED)
			continue;
		p = mem + kill_random(j, SUBS) * TP;
		(void)*p;
		hp_install(j->p->fd, mem, HP, NULL);
		madvise(mem, HP, MADV_DONTNEED);
		munmap(mem, HP);
	}
	return NULL;
}

/* The kernel waits, with locks of a file and of a pipe held. */
static void *kill_file(void *arg)
{
	struct kill_job *j = arg;
	int file = memfd_create("kill", MFD_CLOEXEC), zero, ends[2];

	zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	if (file < 0 || zero < 0 || pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		_exit(1);
	for (;;) {
		char *p = j->p->mem + kill_random(j, KILL_TPS - 3) * TP + 100;
		ssize_t n = 0;

		switch (kill_random(j, 4)) {
		case 0:
			n = pwrite(file, p, 3 * TP, 0);
			break;
		case 1:
			n = read(zero, p, 2 * TP);
			break;
		case 2:
			n = write(ends[1], p, TP);
			break;
		case 3:
			n = read(ends[0], p, TP);
			break;
		}
		if (n < 0 && errno != EFAULT && errno != EAGAIN)
			_exit(1);
	}
	return NULL;
}

/* Another process's memory: who reads it may wait when that is gone. */
static void *kill_remote(void *arg)
{
	struct kill_job *j = arg;
	char buf[TP];
	struct iovec remote, local = { .iov_base = buf, .iov_len = TP };

	for (;;) {
		char *mem = j->p->shared->waiter_mem;

		remote = (struct iovec){
			.iov_base = mem + kill_random(j, KILL_TPS) * TP,
			.iov_len = TP,
		};
		if (!mem || process_vm_readv(j->p->shared->waiter, &local, 1,
					     &remote, 1, 0) < 0)
			kill_nap(j, 500);
		else if (process_vm_writev(j->p->shared->waiter, &local, 1,
					   &remote, 1, 0) < 0)
			kill_nap(j, 500);
	}
	return NULL;
}

static void *kill_vcpu(void *arg)
{
	struct kill_job *j = arg;

	for (;;)
		ioctl(j->p->guest.vcpu, KVM_RUN, 0);
	return NULL;
}

enum kill_role {
	KILL_HANDLER, KILL_FILLER, KILL_WAITER, KILL_REMOTE, KILL_VMM,
	KILL_GUEST, KILL_ROLES
};

static void *(*const kill_jobs[KILL_ROLES][KILL_JOBS])(void *) = {
	[KILL_HANDLER] = { kill_handle, kill_discard },
	[KILL_FILLER] = { kill_fill, kill_fill, kill_fill_from_missing },
	[KILL_WAITER] = { kill_touch, kill_touch, kill_file, kill_file,
			  kill_map },
	[KILL_REMOTE] = { kill_remote, kill_remote },
	[KILL_VMM] = { kill_handle, kill_discard, kill_fill,
		       kill_fill_from_missing, kill_touch, kill_touch,
		       kill_file, kill_map, kill_remote },
	[KILL_GUEST] = { kill_handle, kill_vcpu, kill_discard },
};

/*
 * Makes the guest. Its code must stay, so it is in a host page before the
 * object's. KVM's descriptors are not mapped and come last: a process that ends
 * lets go of them first, and waits for KVM's workers there.
 */
static inline int kill_make_guest(struct kill_process *p)
{
	char *mem = mmap(NULL, HP + KILL_BYTES + HP, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int kvm = guest_open_kvm(), ret;

	if (mem == MAP_FAILED || kvm < 0)
		return -errno;
	mem += HP - (uintptr_t)mem % HP;
	if (mmap(mem, HP, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		return -errno;
	p->mem = mmap(mem + HP, KILL_BYTES, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_FIXED, p->fd, 0);
	if (p->mem == MAP_FAILED)
		return -errno;
	ret = guest_make(&p->guest, kvm, mem, HP + KILL_BYTES, true,
			 KILL_TPS - 5);
	if (ret)
		return ret;
	munmap(p->guest.run, p->guest.run_size);
	if (dup2(p->guest.vm, 100) < 0 || dup2(p->guest.vcpu, 101) < 0)
		return -errno;
	close(p->guest.vm);
	close(p->guest.vcpu);
	p->guest.vcpu = 101;
	return 0;
}

/*
 * Starts a process that plays the role, on the object @fd or, if that is
 * negative, on one that it makes.
 */
static inline pid_t kill_start(enum kill_role role, int fd,
			       struct kill_shared *shared, unsigned int seed)
{
	struct kill_process p = { .shared = shared, .fd = fd };
	struct kill_job jobs[KILL_JOBS];
	pid_t pid = fork();
	pthread_t thread;
	unsigned int i;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (p.fd < 0)
		p.fd = hp_new(KILL_BYTES, KILL_CHANNELS, 0);
	if (role == KILL_GUEST) {
		p.access = HUGEPOST_ACCESS_NOWAIT;
		p.mem = kill_make_guest(&p) ? MAP_FAILED : p.mem;
	} else {
		p.mem = hp_map(p.fd, 0, KILL_BYTES);
	}
	if (p.fd < 0 || p.mem == MAP_FAILED)
		_exit(1);
	if (role != KILL_REMOTE) {
		shared->waiter_mem = p.mem;
		shared->waiter = getpid();
	}
	for (i = 0; i < KILL_JOBS && kill_jobs[role][i]; i++) {
		jobs[i] = (struct kill_job){ .p = &p, .channel = i % 4,
					     .seed = seed + i };
		if (role == KILL_FILLER)
			jobs[i].channel += 4;
		if (pthread_create(&thread, NULL, kill_jobs[role][i], &jobs[i]))
			_exit(1);
	}
	for (;;)
		pause();
}

#endif /* HUGEPOST_KILL_H */
