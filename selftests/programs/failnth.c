// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every allocation and every copy from or to user space that a call makes fails
 * once, by /proc/thread-self/fail-nth of a debug kernel, or else, if the module
 * makes it itself, by inject/: the call reports it, the object's other pages keep
 * their bytes, and the object is usable.
 */
#include <semaphore.h>
#include <sys/socket.h>

#include "hugepost_failnth.h"
#include "nl_test.h"

#define PAGES	(4 * SUBS)	/* of the object */
#define PARTIAL	100		/* pages present in host page 1 */
#define EMPTY	2		/* the host page that calls fill */
#define REPLACED 7UL		/* a page that a call overwrites */

struct state {
	int fd;			/* an object with pages, armed if the call says so */
	uint64_t id;
	int efd;
	pthread_t handler;
	sem_t touch, touched;	/* of a thread that lives as long as the test */
	char *mem;
	int other;		/* opened only */
	bool other_is_set_up;
	int pipe[2];
	struct nl nl;
	char *pages;		/* a host page's worth of bytes */
};

/* Is it what a failure is told of by? */
static bool tells_of_failure(int ret)
{
	return ret == -ENOMEM || ret == -EFAULT || ret == -EAGAIN ||
	       ret == -ENOBUFS || ret == -EMSGSIZE;
}

static int touch(struct state *s, uint64_t page)
{
	return write(s->pipe[1], s->mem + page * TP, 1) == 1 ? 0 : -errno;
}

static int run_open(struct state *s)
{
	int fd = hp_open();

	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

static int run_info(struct state *s)
{
	struct hugepost_info arg = { .size = sizeof(arg) };

	return hp_call(s->fd, HUGEPOST_INFO, &arg);
}

/* Only after a SETUP that did all may another one find the object set up. */
static int set_up(struct state *s, uint32_t flags)
{
	int ret = hp_setup(s->other, 4 * HP, 3, flags);

	if (ret == -EBUSY && s->other_is_set_up)
		return 0;
	s->other_is_set_up = !ret;
	return ret;
}

static int run_setup(struct state *s)
{
	return set_up(s, 0);
}

static int run_setup_prealloc(struct state *s)
{
	return set_up(s, HUGEPOST_SETUP_PREALLOC);
}

/* Somebody listens to what is reported of it. */
static int run_setup_reported(struct state *s)
{
	int ret = nl_join(&s->nl);

	return ret ? ret : set_up(s, 0);
}

static int run_mmap(struct state *s)
{
	void *mem = hp_map(s->other, 0, 4 * HP);

	if (mem == MAP_FAILED)
		return -errno;
	munmap(mem, 4 * HP);
	return 0;
}

static int run_arm(struct state *s)
{
	int efd = hp_arm(s->fd, HUGEPOST_ARM_NONBLOCK);

	if (efd < 0)
		return efd;
	close(efd);
	return 0;
}

static int run_disarm(struct state *s)
{
	return hp_disarm(s->fd);
}

/* Touches a missing page each time that it is asked. */
static void *touch_missing(void *arg)
{
	struct state *s = arg;

	for (;;) {
		sem_wait(&s->touch);
		(void)*(volatile char *)(s->mem + EMPTY * HP);
		sem_post(&s->touched);
	}
	return NULL;
}

/* An event that could not be read is read by the next call. */
static int run_read_event(struct state *s)
{
	struct hugepost_event event = {};
	int efd = hp_arm(s->fd, 0);
	int ret;

	if (efd < 0)
		return efd;
	sem_post(&s->touch);
	ret = hp_read_event(efd, &event);
	while (!event.kind)
		hp_read_event(efd, &event);
	while (hp_fill(s->fd, 0, event.offset, s->pages, TP, 0))
		;
	sem_wait(&s->touched);
	while (hp_disarm(s->fd) || hp_discard(s->fd, EMPTY * HP, HP) < 0)
		;
	close(efd);
	return ret;
}

static int run_fill_page(struct state *s)
{
	return hp_fill(s->fd, 0, EMPTY * HP + TP, s->pages + TP, TP, 0);
}

static int run_fill_hostpage(struct state *s)
{
	return hp_fill(s->fd, 0, EMPTY * HP, s->pages, HP, 0);
}

static int run_fill_scattered(struct state *s)
{
	struct hugepost_fill_entry e[24];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(e); i++)
		e[i] = (struct hugepost_fill_entry) {
			.offset = (EMPTY + i % 2) * HP + i * TP,
			.src = i % 3 ? (uintptr_t)s->pages + i * TP : 0,
			.len = TP,
			.flags = i % 3 ? 0 : HUGEPOST_FILL_ZERO,
		};
	return hp_fill_entries(s->fd, 1, e, ARRAY_SIZE(e), NULL);
}

