/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kselftest programs of hugepost share: raw calls that return 0 or
 * -errno, and small helpers. The tests use the ioctls themselves, not the
 * library, since the uAPI is what they check.
 */
#ifndef HUGEPOST_TEST_H
#define HUGEPOST_TEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/hugepost.h>

/* A number that the environment may have. */
static inline uint64_t hp_env(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);

	return value && *value ? strtoull(value, NULL, 0) : otherwise;
}

/* How many times as long as elsewhere may a test take on this kernel? */
static inline unsigned int hp_slowness(void)
{
	return (unsigned int)hp_env("HUGEPOST_SLOWNESS", 1);
}

/* Files of a program that has tests in another one have no use for the harness. */
#ifdef HUGEPOST_NO_HARNESS
#include "kselftest.h"
#else
/* The harness has no other way: it ends a test by an alarm. */
#define alarm(seconds) alarm((seconds) * hp_slowness())
#include "kselftest_harness.h"
#undef alarm

/* An emulated machine with other work to do is slow; a hang takes for ever. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 180
#endif

#define TP		4096UL			/* target page */
#define HP		(2UL << 20)		/* host page */
#define SUBS		(HP / TP)

#define hp_call(fd, cmd, arg) (ioctl(fd, cmd, arg) ? -errno : 0)

