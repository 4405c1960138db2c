// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"

static enum exit_code code_of(int err)
{
	switch (err) {
	case -ENODEV:
		return EXIT_NO_MODULE;
	case -EPERM:
	case -EACCES:
		return EXIT_NO_PERMISSION;
	case -ENOENT:
		return EXIT_NO_OBJECT;
	case -ETIMEDOUT:
		return EXIT_TIMEOUT;
	default:
		return EXIT_ERROR;
	}
}

/* Whoever fails so has spoken to the module before. */
static const char *reason(int err)
{
	return err == -ENODEV ? "the module was unloaded" : strerror(-err);
}

int fail(const struct hp_nl *nl, int err, const char *what, ...)
{
	const char *problem = hp_nl_problem(nl);
	va_list args;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, what);
	vfprintf(stderr, what, args);
	va_end(args);
	fprintf(stderr, ": %s\n", *problem ? problem : reason(err));
	return code_of(err);
}

int end_of_output(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return EXIT_OK;
	fprintf(stderr, "%s: cannot write to standard output\n", program_invocation_short_name);
	return EXIT_ERROR;
}
