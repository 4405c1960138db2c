// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every allocation and every copy from or to user space that a call makes fails
 * once, by /proc/thread-self/fail-nth of a debug kernel: the call reports it,
 * the object's other pages keep their bytes, and the object is usable.
 */
#include <sys/socket.h>

#include "hugepost_test.h"
#include "nl_test.h"

#define PAGES	(4 * SUBS)	/* of the object */
#define PARTIAL	100		/* pages present in host page 1 */
#define EMPTY	2		/* the host page that calls fill */
#define REPLACED 7UL		/* a page that a call overwrites */
#define MANY	5000		/* more failures than any call can have */

static const char * const quiet[][2] = {
	{ "failslab/ignore-gfp-wait", "N" },
	{ "failslab/verbose", "0" },
	{ "fail_page_alloc/ignore-gfp-wait", "N" },
	{ "fail_page_alloc/ignore-gfp-highmem", "N" },
	{ "fail_page_alloc/min-order", "0" },
	{ "fail_page_alloc/verbose", "0" },
	{ "fail_usercopy/verbose", "0" },
};

struct state {
	int fd;			/* an object with pages, armed if the call says so */
	uint64_t id;
	int efd;
	pthread_t handler;
	char *mem;
	int other;		/* opened only */
	bool other_is_set_up;
	int pipe[2];
	struct nl nl;
	char *pages;		/* a host page's worth of bytes */
};

static void set_faults(void)
{
	char path[128];
	unsigned int i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(quiet); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s",
			 quiet[i][0]);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (write(fd, quiet[i][1], 1) < 0)
			perror(path);
		close(fd);
	}
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
VARIANT(setup, false);
VARIANT(setup_prealloc, false);
VARIANT(mmap, false);
VARIANT(arm, false);
VARIANT(disarm, true);
VARIANT(fill_page, false);
VARIANT(fill_hostpage, true);
VARIANT(fill_scattered, true);
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
VARIANT(stats, true);
VARIANT(bitmap, true);
VARIANT(unmap_part, false);
VARIANT(netlink_module, false);
VARIANT(netlink_object, true);
VARIANT(netlink_dump, true);
VARIANT(netlink_reserve, false);
VARIANT(netlink_join, false);

FIXTURE_SETUP(failnth)
{
	/* Kept open: opening it takes memory, too. */
	self->nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (self->nth < 0)
		SKIP(return, "this kernel has no fault injection");
	set_faults();
	self->s.pages = mmap(NULL, HP, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	ASSERT_NE(self->s.pages, MAP_FAILED);
	ASSERT_EQ(pipe(self->s.pipe), 0);
	/* A pipe takes a page when it is written to. */
	ASSERT_EQ(write(self->s.pipe[1], "", 1), 1);
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
	char buf[16];
	int ret, n;

	for (nth = 1; injected && nth < MANY; nth++) {
		ASSERT_TRUE(prepare(&self->s, variant->armed));
		n = snprintf(buf, sizeof(buf), "%u", nth);
		ASSERT_EQ(write(self->nth, buf, n), n);
		ret = variant->run(&self->s);

		/* Reading it is a copy to user space, which may fail, too. */
		n = pread(self->nth, buf, sizeof(buf) - 1, 0);
		buf[n < 0 ? 0 : n] = 0;
		injected = n > 0 && atoi(buf) == 0;
		while (pwrite(self->nth, "0", 1, 0) != 1)
			;

		told += ret != 0;
		if (!injected || (ret != -ENOMEM && ret != -EFAULT &&
				  ret != -EAGAIN && ret != -ENOBUFS)) {
			EXPECT_EQ(ret, 0)
				TH_LOG("failure %u: %s", nth, strerror(-ret));
		}
		EXPECT_TRUE(intact(&self->s));

		/* Asked once more, it is done. */
		if (variant->run == run_netlink_module ||
		    variant->run == run_netlink_object ||
		    variant->run == run_netlink_dump ||
		    variant->run == run_netlink_reserve ||
		    variant->run == run_netlink_join) {
			close(self->s.nl.fd);
			ASSERT_EQ(nl_open(&self->s.nl), 0);
		}
		EXPECT_EQ(variant->run(&self->s), 0)
			TH_LOG("after failure %u", nth);
		EXPECT_TRUE(intact(&self->s));
		clean_up(&self->s);
	}
	EXPECT_LT(nth, MANY);
	TH_LOG("%u failures, %u told of", nth - 2, told);
	if (variant->run == run_netlink_reserve) {
		ASSERT_EQ(nl_open(&self->s.nl), 0);
		EXPECT_EQ(nl_reserve_set(&self->s.nl, 0), 0);
	}
}

TEST_HARNESS_MAIN
