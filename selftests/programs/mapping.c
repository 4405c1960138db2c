// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of an object: which are refused, and what the others keep of it,
 * however they lie, are cut, moved or made again.
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

/* Target page i holds its pattern, but for host page 1, which is missing. */
FIXTURE_SETUP(object)
{
	self->fd = hp_new(PAGES * HP, 1, variant->flags);
	ASSERT_GE(self->fd, 0);
	self->mem = hp_map(self->fd, 0, PAGES * HP);
	ASSERT_NE(self->mem, MAP_FAILED);
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, SUBS, 1), 0);
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 2 * SUBS, 2 * SUBS, 1), 0);
}

FIXTURE_TEARDOWN(object)
{
	munmap(self->mem, PAGES * HP);
	close(self->fd);
}

/* Does @mem show the target pages of the object from @first? */
static bool shows(const char *mem, uint64_t first, uint64_t pages)
{
	uint64_t i;

	for (i = 0; i < pages; i++)
		if (!hp_pattern_check(mem + i * TP, first + i, 1))
			return false;
	return true;
}

/* An address range that is free, at a host page's boundary. */
static char *free_range(size_t length)
{
	char *room = mmap(NULL, length + 2 * HP, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (room == MAP_FAILED || munmap(room, length + 2 * HP))
		return NULL;
	return (char *)(((uintptr_t)room + HP) & ~(HP - 1));
}

static int map_error(int fd, char *at, size_t length, int flags,
		     uint64_t offset)
{
	char *mem = mmap(at, length, PROT_READ | PROT_WRITE,
			 flags | (at ? MAP_FIXED : 0), fd, (off_t)offset);

	if (mem == MAP_FAILED)
		return -errno;
	munmap(mem, length);
	return 0;
}

/* Rule: a private mapping is refused, readable or not. */
TEST_F(object, private)
{
	EXPECT_EQ(map_error(self->fd, NULL, HP, MAP_PRIVATE, 0), -EINVAL);
	EXPECT_EQ(mmap(NULL, HP, PROT_READ, MAP_PRIVATE, self->fd, 0),
		  MAP_FAILED);
	EXPECT_EQ(errno, EINVAL);
}

/* Rule: a mapping beyond the object's end is refused. */
TEST_F(object, out_of_range)
{
	const uint64_t size = PAGES * HP;

	EXPECT_EQ(map_error(self->fd, NULL, size + TP, MAP_SHARED, 0),
		  -EINVAL);
	EXPECT_EQ(map_error(self->fd, NULL, TP, MAP_SHARED, size), -EINVAL);
	EXPECT_EQ(map_error(self->fd, NULL, 2 * TP, MAP_SHARED, size - TP),
		  -EINVAL);
	EXPECT_EQ(map_error(self->fd, NULL, TP, MAP_SHARED, 1ULL << 62),
		  -EINVAL);
	EXPECT_NE(map_error(self->fd, NULL, TP, MAP_SHARED, -TP), 0);
	EXPECT_EQ(map_error(self->fd, NULL, TP, MAP_SHARED, size - TP), 0);
}

/*
 * Rule: a mapping in which a host page could never be mapped by one entry is
 * refused; one that holds no whole host page may lie anywhere.
 */
TEST_F(object, misaligned)
{
	char *at = free_range(PAGES * HP);

	ASSERT_NE(at, NULL);
	EXPECT_EQ(map_error(self->fd, at + TP, HP, MAP_SHARED, 0), -EINVAL);
	EXPECT_EQ(map_error(self->fd, at, HP + TP, MAP_SHARED, TP), 0);
	EXPECT_EQ(map_error(self->fd, at, 2 * HP, MAP_SHARED, TP), -EINVAL);
	EXPECT_EQ(map_error(self->fd, at + HP / 2, 2 * HP, MAP_SHARED, 0),
		  -EINVAL);
	EXPECT_EQ(map_error(self->fd, at, HP, MAP_SHARED, HP), 0);
	EXPECT_EQ(map_error(self->fd, at + TP, HP, MAP_SHARED, HP + TP), 0);
	EXPECT_EQ(map_error(self->fd, at + TP, HP - TP, MAP_SHARED, 0), 0);
	EXPECT_EQ(map_error(self->fd, at, 2 * HP - 2 * TP, MAP_SHARED, TP), 0);
}

/* Rule: without an address the kernel chooses one at which pages can be huge. */
TEST_F(object, chosen_address)
{
	static const uint64_t offsets[] = { 0, HP, TP, HP + 7 * TP };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		char *mem = hp_map(self->fd, offsets[i],
				   PAGES * HP - offsets[i]);

		ASSERT_NE(mem, MAP_FAILED);
		EXPECT_EQ(((uintptr_t)mem - offsets[i]) % HP, 0);
		munmap(mem, PAGES * HP - offsets[i]);
	}
}

