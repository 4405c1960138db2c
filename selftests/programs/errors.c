// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every error that the header documents for a single ioctl; abi.c has those
 * that all of them share.
 */
#include "hugepost_test.h"

#include <sys/resource.h>

#define PAGES	4			/* host pages of the object */

FIXTURE(object)
{
	int fd;
	char *mem;
	char *buf;
};

FIXTURE_SETUP(object)
{
	self->fd = hp_new(PAGES * HP, 2, 0);
	ASSERT_GE(self->fd, 0);
	self->mem = hp_map(self->fd, 0, PAGES * HP);
	ASSERT_NE(self->mem, MAP_FAILED);
	self->buf = calloc(1, HP);
	ASSERT_NE(self->buf, NULL);
}

FIXTURE_TEARDOWN(object)
{
	free(self->buf);
	munmap(self->mem, PAGES * HP);
	close(self->fd);
}

/* Rule: a SETUP with bad values fails and leaves the object as it was. */
TEST(setup_values)
{
	static const struct {
		const char *what;
		struct hugepost_setup arg;
		int ret;
	} rows[] = {
		{ "length 0", { .length = 0 }, -EINVAL },
		{ "length of a target page", { .length = TP }, -EINVAL },
		{ "length odd", { .length = HP + 1 }, -EINVAL },
		{ "length 1.5 host pages", { .length = HP + HP / 2 }, -EINVAL },
		{ "length 2^63", { .length = 1ULL << 63 }, -EINVAL },
		{ "length near 2^64", { .length = -HP }, -EINVAL },
		{ "channels 65", { .length = HP, .channels = 65 }, -EINVAL },
		{ "channels -1", { .length = HP, .channels = -1 }, -EINVAL },
		{ "node, no flag", { .length = HP, .node = 1 }, -EINVAL },
		{ "node 1000000",
		  { .length = HP, .flags = HUGEPOST_SETUP_NODE,
		    .node = 1000000 }, -EINVAL },
		{ "node -1",
		  { .length = HP, .flags = HUGEPOST_SETUP_NODE, .node = -1 },
		  -EINVAL },
		{ "host page 1 GiB", { .length = 1 << 30, .host_shift = 30 },
		  -EOPNOTSUPP },
		{ "host page 4 KiB", { .length = HP, .host_shift = 12 },
		  -EOPNOTSUPP },
		{ "host shift 64", { .length = HP, .host_shift = 64 },
		  -EOPNOTSUPP },
		{ "target page 2 MiB", { .length = HP, .target_shift = 21 },
		  -EOPNOTSUPP },
		{ "target shift -1", { .length = HP, .target_shift = -1 },
		  -EOPNOTSUPP },
	};
	int fd = hp_open();
	unsigned int i;

	ASSERT_GE(fd, 0);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct hugepost_setup arg = rows[i].arg;

		arg.size = sizeof(arg);
		arg.out_allocated = 77;
		EXPECT_EQ(hp_call(fd, HUGEPOST_SETUP, &arg), rows[i].ret)
			TH_LOG("%s", rows[i].what);
		EXPECT_EQ(arg.out_allocated, 0)
			TH_LOG("%s", rows[i].what);
	}
	EXPECT_EQ(hp_stats(fd).out_length, 0);
	EXPECT_EQ(hp_discard(fd, 0, TP), -ENXIO);
	EXPECT_EQ(hp_setup(fd, HP, 1, 0), 0);
	close(fd);
}

/* Rule: SETUP takes its defaults spelled out, and works once. */
TEST(setup_once)
{
	struct hugepost_setup arg = {
		.size = sizeof(arg), .length = 3 * HP, .host_shift = 21,
		.target_shift = 12,
	};
	int fd = hp_open();

	ASSERT_GE(fd, 0);
	ASSERT_EQ(hp_call(fd, HUGEPOST_SETUP, &arg), 0);
	EXPECT_EQ(arg.out_allocated, HP); /* the channel's staging memory */
	EXPECT_EQ(hp_stats(fd).out_channels, 1);
	EXPECT_EQ(hp_call(fd, HUGEPOST_SETUP, &arg), -EBUSY);
	arg.length = HP;
	EXPECT_EQ(hp_call(fd, HUGEPOST_SETUP, &arg), -EBUSY);
	EXPECT_EQ(hp_stats(fd).out_length, 3 * HP);
	close(fd);
}

