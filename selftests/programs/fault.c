// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults on an armed object: who waits, what wakes, what events say, and how
 * the kernel's own accesses fare.
 */
#include "hugepost_test.h"

#include <sys/syscall.h>
#include <sys/uio.h>

#define PAGES	4			/* host pages of the object */

FIXTURE(armed)
{
	int fd;
	int efd;
	char *mem;
	char *buf;
};

FIXTURE_SETUP(armed)
{
	self->fd = hp_new(PAGES * HP, 2, 0);
	ASSERT_GE(self->fd, 0);
	self->mem = hp_map(self->fd, 0, PAGES * HP);
	ASSERT_NE(self->mem, MAP_FAILED);
	self->efd = hp_arm(self->fd, 0);
	ASSERT_GE(self->efd, 0);
	self->buf = malloc(HP);
	ASSERT_NE(self->buf, NULL);
	memset(self->buf, 0x5a, HP);
}

FIXTURE_TEARDOWN(armed)
{
	free(self->buf);
	munmap(self->mem, PAGES * HP);
	close(self->efd);
	close(self->fd);
}

/* A thread that touches one byte, and what came of it. */
struct toucher {
	pthread_t thread;
	volatile pid_t tid;
	volatile char *addr;
	bool write;
	volatile bool done;
	char value;
};

static void *touch(void *arg)
{
	struct toucher *t = arg;

	t->tid = gettid();
	if (t->write)
		*t->addr = 0x77;
	t->value = *t->addr;
	t->done = true;
	return NULL;
}

/* Starts a toucher and returns when it sleeps in its fault. */
static void touch_start(struct toucher *t, char *addr, bool write)
{
	*t = (struct toucher){ .addr = addr, .write = write };
	pthread_create(&t->thread, NULL, touch, t);
	while (!t->tid || !hp_thread_sleeps(t->tid))
		usleep(1000);
}

static char touch_end(struct toucher *t)
{
	pthread_join(t->thread, NULL);
	return t->value;
}

/* Rule: a touch raises one event that tells place, address, thread, access. */
TEST_F(armed, event_fields)
{
	struct hugepost_event e;
	struct toucher t;

	touch_start(&t, self->mem + 3 * TP + 17, true);
	ASSERT_EQ(hp_read_event(self->efd, &e), 0);
	EXPECT_EQ(e.kind, HUGEPOST_EVENT_MISSING);
	EXPECT_EQ(e.offset, 3 * TP);
	EXPECT_EQ(e.address, (uintptr_t)t.addr);
	EXPECT_EQ(e.tid, t.tid);
	EXPECT_EQ(e.access, HUGEPOST_ACCESS_WRITE | HUGEPOST_ACCESS_USER);
	EXPECT_EQ(e.__reserved, 0);
	EXPECT_FALSE(t.done);
	ASSERT_EQ(hp_fill(self->fd, 0, 3 * TP, self->buf, TP, 0), 0);
	EXPECT_EQ(touch_end(&t), 0x77);
	EXPECT_EQ(self->mem[3 * TP + 18], 0x5a);
}

/* Rule: many touchers of a page, one event; a fill wakes them all. */
TEST_F(armed, one_event_a_page)
{
	struct hugepost_event e[8];
	struct toucher t[6];
	unsigned int i;

	for (i = 0; i < 6; i++)
		touch_start(&t[i], self->mem + HP + i, false);
	EXPECT_EQ(read(self->efd, e, sizeof(e)), sizeof(e[0]));
	EXPECT_FALSE(hp_event_waits(self->efd, 0));
	ASSERT_EQ(hp_fill(self->fd, 1, HP, self->buf, TP, 0), 0);
	for (i = 0; i < 6; i++)
		EXPECT_EQ(touch_end(&t[i]), 0x5a);
	EXPECT_EQ(hp_stats(self->fd).out_events, 1);
	EXPECT_GE(hp_stats(self->fd).out_waits, 6);
}

