// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory errors: a bad target page is lost, the rest of its host page is not.
 *
 * Each error takes a host page out of use for good, so the tests make few, and
 * never two in one host page.
 */
#include "hugepost_system.h"
#include "hugepost_touch.h"

#define PAGES	3			/* host pages of the object */
#define BAD	100			/* the target page that goes bad */

#ifndef EHWPOISON
#define EHWPOISON 133
#endif

FIXTURE(object)
{
	int fd;
	int log;
	char *mem;
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
	struct hugepost_info info = { .size = sizeof(info) };

	self->log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ASSERT_GE(self->log, 0);
	lseek(self->log, 0, SEEK_END);
	self->fd = hp_new(PAGES * HP, 1, variant->flags);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(hp_call(self->fd, HUGEPOST_INFO, &info), 0);
	if (!(info.out_features & HUGEPOST_FEATURE_POISON))
		SKIP(return, "the kernel does not report memory errors");
	self->mem = hp_map(self->fd, 0, PAGES * HP);
	ASSERT_NE(self->mem, MAP_FAILED);
}

/* Has the kernel complained of a page since the test began? */
static bool log_complains(int log)
{
	bool found = false;
	char line[1024];
	ssize_t n;

	while ((n = read(log, line, sizeof(line) - 1)) > 0 ||
	       (n < 0 && errno == EPIPE)) {
		if (n < 0)
			continue;
		line[n] = '\0';
		if (strstr(line, "Bad page") || strstr(line, "bad page") ||
		    strstr(line, "BUG:") || strstr(line, "WARNING:")) {
			fputs(line, stderr);
			found = true;
		}
	}
	return found;
}

/* Rule: a bad page is never given back to the allocator. */
FIXTURE_TEARDOWN(object)
{
	munmap(self->mem, PAGES * HP);
	close(self->fd);
	EXPECT_FALSE(log_complains(self->log));
	close(self->log);
}

static bool shows(const char *mem, uint64_t first, uint64_t pages)
{
	uint64_t i;

	for (i = 0; i < pages; i++)
		if (!hp_pattern_check(mem + i * TP, first + i, 1))
			return false;
	return true;
}

/* Does the object come to know of more errors than @before? */
static bool object_knows(int fd, uint64_t before)
{
	unsigned int i;

	for (i = 0; i < 2000; i++) {
		if (hp_stats(fd).out_poisoned > before)
			return true;
		usleep(10000);
	}
	return false;
}

/* Makes the memory at @addr bad, and waits until the object knows. */
static bool make_bad(int fd, char *addr)
{
	uint64_t before = hp_stats(fd).out_poisoned;

	/* Kernels differ in what they say of pages they do not know. */
	if (madvise(addr, TP, MADV_HWPOISON) &&
	    errno != EBUSY && errno != EHWPOISON)
		return false;
	return object_knows(fd, before);
}

/* Tells the kernel, by a file of its, of a page frame that goes bad. */
static int frame_error(const char *file, uint64_t frame)
{
	char text[32];

	snprintf(text, sizeof(text), "%#llx", (unsigned long long)(frame * TP));
	return write_file(MEMORY, file, text);
}

/* The same with a page frame that nobody has mapped. */
static bool make_frame_bad(int fd, uint64_t frame)
{
	uint64_t before = hp_stats(fd).out_poisoned;

	frame_error("hard_offline_page", frame);
	return object_knows(fd, before);
}

/*
 * Rule: a bad target page under a huge mapping is SIGBUS when touched; its
 * neighbours and other host pages keep their bytes and can be written.
 */
