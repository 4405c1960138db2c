// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two channels on two CPUs against one channel on one: how fast they fill host
 * pages of their own, and how fast the same host page. Wall time. What the CPUs
 * can do is told by two threads that copy the same bytes in user memory, without
 * any call.
 *
 * usage: channels
 *
 * Needs the module, and 1200 MiB of memory. The status is 4 if there are not two
 * CPUs.
 */
#include "bench.h"

#include <sched.h>

#define PAGES		256UL	/* host pages */
#define BATCH		64U	/* entries a call */
#define BATCHES		(SUBS / BATCH)	/* of a host page */
#define REPEATS		9U

/*
 * The object's target pages in the order in which one channel fills them. Of
 * two channels, the second one fills the second half of each host page's
 * entries, or every other host page.
 */
static struct hugepost_fill_entry entries[PAGES][BATCHES][BATCH];
static bool together;		/* on the same host page? */
static char *plain;		/* user memory to copy to, NULL: FILL */
static unsigned int nr_threads;
static int object;
static pthread_barrier_t start_line;
static unsigned int arrived;	/* threads that are through, over all pages */

struct worker {
	pthread_t thread;
	unsigned int nr;
	int cpu;
	uint64_t start;
	uint64_t end;
};

static void prepare(const char *src)
{
	unsigned int i;
	size_t page;

	for (page = 0; page < PAGES; page++) {
		struct hugepost_fill_entry *entry = entries[page][0];

		for (i = 0; i < SUBS; i++, entry++) {
			uint64_t sub = i;

			if (together)
				sub = i < SUBS / 2 ? 2 * i : 2 * i - SUBS + 1;
			*entry = (struct hugepost_fill_entry) {
				.offset = page * HP + sub * TP,
				.src = (uintptr_t)src + sub * TP,
				.len = TP,
			};
		}
	}
}

static void copy_batch(const struct hugepost_fill_entry *entry)
{
	unsigned int i;

	for (i = 0; i < BATCH; i++, entry++)
		memcpy(plain + entry->offset,
		       (const char *)(uintptr_t)entry->src, TP);
}

static void fill_batches(const struct worker *w, size_t page,
			 unsigned int first, unsigned int end)
{
	for (; first < end; first++)
		if (plain)
			copy_batch(entries[page][first]);
		else if (hp_fill_entries(object, w->nr, entries[page][first],
					 BATCH, NULL))
			die("FILL");
}

/* Nobody is a host page ahead of the others. */
static void meet(size_t page)
{
	unsigned int all = (unsigned int)(page + 1) * nr_threads;

	__atomic_add_fetch(&arrived, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&arrived, __ATOMIC_ACQUIRE) < all)
		__builtin_ia32_pause();
}

static void *work(void *arg)
{
	struct worker *w = arg;
	unsigned int share = BATCHES / nr_threads;
	cpu_set_t cpus;
	size_t page;

	CPU_ZERO(&cpus);
	CPU_SET(w->cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		die("sched_setaffinity");
	pthread_barrier_wait(&start_line);
	w->start = now_ns();
	for (page = 0; page < PAGES; page++) {
		if (together) {
			fill_batches(w, page, w->nr * share,
				     (w->nr + 1) * share);
			meet(page);
		} else if (page % nr_threads == w->nr) {
			fill_batches(w, page, 0, BATCHES);
		}
	}
	w->end = now_ns();
	return NULL;
}

/* Bytes a second. */
static uint64_t run(const int *cpus, unsigned int threads)
{
	uint64_t start = ~0ULL, end = 0;
	struct worker workers[2];
	unsigned int i;

	nr_threads = threads;
	arrived = 0;
	pthread_barrier_init(&start_line, NULL, threads);
	for (i = 0; i < threads; i++) {
		workers[i] = (struct worker) { .nr = i, .cpu = cpus[i] };
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			die("a thread");
	}
	for (i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		if (workers[i].start < start)
			start = workers[i].start;
		if (workers[i].end > end)
			end = workers[i].end;
	}
	pthread_barrier_destroy(&start_line);
	if (!plain && hp_discard(object, 0, PAGES * HP) != PAGES * SUBS)
		die("DISCARD");
	return (uint64_t)((double)(PAGES * HP) / (double)(end - start) * 1e9);
}

/* What one and what two threads do. */
struct pair {
	struct series one, two, ratio;
};

static void measure(struct pair *p, const int *cpus)
{
	uint64_t alone = run(cpus, 1), both = run(cpus, 2);

	series_add(&p->one, alone);
	series_add(&p->two, both);
	series_add(&p->ratio, both * 10000 / alone);
}

static void tell(struct pair *p, const char *how, const char *one,
		 const char *two)
{
	char figure[80];

	snprintf(figure, sizeof(figure), "fill, %s", how);
	series_print_unit(&p->one, figure, one, "MiB/s", 1 << 20);
	series_print_unit(&p->two, figure, two, "MiB/s", 1 << 20);
	qsort(p->ratio.values, p->ratio.nr, sizeof(*p->ratio.values),
	      series_compare);
	value_print("speed-up of two channels", how, "ratio",
		    (double)p->ratio.values[p->ratio.nr / 2] / 10000);
	p->ratio.nr = 0;
}

/*
 * One and two alternate, and FILL with copies in user memory, to @copies, if there
 * is any: so what else the machine does meets all of them.
 */
static void compare(const int *cpus, const char *src, const char *how,
		    char *copies)
{
	static struct pair fills, plains;
	unsigned int i;

	together = !copies;
	prepare(src);
	for (i = 0; i < REPEATS; i++) {
		measure(&fills, cpus);
		plain = copies;
		if (copies)
			measure(&plains, cpus);
		plain = NULL;
	}
	tell(&fills, how, "hugepost: one channel", "hugepost: two channels");
	if (copies)
		tell(&plains, "copies in user memory", "one thread",
		     "two threads");
}

int main(void)
{
	unsigned int nr = 0;
	cpu_set_t allowed;
	int cpus[2], cpu;
	char *src, *mem, *copies;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		die("sched_getaffinity");
	for (cpu = 0; cpu < CPU_SETSIZE && nr < 2; cpu++)
		if (CPU_ISSET(cpu, &allowed))
			cpus[nr++] = cpu;
	if (nr < 2) {
		fprintf(stderr, "channels: skipped, there are not two CPUs\n");
		return 4;
	}
	src = bench_source(HP);
	object = bench_object(PAGES * HP, 2, HUGEPOST_SETUP_PREALLOC, &mem);
	copies = bench_source(PAGES * HP);
	compare(cpus, src, "different host pages", copies);
	compare(cpus, src, "the same host page", NULL);
	munmap(copies, PAGES * HP);
	munmap(mem, PAGES * HP);
	close(object);
	return 0;
}
