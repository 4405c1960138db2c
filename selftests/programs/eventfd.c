// SPDX-License-Identifier: GPL-2.0-only
/*
 * The event descriptor that ARM returns: read() and poll().
 */
#include "hugepost_touch.h"

#include <sys/syscall.h>

#define PAGES	2			/* host pages of the object */

FIXTURE(events)
{
	int fd;
	int efd;
	char *mem;
};

FIXTURE_VARIANT(events)
{
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(events, blocking)
{
	.flags = 0,
};

FIXTURE_VARIANT_ADD(events, nonblocking)
{
	.flags = HUGEPOST_ARM_NONBLOCK,
};

FIXTURE_SETUP(events)
{
	self->fd = hp_new(PAGES * HP, 1, 0);
	ASSERT_GE(self->fd, 0);
	self->mem = hp_map(self->fd, 0, PAGES * HP);
	ASSERT_NE(self->mem, MAP_FAILED);
	self->efd = hp_arm(self->fd, variant->flags);
	ASSERT_GE(self->efd, 0);
}

FIXTURE_TEARDOWN(events)
{
	hp_disarm(self->fd);
	munmap(self->mem, PAGES * HP);
	close(self->efd);
	close(self->fd);
}

/* What poll() says at once. */
static int state(int efd)
{
	struct pollfd p = { .fd = efd, .events = POLLIN | POLLOUT | POLLPRI };

	return poll(&p, 1, 0) < 0 ? -errno : p.revents;
}

/* Touches target page @tp in a thread, and returns when its event is queued. */
static bool raise_event(int fd, char *mem, uint64_t tp, struct hp_toucher *t)
{
	uint64_t before = hp_stats(fd).out_events;
	unsigned int i;

	hp_toucher_start(t, mem + tp * TP, -1);
	for (i = 0; i < 10000; i++) {
		if (hp_stats(fd).out_events > before)
			return true;
		usleep(1000);
	}
	return false;
}

/* Rule: the descriptor is for reading, at no position. */
TEST_F(events, descriptor)
{
	struct hugepost_event event = {};

	EXPECT_EQ(fcntl(self->efd, F_GETFD), FD_CLOEXEC);
	EXPECT_EQ(fcntl(self->efd, F_GETFL) & (O_ACCMODE | O_NONBLOCK),
		  O_RDONLY | (variant->flags ? O_NONBLOCK : 0));
	EXPECT_EQ(write(self->efd, &event, sizeof(event)), -1);
	EXPECT_EQ(errno, EBADF);
	EXPECT_EQ(mmap(NULL, TP, PROT_READ, MAP_SHARED, self->efd, 0),
		  MAP_FAILED);
	EXPECT_EQ(errno, ENODEV);
	EXPECT_EQ(lseek(self->efd, 0, SEEK_SET), -1);
	EXPECT_EQ(errno, ESPIPE);
	EXPECT_EQ(pread(self->efd, &event, sizeof(event), 0), -1);
	EXPECT_EQ(errno, ESPIPE);
}

/* Rule: a buffer shorter than an event is EINVAL, and loses none. */
TEST_F(events, short_buffer)
{
	struct hugepost_event event;
	struct hp_toucher t;

	EXPECT_EQ(read(self->efd, &event, 0), -1);
	EXPECT_EQ(errno, EINVAL);
	ASSERT_TRUE(raise_event(self->fd, self->mem, 3, &t));
	EXPECT_EQ(read(self->efd, &event, sizeof(event) - 1), -1);
	EXPECT_EQ(errno, EINVAL);
	EXPECT_EQ(hp_read_event(self->efd, &event), 0);
	EXPECT_EQ(event.offset, 3 * TP);
	hp_disarm(self->fd);
	EXPECT_EQ(hp_toucher_end(&t), 0);
}

/* Rule: poll() says POLLIN while an event can be read, POLLHUP at the end. */
TEST_F(events, poll_states)
{
	struct hugepost_event event;
	struct hp_toucher a, b;
	int again;

	EXPECT_EQ(state(self->efd), 0);
	ASSERT_TRUE(raise_event(self->fd, self->mem, 0, &a));
	ASSERT_TRUE(raise_event(self->fd, self->mem, 1, &b));
	EXPECT_EQ(state(self->efd), POLLIN);
	ASSERT_EQ(hp_read_event(self->efd, &event), 0);
	EXPECT_EQ(state(self->efd), POLLIN);
	ASSERT_EQ(hp_read_event(self->efd, &event), 0);
	EXPECT_EQ(state(self->efd), 0);

	EXPECT_EQ(hp_disarm(self->fd), 0);
	EXPECT_EQ(state(self->efd) & (POLLIN | POLLHUP), POLLIN | POLLHUP);
	EXPECT_EQ(hp_toucher_end(&a), 0);
	EXPECT_EQ(hp_toucher_end(&b), 0);

	/* Armed anew, by another descriptor: this one stays ended. */
	again = hp_arm(self->fd, HUGEPOST_ARM_NONBLOCK);
	ASSERT_GE(again, 0);
	EXPECT_EQ(state(self->efd) & POLLHUP, POLLHUP);
	EXPECT_EQ(state(again), 0);
	EXPECT_EQ(hp_read_event(self->efd, &event), -ENODATA);
	close(again);
}

/* Rule: read() returns as many whole events as fit, the oldest first. */
TEST_F(events, many_in_one_read)
{
	struct hugepost_event event[5];
	struct hp_toucher t[4];
	unsigned int i;

	for (i = 0; i < 4; i++)
		ASSERT_TRUE(raise_event(self->fd, self->mem, 9 - i, &t[i]));
	EXPECT_EQ(read(self->efd, event, 3 * sizeof(event[0]) - 1),
		  2 * sizeof(event[0]));
	EXPECT_EQ(read(self->efd, event + 2, 3 * sizeof(event[0])),
		  2 * sizeof(event[0]));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(event[i].offset, (9 - i) * TP);
	EXPECT_EQ(state(self->efd), 0);
	hp_disarm(self->fd);
	for (i = 0; i < 4; i++)
		EXPECT_EQ(hp_toucher_end(&t[i]), 0);
}

/* Rule: an event that cannot be copied is EFAULT, and stays queued. */
TEST_F(events, bad_buffer)
{
	struct hugepost_event event, *edge;
	struct hp_toucher t[2];
	char *map;

	map = mmap(NULL, 2 * TP, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(map, MAP_FAILED);
	ASSERT_EQ(mprotect(map + TP, TP, PROT_READ), 0);
	edge = (struct hugepost_event *)(map + TP) - 1;

	ASSERT_TRUE(raise_event(self->fd, self->mem, 5, &t[0]));
	ASSERT_TRUE(raise_event(self->fd, self->mem, 6, &t[1]));
	EXPECT_EQ(read(self->efd, map + TP, sizeof(event)), -1);
	EXPECT_EQ(errno, EFAULT);
	EXPECT_EQ(read(self->efd, (char *)edge + 8, sizeof(event)), -1);
	EXPECT_EQ(errno, EFAULT);
	EXPECT_EQ(state(self->efd), POLLIN);

	/* The first can be copied, the second cannot. */
	EXPECT_EQ(read(self->efd, edge, 2 * sizeof(event)), sizeof(event));
	EXPECT_EQ(edge->offset, 5 * TP);
	EXPECT_EQ(state(self->efd), POLLIN);
	EXPECT_EQ(hp_read_event(self->efd, &event), 0);
	EXPECT_EQ(event.offset, 6 * TP);

	hp_disarm(self->fd);
	EXPECT_EQ(hp_toucher_end(&t[0]), 0);
	EXPECT_EQ(hp_toucher_end(&t[1]), 0);
	munmap(map, 2 * TP);
}

/* A thread that reads one event. */
struct reader {
	pthread_t thread;
	int efd;
	volatile pid_t tid;
	struct hugepost_event event;
	int ret;
};

static void *reader_run(void *arg)
{
	struct reader *r = arg;

	r->tid = gettid();
	r->ret = hp_read_event(r->efd, &r->event);
	return NULL;
}

/* Returns when the reader sleeps. */
static bool reader_start(struct reader *r, int efd)
{
	unsigned int i;

	*r = (struct reader){ .efd = efd };
	pthread_create(&r->thread, NULL, reader_run, r);
	for (i = 0; i < 10000; i++) {
		if (r->tid && hp_thread_sleeps(r->tid))
			return true;
		usleep(1000);
	}
	return false;
}

/* Rule: read() waits for the first event, unless O_NONBLOCK is set. */
TEST_F(events, wait)
{
	struct hugepost_event event;
	struct hp_toucher t;
	struct reader r;

	if (!variant->flags) {
		ASSERT_TRUE(reader_start(&r, self->efd));
		ASSERT_TRUE(raise_event(self->fd, self->mem, 7, &t));
		pthread_join(r.thread, NULL);
		EXPECT_EQ(r.ret, 0);
		EXPECT_EQ(r.event.offset, 7 * TP);
		hp_disarm(self->fd);
		EXPECT_EQ(hp_toucher_end(&t), 0);
		return;
	}
	EXPECT_EQ(hp_read_event(self->efd, &event), -EAGAIN);
	ASSERT_TRUE(raise_event(self->fd, self->mem, 7, &t));
	EXPECT_EQ(hp_read_event(self->efd, &event), 0);
	EXPECT_EQ(hp_read_event(self->efd, &event), -EAGAIN);
	hp_disarm(self->fd);
	EXPECT_EQ(hp_read_event(self->efd, &event), -ENODATA);
	EXPECT_EQ(hp_toucher_end(&t), 0);
}

/* Rule: O_NONBLOCK can be changed later. */
TEST_F(events, change_nonblock)
{
	struct hugepost_event event;
	int flags = fcntl(self->efd, F_GETFL);
	struct reader r;

	ASSERT_EQ(fcntl(self->efd, F_SETFL, flags | O_NONBLOCK), 0);
	EXPECT_EQ(hp_read_event(self->efd, &event), -EAGAIN);
	ASSERT_EQ(fcntl(self->efd, F_SETFL, flags & ~O_NONBLOCK), 0);
	ASSERT_TRUE(reader_start(&r, self->efd));
	hp_disarm(self->fd);
	pthread_join(r.thread, NULL);
	EXPECT_EQ(r.ret, -ENODATA);
}

/* Rule: DISARM ends a read() that waits, and drops what was not read. */
TEST_F(events, end_of_file)
{
	struct hugepost_event event;
	struct hp_toucher t;

	ASSERT_TRUE(raise_event(self->fd, self->mem, 2, &t));
	EXPECT_EQ(hp_disarm(self->fd), 0);
	EXPECT_EQ(hp_read_event(self->efd, &event), -ENODATA);
	EXPECT_EQ(hp_read_event(self->efd, &event), -ENODATA);
	EXPECT_EQ(hp_toucher_end(&t), 0);
}

static void no_action(int sig)
{
}

/* Rule: a signal interrupts a read() that waits. */
TEST_F(events, interrupted)
{
	struct sigaction act = { .sa_handler = no_action };
	struct reader r;

	ASSERT_EQ(fcntl(self->efd, F_SETFL, 0), 0);
	ASSERT_EQ(sigaction(SIGUSR1, &act, NULL), 0);
	ASSERT_TRUE(reader_start(&r, self->efd));
	ASSERT_EQ(pthread_kill(r.thread, SIGUSR1), 0);
	pthread_join(r.thread, NULL);
	EXPECT_EQ(r.ret, -EINTR);
}

/* Rule: of several readers each event reaches one. */
TEST_F(events, several_readers)
{
	struct hp_toucher t[2];
	struct reader r[2];
	unsigned int i;

	ASSERT_EQ(fcntl(self->efd, F_SETFL, 0), 0);
	for (i = 0; i < 2; i++)
		ASSERT_TRUE(reader_start(&r[i], self->efd));
	for (i = 0; i < 2; i++)
		ASSERT_TRUE(raise_event(self->fd, self->mem, i, &t[i]));
	for (i = 0; i < 2; i++) {
		pthread_join(r[i].thread, NULL);
		EXPECT_EQ(r[i].ret, 0);
	}
	EXPECT_EQ(r[0].event.offset + r[1].event.offset, TP);
	hp_disarm(self->fd);
	for (i = 0; i < 2; i++)
		EXPECT_EQ(hp_toucher_end(&t[i]), 0);
}

/* Rule: the descriptor outlives the object, and says that it has ended. */
TEST_F(events, object_closed)
{
	struct hugepost_event event;
	int fd = hp_new(HP, 1, 0);
	int efd = hp_arm(fd, 0);

	ASSERT_GE(efd, 0);
	close(fd);
	EXPECT_EQ(state(efd) & POLLHUP, POLLHUP);
	EXPECT_EQ(hp_read_event(efd, &event), -ENODATA);
	close(efd);
}

/* A process that arms, hands its descriptor over, and exits when it is told to. */
struct armer {
	pid_t pid;
	int go;
	int efd;	/* a descriptor of this process, of the same file */
};

static int take_descriptor(pid_t pid, int fd)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	int ret = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);

	close(pidfd);
	return ret;
}