/* Rule: a mapping at an odd offset, smaller than the object, shows its part. */
TEST_F(object, small_mapping)
{
	char *mem = hp_map(self->fd, 3 * TP, 5 * TP);
	char *end = hp_map(self->fd, 3 * HP + HP / 2 + TP, HP / 2 - TP);

	ASSERT_NE(mem, MAP_FAILED);
	ASSERT_NE(end, MAP_FAILED);
	EXPECT_TRUE(shows(mem, 3, 5));
	EXPECT_TRUE(shows(end, 3 * SUBS + SUBS / 2 + 1, SUBS / 2 - 1));
	end[HP / 2 - TP - 1] = 1;
	EXPECT_EQ(self->mem[PAGES * HP - 1], 1);
	EXPECT_EQ(hp_smaps(mem, 5 * TP, "FilePmdMapped"), 0);
	munmap(mem, 5 * TP);
	munmap(end, HP / 2 - TP);
}

/* Rule: mprotect() splits a mapping, also inside a host page. */
TEST_F(object, mprotect)
{
	char *ro = self->mem + 2 * HP + 8 * TP;

	ASSERT_TRUE(shows(self->mem + 2 * HP, 2 * SUBS, 2 * SUBS));
	ASSERT_EQ(mprotect(ro, 4 * TP, PROT_READ), 0);
	EXPECT_TRUE(shows(self->mem + 2 * HP, 2 * SUBS, 2 * SUBS));
	EXPECT_EQ(hp_touch(ro, 1), SIGSEGV);
	EXPECT_EQ(hp_touch(ro + 4 * TP - 1, 1), SIGSEGV);
	EXPECT_EQ(hp_touch(ro - 1, 1), 0);
	EXPECT_EQ(hp_touch(ro + 4 * TP, 1), 0);

	/* A missing page under a part that can only be read. */
	ASSERT_EQ(mprotect(self->mem + HP, TP, PROT_READ), 0);
	EXPECT_EQ(hp_touch(self->mem + HP, 1), SIGSEGV);
	EXPECT_EQ(hp_touch(self->mem + HP, -1), 0);
	EXPECT_EQ(self->mem[HP], 0);

	ASSERT_EQ(mprotect(self->mem, PAGES * HP, PROT_READ | PROT_WRITE), 0);
	EXPECT_EQ(hp_touch(ro, 2), 0);
	EXPECT_EQ(hp_touch(self->mem + HP, 2), 0);
	EXPECT_EQ(*ro, 2);
	EXPECT_EQ(self->mem[HP], 2);
	EXPECT_EQ(ro[-1], 1);
	EXPECT_TRUE(shows(ro + TP, 2 * SUBS + 9, 3));
	EXPECT_TRUE(shows(self->mem + 3 * HP, 3 * SUBS, SUBS));
}

/* Rule: a mapping made read-only as a whole keeps its huge pages' bytes. */
TEST_F(object, read_only_mapping)
{
	char *ro = mmap(NULL, PAGES * HP, PROT_READ, MAP_SHARED, self->fd, 0);

	ASSERT_NE(ro, MAP_FAILED);
	EXPECT_TRUE(shows(ro, 0, SUBS));
	EXPECT_EQ(hp_touch(ro + 5, 1), SIGSEGV);
	self->mem[5] = 99;
	EXPECT_EQ(ro[5], 99);
	ASSERT_EQ(mprotect(ro, PAGES * HP, PROT_READ | PROT_WRITE), 0);
	EXPECT_EQ(hp_touch(ro + 5, 100), 0);
	EXPECT_EQ(self->mem[5], 100);
	munmap(ro, PAGES * HP);
}

