// SPDX-License-Identifier: GPL-2.0-only
/*
 * Races of arming, events and release, each forced in the order that its test's
 * name tells. Needs the module with stall points (kmod/stall.h).
 */
#include "hugepost_stall.h"
#include "nl_test.h"

#define PAGE	3			/* the target page that is touched */

FIXTURE(stall)
{
	int fd;				/* negative once it is closed */
	char *mem;
	char page[TP];
	uint64_t id;
	uint64_t bits[SUBS / 64];
	struct nl nl;
};

FIXTURE_SETUP(stall)
{
	if (!stall_exists())
		SKIP(return, "the module has no stall points");
	ASSERT_EQ(nl_open(&self->nl), 0);
	self->fd = hp_new(HP, 1, 0);
	ASSERT_GE(self->fd, 0);
	self->id = hp_id(self->fd);
	self->mem = hp_map(self->fd, 0, HP);
	ASSERT_NE(self->mem, MAP_FAILED);
	hp_pattern_write(self->page, PAGE, 1);
}

FIXTURE_TEARDOWN(stall)
{
	stall_go();
	munmap(self->mem, HP);
	if (self->fd >= 0)
		close(self->fd);
	close(self->nl.fd);
}

static int run_arm(void *arg)
{
	return hp_arm(*(int *)arg, 0);
}

/* Rule: a fault that found the object unarmed fills nothing once ARM returned. */
TEST_F(stall, arm_while_fault_is_about_to_fill_zeros)
{
	struct hugepost_event event;
	struct hp_toucher t;
	int efd;

	ASSERT_TRUE(stall_at("fault-zero"));
	hp_toucher_start(&t, self->mem + PAGE * TP, -1);
	ASSERT_TRUE(stall_reached());
	efd = hp_arm(self->fd, 0);
	EXPECT_GE(efd, 0);
	ASSERT_TRUE(stall_go());
	ASSERT_EQ(hp_read_event(efd, &event), 0);
	EXPECT_EQ(event.offset, PAGE * TP);
	EXPECT_EQ(hp_stats(self->fd).out_zero_fills, 0);
	EXPECT_EQ(hp_bitmap(self->fd, 0, HP, self->bits), 0);
	EXPECT_EQ(hp_fill(self->fd, 0, PAGE * TP, self->page, TP, 0), 0);
	EXPECT_EQ(hp_toucher_end(&t), hp_pattern(PAGE, 1, 0));
	close(efd);
}

/* Rule: the event of a fault that came before ARM returned is there after it. */
TEST_F(stall, fault_while_arm_has_set_the_mode)
{
	struct hugepost_event event;
	struct actor armer;
	struct hp_toucher t;
	int efd;

	ASSERT_TRUE(stall_at("arm-mode"));
	actor_start(&armer, run_arm, &self->fd);
	ASSERT_TRUE(stall_reached());
	hp_toucher_start(&t, self->mem + PAGE * TP, -1);
	while (!hp_stats(self->fd).out_waits)
		usleep(1000);
	EXPECT_EQ(hp_stats(self->fd).out_zero_fills, 0);
	ASSERT_TRUE(stall_go());
	efd = actor_end(&armer);
	ASSERT_GE(efd, 0);
	ASSERT_EQ(hp_read_event(efd, &event), 0);
	EXPECT_EQ(event.offset, PAGE * TP);
	EXPECT_EQ(hp_fill(self->fd, 0, PAGE * TP, self->page, TP, 0), 0);
	EXPECT_EQ(hp_toucher_end(&t), hp_pattern(PAGE, 1, 0));
	EXPECT_EQ(hp_stats(self->fd).out_events, 1);
	close(efd);
}

/*
 * An event whose toucher is gone, as that of a killed process is: it keeps no
 * mapping. The event descriptor, or -1.
 */
static int leave_event(int fd)
{
	int efd = hp_arm(fd, 0);
	pid_t child = fork();
	char *mem;

	if (!child) {
		mem = hp_map(fd, 0, HP);
		_exit(*(volatile char *)(mem + PAGE * TP));
	}
	if (child < 0 || efd < 0 || !hp_event_waits(efd, -1))
		return -1;
	while (!hp_stats(fd).out_waits)
		usleep(1000);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return efd;
}

struct read_job {
	int efd;
	void *buf;
};

static int run_read(void *arg)
{
	struct read_job *job = arg;

	return hp_read_event(job->efd, job->buf);
}

