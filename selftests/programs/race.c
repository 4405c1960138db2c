// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads and processes against each other, and SIGKILL at each stage. What
 * must hold: no target page lost, old or torn, nobody hangs, all memory back.
 */
#include "hugepost_test.h"

#include <sys/prctl.h>

#define PAGES	8			/* host pages of the object */
#define ALL	(PAGES * SUBS)		/* its target pages */

FIXTURE(race)
{
	int fd;
	char *mem;
};

FIXTURE_SETUP(race)
{
	self->fd = hp_new(PAGES * HP, 4, 0);
	ASSERT_GE(self->fd, 0);
	self->mem = hp_map(self->fd, 0, PAGES * HP);
	ASSERT_NE(self->mem, MAP_FAILED);
}

FIXTURE_TEARDOWN(race)
{
	munmap(self->mem, PAGES * HP);
	close(self->fd);
}

struct filler {
	pthread_t thread;
	int fd;
	uint32_t channel;
	uint32_t first;
	uint32_t pages;
	uint32_t stride;
	unsigned int version;
	int ret;
};

/* Fills pages of the range, every stride-th, one call each. */
static void *fill_range(void *arg)
{
	struct filler *f = arg;
	uint32_t i;

	for (i = 0; i < f->pages && !f->ret; i++)
		f->ret = hp_fill_pattern(f->fd, f->channel,
					 f->first + i * f->stride % f->pages, 1,
					 f->version);
	return NULL;
}

/* Rule: channels fill one host page together; each page once, none torn. */
TEST_F(race, same_host_page)
{
	struct hugepost_channel_stats ch[4];
	struct filler f[4];
	uint64_t filled = 0, dup = 0;
	unsigned int i, round;

	for (round = 0; round < PAGES; round++) {
		for (i = 0; i < 4; i++) {
			/* Odd strides visit all pages, each in its order. */
			f[i] = (struct filler){
				.fd = self->fd, .channel = i,
				.first = round * SUBS, .pages = SUBS,
				.stride = 2 * i + 1, .version = 1,
			};
			pthread_create(&f[i].thread, NULL, fill_range, &f[i]);
		}
		for (i = 0; i < 4; i++) {
			pthread_join(f[i].thread, NULL);
			EXPECT_EQ(f[i].ret, 0);
		}
	}
	for (i = 0; i < ALL; i++)
		ASSERT_TRUE(hp_pattern_check(self->mem + i * TP, i, 1));
	ASSERT_EQ(hp_channel_stats(self->fd, 4, ch), 0);
	for (i = 0; i < 4; i++) {
		filled += ch[i].pages;
		dup += ch[i].duplicates;
	}
	EXPECT_EQ(filled, ALL);
	EXPECT_EQ(dup, 3 * ALL);
	EXPECT_EQ(hp_stats(self->fd).out_present, PAGES);
}

struct worker {
	pthread_t thread;
	int fd;
	uint32_t channel;
	char *mem;
	volatile bool stop;
	unsigned int seed;
	uint64_t wrong;
};

static void *fill_randomly(void *arg)
{
	struct worker *w = arg;

	while (!w->stop) {
		uint32_t page = rand_r(&w->seed) % ALL;

		if (rand_r(&w->seed) % 4)
			hp_fill_pattern(w->fd, w->channel, page, 1, 1);
		else
			hp_fill(w->fd, w->channel, page * TP, NULL, TP,
				HUGEPOST_FILL_ZERO);
	}
	return NULL;
}

static void *discard_randomly(void *arg)
{
	struct worker *w = arg;

	while (!w->stop) {
		uint32_t page = rand_r(&w->seed) % ALL;
		uint32_t n = rand_r(&w->seed) % 3 ? 1 : SUBS;

		if (page + n > ALL)
			n = ALL - page;
		hp_discard(w->fd, page * TP, n * TP);
		usleep(rand_r(&w->seed) % 200);
	}
	return NULL;
}

