// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages in the page tables: who is mapped by one entry and when, INSTALL,
 * COLLAPSE, and discards inside a page that is mapped by one entry.
 */
#include "hugepost_touch.h"

#define PAGES	4			/* host pages of the object */

FIXTURE(object)
{
	int fd;
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
	self->fd = hp_new(PAGES * HP, 2, variant->flags);
	ASSERT_GE(self->fd, 0);
	self->mem = hp_map(self->fd, 0, PAGES * HP);
	ASSERT_NE(self->mem, MAP_FAILED);
}

FIXTURE_TEARDOWN(object)
{
	munmap(self->mem, PAGES * HP);
	close(self->fd);
}

/* Bytes of the mapping at @mem that are mapped by entries for a host page. */
static uint64_t huge(const char *mem)
{
	return hp_smaps(mem, PAGES * HP, "FilePmdMapped");
}

static bool shows(const char *mem, uint64_t first, uint64_t pages,
		  unsigned int version)
{
	uint64_t i;

	for (i = 0; i < pages; i++)
		if (!hp_pattern_check(mem + i * TP, first + i, version))
			return false;
	return true;
}

/* Maps again by mmap(MAP_FIXED), as is needed where madvise() is not enough. */
static int map_again(int fd, char *mem, uint64_t addr, uint64_t length)
{
	if (mmap((void *)addr, length, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, fd, (off_t)((char *)addr - mem)) ==
	    MAP_FAILED)
		return -errno;
	return 0;
}

static int collapse_call(int fd, struct hugepost_collapse *arg, char *mem,
			 uint64_t length)
{
	*arg = (struct hugepost_collapse){
		.size = sizeof(*arg), .addr = (uintptr_t)mem, .length = length,
	};
	return hp_call(fd, HUGEPOST_COLLAPSE, arg);
}

/*
 * Collapses the mapping of the object at @mem as the header says: run by run,
 * by madvise() if that helps and by mmap() if not. The number of runs or an
 * error; more runs than there are host pages are an error, too.
 */
static int collapse(int fd, char *mem)
{
	struct hugepost_collapse arg, after;
	int ret, runs;

	for (runs = 0; runs <= 2 * PAGES; runs++) {
		ret = collapse_call(fd, &arg, mem, PAGES * HP);
		if (ret || !arg.out_length)
			return ret ? ret : runs;
		if (madvise((void *)arg.out_addr, arg.out_length,
			    MADV_DONTNEED))
			return -errno;
		ret = collapse_call(fd, &after, mem, PAGES * HP);
		if (ret)
			return ret;
		if (after.out_length && after.out_addr == arg.out_addr)
			ret = map_again(fd, mem, arg.out_addr, arg.out_length);
		if (ret)
			return ret;
	}
	return -ELOOP;
}

/* Rule: a complete host page is mapped by one entry when it is touched. */
TEST_F(object, touch_complete)
{
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, 2 * SUBS, 1), 0);
	EXPECT_EQ(huge(self->mem), 0);
	EXPECT_EQ(hp_touch(self->mem + 77 * TP, -1), 0);
	EXPECT_EQ(huge(self->mem), HP);
	EXPECT_EQ(hp_touch(self->mem + HP + 5, 1), 0);
	EXPECT_EQ(huge(self->mem), 2 * HP);
	EXPECT_EQ(hp_stats(self->fd).out_installs_huge, 2);
	EXPECT_EQ(hp_stats(self->fd).out_installs_single, 0);
	EXPECT_TRUE(shows(self->mem, 0, SUBS, 1));

	/* Zero-filled ones, too. */
	EXPECT_EQ(hp_touch(self->mem + 2 * HP, -1), 0);
	ASSERT_EQ(hp_fill(self->fd, 0, 3 * HP, NULL, HP, HUGEPOST_FILL_ZERO),
		  0);
	EXPECT_EQ(hp_touch(self->mem + 3 * HP, 1), 0);
	EXPECT_EQ(huge(self->mem), 4 * HP);
}