/* Rule: a waiter goes on with its own target page, not the host page. */
TEST_F(armed, target_page_granularity)
{
	struct toucher a, b;

	touch_start(&a, self->mem + 10 * TP, false);
	touch_start(&b, self->mem + 11 * TP, false);
	ASSERT_EQ(hp_fill(self->fd, 0, 11 * TP, self->buf, TP, 0), 0);
	EXPECT_EQ(touch_end(&b), 0x5a);
	EXPECT_FALSE(a.done);
	EXPECT_TRUE(hp_thread_sleeps(a.tid));
	ASSERT_EQ(hp_fill(self->fd, 0, 10 * TP, NULL, TP, HUGEPOST_FILL_ZERO),
		  0);
	EXPECT_EQ(touch_end(&a), 0);
}

/* Rule: a zero host page ends a wait. */
TEST_F(armed, zero_host_page_wakes)
{
	struct toucher t;

	touch_start(&t, self->mem + HP + 99, false);
	ASSERT_EQ(hp_fill(self->fd, 0, HP, NULL, HP, HUGEPOST_FILL_ZERO), 0);
	EXPECT_EQ(touch_end(&t), 0);
}

/* Rule: an event that was answered before it was read is not read. */
TEST_F(armed, answered_event_is_gone)
{
	struct toucher t;

	touch_start(&t, self->mem, false);
	EXPECT_TRUE(hp_event_waits(self->efd, 1000));
	ASSERT_EQ(hp_fill(self->fd, 0, 0, self->buf, TP, 0), 0);
	touch_end(&t);
	EXPECT_FALSE(hp_event_waits(self->efd, 0));
}

/* Rule: WAKE without a fill makes the waiter raise a new event. */
TEST_F(armed, wake_raises_anew)
{
	struct hugepost_event e;
	struct toucher t;

	touch_start(&t, self->mem + 5 * TP, false);
	ASSERT_EQ(hp_read_event(self->efd, &e), 0);
	EXPECT_FALSE(hp_event_waits(self->efd, 0));
	ASSERT_EQ(hp_wake(self->fd, 0, PAGES * HP), 0);
	ASSERT_EQ(hp_read_event(self->efd, &e), 0);
	EXPECT_EQ(e.offset, 5 * TP);
	EXPECT_FALSE(t.done);
	ASSERT_EQ(hp_wake(self->fd, 5 * TP, TP), 0);
	ASSERT_EQ(hp_read_event(self->efd, &e), 0);
	ASSERT_EQ(hp_fill(self->fd, 0, 5 * TP, self->buf, TP, 0), 0);
	EXPECT_EQ(touch_end(&t), 0x5a);
}

/* Rule: a discard on an armed object lets the next touch wait again. */
TEST_F(armed, discard_then_touch)
{
	struct hugepost_event e;
	struct toucher t;

	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, SUBS, 1), 0);
	EXPECT_TRUE(hp_pattern_check(self->mem + 7 * TP, 7, 1));
	EXPECT_EQ(hp_discard(self->fd, 7 * TP, TP), 1);
	touch_start(&t, self->mem + 7 * TP, false);
	ASSERT_EQ(hp_read_event(self->efd, &e), 0);
	EXPECT_EQ(e.offset, 7 * TP);
	EXPECT_TRUE(hp_pattern_check(self->mem + 8 * TP, 8, 1));
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 7, 1, 2), 0);
	touch_end(&t);
	EXPECT_TRUE(hp_pattern_check(self->mem + 7 * TP, 7, 2));
}

/* Rule: a discard under a waiter forgets its event; it raises a new one. */
TEST_F(armed, discard_under_waiter)
{
	struct hugepost_event e;
	struct toucher t;

	ASSERT_EQ(hp_fill(self->fd, 0, 0, self->buf, TP, 0), 0);
	touch_start(&t, self->mem + TP, false);
	ASSERT_EQ(hp_read_event(self->efd, &e), 0);
	EXPECT_EQ(hp_discard(self->fd, 0, HP), 1);
	ASSERT_EQ(hp_read_event(self->efd, &e), 0);
	EXPECT_EQ(e.offset, TP);
	ASSERT_EQ(hp_fill(self->fd, 0, TP, self->buf, TP, 0), 0);
	EXPECT_EQ(touch_end(&t), 0x5a);
}

