// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clocks and interrupts of the PC: the time stamp counter, which the guest
 * measures its stalls by, the PIT, whose ticks CPU 0 lives by, and the table of
 * interrupts.
 */
#include "guest.h"

#define PIT_HZ			1193182
#define PIT_CHANNEL_0		0x40
#define PIT_CHANNEL_2		0x42
#define PIT_COMMAND		0x43
/* Channel, both bytes, mode. */
#define PIT_0_RATE		0x34
#define PIT_2_ONE_SHOT		0xb0

#define SPEAKER			0x61
#define SPEAKER_GATE		0x01
#define SPEAKER_SOUND		0x02
#define SPEAKER_OUTPUT		0x20

#define PIC_MASTER		0x20
#define PIC_SLAVE		0xa0
#define PIC_INIT		0x11
#define PIC_CASCADE		2
#define PIC_MODE_8086		0x01
#define PIC_ALL_BUT_PIT		0xfe
#define PIC_ALL			0xff
#define PIC_END_OF_INTERRUPT	0x20

#define VECTORS			256
/* Present, an interrupt gate of 32 bits: interrupts are off in the handler. */
#define INTERRUPT_GATE		0x8e00

#define MEASUREMENTS		5

struct gate {
	u16 offset_low;
	u16 selector;
	u16 type;
	u16 offset_high;
};

u32 tsc_khz;
u32 apic_timer_per_tick;

static struct gate idt[VECTORS] __attribute__((aligned(8)));

/*
 * A measurement takes longer than the tick it measures if another task ran on
 * the host meanwhile, and never less: the shortest is the best.
 */
void clock_init(void)
{
	const u32 count = PIT_HZ / TICKS_PER_SECOND;
	u64 best = ~0ULL;
	u32 i;

	port_write8(SPEAKER, (port_read8(SPEAKER) & ~SPEAKER_SOUND) | SPEAKER_GATE);
	for (i = 0; i < MEASUREMENTS; i++) {
		u32 apic_cycles;
		u64 start, cycles;

		port_write8(PIT_COMMAND, PIT_2_ONE_SHOT);
		port_write8(PIT_CHANNEL_2, count & 0xff);
		apic_measure_start();
		start = rdtsc();
		port_write8(PIT_CHANNEL_2, count >> 8);
		while (!(port_read8(SPEAKER) & SPEAKER_OUTPUT))
			cpu_relax();
		cycles = rdtsc() - start;
		apic_cycles = apic_measure_end();
		if (cycles < best) {
			best = cycles;
			apic_timer_per_tick = apic_cycles;
		}
	}
	tsc_khz = div_u64(best * TICKS_PER_SECOND, 1000);
}

void delay_us(u32 us)
{
	u64 end = rdtsc() + div_u64((u64)us * tsc_khz, 1000);

	while ((s64)(rdtsc() - end) < 0)
		cpu_relax();
}

static void set_gate(u32 vector, const void *entry)
{
	idt[vector].offset_low = (u32)entry & 0xffff;
	idt[vector].selector = CODE_SELECTOR;
	idt[vector].type = INTERRUPT_GATE;
	idt[vector].offset_high = (u32)entry >> 16;
}

static void pic_init(void)
{
	port_write8(PIC_MASTER, PIC_INIT);
	port_write8(PIC_SLAVE, PIC_INIT);
	port_write8(PIC_MASTER + 1, VECTOR_PIT);
	port_write8(PIC_SLAVE + 1, VECTOR_PIT + 8);
	port_write8(PIC_MASTER + 1, 1 << PIC_CASCADE);
	port_write8(PIC_SLAVE + 1, PIC_CASCADE);
	port_write8(PIC_MASTER + 1, PIC_MODE_8086);
	port_write8(PIC_SLAVE + 1, PIC_MODE_8086);
	port_write8(PIC_MASTER + 1, PIC_ALL_BUT_PIT);
	port_write8(PIC_SLAVE + 1, PIC_ALL);
}

void interrupts_init(void)
{
	u32 i;

	for (i = 0; i < EXCEPTIONS; i++)
		set_gate(i, exception_entries + i * EXCEPTION_ENTRY_SIZE);
	set_gate(VECTOR_PIT, pit_entry);
	set_gate(VECTOR_PIC_SPURIOUS, spurious_entry);
	set_gate(VECTOR_APIC_TIMER, apic_timer_entry);
	set_gate(VECTOR_APIC_SPURIOUS, spurious_entry);
	pic_init();
	load_idt();
}

void load_idt(void)
{
	struct {
		u16 limit;
		const void *base;
	} __attribute__((packed)) pointer = { sizeof(idt) - 1, idt };

	asm volatile("lidt %0" : : "m" (pointer));
}

void start_pit(void)
{
	const u32 count = PIT_HZ / TICKS_PER_SECOND;

	port_write8(PIT_COMMAND, PIT_0_RATE);
	port_write8(PIT_CHANNEL_0, count & 0xff);
	port_write8(PIT_CHANNEL_0, count >> 8);
}

/*
 * Until new_tick() has one. Interrupts come on only together with hlt: no tick
 * is slept through.
 */
void wait_for_tick(struct cpu *cpu)
{
	asm volatile("cli" : : : "memory");
	while (cpu->ticks == cpu->seen)
		asm volatile("sti; hlt; cli" : : : "memory");
	asm volatile("sti" : : : "memory");
}

void handle_pit(void)
{
	cpus[0].ticks++;
	port_write8(PIC_MASTER, PIC_END_OF_INTERRUPT);
}

void handle_apic_timer(void)
{
	char *frame = __builtin_frame_address(0);

	cpus[(frame - stacks[0]) / STACK_SIZE].ticks++;
	apic_end_of_interrupt();
}

/* The CPU halts then. It prints even if it is not CPU 0: all is lost anyway. */
void handle_exception(u32 vector, u32 error, u32 eip)
{
	say("exception %u, error 0x%08x, at 0x%08x", vector, error, eip);
}
