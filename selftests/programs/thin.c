// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that holds nothing but zeros: TRIM gives it back, and so does the module
 * itself some time after it was only read (parameter thin_after). No byte is lost,
 * no target page becomes missing.
 */
#include "hugepost_system.h"

#include <stdatomic.h>
#include <sys/uio.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#define MADV_POPULATE_WRITE	23
#endif

#define HOSTS		4
#define PARAMETERS	"/sys/module/hugepost/parameters"
#define WRITERS		2
#define WRITES		4000

static char zeros[HP];

FIXTURE(object)
{
	int fd;
	char *mem;
};

FIXTURE_SETUP(object)
{
	self->fd = hp_new(HOSTS * HP, 1, 0);
	ASSERT_GE(self->fd, 0);
	self->mem = hp_map(self->fd, 0, HOSTS * HP);
	ASSERT_NE(self->mem, MAP_FAILED);
}

FIXTURE_TEARDOWN(object)
{
	munmap(self->mem, HOSTS * HP);
	close(self->fd);
}

/* Rule: what holds zeros is given back, what holds anything else is not. */
TEST_F(object, zeros_are_given_back)
{
	uint64_t memory;

	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, SUBS, 0), 0);
	ASSERT_EQ(hp_fill(self->fd, 0, HP, zeros, HP, 0), 0);
	memset(self->mem + 2 * HP, 0, HP);
	self->mem[3 * HP] = 1;
	memory = hp_stats(self->fd).out_memory;
	EXPECT_EQ(hp_stats(self->fd).out_present, 4);

	EXPECT_EQ(hp_trim(self->fd, 0, HOSTS * HP), 2 * HP);
	EXPECT_EQ(hp_stats(self->fd).out_present, 2);
	EXPECT_EQ(hp_stats(self->fd).out_zero, 2);
	EXPECT_EQ(hp_stats(self->fd).out_memory, memory - 2 * HP);

	EXPECT_TRUE(hp_pattern_check(self->mem, 0, 0));
	EXPECT_TRUE(hp_pattern_check(self->mem + HP - TP, SUBS - 1, 0));
	EXPECT_FALSE(memcmp(self->mem + HP, zeros, HP));
	EXPECT_EQ(self->mem[3 * HP], 1);
	self->mem[2 * HP + TP] = 2;
	EXPECT_EQ(self->mem[2 * HP + TP], 2);
	EXPECT_EQ(hp_stats(self->fd).out_present, 4);
	EXPECT_EQ(hp_smaps(self->mem, HOSTS * HP, "FilePmdMapped"), 4 * HP);
}

/* Rule: one byte is enough to keep a host page, wherever it is. */
TEST_F(object, one_byte_keeps_it)
{
	static const size_t places[] = { 0, TP - 1, HP / 2 + 7, HP - 1 };
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(*places); i++) {
		memset(self->mem, 0, HP);
		self->mem[places[i]] = (char)0x80;
		EXPECT_EQ(hp_trim(self->fd, 0, HP), 0);
		EXPECT_EQ((unsigned char)self->mem[places[i]], 0x80);
		self->mem[places[i]] = 0;
		EXPECT_EQ(hp_trim(self->fd, 0, HP), HP);
	}
}

/* Rule: only host pages that the range holds whole are looked at. */
TEST_F(object, range)
{
	memset(self->mem, 0, HOSTS * HP);
	EXPECT_EQ(hp_trim(self->fd, TP, HP - TP), 0);
	EXPECT_EQ(hp_trim(self->fd, TP, 2 * HP - 2 * TP), 0);
	EXPECT_EQ(hp_trim(self->fd, TP, 2 * HP), HP);
	EXPECT_EQ(hp_trim(self->fd, 0, HOSTS * HP), 3 * HP);
	EXPECT_EQ(hp_trim(self->fd, 0, HOSTS * HP), 0);

	EXPECT_EQ(hp_trim(self->fd, 0, 0), -EINVAL);
	EXPECT_EQ(hp_trim(self->fd, 1, TP), -EINVAL);
	EXPECT_EQ(hp_trim(self->fd, 0, TP + 1), -EINVAL);
	EXPECT_EQ(hp_trim(self->fd, 0, HOSTS * HP + TP), -ERANGE);
	EXPECT_EQ(hp_trim(self->fd, HOSTS * HP, TP), -ERANGE);
	EXPECT_EQ(hp_trim(self->fd, -TP, 2 * TP), -ERANGE);
}

/* Rule: a host page that assembles keeps its memory, a complete one of it does not. */
TEST_F(object, assembling_stays)
{
	ASSERT_EQ(hp_fill(self->fd, 0, 0, zeros, HP - TP, 0), 0);
	EXPECT_EQ(hp_trim(self->fd, 0, HP), 0);
	EXPECT_EQ(hp_stats(self->fd).out_assembling, 1);
	ASSERT_EQ(hp_fill(self->fd, 0, HP - TP, zeros, TP, 0), 0);
	EXPECT_EQ(hp_trim(self->fd, 0, HP), HP);
}

