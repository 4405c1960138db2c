// SPDX-License-Identifier: GPL-2.0-only
/*
 * Races between calls, each forced in the order that its test's name tells: one
 * task is stopped half-way while another does all of its work. Needs the module
 * with stall points (kmod/stall.h).
 */
#include "hugepost_stall.h"

#define PAGES	4			/* host pages of the object */
#define HALF	32			/* pages of a FILL's first hold of the lock */
#define BOTH	(2 * HALF)
#define PARTIAL	100			/* pages present in a host page */
#define PAGE	3			/* the target page that two are about */

FIXTURE(stall)
{
	int fd;
	char *mem;
	char page[TP];
	uint64_t bits[PAGES * SUBS / 64];
};

FIXTURE_SETUP(stall)
{
	if (!stall_exists())
		SKIP(return, "the module has no stall points");
	self->fd = hp_new(PAGES * HP, 2, 0);
	ASSERT_GE(self->fd, 0);
	self->mem = hp_map(self->fd, 0, PAGES * HP);
	ASSERT_NE(self->mem, MAP_FAILED);
}

FIXTURE_TEARDOWN(stall)
{
	stall_go();
	munmap(self->mem, PAGES * HP);
	close(self->fd);
}

#define PRESENT(self) hp_bitmap((self)->fd, 0, PAGES * HP, (self)->bits)

/* Rule: a FILL goes on where a DISCARD has taken what it had filled. */
TEST_F(stall, discard_while_fill_is_half_way)
{
	struct fill_job job = { .fd = self->fd, .pages = BOTH, .version = 1 };
	struct actor filler;
	unsigned int i;

	ASSERT_TRUE(stall_at("fill-hold 2"));
	actor_start(&filler, run_fill, &job);
	ASSERT_TRUE(stall_reached());
	EXPECT_EQ(PRESENT(self), HALF);
	EXPECT_EQ(hp_discard(self->fd, 0, HP), HALF);
	EXPECT_EQ(hp_stats(self->fd).out_empty, PAGES);
	ASSERT_TRUE(stall_go());
	EXPECT_EQ(actor_end(&filler), 0);
	EXPECT_EQ(job.out.out_done, 1);
	EXPECT_EQ(job.out.out_bytes, BOTH * TP);
	EXPECT_EQ(job.out.out_duplicates, 0);
	EXPECT_EQ(PRESENT(self), HALF);
	EXPECT_EQ(self->bits[0], ~0ULL << HALF);
	for (i = HALF; i < BOTH; i++)
		EXPECT_TRUE(page_is(self->mem, i, 1));
	EXPECT_EQ(self->mem[0], 0);
}

/* Rule: a host page that a FILL has got memory for may be discarded meanwhile. */
TEST_F(stall, discard_while_fill_has_memory)
{
	struct fill_job job = { .fd = self->fd, .first = PAGE, .pages = 1,
				.version = 1 };
	struct actor filler;

	ASSERT_EQ(hp_fill(self->fd, 1, 0, NULL, HP, HUGEPOST_FILL_ZERO), 0);
	ASSERT_EQ(hp_discard(self->fd, PAGE * TP, TP), 1);
	ASSERT_TRUE(stall_at("fill-prepared"));
	actor_start(&filler, run_fill, &job);
	ASSERT_TRUE(stall_reached());
	EXPECT_EQ(hp_discard(self->fd, 0, HP), SUBS - 1);
	ASSERT_TRUE(stall_go());
	EXPECT_EQ(actor_end(&filler), 0);
	EXPECT_EQ(job.out.out_bytes, TP);
	EXPECT_EQ(PRESENT(self), 1);
	EXPECT_EQ(hp_stats(self->fd).out_memory, 3 * HP);
	EXPECT_TRUE(page_is(self->mem, PAGE, 1));
	EXPECT_EQ(self->mem[0], 0);
}