/* Rule: a host page that is read first can be written later, still huge. */
TEST_F(object, read_then_write)
{
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, SUBS, 1), 0);
	EXPECT_EQ(hp_touch(self->mem + TP, -1), 0);
	EXPECT_EQ(hp_touch(self->mem + 3 * TP, 1), 0);
	EXPECT_EQ(huge(self->mem), HP);
	EXPECT_EQ(self->mem[3 * TP], 1);
	EXPECT_TRUE(shows(self->mem + 4 * TP, 4, SUBS - 4, 1));
}

/* Rule: INSTALL maps what is complete without a touch, and says how. */
TEST_F(object, install)
{
	struct hugepost_install out;
	uint64_t faults;

	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, 2 * SUBS, 1), 0);
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 2 * SUBS, SUBS - 1, 1), 0);
	ASSERT_EQ(hp_install(self->fd, self->mem, PAGES * HP, &out), 0);
	EXPECT_EQ(out.out_huge, 2);
	EXPECT_EQ(out.out_single, 0);
	EXPECT_EQ(huge(self->mem), 2 * HP);
	faults = hp_stats(self->fd).out_faults;
	EXPECT_TRUE(shows(self->mem, 0, 2 * SUBS, 1));
	self->mem[0] = 1;
	EXPECT_EQ(hp_stats(self->fd).out_faults, faults);
	EXPECT_EQ(hp_stats(self->fd).out_installs_huge, 2);

	/* Again: it is mapped already. */
	ASSERT_EQ(hp_install(self->fd, self->mem, HP, &out), 0);
	EXPECT_EQ(out.out_huge, 1);

	/* One that was touched while it assembled. */
	EXPECT_EQ(hp_touch(self->mem + 2 * HP, -1), 0);
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 3 * SUBS - 1, 1, 1), 0);
	ASSERT_EQ(hp_install(self->fd, self->mem, PAGES * HP, &out), 0);
	EXPECT_EQ(out.out_huge, 2);
	EXPECT_EQ(out.out_single, 1);
	EXPECT_TRUE(shows(self->mem + 2 * HP, 2 * SUBS, SUBS, 1));
}

/* Rule: INSTALL passes over what it does not cover whole, and over zeros. */
TEST_F(object, install_parts)
{
	struct hugepost_install out;

	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, 2 * SUBS, 1), 0);
	ASSERT_EQ(hp_fill(self->fd, 0, 2 * HP, NULL, HP, HUGEPOST_FILL_ZERO),
		  0);
	ASSERT_EQ(hp_install(self->fd, self->mem + TP, HP, &out), 0);
	EXPECT_EQ(out.out_huge + out.out_single, 0);
	ASSERT_EQ(hp_install(self->fd, self->mem + TP, 2 * HP - TP, &out), 0);
	EXPECT_EQ(out.out_huge, 1);
	EXPECT_EQ(huge(self->mem), HP);
	ASSERT_EQ(hp_install(self->fd, self->mem + 2 * HP, HP, &out), 0);
	EXPECT_EQ(out.out_huge + out.out_single, 0);
	EXPECT_EQ(hp_stats(self->fd).out_zero, 1);
}

/* Rule: INSTALL works on a mapping that can only be read, and armed. */
TEST_F(object, install_read_only)
{
	char *ro = mmap(NULL, PAGES * HP, PROT_READ, MAP_SHARED, self->fd, 0);
	struct hugepost_install out;
	int efd;

	ASSERT_NE(ro, MAP_FAILED);
	efd = hp_arm(self->fd, HUGEPOST_ARM_NONBLOCK);
	ASSERT_GE(efd, 0);
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, SUBS, 1), 0);
	ASSERT_EQ(hp_install(self->fd, ro, PAGES * HP, &out), 0);
	EXPECT_EQ(out.out_huge, 1);
	EXPECT_EQ(huge(ro), HP);
	EXPECT_TRUE(shows(ro, 0, SUBS, 1));
	EXPECT_EQ(hp_touch(ro, 1), SIGSEGV);
	EXPECT_FALSE(hp_event_waits(efd, 0));
	munmap(ro, PAGES * HP);
	close(efd);
}

/*
 * Rule: what was touched while it assembled becomes one entry by COLLAPSE, and
 * all bytes stay, those that the guest wrote, too.
 */