/* Rule: no target page becomes missing: nobody waits, and no event comes. */
TEST_F(object, armed)
{
	int efd;

	efd = hp_arm(self->fd, 0);
	ASSERT_GE(efd, 0);
	ASSERT_EQ(hp_fill(self->fd, 0, 0, zeros, HP, 0), 0);
	EXPECT_EQ(hp_trim(self->fd, 0, HP), HP);
	EXPECT_EQ(self->mem[5 * TP], 0);
	self->mem[6 * TP] = 6;
	EXPECT_EQ(self->mem[6 * TP], 6);
	EXPECT_FALSE(hp_event_waits(efd, 0));
	EXPECT_EQ(hp_stats(self->fd).out_waits, 0);
	close(efd);
	EXPECT_EQ(hp_disarm(self->fd), 0);
}

/* Rule: DISCARD of a part of what was trimmed discards just that. */
TEST_F(object, discard_of_a_part)
{
	memset(self->mem, 0, HP);
	EXPECT_EQ(hp_trim(self->fd, 0, HP), HP);
	EXPECT_EQ(hp_discard(self->fd, 3 * TP, 2 * TP), 2);
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 3, 2, 1), 0);
	EXPECT_TRUE(hp_pattern_check(self->mem + 4 * TP, 4, 1));
	EXPECT_FALSE(memcmp(self->mem + 5 * TP, zeros, HP - 5 * TP));
	EXPECT_FALSE(memcmp(self->mem, zeros, 3 * TP));
}

/* Rule: memory that somebody has pinned stays, for as long as that. */
TEST_F(object, pinned_stays)
{
	struct iovec iov = { .iov_base = self->mem + 7 * TP, .iov_len = TP };
	char read_back[TP];
	int pipes[2];

	memset(self->mem, 0, HP);
	ASSERT_EQ(pipe(pipes), 0);
	ASSERT_EQ(vmsplice(pipes[1], &iov, 1, 0), TP);
	EXPECT_EQ(hp_trim(self->fd, 0, HP), 0);
	self->mem[7 * TP] = 7;
	ASSERT_EQ(read(pipes[0], read_back, TP), TP);
	EXPECT_EQ(read_back[0], 7);
	self->mem[7 * TP] = 0;
	close(pipes[0]);
	close(pipes[1]);
	EXPECT_EQ(hp_trim(self->fd, 0, HP), HP);
}

/* Rule: PREALLOC keeps what it was asked to keep. */
TEST(prealloc_stays)
{
	int fd = hp_new(2 * HP, 1, HUGEPOST_SETUP_PREALLOC);
	uint64_t memory;
	char *mem;

	ASSERT_GE(fd, 0);
	mem = hp_map(fd, 0, 2 * HP);
	ASSERT_NE(mem, MAP_FAILED);
	memset(mem, 0, 2 * HP);
	memory = hp_stats(fd).out_memory;
	EXPECT_EQ(hp_trim(fd, 0, 2 * HP), 0);
	EXPECT_EQ(hp_stats(fd).out_memory, memory);
	munmap(mem, 2 * HP);
	close(fd);
}

struct writer {
	pthread_t thread;
	char *mem;
	unsigned int number;
	unsigned int lost;
};

static atomic_bool writers_done;

/* Numbers go up and down to zero in bytes that are this thread's alone. */
static void *write_and_read(void *arg)
{
	struct writer *w = arg;
	unsigned int i, value[HOSTS] = {};

	for (i = 0; i < WRITES; i++) {
		unsigned int host = i % HOSTS;
		volatile unsigned int *at = (void *)(w->mem + host * HP +
			(w->number * 97 + 13) * TP);

		w->lost += *at != value[host];
		value[host] = i / HOSTS % 3 ? i : 0;
		*at = value[host];
		if (i % 16 == 0)
			usleep(100);
	}
	return NULL;
}

static void *trim_on(void *arg)
{
	int *fd = arg;
	uint64_t bytes = 0;

	while (!writers_done) {
		int64_t ret = hp_trim(*fd, 0, HOSTS * HP);

		bytes += ret > 0 ? (uint64_t)ret : 0;
	}
	return (void *)bytes;
}

/* Rule: no byte is lost, whoever writes meanwhile. */
TEST_F(object, writers)
{
	struct writer writers[WRITERS] = {};
	pthread_t trimmer;
	void *bytes;
	unsigned int i;

	writers_done = false;
	ASSERT_EQ(pthread_create(&trimmer, NULL, trim_on, &self->fd), 0);
	for (i = 0; i < WRITERS; i++) {
		writers[i].mem = self->mem;
		writers[i].number = i;
		ASSERT_EQ(pthread_create(&writers[i].thread, NULL, write_and_read,
					 &writers[i]), 0);
	}
	for (i = 0; i < WRITERS; i++) {
		pthread_join(writers[i].thread, NULL);
		EXPECT_EQ(writers[i].lost, 0);
	}
	writers_done = true;
	pthread_join(trimmer, &bytes);
	TH_LOG("%lu host pages were given back meanwhile", (uint64_t)bytes / HP);
}

