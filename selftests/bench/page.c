// SPDX-License-Identifier: GPL-2.0-only
/*
 * A host page's way into the guest, in hugepost's ways and its peers': whole
 * pages, their parts, and what happens to them later.
 *
 * usage: page
 *
 * Needs the module, and 40 free huge pages of 2 MiB (vm.nr_hugepages).
 */
#include "peers.h"

#define PAGES	32UL		/* host pages, each a sample */

static struct series whole, part;
static char *src;

/* 512 pieces of 4 KiB. */
static void gather(char *dst)
{
	size_t i;

	for (i = 0; i < SUBS; i++)
		copy_words(dst + i * TP, src + i * TP, TP);
}

/* Nothing is cheaper: the bytes go where the guest has them. */
static void floor_pages(void)
{
	char *mem = peer_hugetlb(PAGES * HP, 21, NULL);
	size_t i;

	memset(mem, 1, PAGES * HP);
	for (i = 0; i < PAGES; i++) {
		uint64_t start = now();

		gather(mem + i * HP);
		series_add(&whole, now() - start);
	}
	series_print(&whole, "whole page", "floor", 1);
	munmap(mem, PAGES * HP);
}

/* As QEMU does: assemble in a temporary huge page, then copy that in. */
static void peer_qemu(void)
{
	char *mem = peer_hugetlb(PAGES * HP, 21, NULL);
	char *tmp = peer_hugetlb(HP, 21, NULL);
	int fd = peer_uffd(0);
	size_t i;

	if (fd < 0)
		die("userfaultfd");
	memset(tmp, 1, HP);
	peer_register(fd, mem, PAGES * HP, UFFDIO_REGISTER_MODE_MISSING);
	for (i = 0; i < PAGES; i++) {
		uint64_t start = now(), middle;

		gather(tmp);
		middle = now();
		peer_copy(fd, mem + i * HP, tmp, HP);
		series_add(&whole, now() - start);
		series_add(&part, now() - middle);
	}
	series_print(&whole, "whole page", "UFFDIO_COPY of 2 MiB", 1);
	series_print(&part, "install", "UFFDIO_COPY of 2 MiB", 1);
	close(fd);
	munmap(mem, PAGES * HP);
	munmap(tmp, HP);
}

/* Assemble in the page itself through a second mapping, then map it. */
static void peer_alias(void)
{
	char *alias, *mem = peer_hugetlb(PAGES * HP, 21, &alias);
	int fd = peer_uffd(UFFD_FEATURE_MINOR_HUGETLBFS);
	size_t i;

	if (fd < 0)
		die("userfaultfd with minor faults");
	peer_register(fd, mem, PAGES * HP, UFFDIO_REGISTER_MODE_MINOR);
	for (i = 0; i < PAGES; i++) {
		uint64_t start = now(), middle;

		gather(alias + i * HP);
		middle = now();
		peer_continue(fd, mem + i * HP, HP);
		series_add(&whole, now() - start);
		series_add(&part, now() - middle);
	}
	series_print(&whole, "whole page", "UFFDIO_CONTINUE of 2 MiB", 1);
	series_print(&part, "install", "UFFDIO_CONTINUE of 2 MiB", 1);
	close(fd);
	munmap(mem, PAGES * HP);
	munmap(alias, PAGES * HP);
}

/* Assemble in a transparent huge page, then move it. */
static void peer_moving(void)
{
	int fd = peer_uffd(FEATURE_MOVE);
	char *mem, *tmp;
	size_t i;

	if (fd < 0)
		return; /* before 6.8 */
	mem = peer_anonymous(PAGES * HP, true);
	tmp = peer_anonymous(PAGES * HP, true);
	peer_register(fd, mem, PAGES * HP, UFFDIO_REGISTER_MODE_MISSING);
	for (i = 0; i < PAGES; i++) {
		uint64_t start = now(), middle;

		gather(tmp + i * HP);
		middle = now();
		peer_move(fd, mem + i * HP, tmp + i * HP, HP);
		series_add(&whole, now() - start);
		series_add(&part, now() - middle);
	}
	series_print(&whole, "whole page", "UFFDIO_MOVE of 2 MiB", 1);
	series_print(&part, "install", "UFFDIO_MOVE of 2 MiB", 1);
	close(fd);
	munmap(mem, PAGES * HP);
	munmap(tmp, PAGES * HP);
}

/* How long the call takes alone, its argument made before. */
static uint64_t timed_ioctl(int fd, unsigned long request, void *arg)
{
	uint64_t start = now();

	if (ioctl(fd, request, arg))
		die("ioctl");
	return now() - start;
}

