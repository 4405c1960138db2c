// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a machine does to an object from outside: it is suspended, its processors
 * and memory go away, memory is compacted, used up and fragmented, and a cgroup
 * is at its limit.
 */
#include "hugepost_system.h"
#include "hugepost_touch.h"

#include <sys/uio.h>

/* A thread that waits for a page, in user mode or in the kernel. */
struct waiter {
	pthread_t thread;
	volatile pid_t tid;
	char *addr;
	int how;
	ssize_t ret;
};

enum {
	WAIT_TOUCH,		/* can be interrupted */
	WAIT_READ,		/* of a file: cannot, but looks again and again */
	WAIT_REMOTE,		/* process_vm_readv(): can be killed only */
	WAITS
};

static void *wait_for_page(void *arg)
{
	struct waiter *w = arg;
	char buf[8];
	struct iovec local = { .iov_base = buf, .iov_len = sizeof(buf) };
	struct iovec remote = { .iov_base = w->addr, .iov_len = sizeof(buf) };
	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	w->tid = gettid();
	switch (w->how) {
	case WAIT_TOUCH:
		w->ret = *(volatile unsigned char *)w->addr;
		break;
	case WAIT_READ:
		w->ret = read(zero, w->addr, sizeof(buf));
		break;
	case WAIT_REMOTE:
		w->ret = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
		break;
	}
	close(zero);
	return NULL;
}

/*
 * Rule: a wait for a page, whoever waits, does not keep the machine from being
 * suspended, and goes on afterwards.
 */
TEST(suspend)
{
	int fd = hp_new(HP, 1, 0), efd;
	struct waiter w[WAITS];
	unsigned int i;
	char *mem;

	if (write_file("/sys/power", "pm_test", "freezer"))
		SKIP(return, "the kernel cannot try a suspend");
	write_file("/sys/module/suspend/parameters", "pm_test_delay", "0");
	write_file("/sys/power", "pm_freeze_timeout", "5000");

	ASSERT_GE(fd, 0);
	mem = hp_map(fd, 0, HP);
	ASSERT_NE(mem, MAP_FAILED);
	efd = hp_arm(fd, 0);
	ASSERT_GE(efd, 0);
	for (i = 0; i < WAITS; i++) {
		w[i] = (struct waiter){ .addr = mem + i * TP, .how = i };
		pthread_create(&w[i].thread, NULL, wait_for_page, &w[i]);
	}
	while (hp_stats(fd).out_waits < WAITS)
		usleep(1000);
	EXPECT_EQ(write_file("/sys/power", "state", "mem"), 0);
	EXPECT_EQ(write_file("/sys/power", "state", "mem"), 0);

	for (i = 0; i < WAITS; i++)
		EXPECT_EQ(pthread_tryjoin_np(w[i].thread, NULL), EBUSY);
	EXPECT_EQ(hp_fill_pattern(fd, 0, 0, WAITS, 1), 0);
	for (i = 0; i < WAITS; i++)
		pthread_join(w[i].thread, NULL);
	EXPECT_EQ(w[WAIT_TOUCH].ret, hp_pattern(WAIT_TOUCH, 1, 0));
	EXPECT_EQ(w[WAIT_READ].ret, 8);
	EXPECT_EQ(w[WAIT_REMOTE].ret, 8);
	write_file("/sys/power", "pm_freeze_timeout", "20000");
	write_file("/sys/power", "pm_test", "none");
	close(efd);
	munmap(mem, HP);
	close(fd);
}

#define SOME	7U	/* target pages of a host page that assembles */

/* An object with a host page in each state. */
enum state { HUGE, ASSEMBLING, STAGED, ZERO, EMPTY, STATES };

FIXTURE(states)
{
	int fd;
	char *mem;
};

FIXTURE_SETUP(states)
{
	self->fd = hp_new(STATES * HP, 2, 0);
	ASSERT_GE(self->fd, 0);
	self->mem = hp_map(self->fd, 0, STATES * HP);
	ASSERT_NE(self->mem, MAP_FAILED);
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, HUGE * SUBS, SUBS, 1), 0);
	ASSERT_EQ(hp_install(self->fd, self->mem, HP, NULL), 0);
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, ASSEMBLING * SUBS, SOME, 1), 0);
	ASSERT_TRUE(hp_pattern_check(self->mem + HP, SUBS, 1));
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, STAGED * SUBS, SOME, 1), 0);
	ASSERT_EQ(hp_fill(self->fd, 0, ZERO * HP, NULL, HP,
			  HUGEPOST_FILL_ZERO), 0);
}

