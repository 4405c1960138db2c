/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TAP for tests of the library that need no device. */
#ifndef HUGEPOST_TESTS_TAP_H
#define HUGEPOST_TESTS_TAP_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned int tap_count, tap_failed;

static inline void tap_result(bool good)
{
	tap_count++;
	tap_failed += !good;
	printf("%sok %u - ", good ? "" : "not ", tap_count);
}

/* One test, and its name in the manner of printf. */
#define tap_ok(good, ...)		\
	do {				\
		tap_result(good);	\
		printf(__VA_ARGS__);	\
		putchar('\n');		\
	} while (0)

/* Ends the program where its preparations fail. */
static inline void tap_need(bool good, const char *what)
{
	if (good)
		return;
	printf("Bail out! ");
	fflush(stdout);
	perror(what);
	exit(1);
}

static inline int tap_end(void)
{
	printf("1..%u\n", tap_count);
	return tap_failed > 0;
}

#endif /* HUGEPOST_TESTS_TAP_H */
