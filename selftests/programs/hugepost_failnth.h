/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Failures of memory and of copies from or to user space, one by one: those of a
 * debug kernel, or else those of inject/, of the module's own calls.
 */
#ifndef HUGEPOST_FAILNTH_H
#define HUGEPOST_FAILNTH_H

#include "hugepost_system.h"

#define MANY		5000	/* more failures than any call can have */
#define INJECTOR	"/dev/hugepost-inject"

#define NO_INJECTION \
	"no fault injection: selftests/vm/run has it on the first kernel only"

static const char * const quiet[][2] = {
	{ "failslab/ignore-gfp-wait", "N" },
	{ "failslab/verbose", "0" },
	{ "fail_page_alloc/ignore-gfp-wait", "N" },
	{ "fail_page_alloc/ignore-gfp-highmem", "N" },
	{ "fail_page_alloc/min-order", "0" },
	{ "fail_page_alloc/verbose", "0" },
	{ "fail_usercopy/verbose", "0" },
};

static inline void set_faults(void)
{
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(quiet); i++) {
		ret = write_file("/sys/kernel/debug", quiet[i][0], quiet[i][1]);
		if (ret && ret != -ENOENT)
			fprintf(stderr, "%s: %s\n", quiet[i][0],
				strerror(-ret));
	}
}

/* Opened once: that takes memory, too. */
static inline int open_fail_nth(void)
{
	int fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);

	set_faults();
	return fd < 0 ? open(INJECTOR, O_RDWR | O_CLOEXEC) : fd;
}

static inline bool fail_at(int fd, unsigned int nth)
{
	char buf[16];
	int n = snprintf(buf, sizeof(buf), "%u", nth);

	return write(fd, buf, n) == n;
}

/*
 * No failures from here on: has there been one? Reading that is a copy to user
 * space, which may fail, too.
 */
static inline bool has_failed(int fd)
{
	char buf[16];
	int n = pread(fd, buf, sizeof(buf) - 1, 0);

	while (pwrite(fd, "0", 1, 0) != 1)
		;
	buf[n < 0 ? 0 : n] = 0;
	return n > 0 && atoi(buf) == 0;
}

#endif /* HUGEPOST_FAILNTH_H */
