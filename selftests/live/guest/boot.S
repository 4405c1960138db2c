/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything of the guest that cannot be written in C: the multiboot header, the
 * first instructions of the boot processor and of the others, and the entries of
 * interrupts.
 */
#include "machine.h"

#define MULTIBOOT_MAGIC		0x1badb002
/* Wanted: a map of the memory. */
#define MULTIBOOT_FLAGS		0x2

#define CR0_PE			0x1

	.section .multiboot, "a"
	.balign 4
	.long MULTIBOOT_MAGIC
	.long MULTIBOOT_FLAGS
	.long -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

	.text
	.code32
	.globl start
start:
	cli
	cld
	lgdt gdt_pointer
	ljmp $CODE_SELECTOR, $1f
1:	movl $DATA_SELECTOR, %ecx
	movl %ecx, %ds
	movl %ecx, %es
	movl %ecx, %fs
	movl %ecx, %gs
	movl %ecx, %ss
	movl $(stacks + STACK_SIZE), %esp
	pushl %ebx
	call boot_main
halt:
	cli
	hlt
	jmp halt

/*
 * Copied to TRAMPOLINE. An application processor comes here in real mode, with
 * CS at the page's start.
 */
	.code16
	.globl trampoline, trampoline_end
trampoline:
	cli
	movw %cs, %ax
	movw %ax, %ds
	lgdtl gdt_pointer_copy - trampoline
	movl %cr0, %eax
	orl $CR0_PE, %eax
	movl %eax, %cr0
	ljmpl $CODE_SELECTOR, $ap_start
	.balign 4
gdt_pointer_copy:
	.word gdt_end - gdt - 1
	.long gdt
trampoline_end:

	.code32
ap_start:
	cld
	movl $DATA_SELECTOR, %ecx
	movl %ecx, %ds
	movl %ecx, %es
	movl %ecx, %fs
	movl %ecx, %gs
	movl %ecx, %ss
	/* Who comes too late, or is one too many, gets too high a number. */
	movl $1, %eax
	lock xaddl %eax, cpus_up
	cmpl $MAX_CPUS, %eax
	jae halt
	movl %eax, %esp
	incl %esp
	imull $STACK_SIZE, %esp
	addl $stacks, %esp
	pushl %eax
	call ap_main
	jmp halt

/* Some exceptions have an error code; the others get one here. */
	.balign EXCEPTION_ENTRY_SIZE
	.globl exception_entries
exception_entries:
	vector = 0
	.rept EXCEPTIONS
	.balign EXCEPTION_ENTRY_SIZE
	.if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || \
	      vector == 21 || vector == 29 || vector == 30)
	pushl $0
	.endif
	pushl $vector
	jmp exception
	vector = vector + 1
	.endr

exception:
	cld
	call handle_exception
	jmp halt

	.macro interrupt_entry name, handler
	.globl \name
\name:
	pushal
	cld
	call \handler
	popal
	iret
	.endm

	interrupt_entry pit_entry, handle_pit
	interrupt_entry apic_timer_entry, handle_apic_timer

/* A spurious interrupt wants no answer. */
	.globl spurious_entry
spurious_entry:
	iret

	.data
	.balign 8
gdt:
	.quad 0
	.quad 0x00cf9b000000ffff	/* CODE_SELECTOR: all 4 GiB */
	.quad 0x00cf93000000ffff	/* DATA_SELECTOR: all 4 GiB */
gdt_end:
gdt_pointer:
	.word gdt_end - gdt - 1
	.long gdt

	.bss
	.balign STACK_SIZE
	.globl stacks
stacks:
	.skip MAX_CPUS * STACK_SIZE

	.section .note.GNU-stack, "", @progbits