/* One host page, some of whose target pages are present; PAGE is one of them. */
FIXTURE(populated)
{
	int fd;
	char *mem;
	char page[TP];		/* another version of PAGE */
	uint64_t bits[SUBS / 64];
};

FIXTURE_VARIANT(populated)
{
	unsigned int first;
	unsigned int pages;
};

FIXTURE_VARIANT_ADD(populated, partial)
{
	.pages = PARTIAL,
};

FIXTURE_VARIANT_ADD(populated, complete)
{
	.pages = SUBS,
};

/* Without PAGE the host page is empty. */
FIXTURE_VARIANT_ADD(populated, single)
{
	.first = PAGE,
	.pages = 1,
};

FIXTURE_SETUP(populated)
{
	if (!stall_exists())
		SKIP(return, "the module has no stall points");
	self->fd = hp_new(HP, 2, 0);
	ASSERT_GE(self->fd, 0);
	self->mem = hp_map(self->fd, 0, HP);
	ASSERT_NE(self->mem, MAP_FAILED);
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, variant->first, variant->pages,
				  0), 0);
	hp_pattern_write(self->page, PAGE, 1);
}

FIXTURE_TEARDOWN(populated)
{
	stall_go();
	munmap(self->mem, HP);
	close(self->fd);
}

/* Are the pages besides PAGE as they were? */
static bool others_are_there(const char *mem, unsigned int first,
			     unsigned int pages)
{
	unsigned int i;

	for (i = first; i < first + pages; i++)
		if (i != PAGE && !page_is(mem, i, 0))
			return false;
	return true;
}

#define POPULATED(self) hp_bitmap((self)->fd, 0, HP, (self)->bits)
#define OTHERS(self, variant) \
	others_are_there((self)->mem, (variant)->first, (variant)->pages)

/* Rule: what is filled after DISCARD took the old page stays, and is mapped. */
TEST_F(populated, fill_while_discard_has_not_unmapped)
{
	struct range_job job = { .fd = self->fd, .offset = PAGE * TP,
				 .length = TP };
	struct hugepost_fill_entry e = { .offset = PAGE * TP, .len = TP,
					 .src = (uintptr_t)self->page };
	struct hugepost_fill out;
	struct actor discarder;

	EXPECT_TRUE(page_is(self->mem, PAGE, 0));
	ASSERT_TRUE(stall_at("discard-cleared"));
	actor_start(&discarder, run_discard, &job);
	ASSERT_TRUE(stall_reached());
	EXPECT_EQ(POPULATED(self), variant->pages - 1);
	EXPECT_EQ(hp_fill_entries(self->fd, 1, &e, 1, &out), 0);
	EXPECT_EQ(out.out_bytes, TP);
	EXPECT_EQ(out.out_duplicates, 0);
	ASSERT_TRUE(stall_go());
	EXPECT_EQ(actor_end(&discarder), 1);
	EXPECT_EQ(POPULATED(self), variant->pages);
	EXPECT_EQ(hp_stats(self->fd).out_present, variant->pages == SUBS);
	EXPECT_TRUE(page_is(self->mem, PAGE, 1));
	EXPECT_TRUE(OTHERS(self, variant));
}

/* Rule: a fault that found a page does not map it once DISCARD has returned. */
TEST_F(populated, discard_while_fault_has_found)
{
	struct hp_toucher t;

	ASSERT_TRUE(stall_at("fault-looked"));
	hp_toucher_start(&t, self->mem + PAGE * TP, -1);
	ASSERT_TRUE(stall_reached());
	EXPECT_EQ(hp_discard(self->fd, PAGE * TP, TP), 1);
	ASSERT_TRUE(stall_go());
	EXPECT_EQ(hp_toucher_end(&t), 0);
	EXPECT_EQ(hp_stats(self->fd).out_zero_fills, 1);
	EXPECT_TRUE(OTHERS(self, variant));
}

