// SPDX-License-Identifier: GPL-2.0-only
/*
 * The size of FILL's entries, which the caller tells: what the module knows of them
 * is as ever, and what it does not know is zero.
 */
#include "hugepost_sizes.h"

#define ENTRY		HUGEPOST_FILL_ENTRY_SIZE_VER0
#define PAGES		4UL		/* host pages of the object */
#define BEGUN		(SUBS - 1)	/* the target page that is present */
#define NR_MAX		40		/* more than with one hold of a lock */
#define ARENA		((NR_MAX + 2) * TP) /* room for entries, then nothing */

/* Rule: the size of the first version stays. */
_Static_assert(ENTRY == 32 && sizeof(struct hugepost_fill_entry) >= ENTRY, "entry");

/* The entries of one call: @nr of @len bytes, each @step from the one before. */
struct way {
	uint32_t nr;
	uint64_t offset;
	uint64_t len;
	uint64_t step;
	uint32_t flags;
};

/* An object of which one target page is present, and what it is filled from. */
struct object {
	const struct way *way;
	int fd;
	char *mem;
	char *arena;
	char *src;
	struct hugepost_fill out;	/* of the last call */
};

FIXTURE(fill)
{
	struct object o;
};

FIXTURE_VARIANT(fill)
{
	struct way way;
};

#define WAY(_name, ...)                                                        \
	FIXTURE_VARIANT_ADD(fill, _name)                                       \
	{                                                                      \
		.way = { __VA_ARGS__ },                                        \
	}

/*
 * The first two can go the module's short way, if the size is the first version's:
 * host page 0 has memory, host page 2 is empty.
 */
WAY(page, 1, 3 * TP, TP, 0, 0);
WAY(zero_host_page, 1, 2 * HP, HP, 0, HUGEPOST_FILL_ZERO);
WAY(range, 1, TP, 3 * TP, 0, 0);
WAY(neighbours, 8, 8 * TP, TP, TP, 0);
WAY(many, NR_MAX, 8 * TP, TP, TP, 0);
WAY(two_host_pages, 8, HP + (SUBS - 5) * TP, TP, TP, 0);
WAY(scattered, 8, 8 * TP, TP, 3 * TP, 0);
WAY(host_pages, 4, HP, TP, HP / 2, 0);
WAY(zeros, 8, 8 * TP, TP, TP, HUGEPOST_FILL_ZERO);

static bool open_begun(struct object *o)
{
	o->fd = hp_new(PAGES * HP, 1, 0);
	if (o->fd < 0 || hp_fill_pattern(o->fd, 0, BEGUN, 1, 0))
		return false;
	o->mem = hp_map(o->fd, 0, PAGES * HP);
	return o->mem != MAP_FAILED;
}