/* Rule: what mremap() adds beyond the object's end is SIGBUS. */
TEST_F(object, mremap_beyond)
{
	size_t grown = (PAGES + 2) * HP;
	char *mem;

	EXPECT_TRUE(shows(self->mem, 0, SUBS));
	mem = mremap(self->mem, PAGES * HP, grown, MREMAP_MAYMOVE);
	ASSERT_NE(mem, MAP_FAILED);
	self->mem = mem;
	EXPECT_TRUE(shows(mem, 0, SUBS));
	EXPECT_TRUE(shows(mem + 2 * HP, 2 * SUBS, 2 * SUBS));
	EXPECT_EQ(hp_touch(mem + PAGES * HP, -1), SIGBUS);
	EXPECT_EQ(hp_touch(mem + PAGES * HP, 1), SIGBUS);
	EXPECT_EQ(hp_touch(mem + grown - 1, -1), SIGBUS);
	EXPECT_EQ(hp_install(self->fd, mem, grown, NULL), 0);
	munmap(mem + PAGES * HP, 2 * HP);
}

/* Rule: a mapping can be moved, whole and cut, to wherever. */
TEST_F(object, mremap_move)
{
	char *at = free_range(PAGES * HP);
	char *odd = free_range(2 * PAGES * HP) + 2 * HP + TP;

	ASSERT_NE(at, NULL);
	ASSERT_TRUE(shows(self->mem, 0, SUBS));
	ASSERT_EQ(mremap(self->mem, PAGES * HP, PAGES * HP,
			 MREMAP_MAYMOVE | MREMAP_FIXED, at), at);
	self->mem = at;
	EXPECT_TRUE(shows(at, 0, SUBS));
	EXPECT_TRUE(shows(at + 2 * HP, 2 * SUBS, 2 * SUBS));
	EXPECT_GT(hp_smaps(at, PAGES * HP, "FilePmdMapped"), 0);

	/* One host page to a place where it cannot be mapped by one entry. */
	ASSERT_EQ(mremap(at + 3 * HP, HP, HP, MREMAP_MAYMOVE | MREMAP_FIXED,
			 odd), odd);
	EXPECT_TRUE(shows(odd, 3 * SUBS, SUBS));
	EXPECT_TRUE(shows(at + 2 * HP, 2 * SUBS, SUBS));
	EXPECT_EQ(hp_touch(at + 3 * HP, -1), SIGSEGV);
	EXPECT_EQ(hp_discard(self->fd, 3 * HP, TP), 1);
	EXPECT_EQ(hp_touch(odd, -1), 0);
	EXPECT_EQ(*odd, 0);
	EXPECT_TRUE(shows(odd + TP, 3 * SUBS + 1, SUBS - 1));
	munmap(odd, HP);
}

/* Rule: what is present outlives its mappings, what is missing stays missing. */
TEST_F(object, map_again)
{
	uint64_t *bits = malloc(PAGES * SUBS / 8);
	struct hugepost_event event;
	struct hp_toucher t;
	int efd;

	ASSERT_NE(bits, NULL);
	ASSERT_EQ(hp_discard(self->fd, 0, 2 * TP), 2);
	efd = hp_arm(self->fd, 0);
	ASSERT_GE(efd, 0);
	self->mem[2 * TP] = 77;
	ASSERT_EQ(munmap(self->mem, PAGES * HP), 0);
	self->mem = hp_map(self->fd, 0, PAGES * HP);
	ASSERT_NE(self->mem, MAP_FAILED);

	EXPECT_EQ(hp_bitmap(self->fd, 0, PAGES * HP, bits),
		  3 * SUBS - 2);
	EXPECT_EQ(self->mem[2 * TP], 77);
	EXPECT_TRUE(shows(self->mem + 3 * TP, 3, SUBS - 3));
	EXPECT_TRUE(shows(self->mem + 2 * HP, 2 * SUBS, 2 * SUBS));
	hp_toucher_start(&t, self->mem + TP, -1);
	ASSERT_EQ(hp_read_event(efd, &event), 0);
	EXPECT_EQ(event.offset, TP);
	EXPECT_FALSE(t.done);
	EXPECT_EQ(hp_fill_pattern(self->fd, 0, 1, 1, 1), 0);
	EXPECT_EQ(hp_toucher_end(&t), hp_pattern(1, 1, 0));
	EXPECT_EQ(hp_disarm(self->fd), 0);
	close(efd);
	free(bits);
}