static inline int hp_open(void)
{
	int fd = open(HUGEPOST_DEVICE, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static inline int hp_setup(int fd, uint64_t length, uint32_t channels,
			   uint32_t flags)
{
	struct hugepost_setup arg = {
		.size = sizeof(arg),
		.length = length,
		.channels = channels,
		.flags = flags,
	};

	return hp_call(fd, HUGEPOST_SETUP, &arg);
}

/* Opens and sets up an object: its descriptor, or -errno. */
static inline int hp_new(uint64_t length, uint32_t channels, uint32_t flags)
{
	int fd = hp_open();
	int ret;

	if (fd < 0)
		return fd;
	ret = hp_setup(fd, length, channels, flags);
	if (ret) {
		close(fd);
		return ret;
	}
	return fd;
}

static inline char *hp_map(int fd, uint64_t offset, size_t length)
{
	return mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    (off_t)offset);
}

/* The event descriptor, or -errno. */
static inline int hp_arm(int fd, uint32_t flags)
{
	struct hugepost_arm arg = { .size = sizeof(arg), .flags = flags };
	int ret = hp_call(fd, HUGEPOST_ARM, &arg);

	return ret ? ret : arg.out_fd;
}

static inline int hp_disarm(int fd)
{
	struct hugepost_disarm arg = { .size = sizeof(arg) };

	return hp_call(fd, HUGEPOST_DISARM, &arg);
}

static inline int hp_fill_entries(int fd, uint32_t channel,
				  const struct hugepost_fill_entry *entries,
				  uint32_t nr, struct hugepost_fill *out)
{
	struct hugepost_fill arg = {
		.size = sizeof(arg),
		.channel = channel,
		.nr = nr,
		.entries = (uintptr_t)entries,
	};
	int ret = hp_call(fd, HUGEPOST_FILL, &arg);

	if (out)
		*out = arg;
	return ret;
}

static inline int hp_fill(int fd, uint32_t channel, uint64_t offset,
			  const void *src, uint64_t len, uint32_t flags)
{
	struct hugepost_fill_entry entry = {
		.offset = offset,
		.src = (uintptr_t)src,
		.len = len,
		.flags = flags,
	};

	return hp_fill_entries(fd, channel, &entry, 1, NULL);
}

/* Target pages discarded, or -errno. */
static inline int64_t hp_discard(int fd, uint64_t offset, uint64_t length)
{
	struct hugepost_discard arg = {
		.size = sizeof(arg),
		.offset = offset,
		.length = length,
	};
	int ret = hp_call(fd, HUGEPOST_DISCARD, &arg);

	return ret ? ret : (int64_t)arg.out_pages;
}

/* Bytes that were given back, or -errno. */
static inline int64_t hp_trim(int fd, uint64_t offset, uint64_t length)
{
	struct hugepost_trim arg = {
		.size = sizeof(arg),
		.offset = offset,
		.length = length,
	};
	int ret = hp_call(fd, HUGEPOST_TRIM, &arg);

	return ret ? ret : (int64_t)arg.out_bytes;
}

static inline int hp_wake(int fd, uint64_t offset, uint64_t length)
{
	struct hugepost_wake arg = {
		.size = sizeof(arg),
		.offset = offset,
		.length = length,
	};

	return hp_call(fd, HUGEPOST_WAKE, &arg);
}

static inline int hp_reset(int fd, uint32_t channel)
{
	struct hugepost_reset arg = { .size = sizeof(arg), .channel = channel };

	return hp_call(fd, HUGEPOST_RESET, &arg);
}

/* Target pages of the range that are present, or -errno. */
static inline int64_t hp_bitmap(int fd, uint64_t offset, uint64_t length,
				uint64_t *bits)
{
	struct hugepost_bitmap arg = {
		.size = sizeof(arg),
		.offset = offset,
		.length = length,
		.bitmap = (uintptr_t)bits,
	};
	int ret = hp_call(fd, HUGEPOST_BITMAP, &arg);

	return ret ? ret : (int64_t)arg.out_present;
}

static inline int hp_install(int fd, void *addr, size_t length,
			     struct hugepost_install *out)
{
	struct hugepost_install arg = {
		.size = sizeof(arg),
		.addr = (uintptr_t)addr,
		.length = length,
	};
	int ret = hp_call(fd, HUGEPOST_INSTALL, &arg);

	if (out)
		*out = arg;
	return ret;
}

static inline struct hugepost_stats hp_stats(int fd)
{
	struct hugepost_stats arg = { .size = sizeof(arg) };

	if (hp_call(fd, HUGEPOST_STATS, &arg))
		memset(&arg, 0xff, sizeof(arg));
	return arg;
}

static inline int hp_channel_stats(int fd, uint32_t nr,
				   struct hugepost_channel_stats *channels)
{
	struct hugepost_stats arg = {
		.size = sizeof(arg),
		.channels = (uintptr_t)channels,
		.nr_channels = nr,
		.channel_size = sizeof(*channels),
	};

	return hp_call(fd, HUGEPOST_STATS, &arg);
}

/*
 * A byte that tells target page, version and place: a page that is lost, old,
 * torn or somebody else's shows.
 */
static inline unsigned char hp_pattern(uint64_t page, unsigned int version,
				       unsigned int byte)
{
	uint64_t x = (page + 1) * 0x9e3779b97f4a7c15ULL + version * 0x85ebca6bU +
		     byte * 0xc2b2ae35U;

	x ^= x >> 29;
	return (unsigned char)(x % 251 + 1);
}

static inline void hp_pattern_write(void *dst, uint64_t page,
				    unsigned int version)
{
	unsigned char *p = dst;
	unsigned int i;

	for (i = 0; i < TP; i++)
		p[i] = hp_pattern(page, version, i);
}

static inline bool hp_pattern_check(const void *src, uint64_t page,
				    unsigned int version)
{
	const unsigned char *p = src;
	unsigned int i;

	for (i = 0; i < TP; i++)
		if (p[i] != hp_pattern(page, version, i))
			return false;
	return true;
}

/* Fills @pages target pages from @first with their pattern. */
static inline int hp_fill_pattern(int fd, uint32_t channel, uint64_t first,
				  uint64_t pages, unsigned int version)
{
	char *buf = malloc(pages * TP);
	uint64_t i;
	int ret;

	if (!buf)
		return -ENOMEM;
	for (i = 0; i < pages; i++)
		hp_pattern_write(buf + i * TP, first + i, version);
	ret = hp_fill(fd, channel, first * TP, buf, pages * TP, 0);
	free(buf);
	return ret;
}

/* One event of the descriptor: 0, or -errno, or -ENODATA at the end. */
static inline int hp_read_event(int efd, struct hugepost_event *event)
{
	ssize_t n = read(efd, event, sizeof(*event));

	if (n < 0)
		return -errno;
	return n == sizeof(*event) ? 0 : -ENODATA;
}

/* Is an event there within @ms milliseconds? */
static inline bool hp_event_waits(int efd, int ms)
{
	struct pollfd p = { .fd = efd, .events = POLLIN };

	return poll(&p, 1, ms) == 1 && (p.revents & POLLIN) &&
	       !(p.revents & POLLHUP);
}

/*
 * A field such as "FilePmdMapped" of the mappings that lie in [addr, addr +
 * length), in bytes.
 */
static inline uint64_t hp_smaps(const void *addr, size_t length,
				const char *field)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long start, end, kb;
	bool inside = false;
	uint64_t sum = 0;
	char line[512];
	size_t n = strlen(field);

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = start >= (uintptr_t)addr &&
				 end <= (uintptr_t)addr + length;
		else if (inside && !strncmp(line, field, n) &&
			 line[n] == ':' &&
			 sscanf(line + n + 1, "%lu kB", &kb) == 1)
			sum += (uint64_t)kb << 10;
	}
	if (f)
		fclose(f);
	return sum;
}

/*
 * What a thread does, as /proc tells it ('S', 'D', ...), 0 if there is none. Takes
 * no memory: it may be that nobody can get any.
 */
static inline char hp_thread_state(pid_t pid, pid_t tid)
{
	char path[64], text[256], *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n < 0 ? 0 : n] = 0;
	p = strrchr(text, ')');
	return p ? p[2] : 0;
}

/*
 * Is thread @tid of this process asleep, as one that waits in a fault is? It is said
 * to be in that state a little before it is, and then may not get to sleep at all:
 * the kernel tells where a thread waits only of one that has left the CPU.
 */
static inline bool hp_thread_sleeps(pid_t tid)
{
	char state = hp_thread_state(getpid(), tid), path[64], where[2] = "0";
	int fd;

	if (state != 'S' && state != 'D')
		return false;
	snprintf(path, sizeof(path), "/proc/self/task/%d/wchan", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (read(fd, where, 1) != 1)
		where[0] = '0';
	close(fd);
	return where[0] != '0';
}

#endif /* HUGEPOST_TEST_H */