/* All that may be seen: a page's pattern, or zeros. */
static void *read_randomly(void *arg)
{
	struct worker *w = arg;

	while (!w->stop) {
		uint32_t page = rand_r(&w->seed) % ALL;
		uint32_t byte = rand_r(&w->seed) % TP;
		unsigned char seen = w->mem[page * TP + byte];

		if (seen && seen != hp_pattern(page, 1, byte))
			w->wrong++;
	}
	return NULL;
}

/* Rule: fills, discards and faults at once show no byte that was not filled. */
TEST_F(race, fill_discard_fault)
{
	void *(*const job[])(void *) = {
		fill_randomly, fill_randomly, discard_randomly, read_randomly,
		read_randomly,
	};
	struct worker w[ARRAY_SIZE(job)];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(job); i++) {
		w[i] = (struct worker){ .fd = self->fd, .channel = i,
					.mem = self->mem, .seed = i + 1 };
		pthread_create(&w[i].thread, NULL, job[i], &w[i]);
	}
	while (hp_stats(self->fd).out_discarded < 20000)
		usleep(10000);
	for (i = 0; i < ARRAY_SIZE(job); i++)
		w[i].stop = true;
	for (i = 0; i < ARRAY_SIZE(job); i++) {
		pthread_join(w[i].thread, NULL);
		EXPECT_EQ(w[i].wrong, 0);
	}
	EXPECT_GE(hp_discard(self->fd, 0, PAGES * HP), 0);
	EXPECT_EQ(hp_stats(self->fd).out_empty, PAGES);
}

static void *arm_and_disarm(void *arg)
{
	struct worker *w = arg;
	int efd;

	while (!w->stop) {
		efd = hp_arm(w->fd, 0);
		if (efd < 0)
			continue;
		hp_disarm(w->fd);
		close(efd);
	}
	return NULL;
}

/* Rule: after ARM no missing page is filled with zeros any more. */
TEST_F(race, arm_against_fault)
{
	struct worker reader = { .fd = self->fd, .mem = self->mem, .seed = 7 };
	uint64_t bits[ALL / 64];
	unsigned int round;
	int64_t before;
	int efd;

	pthread_create(&reader.thread, NULL, read_randomly, &reader);
	for (round = 0; round < 30; round++) {
		ASSERT_GE(hp_discard(self->fd, 0, PAGES * HP), 0);
		efd = hp_arm(self->fd, 0);
		ASSERT_GE(efd, 0);
		before = hp_bitmap(self->fd, 0, PAGES * HP, bits);
		ASSERT_TRUE(before == ALL || hp_event_waits(efd, 60000));
		EXPECT_EQ(hp_bitmap(self->fd, 0, PAGES * HP, bits), before);
		ASSERT_EQ(hp_disarm(self->fd), 0);
		close(efd);
	}
	reader.stop = true;
	pthread_join(reader.thread, NULL);
	EXPECT_EQ(reader.wrong, 0);
}

/* Rule: mode changes under load lose no waiter. */
TEST_F(race, arm_disarm_under_load)
{
	struct worker w[3];
	unsigned int i;

	for (i = 0; i < 3; i++) {
		w[i] = (struct worker){ .fd = self->fd, .mem = self->mem,
					.seed = i };
		pthread_create(&w[i].thread, NULL,
			       i ? read_randomly : arm_and_disarm, &w[i]);
	}
	for (i = 0; i < 200; i++)
		hp_discard(self->fd, 0, PAGES * HP);
	for (i = 0; i < 3; i++)
		w[i].stop = true;
	pthread_join(w[0].thread, NULL);
	hp_disarm(self->fd);
	for (i = 1; i < 3; i++) {
		pthread_join(w[i].thread, NULL);
		EXPECT_EQ(w[i].wrong, 0);
	}
}

enum victim {
	VICTIM_WAITER,		/* waits in a fault */
	VICTIM_HANDLER,		/* owns the event descriptor */
	VICTIM_FILLER,		/* waits in a FILL for its source */
	VICTIM_LOADED,		/* several threads at work */
};

FIXTURE(kill)
{
	int start[2];
};

FIXTURE_VARIANT(kill)
{
	enum victim victim;
	unsigned int rounds;
};

FIXTURE_VARIANT_ADD(kill, waiter)
{
	.victim = VICTIM_WAITER,
	.rounds = 5,
};

