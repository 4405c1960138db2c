// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it costs to be looked at: dumps of many objects, hugepostctl's list, and
 * fills and faults beside somebody who dumps all the time.
 *
 * usage: control HUGEPOSTCTL
 *
 * Prints lines "NAME VALUE". Values are ns; in a VM whose clock counts
 * instructions (run-control) they are instructions.
 */
#include "../programs/nl_test.h"

#include <sys/resource.h>
#include <time.h>

#define PAGES	(16 * SUBS)	/* of the object that is filled */

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void __attribute__((noreturn)) die(const char *what)
{
	perror(what);
	exit(1);
}

static void count(const struct nl_message *msg, void *arg)
{
	++*(unsigned int *)arg;
}

/* The best of three dumps, all of which must have all objects. */
static void measure_dump(unsigned int objects)
{
	uint64_t best = ~0ULL, start;
	unsigned int i, nr;
	struct nl nl;

	if (nl_open(&nl))
		die("the netlink family");
	for (i = 0; i < 3; i++) {
		nr = 0;
		start = now();
		if (nl_object_dump(&nl, NL_NO_FD, count, &nr) || nr != objects)
			die("a dump");
		start = now() - start;
		if (start < best)
			best = start;
	}
	printf("dump_%u %ju\n", objects, (uintmax_t)best);
	close(nl.fd);
}

static void measure_list(const char *ctl)
{
	uint64_t best = ~0ULL, start;
	int i, status;
	pid_t child;

	for (i = 0; i < 3; i++) {
		start = now();
		child = fork();
		if (!child) {
			int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

			dup2(null, STDOUT_FILENO);
			execl(ctl, ctl, "list", NULL);
			_exit(127);
		}
		if (waitpid(child, &status, 0) != child || status)
			die("hugepostctl list");
		start = now() - start;
		if (start < best)
			best = start;
	}
	printf("list_1000 %ju\n", (uintmax_t)best);
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static uint64_t median(uint64_t *values, size_t nr)
{
	qsort(values, nr, sizeof(*values), compare);
	return values[nr / 2];
}

/* Fills an object page by page, and touches each page. */
static void measure_fill(const char *name)
{
	static uint64_t fill[PAGES], fault[PAGES];
	static char page[TP];
	uint64_t i, start;
	char *mem;
	int fd;

	memset(page, 1, TP);
	fd = hp_new(PAGES * TP, 1, HUGEPOST_SETUP_PREALLOC);
	mem = fd < 0 ? MAP_FAILED : hp_map(fd, 0, PAGES * TP);
	if (mem == MAP_FAILED)
		die("an object");
	for (i = 0; i < PAGES; i++) {
		start = now();
		if (hp_fill(fd, 0, i * TP, page, TP, 0))
			die("a fill");
		fill[i] = now() - start;
		start = now();
		*(volatile char *)(mem + i * TP);
		fault[i] = now() - start;
	}
	printf("fill_%s %ju\n", name, (uintmax_t)median(fill, PAGES));
	printf("fault_%s %ju\n", name, (uintmax_t)median(fault, PAGES));
	munmap(mem, PAGES * TP);
	close(fd);
}

static pid_t dump_for_ever(void)
{
	pid_t child = fork();
	struct nl nl;

	if (child)
		return child;
	if (nl_open(&nl))
		_exit(1);
	for (;;)
		nl_object_dump(&nl, NL_NO_FD, NULL, NULL);
}

int main(int argc, char **argv)
{
	struct rlimit files = { .rlim_cur = 20000, .rlim_max = 20000 };
	static int fd[10000];
	unsigned int nr = 0, step, i;
	pid_t child;

	if (argc != 2) {
		fprintf(stderr, "usage: control HUGEPOSTCTL\n");
		return 2;
	}
	if (setrlimit(RLIMIT_NOFILE, &files))
		die("the limit of open files");

	for (step = 100; step <= 10000; step *= 10) {
		for (; nr < step; nr++) {
			fd[nr] = hp_open();
			if (fd[nr] < 0)
				die("an object");
		}
		measure_dump(step);
	}
	for (i = 1000; i < nr; i++)
		close(fd[i]);
	for (i = 0; i < 1000; i++)
		if (hp_setup(fd[i], 64 * HP, 1, 0))
			die("the set-up of an object");
	measure_list(argv[1]);

	measure_fill("alone");
	child = dump_for_ever();
	measure_fill("beside");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return 0;
}