/* Rule: unmapping what somebody waits for ends the wait, when it is woken. */
TEST_F(object, unmap_under_waiter)
{
	struct hugepost_event event;
	struct hp_toucher t;
	int efd = hp_arm(self->fd, 0);

	ASSERT_GE(efd, 0);
	hp_toucher_start(&t, self->mem + HP + TP, -1);
	ASSERT_EQ(hp_read_event(efd, &event), 0);
	ASSERT_EQ(munmap(self->mem + HP, HP), 0);
	EXPECT_EQ(hp_wake(self->fd, HP, HP), 0);
	EXPECT_EQ(hp_toucher_end(&t), -SIGSEGV);
	EXPECT_TRUE(shows(self->mem, 0, SUBS));
	close(efd);
}

/* Rule: two mappings of one object show the same bytes, and lose the same. */
TEST_F(object, two_mappings)
{
	char *other = hp_map(self->fd, 0, PAGES * HP);
	unsigned int i;

	ASSERT_NE(other, MAP_FAILED);
	ASSERT_NE(other, self->mem);
	EXPECT_TRUE(shows(other, 0, SUBS));
	EXPECT_TRUE(shows(self->mem, 0, SUBS));
	for (i = 0; i < SUBS; i++) {
		other[i * TP] = (char)i;
		self->mem[i * TP + 1] = (char)(i + 1);
	}
	for (i = 0; i < SUBS; i++) {
		ASSERT_EQ(self->mem[i * TP], (char)i);
		ASSERT_EQ(other[i * TP + 1], (char)(i + 1));
	}
	other[HP + 9] = 9;
	EXPECT_EQ(self->mem[HP + 9], 9);

	EXPECT_EQ(hp_discard(self->fd, 4 * TP, TP), 1);
	EXPECT_EQ(hp_fill_pattern(self->fd, 0, 4, 1, 5), 0);
	EXPECT_TRUE(hp_pattern_check(self->mem + 4 * TP, 4, 5));
	EXPECT_TRUE(hp_pattern_check(other + 4 * TP, 4, 5));
	EXPECT_EQ(other[3 * TP], 3);
	EXPECT_EQ(hp_discard(self->fd, 0, PAGES * HP), PAGES * SUBS);
	EXPECT_EQ(other[0], 0);
	EXPECT_EQ(self->mem[2 * HP], 0);
	munmap(other, PAGES * HP);
}

/* Rule: the mapping's file may be closed; the mapping keeps the object. */
TEST_F(object, closed_descriptor)
{
	int fd = dup(self->fd);

	close(self->fd);
	self->fd = fd;
	EXPECT_TRUE(shows(self->mem, 0, SUBS));
	close(self->fd);
	EXPECT_TRUE(shows(self->mem + 2 * HP, 2 * SUBS, 2 * SUBS));
	EXPECT_EQ(self->mem[HP], 0);
	self->fd = -1;
}

/* Rule: madvise(MADV_DONTNEED) takes mappings away, never bytes. */
TEST_F(object, dontneed)
{
	unsigned int i;

	for (i = 0; i < SUBS; i++)
		self->mem[i * TP + 7] = (char)~i;
	ASSERT_EQ(madvise(self->mem, HP, MADV_DONTNEED), 0);
	ASSERT_EQ(madvise(self->mem + 2 * HP + TP, TP, MADV_DONTNEED), 0);
	for (i = 0; i < SUBS; i++)
		ASSERT_EQ(self->mem[i * TP + 7], (char)~i);
	EXPECT_TRUE(shows(self->mem + 2 * HP, 2 * SUBS, 2 * SUBS));
	EXPECT_EQ(hp_stats(self->fd).out_discarded, 0);
}

/* Rule: MADV_REMOVE is no discard. */
TEST_F(object, remove)
{
	EXPECT_EQ(madvise(self->mem, HP, MADV_REMOVE), -1);
	EXPECT_TRUE(shows(self->mem, 0, SUBS));
}

