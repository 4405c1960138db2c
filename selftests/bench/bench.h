/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the benchmarks share: a clock, series of samples, and how they are
 * printed: a line of JSON a series.
 *
 *	{"figure": "...", "who": "...", "unit": "...", "n": ..., "mean": ...,
 *	 "min": ..., "p10": ..., "median": ..., "p90": ..., "p99": ..., "max": ...}
 *
 * The clock is the CPU's counter. In a VM whose clock counts instructions
 * (BENCH_CLOCK=instructions, see run) it counts these, else it is turned to ns.
 */
#ifndef HUGEPOST_BENCH_H
#define HUGEPOST_BENCH_H

#include "../programs/hugepost_test.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <x86intrin.h>

#define SAMPLES_MAX	(64 * SUBS)

struct series {
	uint64_t values[SAMPLES_MAX];
	size_t nr;
};

static inline void __attribute__((noreturn)) die(const char *what)
{
	perror(what);
	exit(1);
}

static inline bool bench_counts(void)
{
	const char *clock = getenv("BENCH_CLOCK");

	return clock && !strcmp(clock, "instructions");
}

static inline uint64_t now(void)
{
	unsigned int cpu;

	return __rdtscp(&cpu);
}

static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* Ticks of the clock a ns. */
static inline double bench_rate(void)
{
	static double rate;

	if (!rate) {
		uint64_t ticks = now(), start = now_ns(), end;

		do
			end = now_ns();
		while (end - start < 20000000);
		rate = (double)(now() - ticks) / (double)(end - start);
	}
	return rate;
}

static inline void series_add(struct series *s, uint64_t value)
{
	if (s->nr < SAMPLES_MAX)
		s->values[s->nr++] = value;
}

static inline int series_compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Prints the series, each value divided by @per, and empties it. */
static inline void series_print_unit(struct series *s, const char *figure,
				     const char *who, const char *unit,
				     double per)
{
	size_t last = s->nr - 1, i;
	double sum = 0;

	if (!s->nr) {
		fprintf(stderr, "%s of %s: no sample\n", figure, who);
		exit(1);
	}
	qsort(s->values, s->nr, sizeof(*s->values), series_compare);
#define AT(_percent) ((double)s->values[last * (_percent) / 100] / per)
	for (i = 0; i < s->nr; i++)
		sum += (double)s->values[i];
	printf("{\"figure\": \"%s\", \"who\": \"%s\", \"unit\": \"%s\", \"n\": %zu, "
	       "\"mean\": %.1f, \"min\": %.1f, \"p10\": %.1f, \"median\": %.1f, \"p90\": %.1f, "
	       "\"p99\": %.1f, \"max\": %.1f}\n",
	       figure, who, unit, s->nr, sum / (double)s->nr / per, AT(0),
	       AT(10), AT(50), AT(90), AT(99), AT(100));
#undef AT
	fflush(stdout);
	s->nr = 0;
}

/* Of times: each sample stands for @per operations. */
static inline void series_print(struct series *s, const char *figure,
				const char *who, double per)
{
	if (bench_counts())
		series_print_unit(s, figure, who, "instructions", per);
	else
		series_print_unit(s, figure, who, "ns", per * bench_rate());
}

/* A single value that is no time. */
static inline void value_print(const char *figure, const char *who,
			       const char *unit, double value)
{
	printf("{\"figure\": \"%s\", \"who\": \"%s\", \"unit\": \"%s\", \"n\": 1, "
	       "\"median\": %.4f}\n", figure, who, unit, value);
	fflush(stdout);
}

/* What the floor is made of, and what a peer gathers its host page with. */
static inline void copy_words(void *dst, const void *src, size_t len)
{
	len /= 8;
	asm volatile("rep movsq"
		     : "+D"(dst), "+S"(src), "+c"(len) : : "memory");
}

/* @len bytes of the caller's, present and different from zero. */
static inline char *bench_source(size_t len)
{
	char *src = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (src == MAP_FAILED)
		die("memory for the source");
	memset(src, 0x5a, len);
	return src;
}

/* An object that is set up, and its mapping. */
static inline int bench_object(uint64_t length, uint32_t channels,
			       uint32_t flags, char **mem)
{
	int fd = hp_new(length, channels, flags);

	if (fd < 0) {
		errno = -fd;
		die("an object");
	}
	*mem = hp_map(fd, 0, length);
	if (*mem == MAP_FAILED)
		die("an object's mapping");
	return fd;
}

#endif /* HUGEPOST_BENCH_H */
