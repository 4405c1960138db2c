// SPDX-License-Identifier: GPL-2.0-only
/*
 * The size of events, which is told by who arms: what the module does not know of
 * them is zero.
 */
#include "hugepost_sizes.h"
#include "hugepost_touch.h"

#define EVENT		HUGEPOST_EVENT_SIZE_VER0
#define NR_MAX		8		/* threads that wait */

/* Rule: the size of the first version stays. */
_Static_assert(EVENT == 32 && sizeof(struct hugepost_event) >= EVENT, "event");

/* A handler of events, and those that wait for it. */
struct handler {
	int fd;
	int efd;
	char *mem;
	char *arena;		/* two pages, then nothing */
	char *end;
	struct hp_toucher touchers[NR_MAX];
	unsigned int nr;
};

FIXTURE(events)
{
	struct handler h;
};

FIXTURE_SETUP(events)
{
	struct handler *h = &self->h;

	memset(h, 0, sizeof(*h));
	h->efd = -1;
	h->fd = hp_new(HP, 1, 0);
	ASSERT_GE(h->fd, 0);
	h->mem = hp_map(h->fd, 0, HP);
	ASSERT_NE(h->mem, MAP_FAILED);
	h->arena = mmap(NULL, 3 * TP, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(h->arena, MAP_FAILED);
	ASSERT_EQ(munmap(h->arena + 2 * TP, TP), 0);
	h->end = h->arena + 2 * TP;
}

/* Disarms, and ends those that touch. */
static void end_touches(struct handler *h)
{
	hp_disarm(h->fd);
	while (h->nr)
		hp_toucher_end(&h->touchers[--h->nr]);
	if (h->efd >= 0)
		close(h->efd);
	h->efd = -1;
	hp_discard(h->fd, 0, HP);
}

FIXTURE_TEARDOWN(events)
{
	end_touches(&self->h);
	munmap(self->h.arena, 2 * TP);
	munmap(self->h.mem, HP);
	close(self->h.fd);
}

static int arm(int fd, uint32_t size)
{
	struct hugepost_arm arg = {
		.size = sizeof(arg),
		.flags = HUGEPOST_ARM_NONBLOCK,
		.event_size = size,
	};
	int ret = hp_call(fd, HUGEPOST_ARM, &arg);

	return ret ? ret : arg.event_size != size ? -EPROTO : arg.out_fd;
}

/*
 * Arms with events of @size, and has threads touch target pages 0 to @nr, one after
 * the other.
 */
static bool begin(struct handler *h, uint32_t size, unsigned int nr)
{
	uint64_t before = hp_stats(h->fd).out_events;

	h->efd = arm(h->fd, size);
	if (h->efd < 0)
		return false;
	for (; h->nr < nr; h->nr++) {
		hp_toucher_start(&h->touchers[h->nr], h->mem + h->nr * TP, -1);
		while (hp_stats(h->fd).out_events == before)
			usleep(1000);
		before++;
	}
	memset(h->arena, 0xa5, 2 * TP);
	return true;
}

/* Bytes that were read, or -errno. */
static ssize_t read_events(struct handler *h, char *at, size_t len)
{
	ssize_t n = read(h->efd, at, len);

	return n < 0 ? -errno : n;
}

/* Is it the event of a target page, with zeros behind what is known? */
static bool is_event(struct handler *h, const char *at, size_t size,
		     unsigned int page)
{
	struct hugepost_event e = {};
	size_t i;

	memcpy(&e, at, EVENT);
	for (i = EVENT; i < size; i++)
		if (at[i])
			return false;
	return e.kind == HUGEPOST_EVENT_MISSING && e.offset == page * TP &&
	       e.address == (uintptr_t)h->mem + page * TP && e.tid &&
	       e.access == HUGEPOST_ACCESS_USER && !e.__reserved;
}

static bool is_untouched(const char *at, const char *end)
{
	while (at < end && *at == (char)0xa5)
		at++;
	return at == end;
}

/* What is asked for, and what that is. */
static const struct {
	uint32_t told;
	size_t bytes;
} sizes[] = {
	{ 0, EVENT }, { EVENT, EVENT }, { 40, 40 }, { 48, 48 }, { 104, 104 },
	{ 1024, 1024 }, { TP - 8, TP - 8 }, { TP, TP },
};

/* Rule: an event is as long as it was asked for; what is unknown of it is zero. */
TEST_F(events, one)
{
	struct handler *h = &self->h;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		const size_t size = sizes[i].bytes;

		ASSERT_TRUE(begin(h, sizes[i].told, 1));
		EXPECT_EQ(read_events(h, h->arena, 2 * TP), (ssize_t)size);
		EXPECT_TRUE(is_event(h, h->arena, size, 0))
			TH_LOG("size %u", sizes[i].told);
		EXPECT_TRUE(is_untouched(h->arena + size, h->end));
		EXPECT_EQ(read_events(h, h->arena, 2 * TP), -EAGAIN);
		end_touches(h);
	}
}