/* Rule: mlock() and mlockall() touch what they lock, and unlock it again. */
TEST_F(object, mlock)
{
	ASSERT_EQ(mlock(self->mem, PAGES * HP), 0);
	EXPECT_EQ(hp_smaps(self->mem, PAGES * HP, "Locked"), PAGES * HP);
	EXPECT_EQ(hp_bitmap(self->fd, HP, HP, (uint64_t *)(self->mem + HP)),
		  SUBS);
	EXPECT_EQ(hp_discard(self->fd, 2 * HP, HP), SUBS);
	EXPECT_EQ(hp_fill_pattern(self->fd, 0, 2 * SUBS, SUBS, 1), 0);
	EXPECT_TRUE(shows(self->mem + 2 * HP, 2 * SUBS, 2 * SUBS));
	ASSERT_EQ(munlock(self->mem, PAGES * HP), 0);
	ASSERT_EQ(mlockall(MCL_CURRENT | MCL_FUTURE), 0);
	EXPECT_TRUE(shows(self->mem, 0, SUBS));
	ASSERT_EQ(munlockall(), 0);
	EXPECT_TRUE(shows(self->mem, 0, SUBS));
}

/* Does the mapping that begins at @addr carry VmFlag @flag? */
static bool vm_flag(const char *addr, const char *flag)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	bool inside = false, found = false;
	unsigned long start, end;
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = start == (uintptr_t)addr;
		else if (inside && !strncmp(line, "VmFlags:", 8))
			found = strstr(line, flag);
	}
	if (f)
		fclose(f);
	return found;
}

/* Rule: a fork does not inherit a mapping and core dumps skip it, unless asked. */
TEST_F(object, vm_flags)
{
	EXPECT_TRUE(vm_flag(self->mem, " sh"));
	EXPECT_TRUE(vm_flag(self->mem, " dc"));
	EXPECT_TRUE(vm_flag(self->mem, " dd"));
	EXPECT_FALSE(vm_flag(self->mem, " pf"));
	EXPECT_FALSE(vm_flag(self->mem, " mm"));
	ASSERT_EQ(madvise(self->mem, PAGES * HP, MADV_DODUMP), 0);
	EXPECT_FALSE(vm_flag(self->mem, " dd"));
	ASSERT_EQ(madvise(self->mem, PAGES * HP, MADV_DONTDUMP), 0);
	EXPECT_TRUE(vm_flag(self->mem, " dd"));
}

/* Rule: an object that nobody set up is set up to cover its mapping. */
TEST(default_setup)
{
	struct hugepost_stats st;
	int fd = hp_open();
	char *mem;

	ASSERT_GE(fd, 0);
	mem = hp_map(fd, 0, HP + TP);
	ASSERT_NE(mem, MAP_FAILED);
	st = hp_stats(fd);
	EXPECT_EQ(st.out_length, 2 * HP);
	EXPECT_EQ(st.out_channels, 1);
	EXPECT_EQ(hp_setup(fd, HP, 1, 0), -EBUSY);
	EXPECT_EQ(hp_touch(mem + HP, 3), 0);
	EXPECT_EQ(hp_fill_pattern(fd, 0, 1, 1, 1), 0);
	EXPECT_TRUE(hp_pattern_check(mem + TP, 1, 1));
	EXPECT_EQ(map_error(fd, NULL, 3 * HP, MAP_SHARED, 0), -EINVAL);
	munmap(mem, HP + TP);
	close(fd);

	fd = hp_open();
	ASSERT_GE(fd, 0);
	mem = hp_map(fd, 3 * HP, HP);
	ASSERT_NE(mem, MAP_FAILED);
	EXPECT_EQ(hp_stats(fd).out_length, 4 * HP);
	munmap(mem, HP);
	close(fd);
}

FIXTURE(pieces)
{
	int fd;
	char *low;
	char *high;
};

/* As a VMM maps its guest's memory below and above 4 GiB. */
FIXTURE_SETUP(pieces)
{
	self->fd = hp_open();
	ASSERT_GE(self->fd, 0);
	self->low = hp_map(self->fd, 0, 2 * HP);
	ASSERT_NE(self->low, MAP_FAILED);
	self->high = hp_map(self->fd, 2 * HP, 2 * HP);
	ASSERT_NE(self->high, MAP_FAILED);
}

FIXTURE_TEARDOWN(pieces)
{
	munmap(self->low, 2 * HP);
	munmap(self->high, 2 * HP);
	close(self->fd);
}

/* Rule: an object that nobody set up is as large as all its mappings need. */
TEST_F(pieces, both_are_covered)
{
	EXPECT_EQ(hp_touch(self->high + HP, 1), 0);
	EXPECT_EQ(hp_touch(self->low, 2), 0);
	EXPECT_EQ(hp_stats(self->fd).out_length, 4 * HP);
	EXPECT_EQ(hp_fill_pattern(self->fd, 0, SUBS, 1, 1), 0);
	EXPECT_EQ(hp_fill_pattern(self->fd, 0, 2 * SUBS, 1, 1), 0);
	EXPECT_TRUE(hp_pattern_check(self->low + HP, SUBS, 1));
	EXPECT_TRUE(hp_pattern_check(self->high, 2 * SUBS, 1));
}