TEST_F(object, collapse)
{
	unsigned int h, i;

	for (h = 0; h < PAGES; h++) {
		for (i = 0; i < SUBS; i += 64) {
			ASSERT_EQ(hp_fill_pattern(self->fd, 0, h * SUBS + i, 1,
						  1), 0);
			self->mem[h * HP + i * TP] = (char)(h + i);
		}
	}
	EXPECT_EQ(collapse(self->fd, self->mem), 0);
	for (h = 0; h < PAGES - 1; h++)
		ASSERT_EQ(hp_fill_pattern(self->fd, 1, h * SUBS, SUBS, 2), 0);

	EXPECT_EQ(huge(self->mem), 0);
	EXPECT_EQ(collapse(self->fd, self->mem), 1);
	EXPECT_EQ(huge(self->mem), (PAGES - 1) * HP);
	EXPECT_EQ(hp_smaps(self->mem, PAGES * HP, "Rss"),
		  (PAGES - 1) * HP + SUBS / 64 * TP);
	for (h = 0; h < PAGES - 1; h++) {
		for (i = 0; i < SUBS; i++) {
			uint64_t tp = h * SUBS + i;
			char *page = self->mem + tp * TP;

			if (i % 64) {
				ASSERT_TRUE(hp_pattern_check(page, tp, 2));
			} else {
				ASSERT_EQ(*page, (char)(h + i));
				ASSERT_EQ((unsigned char)page[1],
					  hp_pattern(tp, 1, 1));
			}
		}
	}
	EXPECT_EQ(hp_stats(self->fd).out_discarded, 0);
}

/* Rule: COLLAPSE finds runs: complete, and mapped by single entries. */
TEST_F(object, collapse_runs)
{
	struct hugepost_collapse arg;
	unsigned int h;

	for (h = 0; h < PAGES; h++) {
		ASSERT_EQ(hp_fill_pattern(self->fd, 0, h * SUBS, 1, 1), 0);
		if (h != 1)
			EXPECT_EQ(hp_touch(self->mem + h * HP, -1), 0);
		ASSERT_EQ(hp_fill_pattern(self->fd, 0, h * SUBS, SUBS, 1), 0);
	}
	ASSERT_EQ(collapse_call(self->fd, &arg, self->mem, PAGES * HP), 0);
	EXPECT_EQ(arg.out_addr, (uintptr_t)self->mem);
	EXPECT_EQ(arg.out_length, HP);
	EXPECT_EQ(huge(self->mem), HP); /* the one that had no page table */
	ASSERT_EQ(collapse_call(self->fd, &arg, self->mem + HP, 3 * HP), 0);
	EXPECT_EQ(arg.out_addr, (uintptr_t)self->mem + 2 * HP);
	EXPECT_EQ(arg.out_length, 2 * HP);
	EXPECT_EQ(collapse(self->fd, self->mem), 2);
	EXPECT_EQ(huge(self->mem), PAGES * HP);
	ASSERT_EQ(collapse_call(self->fd, &arg, self->mem, PAGES * HP), 0);
	EXPECT_EQ(arg.out_length, 0);
	EXPECT_TRUE(shows(self->mem, 0, PAGES * SUBS, 1));
}

/* Rule: host pages that were discarded and filled anew can be collapsed. */
TEST_F(object, collapse_after_discard)
{
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, 2 * SUBS, 1), 0);
	EXPECT_TRUE(shows(self->mem, 0, 2 * SUBS, 1));
	EXPECT_EQ(huge(self->mem), 2 * HP);
	EXPECT_EQ(hp_discard(self->fd, 0, HP), SUBS);
	EXPECT_EQ(hp_discard(self->fd, HP + 3 * TP, TP), 1);
	EXPECT_EQ(hp_touch(self->mem + HP, -1), 0);
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, SUBS + 4, 2), 0);
	EXPECT_TRUE(shows(self->mem, 0, SUBS, 2));
	EXPECT_GE(collapse(self->fd, self->mem), 0);
	EXPECT_EQ(huge(self->mem), 2 * HP);
	EXPECT_TRUE(shows(self->mem, 0, SUBS, 2));
	EXPECT_TRUE(shows(self->mem + HP, SUBS, 3, 1));
	EXPECT_TRUE(hp_pattern_check(self->mem + HP + 3 * TP, SUBS + 3, 2));
	EXPECT_TRUE(shows(self->mem + HP + 4 * TP, SUBS + 4, SUBS - 4, 1));
}

