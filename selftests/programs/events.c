// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netlink family's multicast group: what happens to objects.
 */
#include "nl_test.h"

struct event {
	uint32_t kind, generation;
	uint64_t object, host_pages, complete, time;
};

FIXTURE(listener)
{
	struct nl nl;		/* listens, and has a short time-out */
	struct nl control;
	char page[TP];
};

FIXTURE_SETUP(listener)
{
	struct timeval soon = { .tv_usec = 300000 };

	ASSERT_EQ(nl_open(&self->control), 0);
	ASSERT_EQ(nl_module_set(&self->control, HUGEPOST_A_MODULE_PROGRESS_STEP,
				10), 0);
	ASSERT_EQ(nl_open(&self->nl), 0);
	ASSERT_EQ(setsockopt(self->nl.fd, SOL_SOCKET, SO_RCVTIMEO, &soon,
			     sizeof(soon)), 0);
	ASSERT_EQ(nl_join(&self->nl), 0);
	memset(self->page, 1, sizeof(self->page));
}

FIXTURE_TEARDOWN(listener)
{
	close(self->nl.fd);
	close(self->control.fd);
}

static void take_event(const struct nl_message *msg, void *arg)
{
	*(struct event *)arg = (struct event){
		.kind = nl_u32(msg, HUGEPOST_A_EVENT_KIND),
		.generation = nl_u32(msg, HUGEPOST_A_EVENT_GENERATION),
		.object = nl_u64(msg, HUGEPOST_A_EVENT_OBJECT),
		.host_pages = nl_u64(msg, HUGEPOST_A_EVENT_HOST_PAGES),
		.complete = nl_u64(msg, HUGEPOST_A_EVENT_COMPLETE),
		.time = nl_u64(msg, HUGEPOST_A_EVENT_TIME),
	};
}

/* The next event of an object; kind 0 if none comes. */
static struct event next(struct nl *nl, uint64_t id)
{
	struct event e;

	do {
		e = (struct event){};
		if (nl_receive(nl, take_event, &e, NULL))
			return (struct event){};
	} while (e.object != id);
	return e;
}

/* Rule: a migration is told of from its set-up to its release, in order. */
TEST_F(listener, life)
{
	static const uint32_t steps[] = { 2, 4, 6, 8 };
	struct event e;
	unsigned int i;
	uint64_t id;
	int fd, efd;

	fd = hp_new(10 * HP, 1, 0);
	ASSERT_GE(fd, 0);
	id = hp_id(fd);
	e = next(&self->nl, id);
	EXPECT_EQ(e.kind, HUGEPOST_EVENT_KIND_SETUP);
	EXPECT_EQ(e.host_pages, 10U);
	EXPECT_GT(e.time, 1600000000ULL * 1000000000);
	ASSERT_EQ(nl_module_set(&self->control,
				HUGEPOST_A_MODULE_PROGRESS_STEP, 20), 0);
	efd = hp_arm(fd, 0);
	ASSERT_GE(efd, 0);
	EXPECT_EQ(next(&self->nl, id).kind, HUGEPOST_EVENT_KIND_ARMED);
	ASSERT_EQ(hp_fill(fd, 0, 0, (void *)1, TP, 0), -EFAULT);
	ASSERT_EQ(hp_fill(fd, 0, 0, self->page, TP, 0), 0);
	e = next(&self->nl, id);
	EXPECT_EQ(e.kind, HUGEPOST_EVENT_KIND_FIRST_FILL);
	EXPECT_EQ(next(&self->nl, id).kind, 0U);
	EXPECT_EQ(e.complete, 0U);
	for (i = 0; i < 10; i++)
		ASSERT_EQ(hp_fill(fd, 0, i * HP, NULL, HP, HUGEPOST_FILL_ZERO),
			  0);
	for (i = 0; i < 4; i++) {
		e = next(&self->nl, id);
		EXPECT_EQ(e.kind, HUGEPOST_EVENT_KIND_PROGRESS);
		EXPECT_EQ(e.complete, steps[i]);
	}
	e = next(&self->nl, id);
	EXPECT_EQ(e.kind, HUGEPOST_EVENT_KIND_COMPLETE);
	EXPECT_EQ(e.complete, 10U);
	ASSERT_EQ(hp_disarm(fd), 0);
	EXPECT_EQ(next(&self->nl, id).kind, HUGEPOST_EVENT_KIND_DISARMED);
	close(fd);
	EXPECT_EQ(next(&self->nl, id).kind, HUGEPOST_EVENT_KIND_RELEASED);
	close(efd);
	EXPECT_EQ(next(&self->nl, id).kind, 0U);
}

/*
 * Rule: there are no more events than steps, whatever is discarded and filled
 * again; an object that is armed again is told of again.
 */
