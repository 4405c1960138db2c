// SPDX-License-Identifier: GPL-2.0-only
/*
 * The preload library beneath a program that uses userfaultfd as QEMU does: a
 * target page by UFFDIO_COPY, and a missing one from its touch to its end.
 *
 * usage: shim LIBRARY
 *
 * Starts itself again with the library (libhugepost-preload.so) preloaded.
 */
#include "peers.h"

#define PAGES	16UL
#define TOUCHES	1024UL

static struct series part;
static char *src, *mem;
static int uffd;

static void *handler(void *arg)
{
	struct pollfd p = { .fd = uffd, .events = POLLIN };
	struct uffd_msg event;
	size_t done = 0;

	while (done < TOUCHES) {
		if (poll(&p, 1, -1) != 1 ||
		    read(uffd, &event, sizeof(event)) != sizeof(event))
			continue;
		peer_copy(uffd, (void *)(uintptr_t)(event.arg.pagefault.address &
						    ~(TP - 1)), src, TP);
		done++;
	}
	return NULL;
}

static void start(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	int fd = hp_open();

	if (fd < 0)
		die(HUGEPOST_DEVICE);
	mem = hp_map(fd, 0, PAGES * HP);
	uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (mem == MAP_FAILED || uffd < 0 || ioctl(uffd, UFFDIO_API, &api))
		die("userfaultfd");
	peer_register(uffd, mem, PAGES * HP, UFFDIO_REGISTER_MODE_MISSING);
}

int main(int argc, char **argv)
{
	pthread_t thread;
	size_t i;

	if (argc != 2) {
		fprintf(stderr, "usage: shim LIBRARY\n");
		return 2;
	}
	if (!getenv("LD_PRELOAD")) {
		setenv("LD_PRELOAD", argv[1], 1);
		execv("/proc/self/exe", argv);
		die("execv");
	}

	src = bench_source(HP);
	start();
	for (i = 0; i < PAGES / 2 * SUBS; i++) {
		uint64_t begin = now();

		peer_copy(uffd, mem + i * TP, src + i % SUBS * TP, TP);
		series_add(&part, now() - begin);
	}
	series_print(&part, "one target page",
		     "hugepost: UFFDIO_COPY through the shim", 1);

	pthread_create(&thread, NULL, handler, NULL);
	for (i = 0; i < TOUCHES; i++) {
		uint64_t begin = now();

		*(volatile char *)(mem + (PAGES / 2 * SUBS + i) * TP);
		series_add(&part, now() - begin);
	}
	pthread_join(thread, NULL);
	series_print(&part, "missing page, 1 thread",
		     "hugepost: through the shim", 1);
	return 0;
}