/* Rule: the same on an armed object, where the fault then waits for a FILL. */
TEST_F(populated, discard_while_armed_fault_has_found)
{
	struct hugepost_event event;
	struct hp_toucher t;
	int efd;

	efd = hp_arm(self->fd, 0);
	ASSERT_GE(efd, 0);
	ASSERT_TRUE(stall_at("fault-looked"));
	hp_toucher_start(&t, self->mem + PAGE * TP, -1);
	ASSERT_TRUE(stall_reached());
	EXPECT_EQ(hp_discard(self->fd, PAGE * TP, TP), 1);
	ASSERT_TRUE(stall_go());
	ASSERT_EQ(hp_read_event(efd, &event), 0);
	EXPECT_EQ(event.offset, PAGE * TP);
	EXPECT_EQ(hp_fill(self->fd, 0, PAGE * TP, self->page, TP, 0), 0);
	EXPECT_EQ(hp_toucher_end(&t), hp_pattern(PAGE, 1, 0));
	EXPECT_TRUE(OTHERS(self, variant));
	close(efd);
}

/* Rule: a fault while DISCARD is half-way shows zeros, never the old bytes. */
TEST_F(populated, fault_while_discard_has_not_unmapped)
{
	struct range_job job = { .fd = self->fd, .offset = PAGE * TP,
				 .length = TP };
	struct actor discarder;
	struct hp_toucher t;

	ASSERT_TRUE(stall_at("discard-cleared"));
	actor_start(&discarder, run_discard, &job);
	ASSERT_TRUE(stall_reached());
	hp_toucher_start(&t, self->mem + PAGE * TP, -1);
	while (!hp_stats(self->fd).out_zero_fills)
		usleep(1000);
	ASSERT_TRUE(stall_go());
	EXPECT_EQ(actor_end(&discarder), 1);
	EXPECT_EQ(hp_toucher_end(&t), 0);
	EXPECT_TRUE(OTHERS(self, variant));
}

/*
 * Rule: the event of a fault that came while DISCARD was half-way is forgotten
 * by it, and raised anew: the fault is not left without one.
 */
TEST_F(populated, armed_fault_while_discard_has_not_unmapped)
{
	struct range_job job = { .fd = self->fd, .offset = PAGE * TP,
				 .length = TP };
	struct hugepost_event event;
	struct actor discarder;
	struct hp_toucher t;
	unsigned int i;
	int efd;

	efd = hp_arm(self->fd, 0);
	ASSERT_GE(efd, 0);
	ASSERT_TRUE(stall_at("discard-cleared"));
	actor_start(&discarder, run_discard, &job);
	ASSERT_TRUE(stall_reached());
	hp_toucher_start(&t, self->mem + PAGE * TP, -1);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(hp_read_event(efd, &event), 0);
		EXPECT_EQ(event.offset, PAGE * TP);
		if (!i) {
			ASSERT_TRUE(stall_go());
			EXPECT_EQ(actor_end(&discarder), 1);
		}
	}
	EXPECT_FALSE(t.done);
	EXPECT_EQ(hp_fill(self->fd, 0, PAGE * TP, self->page, TP, 0), 0);
	EXPECT_EQ(hp_toucher_end(&t), hp_pattern(PAGE, 1, 0));
	EXPECT_TRUE(OTHERS(self, variant));
	close(efd);
}

/*
 * Rule: of two channels that both have memory for a target page one fills it,
 * the other has a duplicate, and its memory is no more.
 */