FIXTURE_SETUP(fill)
{
	struct object *o = &self->o;
	unsigned int i;

	o->way = &variant->way;
	ASSERT_TRUE(open_begun(o));
	o->arena = mmap(NULL, ARENA + TP, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(o->arena, MAP_FAILED);
	ASSERT_EQ(munmap(o->arena + ARENA, TP), 0);
	o->src = malloc(NR_MAX * TP);
	ASSERT_NE(o->src, NULL);
	for (i = 0; i < NR_MAX; i++)
		hp_pattern_write(o->src + i * TP, i, 1);
}

FIXTURE_TEARDOWN(fill)
{
	free(self->o.src);
	munmap(self->o.arena, ARENA);
	munmap(self->o.mem, PAGES * HP);
	close(self->o.fd);
}

/* All is missing again but the one target page, and there are no entries. */
static bool renew(struct object *o)
{
	munmap(o->mem, PAGES * HP);
	close(o->fd);
	memset(o->arena, 0xff, ARENA);
	return open_begun(o);
}

/* Puts the entries at @at, @size bytes apart, with zeros behind each. */
static void put(struct object *o, char *at, size_t size)
{
	const struct way *way = o->way;
	uint32_t i;

	for (i = 0; i < way->nr; i++) {
		struct hugepost_fill_entry e = {
			.offset = way->offset + i * way->step,
			.len = way->len,
			.flags = way->flags,
		};

		if (!(way->flags & HUGEPOST_FILL_ZERO))
			e.src = (uintptr_t)o->src + i * way->len;
		memset(at + i * size, 0, size);
		memcpy(at + i * size, &e, ENTRY);
	}
}

static int call(struct object *o, const void *entries, uint32_t nr, uint32_t size)
{
	o->out = (struct hugepost_fill){
		.size = sizeof(o->out),
		.nr = nr,
		.entries = (uintptr_t)entries,
		.entry_size = size,
	};
	return hp_call(o->fd, HUGEPOST_FILL, &o->out);
}

/* Did the last call do the first @done entries, and nothing else? */
static bool has_done(struct object *o, uint32_t done)
{
	const struct way *way = o->way;
	uint64_t bits[PAGES * SUBS / 64], pages = way->len / TP, page, i;
	bool zero = way->flags & HUGEPOST_FILL_ZERO;
	static const char zeros[TP];
	const char *at;

	if (o->out.out_done != done || o->out.out_duplicates ||
	    o->out.out_bytes != (zero ? 0 : done * way->len) ||
	    hp_bitmap(o->fd, 0, PAGES * HP, bits) != (int64_t)(1 + done * pages))
		return false;
	for (i = 0; i < done * pages; i++) {
		page = (way->offset + i / pages * way->step) / TP + i % pages;
		at = o->mem + page * TP;
		if (!(bits[page / 64] >> page % 64 & 1) ||
		    (zero ? !!memcmp(at, zeros, TP) : !hp_pattern_check(at, i, 1)))
			return false;
	}
	return hp_pattern_check(o->mem + BEGUN * TP, BEGUN, 0);
}

/* Rule: a size of 0 is that of the first version. */
TEST_F(fill, first_version)
{
	const uint32_t sizes[] = { 0, ENTRY }, nr = variant->way.nr;
	struct object *o = &self->o;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ASSERT_TRUE(renew(o));
		put(o, o->arena, ENTRY);
		EXPECT_EQ(call(o, o->arena, nr, sizes[i]), 0);
		EXPECT_TRUE(has_done(o, nr))
			TH_LOG("size %u", sizes[i]);
		EXPECT_EQ(o->out.entry_size, sizes[i]);
	}
}

/* Rule: longer entries lie further apart, and do the same if the rest is zero. */
TEST_F(fill, longer_zero)
{
	const uint32_t nr = variant->way.nr;
	struct object *o = &self->o;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(hp_longer); i++) {
		ASSERT_TRUE(renew(o));
		put(o, o->arena, hp_longer[i]);
		EXPECT_EQ(call(o, o->arena, nr, hp_longer[i]), 0);
		EXPECT_TRUE(has_done(o, nr))
			TH_LOG("size %u", hp_longer[i]);
		EXPECT_EQ(o->out.entry_size, hp_longer[i]);
	}
}

/*
 * Rule: an entry that has something where the module knows nothing is E2BIG; those
 * before it are done, and the rest can be submitted again.
 */
TEST_F(fill, longer_nonzero)
{
	const uint32_t nr = variant->way.nr;
	struct object *o = &self->o;
	unsigned int i, j, k;

	for (i = 0; i < ARRAY_SIZE(hp_longer) * 3; i++) {
		const uint32_t size = hp_longer[i / 3];
		const uint32_t places[] = { ENTRY, ENTRY + 7, size - 1 };

		for (j = 0; j < 3; j++) {
			char *at = o->arena + 8;

			k = j * (nr - 1) / 2;
			ASSERT_TRUE(renew(o));
			put(o, at, size);
			at[k * size + places[i % 3]] = 1;
			EXPECT_EQ(call(o, at, nr, size), -E2BIG);
			EXPECT_TRUE(has_done(o, k))
				TH_LOG("size %u: entry %u, byte %u", size, k,
				       places[i % 3]);
			at[k * size + places[i % 3]] = 0;
			EXPECT_EQ(call(o, at + k * size, nr - k, size), 0);
			EXPECT_EQ(o->out.out_done, nr - k);
			EXPECT_EQ(o->out.out_duplicates, 0);
		}
	}
}