/* The guest stays on small pages. */
static void peer_small(void)
{
	char *mem = peer_anonymous(PAGES * HP, false);
	int fd = peer_uffd(0);
	size_t i, j;

	if (fd < 0)
		die("userfaultfd");
	peer_register(fd, mem, PAGES * HP, UFFDIO_REGISTER_MODE_MISSING);
	for (i = 0; i < PAGES; i++) {
		uint64_t begin = now();

		for (j = 0; j < SUBS; j++) {
			struct uffdio_copy arg = {
				.dst = (uintptr_t)mem + i * HP + j * TP,
				.src = (uintptr_t)src + j * TP,
				.len = TP,
			};

			series_add(&part, timed_ioctl(fd, UFFDIO_COPY, &arg));
		}
		series_add(&whole, now() - begin);
	}
	series_print(&whole, "whole page", "UFFDIO_COPY of 4 KiB", 1);
	series_print(&part, "one target page", "UFFDIO_COPY of 4 KiB", 1);
	close(fd);
	munmap(mem, PAGES * HP);
}

static void fill(int fd, uint64_t offset, uint64_t len, uint32_t flags)
{
	if (hp_fill(fd, 0, offset, flags & HUGEPOST_FILL_ZERO ? NULL :
		    src + offset % HP, len, flags))
		die("FILL");
}

static void install(int fd, char *addr)
{
	struct hugepost_install out;

	if (hp_install(fd, addr, HP, &out) || out.out_huge != 1)
		die("INSTALL of a huge page");
}

/* One entry for the whole page. */
static void fill_whole(uint32_t flags, const char *who)
{
	char *mem;
	int fd = bench_object(PAGES * HP, 1, flags, &mem);
	size_t i;

	for (i = 0; i < PAGES; i++) {
		uint64_t start = now(), middle;

		fill(fd, i * HP, HP, 0);
		middle = now();
		install(fd, mem + i * HP);
		series_add(&whole, now() - start);
		series_add(&part, now() - middle);
	}
	series_print(&whole, "whole page", who, 1);
	if (flags & HUGEPOST_SETUP_PREALLOC)
		series_print(&part, "install", "hugepost: INSTALL", 1);
	munmap(mem, PAGES * HP);
	close(fd);
}

/* An entry a target page, @batch of them in one call. */
static void fill_batches(uint32_t flags, unsigned int batch, const char *who)
{
	static struct hugepost_fill_entry entries[SUBS];
	char *mem;
	int fd = bench_object(PAGES * HP, 1, flags, &mem);
	size_t i, j;

	for (i = 0; i < PAGES; i++) {
		uint64_t start;

		for (j = 0; j < SUBS; j++)
			entries[j] = (struct hugepost_fill_entry) {
				.offset = i * HP + j * TP,
				.src = (uintptr_t)src + j * TP,
				.len = TP,
			};
		start = now();
		for (j = 0; j < SUBS; j += batch)
			if (hp_fill_entries(fd, 0, entries + j, batch, NULL))
				die("FILL");
		install(fd, mem + i * HP);
		series_add(&whole, now() - start);
	}
	series_print(&whole, "whole page", who, 1);
	munmap(mem, PAGES * HP);
	close(fd);
}

/* Pages that are complete, mapped by the guest's touch. */
static void fill_touch(void)
{
	char *mem;
	int fd = bench_object(PAGES * HP, 1, HUGEPOST_SETUP_PREALLOC, &mem);
	size_t i;

	fill(fd, 0, HP, 0);
	for (i = 0; i < PAGES; i++)
		fill(fd, i * HP, HP, 0);
	for (i = 0; i < PAGES; i++) {
		uint64_t start = now();

		*(volatile char *)(mem + i * HP);
		series_add(&part, now() - start);
	}
	series_print(&part, "install", "hugepost: next touch", 1);
	munmap(mem, PAGES * HP);
	close(fd);
}

/* All target pages, each by a call of its own. */
static void fill_each(const char *who, int fd)
{
	uint64_t tp;

	for (tp = 0; tp < PAGES * SUBS; tp++) {
		struct hugepost_fill_entry entry = {
			.offset = tp * TP,
			.src = (uintptr_t)src + tp % SUBS * TP,
			.len = TP,
		};
		struct hugepost_fill arg = {
			.size = sizeof(arg),
			.nr = 1,
			.entries = (uintptr_t)&entry,
		};

		series_add(&part, timed_ioctl(fd, HUGEPOST_FILL, &arg));
	}
	series_print(&part, "one target page", who, 1);
}

/* The same by 64 entries in one call. */
static void fill_many(const char *who, int fd)
{
	static struct hugepost_fill_entry entries[64];
	uint64_t tp, i;

	for (tp = 0; tp < PAGES * SUBS; tp += 64) {
		uint64_t start;

		for (i = 0; i < 64; i++)
			entries[i] = (struct hugepost_fill_entry) {
				.offset = (tp + i) * TP,
				.src = (uintptr_t)src + (tp + i) % SUBS * TP,
				.len = TP,
			};
		start = now();
		if (hp_fill_entries(fd, 0, entries, 64, NULL))
			die("FILL");
		series_add(&part, now() - start);
	}
	series_print(&part, "target page, 64 a call", who, 64);
}

