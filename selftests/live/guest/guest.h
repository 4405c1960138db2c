/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest of the live migration tests: types and functions that its files
 * share. guest.c tells what it does.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "machine.h"

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long s64;

#define PAGE_SIZE		4096
#define PAGE_WORDS		(PAGE_SIZE / sizeof(u32))
#define PAGES_PER_HUGE_PAGE	512

#define TICKS_PER_SECOND	100

/*
 * Logarithmic buckets, STALL_STEPS for each factor of two; the first begins at
 * 1 us, the last at 125 s.
 */
#define STALL_STEPS		8
#define STALL_BUCKETS		(27 * STALL_STEPS)

struct stalls {
	u32 count;
	u64 max_ns;
	u64 total_ns;
	u32 buckets[STALL_BUCKETS];
};

/* A page that was found wrong; CPU 0 prints it. */
struct wrong {
	volatile bool pending;
	u32 index;
	u32 version;
	u32 word;
	u32 value;
	u32 expected;
};

/* Only the CPU itself writes this, and CPU 0 while the others are held. */
struct cpu {
	u32 number;
	/* Counted by the timer's interrupt, and how many the main loop saw. */
	volatile u32 ticks;
	u32 seen;
	/* Visits that are left of this tick. */
	u32 quota;
	/* Value of `hold` that the CPU answers. */
	volatile u32 held;
	u32 random;
	/* Last version of any of its pages. */
	u32 version;
	volatile u64 reads;
	volatile u64 writes;
	/* Times that a page was found wrong: once for each version of it. */
	volatile u32 bad;
	struct stalls stalls;
	struct wrong wrong;
};

struct multiboot_info;

/* Of the command line. */
struct options {
	u32 seed;
	/* Visits per tick and CPU, 0 for no limit. */
	u32 rate;
	u32 stall_us;
	u32 report_ms;
	u32 write_percent;
};

/* boot.S */
extern char stacks[MAX_CPUS][STACK_SIZE];
extern const char trampoline[], trampoline_end[];
extern const char exception_entries[];
void pit_entry(void);
void apic_timer_entry(void);
void spurious_entry(void);

/* guest.c */
extern struct options options;
extern struct cpu cpus[MAX_CPUS];
extern u32 nr_cpus;
extern u64 boot_tsc;
bool new_tick(struct cpu *cpu);
bool has_quota(struct cpu *cpu);
void visit(struct cpu *cpu);
void run_ap(struct cpu *cpu) __attribute__((noreturn));
void boot_main(const struct multiboot_info *info) __attribute__((noreturn));

/* commands.c */
void stay_held(struct cpu *cpu);
void release_at_start(void);
void run_boot_cpu(struct cpu *cpu) __attribute__((noreturn));

/* pattern.c */
extern u32 nr_pages;
void pattern_init(u32 start, u32 end);
void fill_pages(struct cpu *cpu);
volatile u32 *page_address(u32 index);
void write_page(u32 index, u32 version);
bool check_page(struct cpu *cpu, u32 index);
void check_word(struct cpu *cpu, u32 index, u32 word, u32 value);
u32 mix(u32 x);

/* stalls.c */
extern s64 stall_cycles;
void stalls_init(void);
void stalls_add(struct stalls *stalls, u64 cycles);
void stalls_print(void);
void stalls_reset(void);

/* machine.c */
extern u32 tsc_khz;
extern u32 apic_timer_per_tick;
void clock_init(void);
void delay_us(u32 us);
void interrupts_init(void);
void load_idt(void);
void start_pit(void);
void wait_for_tick(struct cpu *cpu);
void handle_exception(u32 vector, u32 error, u32 eip);
void handle_pit(void);
void handle_apic_timer(void);

/* smp.c */
extern volatile u32 cpus_up;
void apic_init(void);
void apic_end_of_interrupt(void);
void apic_measure_start(void);
u32 apic_measure_end(void);
u32 start_aps(void);
void ap_main(u32 number) __attribute__((noreturn));

/* serial.c */
void serial_init(void);
int serial_read(void);
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static inline void port_write8(u16 port, u8 value)
{
	asm volatile("outb %0, %1" : : "a" (value), "Nd" (port));
}

static inline void port_write16(u16 port, u16 value)
{
	asm volatile("outw %0, %1" : : "a" (value), "Nd" (port));
}

static inline u8 port_read8(u16 port)
{
	u8 value;

	asm volatile("inb %1, %0" : "=a" (value) : "Nd" (port));
	return value;
}

static inline u64 rdtsc(void)
{
	u64 tsc;

	asm volatile("rdtsc" : "=A" (tsc) : : "memory");
	return tsc;
}

/* What follows the prefix, NULL if it is not there. */
static inline const char *skip_prefix(const char *s, const char *prefix)
{
	while (*prefix)
		if (*s++ != *prefix++)
			return NULL;
	return s;
}

static inline void cpu_relax(void)
{
	asm volatile("pause" : : : "memory");
}

static inline void barrier(void)
{
	asm volatile("" : : : "memory");
}

/* There is no libgcc for 32 bits: "/" of 64 bits would be a call of it. */
static inline u64 div_u64(u64 n, u32 d)
{
	u32 high = (u32)(n >> 32) / d;
	u32 rest = (u32)(n >> 32) % d;
	u32 low;

	asm("divl %2" : "=a" (low), "+d" (rest) : "r" (d), "a" ((u32)n) : "cc");
	return (u64)high << 32 | low;
}

#endif
