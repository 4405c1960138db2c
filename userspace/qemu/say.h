/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the wrapper says of its own. It has nothing to clean up and no one to
 * return an error to: whoever finds an error says so and ends the program.
 */
#ifndef QEMU_SAY_H
#define QEMU_SAY_H

#include <stdbool.h>

#define EXIT_OWN	1	/* an error of the wrapper */
#define EXIT_NO_EXEC	126	/* QEMU is there and cannot be executed */
#define EXIT_NO_QEMU	127	/* QEMU is not there */

/* Prints "hugepost-qemu: " and the message, and ends with status @code. */
void die(int code, const char *message, ...)
	__attribute__((noreturn, format(printf, 2, 3)));

/* The same without ending. */
void note(const char *message, ...) __attribute__((format(printf, 1, 2)));

/* A new string, as asprintf(3) makes it. */
char *format(const char *text, ...) __attribute__((format(printf, 1, 2)));

/* @allocated, which must not be NULL. */
void *must(void *allocated);

/* The environment variable @name is 1; 0, empty and not set are false. */
bool setting(const char *name);

#endif /* QEMU_SAY_H */