/* Is all as it was left by the set-up? Does not touch what was not touched. */
static bool states_hold(int fd, const char *mem)
{
	uint64_t bits[STATES * SUBS / 64];
	struct hugepost_stats s = hp_stats(fd);
	unsigned int i;

	for (i = 0; i < SUBS; i++)
		if (!hp_pattern_check(mem + i * TP, i, 1))
			return false;
	return hp_pattern_check(mem + HP, SUBS, 1) &&
	       hp_bitmap(fd, 0, STATES * HP, bits) == 2 * SUBS + 2 * SOME &&
	       s.out_present == 1 && s.out_zero == 1 && s.out_assembling == 2 &&
	       s.out_empty == 1;
}

/* Rule: whatever was done, each host page can be filled, and all bytes hold. */
FIXTURE_TEARDOWN(states)
{
	unsigned int i;

	EXPECT_TRUE(states_hold(self->fd, self->mem));
	EXPECT_EQ(hp_fill_pattern(self->fd, 1, 0, STATES * SUBS, 1), 0);
	for (i = 0; i < STATES * SUBS; i++)
		if (i / SUBS != ZERO)
			ASSERT_TRUE(hp_pattern_check(self->mem + i * TP, i, 1));
	for (i = 0; i < HP; i++)
		ASSERT_EQ(self->mem[ZERO * HP + i], 0);
	munmap(self->mem, STATES * HP);
	close(self->fd);
}

/* Rule: compaction leaves host pages of any state where they are. */
TEST_F(states, compaction)
{
	uint64_t huge = frame_of(self->mem), part = frame_of(self->mem + HP);
	unsigned int i;

	if (write_file("/proc/sys/vm", "compact_memory", "1"))
		SKIP(return, "the kernel does not compact memory");
	ASSERT_NE(huge, 0);
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(write_file("/proc/sys/vm", "compact_memory", "1"), 0);
		ASSERT_TRUE(states_hold(self->fd, self->mem));
	}
	EXPECT_EQ(frame_of(self->mem), huge);
	EXPECT_EQ(frame_of(self->mem + HP), part);
}

#define SPREAD	128U	/* host pages, in more than one block of memory */

/* Takes the block of memory out that has the frame: 0, or -errno. */
static int offline(uint64_t frame, uint64_t block)
{
	char path[96];

	snprintf(path, sizeof(path), MEMORY "/memory%llu",
		 (unsigned long long)(frame * TP / block));
	return write_file(path, "state", "offline");
}

/*
 * Rule: memory that holds a host page, half or complete, cannot be taken out of
 * the machine; who tries is told so.
 */
TEST(memory_offline)
{
	int fd, file = open(MEMORY "/block_size_bytes", O_RDONLY | O_CLOEXEC);
	unsigned int i, busy = 0;
	uint64_t frame, last = 0;
	unsigned long long block;
	char text[32] = "";
	char *mem;
	int ret;

	if (file < 0 || read(file, text, sizeof(text) - 1) <= 0 ||
	    sscanf(text, "%llx", &block) != 1)
		SKIP(return, "the kernel cannot take memory out");
	close(file);
	fd = hp_new(SPREAD * HP, 1, 0);
	ASSERT_GE(fd, 0);
	mem = hp_map(fd, 0, SPREAD * HP);
	ASSERT_NE(mem, MAP_FAILED);
	for (i = 0; i < SPREAD; i++) {
		ASSERT_EQ(hp_fill_pattern(fd, 0, i * SUBS, 1, 1), 0);
		if (i % 2)
			ASSERT_EQ(hp_fill(fd, 0, i * HP + TP, NULL, HP - TP,
					  HUGEPOST_FILL_ZERO), 0);
		ASSERT_TRUE(hp_pattern_check(mem + i * HP, i * SUBS, 1));
	}
	for (i = 0; i < SPREAD; i++) {
		frame = frame_of(mem + i * HP);
		ASSERT_NE(frame, 0);
		if (frame * TP / block == last)
			continue;
		last = frame * TP / block;
		/* One with a hole in it, for the firmware, is refused anyway. */
		ret = offline(frame, block);
		EXPECT_TRUE(ret == -EBUSY || ret == -EINVAL);
		busy += ret == -EBUSY;
		EXPECT_EQ(frame_of(mem + i * HP), frame);
	}
	EXPECT_GT(busy, 0);
	for (i = 0; i < SPREAD; i++)
		EXPECT_TRUE(hp_pattern_check(mem + i * HP, i * SUBS, 1));
	munmap(mem, SPREAD * HP);
	close(fd);
}