/* Rule: a SETUP whose answer cannot be written does nothing. */
TEST(setup_without_answer)
{
	struct hugepost_setup *arg = mmap(NULL, TP, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = hp_open();

	ASSERT_NE(arg, MAP_FAILED);
	*arg = (struct hugepost_setup){ .size = sizeof(*arg), .length = HP };
	ASSERT_EQ(mprotect(arg, TP, PROT_READ), 0);
	EXPECT_EQ(hp_call(fd, HUGEPOST_SETUP, arg), -EFAULT);
	EXPECT_EQ(hp_stats(fd).out_memory + hp_stats(fd).out_length, 0);
	EXPECT_EQ(hp_setup(fd, 2 * HP, 2, 0), 0);
	EXPECT_EQ(hp_stats(fd).out_length, 2 * HP);
	munmap(arg, TP);
	close(fd);
}

/* Rule: an object has as many channels as SETUP said, up to 64. */
TEST(setup_channels_max)
{
	struct hugepost_channel_stats ch[HUGEPOST_CHANNELS_MAX];
	int fd = hp_new(HP, HUGEPOST_CHANNELS_MAX, HUGEPOST_SETUP_PREALLOC);
	unsigned int i;

	ASSERT_GE(fd, 0);
	for (i = 0; i < HUGEPOST_CHANNELS_MAX; i++)
		ASSERT_EQ(hp_fill(fd, i, i * TP, NULL, TP, HUGEPOST_FILL_ZERO),
			  0);
	ASSERT_EQ(hp_channel_stats(fd, HUGEPOST_CHANNELS_MAX, ch), 0);
	for (i = 0; i < HUGEPOST_CHANNELS_MAX; i++)
		EXPECT_EQ(ch[i].pages, 1);
	EXPECT_EQ(hp_fill(fd, i, i * TP, NULL, TP, HUGEPOST_FILL_ZERO),
		  -ENOENT);
	EXPECT_EQ(hp_reset(fd, i), -ENOENT);
	close(fd);
}

/* Rule: FILL refuses a bad call or entry, and does nothing of it. */
TEST_F(object, fill_values)
{
	const uintptr_t src = (uintptr_t)self->buf;
	const struct {
		const char *what;
		struct hugepost_fill_entry e;
		int ret;
	} rows[] = {
		{ "offset odd", { .offset = 1, .src = src, .len = TP },
		  -EINVAL },
		{ "offset 512", { .offset = 512, .src = src, .len = TP },
		  -EINVAL },
		{ "len 0", { .src = src }, -EINVAL },
		{ "len 1", { .src = src, .len = 1 }, -EINVAL },
		{ "len TP + 1", { .src = src, .len = TP + 1 }, -EINVAL },
		{ "zero with a source",
		  { .src = src, .len = TP, .flags = HUGEPOST_FILL_ZERO },
		  -EINVAL },
		{ "reserved", { .src = src, .len = TP, .__reserved = 1 },
		  -EINVAL },
		{ "unknown flag", { .src = src, .len = TP, .flags = 4 },
		  -EOPNOTSUPP },
		{ "unknown flag 31",
		  { .src = src, .len = TP, .flags = 1U << 31 }, -EOPNOTSUPP },
		{ "past the end",
		  { .offset = PAGES * HP, .src = src, .len = TP }, -ERANGE },
		{ "over the end",
		  { .offset = PAGES * HP - TP, .src = src, .len = 2 * TP },
		  -ERANGE },
		{ "wraps to 0",
		  { .offset = -TP, .src = src, .len = TP }, -ERANGE },
		{ "wraps into the object",
		  { .offset = -TP, .src = src, .len = 3 * TP }, -ERANGE },
		{ "len -TP", { .offset = 2 * TP, .src = src, .len = -TP },
		  -ERANGE },
		{ "no source", { .len = TP }, -EFAULT },
		{ "kernel's memory", { .src = -HP, .len = TP }, -EFAULT },
		{ "source wraps", { .src = -TP, .len = 4 * TP }, -EFAULT },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct hugepost_fill_entry e[2] = {
			rows[i].e, { .src = src, .len = TP },
		};
		struct hugepost_fill out;

		EXPECT_EQ(hp_fill_entries(self->fd, 0, e, 2, &out), rows[i].ret)
			TH_LOG("%s", rows[i].what);
		EXPECT_EQ(out.out_done, 0);
		EXPECT_EQ(out.out_bytes, 0);
		EXPECT_EQ(hp_bitmap(self->fd, 0, PAGES * HP,
				    (uint64_t *)self->buf), 0);
	}
}

/* Rule: FILL refuses a bad count, channel or array of entries. */
TEST_F(object, fill_arguments)
{
	struct hugepost_fill_entry e = {
		.src = (uintptr_t)self->buf, .len = TP,
	};
	struct hugepost_fill_entry *edge;
	struct hugepost_fill out;
	char *map;

	EXPECT_EQ(hp_fill_entries(self->fd, 0, &e, 0, NULL), -EINVAL);
	EXPECT_EQ(hp_fill_entries(self->fd, 0, &e, HUGEPOST_FILL_MAX + 1, NULL),
		  -EINVAL);
	EXPECT_EQ(hp_fill_entries(self->fd, 0, &e, UINT32_MAX, NULL), -EINVAL);
	EXPECT_EQ(hp_fill_entries(self->fd, 2, &e, 1, NULL), -ENOENT);
	EXPECT_EQ(hp_fill_entries(self->fd, UINT32_MAX, &e, 1, NULL), -ENOENT);
	EXPECT_EQ(hp_fill_entries(self->fd, 0, NULL, 1, &out), -EFAULT);
	EXPECT_EQ(out.out_done, 0);

	/* 20 entries can be read, the 21st cannot. */
	map = mmap(NULL, 2 * TP, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(map, MAP_FAILED);
	ASSERT_EQ(munmap(map + TP, TP), 0);
	edge = (struct hugepost_fill_entry *)(map + TP) - 20;
	for (int i = 0; i < 20; i++) {
		edge[i] = e;
		edge[i].offset = i * TP;
	}
	EXPECT_EQ(hp_fill_entries(self->fd, 0, edge, 21, &out), -EFAULT);
	EXPECT_EQ(hp_bitmap(self->fd, 0, HP, (uint64_t *)self->buf),
		  out.out_done);
	EXPECT_EQ(hp_fill_entries(self->fd, 0, edge, 20, &out), 0);
	EXPECT_EQ(out.out_done, 20);
	munmap(map, TP);
}

/* Rule: a FILL may have the documented number of entries. */
TEST(fill_most_entries)
{
	const uint32_t nr = HUGEPOST_FILL_MAX;
	struct hugepost_fill_entry *e = calloc(nr, sizeof(*e));
	int fd = hp_new((uint64_t)nr * TP, 1, 0);
	struct hugepost_fill out;
	uint32_t i;

	ASSERT_GE(fd, 0);
	ASSERT_NE(e, NULL);
	for (i = 0; i < nr; i++)
		e[i] = (struct hugepost_fill_entry){
			.offset = i * TP, .len = TP,
			.flags = HUGEPOST_FILL_ZERO,
		};
	ASSERT_EQ(hp_fill_entries(fd, 0, e, nr, &out), 0);
	EXPECT_EQ(out.out_done, nr);
	EXPECT_EQ(hp_stats(fd).out_zero, nr / SUBS);
	free(e);
	close(fd);
}

/* Rule: REPLACE on an armed or lost object is EBUSY, and changes nothing. */
TEST_F(object, replace_armed)
{
	int efd;

	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, 1, 1), 0);
	efd = hp_arm(self->fd, 0);
	ASSERT_GE(efd, 0);
	EXPECT_EQ(hp_fill(self->fd, 0, 0, self->buf, TP, HUGEPOST_FILL_REPLACE),
		  -EBUSY);
	EXPECT_EQ(hp_fill(self->fd, 0, TP, self->buf, TP,
			  HUGEPOST_FILL_REPLACE), -EBUSY);
	close(efd);
	EXPECT_EQ(hp_stats(self->fd).out_mode, HUGEPOST_MODE_LOST);
	EXPECT_EQ(hp_fill(self->fd, 0, 0, self->buf, TP, HUGEPOST_FILL_REPLACE),
		  -EBUSY);
	EXPECT_TRUE(hp_pattern_check(self->mem, 0, 1));
	EXPECT_EQ(hp_disarm(self->fd), 0);
	EXPECT_EQ(hp_fill(self->fd, 0, 0, self->buf, TP, HUGEPOST_FILL_REPLACE),
		  0);
	EXPECT_EQ(self->mem[0], 0);
}