/* Rule: COLLAPSE leaves alone what cannot be mapped by one entry. */
TEST_F(object, collapse_odd)
{
	char *odd = hp_map(self->fd, HP / 2, 2 * HP);
	struct hugepost_collapse arg;

	ASSERT_NE(odd, MAP_FAILED);
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, 1, 1), 0);
	EXPECT_EQ(hp_touch(self->mem, -1), 0);
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, 3 * SUBS, 1), 0);
	EXPECT_TRUE(shows(odd, SUBS / 2, 2 * SUBS, 1));
	ASSERT_EQ(collapse_call(self->fd, &arg, odd, 2 * HP), 0);
	EXPECT_EQ(arg.out_length, 0);
	ASSERT_EQ(collapse_call(self->fd, &arg, self->mem + TP, HP), 0);
	EXPECT_EQ(arg.out_length, 0);
	munmap(odd, 2 * HP);
}

/* A thread that uses all of a mapping all the time, as a vCPU does. */
struct user {
	pthread_t thread;
	char *mem;
	volatile bool stop;
	volatile unsigned int rounds;
	volatile unsigned int wrong;
};

/* It owns bytes 16 to 19 of each target page and reads what was filled. */
static void *user_run(void *arg)
{
	static unsigned int last[PAGES * SUBS];
	struct user *u = arg;
	uint64_t tp;

	memset(last, 0, sizeof(last));
	while (!u->stop) {
		for (tp = 0; tp < PAGES * SUBS; tp += 5) {
			unsigned char *page = (unsigned char *)u->mem + tp * TP;
			volatile unsigned int *own = (void *)(page + 16);

			if (page[9] != hp_pattern(tp, 1, 9) ||
			    page[TP - 1] != hp_pattern(tp, 1, TP - 1))
				u->wrong++;
			if (u->rounds && *own != last[tp])
				u->wrong++;
			last[tp] = (unsigned int)(tp * 31 + u->rounds);
			*own = last[tp];
		}
		u->rounds++;
	}
	return NULL;
}

static bool user_rounds(struct user *u, unsigned int more)
{
	unsigned int until = u->rounds + more, i;

	for (i = 0; i < 20000 && u->rounds < until; i++)
		usleep(1000);
	return u->rounds >= until;
}

/* Rule: COLLAPSE works under a running guest, which never sees a wrong byte. */
TEST_F(object, collapse_running)
{
	struct user u = { .mem = self->mem };
	unsigned int h, round;

	for (h = 0; h < PAGES; h++) {
		ASSERT_EQ(hp_fill_pattern(self->fd, 0, h * SUBS, 1, 1), 0);
		EXPECT_EQ(hp_touch(self->mem + h * HP, -1), 0);
		ASSERT_EQ(hp_fill_pattern(self->fd, 0, h * SUBS, SUBS, 1), 0);
	}
	ASSERT_EQ(pthread_create(&u.thread, NULL, user_run, &u), 0);
	ASSERT_TRUE(user_rounds(&u, 2));
	EXPECT_GE(collapse(self->fd, self->mem), 1);
	EXPECT_EQ(huge(self->mem), PAGES * HP);
	ASSERT_TRUE(user_rounds(&u, 2));

	/* Single entries again, each time; the mapping is put together anew. */
	for (round = 0; round < 5; round++) {
		EXPECT_EQ(mprotect(self->mem + HP + TP, TP, PROT_READ), 0);
		EXPECT_EQ(mprotect(self->mem + HP + TP, TP,
				   PROT_READ | PROT_WRITE), 0);
		ASSERT_EQ(map_again(self->fd, self->mem, (uintptr_t)self->mem,
				    PAGES * HP), 0);
		EXPECT_GE(collapse(self->fd, self->mem), 0);
		ASSERT_TRUE(user_rounds(&u, 1));
	}
	u.stop = true;
	pthread_join(u.thread, NULL);
	EXPECT_EQ(u.wrong, 0);
	EXPECT_EQ(huge(self->mem), PAGES * HP);
}

