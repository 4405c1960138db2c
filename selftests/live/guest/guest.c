// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest of the live migration tests: no operating system, but a program that
 * QEMU boots in a moment (-kernel guest.elf), on up to four CPUs.
 *
 * Nearly all memory is pages with a pattern (pattern.c). Each CPU visits pages of
 * its own at random, for ever: it reads a word and takes the time, which is how
 * long a postcopy migration lets a vCPU wait; it checks the page against what was
 * written last; and it writes some pages anew. A page that is not right gives a
 * line with "WRONG" in it on the serial port, where commands come from as well
 * (commands.c). A migration may stop the guest at any instruction: all of its
 * state is memory and devices, and goes along.
 *
 * The command line has
 *
 *	seed=N		of the patterns and of the order of visits (1)
 *	rate=N		visits per tick of 10 ms and CPU; 0: no limit (0)
 *	stall=US	a read that takes this long is a stall (50)
 *	report=MS	time between status lines; 0: none (500)
 *	writes=PERCENT	of the visits, those that write (50)
 */
#include "guest.h"

/* Image, stacks and tables end below. */
#define AREA_START		0x400000
#define MIB			0x100000

#define INFO_HAS_MEMORY		0x01
#define INFO_HAS_CMDLINE	0x04
#define INFO_HAS_MAP		0x40
#define RANGE_IS_RAM		1

/* Of so many writes, one makes the page zero. */
#define ZERO_ONE_IN		8

struct multiboot_info {
	u32 flags;
	u32 mem_lower;
	u32 mem_upper;
	u32 boot_device;
	const char *cmdline;
	u32 mods_count;
	u32 mods_addr;
	u32 syms[4];
	u32 map_length;
	u32 map_addr;
};

struct multiboot_range {
	/* Of what follows. */
	u32 size;
	u64 base;
	u64 length;
	u32 type;
} __attribute__((packed));

struct options options = {
	.seed = 1,
	.stall_us = 50,
	.report_ms = 500,
	.write_percent = 50,
};

struct cpu cpus[MAX_CPUS];
/* 0 until the others may start. */
u32 nr_cpus;
u64 boot_tsc;

static const struct {
	const char *name;
	u32 *value;
} option_names[] = {
	{ "seed=", &options.seed },
	{ "rate=", &options.rate },
	{ "stall=", &options.stall_us },
	{ "report=", &options.report_ms },
	{ "writes=", &options.write_percent },
};

static void parse_option(const char *s)
{
	const char *digits;
	u32 i, value;

	for (i = 0; i < sizeof(option_names) / sizeof(option_names[0]); i++) {
		digits = skip_prefix(s, option_names[i].name);
		if (!digits)
			continue;
		for (value = 0; *digits >= '0' && *digits <= '9'; digits++)
			value = value * 10 + *digits - '0';
		*option_names[i].value = value;
	}
}

static void parse_cmdline(const char *s)
{
	while (*s) {
		parse_option(s);
		while (*s && *s != ' ')
			s++;
		while (*s == ' ')
			s++;
	}
}

/* End of the RAM that the area is in. */
static u32 end_of_memory(const struct multiboot_info *info)
{
	u64 end = 0;
	u32 offset = 0;

	if (info->flags & INFO_HAS_MEMORY)
		end = MIB + (u64)info->mem_upper * 1024;
	while ((info->flags & INFO_HAS_MAP) && offset < info->map_length) {
		const struct multiboot_range *range =
			(const void *)(info->map_addr + offset);

		if (range->type == RANGE_IS_RAM && range->base <= AREA_START &&
		    range->base + range->length > AREA_START)
			end = range->base + range->length;
		offset += range->size + sizeof(range->size);
	}
	/* An area that ends at 4 GiB would end at 0. */
	if (end >> 32)
		end = 0xffffffff;
	return end & ~(PAGE_SIZE - 1);
}

/* Evenly distributed below n, which costs no division. */
static u32 random_below(struct cpu *cpu, u32 n)
{
	u32 x = cpu->random;

	/* Marsaglia's xorshift. */
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	cpu->random = x;
	return (u64)x * n >> 32;
}

static u32 pages_of(const struct cpu *cpu)
{
	return (nr_pages - cpu->number + nr_cpus - 1) / nr_cpus;
}

void visit(struct cpu *cpu)
{
	u32 index = random_below(cpu, pages_of(cpu)) * nr_cpus + cpu->number;
	u32 word = random_below(cpu, PAGE_WORDS);
	volatile u32 *page = page_address(index);
	u64 start;
	u32 value;
	s64 cycles;

	/*
	 * No fence is needed: a read that has to wait for its page ends the
	 * vCPU's run, and what follows is executed after it.
	 */
	start = rdtsc();
	value = page[word];
	/*
	 * Negative if the guest's clock went back a bit, as it may from one host
	 * to the next: no stall.
	 */
	cycles = rdtsc() - start;

	cpu->reads++;
	if (cycles >= stall_cycles)
		stalls_add(&cpu->stalls, cycles);

	check_word(cpu, index, word, value);
	check_page(cpu, index);

	if (random_below(cpu, 100) >= options.write_percent)
		return;
	if (random_below(cpu, ZERO_ONE_IN))
		write_page(index, ++cpu->version);
	else
		write_page(index, 0);
	cpu->writes++;
}

static void start_cpu(struct cpu *cpu)
{
	/* xorshift never leaves 0. */
	cpu->random = mix(options.seed * MAX_CPUS + cpu->number) | 1;
	fill_pages(cpu);
	asm volatile("sti");
}

/* What was missed of the rate is not made up for. */
bool new_tick(struct cpu *cpu)
{
	u32 ticks = cpu->ticks;

	if (ticks == cpu->seen)
		return false;
	cpu->seen = ticks;
	cpu->quota = options.rate;
	return true;
}

/* Takes a visit of the quota, if there is one. */
bool has_quota(struct cpu *cpu)
{
	if (!options.rate)
		return true;
	if (!cpu->quota)
		return false;
	cpu->quota--;
	return true;
}

void run_ap(struct cpu *cpu)
{
	start_cpu(cpu);
	for (;;) {
		new_tick(cpu);
		stay_held(cpu);
		if (has_quota(cpu))
			visit(cpu);
		else
			wait_for_tick(cpu);
	}
}

/* Called by boot.S. */
void boot_main(const struct multiboot_info *info)
{
	u32 i, nr;

	boot_tsc = rdtsc();
	serial_init();
	/* QEMU puts the command line behind the image: read it first. */
	if (info->flags & INFO_HAS_CMDLINE)
		parse_cmdline(info->cmdline);
	pattern_init(AREA_START, end_of_memory(info));

	apic_init();
	clock_init();
	stalls_init();
	interrupts_init();
	nr = start_aps();
	for (i = 0; i < nr; i++)
		cpus[i].number = i;
	barrier();
	nr_cpus = nr;

	start_pit();
	start_cpu(&cpus[0]);
	release_at_start();
	run_boot_cpu(&cpus[0]);
}