/* The entries are longer than the module knows. */
static int run_fill_long_entries(struct state *s)
{
	struct {
		struct hugepost_fill_entry e;
		uint64_t more;
	} entries[4] = {};
	struct hugepost_fill arg = {
		.size = sizeof(arg),
		.nr = ARRAY_SIZE(entries),
		.entries = (uintptr_t)entries,
		.entry_size = sizeof(entries[0]),
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(entries); i++)
		entries[i].e = (struct hugepost_fill_entry) {
			.offset = EMPTY * HP + i * TP,
			.src = (uintptr_t)s->pages + i * TP,
			.len = TP,
		};
	return hp_call(s->fd, HUGEPOST_FILL, &arg);
}

static int run_fill_zero_page(struct state *s)
{
	return hp_fill(s->fd, 0, EMPTY * HP, NULL, TP, HUGEPOST_FILL_ZERO);
}

static int run_fill_zero_hostpages(struct state *s)
{
	return hp_fill(s->fd, 0, EMPTY * HP, NULL, 2 * HP, HUGEPOST_FILL_ZERO);
}

static int run_fill_zero_then_data(struct state *s)
{
	int ret = run_fill_zero_page(s);

	return ret ? ret : run_fill_page(s);
}

static int run_replace(struct state *s)
{
	char page[TP];

	hp_pattern_write(page, REPLACED, 1);
	return hp_fill(s->fd, 0, REPLACED * TP, page, TP, HUGEPOST_FILL_REPLACE);
}

/* The bytes come from a page that is faulted in, of this object, too. */
static int run_fill_from_itself(struct state *s)
{
	return hp_fill(s->fd, 0, EMPTY * HP, s->mem, TP, 0);
}

static int run_touch_empty(struct state *s)
{
	return touch(s, EMPTY * SUBS);
}

static int run_touch_partial(struct state *s)
{
	return touch(s, SUBS + 3);
}

static int run_touch_complete(struct state *s)
{
	return touch(s, 3);
}

/* It is the handler that fills it. */
static int run_touch_missing(struct state *s)
{
	return touch(s, EMPTY * SUBS);
}

static int run_discard_page(struct state *s)
{
	int64_t ret = hp_discard(s->fd, 9 * TP, TP);

	return ret < 0 ? (int)ret : 0;
}

static int run_discard_all(struct state *s)
{
	int64_t ret = hp_discard(s->fd, EMPTY * HP, 2 * HP);

	return ret < 0 ? (int)ret : 0;
}

static int run_install(struct state *s)
{
	return hp_install(s->fd, s->mem, 4 * HP, NULL);
}

static int run_collapse(struct state *s)
{
	struct hugepost_collapse arg = {
		.size = sizeof(arg),
		.addr = (uintptr_t)s->mem,
		.length = HP,
	};
	int ret = touch(s, 3);

	return ret ? ret : hp_call(s->fd, HUGEPOST_COLLAPSE, &arg);
}

static int run_reset(struct state *s)
{
	return hp_reset(s->fd, 0);
}

static int run_wake(struct state *s)
{
	return hp_wake(s->fd, 0, 4 * HP);
}

static int run_stats(struct state *s)
{
	struct hugepost_channel_stats channels[2];

	return hp_channel_stats(s->fd, 2, channels);
}

static int run_bitmap(struct state *s)
{
	uint64_t bits[PAGES / 64];
	int64_t ret = hp_bitmap(s->fd, 0, 4 * HP, bits);

	return ret < 0 ? (int)ret : 0;
}

static int run_unmap_part(struct state *s)
{
	void *mem;

	if (munmap(s->mem + HP, HP))
		return -errno;
	mem = mmap(s->mem + HP, HP, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_FIXED, s->fd, HP);
	return mem == MAP_FAILED ? -errno : 0;
}