/* --- by itself ---------------------------------------------------------------- */

FIXTURE(thin)
{
	int fd;
	char *mem;
};

FIXTURE_SETUP(thin)
{
	ASSERT_EQ(write_file(PARAMETERS, "thin_after", "1"), 0);
	self->fd = hp_new(HOSTS * HP, 1, 0);
	ASSERT_GE(self->fd, 0);
	self->mem = hp_map(self->fd, 0, HOSTS * HP);
	ASSERT_NE(self->mem, MAP_FAILED);
}

FIXTURE_TEARDOWN(thin)
{
	munmap(self->mem, HOSTS * HP);
	close(self->fd);
	write_file(PARAMETERS, "thin_after", "0");
}

/* Does the object come to hold so many zero host pages? */
static bool becomes_zero(int fd, uint64_t host_pages)
{
	unsigned int i;

	for (i = 0; i < 1200 && hp_stats(fd).out_zero != host_pages; i++)
		usleep(50000);
	return i < 1200;
}

/* Rule: what was only read has no memory soon after; read again, it keeps it. */
TEST_F(thin, reads)
{
	volatile char *mem = self->mem;
	unsigned int i;

	for (i = 0; i < HOSTS; i++)
		EXPECT_EQ(mem[i * HP], 0);
	mem[HP + 5] = 5;
	EXPECT_TRUE(becomes_zero(self->fd, HOSTS - 1));
	EXPECT_EQ(mem[HP + 5], 5);
	EXPECT_EQ(mem[HP], 0);

	/* The last one is looked at after the first, which has been given back before. */
	EXPECT_EQ(mem[0], 0);
	usleep(3000000);
	EXPECT_EQ(hp_stats(self->fd).out_present, 2);
}

/* Rule: zeros that were filled, and then read, are given back while others arrive. */
TEST_F(thin, armed)
{
	volatile char *mem = self->mem;
	int efd = hp_arm(self->fd, 0);

	ASSERT_GE(efd, 0);
	ASSERT_EQ(hp_fill(self->fd, 0, 0, NULL, 2 * HP, HUGEPOST_FILL_ZERO), 0);
	EXPECT_EQ(mem[0], 0);
	EXPECT_EQ(hp_stats(self->fd).out_zero, 1);
	EXPECT_TRUE(becomes_zero(self->fd, 2));

	/* One that assembles of zeros is looked at once it is complete. */
	ASSERT_EQ(hp_fill(self->fd, 0, 2 * HP, NULL, TP, HUGEPOST_FILL_ZERO), 0);
	EXPECT_EQ(mem[2 * HP], 0);
	EXPECT_EQ(hp_stats(self->fd).out_assembling, 1);
	usleep(2500000);
	ASSERT_EQ(hp_fill(self->fd, 0, 2 * HP + TP, NULL, HP - TP, HUGEPOST_FILL_ZERO), 0);
	EXPECT_TRUE(becomes_zero(self->fd, 3));
	close(efd);
}

/* Rule: what a program has asked for stays, whatever it holds. */
TEST_F(thin, what_was_asked_for_stays)
{
	ASSERT_EQ(madvise(self->mem, HP, MADV_POPULATE_WRITE), 0);
	ASSERT_EQ(mlock(self->mem + HP, HP), 0);
	ASSERT_EQ(hp_fill(self->fd, 0, 2 * HP, zeros, HP, 0), 0);
	EXPECT_EQ(*(volatile char *)(self->mem + 2 * HP), 0);
	EXPECT_EQ(*(volatile char *)(self->mem + 3 * HP), 0);
	/* The one that was only read shows that time enough has gone by. */
	EXPECT_TRUE(becomes_zero(self->fd, 1));
	usleep(2500000);
	EXPECT_EQ(hp_stats(self->fd).out_present, 3);
}

/* Rule: an object may go at any time. */
TEST_F(thin, object_goes)
{
	unsigned int i;

	for (i = 0; i < 15; i++) {
		int fd = hp_new(HOSTS * HP, 1, 0);
		char *mem = hp_map(fd, 0, HOSTS * HP);

		ASSERT_NE(mem, MAP_FAILED);
		EXPECT_EQ(*(volatile char *)mem, 0);
		EXPECT_EQ(*(volatile char *)(mem + 2 * HP), 0);
		usleep(i * 150000);
		munmap(mem, HOSTS * HP);
		close(fd);
	}
}

TEST_HARNESS_MAIN
