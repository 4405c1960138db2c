// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest of `make demo-stream`: process 1 of an initramfs that holds nothing else.
 *
 * Half of the free memory gets a pattern, page by page; the rest stays as the
 * kernel left it, mostly zero. Then some pages change all the time, at a rate
 * set by the guest's clock and not by its speed: a migration has to send them
 * again, and still comes to an end. A change is a new version of the pattern,
 * or the page turns to zero, or back. The guest checks itself on the way: a
 * page that is not what was written last gives a line with "WRONG" in it, which
 * the host looks for on the serial console.
 */
#include <errno.h>
#include <linux/types.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#define PAGE_SIZE		4096
#define PAGE_WORDS		(PAGE_SIZE / sizeof(__u64))

/* First word of a page with a pattern; make-streams looks for it in the dump. */
#define PATTERN_MAGIC		0x68756765706f7374ULL

#define TICK_NS			20000000L
#define TICKS_PER_REPORT	50
#define CHANGES_PER_TICK	32
#define CHECKS_PER_TICK		8
/* Of so many changes, one turns a page to zero. */
#define ZERO_ONE_IN		8

struct memory {
	__u64 (*pages)[PAGE_WORDS];
	/* Version of each page's pattern, 0 for a zero page. */
	__u32 *versions;
	size_t nr;
	__u32 last_version;
};

static void say(const char *format, ...)
{
	va_list args;

	printf("demo-guest: ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
}

/* One step of splitmix64: every bit of the state changes every bit of it. */
static __u64 mix(__u64 *state)
{
	__u64 z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static void make_pattern(__u64 *page, size_t number, __u32 version)
{
	__u64 state = ((__u64)number << 32) | version;
	size_t i;

	if (!version) {
		memset(page, 0, PAGE_SIZE);
		return;
	}

	page[0] = PATTERN_MAGIC;
	page[1] = number;
	page[2] = version;
	for (i = 3; i < PAGE_WORDS; i++)
		page[i] = mix(&state);
}

static void write_page(struct memory *mem, size_t number, __u32 version)
{
	make_pattern(mem->pages[number], number, version);
	mem->versions[number] = version;
}

static unsigned int check_page(const struct memory *mem, size_t number)
{
	__u64 expected[PAGE_WORDS];
	size_t i;

	make_pattern(expected, number, mem->versions[number]);
	for (i = 0; i < PAGE_WORDS; i++) {
		if (mem->pages[number][i] == expected[i])
			continue;
		say("WRONG page %zu, version %u, word %zu: 0x%016llx, expected 0x%016llx",
		    number, mem->versions[number], i,
		    mem->pages[number][i], expected[i]);
		return 1;
	}
	return 0;
}

static int fill(struct memory *mem)
{
	struct sysinfo info;
	void *addr;
	size_t i;

	if (sysinfo(&info))
		return -errno;

	mem->nr = (__u64)info.freeram * info.mem_unit / 2 / PAGE_SIZE;
	mem->versions = calloc(mem->nr, sizeof(*mem->versions));
	if (!mem->versions)
		return -ENOMEM;

	addr = mmap(NULL, mem->nr * PAGE_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (addr == MAP_FAILED)
		return -errno;
	mem->pages = addr;

	mem->last_version = 1;
	for (i = 0; i < mem->nr; i++)
		write_page(mem, i, mem->last_version);
	return 0;
}

static void sleep_until(struct timespec *when)
{
	struct timespec now;

	when->tv_nsec += TICK_NS;
	if (when->tv_nsec >= 1000000000L) {
		when->tv_nsec -= 1000000000L;
		when->tv_sec++;
	}

	/* After a pause of the whole guest there is nothing to catch up with. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec > when->tv_sec)
		*when = now;
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, when, NULL);
}

static void churn(struct memory *mem)
{
	unsigned long changes = 0, checks = 0, wrong = 0;
	unsigned int tick, i;
	struct timespec when;
	__u64 random = 1;

	clock_gettime(CLOCK_MONOTONIC, &when);
	for (tick = 1;; tick++) {
		for (i = 0; i < CHANGES_PER_TICK; i++, changes++) {
			size_t number = mix(&random) % mem->nr;

			if (mix(&random) % ZERO_ONE_IN)
				write_page(mem, number, ++mem->last_version);
			else
				write_page(mem, number, 0);
		}
		for (i = 0; i < CHECKS_PER_TICK; i++, checks++)
			wrong += check_page(mem, mix(&random) % mem->nr);

		if (tick % TICKS_PER_REPORT == 0)
			say("%lu changes, %lu checks, %lu bad",
			    changes, checks, wrong);
		sleep_until(&when);
	}
}

int main(void)
{
	struct memory mem = { 0 };
	int err;

	say("filling memory");
	err = fill(&mem);
	if (err) {
		/* The kernel panics when process 1 ends, which ends QEMU. */
		say("cannot fill memory: %s", strerror(-err));
		return 1;
	}

	say("ready: %zu pages with a pattern", mem.nr);
	churn(&mem);
}