/* A FILL that is stopped in the middle: its source waits to be filled. */
struct stuck {
	pthread_t thread;
	int fd;				/* the object that is filled */
	int source;			/* an armed object */
	int efd;
	char *mem;
	uint32_t flags;
	struct hugepost_fill out;
	int ret;
};

static void *stuck_fill(void *arg)
{
	struct stuck *s = arg;
	struct hugepost_fill_entry e = {
		.offset = 4 * TP, .src = (uintptr_t)s->mem, .len = 3 * TP,
		.flags = s->flags,
	};

	s->ret = hp_fill_entries(s->fd, 1, &e, 1, &s->out);
	return NULL;
}

/* Returns when the FILL waits for its source. */
static int stuck_start(struct stuck *s, int fd, uint32_t flags)
{
	struct hugepost_event event;

	*s = (struct stuck){ .fd = fd, .flags = flags };
	s->source = hp_new(HP, 1, 0);
	if (s->source < 0)
		return s->source;
	s->mem = hp_map(s->source, 0, HP);
	s->efd = hp_arm(s->source, 0);
	if (s->mem == MAP_FAILED || s->efd < 0)
		return -EINVAL;
	if (pthread_create(&s->thread, NULL, stuck_fill, s))
		return -EAGAIN;
	return hp_read_event(s->efd, &event);
}