/* Rule: a read returns as many whole events as fit, oldest first. */
TEST_F(events, several)
{
	struct handler *h = &self->h;
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		const size_t size = sizes[i].bytes, most = (2 * TP - 3) / size;
		const unsigned int first = most < 3 ? most : 3;
		const unsigned int rest = most < 7 - first ? most : 7 - first;
		char *at = h->arena + 3;

		ASSERT_TRUE(begin(h, sizes[i].told, 7));
		EXPECT_EQ(read_events(h, at, (first + 1) * size - 1),
			  (ssize_t)(first * size));
		EXPECT_TRUE(is_untouched(at + first * size, h->end));
		for (j = 0; j < first; j++) {
			EXPECT_TRUE(is_event(h, at + j * size, size, j))
				TH_LOG("size %u, event %u", sizes[i].told, j);
		}
		EXPECT_EQ(read_events(h, at, 2 * TP - 3), (ssize_t)(rest * size));
		for (j = 0; j < rest; j++) {
			EXPECT_TRUE(is_event(h, at + j * size, size, first + j))
				TH_LOG("size %u, event %u", sizes[i].told,
				       first + j);
		}
		end_touches(h);
	}
}

/* Rule: a buffer shorter than one event is EINVAL, and takes none. */
TEST_F(events, short_buffer)
{
	struct handler *h = &self->h;
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		const size_t size = sizes[i].bytes;
		const size_t lengths[] = { 0, 1, EVENT - 1, size - 8, size - 1 };

		ASSERT_TRUE(begin(h, sizes[i].told, 1));
		for (j = 0; j < ARRAY_SIZE(lengths); j++) {
			EXPECT_EQ(read_events(h, h->arena, lengths[j]), -EINVAL)
				TH_LOG("size %u, %zu bytes", sizes[i].told,
				       lengths[j]);
		}
		EXPECT_TRUE(is_untouched(h->arena, h->end));
		EXPECT_EQ(read_events(h, h->arena, size), (ssize_t)size);
		EXPECT_TRUE(is_event(h, h->arena, size, 0));
		end_touches(h);
	}
}

/* Rule: a size that is not allowed is refused, and the object is not armed. */
TEST_F(events, bad_size)
{
	struct handler *h = &self->h;
	unsigned int i;
	int before, after;

	before = dup(h->fd);
	close(before);
	for (i = 0; i < ARRAY_SIZE(hp_bad_sizes); i++) {
		EXPECT_EQ(arm(h->fd, hp_bad_sizes[i].size), hp_bad_sizes[i].ret)
			TH_LOG("size %u", hp_bad_sizes[i].size);
	}
	EXPECT_EQ(hp_stats(h->fd).out_mode, HUGEPOST_MODE_UNARMED);
	after = dup(h->fd);
	close(after);
	EXPECT_EQ(before, after);
}

/*
 * Rule: an event that cannot be written, whichever part of it that is, is the next
 * one to be read.
 */
TEST_F(events, unmapped)
{
	struct handler *h = &self->h;
	unsigned int i, j;
	char *at;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		const size_t size = sizes[i].bytes;
		const size_t missing[] = { 1, 8, size - EVENT, size - 8, size };

		for (j = 0; j < ARRAY_SIZE(missing); j++) {
			if (!missing[j])
				continue;
			ASSERT_TRUE(begin(h, sizes[i].told, 2));
			at = h->end - size + missing[j];
			EXPECT_EQ(read_events(h, at, 2 * size), -EFAULT)
				TH_LOG("size %zu, %zu bytes are missing", size,
				       missing[j]);
			/* One that can be written, and one that cannot. */
			at -= size;
			EXPECT_EQ(read_events(h, at, 2 * size), (ssize_t)size);
			EXPECT_TRUE(is_event(h, at, size, 0));
			EXPECT_EQ(read_events(h, h->arena, size), (ssize_t)size);
			EXPECT_TRUE(is_event(h, h->arena, size, 1));
			end_touches(h);
		}
	}
}

/* Rule: each ARM has a size of its own; an older descriptor keeps its own. */
TEST_F(events, each_arm)
{
	struct handler *h = &self->h;
	int old = arm(h->fd, 48);

	ASSERT_GE(old, 0);
	ASSERT_EQ(hp_disarm(h->fd), 0);
	ASSERT_TRUE(begin(h, 0, 1));
	EXPECT_EQ(read(old, h->arena, 47), -1);
	EXPECT_EQ(errno, EINVAL);
	EXPECT_EQ(read(old, h->arena, 48), 0);
	EXPECT_EQ(read_events(h, h->arena, 48), EVENT);
	EXPECT_TRUE(is_event(h, h->arena, EVENT, 0));
	close(old);
}

TEST_HARNESS_MAIN
