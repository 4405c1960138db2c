// SPDX-License-Identifier: GPL-2.0-only
/* libhugepost-preload: sorted lists of address ranges that show objects. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "preload.h"

/* Index of the first range that ends after @addr. */
static unsigned int first_after(const struct hps_ranges *ranges, uintptr_t addr)
{
	unsigned int low = 0, high = ranges->nr;

	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (ranges->list[mid].end > addr)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static int make_room(struct hps_ranges *ranges, unsigned int nr)
{
	unsigned int room = ranges->room ? ranges->room : 8;
	struct hps_range *list;

	while (room < ranges->nr + nr)
		room *= 2;
	if (room == ranges->room)
		return 0;
	list = realloc(ranges->list, room * sizeof(*list));
	if (!list)
		return -ENOMEM;
	ranges->list = list;
	ranges->room = room;
	return 0;
}

/* Makes one of the ranges at @at and after it, if they continue each other. */
static void merge(struct hps_ranges *ranges, unsigned int at)
{
	struct hps_range *range = &ranges->list[at];

	if (at + 1 >= ranges->nr || range[0].end != range[1].start ||
	    range[0].obj != range[1].obj ||
	    range[0].offset + (range[0].end - range[0].start) != range[1].offset)
		return;
	range[0].end = range[1].end;
	/* Not the last one. */
	atomic_fetch_sub(&range[1].obj->refs, 1);
	ranges->nr--;
	memmove(range + 1, range + 2, (ranges->nr - at - 1) * sizeof(*range));
}

int hps_ranges_add(struct hps_ranges *ranges, const struct hps_range *range)
{
	unsigned int at = first_after(ranges, range->start);

	if (make_room(ranges, 1))
		return -ENOMEM;
	atomic_fetch_add(&hps_changes, 1);
	memmove(ranges->list + at + 1, ranges->list + at,
		(ranges->nr - at) * sizeof(*ranges->list));
	ranges->list[at] = *range;
	ranges->nr++;
	merge(ranges, at);
	if (at)
		merge(ranges, at - 1);
	return 0;
}

/* Cuts the range at index @at in two, at address @addr in it. */
static void split(struct hps_ranges *ranges, unsigned int at, uintptr_t addr)
{
	struct hps_range *range = &ranges->list[at];

	memmove(range + 1, range, (ranges->nr - at) * sizeof(*range));
	ranges->nr++;
	atomic_fetch_add(&range->obj->refs, 1);
	range[1].start = addr;
	range[1].offset += addr - range[0].start;
	range[0].end = addr;
}

int hps_ranges_remove(struct hps_ranges *ranges, uintptr_t start, uintptr_t end,
		      struct hps_ranges *gone)
{
	unsigned int first = first_after(ranges, start), last;

	/* All that may fail comes before anything changes. */
	last = first;
	while (last < ranges->nr && ranges->list[last].start < end)
		last++;
	if (last == first)
		return 0;
	if (make_room(ranges, 2) || make_room(gone, last - first + 2))
		return -ENOMEM;

	atomic_fetch_add(&hps_changes, 1);
	if (ranges->list[first].start < start) {
		split(ranges, first, start);
		first++;
		last++;
	}
	if (ranges->list[last - 1].end > end)
		split(ranges, last - 1, end);

	memcpy(gone->list + gone->nr, ranges->list + first, (last - first) * sizeof(*gone->list));
	gone->nr += last - first;
	memmove(ranges->list + first, ranges->list + last,
		(ranges->nr - last) * sizeof(*ranges->list));
	ranges->nr -= last - first;
	return 0;
}

struct hps_range *hps_ranges_find(struct hps_ranges *ranges, uintptr_t start, uintptr_t end)
{
	unsigned int at = first_after(ranges, start);

	if (at == ranges->nr || ranges->list[at].start > start || ranges->list[at].end < end)
		return NULL;
	return &ranges->list[at];
}

bool hps_ranges_overlap(struct hps_ranges *ranges, uintptr_t start, uintptr_t end)
{
	unsigned int at = first_after(ranges, start);

	return at < ranges->nr && ranges->list[at].start < end;
}

bool hps_ranges_have(const struct hps_ranges *ranges, const struct hps_object *obj)
{
	unsigned int i;

	for (i = 0; i < ranges->nr; i++)
		if (ranges->list[i].obj == obj)
			return true;
	return false;
}

void hps_ranges_put(struct hps_ranges *gone)
{
	unsigned int i;

	if (gone->nr)
		hps_quick_forget();
	for (i = 0; i < gone->nr; i++)
		hps_object_put(gone->list[i].obj);
	free(gone->list);
	*gone = (struct hps_ranges){ 0 };
}