static void stuck_end(struct stuck *s)
{
	hp_disarm(s->source);
	pthread_join(s->thread, NULL);
	munmap(s->mem, HP);
	close(s->efd);
	close(s->source);
}

/* Rule: a channel in use by another thread is EBUSY; other channels work. */
TEST_F(object, channel_busy)
{
	struct hugepost_channel_stats ch[2];
	struct stuck s;

	ASSERT_EQ(stuck_start(&s, self->fd, 0), 0);
	ASSERT_EQ(hp_channel_stats(self->fd, 2, ch), 0);
	EXPECT_EQ(ch[1].busy, 1);
	EXPECT_EQ(ch[0].busy, 0);
	EXPECT_EQ(hp_fill(self->fd, 1, 0, self->buf, TP, 0), -EBUSY);
	EXPECT_EQ(hp_fill(self->fd, 0, 0, self->buf, TP, 0), 0);
	EXPECT_EQ(hp_bitmap(self->fd, 0, HP, (uint64_t *)self->buf), 1);
	stuck_end(&s);
	EXPECT_EQ(s.ret, 0);
	EXPECT_EQ(hp_bitmap(self->fd, 0, HP, (uint64_t *)self->buf), 4);
	EXPECT_EQ(hp_fill(self->fd, 1, HP, self->buf, TP, 0), 0);
}

/* Rule: RESET ends a FILL with ECANCELED, and nothing of it becomes present. */
TEST_F(object, fill_cancelled)
{
	struct hugepost_channel_stats ch[2];
	struct stuck s;

	ASSERT_EQ(stuck_start(&s, self->fd, 0), 0);
	EXPECT_EQ(hp_reset(self->fd, 1), 0);
	stuck_end(&s);
	EXPECT_EQ(s.ret, -ECANCELED);
	EXPECT_EQ(s.out.out_done, 0);
	EXPECT_EQ(hp_bitmap(self->fd, 0, HP, (uint64_t *)self->buf), 0);
	EXPECT_EQ(hp_stats(self->fd).out_empty, PAGES);
	ASSERT_EQ(hp_channel_stats(self->fd, 2, ch), 0);
	EXPECT_EQ(ch[1].host_page, HUGEPOST_NO_PAGE);
	EXPECT_EQ(ch[1].pages, 0);
	EXPECT_EQ(ch[1].resets, 1);
	EXPECT_EQ(ch[1].busy, 0);

	/* The channel and its target pages can be used again. */
	EXPECT_EQ(hp_fill_pattern(self->fd, 1, 4, 3, 2), 0);
	EXPECT_TRUE(hp_pattern_check(self->mem + 5 * TP, 5, 2));
}

/* Rule: ARM is EBUSY while a REPLACE is under way. */
TEST_F(object, arm_during_replace)
{
	struct stuck s;
	int efd;

	ASSERT_EQ(stuck_start(&s, self->fd, HUGEPOST_FILL_REPLACE), 0);
	EXPECT_EQ(hp_arm(self->fd, 0), -EBUSY);
	EXPECT_EQ(hp_stats(self->fd).out_mode, HUGEPOST_MODE_UNARMED);
	stuck_end(&s);
	EXPECT_EQ(s.ret, 0);
	efd = hp_arm(self->fd, 0);
	EXPECT_GE(efd, 0);
	close(efd);
}