/* Rule: nothing is allocated before the first use. */
TEST_F(pieces, nothing_is_allocated)
{
	EXPECT_EQ(hp_stats(self->fd).out_memory, 0);
	EXPECT_EQ(hp_stats(self->fd).out_zero, 0);
}

static int use_touch(int fd, char *mem)
{
	return hp_touch(mem, 0);
}

static int use_fill(int fd, char *mem)
{
	return hp_fill_pattern(fd, 0, 0, 1, 1);
}

static int use_arm(int fd, char *mem)
{
	int event = hp_arm(fd, 0);

	if (event < 0)
		return event;
	close(event);
	return hp_disarm(fd);
}

static int use_discard(int fd, char *mem)
{
	return hp_discard(fd, 0, HP);
}

/* Rule: the first use, whatever it is, settles the size; later no mapping grows it. */
TEST_F(pieces, first_use_settles)
{
	static int (*const uses[])(int fd, char *mem) = {
		use_touch, use_fill, use_arm, use_discard,
	};
	unsigned int i;

	for (i = 0; i < sizeof(uses) / sizeof(*uses); i++) {
		int fd = hp_open();
		char *mem;

		TH_LOG("use %u", i);
		ASSERT_GE(fd, 0);
		mem = hp_map(fd, 0, HP);
		ASSERT_NE(mem, MAP_FAILED);
		EXPECT_EQ(hp_setup(fd, 4 * HP, 1, 0), -EBUSY);
		EXPECT_EQ(uses[i](fd, mem), 0);
		EXPECT_EQ(map_error(fd, NULL, HP, MAP_SHARED, HP), -EINVAL);
		EXPECT_EQ(map_error(fd, NULL, HP, MAP_SHARED, 0), 0);
		EXPECT_EQ(hp_stats(fd).out_length, HP);
		munmap(mem, HP);
		close(fd);
	}
	/* And a refused SETUP is none. */
	EXPECT_EQ(hp_setup(self->fd, 4 * HP, 1, 0), -EBUSY);
	EXPECT_EQ(map_error(self->fd, NULL, HP, MAP_SHARED, 4 * HP), 0);
	EXPECT_EQ(hp_stats(self->fd).out_length, 5 * HP);
}

/*
 * Rule: writes to an object's memory leave the device node's times as they are:
 * these would tell of one guest to another.
 */
TEST(writes_do_not_show_in_the_node)
{
	const struct timespec past[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	struct stat st;
	char *mem;
	int fd;

	fd = hp_new(2 * HP, 1, 0);
	ASSERT_GE(fd, 0);
	mem = hp_map(fd, 0, 2 * HP);
	ASSERT_NE(mem, MAP_FAILED);
	ASSERT_EQ(futimens(fd, past), 0);
	EXPECT_EQ(hp_fill_pattern(fd, 0, 0, 1, 1), 0);
	EXPECT_EQ(hp_touch(mem, 1), 0);
	EXPECT_EQ(hp_touch(mem + TP, 1), 0);
	EXPECT_EQ(hp_touch(mem + HP, 1), 0);
	ASSERT_EQ(fstat(fd, &st), 0);
	EXPECT_EQ(st.st_mtim.tv_sec, 1);
	munmap(mem, 2 * HP);
	close(fd);
}

/* Rule: a mapping that is refused sets nothing up. */
TEST(refused_sets_nothing_up)
{
	char *at = free_range(2 * HP);
	int fd = hp_open();

	ASSERT_GE(fd, 0);
	EXPECT_EQ(map_error(fd, NULL, HP, MAP_PRIVATE, 0), -EINVAL);
	EXPECT_EQ(map_error(fd, NULL, TP, MAP_SHARED, 1ULL << 62), -EINVAL);
	EXPECT_EQ(map_error(fd, at + TP, HP, MAP_SHARED, 0), -EINVAL);
	EXPECT_EQ(hp_stats(fd).out_length, 0);
	EXPECT_EQ(hp_setup(fd, HP, 1, 0), 0);
	close(fd);
}

TEST_HARNESS_MAIN
