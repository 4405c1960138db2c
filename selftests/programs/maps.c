// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps that the netlink family tells of: cells of host pages, all of them at once
 * or in parts.
 */
#include "nl_test.h"

#define TIB		(1ULL << 40)
#define LARGEST		(64 * TIB)
#define WALK		(1ULL << 20)	/* host pages that one reply is of, at most */

/* Where attributes of a request are. */
#define AT_CELLS	(NLMSG_LENGTH(GENL_HDRLEN) + NLA_HDRLEN + 8)
#define AT_FIRST_CELL	(AT_CELLS + NLA_HDRLEN + 4)

FIXTURE(maps)
{
	struct nl nl;
	struct nl_map map;
};

FIXTURE_SETUP(maps)
{
	ASSERT_EQ(nl_open(&self->nl), 0);
}

FIXTURE_TEARDOWN(maps)
{
	close(self->nl.fd);
}

/* Rule: a map shows each host page in its cell, and where there is none. */
TEST_F(maps, host_pages)
{
	struct nl_map *map = &self->map;
	struct nl *nl = &self->nl;
	uint64_t id;
	int fd;

	fd = hp_new(1000 * HP, 1, 0);
	ASSERT_GE(fd, 0);
	id = hp_id(fd);
	ASSERT_EQ(hp_fill_pattern(fd, 0, 0, SUBS, 0), 0);
	ASSERT_EQ(hp_fill(fd, 0, 998 * HP, NULL, HP, HUGEPOST_FILL_ZERO), 0);
	ASSERT_EQ(hp_fill_pattern(fd, 0, 999 * SUBS, 3, 0), 0);

	ASSERT_EQ(nl_map_get(nl, id, 1000, 0, map), 0);
	EXPECT_EQ(map->host_pages, 1000U);
	EXPECT_EQ(map->per_cell, 1U);
	EXPECT_EQ(map->first, 0U);
	EXPECT_EQ(map->cells, 1000U);
	EXPECT_EQ(map->present[0], 1U);
	EXPECT_EQ(map->present[1], 0U);
	EXPECT_EQ(map->zero[998], 1U);
	EXPECT_EQ(map->assembling[998], 0U);
	EXPECT_EQ(map->assembling[999], 1U);
	ASSERT_EQ(nl_map_get(nl, id, 4096, 0, map), 0);
	EXPECT_EQ(map->cells, 1000U);
	ASSERT_EQ(nl_map_get(nl, id, 300, 0, map), 0);
	EXPECT_EQ(map->per_cell, 4U);
	EXPECT_EQ(map->cells, 250U);
	EXPECT_EQ(map->zero[249] + map->assembling[249], 2U);
	ASSERT_EQ(nl_map_get(nl, id, 1, 0, map), 0);
	EXPECT_EQ(map->cells, 1U);
	EXPECT_EQ(map->present[0] + map->zero[0] + map->assembling[0], 3U);
	EXPECT_EQ(nl_map_get(nl, id, 0, 0, map), -ERANGE);
	EXPECT_EQ(nl_map_get(nl, id, 4097, 0, map), -ERANGE);
	close(fd);
}

/* Rule: an object that is not set up has a map of nothing. */
TEST_F(maps, not_set_up)
{
	int fd = hp_open();

	ASSERT_GE(fd, 0);
	ASSERT_EQ(nl_map_get(&self->nl, hp_id(fd), 5, 0, &self->map), 0);
	EXPECT_EQ(self->map.host_pages, 0U);
	EXPECT_EQ(self->map.cells, 0U);
	EXPECT_EQ(nl_map_get(&self->nl, hp_id(fd), 5, 1, &self->map), -ERANGE);
	EXPECT_EQ(self->nl.bad_offset, AT_FIRST_CELL);
	close(fd);
}

/* Rule: a reply has the cells from first-cell on; one that is not there is refused. */
TEST_F(maps, first_cell)
{
	struct nl_map *map = &self->map;
	struct nl *nl = &self->nl;
	int fd = hp_new(10 * HP, 1, 0);

	ASSERT_GE(fd, 0);
	ASSERT_EQ(hp_fill(fd, 0, 5 * HP, NULL, 4 * HP, HUGEPOST_FILL_ZERO), 0);
	ASSERT_EQ(hp_fill_pattern(fd, 0, 9 * SUBS, 1, 0), 0);
	ASSERT_EQ(nl_map_get(nl, hp_id(fd), 4, 1, map), 0);
	EXPECT_EQ(map->host_pages, 10U);
	EXPECT_EQ(map->per_cell, 3U);
	EXPECT_EQ(map->first, 1U);
	ASSERT_EQ(map->cells, 3U);
	EXPECT_EQ(map->zero[0], 1U);
	EXPECT_EQ(map->zero[1], 3U);
	EXPECT_EQ(map->assembling[1], 0U);
	EXPECT_EQ(map->assembling[2], 1U);
	ASSERT_EQ(nl_map_get(nl, hp_id(fd), 4, 3, map), 0);
	EXPECT_EQ(map->first, 3U);
	ASSERT_EQ(map->cells, 1U);
	EXPECT_EQ(map->assembling[0], 1U);
	EXPECT_EQ(map->zero[0], 0U);

	EXPECT_EQ(nl_map_get(nl, hp_id(fd), 4, 4, map), -ERANGE);
	EXPECT_NE(nl->text[0], 0);
	EXPECT_EQ(nl->bad_offset, AT_FIRST_CELL);
	EXPECT_EQ(nl_map_get(nl, hp_id(fd), 4096, 4096, map), -ERANGE);
	EXPECT_EQ(nl->bad_offset, AT_FIRST_CELL);
	close(fd);
}

