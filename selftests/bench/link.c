// SPDX-License-Identifier: GPL-2.0-only
/*
 * A postcopy migration over a modelled link: how long a touch of a missing page
 * stalls the guest, on hugepost and on its peers, which differ in what has to be
 * sent as a whole; and how much is sent again because the guest wrote to it.
 *
 * usage: link
 *
 * The source pushes all pages over the link all the time. A request jumps the
 * queue, but has to wait for the host page that is being sent: QEMU sends a host
 * page in one go (ram_save_host_page() in migration/ram.c, which "starting at
 * pss->page" sends "up to the end of the current host page"), as the destination
 * can place nothing less. What remains of it is anything from nothing to all,
 * evenly over the samples. The push itself is not executed: nobody waits for its
 * pages. Bytes are there when the link has carried them; the network has no
 * latency of its own, which would be the same for all.
 *
 * Times are those of CLOCK_MONOTONIC. In a VM whose clock counts instructions,
 * one that sleeps jumps ahead to the next timer, and an instruction is a ns.
 *
 * Needs the module, 40 free huge pages of 2 MiB, and two of 1 GiB, without which
 * that peer is left out.
 */
#include "peers.h"

#define GB		(1UL << 30)
#define MEMORY		(32 * HP)
#define RATES		(sizeof(rates) / sizeof(rates[0]))
/* A wait that is shorter is not worth a sleep. */
#define SPIN_NS		20000

struct peer {
	const char *who;
	size_t unit;		/* bytes that are sent and placed as a whole */
	size_t length;
	unsigned int samples;	/* stalls at each rate */
	char *mem;
	char *tmp;		/* where a unit of many target pages is gathered */
	int fd;			/* the object, or the userfaultfd */
	int events;		/* the object's event descriptor, or -1 */
	unsigned int rate;	/* of the link, in Gbit/s: bits a ns */
};

static const unsigned int rates[] = { 1, 10, 25, 100 };
static char *src;

/* The numbers 0 to @nr - 1 in random order. */
static void shuffle(uint32_t *order, uint32_t nr, unsigned short *seed)
{
	uint32_t i, j;

	for (i = 0; i < nr; i++) {
		j = (uint32_t)nrand48(seed) % (i + 1);
		order[i] = order[j];
		order[j] = i;
	}
}

static void wait_until(uint64_t end)
{
	struct timespec t = {
		.tv_sec = (time_t)(end / 1000000000),
		.tv_nsec = (long)(end % 1000000000),
	};

	if (now_ns() + SPIN_NS < end)
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
	while (now_ns() < end)
		;
}

/* Offset of the unit that the guest misses. */
static uint64_t next_request(const struct peer *p)
{
	struct hugepost_event event;
	struct uffd_msg msg;

	if (p->events >= 0) {
		if (hp_read_event(p->events, &event))
			die("an event");
		return event.offset;
	}
	if (read(p->fd, &msg, sizeof(msg)) != sizeof(msg) ||
	    msg.event != UFFD_EVENT_PAGEFAULT)
		die("an event of userfaultfd");
	return (msg.arg.pagefault.address - (uintptr_t)p->mem) & -p->unit;
}

/*
 * Receives a unit that is requested now. The last 2 MiB are gathered target page
 * by target page, as they come. The rest of 1 GiB, for which the link takes
 * longer than a copy does, comes in larger steps and is not copied again: its
 * bytes in @tmp are as good.
 */
static void receive(const struct peer *p, double remainder)
{
	uint64_t free = now_ns() + (uint64_t)(remainder * (double)p->unit) * 8 /
				   p->rate;
	size_t pages = p->unit / TP, done = 0, arrived = 0;

	while (done < pages) {
		arrived += 1 + (pages - done - 1) / SUBS;
		wait_until(free + arrived * TP * 8 / p->rate);
		for (; done < arrived; done++)
			if (p->tmp && pages - done <= SUBS)
				copy_words(p->tmp + done * TP,
					   src + done % SUBS * TP, TP);
	}
}

static void *serve(void *arg)
{
	struct peer *p = arg;
	unsigned int i;

	prctl(PR_SET_TIMERSLACK, 1);
	for (i = 0; i < p->samples; i++) {
		uint64_t offset = next_request(p);

		receive(p, (i + 0.5) / p->samples);
		if (p->events < 0)
			peer_copy(p->fd, p->mem + offset, p->tmp ? p->tmp : src,
				  p->unit);
		else if (hp_fill(p->fd, 0, offset, src, p->unit, 0))
			die("FILL");
	}
	return NULL;
}

/* All of the memory is missing again. */
static void empty(const struct peer *p)
{
	if (p->events >= 0 ? hp_discard(p->fd, 0, p->length) < 0 :
	    madvise(p->mem, p->length,
		    p->unit == TP ? MADV_DONTNEED : MADV_REMOVE))
		die("memory is not given back");
}

/* Touches missing pages, one after the other, anywhere. */
static void stalls(struct peer *p)
{
	static uint32_t order[MEMORY / TP];
	static struct series stall;
	uint32_t units = (uint32_t)(p->length / p->unit);
	unsigned short seed[3] = { 1 };
	pthread_t handler;
	char figure[80];
	unsigned int i;

	if (pthread_create(&handler, NULL, serve, p))
		die("a thread");
	for (i = 0; i < p->samples; i++) {
		uint64_t start;
		char *page;

		if (i % units == 0) {
			empty(p);
			shuffle(order, units, seed);
		}
		page = p->mem + order[i % units] * p->unit +
		       (size_t)nrand48(seed) % (p->unit / TP) * TP;
		start = now_ns();
		*(volatile char *)page;
		series_add(&stall, now_ns() - start);
	}
	pthread_join(handler, NULL);
	snprintf(figure, sizeof(figure), "stall at %u Gbit/s", p->rate);
	series_print_unit(&stall, figure, p->who, "us", 1000);
}

