// SPDX-License-Identifier: GPL-2.0-only
/*
 * What CPU 0 does besides visiting pages: it prints what is to be printed, and
 * obeys single characters from the serial port:
 *
 *	s	sweep: check every page while nobody writes
 *	h	print the histogram of stalls
 *	r	reset the histogram, and the numbers of reads and stalls
 *	p, g	pause visiting; go on
 */
#include "guest.h"

/* A sweep of a memory that is all wrong would print for hours. */
#define SWEEP_LINES		16

/* CPUs keep still while it is odd, as they do until memory is filled. */
static volatile u32 hold = 1;
static bool paused;

/* Totals of the CPUs' counters at the last status line. */
static u64 reads, writes;
static u32 reads_seen[MAX_CPUS], writes_seen[MAX_CPUS];

static void wait_for_others(void)
{
	u32 cpu;

	for (cpu = 1; cpu < nr_cpus; cpu++) {
		while (cpus[cpu].held != hold) {
			new_tick(&cpus[0]);
			wait_for_tick(&cpus[0]);
		}
	}
}

/* For a moment when the others are between two visits. */
static void hold_others(void)
{
	if (!paused)
		hold++;
	wait_for_others();
}

static void release_others(void)
{
	if (!paused)
		hold++;
}

/* Memory is filled when the others come to be held for the first time. */
void release_at_start(void)
{
	wait_for_others();
	say("ready: %u pages, %u cpus, tsc %u kHz", nr_pages, nr_cpus, tsc_khz);
	release_others();
}

/* On each of the others: returns when it need not keep still. */
void stay_held(struct cpu *cpu)
{
	u32 value;

	while ((value = hold) & 1) {
		cpu->held = value;
		new_tick(cpu);
		wait_for_tick(cpu);
	}
}

static void print_wrong_pages(void)
{
	u32 cpu;

	for (cpu = 0; cpu < nr_cpus; cpu++) {
		struct wrong *wrong = &cpus[cpu].wrong;

		if (!wrong->pending)
			continue;
		say("WRONG page %u version %u word %u: 0x%08x expected 0x%08x",
		    wrong->index, wrong->version, wrong->word,
		    wrong->value, wrong->expected);
		barrier();
		wrong->pending = false;
	}
}

/*
 * Only the lower half of a counter is read: the CPU that counts may be between
 * its stores to the two halves.
 */
static void add_up(u64 *total, u32 *seen, u32 counter)
{
	*total += counter - *seen;
	*seen = counter;
}

static void print_status(u64 ms)
{
	u32 cpu, bad = 0, stalls = 0;

	for (cpu = 0; cpu < nr_cpus; cpu++) {
		add_up(&reads, &reads_seen[cpu], cpus[cpu].reads);
		add_up(&writes, &writes_seen[cpu], cpus[cpu].writes);
		bad += cpus[cpu].bad;
		stalls += cpus[cpu].stalls.count;
	}
	say("%llu ms, %llu reads, %llu writes, %u bad, %u stalls",
	    ms, reads, writes, bad, stalls);
}

static void report(void)
{
	static u64 next_ms;
	u64 ms = div_u64(rdtsc() - boot_tsc, tsc_khz);

	if (!options.report_ms || ms < next_ms)
		return;
	next_ms = ms + options.report_ms;
	print_status(ms);
}

static void sweep_pages(void)
{
	u32 index, bad = 0;

	hold_others();
	for (index = 0; index < nr_pages; index++) {
		if (check_page(&cpus[0], index))
			continue;
		if (bad++ < SWEEP_LINES)
			print_wrong_pages();
	}
	release_others();
	say("sweep: %u pages, %u bad", nr_pages, bad);
}

static void reset_numbers(void)
{
	u32 cpu;

	hold_others();
	stalls_reset();
	reads = 0;
	for (cpu = 0; cpu < nr_cpus; cpu++)
		reads_seen[cpu] = 0;
	release_others();
	say("reset");
}

static void obey(int command)
{
	switch (command) {
	case 's':
		sweep_pages();
		break;
	case 'h':
		hold_others();
		stalls_print();
		release_others();
		break;
	case 'r':
		reset_numbers();
		break;
	case 'p':
		hold_others();
		paused = true;
		say("paused");
		break;
	case 'g':
		if (paused) {
			paused = false;
			release_others();
		}
		say("running");
		break;
	}
}

/* The main loop of CPU 0. */
void run_boot_cpu(struct cpu *cpu)
{
	int command;

	for (;;) {
		if (new_tick(cpu)) {
			print_wrong_pages();
			while ((command = serial_read()) >= 0)
				obey(command);
			report();
		}
		if (!paused && has_quota(cpu))
			visit(cpu);
		else
			wait_for_tick(cpu);
	}
}
