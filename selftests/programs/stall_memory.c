// SPDX-License-Identifier: GPL-2.0-only
/*
 * Races for what a host page has: its folio and its bits, which must be neither
 * lost nor taken away from who still uses them. Needs the module with stall
 * points (kmod/stall.h).
 */
#include "hugepost_stall.h"

#include <semaphore.h>

#define HOLD	32			/* pages of a FILL's hold of the lock */
#define PAGE	3			/* the target page that two are about */

FIXTURE(memory)
{
	int fd;
	char *mem;
	char page[TP];			/* another version of PAGE */
	uint64_t bits[SUBS / 64];
};

FIXTURE_SETUP(memory)
{
	if (!stall_exists())
		SKIP(return, "the module has no stall points");
	self->fd = hp_new(HP, 2, 0);
	ASSERT_GE(self->fd, 0);
	self->mem = hp_map(self->fd, 0, HP);
	ASSERT_NE(self->mem, MAP_FAILED);
	hp_pattern_write(self->page, PAGE, 1);
}

FIXTURE_TEARDOWN(memory)
{
	stall_go();
	stall_in(STALL2, "go");
	munmap(self->mem, HP);
	close(self->fd);
}

/*
 * Rule: bits are given back each time that a FILL makes a host page complete. A
 * FILL that has to give way to another task begins anew, so more than once.
 */
TEST_F(memory, discard_while_fill_has_completed)
{
	struct fill_job job = { .fd = self->fd, .pages = SUBS, .version = 1 };
	struct actor filler;
	uint64_t metadata;
	unsigned int i;

	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, SUBS, 1), 0);
	metadata = hp_stats(self->fd).out_metadata;
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(hp_discard(self->fd, 0, HOLD * TP), HOLD);
		ASSERT_TRUE(stall_at("fill-hold 1"));
		actor_start(&filler, run_fill, &job);
		ASSERT_TRUE(stall_reached());
		EXPECT_EQ(hp_stats(self->fd).out_present, 1);
		EXPECT_EQ(hp_discard(self->fd, (HOLD + PAGE) * TP, TP), 1);
		ASSERT_TRUE(stall_go());
		EXPECT_EQ(actor_end(&filler), 0);
		EXPECT_EQ(job.out.out_bytes, (HOLD + 1) * TP);
		EXPECT_EQ(hp_stats(self->fd).out_present, 1);
		EXPECT_EQ(hp_stats(self->fd).out_metadata, metadata);
	}
}

static int run_bad_fill(void *arg)
{
	struct range_job *job = arg;

	return hp_fill(job->fd, 1, job->offset, NULL, job->length, 0);
}

/*
 * Rule: what is filled while DISCARD has not unmapped the old page is in the page
 * that is still mapped, also if a FILL failed just before: what the guest writes
 * there is not lost.
 */
TEST_F(memory, failed_fill_while_discard_has_not_unmapped)
{
	struct range_job all = { .fd = self->fd, .length = HP };
	struct range_job job = { .fd = self->fd, .offset = PAGE * TP,
				 .length = TP };
	volatile char *byte = self->mem + PAGE * TP + 5;
	struct actor discarder, failing;

	ASSERT_EQ(hp_fill_pattern(self->fd, 0, PAGE, 1, 0), 0);
	EXPECT_TRUE(page_is(self->mem, PAGE, 0));
	ASSERT_TRUE(stall_at("discard-cleared"));
	actor_start(&discarder, run_discard, &all);
	ASSERT_TRUE(stall_reached());
	actor_start(&failing, run_bad_fill, &job);
	EXPECT_TRUE(actor_waits(&failing));
	EXPECT_EQ(hp_fill(self->fd, 0, PAGE * TP, self->page, TP, 0), 0);
	*byte = 0x55;
	ASSERT_TRUE(stall_go());
	EXPECT_EQ(actor_end(&discarder), 1);
	EXPECT_EQ(actor_end(&failing), -EFAULT);
	EXPECT_EQ(*byte, 0x55);
	EXPECT_EQ(hp_bitmap(self->fd, 0, HP, self->bits), 1);
	*byte = self->page[5];
	EXPECT_TRUE(page_is(self->mem, PAGE, 1));
}