static void all_rates(struct peer *p)
{
	size_t i;

	for (i = 0; i < RATES; i++) {
		p->rate = rates[i];
		stalls(p);
	}
}

static void stalls_hugepost(void)
{
	struct peer p = {
		.who = "hugepost",
		.unit = TP,
		.length = MEMORY,
		.samples = 1000,
	};

	p.fd = bench_object(MEMORY, 1, HUGEPOST_SETUP_PREALLOC, &p.mem);
	p.events = hp_arm(p.fd, 0);
	if (p.events < 0)
		die("ARM");
	all_rates(&p);
	munmap(p.mem, MEMORY);
	close(p.events);
	close(p.fd);
}

static void stalls_uffd(struct peer p)
{
	p.fd = peer_uffd(0);
	if (p.fd < 0)
		die("userfaultfd");
	p.events = -1;
	if (p.tmp)
		*p.tmp = 1;
	peer_register(p.fd, p.mem, p.length, UFFDIO_REGISTER_MODE_MISSING);
	all_rates(&p);
	close(p.fd);
	munmap(p.mem, p.length);
	if (p.tmp)
		munmap(p.tmp, p.unit);
}

static void stalls_peers(void)
{
	stalls_uffd((struct peer) {
		.who = "userfaultfd, 4 KiB",
		.unit = TP,
		.length = MEMORY,
		.samples = 1000,
		.mem = peer_anonymous(MEMORY, false),
	});
	stalls_uffd((struct peer) {
		.who = "hugetlbfs, 2 MiB",
		.unit = HP,
		.length = MEMORY,
		.samples = 64,
		.mem = peer_hugetlb(MEMORY, 21, NULL),
		.tmp = peer_hugetlb(HP, 21, NULL),
	});
}

static bool have_gigantic(unsigned int nr)
{
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages",
			"re");
	unsigned int free = 0;

	if (f) {
		if (fscanf(f, "%u", &free) != 1)
			free = 0;
		fclose(f);
	}
	return free >= nr;
}

static void stalls_gigantic(void)
{
	if (!have_gigantic(2)) {
		fprintf(stderr, "link: hugetlbfs with pages of 1 GiB is left out, two of them are not free\n");
		return;
	}
	stalls_uffd((struct peer) {
		.who = "hugetlbfs, 1 GiB",
		.unit = GB,
		.length = GB,
		.samples = bench_counts() ? 1 : 5,
		.mem = peer_hugetlb(GB, 30, NULL),
		.tmp = peer_hugetlb(GB, 30, NULL),
	});
}

static void print_missing(const char *who, uint64_t pages)
{
	value_print("bytes sent again, 1 % dirty", who, "percent of memory",
		    100 * (double)pages / (MEMORY / TP));
}

static uint64_t missing(char *mem)
{
	static unsigned char resident[MEMORY / TP];
	uint64_t pages = 0;
	size_t i;

	if (mincore(mem, MEMORY, resident))
		die("mincore");
	for (i = 0; i < MEMORY / TP; i++)
		pages += !(resident[i] & 1);
	return pages;
}

/*
 * When postcopy begins, what the guest has written to since it was sent is
 * discarded, and sent again: one page in a hundred, of a guest that writes here
 * and there. All of the memory is there before.
 */
static void dirty(void)
{
	static uint64_t bits[MEMORY / TP / 64];
	static uint32_t order[MEMORY / TP];
	char *mem, *small = peer_anonymous(MEMORY, false);
	char *huge = peer_hugetlb(MEMORY, 21, NULL);
	int fd = bench_object(MEMORY, 1, 0, &mem);
	unsigned short seed[3] = { 2 };
	int64_t there;
	size_t i;

	shuffle(order, MEMORY / TP, seed);
	for (i = 0; i < MEMORY; i += HP)
		if (hp_fill(fd, 0, i, src, HP, 0))
			die("FILL");
	memset(small, 1, MEMORY);
	memset(huge, 1, MEMORY);
	for (i = 0; i < MEMORY / TP / 100; i++) {
		uint64_t offset = order[i] * TP;

		if (hp_discard(fd, offset, TP) != 1 ||
		    madvise(small + offset, TP, MADV_DONTNEED) ||
		    madvise(huge + (offset & -HP), HP, MADV_REMOVE))
			die("a discard");
	}
	there = hp_bitmap(fd, 0, MEMORY, bits);
	if (there < 0)
		die("BITMAP");
	print_missing("hugepost", MEMORY / TP - (uint64_t)there);
	print_missing("userfaultfd, 4 KiB", missing(small));
	print_missing("hugetlbfs, 2 MiB", missing(huge));
	/* One of a host page's 262,144 target pages would be enough. */
	print_missing("hugetlbfs, 1 GiB", MEMORY / TP);
	munmap(huge, MEMORY);
	munmap(small, MEMORY);
	munmap(mem, MEMORY);
	close(fd);
}

int main(void)
{
	src = bench_source(HP);
	stalls_hugepost();
	stalls_peers();
	stalls_gigantic();
	dirty();
	return 0;
}
