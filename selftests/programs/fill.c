// SPDX-License-Identifier: GPL-2.0-only
/*
 * FILL, DISCARD, BITMAP, RESET and the states of host and target pages.
 */
#include "hugepost_test.h"

#include <linux/userfaultfd.h>
#include <sys/syscall.h>

#define PAGES	4			/* host pages of the object */

FIXTURE(object)
{
	int fd;
	char *mem;
	char *buf;
};

FIXTURE_VARIANT(object)
{
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(object, demand)
{
	.flags = 0,
};

FIXTURE_VARIANT_ADD(object, prealloc)
{
	.flags = HUGEPOST_SETUP_PREALLOC,
};

FIXTURE_SETUP(object)
{
	self->fd = hp_new(PAGES * HP, 2, variant->flags);
	ASSERT_GE(self->fd, 0);
	self->mem = hp_map(self->fd, 0, PAGES * HP);
	ASSERT_NE(self->mem, MAP_FAILED);
	self->buf = malloc(2 * HP);
	ASSERT_NE(self->buf, NULL);
	memset(self->buf, 0x5a, 2 * HP);
}

FIXTURE_TEARDOWN(object)
{
	free(self->buf);
	munmap(self->mem, PAGES * HP);
	close(self->fd);
}

/* Rule: an object begins empty, and a host page fills to PRESENT. */
TEST_F(object, empty_assembling_present)
{
	struct hugepost_stats st = hp_stats(self->fd);
	unsigned int i;

	EXPECT_EQ(st.out_empty, PAGES);
	for (i = 0; i < SUBS; i++) {
		ASSERT_EQ(hp_fill_pattern(self->fd, 0, i ^ 1, 1, 1), 0);
		if (i == 0 || i == SUBS - 2) {
			st = hp_stats(self->fd);
			EXPECT_EQ(st.out_assembling, 1);
			EXPECT_EQ(st.out_present, 0);
		}
	}
	st = hp_stats(self->fd);
	EXPECT_EQ(st.out_present, 1);
	EXPECT_EQ(st.out_assembling, 0);
	EXPECT_EQ(st.out_empty, PAGES - 1);
	for (i = 0; i < SUBS; i++)
		ASSERT_TRUE(hp_pattern_check(self->mem + i * TP, i, 1));
}

/* Rule: one entry may cover several host pages, at any alignment of source. */
TEST_F(object, entry_over_host_pages)
{
	uint64_t offset = HP - 3 * TP, len = HP + 5 * TP;
	size_t i;

	for (i = 0; i < 2 * HP; i++)
		self->buf[i] = (char)(i * 7 + (i >> 12));
	ASSERT_EQ(hp_fill(self->fd, 1, offset, self->buf + 123, len, 0), 0);
	EXPECT_EQ(memcmp(self->mem + offset, self->buf + 123, len), 0);
	EXPECT_EQ(hp_bitmap(self->fd, 0, PAGES * HP,
			    (uint64_t *)self->buf), len / TP);
}

/* Rule: a second fill of a present page is a duplicate and changes nothing. */
TEST_F(object, duplicate)
{
	struct hugepost_fill_entry e = {
		.offset = 5 * TP, .src = (uintptr_t)self->buf, .len = 2 * TP,
	};
	struct hugepost_channel_stats ch[2];
	struct hugepost_fill out;

	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 5, 1, 1), 0);
	ASSERT_EQ(hp_fill_entries(self->fd, 1, &e, 1, &out), 0);
	EXPECT_EQ(out.out_done, 1);
	EXPECT_EQ(out.out_duplicates, 1);
	EXPECT_EQ(out.out_bytes, TP);
	EXPECT_TRUE(hp_pattern_check(self->mem + 5 * TP, 5, 1));
	EXPECT_EQ(self->mem[6 * TP], 0x5a);
	ASSERT_EQ(hp_channel_stats(self->fd, 2, ch), 0);
	EXPECT_EQ(ch[0].pages, 1);
	EXPECT_EQ(ch[0].duplicates, 0);
	EXPECT_EQ(ch[1].pages, 1);
	EXPECT_EQ(ch[1].duplicates, 1);
	EXPECT_EQ(ch[1].bytes, TP);
}