FIXTURE_VARIANT_ADD(kill, handler)
{
	.victim = VICTIM_HANDLER,
	.rounds = 5,
};

FIXTURE_VARIANT_ADD(kill, filler)
{
	.victim = VICTIM_FILLER,
	.rounds = 5,
};

FIXTURE_VARIANT_ADD(kill, loaded)
{
	.victim = VICTIM_LOADED,
	.rounds = 20,
};

FIXTURE_SETUP(kill)
{
	ASSERT_EQ(pipe(self->start), 0);
}

FIXTURE_TEARDOWN(kill)
{
	close(self->start[0]);
	close(self->start[1]);
}

static void *touch_byte(void *arg)
{
	return (void *)(uintptr_t)*(volatile char *)arg;
}

/* A process with an object of its own that does what its role says. */
static void victim_run(enum victim victim, int start)
{
	int fd = hp_new(PAGES * HP, 4, 0);
	char *mem = hp_map(fd, 0, PAGES * HP);
	int efd = hp_arm(fd, 0);
	struct worker w[4];
	pthread_t thread;
	unsigned int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (victim == VICTIM_LOADED) {
		for (i = 0; i < 4; i++) {
			w[i] = (struct worker){ .fd = fd, .channel = i,
						.mem = mem, .seed = i };
			pthread_create(&w[i].thread, NULL,
				       i < 2 ? fill_randomly :
				       i < 3 ? discard_randomly :
					       read_randomly, &w[i]);
		}
	} else if (victim == VICTIM_FILLER) {
		/* The source of the FILL is a missing page. */
		if (write(start, "x", 1) == 1)
			hp_fill(fd, 0, HP, mem, TP, 0);
	} else {
		for (i = 0; i < 3; i++)
			pthread_create(&thread, NULL, touch_byte, mem + i * TP);
		while (victim == VICTIM_HANDLER && hp_stats(fd).out_waits < 3)
			usleep(1000);
	}
	if (write(start, "x", 1) != 1)
		_exit(1);
	if (victim == VICTIM_WAITER)
		touch_byte(mem + HP);
	for (;;)
		hp_read_event(efd, &(struct hugepost_event){});
}

/* Rule: SIGKILL ends a process at any stage; the next object works. */
TEST_F(kill, at_stage)
{
	unsigned int round;
	int status, fd;
	pid_t child;
	char c;

	for (round = 0; round < variant->rounds; round++) {
		child = fork();
		ASSERT_GE(child, 0);
		if (!child)
			victim_run(variant->victim, self->start[1]);
		ASSERT_EQ(read(self->start[0], &c, 1), 1);
		usleep(round * 3000);
		EXPECT_EQ(kill(child, SIGKILL), 0);
		EXPECT_EQ(waitpid(child, &status, 0), child);
		EXPECT_TRUE(WIFSIGNALED(status));
	}
	fd = hp_new(PAGES * HP, 1, 0);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(hp_fill_pattern(fd, 0, 3, 1, 1), 0);
	close(fd);
}

/*
 * Rule: a waiter of another process that shares the object gets SIGBUS when the
 * process that handles is killed.
 */
TEST(kill_handler_of_shared_object)
{
	int fd = hp_new(HP, 1, 0), status, start[2];
	pid_t handler, waiter;
	char *mem;
	char c;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(pipe(start), 0);
	handler = fork();
	if (!handler) {
		int efd = hp_arm(fd, 0);

		if (efd < 0 || write(start[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	ASSERT_EQ(read(start[0], &c, 1), 1);
	waiter = fork();
	if (!waiter) {
		mem = hp_map(fd, 0, HP);
		_exit(*(volatile char *)mem);
	}
	while (!hp_stats(fd).out_waits)
		usleep(1000);
	EXPECT_EQ(kill(handler, SIGKILL), 0);
	EXPECT_EQ(waitpid(handler, NULL, 0), handler);
	EXPECT_EQ(waitpid(waiter, &status, 0), waiter);
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(WTERMSIG(status), SIGBUS);
	EXPECT_EQ(hp_stats(fd).out_mode, HUGEPOST_MODE_LOST);
	close(fd);
}

TEST_HARNESS_MAIN
