// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local APIC and the other CPUs. Their ticks come from the APIC's timer and
 * not from CPU 0, which may be waiting for a page while they need not.
 */
#include "guest.h"

#define APIC_BASE		0xfee00000
#define APIC_EOI		0x0b0
#define APIC_SPURIOUS		0x0f0
#define APIC_COMMAND		0x300
#define APIC_LVT_TIMER		0x320
#define APIC_LVT_LINT0		0x350
#define APIC_LVT_LINT1		0x360
#define APIC_TIMER_START	0x380
#define APIC_TIMER_NOW		0x390
#define APIC_TIMER_DIVIDER	0x3e0

#define APIC_ENABLE		0x100
#define LVT_MASKED		0x10000
#define LVT_PERIODIC		0x20000
#define LVT_EXTINT		0x700
#define LVT_NMI			0x400
#define DIVIDE_BY_1		0xb
#define COMMAND_PENDING		0x1000
/* To all but oneself, asserted. */
#define COMMAND_INIT		0xc4500
#define COMMAND_STARTUP		0xc4600

#define FW_CFG_SELECT		0x510
#define FW_CFG_DATA		0x511
#define FW_CFG_NB_CPUS		5

/* How long the host may take to get the other CPUs going. */
#define STARTUP_MS		1000

/* The boot processor is up. Who starts takes the number and leaves the next. */
volatile u32 cpus_up = 1;

static u32 apic_read(u32 reg)
{
	return *(volatile u32 *)(APIC_BASE + reg);
}

static void apic_write(u32 reg, u32 value)
{
	*(volatile u32 *)(APIC_BASE + reg) = value;
}

static void apic_enable(void)
{
	apic_write(APIC_SPURIOUS, APIC_ENABLE | VECTOR_APIC_SPURIOUS);
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	apic_write(APIC_TIMER_DIVIDER, DIVIDE_BY_1);
}

/* On the boot processor, where the PIC's interrupts come in as well. */
void apic_init(void)
{
	apic_enable();
	apic_write(APIC_LVT_LINT0, LVT_EXTINT);
	apic_write(APIC_LVT_LINT1, LVT_NMI);
}

void apic_end_of_interrupt(void)
{
	apic_write(APIC_EOI, 0);
}

void apic_measure_start(void)
{
	apic_write(APIC_TIMER_START, ~0u);
}

/* Returns how far the timer counted since apic_measure_start(). */
u32 apic_measure_end(void)
{
	u32 now = apic_read(APIC_TIMER_NOW);

	apic_write(APIC_TIMER_START, 0);
	return ~0u - now;
}

static void command(u32 value)
{
	apic_write(APIC_COMMAND, value);
	while (apic_read(APIC_COMMAND) & COMMAND_PENDING)
		cpu_relax();
}

/* QEMU knows, so nobody is missed only because the host is busy. */
static u32 expected_cpus(void)
{
	u32 nr;

	port_write16(FW_CFG_SELECT, FW_CFG_NB_CPUS);
	nr = port_read8(FW_CFG_DATA);
	nr |= port_read8(FW_CFG_DATA) << 8;
	return nr < MAX_CPUS ? nr : MAX_CPUS;
}

/* Returns the number of CPUs. */
u32 start_aps(void)
{
	u32 size = trampoline_end - trampoline;
	u32 expected = expected_cpus();
	u32 i, nr;

	for (i = 0; i < size; i++)
		((volatile char *)TRAMPOLINE)[i] = trampoline[i];

	command(COMMAND_INIT);
	delay_us(10000);
	for (i = 0; i < 2; i++) {
		command(COMMAND_STARTUP | TRAMPOLINE / PAGE_SIZE);
		delay_us(200);
	}
	for (i = 0; i < STARTUP_MS && cpus_up < expected; i++)
		delay_us(1000);

	/* Who comes now gets a number that is too high, and stops. */
	nr = __atomic_fetch_add(&cpus_up, MAX_CPUS, __ATOMIC_SEQ_CST);
	return nr < MAX_CPUS ? nr : MAX_CPUS;
}

/* Called by boot.S on each of the other CPUs, with a stack of its own. */
void ap_main(u32 number)
{
	load_idt();
	while (!nr_cpus)
		cpu_relax();

	apic_enable();
	apic_write(APIC_LVT_TIMER, LVT_PERIODIC | VECTOR_APIC_TIMER);
	apic_write(APIC_TIMER_START, apic_timer_per_tick);
	run_ap(&cpus[number]);
}