/* Rule: REPLACE overwrites what is present, zero and complete pages too. */
TEST_F(object, replace)
{
	struct hugepost_channel_stats ch[2];

	ASSERT_EQ(hp_fill(self->fd, 0, 0, NULL, HP, HUGEPOST_FILL_ZERO), 0);
	ASSERT_EQ(hp_fill(self->fd, 0, 7 * TP, self->buf, TP,
			  HUGEPOST_FILL_REPLACE), 0);
	EXPECT_EQ(self->mem[7 * TP], 0x5a);
	EXPECT_EQ(self->mem[6 * TP], 0);
	EXPECT_EQ(self->mem[8 * TP + TP - 1], 0);
	ASSERT_EQ(hp_fill(self->fd, 0, 7 * TP, NULL, TP,
			  HUGEPOST_FILL_REPLACE | HUGEPOST_FILL_ZERO), 0);
	EXPECT_EQ(self->mem[7 * TP], 0);
	ASSERT_EQ(hp_fill(self->fd, 0, HP, self->buf, HP,
			  HUGEPOST_FILL_REPLACE), 0);
	memset(self->buf, 0x33, TP);
	ASSERT_EQ(hp_fill(self->fd, 0, HP + 9 * TP, self->buf, TP,
			  HUGEPOST_FILL_REPLACE), 0);
	EXPECT_EQ(self->mem[HP + 9 * TP], 0x33);
	EXPECT_EQ(self->mem[HP + 10 * TP], 0x5a);
	ASSERT_EQ(hp_channel_stats(self->fd, 2, ch), 0);
	EXPECT_EQ(ch[0].replaced, 3);
}

/* Rule: a host page of zeros uses no memory until it is touched. */
TEST_F(object, zero_host_page)
{
	uint64_t before = hp_stats(self->fd).out_memory;
	struct hugepost_stats st;
	unsigned int i;

	ASSERT_EQ(hp_fill(self->fd, 0, 0, NULL, HP, HUGEPOST_FILL_ZERO), 0);
	for (i = 0; i < SUBS; i++)
		ASSERT_EQ(hp_fill(self->fd, 0, HP + i * TP, NULL, TP,
				  HUGEPOST_FILL_ZERO), 0);
	st = hp_stats(self->fd);
	EXPECT_EQ(st.out_zero, 2);
	EXPECT_EQ(st.out_memory, before);

	for (i = 0; i < HP; i++)
		ASSERT_EQ(self->mem[i], 0);
	st = hp_stats(self->fd);
	EXPECT_EQ(st.out_zero, 1);
	EXPECT_EQ(st.out_present, 1);
}

/* Rule: zero target pages are cleared when other bytes join them. */
TEST_F(object, zero_then_bytes)
{
	unsigned int i;

	for (i = 0; i < SUBS; i += 2)
		ASSERT_EQ(hp_fill(self->fd, 0, i * TP, NULL, TP,
				  HUGEPOST_FILL_ZERO), 0);
	for (i = 1; i < SUBS; i += 2)
		ASSERT_EQ(hp_fill_pattern(self->fd, 1, i, 1, 3), 0);
	for (i = 0; i < SUBS; i++) {
		static const char zeros[TP];
		const char *page = self->mem + i * TP;

		ASSERT_TRUE(i % 2 ? hp_pattern_check(page, i, 3) :
				    !memcmp(page, zeros, TP));
	}
}

/* Rule: STATS shows the channel's host page, its filling and all-zero. */
TEST_F(object, channel_state)
{
	struct hugepost_channel_stats ch[2];

	ASSERT_EQ(hp_channel_stats(self->fd, 2, ch), 0);
	EXPECT_EQ(ch[1].host_page, HUGEPOST_NO_PAGE);

	ASSERT_EQ(hp_fill(self->fd, 1, 2 * HP, NULL, 3 * TP,
			  HUGEPOST_FILL_ZERO), 0);
	ASSERT_EQ(hp_channel_stats(self->fd, 2, ch), 0);
	EXPECT_EQ(ch[1].host_page, 2 * HP);
	EXPECT_EQ(ch[1].host_page_filled, 3);
	EXPECT_EQ(ch[1].all_zero, 1);
	EXPECT_EQ(ch[1].zero_pages, 3);
	EXPECT_EQ(ch[0].host_page, HUGEPOST_NO_PAGE);

	ASSERT_EQ(hp_fill(self->fd, 1, 2 * HP + 3 * TP, self->buf, TP, 0), 0);
	ASSERT_EQ(hp_channel_stats(self->fd, 2, ch), 0);
	EXPECT_EQ(ch[1].host_page_filled, 4);
	EXPECT_EQ(ch[1].all_zero, 0);
	EXPECT_EQ(ch[1].busy, 0);

	ASSERT_EQ(hp_reset(self->fd, 1), 0);
	ASSERT_EQ(hp_channel_stats(self->fd, 2, ch), 0);
	EXPECT_EQ(ch[1].host_page, HUGEPOST_NO_PAGE);
	EXPECT_EQ(ch[1].resets, 1);
	EXPECT_EQ(hp_bitmap(self->fd, 0, PAGES * HP,
			    (uint64_t *)self->buf), 4);
}