/* Rule: DISARM lets all waiters go on with zeros, and events end. */
TEST_F(armed, disarm_releases)
{
	struct hugepost_event e;
	struct toucher a, b;

	touch_start(&a, self->mem, false);
	touch_start(&b, self->mem + 3 * HP, true);
	ASSERT_EQ(hp_disarm(self->fd), 0);
	EXPECT_EQ(touch_end(&a), 0);
	EXPECT_EQ(touch_end(&b), 0x77);
	EXPECT_EQ(hp_read_event(self->efd, &e), -ENODATA);
	EXPECT_EQ(hp_stats(self->fd).out_mode, HUGEPOST_MODE_UNARMED);
	EXPECT_EQ(hp_disarm(self->fd), 0);
}

static sigjmp_buf on_sigbus;

static void sigbus(int sig)
{
	siglongjmp(on_sigbus, 1);
}

/* Does a touch of @addr end with SIGBUS? */
static bool touch_is_sigbus(volatile char *addr)
{
	struct sigaction sa = { .sa_handler = sigbus }, old;
	bool ret = true;

	sigaction(SIGBUS, &sa, &old);
	if (!sigsetjmp(on_sigbus, 1)) {
		(void)*addr;
		ret = false;
	}
	sigaction(SIGBUS, &old, NULL);
	return ret;
}

static void *touch_lost(void *arg)
{
	struct toucher *t = arg;

	t->tid = gettid();
	t->value = touch_is_sigbus(t->addr);
	t->done = true;
	return NULL;
}

/*
 * Rule: a lost handler is SIGBUS for what is missing, never zeros; what is
 * present stays; ARM recovers, and the bitmap keeps every target page.
 */
TEST_F(armed, handler_lost_and_recovered)
{
	struct toucher t = { .addr = self->mem + HP };
	uint64_t bits[SUBS / 64];
	struct hugepost_event e;

	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 3, 2, 1), 0);
	pthread_create(&t.thread, NULL, touch_lost, &t);
	ASSERT_EQ(hp_read_event(self->efd, &e), 0);
	EXPECT_EQ(close(self->efd), 0);
	pthread_join(t.thread, NULL);
	EXPECT_TRUE(t.value);
	EXPECT_EQ(hp_stats(self->fd).out_mode, HUGEPOST_MODE_LOST);
	EXPECT_TRUE(touch_is_sigbus(self->mem));
	EXPECT_TRUE(hp_pattern_check(self->mem + 3 * TP, 3, 1));
	EXPECT_EQ(hp_fill(self->fd, 0, 0, self->buf, TP, HUGEPOST_FILL_REPLACE),
		  -EBUSY);

	self->efd = hp_arm(self->fd, 0);
	ASSERT_GE(self->efd, 0);
	EXPECT_EQ(hp_bitmap(self->fd, 0, HP, bits), 2);
	EXPECT_EQ(bits[0], 0x18);
	touch_start(&t, self->mem + HP, false);
	ASSERT_EQ(hp_read_event(self->efd, &e), 0);
	EXPECT_EQ(e.offset, HP);
	ASSERT_EQ(hp_fill(self->fd, 0, HP, self->buf, TP, 0), 0);
	EXPECT_EQ(touch_end(&t), 0x5a);
}

/* Rule: an old event descriptor ends when the object is armed anew. */
TEST_F(armed, old_descriptor_is_no_handler)
{
	struct hugepost_event e;
	int old = self->efd;

	ASSERT_EQ(hp_disarm(self->fd), 0);
	self->efd = hp_arm(self->fd, 0);
	ASSERT_GE(self->efd, 0);
	EXPECT_EQ(hp_read_event(old, &e), -ENODATA);
	EXPECT_EQ(close(old), 0);
	EXPECT_EQ(hp_stats(self->fd).out_mode, HUGEPOST_MODE_ARMED);
}

/* Rule: closing one of two references to the descriptor loses nothing. */
TEST_F(armed, dup_close_keeps_handler)
{
	pid_t child;
	int copy = dup(self->efd);

	ASSERT_GE(copy, 0);
	EXPECT_EQ(close(copy), 0);
	EXPECT_EQ(hp_stats(self->fd).out_mode, HUGEPOST_MODE_ARMED);

	/* A child that inherited it, and never used it, exits. */
	child = fork();
	if (!child)
		_exit(0);
	ASSERT_EQ(waitpid(child, NULL, 0), child);
	EXPECT_EQ(hp_stats(self->fd).out_mode, HUGEPOST_MODE_ARMED);
}