TEST_F(stall, fill_while_another_has_memory)
{
	struct fill_job first = { .fd = self->fd, .first = PAGE, .pages = 1,
				  .version = 1 };
	struct fill_job second = { .fd = self->fd, .channel = 1, .first = PAGE,
				   .pages = 1, .version = 2 };
	struct hugepost_channel_stats ch[2];
	struct actor filler;

	ASSERT_TRUE(stall_at("fill-prepared"));
	actor_start(&filler, run_fill, &first);
	ASSERT_TRUE(stall_reached());
	EXPECT_EQ(run_fill(&second), 0);
	ASSERT_TRUE(stall_go());
	EXPECT_EQ(actor_end(&filler), 0);
	EXPECT_EQ(second.out.out_bytes, TP);
	EXPECT_EQ(second.out.out_duplicates, 0);
	EXPECT_EQ(first.out.out_done, 1);
	EXPECT_EQ(first.out.out_bytes, 0);
	EXPECT_EQ(first.out.out_duplicates, 1);
	ASSERT_EQ(hp_channel_stats(self->fd, 2, ch), 0);
	EXPECT_EQ(ch[0].pages, 0);
	EXPECT_EQ(ch[0].duplicates, 1);
	EXPECT_EQ(ch[1].pages, 1);
	EXPECT_EQ(ch[1].duplicates, 0);
	EXPECT_EQ(hp_stats(self->fd).out_memory, 3 * HP);
	EXPECT_EQ(hp_stats(self->fd).out_staging, 2 * HP);
	EXPECT_EQ(PRESENT(self), 1);
	EXPECT_TRUE(page_is(self->mem, PAGE, 2));
}

/* Rule: each target page of two FILLs at once is filled by one of them. */
TEST_F(stall, fill_while_another_is_half_way)
{
	struct fill_job first = { .fd = self->fd, .pages = BOTH, .version = 1 };
	struct fill_job second = { .fd = self->fd, .channel = 1, .pages = BOTH,
				   .version = 2 };
	struct actor filler;
	unsigned int i;

	ASSERT_TRUE(stall_at("fill-hold 2"));
	actor_start(&filler, run_fill, &first);
	ASSERT_TRUE(stall_reached());
	EXPECT_EQ(run_fill(&second), 0);
	ASSERT_TRUE(stall_go());
	EXPECT_EQ(actor_end(&filler), 0);
	EXPECT_EQ(first.out.out_bytes, HALF * TP);
	EXPECT_EQ(first.out.out_duplicates, HALF);
	EXPECT_EQ(second.out.out_bytes, HALF * TP);
	EXPECT_EQ(second.out.out_duplicates, HALF);
	for (i = 0; i < BOTH; i++)
		EXPECT_TRUE(page_is(self->mem, i, 1 + i / HALF));
}

/* Rule: nothing that a FILL had still to do is published after RESET returned. */
TEST_F(stall, reset_while_fill_is_half_way)
{
	struct fill_job job = { .fd = self->fd, .pages = BOTH, .version = 1 };
	struct actor filler;
	unsigned int i;

	ASSERT_TRUE(stall_at("fill-hold 2"));
	actor_start(&filler, run_fill, &job);
	ASSERT_TRUE(stall_reached());
	EXPECT_EQ(hp_reset(self->fd, 0), 0);
	EXPECT_EQ(PRESENT(self), HALF);
	ASSERT_TRUE(stall_go());
	EXPECT_EQ(actor_end(&filler), -ECANCELED);
	EXPECT_EQ(job.out.out_done, 0);
	EXPECT_EQ(job.out.out_bytes, HALF * TP);
	EXPECT_EQ(PRESENT(self), HALF);

	/* The next one is of the new generation. */
	job.version = 2;
	EXPECT_EQ(run_fill(&job), 0);
	EXPECT_EQ(job.out.out_duplicates, HALF);
	for (i = 0; i < BOTH; i++)
		EXPECT_TRUE(page_is(self->mem, i, 1 + i / HALF));
}