/* The second time all of it is present. */
static void fill_twice(void (*all)(const char *who, int fd))
{
	char *mem;
	int fd = bench_object(PAGES * HP, 1, HUGEPOST_SETUP_PREALLOC, &mem);

	all("hugepost: FILL", fd);
	all("hugepost: duplicate", fd);
	munmap(mem, PAGES * HP);
	close(fd);
}

static void fill_zero(void)
{
	char *mem;
	int fd = bench_object(2 * PAGES * HP, 1, 0, &mem);
	uint64_t i, tp;

	for (i = 0; i < PAGES; i++) {
		uint64_t start = now();

		fill(fd, i * HP, HP, HUGEPOST_FILL_ZERO);
		series_add(&part, now() - start);
	}
	series_print(&part, "zero host page", "hugepost: FILL", 1);
	for (tp = PAGES * SUBS; tp < 2 * PAGES * SUBS; tp++) {
		uint64_t start = now();

		fill(fd, tp * TP, TP, HUGEPOST_FILL_ZERO);
		series_add(&part, now() - start);
	}
	series_print(&part, "zero target page", "hugepost: FILL", 1);
	munmap(mem, 2 * PAGES * HP);
	close(fd);
}

static void discard(int fd, uint64_t offset, uint64_t len)
{
	if (hp_discard(fd, offset, len) != (int64_t)(len / TP))
		die("DISCARD");
}

/* Of pages that are mapped huge. */
static void discards(void)
{
	char *mem;
	int fd = bench_object(PAGES * HP, 1, 0, &mem);
	uint64_t i, start, pass;

	for (pass = 0; pass < 3; pass++) {
		for (i = 0; i < PAGES; i++) {
			fill(fd, i * HP, HP, 0);
			install(fd, mem + i * HP);
		}
		if (pass == 2) {
			start = now();
			discard(fd, 0, PAGES * HP);
			series_add(&part, now() - start);
			series_print(&part, "discard", "hugepost: 64 MiB", 1);
			break;
		}
		for (i = 0; i < PAGES; i++) {
			start = now();
			discard(fd, i * HP, pass ? HP : TP);
			series_add(&part, now() - start);
			if (!pass)
				discard(fd, i * HP + TP, HP - TP);
		}
		series_print(&part, "discard", pass ? "hugepost: 2 MiB" :
			     "hugepost: 4 KiB of a huge page", 1);
	}
	munmap(mem, PAGES * HP);
	close(fd);
}

/* Calls that stand by themselves. */
static void others(void)
{
	static uint64_t bits[PAGES * SUBS / 64];
	struct hugepost_collapse collapse = { .size = sizeof(collapse) };
	char *mem;
	int fd = bench_object(PAGES * HP, 1, 0, &mem);
	uint64_t i, start;

	for (i = 0; i < PAGES; i++)
		fill(fd, i * HP, HP, 0);
	for (i = 0; i < 100; i++) {
		start = now();
		if (hp_bitmap(fd, 0, PAGES * HP, bits) != PAGES * SUBS)
			die("BITMAP");
		series_add(&part, now() - start);
	}
	series_print(&part, "bitmap of 64 MiB", "hugepost", 1);
	for (i = 0; i < 20; i++) {
		start = now();
		if (hp_reset(fd, 0))
			die("RESET");
		series_add(&part, now() - start);
	}
	series_print(&part, "reset", "hugepost", 1);

	for (i = 0; i < PAGES; i++) {
		collapse.addr = (uintptr_t)mem + i * HP;
		collapse.length = HP;
		start = now();
		if (ioctl(fd, HUGEPOST_COLLAPSE, &collapse) ||
		    collapse.out_length)
			die("COLLAPSE");
		series_add(&part, now() - start);
	}
	series_print(&part, "collapse of a host page", "hugepost: no page table",
		     1);
	munmap(mem, PAGES * HP);
	close(fd);
}

int main(void)
{
	src = bench_source(HP);
	floor_pages();
	peer_qemu();
	peer_alias();
	peer_moving();
	peer_small();
	fill_whole(HUGEPOST_SETUP_PREALLOC, "hugepost: one entry");
	fill_batches(HUGEPOST_SETUP_PREALLOC, 512, "hugepost: 512 entries a call");
	fill_batches(HUGEPOST_SETUP_PREALLOC, 64, "hugepost: 64 entries a call");
	fill_batches(HUGEPOST_SETUP_PREALLOC, 8, "hugepost: 8 entries a call");
	fill_batches(HUGEPOST_SETUP_PREALLOC, 1, "hugepost: 1 entry a call");
	fill_whole(0, "hugepost: one entry, allocated then");
	fill_batches(0, 512, "hugepost: 512 entries a call, allocated then");
	fill_touch();
	fill_twice(fill_each);
	fill_twice(fill_many);
	fill_zero();
	discards();
	others();
	return 0;
}