/* Threads that fill a part each of an object, and look at all of it. */
#define CROWD_CHANNELS	64U

struct crowd {
	pthread_t thread;
	int fd;
	char *mem;
	unsigned int index;
	unsigned int threads;
	unsigned int pages;
	unsigned int wrong;
	int ret;
};

/* Fills each page of its part when its channel is free, and waits for another. */
static void *crowd_fill(void *arg)
{
	struct crowd *c = arg;
	unsigned int page, look;

	for (page = c->index; page < c->pages; page += c->threads) {
		do {
			c->ret = hp_fill_pattern(c->fd, c->index % CROWD_CHANNELS,
						 page, 1, 1);
		} while (c->ret == -EBUSY && !sched_yield());
		if (c->ret)
			break;
		look = (page + c->threads / 2) % c->pages;
		c->wrong += (unsigned char)c->mem[look * TP] !=
			    hp_pattern(look, 1, 0);
	}
	return NULL;
}

/* Starts the threads on @pages host pages; ends when all of them have. */
static unsigned int crowd_run(int fd, unsigned int threads, unsigned int pages)
{
	struct crowd *c = calloc(threads, sizeof(*c));
	char *mem = hp_map(fd, 0, pages * HP);
	unsigned int i, wrong = mem == MAP_FAILED;

	for (i = 0; i < threads; i++) {
		c[i] = (struct crowd){ .fd = fd, .mem = mem, .index = i,
				       .threads = threads,
				       .pages = pages * SUBS };
		wrong += !!pthread_create(&c[i].thread, NULL, crowd_fill, &c[i]);
	}
	for (i = 0; i < threads; i++) {
		pthread_join(c[i].thread, NULL);
		wrong += c[i].wrong + !!c[i].ret;
	}
	for (i = 0; i < pages * SUBS; i++)
		wrong += !hp_pattern_check(mem + i * TP, i, 1);
	munmap(mem, pages * HP);
	free(c);
	return wrong;
}

/*
 * Rule: 64 channels with 8 threads each fill one object, each page once. (With 2
 * on a kernel with KASAN, which keeps a page for each stack that there ever was.)
 */
TEST(crowd)
{
	struct hugepost_channel_stats ch[CROWD_CHANNELS];
	uint64_t filled = 0, duplicates = 0;
	const unsigned int pages = 8;
	unsigned int i, threads;
	int fd, efd;

	fd = hp_new(pages * HP, CROWD_CHANNELS, 0);
	ASSERT_GE(fd, 0);
	efd = hp_arm(fd, 0);
	ASSERT_GE(efd, 0);
	threads = CROWD_CHANNELS * (hp_slowness() > 1 ? 2 : 8);
	EXPECT_EQ(crowd_run(fd, threads, pages), 0);
	ASSERT_EQ(hp_channel_stats(fd, CROWD_CHANNELS, ch), 0);
	for (i = 0; i < CROWD_CHANNELS; i++) {
		EXPECT_EQ(ch[i].pages, pages * SUBS / CROWD_CHANNELS);
		filled += ch[i].pages;
		duplicates += ch[i].duplicates;
	}
	EXPECT_EQ(filled, pages * SUBS);
	EXPECT_EQ(duplicates, 0);
	EXPECT_EQ(hp_stats(fd).out_present, pages);
	close(efd);
	close(fd);
}

#define CPU	"/sys/devices/system/cpu/cpu1"

static volatile bool switching;

static void *switch_cpu(void *arg)
{
	int *ret = arg;

	while (switching && !*ret) {
		*ret = write_file(CPU, "online", "0");
		if (!*ret)
			*ret = write_file(CPU, "online", "1");
	}
	return NULL;
}

/* Rule: processors come and go while there are fills, waits and discards. */
TEST(cpu_offline)
{
	pthread_t thread;
	unsigned int i;
	int fd, efd, ret = 0;

	if (access(CPU "/online", W_OK))
		SKIP(return, "no processor can be switched off");
	fd = hp_new(2 * HP, CROWD_CHANNELS, 0);
	ASSERT_GE(fd, 0);
	efd = hp_arm(fd, 0);
	ASSERT_GE(efd, 0);
	switching = true;
	pthread_create(&thread, NULL, switch_cpu, &ret);
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(crowd_run(fd, 8, 2), 0);
		EXPECT_EQ(hp_discard(fd, 0, 2 * HP), 2 * SUBS);
	}
	switching = false;
	pthread_join(thread, NULL);
	EXPECT_EQ(ret, 0);
	close(efd);
	close(fd);
}

TEST_HARNESS_MAIN