/* Rule: when DISCARD returns nothing is mapped that was discarded, by anybody. */
TEST_F(memory, discard_while_another_has_not_unmapped)
{
	struct range_job all = { .fd = self->fd, .length = HP };
	struct actor first, second;

	ASSERT_EQ(hp_fill_pattern(self->fd, 0, PAGE, 1, 0), 0);
	EXPECT_TRUE(page_is(self->mem, PAGE, 0));
	ASSERT_TRUE(stall_at("discard-cleared"));
	actor_start(&first, run_discard, &all);
	ASSERT_TRUE(stall_reached());
	actor_start(&second, run_discard, &all);
	EXPECT_TRUE(actor_waits(&second));
	EXPECT_FALSE(second.done);
	ASSERT_TRUE(stall_go());
	EXPECT_EQ(actor_end(&first), 1);
	EXPECT_EQ(actor_end(&second), 0);
	EXPECT_EQ(hp_touch(self->mem + PAGE * TP, -1), 0);
}

/*
 * Rule: a DISCARD that found no folio to lock leaves alone the one that a FILL got
 * since, until another DISCARD has unmapped it: what the guest writes there is
 * not lost.
 */
TEST_F(memory, discard_of_zeros_while_another_has_not_unmapped)
{
	struct range_job zero = { .fd = self->fd, .length = TP };
	struct range_job page = { .fd = self->fd, .offset = PAGE * TP,
				  .length = TP };
	volatile char *byte = self->mem + PAGE * TP + 5;
	struct actor first, second;

	ASSERT_EQ(hp_fill(self->fd, 0, 0, NULL, TP, HUGEPOST_FILL_ZERO), 0);
	ASSERT_TRUE(stall_at("discard-cleared"));
	actor_start(&first, run_discard, &zero);
	ASSERT_TRUE(stall_reached());
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, PAGE, 1, 0), 0);
	EXPECT_TRUE(page_is(self->mem, PAGE, 0));
	ASSERT_TRUE(stall_in(STALL2, "discard-cleared"));
	actor_start(&second, run_discard, &page);
	ASSERT_TRUE(stall_has(STALL2));
	ASSERT_TRUE(stall_go());
	EXPECT_TRUE(actor_waits(&first));
	EXPECT_EQ(hp_fill(self->fd, 0, PAGE * TP, self->page, TP, 0), 0);
	*byte = 0x55;
	ASSERT_TRUE(stall_in(STALL2, "go"));
	EXPECT_EQ(actor_end(&second), 1);
	EXPECT_EQ(actor_end(&first), 1);
	EXPECT_EQ(*byte, 0x55);
	EXPECT_EQ(hp_bitmap(self->fd, 0, HP, self->bits), 1);
	*byte = self->page[5];
	EXPECT_TRUE(page_is(self->mem, PAGE, 1));
}

/* A DISCARD by a thread that is there before the mmap lock is held. */
struct told_job {
	sem_t go;
	struct range_job range;
};

static int run_discard_when_told(void *arg)
{
	struct told_job *job = arg;

	sem_wait(&job->go);
	return run_discard(&job->range);
}

/*
 * Rule: the folio that a touch brings, while a DISCARD of the zeros is half-way,
 * is given back: a host page that has become empty keeps no memory.
 */
TEST_F(memory, discard_of_zeros_while_a_touch_brings_a_folio)
{
	struct told_job job = { .range = { .fd = self->fd, .length = HP } };
	struct hugepost_event event;
	struct hugepost_stats before, st;
	struct hp_toucher waiter;
	struct actor discarder;
	int efd;

	ASSERT_EQ(hp_fill(self->fd, 0, 0, NULL, HP, HUGEPOST_FILL_ZERO), 0);
	efd = hp_arm(self->fd, 0);
	ASSERT_GE(efd, 0);
	before = hp_stats(self->fd);
	sem_init(&job.go, 0, 0);
	actor_start(&discarder, run_discard_when_told, &job);
	ASSERT_TRUE(stall_at("materialise"));
	hp_toucher_start(&waiter, self->mem + PAGE * TP, -1);
	ASSERT_TRUE(stall_reached());
	ASSERT_TRUE(stall_in(STALL2, "discard-cleared"));
	sem_post(&job.go);
	ASSERT_TRUE(stall_has(STALL2));
	ASSERT_TRUE(stall_go());
	ASSERT_EQ(hp_read_event(efd, &event), 0);
	EXPECT_EQ(event.offset, PAGE * TP);
	ASSERT_TRUE(stall_in(STALL2, "go"));
	EXPECT_EQ(actor_end(&discarder), SUBS);
	st = hp_stats(self->fd);
	EXPECT_EQ(st.out_empty, 1);
	EXPECT_EQ(st.out_memory, before.out_memory);
	EXPECT_EQ(hp_fill(self->fd, 0, PAGE * TP, self->page, TP, 0), 0);
	EXPECT_EQ(hp_toucher_end(&waiter), (unsigned char)self->page[0]);
	close(efd);
}

TEST_HARNESS_MAIN