static void ignore(int sig)
{
}

/* Rule: a signal interrupts a wait, runs its handler, and the wait goes on. */
TEST_F(armed, signal_interrupts)
{
	struct sigaction sa = { .sa_handler = ignore };
	struct toucher t;
	unsigned int i;

	sigaction(SIGUSR1, &sa, NULL);
	touch_start(&t, self->mem, false);
	for (i = 0; i < 3; i++) {
		pthread_kill(t.thread, SIGUSR1);
		while (!hp_thread_sleeps(t.tid))
			usleep(1000);
	}
	EXPECT_FALSE(t.done);
	EXPECT_EQ(hp_stats(self->fd).out_events, 1);
	ASSERT_EQ(hp_fill(self->fd, 0, 0, self->buf, TP, 0), 0);
	EXPECT_EQ(touch_end(&t), 0x5a);
}

static int reader_pipe[2];

static void *read_into(void *arg)
{
	struct toucher *t = arg;

	t->tid = gettid();
	t->value = read(reader_pipe[0], (void *)t->addr, 1) == 1;
	t->done = true;
	return NULL;
}

/*
 * Rule: the kernel's own access to a missing page sleeps also while a signal is
 * pending that cannot interrupt it; it neither fails nor spins.
 */
TEST_F(armed, signal_in_kernel_access)
{
	struct sigaction sa = { .sa_handler = ignore };
	struct toucher t = { .addr = self->mem + TP };
	struct hugepost_event e;
	uint64_t before;

	sigaction(SIGUSR1, &sa, NULL);
	ASSERT_EQ(pipe(reader_pipe), 0);
	ASSERT_EQ(write(reader_pipe[1], "x", 1), 1);
	pthread_create(&t.thread, NULL, read_into, &t);
	ASSERT_EQ(hp_read_event(self->efd, &e), 0);
	before = hp_stats(self->fd).out_faults;
	pthread_kill(t.thread, SIGUSR1);
	usleep(300000);
	/* A spinning fault comes by thousands of times. */
	EXPECT_LT(hp_stats(self->fd).out_faults, before + 100);
	EXPECT_FALSE(t.done);
	ASSERT_EQ(hp_fill(self->fd, 0, TP, self->buf, TP, 0), 0);
	EXPECT_EQ(touch_end(&t), 1);
	EXPECT_EQ(self->mem[TP], 'x');
	close(reader_pipe[0]);
	close(reader_pipe[1]);
}

/* A handler that fills what events ask for with the page's pattern. */
struct handler {
	pthread_t thread;
	int fd;
	int efd;
	unsigned int events;
};

static void *handle(void *arg)
{
	struct handler *h = arg;
	struct hugepost_event e;

	while (!hp_read_event(h->efd, &e)) {
		h->events++;
		if (hp_fill_pattern(h->fd, 1, e.offset / TP, 1, 1))
			break;
	}
	return NULL;
}

static void handler_start(struct handler *h, int fd, int efd)
{
	*h = (struct handler){ .fd = fd, .efd = efd };
	pthread_create(&h->thread, NULL, handle, h);
}

static void handler_end(struct handler *h)
{
	hp_disarm(h->fd);
	pthread_join(h->thread, NULL);
}