/* Rule: an armed object cannot be armed; a lost one can. */
TEST_F(object, arm_busy)
{
	struct hugepost_arm arg = { .size = sizeof(arg), .out_fd = 5 };
	int efd = hp_arm(self->fd, 0);

	ASSERT_GE(efd, 0);
	EXPECT_EQ(hp_call(self->fd, HUGEPOST_ARM, &arg), -EBUSY);
	EXPECT_EQ(arg.out_fd, -1);
	EXPECT_EQ(hp_stats(self->fd).out_mode, HUGEPOST_MODE_ARMED);
	close(efd);
	efd = hp_arm(self->fd, 0);
	EXPECT_GE(efd, 0);
	EXPECT_EQ(hp_stats(self->fd).out_mode, HUGEPOST_MODE_ARMED);
	EXPECT_EQ(hp_disarm(self->fd), 0);
	EXPECT_EQ(hp_disarm(self->fd), 0);
	close(efd);
	EXPECT_EQ(hp_stats(self->fd).out_mode, HUGEPOST_MODE_UNARMED);
}

/* Rule: ARM without a free descriptor is EMFILE, and the object unarmed. */
TEST_F(object, arm_no_descriptor)
{
	struct rlimit old, none;
	int efd;

	ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = dup(self->fd);
	close((int)none.rlim_cur);
	ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
	EXPECT_EQ(hp_arm(self->fd, 0), -EMFILE);
	ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
	EXPECT_EQ(hp_stats(self->fd).out_mode, HUGEPOST_MODE_UNARMED);
	EXPECT_EQ(self->mem[0], 0);
	efd = hp_arm(self->fd, 0);
	EXPECT_GE(efd, 0);
	EXPECT_EQ(fcntl(efd, F_GETFD), FD_CLOEXEC);
	close(efd);
}

/* Rule: DISCARD, TRIM, BITMAP and WAKE refuse bad ranges in the same way. */
TEST_F(object, ranges)
{
	static const struct {
		uint64_t offset;
		uint64_t length;
		int ret;
	} rows[] = {
		{ 0, 0, -EINVAL },
		{ 1, TP, -EINVAL },
		{ 0, TP - 1, -EINVAL },
		{ TP / 2, TP, -EINVAL },
		{ PAGES * HP, TP, -ERANGE },
		{ 0, PAGES * HP + TP, -ERANGE },
		{ PAGES * HP - TP, 2 * TP, -ERANGE },
		{ -TP, TP, -ERANGE },
		{ -TP, 2 * TP, -ERANGE },
		{ TP, -TP, -ERANGE },
		{ 1ULL << 63, 1ULL << 63, -ERANGE },
	};
	unsigned int i;

	ASSERT_EQ(hp_fill(self->fd, 0, 0, NULL, PAGES * HP, HUGEPOST_FILL_ZERO),
		  0);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t off = rows[i].offset, len = rows[i].length;

		EXPECT_EQ(hp_discard(self->fd, off, len), rows[i].ret)
			TH_LOG("row %u", i);
		EXPECT_EQ(hp_trim(self->fd, off, len), rows[i].ret)
			TH_LOG("row %u", i);
		EXPECT_EQ(hp_wake(self->fd, off, len), rows[i].ret)
			TH_LOG("row %u", i);
		EXPECT_EQ(hp_bitmap(self->fd, off, len, (void *)self->buf),
			  rows[i].ret)
			TH_LOG("row %u", i);
	}
	EXPECT_EQ(hp_stats(self->fd).out_zero, PAGES);
	EXPECT_EQ(hp_stats(self->fd).out_discarded, 0);
}

/* Rule: BITMAP begins at a host page, and its result can be written. */
TEST_F(object, bitmap_arguments)
{
	EXPECT_EQ(hp_bitmap(self->fd, TP, TP, (void *)self->buf), -EINVAL);
	EXPECT_EQ(hp_bitmap(self->fd, HP - TP, TP, (void *)self->buf), -EINVAL);
	EXPECT_EQ(hp_bitmap(self->fd, HP, TP, (void *)self->buf), 0);
	EXPECT_EQ(hp_bitmap(self->fd, 0, HP, NULL), -EFAULT);
	EXPECT_EQ(hp_bitmap(self->fd, 0, HP, (void *)-HP), -EFAULT);
}

static int collapse(int fd, const void *addr, size_t length)
{
	struct hugepost_collapse arg = {
		.size = sizeof(arg), .addr = (uintptr_t)addr, .length = length,
	};

	return hp_call(fd, HUGEPOST_COLLAPSE, &arg);
}