/* Rule: after an error out_done entries are done, what was copied stays. */
TEST_F(object, partial_failure)
{
	struct hugepost_fill_entry e[3] = {
		{ .offset = 0, .src = (uintptr_t)self->buf, .len = TP },
		{ .offset = TP, .len = 4 * TP },
		{ .offset = 8 * TP, .src = (uintptr_t)self->buf, .len = TP },
	};
	struct hugepost_fill out;
	uint64_t bits[SUBS / 64];
	char *edge;

	edge = mmap(NULL, 3 * TP, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(edge, MAP_FAILED);
	memset(edge, 0x11, 3 * TP);
	ASSERT_EQ(munmap(edge + 2 * TP, TP), 0);
	e[1].src = (uintptr_t)edge;

	EXPECT_EQ(hp_fill_entries(self->fd, 0, e, 3, &out), -EFAULT);
	EXPECT_EQ(out.out_done, 1);
	EXPECT_EQ(out.out_bytes, 3 * TP);
	EXPECT_EQ(hp_bitmap(self->fd, 0, HP, bits), 3);
	EXPECT_EQ(bits[0], 0x7);
	EXPECT_EQ(self->mem[2 * TP], 0x11);

	/* To submit the rest again is right. */
	e[1].src = (uintptr_t)self->buf;
	EXPECT_EQ(hp_fill_entries(self->fd, 0, e + 1, 2, &out), 0);
	EXPECT_EQ(out.out_duplicates, 2);
	EXPECT_EQ(hp_bitmap(self->fd, 0, HP, bits), 6);
	EXPECT_EQ(bits[0], 0x11f);
	munmap(edge, 2 * TP);
}

/* Rule: a fill that fails at once leaves its host page empty and unclaimed. */
TEST_F(object, failed_first_fill)
{
	uint64_t before = hp_stats(self->fd).out_memory;

	EXPECT_EQ(hp_fill(self->fd, 0, 0, (void *)TP, TP, 0), -EFAULT);
	EXPECT_EQ(hp_stats(self->fd).out_empty, PAGES);
	EXPECT_EQ(hp_stats(self->fd).out_memory, before);
	EXPECT_EQ(hp_fill_pattern(self->fd, 1, 0, 1, 1), 0);
	EXPECT_TRUE(hp_pattern_check(self->mem, 0, 1));
}

/* Rule: DISCARD works by target page, also inside a present huge page. */
TEST_F(object, discard_inside)
{
	uint64_t bits[SUBS / 64];
	struct hugepost_stats st;
	unsigned int i;

	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, SUBS, 1), 0);
	ASSERT_TRUE(hp_pattern_check(self->mem, 0, 1));
	EXPECT_EQ(hp_discard(self->fd, 10 * TP, 2 * TP), 2);
	EXPECT_EQ(hp_discard(self->fd, 10 * TP, 2 * TP), 0);
	EXPECT_EQ(hp_bitmap(self->fd, 0, HP, bits), SUBS - 2);
	EXPECT_EQ(bits[0], ~(3ULL << 10));
	EXPECT_EQ(hp_stats(self->fd).out_assembling, 1);

	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 10, 2, 2), 0);
	for (i = 0; i < SUBS; i++)
		ASSERT_TRUE(hp_pattern_check(self->mem + i * TP, i,
					     i / 2 == 5 ? 2 : 1));
	st = hp_stats(self->fd);
	EXPECT_EQ(st.out_present, 1);
	EXPECT_EQ(st.out_discarded, 2);
}

/* Rule: a host page's memory goes with its last target page. */
TEST_F(object, discard_frees)
{
	struct hugepost_stats before = hp_stats(self->fd), st;

	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, SUBS, 1), 0);
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, SUBS, 3, 1), 0);
	EXPECT_EQ(hp_discard(self->fd, 0, HP - TP), SUBS - 1);
	EXPECT_EQ(hp_discard(self->fd, HP - TP, TP + 2 * TP), 3);
	EXPECT_EQ(hp_discard(self->fd, 0, PAGES * HP), 1);
	st = hp_stats(self->fd);
	EXPECT_EQ(st.out_empty, PAGES);
	EXPECT_EQ(st.out_memory, before.out_memory);
	EXPECT_EQ(st.out_staging, before.out_staging);
}

