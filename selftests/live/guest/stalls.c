// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long the guest waited for its memory: a histogram of the reads that took
 * long enough to be called a stall.
 */
#include "guest.h"

/* Width of the first STALL_STEPS buckets, which begin at 1 us. */
#define STEP_NS			(1000 / STALL_STEPS)

/* A read this long is a stall. Signed: see visit(). */
s64 stall_cycles;

void stalls_init(void)
{
	stall_cycles = div_u64((u64)options.stall_us * tsc_khz, 1000);
}

/* What is below 1 us is in the first bucket, what is too long in the last. */
static u32 bucket_of(u64 ns)
{
	u64 steps = div_u64(ns, STEP_NS);
	u32 doublings = 0;
	u32 bucket;

	if (steps < STALL_STEPS)
		return 0;
	while (steps >= 2 * STALL_STEPS) {
		steps >>= 1;
		doublings++;
	}
	bucket = doublings * STALL_STEPS + (u32)steps - STALL_STEPS;
	return bucket < STALL_BUCKETS ? bucket : STALL_BUCKETS - 1;
}

static u64 bucket_low_ns(u32 bucket)
{
	return (u64)(STALL_STEPS + bucket % STALL_STEPS) * STEP_NS <<
	       bucket / STALL_STEPS;
}

void stalls_add(struct stalls *stalls, u64 cycles)
{
	u64 ns = div_u64(cycles * 1000000, tsc_khz);

	stalls->count++;
	stalls->total_ns += ns;
	if (stalls->max_ns < ns)
		stalls->max_ns = ns;
	stalls->buckets[bucket_of(ns)]++;
}

/* The other CPUs are held. */
void stalls_print(void)
{
	u64 max_ns = 0, total_ns = 0, reads = 0;
	u32 cpu, bucket, count = 0;

	for (cpu = 0; cpu < nr_cpus; cpu++) {
		const struct stalls *stalls = &cpus[cpu].stalls;

		count += stalls->count;
		total_ns += stalls->total_ns;
		if (max_ns < stalls->max_ns)
			max_ns = stalls->max_ns;
		reads += cpus[cpu].reads;
	}
	say("histogram: %u stalls of %llu reads, max %llu us, total %llu us",
	    count, reads, div_u64(max_ns, 1000), div_u64(total_ns, 1000));

	for (bucket = 0; bucket < STALL_BUCKETS; bucket++) {
		count = 0;
		for (cpu = 0; cpu < nr_cpus; cpu++)
			count += cpus[cpu].stalls.buckets[bucket];
		if (count)
			say("bucket_ns %llu %u", bucket_low_ns(bucket), count);
	}
	say("histogram end");
}

/* The other CPUs are held. */
void stalls_reset(void)
{
	u32 cpu, bucket;

	for (cpu = 0; cpu < nr_cpus; cpu++) {
		struct stalls *stalls = &cpus[cpu].stalls;

		cpus[cpu].reads = 0;
		stalls->count = 0;
		stalls->max_ns = 0;
		stalls->total_ns = 0;
		for (bucket = 0; bucket < STALL_BUCKETS; bucket++)
			stalls->buckets[bucket] = 0;
	}
}