static int run_netlink_module(struct state *s)
{
	struct nl_module m;

	return nl_module_get(&s->nl, s->fd, &m);
}

static int run_netlink_object(struct state *s)
{
	return nl_object_get(&s->nl, s->id, NULL, NULL);
}

static int run_netlink_dump(struct state *s)
{
	return nl_object_dump(&s->nl, s->fd, NULL, NULL);
}

static int run_netlink_channels(struct state *s)
{
	struct nl_request req;

	nl_begin(&req, s->nl.family, HUGEPOST_NL_CMD_CHANNEL_GET, NLM_F_DUMP);
	nl_put_u64(&req, HUGEPOST_A_CHANNEL_OBJECT, s->id);
	return nl_call(&s->nl, &req, NULL, NULL, NULL);
}

static int run_netlink_map(struct state *s)
{
	struct nl_request req;

	nl_begin(&req, s->nl.family, HUGEPOST_NL_CMD_MAP_GET, 0);
	nl_put_u64(&req, HUGEPOST_A_MAP_OBJECT, s->id);
	nl_put_u32(&req, HUGEPOST_A_MAP_CELLS, 4);
	return nl_call(&s->nl, &req, NULL, NULL, NULL);
}

static int run_netlink_reserve(struct state *s)
{
	return nl_module_set(&s->nl, HUGEPOST_A_MODULE_RESERVE, 2 * HP);
}

static int run_netlink_join(struct state *s)
{
	return nl_join(&s->nl);
}

FIXTURE(failnth)
{
	struct state s;
	int nth;
};

FIXTURE_VARIANT(failnth)
{
	int (*run)(struct state *s);
	bool armed;
};

#define VARIANT(_name, _armed)                                                 \
	FIXTURE_VARIANT_ADD(failnth, _name)                                    \
	{                                                                      \
		.run = run_##_name,                                            \
		.armed = _armed,                                               \
	}

VARIANT(open, false);
VARIANT(info, false);
VARIANT(setup, false);
VARIANT(setup_prealloc, false);
VARIANT(setup_reported, false);
VARIANT(mmap, false);
VARIANT(arm, false);
VARIANT(disarm, true);
VARIANT(read_event, false);
VARIANT(fill_page, false);
VARIANT(fill_hostpage, true);
VARIANT(fill_scattered, true);
VARIANT(fill_long_entries, false);
VARIANT(fill_zero_page, false);
VARIANT(fill_zero_hostpages, true);
VARIANT(fill_zero_then_data, false);
VARIANT(replace, false);
VARIANT(fill_from_itself, true);
VARIANT(touch_empty, false);
VARIANT(touch_partial, true);
VARIANT(touch_complete, true);
VARIANT(touch_missing, true);
VARIANT(discard_page, true);
VARIANT(discard_all, false);
VARIANT(install, true);
VARIANT(collapse, false);
VARIANT(reset, true);
VARIANT(wake, true);
VARIANT(stats, true);
VARIANT(bitmap, true);
VARIANT(unmap_part, false);
VARIANT(netlink_module, false);
VARIANT(netlink_object, true);
VARIANT(netlink_dump, true);
VARIANT(netlink_channels, true);
VARIANT(netlink_map, false);
VARIANT(netlink_reserve, false);
VARIANT(netlink_join, false);

