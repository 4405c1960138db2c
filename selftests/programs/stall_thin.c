// SPDX-License-Identifier: GPL-2.0-only
/*
 * Races of TRIM with whoever writes, discards or maps meanwhile: no byte is lost, and
 * none comes back. Needs the module with stall points (kmod/stall.h).
 */
#include "hugepost_stall.h"

#define PAGE	3

FIXTURE(host_page)
{
	int fd;
	char *mem;
	struct actor trimmer;
	struct range_job all;
};

FIXTURE_VARIANT(host_page)
{
	const char *point;
};

/* It is unmapped, its bytes are to be looked at. */
FIXTURE_VARIANT_ADD(host_page, unmapped)
{
	.point = "trim-unmapped",
};

/* They are zeros, its memory is to be taken. */
FIXTURE_VARIANT_ADD(host_page, looked)
{
	.point = "trim-looked",
};

static int run_trim(void *arg)
{
	struct range_job *job = arg;

	return (int)hp_trim(job->fd, job->offset, job->length);
}

static int run_write(void *arg)
{
	*(volatile char *)arg = 'w';
	return 0;
}

/* A host page of zeros, and a TRIM that is stopped. */
FIXTURE_SETUP(host_page)
{
	if (!stall_exists())
		SKIP(return, "the module has no stall points");
	self->fd = hp_new(HP, 2, 0);
	ASSERT_GE(self->fd, 0);
	self->mem = hp_map(self->fd, 0, HP);
	ASSERT_NE(self->mem, MAP_FAILED);
	memset(self->mem, 0, HP);
	self->all = (struct range_job){ .fd = self->fd, .length = HP };
	ASSERT_TRUE(stall_at(variant->point));
	actor_start(&self->trimmer, run_trim, &self->all);
	ASSERT_TRUE(stall_reached());
}

FIXTURE_TEARDOWN(host_page)
{
	stall_go();
	stall_in(STALL2, "go");
	munmap(self->mem, HP);
	close(self->fd);
}

/* Rule: who writes meanwhile waits, and what is written is there afterwards. */
TEST_F(host_page, write)
{
	struct actor writer;

	actor_start(&writer, run_write, self->mem + PAGE * TP);
	EXPECT_TRUE(actor_waits(&writer));
	ASSERT_TRUE(stall_go());
	/* Who waits has a reference: that alone keeps the memory, if it came in time. */
	EXPECT_GE(actor_end(&self->trimmer), 0);
	EXPECT_EQ(actor_end(&writer), 0);
	EXPECT_EQ(self->mem[PAGE * TP], 'w');
	EXPECT_EQ(hp_trim(self->fd, 0, HP), 0);
	self->mem[PAGE * TP] = 0;
	EXPECT_EQ(hp_trim(self->fd, 0, HP), HP);
}

/* Rule: what is discarded meanwhile is missing afterwards, the rest is there. */
TEST_F(host_page, discard_a_part)
{
	struct range_job part = { .fd = self->fd, .offset = PAGE * TP, .length = TP };
	struct actor discarder;
	char page[TP];

	actor_start(&discarder, run_discard, &part);
	EXPECT_TRUE(actor_waits(&discarder));
	ASSERT_TRUE(stall_go());
	EXPECT_EQ(actor_end(&self->trimmer), 0);
	EXPECT_EQ(actor_end(&discarder), 1);
	EXPECT_EQ(hp_stats(self->fd).out_assembling, 1);
	hp_pattern_write(page, PAGE, 2);
	EXPECT_EQ(hp_fill(self->fd, 0, PAGE * TP, page, TP, 0), 0);
	EXPECT_TRUE(page_is(self->mem, PAGE, 2));
	EXPECT_EQ(self->mem[(PAGE + 1) * TP], 0);
}

/* Rule: the same of all of it. */
TEST_F(host_page, discard_all)
{
	struct actor discarder;

	actor_start(&discarder, run_discard, &self->all);
	EXPECT_TRUE(actor_waits(&discarder));
	ASSERT_TRUE(stall_go());
	EXPECT_EQ(actor_end(&self->trimmer), 0);
	EXPECT_EQ(actor_end(&discarder), SUBS);
	EXPECT_EQ(hp_stats(self->fd).out_empty, 1);
	EXPECT_EQ(hp_stats(self->fd).out_memory, hp_stats(self->fd).out_staging);
}

/* Rule: FILL finds all of it present, whatever TRIM does. */
TEST_F(host_page, fill)
{
	struct fill_job job = { .fd = self->fd, .pages = SUBS, .version = 1 };

	EXPECT_EQ(run_fill(&job), 0);
	EXPECT_EQ(job.out.out_duplicates, SUBS);
	ASSERT_TRUE(stall_go());
	EXPECT_EQ(actor_end(&self->trimmer), HP);
	EXPECT_EQ(self->mem[PAGE * TP], 0);
}

/* Rule: a FILL that replaces is not lost, wherever in the host page. */
static void replaces(struct __test_metadata *_metadata,
		     struct _test_data_host_page *self, uint64_t page)
{
	char bytes[TP];

	hp_pattern_write(bytes, page, 3);
	EXPECT_EQ(hp_fill(self->fd, 0, page * TP, bytes, TP, HUGEPOST_FILL_REPLACE), 0);
	ASSERT_TRUE(stall_go());
	EXPECT_EQ(actor_end(&self->trimmer), 0);
	EXPECT_TRUE(page_is(self->mem, page, 3));
	EXPECT_EQ(hp_stats(self->fd).out_present, 1);
}

TEST_F(host_page, replace)
{
	replaces(_metadata, self, PAGE);
}

TEST_F(host_page, replace_the_last)
{
	replaces(_metadata, self, SUBS - 1);
}

/* Rule: a second TRIM gives back nothing that the first one does. */
TEST_F(host_page, trim)
{
	struct actor second;

	actor_start(&second, run_trim, &self->all);
	EXPECT_TRUE(actor_waits(&second));
	ASSERT_TRUE(stall_go());
	EXPECT_EQ(actor_end(&self->trimmer) + actor_end(&second), HP);
	EXPECT_EQ(hp_stats(self->fd).out_zero, 1);
}

FIXTURE(mapper)
{
	int fd;
	char *mem;
};

FIXTURE_SETUP(mapper)
{
	if (!stall_exists())
		SKIP(return, "the module has no stall points");
	self->fd = hp_new(HP, 2, 0);
	ASSERT_GE(self->fd, 0);
	self->mem = hp_map(self->fd, 0, HP);
	ASSERT_NE(self->mem, MAP_FAILED);
}

FIXTURE_TEARDOWN(mapper)
{
	stall_go();
	munmap(self->mem, HP);
	close(self->fd);
}

/*
 * Rule: a fault that has found the memory, and has not mapped it, keeps it: what it
 * writes is there afterwards.
 */
TEST_F(mapper, fault_has_found_it)
{
	struct actor writer;

	memset(self->mem, 0, HP);
	ASSERT_EQ(madvise(self->mem, HP, MADV_DONTNEED), 0);
	ASSERT_TRUE(stall_at("fault-looked"));
	actor_start(&writer, run_write, self->mem + PAGE * TP);
	ASSERT_TRUE(stall_reached());
	EXPECT_EQ(hp_trim(self->fd, 0, HP), 0);
	ASSERT_TRUE(stall_go());
	EXPECT_EQ(actor_end(&writer), 0);
	EXPECT_EQ(self->mem[PAGE * TP], 'w');
}

TEST_HARNESS_MAIN
