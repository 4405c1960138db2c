// SPDX-License-Identifier: GPL-2.0-only
/*
 * A missing target page: from its touch, over the event and the fill, until the
 * thread that touched it goes on; with 1, 8 and 64 threads that touch.
 *
 * usage: fault
 *
 * Needs root, the module, and 72 free huge pages of 2 MiB (vm.nr_hugepages). All
 * handlers are alike: one thread that blocks in read() of up to 64 events and
 * fills what they tell of. Who touches has a higher priority than who handles,
 * so that it goes on at once, and who runs when is not the scheduler's choice.
 */
#include "peers.h"

#include <sched.h>

#define EVENTS		64
#define THREADS_MAX	64
#define TOUCHES		1024UL	/* of one run, by all threads together */
#define RUNS		9

struct method {
	const char *who;
	size_t page;			/* what is touched, and filled */
	size_t touches;
	int (*start)(size_t len, char **mem);
	/* Reads events and fills: how many, 0 at the end. */
	size_t (*serve)(int fd, char *mem);
	void (*stop)(int fd, char *mem, size_t len);
};

static const struct method *method;
static char *src, *memory;
static int handler_fd, object_fd;
static pthread_barrier_t begin;
static struct series one, many;
static unsigned int nr_threads;

static int hugepost_start(size_t len, char **mem)
{
	uint64_t i;
	int efd;

	object_fd = bench_object(len, 1, HUGEPOST_SETUP_PREALLOC, mem);
	/* Migration has begun: each host page has its first target page. */
	for (i = 0; i < len / HP; i++)
		if (hp_fill(object_fd, 0, i * HP + HP - TP, src, TP, 0))
			die("FILL");
	efd = hp_arm(object_fd, 0);
	if (efd < 0)
		die("ARM");
	return efd;
}

static size_t hugepost_serve(int fd, char *mem)
{
	struct hugepost_fill_entry entries[EVENTS];
	struct hugepost_event events[EVENTS];
	ssize_t n = read(fd, events, sizeof(events));
	uint32_t i, nr;

	if (n <= 0)
		return 0;
	nr = (uint32_t)((size_t)n / sizeof(*events));
	for (i = 0; i < nr; i++)
		entries[i] = (struct hugepost_fill_entry) {
			.offset = events[i].offset,
			.src = (uintptr_t)src,
			.len = TP,
		};
	if (hp_fill_entries(object_fd, 0, entries, nr, NULL))
		die("FILL");
	return nr;
}

static void hugepost_stop(int fd, char *mem, size_t len)
{
	close(fd);
	munmap(mem, len);
	close(object_fd);
}

static int uffd_start(char *mem, size_t len)
{
	int fd = peer_uffd(0);

	if (fd < 0)
		die("userfaultfd");
	peer_register(fd, mem, len, UFFDIO_REGISTER_MODE_MISSING);
	return fd;
}

static int small_start(size_t len, char **mem)
{
	*mem = peer_anonymous(len, false);
	return uffd_start(*mem, len);
}

static int huge_start(size_t len, char **mem)
{
	*mem = peer_hugetlb(len, 21, NULL);
	return uffd_start(*mem, len);
}

static size_t uffd_serve(int fd, char *mem)
{
	struct uffd_msg events[EVENTS];
	ssize_t n = read(fd, events, sizeof(events));
	size_t i, nr;

	if (n <= 0)
		return 0;
	nr = (size_t)n / sizeof(*events);
	for (i = 0; i < nr; i++) {
		uintptr_t addr = events[i].arg.pagefault.address;

		peer_copy(fd, (void *)(addr - addr % method->page), src,
			  method->page);
	}
	return nr;
}

static void uffd_stop(int fd, char *mem, size_t len)
{
	close(fd);
	munmap(mem, len);
}

static const struct method methods[] = {
	{ "hugepost", TP, TOUCHES, hugepost_start, hugepost_serve,
	  hugepost_stop },
	{ "userfaultfd, 4 KiB", TP, TOUCHES, small_start, uffd_serve,
	  uffd_stop },
	{ "userfaultfd, 2 MiB", HP, THREADS_MAX, huge_start, uffd_serve,
	  uffd_stop },
};

/* A host page's last target page is there already, see hugepost_start(). */
static char *place(size_t i)
{
	if (method->page == HP)
		return memory + i * HP;
	return memory + i / (SUBS - 1) * HP + i % (SUBS - 1) * TP;
}

static void set_priority(int priority)
{
	struct sched_param param = { .sched_priority = priority };
	int ret = pthread_setschedparam(pthread_self(), SCHED_FIFO, &param);

	if (ret) {
		errno = ret;
		die("a real-time priority");
	}
}

static void *handler(void *arg)
{
	size_t done = 0;

	set_priority(1);
	while (done < method->touches)
		done += method->serve(handler_fd, memory);
	return NULL;
}

static void *toucher(void *arg)
{
	size_t i;

	set_priority(2);
	pthread_barrier_wait(&begin);
	for (i = (uintptr_t)arg; i < method->touches; i += nr_threads) {
		uint64_t start = now();

		*(volatile char *)place(i);
		if (nr_threads == 1)
			series_add(&one, now() - start);
	}
	return NULL;
}

static void run(void)
{
	size_t len = method->page == HP ? method->touches * HP :
		     (method->touches / (SUBS - 1) + 1) * HP;
	pthread_t threads[THREADS_MAX], server;
	uint64_t start;
	size_t i;

	handler_fd = method->start(len, &memory);
	pthread_barrier_init(&begin, NULL, nr_threads + 1);
	pthread_create(&server, NULL, handler, NULL);
	for (i = 0; i < nr_threads; i++)
		if (pthread_create(&threads[i], NULL, toucher, (void *)i))
			die("a thread");
	/* They run as soon as they are let go. */
	start = now();
	pthread_barrier_wait(&begin);
	for (i = 0; i < nr_threads; i++)
		pthread_join(threads[i], NULL);
	if (nr_threads > 1)
		series_add(&many, now() - start);
	pthread_join(server, NULL);
	pthread_barrier_destroy(&begin);
	method->stop(handler_fd, memory, len);
}

int main(void)
{
	static const unsigned int threads[] = { 1, 8, 64 };
	char figure[64];
	size_t i, j, k;

	src = bench_source(HP);
	for (i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		method = &methods[i];
		for (j = 0; j < sizeof(threads) / sizeof(*threads); j++) {
			nr_threads = threads[j];
			for (k = 0; k < (nr_threads == 1 ? 1 : RUNS); k++)
				run();
			if (nr_threads == 1) {
				series_print(&one, "missing page, 1 thread",
					     method->who, 1);
				continue;
			}
			snprintf(figure, sizeof(figure),
				 "missing page, %u threads", nr_threads);
			series_print(&many, figure, method->who,
				     (double)method->touches);
		}
	}
	return 0;
}