/* Rule: the kernel's own access to a missing page waits and gets its bytes. */
TEST_F(armed, kernel_access)
{
	struct iovec local, remote;
	struct handler h;
	char page[TP];
	int p[2];

	handler_start(&h, self->fd, self->efd);
	ASSERT_EQ(pipe(p), 0);

	/* write(2) from a missing page, read(2) into one */
	EXPECT_EQ(write(p[1], self->mem, TP), TP);
	EXPECT_EQ(read(p[0], page, TP), TP);
	EXPECT_TRUE(hp_pattern_check(page, 0, 1));
	EXPECT_EQ(write(p[1], "abcd", 4), 4);
	EXPECT_EQ(read(p[0], self->mem + TP, 4), 4);
	EXPECT_EQ(memcmp(self->mem + TP, "abcd", 4), 0);
	EXPECT_EQ((unsigned char)self->mem[TP + 4], hp_pattern(1, 1, 4));

	/* vmsplice */
	local = (struct iovec){ self->mem + 2 * TP, TP };
	EXPECT_EQ(vmsplice(p[1], &local, 1, 0), TP);
	EXPECT_EQ(read(p[0], page, TP), TP);
	EXPECT_TRUE(hp_pattern_check(page, 2, 1));

	/* process_vm_readv */
	local = (struct iovec){ page, TP };
	remote = (struct iovec){ self->mem + HP, TP };
	EXPECT_EQ(process_vm_readv(getpid(), &local, 1, &remote, 1, 0), TP);
	EXPECT_TRUE(hp_pattern_check(page, SUBS, 1));

	EXPECT_EQ(h.events, 4);
	handler_end(&h);
	close(p[0]);
	close(p[1]);
}

/* Rule: O_DIRECT reads and writes missing pages, and pins what it found. */
TEST_F(armed, direct_io)
{
	struct handler h;
	int disk;

	/* A block device whose driver copies from and to the pinned pages. */
	if (access("/dev/ram0", F_OK) && system("modprobe brd rd_nr=1"))
		SKIP(return, "no RAM disk (brd) to do O_DIRECT on");
	disk = open("/dev/ram0", O_RDWR | O_DIRECT | O_CLOEXEC);
	ASSERT_GE(disk, 0);
	handler_start(&h, self->fd, self->efd);

	EXPECT_EQ(pwrite(disk, self->mem + 2 * HP, 3 * TP, 0), 3 * TP);
	EXPECT_EQ(pread(disk, self->mem + 3 * HP, 3 * TP, 0), 3 * TP);
	EXPECT_TRUE(hp_pattern_check(self->mem + 3 * HP, 2 * SUBS, 1));
	EXPECT_TRUE(hp_pattern_check(self->mem + 3 * HP + 2 * TP, 2 * SUBS + 2,
				     1));
	EXPECT_EQ(h.events, 6);
	handler_end(&h);
	close(disk);
}

/* Rule: without a handler the kernel's access fails, and nobody hangs. */
TEST_F(armed, kernel_access_lost)
{
	int p[2];

	ASSERT_EQ(pipe(p), 0);
	ASSERT_EQ(close(self->efd), 0);
	EXPECT_EQ(write(p[1], self->mem, TP), -1);
	EXPECT_EQ(errno, EFAULT);
	close(p[0]);
	close(p[1]);
}

/* Rule: a FILL may copy from a missing page of the object it fills. */
TEST_F(armed, fill_from_missing)
{
	struct handler h;

	handler_start(&h, self->fd, self->efd);
	ASSERT_EQ(hp_fill(self->fd, 0, HP, self->mem + 9 * TP, 2 * TP, 0), 0);
	EXPECT_TRUE(hp_pattern_check(self->mem + HP + TP, 10, 1));
	handler_end(&h);
}

/* Rule: what was mapped by single entries reads on when its page completes. */
TEST_F(armed, assembling_to_present)
{
	struct handler h;
	unsigned int i;

	handler_start(&h, self->fd, self->efd);
	for (i = 0; i < SUBS; i += 3)
		ASSERT_TRUE(hp_pattern_check(self->mem + i * TP, i, 1));
	for (i = 0; i < SUBS; i += 3)
		self->mem[i * TP + 5] = 0x11;
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, SUBS, 2), 0);
	for (i = 0; i < SUBS; i++) {
		bool old = i % 3 == 0;

		EXPECT_EQ((unsigned char)self->mem[i * TP + 5],
			  old ? 0x11 : hp_pattern(i, 2, 5));
		EXPECT_EQ((unsigned char)self->mem[i * TP + 6],
			  hp_pattern(i, old ? 1 : 2, 6));
	}
	EXPECT_EQ(hp_stats(self->fd).out_present, 1);
	handler_end(&h);
}

TEST_HARNESS_MAIN