/* The sums of all cells, and how they are put together of replies. */
struct sums {
	uint64_t assembling, present, zero, cells, replies;
	bool ordered, bounded;
};

static int map_all(struct nl *nl, uint64_t id, uint32_t cells, struct nl_map *map,
		   struct sums *sums)
{
	uint32_t i;
	int ret;

	*sums = (struct sums){ .ordered = true, .bounded = true };
	do {
		ret = nl_map_get(nl, id, cells, sums->cells, map);
		if (ret || !map->cells)
			return ret ? ret : -EPROTO;
		sums->ordered &= map->first == sums->cells;
		sums->bounded &= map->cells * map->per_cell <= WALK;
		for (i = 0; i < map->cells; i++) {
			sums->assembling += map->assembling[i];
			sums->present += map->present[i];
			sums->zero += map->zero[i];
		}
		sums->cells += map->cells;
		sums->replies++;
	} while (sums->cells * map->per_cell < map->host_pages);
	return 0;
}

/*
 * Rule: no request looks at more than 2^20 host pages; what all replies tell
 * together is the whole object, as large as it may be.
 */
TEST_F(maps, largest_object)
{
	static const uint64_t zero[] = { 0, WALK - 1, WALK, LARGEST / HP - 2 };
	static const struct {
		uint32_t cells;
		uint64_t found, replies;
	} asked[] = {
		{ 4096, 4096, 32 }, { 32, 32, 32 }, { 33, 33, 33 },
		{ 1000, 1000, 33 },
	};
	struct sums sums;
	unsigned int i;
	int fd;

	fd = hp_new(LARGEST, 1, 0);
	ASSERT_GE(fd, 0);
	for (i = 0; i < ARRAY_SIZE(zero); i++)
		ASSERT_EQ(hp_fill(fd, 0, zero[i] * HP, NULL, HP,
				  HUGEPOST_FILL_ZERO), 0);
	ASSERT_EQ(hp_fill_pattern(fd, 0, LARGEST / TP - 1, 1, 0), 0);
	ASSERT_EQ(hp_fill_pattern(fd, 0, 5 * WALK * SUBS, SUBS, 0), 0);

	for (i = 0; i < ARRAY_SIZE(asked); i++) {
		ASSERT_EQ(map_all(&self->nl, hp_id(fd), asked[i].cells,
				  &self->map, &sums), 0);
		EXPECT_TRUE(sums.ordered);
		EXPECT_TRUE(sums.bounded);
		EXPECT_EQ(sums.cells, asked[i].found);
		EXPECT_EQ(sums.replies, asked[i].replies);
		EXPECT_EQ(sums.zero, ARRAY_SIZE(zero));
		EXPECT_EQ(sums.assembling, 1U);
		EXPECT_EQ(sums.present, 1U);
	}
	ASSERT_EQ(nl_map_get(&self->nl, hp_id(fd), 4096, 128, &self->map), 0);
	EXPECT_EQ(self->map.cells, 128U);
	EXPECT_EQ(self->map.zero[0], 1U);
	ASSERT_EQ(nl_map_get(&self->nl, hp_id(fd), 4096, 4095, &self->map), 0);
	EXPECT_EQ(self->map.cells, 1U);
	EXPECT_EQ(self->map.zero[0], 1U);
	EXPECT_EQ(self->map.assembling[0], 1U);
	close(fd);
}

/*
 * Rule: cells that would each stand for more than that are refused; the refusal
 * says how many cells are enough, and so many are, whatever the object.
 */
TEST_F(maps, cells_that_are_too_large)
{
	struct nl_map *map = &self->map;
	struct nl *nl = &self->nl;
	int fd;

	fd = hp_new(WALK * HP, 1, 0);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(nl_map_get(nl, hp_id(fd), 1, 0, map), 0);
	EXPECT_EQ(map->per_cell, WALK);
	EXPECT_EQ(map->cells, 1U);
	close(fd);

	fd = hp_new((WALK + 1) * HP, 1, 0);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(nl_map_get(nl, hp_id(fd), 1, 0, map), -ERANGE);
	EXPECT_NE(strstr(nl->text, "at least 32 cells"), NULL);
	EXPECT_EQ(nl->bad_offset, AT_CELLS);
	ASSERT_EQ(nl_map_get(nl, hp_id(fd), 2, 0, map), 0);
	EXPECT_EQ(map->cells, 1U);
	ASSERT_EQ(nl_map_get(nl, hp_id(fd), 2, 1, map), 0);
	EXPECT_EQ(map->cells, 1U);
	close(fd);

	fd = hp_new(LARGEST, 1, 0);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(nl_map_get(nl, hp_id(fd), 31, 0, map), -ERANGE);
	EXPECT_NE(strstr(nl->text, "at least 32 cells"), NULL);
	EXPECT_EQ(nl_map_get(nl, hp_id(fd), 32, 0, map), 0);
	close(fd);
}

TEST_HARNESS_MAIN
