/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the guest's C files and boot.S have to agree upon.
 */
#ifndef MACHINE_H
#define MACHINE_H

#define MAX_CPUS		4
#define STACK_SIZE		16384

#define CODE_SELECTOR		0x08
#define DATA_SELECTOR		0x10

#define EXCEPTIONS		32
/* Each exception's entry has the same length, so that they need no table. */
#define EXCEPTION_ENTRY_SIZE	16

/* The PIC's vectors follow the exceptions. */
#define VECTOR_PIT		32
#define VECTOR_PIC_SPURIOUS	39
#define VECTOR_APIC_TIMER	48
#define VECTOR_APIC_SPURIOUS	0xff

/* Page that an application processor starts in, in real mode. */
#define TRAMPOLINE		0x8000

#endif