/* Rule: a discarded zero page is missing, and its neighbours stay zero. */
TEST_F(object, discard_zero)
{
	ASSERT_EQ(hp_fill(self->fd, 0, 0, NULL, HP, HUGEPOST_FILL_ZERO), 0);
	EXPECT_EQ(hp_discard(self->fd, 4 * TP, TP), 1);
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 4, 1, 9), 0);
	EXPECT_TRUE(hp_pattern_check(self->mem + 4 * TP, 4, 9));
	EXPECT_EQ(self->mem[3 * TP], 0);
	EXPECT_EQ(self->mem[5 * TP], 0);
}

/* Rule: BITMAP masks what lies past the range. */
TEST_F(object, bitmap_tail)
{
	uint64_t bits[3] = { ~0ULL, ~0ULL, ~0ULL };

	ASSERT_EQ(hp_fill(self->fd, 0, 0, NULL, 2 * HP, HUGEPOST_FILL_ZERO), 0);
	EXPECT_EQ(hp_bitmap(self->fd, HP, 70 * TP, bits), 70);
	EXPECT_EQ(bits[0], ~0ULL);
	EXPECT_EQ(bits[1], 0x3f);
	EXPECT_EQ(bits[2], ~0ULL);
}

/* Rule: a touch of an unarmed object gives zeros, which count as present. */
TEST_F(object, unarmed_zero_fill)
{
	uint64_t bits[SUBS / 64];

	EXPECT_EQ(self->mem[3 * HP + 17], 0);
	EXPECT_EQ(hp_bitmap(self->fd, 3 * HP, HP, bits), SUBS);
	ASSERT_EQ(hp_fill(self->fd, 0, 3 * HP, self->buf, TP, 0), 0);
	EXPECT_EQ(self->mem[3 * HP], 0);

	/* In an assembling host page only the touched one is zero-filled. */
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 2 * SUBS + 5, 1, 1), 0);
	EXPECT_EQ(self->mem[2 * HP], 0);
	EXPECT_EQ(hp_bitmap(self->fd, 2 * HP, HP, bits), 2);
	EXPECT_EQ(bits[0], 0x21);
}

struct slow_fill {
	int fd;
	const char *src;
	struct hugepost_fill out;
	int ret;
};

static void *slow_fill(void *arg)
{
	struct slow_fill *fill = arg;
	struct hugepost_fill_entry entry = {
		.src = (uintptr_t)fill->src,
		.len = TP,
	};

	fill->ret = hp_fill_entries(fill->fd, 0, &entry, 1, &fill->out);
	return NULL;
}

/*
 * Rule: a channel whose source is slow keeps no other from the target page; it
 * has a duplicate when its source is there.
 */
TEST_F(object, slow_source)
{
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct slow_fill fill = { .fd = self->fd, .ret = 1 };
	struct uffdio_zeropage zero = { .range.len = TP };
	struct uffdio_api api = { .api = UFFD_API };
	struct pollfd asked = { .events = POLLIN };
	pthread_t thread;

	fill.src = mmap(NULL, TP, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(fill.src, MAP_FAILED);
	reg.range.start = (uintptr_t)fill.src;
	reg.range.len = TP;
	zero.range.start = (uintptr_t)fill.src;
	asked.fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	ASSERT_EQ(ioctl(asked.fd, UFFDIO_API, &api), 0);
	ASSERT_EQ(ioctl(asked.fd, UFFDIO_REGISTER, &reg), 0);

	ASSERT_EQ(pthread_create(&thread, NULL, slow_fill, &fill), 0);
	ASSERT_EQ(poll(&asked, 1, 60000), 1);
	EXPECT_EQ(hp_fill_pattern(self->fd, 1, 0, 1, 3), 0);
	EXPECT_TRUE(hp_pattern_check(self->mem, 0, 3));
	ASSERT_EQ(ioctl(asked.fd, UFFDIO_ZEROPAGE, &zero), 0);
	pthread_join(thread, NULL);
	EXPECT_EQ(fill.ret, 0);
	EXPECT_EQ(fill.out.out_duplicates, 1);
	EXPECT_TRUE(hp_pattern_check(self->mem, 0, 3));
	close(asked.fd);
	munmap((void *)fill.src, TP);
}

/* Rule: a FILL from the object into itself copies, and may zero-fill. */
TEST_F(object, fill_from_itself)
{
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 1, 1, 4), 0);
	ASSERT_EQ(hp_fill(self->fd, 0, HP, self->mem + TP, TP, 0), 0);
	EXPECT_TRUE(hp_pattern_check(self->mem + HP, 1, 4));
	ASSERT_EQ(hp_fill(self->fd, 0, HP + TP, self->mem + 3 * HP, TP, 0), 0);
	EXPECT_EQ(self->mem[HP + TP], 0);
}

TEST_HARNESS_MAIN