static bool armer_start(struct armer *a, int fd)
{
	int go[2], told[2], efd = -1;

	if (pipe(go) || pipe(told))
		return false;
	a->pid = fork();
	if (!a->pid) {
		close(go[1]);
		efd = hp_arm(fd, HUGEPOST_ARM_NONBLOCK);
		if (write(told[1], &efd, sizeof(efd)) < 0 ||
		    read(go[0], &efd, 1) < 0)
			_exit(1);
		_exit(0);
	}
	close(go[0]);
	close(told[1]);
	a->go = go[1];
	a->efd = -1;
	if (read(told[0], &efd, sizeof(efd)) == sizeof(efd) && efd >= 0)
		a->efd = take_descriptor(a->pid, efd);
	close(told[0]);
	return a->efd >= 0;
}

static int armer_end(struct armer *a)
{
	int status = -1;

	close(a->go);
	waitpid(a->pid, &status, 0);
	return status;
}

/* Rule: when who armed exits the handler is lost, whoever has the descriptor. */
TEST(armer_exits)
{
	int fd = hp_new(HP, 1, 0);
	struct armer a;

	ASSERT_TRUE(armer_start(&a, fd));
	EXPECT_EQ(hp_stats(fd).out_mode, HUGEPOST_MODE_ARMED);
	EXPECT_EQ(armer_end(&a), 0);
	EXPECT_EQ(hp_stats(fd).out_mode, HUGEPOST_MODE_LOST);
	close(a.efd);
	close(fd);
}

/* Rule: a process that reads is the handler from then on, and who armed is not. */
TEST(reader_takes_over)
{
	struct hugepost_event event;
	int fd = hp_new(HP, 1, 0);
	struct armer a;
	pid_t reader;
	int status;

	ASSERT_TRUE(armer_start(&a, fd));
	EXPECT_EQ(hp_read_event(a.efd, &event), -EAGAIN);
	EXPECT_EQ(armer_end(&a), 0);
	EXPECT_EQ(hp_stats(fd).out_mode, HUGEPOST_MODE_ARMED);

	reader = fork();
	if (!reader)
		_exit(hp_read_event(a.efd, &event) != -EAGAIN);
	EXPECT_EQ(waitpid(reader, &status, 0), reader);
	EXPECT_EQ(status, 0);
	EXPECT_EQ(hp_stats(fd).out_mode, HUGEPOST_MODE_LOST);
	close(a.efd);
	close(fd);
}

TEST_HARNESS_MAIN