/* Rule: a read that has taken an event delivers it, though the object is gone. */
TEST_F(stall, release_while_read_has_an_event)
{
	struct hugepost_event event = {};
	struct read_job job = { .buf = &event };
	struct actor reader;

	job.efd = leave_event(self->fd);
	ASSERT_GE(job.efd, 0);
	ASSERT_TRUE(stall_at("event-taken"));
	actor_start(&reader, run_read, &job);
	ASSERT_TRUE(stall_reached());
	munmap(self->mem, HP);
	EXPECT_EQ(close(self->fd), 0);
	self->fd = -1;
	ASSERT_TRUE(stall_go());
	EXPECT_EQ(actor_end(&reader), 0);
	EXPECT_EQ(event.kind, HUGEPOST_EVENT_MISSING);
	EXPECT_EQ(event.offset, PAGE * TP);
	EXPECT_EQ(hp_read_event(job.efd, &event), -ENODATA);
	close(job.efd);
}

/* Rule: one that cannot be delivered goes nowhere, if the object is gone. */
TEST_F(stall, release_while_read_will_fault)
{
	struct read_job job = { .buf = (void *)8 };
	struct hugepost_event event;
	struct actor reader;

	job.efd = leave_event(self->fd);
	ASSERT_GE(job.efd, 0);
	ASSERT_TRUE(stall_at("event-taken"));
	actor_start(&reader, run_read, &job);
	ASSERT_TRUE(stall_reached());
	munmap(self->mem, HP);
	EXPECT_EQ(close(self->fd), 0);
	self->fd = -1;
	ASSERT_TRUE(stall_go());
	EXPECT_EQ(actor_end(&reader), -EFAULT);
	EXPECT_EQ(hp_read_event(job.efd, &event), -ENODATA);
	close(job.efd);
}

static int run_close(void *arg)
{
	return close(*(int *)arg) ? -errno : 0;
}

/* Rule: a read while the object goes away ends, and gets none of its events. */
TEST_F(stall, read_while_release_disarms)
{
	struct pollfd p = { .events = POLLIN };
	struct hugepost_event event;
	struct actor closer;
	int fd = self->fd;

	p.fd = leave_event(self->fd);
	ASSERT_GE(p.fd, 0);
	munmap(self->mem, HP);
	ASSERT_TRUE(stall_at("report"));
	self->fd = -1;
	actor_start(&closer, run_close, &fd);
	ASSERT_TRUE(stall_reached());
	EXPECT_EQ(poll(&p, 1, 0), 1);
	EXPECT_TRUE(p.revents & POLLHUP);
	EXPECT_EQ(hp_read_event(p.fd, &event), -ENODATA);
	ASSERT_TRUE(stall_go());
	EXPECT_EQ(actor_end(&closer), 0);
	close(p.fd);
}

/* Looks for an object in the answers to a dump. */
struct dump_job {
	struct nl *nl;
	uint64_t id;
	bool listed;
};

static void look_for_id(const struct nl_message *msg, void *arg)
{
	struct dump_job *job = arg;

	if (nl_u64(msg, HUGEPOST_A_OBJECT_ID) == job->id)
		job->listed = true;
}

static int run_dump(void *arg)
{
	struct dump_job *job = arg;

	job->listed = false;
	return nl_object_dump(job->nl, NL_NO_FD, look_for_id, job);
}

/* Rule: no request finds an object that is half released. */
TEST_F(stall, dump_while_release_has_freed_the_memory)
{
	struct dump_job job = { .nl = &self->nl, .id = self->id };
	struct nl_module module;
	struct actor closer;
	int fd = self->fd;

	munmap(self->mem, HP);
	ASSERT_TRUE(stall_at("report"));
	self->fd = -1;
	actor_start(&closer, run_close, &fd);
	ASSERT_TRUE(stall_reached());
	EXPECT_EQ(run_dump(&job), 0);
	EXPECT_FALSE(job.listed);
	EXPECT_EQ(nl_object_get(&self->nl, self->id, NULL, NULL), -ENOENT);
	ASSERT_EQ(nl_module_get(&self->nl, NL_NO_FD, &module), 0);
	EXPECT_EQ(module.objects, 0);
	EXPECT_EQ(module.memory, 0);
	ASSERT_TRUE(stall_go());
	EXPECT_EQ(actor_end(&closer), 0);
}

TEST_HARNESS_MAIN