/* Rule: the memory that a FILL had got is given back if it is reset. */
TEST_F(stall, reset_while_fill_has_memory)
{
	struct fill_job job = { .fd = self->fd, .pages = BOTH, .version = 1 };
	struct actor filler;

	ASSERT_TRUE(stall_at("fill-prepared"));
	actor_start(&filler, run_fill, &job);
	ASSERT_TRUE(stall_reached());
	EXPECT_EQ(hp_reset(self->fd, 0), 0);
	ASSERT_TRUE(stall_go());
	EXPECT_EQ(actor_end(&filler), -ECANCELED);
	EXPECT_EQ(job.out.out_bytes, 0);
	EXPECT_EQ(PRESENT(self), 0);
	EXPECT_EQ(hp_stats(self->fd).out_empty, PAGES);
	EXPECT_EQ(hp_stats(self->fd).out_memory, 2 * HP);
}

/* Two complete host pages, for INSTALL and COLLAPSE. */
FIXTURE(walk)
{
	int fd;
	char *mem;
};

FIXTURE_VARIANT(walk)
{
	int (*run)(int fd, char *mem, size_t length);
};

static int walk_install(int fd, char *mem, size_t length)
{
	return hp_install(fd, mem, length, NULL);
}

static int walk_collapse(int fd, char *mem, size_t length)
{
	struct hugepost_collapse arg = {
		.size = sizeof(arg),
		.addr = (uintptr_t)mem,
		.length = length,
	};

	return hp_call(fd, HUGEPOST_COLLAPSE, &arg);
}

FIXTURE_VARIANT_ADD(walk, install)
{
	.run = walk_install,
};

FIXTURE_VARIANT_ADD(walk, collapse)
{
	.run = walk_collapse,
};

FIXTURE_SETUP(walk)
{
	if (!stall_exists())
		SKIP(return, "the module has no stall points");
	self->fd = hp_new(2 * HP, 1, 0);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, 2 * SUBS, 0), 0);
	self->mem = hp_map(self->fd, 0, 2 * HP);
	ASSERT_NE(self->mem, MAP_FAILED);
}

FIXTURE_TEARDOWN(walk)
{
	stall_go();
	munmap(self->mem, 2 * HP);
	close(self->fd);
}

/* A walk in a thread of its own. */
struct walk_job {
	int (*run)(int fd, char *mem, size_t length);
	int fd;
	char *mem;
	size_t length;
};

static int run_walk(void *arg)
{
	struct walk_job *job = arg;

	return job->run(job->fd, job->mem, job->length);
}

/* Rule: what is unmapped before the walk comes to it is EFAULT. */
TEST_F(walk, munmap_while_half_way)
{
	struct walk_job job = { .run = variant->run, .fd = self->fd,
				.mem = self->mem, .length = 2 * HP };
	struct actor walker;

	ASSERT_TRUE(stall_at("install-walk 1"));
	actor_start(&walker, run_walk, &job);
	ASSERT_TRUE(stall_reached());
	EXPECT_EQ(munmap(self->mem + HP, HP), 0);
	ASSERT_TRUE(stall_go());
	EXPECT_EQ(actor_end(&walker), -EFAULT);
	EXPECT_EQ(hp_smaps(self->mem, HP, "FilePmdMapped"), HP);
	EXPECT_NE(hp_touch(self->mem + HP, -1), 0);
}

/* Rule: what is mapped from another object instead is left alone. */
TEST_F(walk, another_object_while_half_way)
{
	struct walk_job job = { .run = variant->run, .fd = self->fd,
				.mem = self->mem, .length = 2 * HP };
	int other = hp_new(HP, 1, 0);
	struct actor walker;

	ASSERT_EQ(hp_fill_pattern(other, 0, 0, SUBS, 1), 0);
	ASSERT_TRUE(stall_at("install-walk 1"));
	actor_start(&walker, run_walk, &job);
	ASSERT_TRUE(stall_reached());
	EXPECT_EQ(mmap(self->mem + HP, HP, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_FIXED, other, 0), self->mem + HP);
	ASSERT_TRUE(stall_go());
	EXPECT_EQ(actor_end(&walker), -EFAULT);
	EXPECT_EQ(hp_stats(other).out_faults, 0);
	EXPECT_TRUE(page_is(self->mem + HP, 0, 1));
	close(other);
}