/* Rule: a discard inside a huge mapping keeps all neighbours' bytes. */
TEST_F(object, discard_inside)
{
	const unsigned int sub = 200;
	unsigned int i;

	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, 2 * SUBS, 1), 0);
	ASSERT_TRUE(shows(self->mem, 0, 2 * SUBS, 1));
	for (i = 0; i < SUBS; i += 3)
		self->mem[i * TP + 100] = (char)(i + 1);
	EXPECT_EQ(huge(self->mem), 2 * HP);
	EXPECT_EQ(hp_discard(self->fd, sub * TP, TP), 1);
	EXPECT_EQ(huge(self->mem), HP);
	for (i = 0; i < SUBS; i++) {
		unsigned char *page = (unsigned char *)self->mem + i * TP;

		if (i == sub)
			continue;
		ASSERT_EQ(page[100], i % 3 ? hp_pattern(i, 1, 100) :
			  (unsigned char)(i + 1));
		ASSERT_EQ(page[99], hp_pattern(i, 1, 99));
	}
	EXPECT_TRUE(shows(self->mem + HP, SUBS, SUBS, 1));
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, sub, 1, 2), 0);
	EXPECT_TRUE(hp_pattern_check(self->mem + sub * TP, sub, 2));

	EXPECT_EQ(collapse(self->fd, self->mem), 1);
	EXPECT_EQ(huge(self->mem), 2 * HP);
	EXPECT_TRUE(hp_pattern_check(self->mem + sub * TP, sub, 2));
	EXPECT_EQ(self->mem[(sub + 1) * TP + 100], (char)(sub + 2));
}

/* Rule: a discard over the border of two huge mappings takes from both. */
TEST_F(object, discard_over_border)
{
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, 3 * SUBS, 1), 0);
	ASSERT_TRUE(shows(self->mem, 0, 3 * SUBS, 1));
	EXPECT_EQ(hp_discard(self->fd, HP - TP, HP + 2 * TP), SUBS + 2);
	EXPECT_TRUE(shows(self->mem, 0, SUBS - 1, 1));
	EXPECT_TRUE(shows(self->mem + 2 * HP + TP, 2 * SUBS + 1, SUBS - 1, 1));
	EXPECT_EQ(self->mem[HP - TP], 0);
	EXPECT_EQ(self->mem[HP + 99 * TP], 0);
	EXPECT_EQ(self->mem[2 * HP], 0);
}

/* Rule: an entry that a discard took away is not there for a waiter. */
TEST_F(object, discard_armed)
{
	struct hugepost_event event;
	struct hp_toucher t;
	int efd;

	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, SUBS, 1), 0);
	ASSERT_TRUE(shows(self->mem, 0, SUBS, 1));
	efd = hp_arm(self->fd, 0);
	ASSERT_GE(efd, 0);
	EXPECT_EQ(hp_discard(self->fd, 8 * TP, TP), 1);
	hp_toucher_start(&t, self->mem + 8 * TP, -1);
	ASSERT_EQ(hp_read_event(efd, &event), 0);
	EXPECT_EQ(event.offset, 8 * TP);
	EXPECT_TRUE(shows(self->mem, 0, 8, 1));
	EXPECT_TRUE(shows(self->mem + 9 * TP, 9, SUBS - 9, 1));
	EXPECT_EQ(hp_fill_pattern(self->fd, 0, 8, 1, 3), 0);
	EXPECT_EQ(hp_toucher_end(&t), hp_pattern(8, 3, 0));
	close(efd);
}

/* Rule: without leave for huge pages the bytes are the same. */
TEST_F(object, nohugepage)
{
	ASSERT_EQ(madvise(self->mem, PAGES * HP, MADV_NOHUGEPAGE), 0);
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, 2 * SUBS, 1), 0);
	EXPECT_TRUE(shows(self->mem, 0, 2 * SUBS, 1));
	EXPECT_EQ(hp_install(self->fd, self->mem, PAGES * HP, NULL), 0);
	EXPECT_EQ(hp_discard(self->fd, TP, TP), 1);
	EXPECT_EQ(self->mem[TP], 0);
	EXPECT_TRUE(shows(self->mem + 2 * TP, 2, 2 * SUBS - 2, 1));
}

TEST_HARNESS_MAIN
