// SPDX-License-Identifier: GPL-2.0-only
/* Messages, errors and settings of the wrapper. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"

static __attribute__((format(printf, 1, 0))) void say(const char *message, va_list args)
{
	fputs("hugepost-qemu: ", stderr);
	vfprintf(stderr, message, args);
	fputc('\n', stderr);
}

void die(int code, const char *message, ...)
{
	va_list args;

	va_start(args, message);
	say(message, args);
	va_end(args);
	exit(code);
}

void note(const char *message, ...)
{
	va_list args;

	va_start(args, message);
	say(message, args);
	va_end(args);
}

void *must(void *allocated)
{
	if (!allocated)
		die(EXIT_OWN, "out of memory");
	return allocated;
}

char *format(const char *text, ...)
{
	va_list args;
	char *result;

	va_start(args, text);
	if (vasprintf(&result, text, args) < 0)
		result = NULL;
	va_end(args);
	return must(result);
}

bool setting(const char *name)
{
	const char *value = getenv(name);

	if (!value || !*value || !strcmp(value, "0"))
		return false;
	if (strcmp(value, "1"))
		die(EXIT_OWN, "%s is '%s': set it to 1 or 0", name, value);
	return true;
}