FIXTURE_SETUP(failnth)
{
	pthread_t toucher;

	self->nth = open_fail_nth();
	if (self->nth < 0)
		SKIP(return, NO_INJECTION);
	self->s.pages = mmap(NULL, HP, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	ASSERT_NE(self->s.pages, MAP_FAILED);
	ASSERT_EQ(pipe(self->s.pipe), 0);
	/* A pipe takes a page when it is written to. */
	ASSERT_EQ(write(self->s.pipe[1], "", 1), 1);
	sem_init(&self->s.touch, 0, 0);
	sem_init(&self->s.touched, 0, 0);
	ASSERT_EQ(pthread_create(&toucher, NULL, touch_missing, &self->s), 0);
}

FIXTURE_TEARDOWN(failnth)
{
}

/* Fills what is asked for, until the object is disarmed. */
static void *handle_events(void *arg)
{
	struct pollfd p = { .events = POLLIN };
	struct state *s = arg;
	struct hugepost_event event;

	p.fd = s->efd;
	while (poll(&p, 1, -1) == 1 && !(p.revents & POLLHUP))
		if (!hp_read_event(s->efd, &event))
			hp_fill(s->fd, 1, event.offset, s->pages, TP, 0);
	return NULL;
}

static bool prepare(struct state *s, bool armed)
{
	const struct timeval second = { .tv_sec = 1 };
	unsigned int i;

	s->efd = -1;
	s->other_is_set_up = false;
	s->fd = hp_new(4 * HP, 2, 0);
	s->other = hp_open();
	if (s->fd < 0 || s->other < 0 || nl_open(&s->nl) ||
	    setsockopt(s->nl.fd, SOL_SOCKET, SO_RCVTIMEO, &second,
		       sizeof(second)))
		return false;
	s->id = hp_id(s->fd);
	s->mem = hp_map(s->fd, 0, 4 * HP);
	for (i = 0; i < SUBS; i++)
		hp_pattern_write(s->pages + i * TP, EMPTY * SUBS + i, 0);
	if (s->mem == MAP_FAILED || hp_fill_pattern(s->fd, 0, 0, SUBS, 0) ||
	    hp_fill_pattern(s->fd, 0, SUBS, PARTIAL, 0))
		return false;
	if (!armed)
		return true;
	s->efd = hp_arm(s->fd, HUGEPOST_ARM_NONBLOCK);
	return s->efd >= 0 &&
	       !pthread_create(&s->handler, NULL, handle_events, s);
}

/* What was there is there, whatever failed. */
static bool intact(struct state *s)
{
	char *mem = hp_map(s->fd, 0, 2 * HP);
	bool good = mem != MAP_FAILED;
	uint64_t page;

	for (page = 0; good && page < SUBS + PARTIAL; page += 7)
		good = page == REPLACED ||
		       hp_pattern_check(mem + page * TP, page, 0);
	if (mem != MAP_FAILED)
		munmap(mem, 2 * HP);
	return good;
}

static void clean_up(struct state *s)
{
	munmap(s->mem, 4 * HP);
	if (s->efd >= 0) {
		hp_disarm(s->fd);
		pthread_join(s->handler, NULL);
		close(s->efd);
	}
	close(s->fd);
	close(s->other);
	close(s->nl.fd);
}

/* Rule: whatever fails in a call, once, is told of and does no harm. */
TEST_F(failnth, sweep)
{
	unsigned int nth, told = 0;
	bool injected = true;
	int ret;

	for (nth = 1; injected && nth < MANY; nth++) {
		ASSERT_TRUE(prepare(&self->s, variant->armed));
		if (variant->run == run_discard_all)
			ASSERT_EQ(hp_fill_pattern(self->s.fd, 0, EMPTY * SUBS,
						  2 * SUBS, 0), 0);
		ASSERT_TRUE(fail_at(self->nth, nth));
		ret = variant->run(&self->s);
		injected = has_failed(self->nth);

		told += ret != 0;
		if (!injected || !tells_of_failure(ret)) {
			EXPECT_EQ(ret, 0)
				TH_LOG("failure %u: %s", nth, strerror(-ret));
		}
		EXPECT_TRUE(intact(&self->s));
		/* To give memory back takes none. */
		if (variant->run == run_discard_all)
			EXPECT_NE(ret, -ENOMEM);

		/* Asked once more, it is done; by a socket without old answers. */
		close(self->s.nl.fd);
		ASSERT_EQ(nl_open(&self->s.nl), 0);
		EXPECT_EQ(variant->run(&self->s), 0)
			TH_LOG("after failure %u", nth);
		EXPECT_TRUE(intact(&self->s));
		clean_up(&self->s);
	}
	EXPECT_LT(nth, MANY);
	/* It copies its argument: where that does not fail, nothing does. */
	if (variant->run == run_info)
		EXPECT_GT(told, 0);
	TH_LOG("%u failures, %u told of", nth - 2, told);
	if (variant->run == run_netlink_reserve) {
		ASSERT_EQ(nl_open(&self->s.nl), 0);
		EXPECT_EQ(nl_reserve_set(&self->s.nl, 0), 0);
	}
}

TEST_HARNESS_MAIN