/* Rule: what is discarded meanwhile stays missing: nobody has touched it. */
TEST_F(walk, discard_while_half_way)
{
	struct walk_job job = { .run = variant->run, .fd = self->fd,
				.mem = self->mem, .length = 2 * HP };
	uint64_t bits[SUBS / 64];
	struct actor walker;

	ASSERT_TRUE(stall_at("fault-looked"));
	actor_start(&walker, run_walk, &job);
	ASSERT_TRUE(stall_reached());
	EXPECT_EQ(hp_discard(self->fd, 0, HP), SUBS);
	ASSERT_TRUE(stall_go());
	EXPECT_EQ(actor_end(&walker), 0);
	EXPECT_EQ(hp_bitmap(self->fd, 0, HP, bits), 0);
	EXPECT_EQ(hp_stats(self->fd).out_zero_fills, 0);
	EXPECT_TRUE(page_is(self->mem, SUBS, 0));
}

/* Rule: what became zeros meanwhile gets no memory: nobody has touched it. */
TEST_F(walk, zero_fill_while_half_way)
{
	struct walk_job job = { .run = variant->run, .fd = self->fd,
				.mem = self->mem, .length = 2 * HP };
	struct actor walker;

	ASSERT_TRUE(stall_at("fault-looked"));
	actor_start(&walker, run_walk, &job);
	ASSERT_TRUE(stall_reached());
	EXPECT_EQ(hp_discard(self->fd, 0, HP), SUBS);
	EXPECT_EQ(hp_fill(self->fd, 0, 0, NULL, HP, HUGEPOST_FILL_ZERO), 0);
	ASSERT_TRUE(stall_go());
	EXPECT_EQ(actor_end(&walker), 0);
	EXPECT_EQ(hp_stats(self->fd).out_zero, 1);
}

/* What a child process does and its parent looks at. */
struct shared {
	struct walk_job job;
	volatile pid_t unmapper;
	volatile bool go;
	volatile bool unmapped;
};

static int run_munmap(void *arg)
{
	struct shared *shared = arg;

	shared->unmapper = (pid_t)syscall(SYS_gettid);
	while (!shared->go)
		usleep(1000);
	if (munmap(shared->job.mem, HP))
		return -errno;
	shared->unmapped = true;
	return 0;
}

static int child_run(struct shared *shared)
{
	struct actor unmapper;
	int ret;

	shared->job.mem = hp_map(shared->job.fd, 0, HP);
	if (shared->job.mem == MAP_FAILED)
		return 1;
	actor_start(&unmapper, run_munmap, shared);
	while (!shared->unmapper)
		usleep(1000);
	ret = run_walk(&shared->job);
	return actor_end(&unmapper) || ret;
}

/* Rule: munmap() waits for a host page that the walk is about to map. */
TEST_F(walk, munmap_while_mapping)
{
	struct shared *shared = mmap(NULL, TP, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = -1;
	pid_t child;

	ASSERT_NE(shared, MAP_FAILED);
	shared->job = (struct walk_job){ .run = variant->run, .fd = self->fd,
					 .length = HP };
	ASSERT_TRUE(stall_at("fault-looked"));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child)
		_exit(child_run(shared));
	ASSERT_TRUE(stall_reached());
	shared->go = true;
	EXPECT_TRUE(task_waits(child, &shared->unmapper));
	EXPECT_FALSE(shared->unmapped);
	ASSERT_TRUE(stall_go());
	EXPECT_EQ(waitpid(child, &status, 0), child);
	EXPECT_EQ(status, 0);
	EXPECT_TRUE(shared->unmapped);
	EXPECT_EQ(hp_stats(self->fd).out_installs_huge, 1);
	munmap(shared, TP);
}

TEST_HARNESS_MAIN