TEST_F(listener, rate)
{
	unsigned int i, nr = 0;
	struct event e;
	uint64_t id;
	int fd, efd;

	fd = hp_new(10 * HP, 1, 0);
	ASSERT_GE(fd, 0);
	id = hp_id(fd);
	EXPECT_EQ(next(&self->nl, id).kind, HUGEPOST_EVENT_KIND_SETUP);
	for (i = 0; i < 500; i++) {
		hp_fill(fd, 0, i % 10 * HP, NULL, HP, HUGEPOST_FILL_ZERO);
		if (i % 3 == 0)
			hp_discard(fd, i % 10 * HP, HP);
	}
	while (next(&self->nl, id).kind)
		nr++;
	EXPECT_LE(nr, 11U);
	EXPECT_GE(nr, 2U);

	hp_discard(fd, 0, 10 * HP);
	efd = hp_arm(fd, 0);
	ASSERT_GE(efd, 0);
	EXPECT_EQ(next(&self->nl, id).kind, HUGEPOST_EVENT_KIND_ARMED);
	ASSERT_EQ(hp_fill(fd, 0, 0, NULL, 10 * HP, HUGEPOST_FILL_ZERO), 0);
	EXPECT_EQ(next(&self->nl, id).kind, HUGEPOST_EVENT_KIND_FIRST_FILL);
	e = next(&self->nl, id);
	EXPECT_EQ(e.kind, HUGEPOST_EVENT_KIND_COMPLETE);
	close(efd);
	EXPECT_EQ(next(&self->nl, id).kind, HUGEPOST_EVENT_KIND_LOST);
	close(fd);
}

/* Rule: steps are of the whole, however the number of host pages divides. */
TEST_F(listener, steps)
{
	/* The first host page of three comes with the first fill. */
	static const unsigned int sizes[] = { 1, 3, 19, 199 };
	static const unsigned int steps[] = { 0, 1, 9, 9 };
	unsigned int i, j, nr;
	struct event e;
	int fd;

	for (i = 0; i < 4; i++) {
		fd = hp_new(sizes[i] * HP, 1, 0);
		ASSERT_GE(fd, 0);
		for (j = 0; j < sizes[i]; j++)
			ASSERT_EQ(hp_fill(fd, 0, j * HP, NULL, HP,
					  HUGEPOST_FILL_ZERO), 0);
		nr = 0;
		do {
			e = next(&self->nl, hp_id(fd));
			nr += e.kind == HUGEPOST_EVENT_KIND_PROGRESS;
		} while (e.kind && e.kind != HUGEPOST_EVENT_KIND_COMPLETE);
		EXPECT_EQ(e.kind, HUGEPOST_EVENT_KIND_COMPLETE);
		EXPECT_EQ(nr, steps[i]);
		close(fd);
	}
}

struct replacer {
	int fd;
	char *src;
	int ret;
};

static void *replace(void *arg)
{
	struct replacer *r = arg;

	r->ret = hp_fill(r->fd, 0, 0, r->src, TP, HUGEPOST_FILL_REPLACE);
	return NULL;
}

/* Rule: an ARM that is refused is no event. */
TEST_F(listener, arm_is_refused)
{
	struct replacer r = { .ret = 1 };
	struct hugepost_event missing;
	pthread_t thread;
	int slow, efd;
	uint64_t id;

	slow = hp_new(HP, 1, 0);
	r.src = hp_map(slow, 0, HP);
	ASSERT_NE(r.src, MAP_FAILED);
	efd = hp_arm(slow, 0);
	ASSERT_GE(efd, 0);

	r.fd = hp_new(HP, 1, 0);
	id = hp_id(r.fd);
	EXPECT_EQ(next(&self->nl, id).kind, HUGEPOST_EVENT_KIND_SETUP);
	ASSERT_EQ(hp_fill(r.fd, 0, 0, self->page, TP, 0), 0);
	EXPECT_EQ(next(&self->nl, id).kind, HUGEPOST_EVENT_KIND_FIRST_FILL);
	ASSERT_EQ(pthread_create(&thread, NULL, replace, &r), 0);
	ASSERT_EQ(hp_read_event(efd, &missing), 0);
	EXPECT_EQ(hp_arm(r.fd, 0), -EBUSY);
	EXPECT_EQ(next(&self->nl, id).kind, 0U);
	ASSERT_EQ(hp_fill(slow, 0, 0, self->page, TP, 0), 0);
	pthread_join(thread, NULL);
	EXPECT_EQ(r.ret, 0);
	close(r.fd);
	close(efd);
	munmap(r.src, HP);
	close(slow);
}

/*
 * Rule: who listens too slowly is told so, loses nothing but events, and learns
 * by a dump what there is.
 */
TEST_F(listener, slow)
{
	struct nl_module m;
	int size = 4096, i, fd, ret;

	ASSERT_EQ(setsockopt(self->nl.fd, SOL_SOCKET, SO_RCVBUF, &size,
			     sizeof(size)), 0);
	for (i = 0; i < 200; i++) {
		fd = hp_new(HP, 1, 0);
		ASSERT_GE(fd, 0);
		close(fd);
	}
	do {
		ret = nl_receive(&self->nl, NULL, NULL, NULL);
	} while (!ret);
	EXPECT_EQ(ret, -ENOBUFS);
	while (nl_receive(&self->nl, NULL, NULL, NULL) != -EAGAIN)
		;
	ASSERT_EQ(nl_module_get(&self->control, NL_NO_FD, &m), 0);
	fd = hp_new(HP, 1, 0);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(next(&self->nl, hp_id(fd)).generation, m.generation + 2);
	close(fd);
}

TEST_HARNESS_MAIN