TEST_F(object, huge)
{
	char *other = hp_map(self->fd, 0, HP);
	char *bad = self->mem + BAD * TP;

	ASSERT_NE(other, MAP_FAILED);
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, 2 * SUBS, 1), 0);
	ASSERT_TRUE(shows(self->mem, 0, 2 * SUBS));
	ASSERT_TRUE(shows(other, 0, SUBS));
	EXPECT_EQ(hp_smaps(self->mem, PAGES * HP, "FilePmdMapped"), 2 * HP);
	ASSERT_TRUE(make_bad(self->fd, bad));

	EXPECT_EQ(hp_stats(self->fd).out_poisoned, 1);
	EXPECT_EQ(hp_touch(bad, -1), SIGBUS);
	EXPECT_EQ(hp_touch(bad + TP - 1, 1), SIGBUS);
	EXPECT_EQ(hp_touch(other + BAD * TP, -1), SIGBUS);
	EXPECT_TRUE(shows(self->mem, 0, BAD));
	EXPECT_TRUE(shows(bad + TP, BAD + 1, 2 * SUBS - BAD - 1));
	EXPECT_TRUE(shows(other, 0, BAD));
	EXPECT_EQ(hp_touch(bad - 1, 11), 0);
	EXPECT_EQ(hp_touch(bad + TP, 12), 0);
	EXPECT_EQ(other[BAD * TP - 1], 11);
	EXPECT_EQ(other[(BAD + 1) * TP], 12);
	EXPECT_EQ(hp_smaps(self->mem, PAGES * HP, "FilePmdMapped"), HP);

	/* Unmapped, or mapped anew: nobody gets at it by another way. */
	ASSERT_EQ(madvise(self->mem, HP, MADV_DONTNEED), 0);
	EXPECT_EQ(hp_touch(bad + TP, -1), 0);
	EXPECT_EQ(hp_touch(bad, -1), SIGBUS);
	EXPECT_EQ(hp_install(self->fd, self->mem, PAGES * HP, NULL), 0);
	EXPECT_EQ(hp_touch(bad, -1), SIGBUS);
	munmap(other, HP);
}

/*
 * Rule: a bad target page cannot be filled, replaced or zero-filled, until its
 * whole host page was discarded: then it is new memory.
 */
TEST_F(object, recover)
{
	char *bad = self->mem + BAD * TP, page[TP] = {};
	uint64_t bits[SUBS / 64];
	unsigned int i;

	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, 2 * SUBS, 1), 0);
	ASSERT_TRUE(make_bad(self->fd, bad));

	EXPECT_EQ(hp_fill(self->fd, 0, BAD * TP, page, TP,
			  HUGEPOST_FILL_REPLACE), -EHWPOISON);
	EXPECT_EQ(hp_discard(self->fd, BAD * TP, TP), 1);
	EXPECT_EQ(hp_fill(self->fd, 0, BAD * TP, page, TP, 0), -EHWPOISON);
	EXPECT_EQ(hp_fill(self->fd, 0, BAD * TP, NULL, TP, HUGEPOST_FILL_ZERO),
		  -EHWPOISON);
	EXPECT_EQ(hp_touch(bad, -1), SIGBUS);
	EXPECT_EQ(hp_bitmap(self->fd, 0, HP, bits), SUBS - 1);
	EXPECT_TRUE(shows(self->mem, 0, BAD));
	EXPECT_TRUE(shows(bad + TP, BAD + 1, SUBS - BAD - 1));

	/* A neighbour can be discarded and filled. */
	EXPECT_EQ(hp_discard(self->fd, (BAD + 1) * TP, TP), 1);
	EXPECT_EQ(hp_fill_pattern(self->fd, 0, BAD + 1, 1, 1), 0);
	EXPECT_TRUE(shows(bad + TP, BAD + 1, 1));

	EXPECT_EQ(hp_discard(self->fd, 0, HP), SUBS - 1);
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, SUBS, 1), 0);
	EXPECT_TRUE(shows(self->mem, 0, 2 * SUBS));
	EXPECT_EQ(hp_touch(bad, 9), 0);
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(hp_discard(self->fd, 0, HP), SUBS);
		EXPECT_EQ(hp_touch(bad, -1), 0);
		EXPECT_EQ(*bad, 0);
	}
	EXPECT_EQ(hp_stats(self->fd).out_poisoned, 1);
}

/* Rule: so it is while the host page assembles, and for who waits for it. */
TEST_F(object, assembling)
{
	char *bad = self->mem + BAD * TP, page[TP] = {};
	struct hugepost_event event;
	struct hp_toucher t;
	int efd;

	ASSERT_EQ(hp_fill_pattern(self->fd, 0, BAD - 1, 3, 1), 0);
	ASSERT_TRUE(shows(bad - TP, BAD - 1, 3));
	ASSERT_TRUE(make_bad(self->fd, bad));
	efd = hp_arm(self->fd, 0);
	ASSERT_GE(efd, 0);
	EXPECT_EQ(hp_touch(bad, -1), SIGBUS);
	EXPECT_TRUE(shows(bad - TP, BAD - 1, 1));
	EXPECT_TRUE(shows(bad + TP, BAD + 1, 1));
	EXPECT_FALSE(hp_event_waits(efd, 0));

	EXPECT_EQ(hp_discard(self->fd, BAD * TP, TP), 1);
	hp_toucher_start(&t, bad, -1);
	ASSERT_EQ(hp_read_event(efd, &event), 0);
	EXPECT_EQ(event.offset, BAD * TP);
	EXPECT_EQ(hp_fill(self->fd, 0, BAD * TP, page, TP, 0), -EHWPOISON);
	EXPECT_FALSE(t.done);

	/* What the handler can do: give up the host page, and fill it again. */
	EXPECT_EQ(hp_discard(self->fd, 0, HP), 2);
	EXPECT_EQ(hp_fill_pattern(self->fd, 0, 0, SUBS, 1), 0);
	EXPECT_EQ(hp_toucher_end(&t), hp_pattern(BAD, 1, 0));
	EXPECT_TRUE(shows(self->mem, 0, SUBS));
	close(efd);
}