/* Rule: INSTALL and COLLAPSE work on one mapping of this object only. */
TEST_F(object, map_arguments)
{
	int other = hp_new(HP, 1, 0);
	char *mem = self->mem, *foreign = hp_map(other, 0, HP);
	char *anon = mmap(NULL, HP, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct {
		const void *addr;
		size_t length;
		int ret;
	} rows[] = {
		{ mem, (PAGES - 1) * HP, 0 },
		{ mem, PAGES * HP, -EFAULT },
		{ mem + TP, TP, 0 },
		{ mem, 0, -EINVAL },
		{ mem + 1, TP, -EINVAL },
		{ mem, TP + 1, -EINVAL },
		{ mem, -TP, -EINVAL },
		{ (void *)-HP, HP, -EINVAL },
		{ foreign, HP, -EFAULT },
		{ anon, HP, -EFAULT },
		{ NULL, HP, -EFAULT },
		{ mem + HP, PAGES * HP, -EFAULT },
	};
	unsigned int i;

	ASSERT_NE(foreign, MAP_FAILED);
	ASSERT_NE(anon, MAP_FAILED);
	ASSERT_EQ(munmap(mem + (PAGES - 1) * HP, HP), 0);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		EXPECT_EQ(hp_install(self->fd, (void *)rows[i].addr,
				     rows[i].length, NULL), rows[i].ret)
			TH_LOG("row %u", i);
		EXPECT_EQ(collapse(self->fd, rows[i].addr, rows[i].length),
			  rows[i].ret)
			TH_LOG("row %u", i);
	}
	munmap(anon, HP);
	munmap(foreign, HP);
	close(other);
}

static int stats(int fd, void *channels, uint32_t nr, uint32_t size,
		 struct hugepost_stats *out)
{
	*out = (struct hugepost_stats){
		.size = sizeof(*out), .channels = (uintptr_t)channels,
		.nr_channels = nr, .channel_size = size,
	};

	return hp_call(fd, HUGEPOST_STATS, out);
}

/* Rule: STATS fills as many elements as there are channels, of any size. */
TEST_F(object, stats_elements)
{
	const uint32_t size = sizeof(struct hugepost_channel_stats);
	struct hugepost_channel_stats *ch = (void *)self->buf;
	unsigned char *raw = (unsigned char *)self->buf;
	struct hugepost_stats st;
	unsigned int i;

	ASSERT_EQ(hp_fill(self->fd, 1, HP, NULL, TP, HUGEPOST_FILL_ZERO), 0);
	EXPECT_EQ(stats(self->fd, raw, 1, size, &st), -EMSGSIZE);
	EXPECT_EQ(st.out_channels, 2);
	EXPECT_EQ(stats(self->fd, raw, 0, size, &st), -EINVAL);
	EXPECT_EQ(stats(self->fd, raw, 2, 0, &st), -EINVAL);
	EXPECT_EQ(stats(self->fd, NULL, 2, 0, &st), -EINVAL);
	EXPECT_EQ(stats(self->fd, NULL, 0, size, &st), -EINVAL);
	EXPECT_EQ(stats(self->fd, (void *)8, 2, size, &st), -EFAULT);

	/* More room than channels: the rest is left alone. */
	memset(raw, 0xa5, 8 * size);
	ASSERT_EQ(stats(self->fd, raw, 4, size, &st), 0);
	EXPECT_EQ(ch[0].host_page, HUGEPOST_NO_PAGE);
	EXPECT_EQ(ch[1].host_page, HP);
	for (i = 2 * size; i < 8 * size; i++)
		ASSERT_EQ(raw[i], 0xa5);

	/* A newer caller's longer element ends in zeros. */
	memset(raw, 0xa5, 8 * size);
	ASSERT_EQ(stats(self->fd, raw, 2, size + 24, &st), 0);
	for (i = size; i < size + 24; i++)
		ASSERT_EQ(raw[i], 0);
	memcpy(ch, raw + size + 24, size);
	EXPECT_EQ(ch->host_page, HP);
	EXPECT_EQ(ch->pages, 1);
	EXPECT_EQ(raw[2 * (size + 24)], 0xa5);

	/* An older caller's shorter element is cut. */
	memset(raw, 0xa5, 8 * size);
	ASSERT_EQ(stats(self->fd, raw, 2, 8, &st), 0);
	EXPECT_EQ(((uint64_t *)raw)[0], HUGEPOST_NO_PAGE);
	EXPECT_EQ(((uint64_t *)raw)[1], HP);
	EXPECT_EQ(raw[16], 0xa5);
}

TEST_HARNESS_MAIN