/* Rule: a size that is not allowed is refused, and nothing is done. */
TEST_F(fill, bad_size)
{
	const uint32_t nr = variant->way.nr;
	struct object *o = &self->o;
	unsigned int i;

	put(o, o->arena, ENTRY);
	for (i = 0; i < ARRAY_SIZE(hp_bad_sizes); i++) {
		EXPECT_EQ(call(o, o->arena, nr, hp_bad_sizes[i].size),
			  hp_bad_sizes[i].ret)
			TH_LOG("size %u", hp_bad_sizes[i].size);
		EXPECT_TRUE(has_done(o, 0));
	}
	EXPECT_EQ(call(o, o->arena, nr, 0), 0);
	EXPECT_TRUE(has_done(o, nr));
}

/* Rule: entries of any size may lie over borders of pages, and anywhere. */
TEST_F(fill, over_borders)
{
	const size_t places[] = { 1, 8, TP - 8, TP - ENTRY, TP - 1 };
	const uint32_t sizes[] = { 0, ENTRY, 40, 104, TP - 8, TP };
	const uint32_t nr = variant->way.nr;
	struct object *o = &self->o;
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (j = 0; j < ARRAY_SIZE(places); j++) {
			char *at = o->arena + places[j];

			ASSERT_TRUE(renew(o));
			put(o, at, sizes[i] ? sizes[i] : ENTRY);
			EXPECT_EQ(call(o, at, nr, sizes[i]), 0);
			EXPECT_TRUE(has_done(o, nr))
				TH_LOG("size %u at %zu", sizes[i], places[j]);
		}
	}
}

/*
 * Rule: an entry that cannot be read is EFAULT, whichever part of it that is; those
 * before it are done.
 */
TEST_F(fill, unmapped)
{
	const uint32_t sizes[] = { ENTRY, 40, 104, TP }, nr = variant->way.nr;
	char *end = self->o.arena + ARENA, *at;
	struct object *o = &self->o;
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		const uint32_t size = sizes[i];
		const uint32_t missing[] = { 0, 8, size - ENTRY, size - 8, size };

		for (j = 0; j < ARRAY_SIZE(missing); j++) {
			ASSERT_TRUE(renew(o));
			put(o, o->arena, size);
			at = end - nr * size + missing[j];
			memmove(at, o->arena, nr * size - missing[j]);
			EXPECT_EQ(call(o, at, nr, size),
				  missing[j] ? -EFAULT : 0);
			EXPECT_TRUE(has_done(o, missing[j] ? nr - 1 : nr))
				TH_LOG("size %u, %u bytes are missing", size,
				       missing[j]);
		}
	}
}

/* Rule: entries never are the kernel's memory, however they wrap. */
TEST_F(fill, nowhere)
{
	const uint64_t nowhere[] = {
		0, -(uint64_t)ENTRY, -(uint64_t)TP, -4 * TP, 1ULL << 63,
		0x7ffffffff000 - 8, 0x800000000000 - TP, 0xffff888000000000,
	};
	const uint32_t sizes[] = { 0, ENTRY, 40, TP };
	const uint32_t counts[] = { variant->way.nr, HUGEPOST_FILL_MAX };
	struct object *o = &self->o;
	unsigned int i, j, k;

	for (i = 0; i < ARRAY_SIZE(nowhere); i++) {
		for (j = 0; j < ARRAY_SIZE(sizes); j++) {
			for (k = 0; k < ARRAY_SIZE(counts); k++) {
				EXPECT_EQ(call(o, (void *)nowhere[i], counts[k],
					       sizes[j]), -EFAULT)
					TH_LOG("at %#lx, size %u", nowhere[i],
					       sizes[j]);
				EXPECT_TRUE(has_done(o, 0));
			}
		}
	}
}

/* Rule: INFO tells the sizes of entries and events that the module knows. */
TEST(info)
{
	struct hugepost_info arg = { .size = sizeof(arg) };
	int fd = hp_open();

	ASSERT_GE(fd, 0);
	ASSERT_EQ(hp_call(fd, HUGEPOST_INFO, &arg), 0);
	EXPECT_EQ(arg.out_fill_entry_size, sizeof(struct hugepost_fill_entry));
	EXPECT_EQ(arg.out_event_size, sizeof(struct hugepost_event));
	close(fd);
}

TEST_HARNESS_MAIN