/* Rule: so it is with a host page that assembles and that nobody has mapped. */
TEST_F(object, unmapped)
{
	uint64_t frame;
	char *bad;

	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, BAD + 2, 1), 0);
	ASSERT_TRUE(shows(self->mem, 0, BAD + 2));
	frame = frame_of(self->mem + BAD * TP);
	ASSERT_NE(frame, 0);
	munmap(self->mem, PAGES * HP);
	ASSERT_TRUE(make_frame_bad(self->fd, frame));

	self->mem = hp_map(self->fd, 0, PAGES * HP);
	ASSERT_NE(self->mem, MAP_FAILED);
	bad = self->mem + BAD * TP;
	EXPECT_EQ(hp_fill_pattern(self->fd, 0, BAD, SUBS - BAD, 1), 0);
	EXPECT_EQ(hp_touch(bad, -1), SIGBUS);
	EXPECT_TRUE(shows(self->mem, 0, BAD));
	EXPECT_TRUE(shows(bad + TP, BAD + 1, SUBS - BAD - 1));
	EXPECT_EQ(hp_smaps(self->mem, PAGES * HP, "FilePmdMapped"), 0);
}

/*
 * Rule: where memory that is kept for an empty host page has an error, all other
 * target pages can be filled; a discard of the whole host page brings new memory.
 */
TEST_F(object, reserve)
{
	char *bad = self->mem + BAD * TP;
	uint64_t frame;

	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, SUBS, 1), 0);
	ASSERT_TRUE(shows(self->mem, 0, SUBS));
	frame = frame_of(bad);
	ASSERT_NE(frame, 0);
	ASSERT_EQ(hp_discard(self->fd, 0, HP), SUBS);
	if (!(variant->flags & HUGEPOST_SETUP_PREALLOC)) {
		/* None is kept, but what the channel has ready. */
		EXPECT_EQ(hp_stats(self->fd).out_memory, HP);
		return;
	}
	ASSERT_TRUE(make_frame_bad(self->fd, frame));

	EXPECT_EQ(hp_fill_pattern(self->fd, 0, 0, SUBS, 1), -EHWPOISON);
	EXPECT_EQ(hp_touch(bad, -1), SIGBUS);
	EXPECT_EQ(hp_fill_pattern(self->fd, 0, BAD + 1, SUBS - BAD - 1, 1), 0);
	EXPECT_TRUE(shows(self->mem, 0, BAD));
	EXPECT_TRUE(shows(bad + TP, BAD + 1, SUBS - BAD - 1));
	EXPECT_EQ(hp_discard(self->fd, 0, HP), SUBS - 1);
	EXPECT_EQ(hp_fill_pattern(self->fd, 0, 0, SUBS, 1), 0);
	EXPECT_TRUE(shows(self->mem, 0, SUBS));
}

/* Rule: a host page cannot be moved away from memory that may go bad. */
TEST_F(object, soft_offline)
{
	const unsigned int assembling = SUBS;
	uint64_t frames[2];
	unsigned int i;

	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, SUBS + 9, 1), 0);
	ASSERT_TRUE(shows(self->mem, 0, SUBS + 9));
	frames[0] = frame_of(self->mem);
	frames[1] = frame_of(self->mem + assembling * TP);
	for (i = 0; i < 2; i++) {
		ASSERT_NE(frames[i], 0);
		EXPECT_NE(frame_error("soft_offline_page", frames[i]), 0);
	}
	EXPECT_EQ(frame_of(self->mem), frames[0]);
	EXPECT_EQ(frame_of(self->mem + assembling * TP), frames[1]);
	EXPECT_TRUE(shows(self->mem, 0, SUBS + 9));
	EXPECT_EQ(hp_stats(self->fd).out_poisoned, 0);
}

TEST_HARNESS_MAIN
