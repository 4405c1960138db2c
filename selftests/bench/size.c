// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the size of an object costs: calls on objects of 1 GiB, 16 GiB and 1 TiB
 * that have equally many host pages populated, and on one that has more; and
 * the module's own memory.
 *
 * usage: size
 *
 * Needs the module, and 600 MiB of memory.
 */
#include "bench.h"

#define GB		(1UL << 30)
#define OBJECTS		5U	/* of each size */
#define POPULATED	64U	/* host pages of an object */
#define POPULATED_MAX	(4 * POPULATED)
#define PART		16U	/* target pages that a host page begins with */
#define FILLS		512U	/* single target pages of an object, after that */
#define ARMS		20U	/* of an object */

struct size {
	uint64_t length;
	const char *name;
	unsigned int populated;
};

static struct series setup, arm, arm_busy, fill, bitmap, discard, release;
static unsigned short seed[3];
static uint64_t places[POPULATED_MAX];	/* host pages that are populated */
static bool present[POPULATED_MAX][SUBS];
static uint64_t *bits;
static char *src;

static unsigned int below(unsigned int limit)
{
	return (unsigned int)nrand48(seed) % limit;
}

static bool chosen(uint64_t place, unsigned int nr)
{
	while (nr--)
		if (places[nr] == place)
			return true;
	return false;
}

/* Different host pages anywhere in the object, the same ones in each run. */
static void choose(const struct size *s)
{
	unsigned int i;

	memset(seed, 0, sizeof(seed));
	for (i = 0; i < s->populated; i++)
		do
			places[i] = below((unsigned int)(s->length / HP));
		while (chosen(places[i], i));
}

static void fill_pages(int fd, uint64_t offset, uint64_t len)
{
	if (hp_fill(fd, 0, offset, src, len, 0))
		die("FILL");
}

static void populate(int fd, const struct size *s)
{
	unsigned int i;

	for (i = 0; i < s->populated; i++)
		fill_pages(fd, places[i] * HP, PART * TP);
}

/* A target page at a time, in host pages that are assembling. */
static void fill_at_random(int fd, const struct size *s)
{
	unsigned int i, place, sub;

	memset(present, 0, sizeof(present));
	for (i = 0; i < FILLS; i++) {
		uint64_t start;

		do {
			place = below(s->populated);
			sub = PART + below(SUBS - PART);
		} while (present[place][sub]);
		present[place][sub] = true;
		start = now();
		fill_pages(fd, places[place] * HP + sub * TP, TP);
		series_add(&fill, now() - start);
	}
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* ARM waits for an RCU grace period: what it does is seen in its CPU time. */
static void arm_and_disarm(int fd)
{
	unsigned int i;

	for (i = 0; i < ARMS; i++) {
		uint64_t busy = cpu_ns(), start = now();
		int events = hp_arm(fd, 0);

		series_add(&arm, now() - start);
		series_add(&arm_busy, cpu_ns() - busy);
		if (events < 0 || hp_disarm(fd))
			die("ARM");
		close(events);
	}
}

static double metadata(int fd)
{
	struct hugepost_stats stats = hp_stats(fd);

	return (double)stats.out_metadata /
	       ((double)stats.out_length / (double)HP);
}

/* The life of an object. @rest, @more: its metadata, empty and populated. */
static void live(const struct size *s, double *rest, double *more)
{
	int64_t pages = s->populated * PART + FILLS;
	uint64_t start;
	unsigned int i;
	char *mem;
	int fd;

	fd = hp_open();
	if (fd < 0)
		die(HUGEPOST_DEVICE);
	start = now();
	if (hp_setup(fd, s->length, 1, 0))
		die("SETUP");
	series_add(&setup, now() - start);
	*rest = metadata(fd);

	mem = hp_map(fd, 0, s->length);
	if (mem == MAP_FAILED)
		die("an object's mapping");
	choose(s);
	populate(fd, s);
	*more = metadata(fd);
	for (i = 0; i < s->populated; i++)
		*(volatile char *)(mem + places[i] * HP);
	fill_at_random(fd, s);
	arm_and_disarm(fd);

	start = now();
	if (hp_bitmap(fd, 0, s->length, bits) != pages)
		die("BITMAP");
	series_add(&bitmap, now() - start);

	start = now();
	if (hp_discard(fd, 0, s->length) != pages)
		die("DISCARD");
	series_add(&discard, now() - start);

	populate(fd, s);
	munmap(mem, s->length);
	start = now();
	close(fd);
	series_add(&release, now() - start);
}

static void measure(const struct size *s)
{
	double rest = 0, more = 0;
	char who[80];
	unsigned int i;

	for (i = 0; i < OBJECTS; i++)
		live(s, &rest, &more);
	snprintf(who, sizeof(who), "hugepost: %s, %u host pages", s->name,
		 s->populated);
	series_print(&setup, "setup", who, 1);
	series_print(&arm, "arm", who, 1);
	series_print_unit(&arm_busy, "arm, CPU time", who,
			  bench_counts() ? "instructions" : "ns", 1);
	series_print(&fill, "fill at random", who, 1);
	series_print(&bitmap, "bitmap", who, 1);
	series_print(&discard, "discard all", who, 1);
	series_print(&release, "release", who, 1);
	value_print("metadata a host page", who, "bytes", more);
	snprintf(who, sizeof(who), "hugepost: %s, empty", s->name);
	value_print("metadata a host page", who, "bytes", rest);
}

/* All host pages have a state, none has memory. */
static void measure_zero(void)
{
	int fd = hp_new(GB, 1, 0);

	if (fd < 0 || hp_fill(fd, 0, 0, NULL, GB, HUGEPOST_FILL_ZERO))
		die("an object of zeros");
	value_print("metadata a host page", "hugepost: 1 GiB, all zero",
		    "bytes", metadata(fd));
	close(fd);
}

int main(void)
{
	static const struct size sizes[] = {
		{ GB, "1 GiB", POPULATED },
		{ 16 * GB, "16 GiB", POPULATED },
		{ 1024 * GB, "1 TiB", POPULATED },
		{ 1024 * GB, "1 TiB", POPULATED_MAX },
	};
	size_t i;

	src = bench_source(PART * TP);
	bits = (uint64_t *)bench_source(1024 * GB / TP / 8);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		measure(&sizes[i]);
	measure_zero();
	return 0;
}
