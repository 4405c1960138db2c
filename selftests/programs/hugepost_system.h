/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The system's own files: settings, memory, and what is in it.
 */
#ifndef HUGEPOST_SYSTEM_H
#define HUGEPOST_SYSTEM_H

#include "hugepost_test.h"

#include <elf.h>
#include <limits.h>
#include <sys/syscall.h>

#define MEMORY	"/sys/devices/system/memory"

static inline int write_file(const char *dir, const char *name,
			     const char *value)
{
	char path[PATH_MAX];
	int fd, ret = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/* A field of /proc/meminfo, in bytes. */
static inline uint64_t meminfo_bytes(const char *field)
{
	FILE *f = fopen("/proc/meminfo", "re");
	unsigned long kb = 0;
	char line[128];
	size_t n = strlen(field);

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, field, n) && line[n] == ':')
			sscanf(line + n + 1, "%lu", &kb);
	if (f)
		fclose(f);
	return (uint64_t)kb << 10;
}

/* Free memory, with what is on the processors' own free lists. */
static inline uint64_t free_memory(void)
{
	FILE *f = fopen("/proc/zoneinfo", "re");
	uint64_t sum = meminfo_bytes("MemFree");
	unsigned long count;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, " count: %lu", &count) == 1)
			sum += count * TP;
	if (f)
		fclose(f);
	return sum;
}

/* Is at least @want free, at once or soon? Freeing is partly deferred. */
static inline bool free_again(uint64_t want)
{
	unsigned int i;

	for (i = 0; i < 500 && free_memory() < want; i++)
		usleep(10000);
	return free_memory() >= want;
}

/* What the kernel tells of the page at @addr; 0 if that cannot be read. */
static inline uint64_t pagemap_entry(const char *addr)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	if (fd >= 0 && pread(fd, &entry, sizeof(entry),
			     (off_t)((uintptr_t)addr / TP * sizeof(entry))) !=
		       sizeof(entry))
		entry = 0;
	close(fd);
	return entry;
}

/* The NUMA nodes with memory, as a mask. */
static inline uint64_t nodes_with_memory(void)
{
	FILE *f = fopen("/sys/devices/system/node/has_memory", "re");
	unsigned int first, last;
	uint64_t mask = 0;
	char sep;

	while (f && fscanf(f, "%u", &first) == 1) {
		last = first;
		if (fscanf(f, "%c", &sep) == 1 && sep == '-' &&
		    fscanf(f, "%u%c", &last, &sep) < 1)
			break;
		for (; first <= last && first < 64; first++)
			mask |= 1ULL << first;
	}
	if (f)
		fclose(f);
	return mask ? mask : 1;
}

/* The node of the page that is mapped at @addr. */
static inline int node_of(char *addr)
{
	void *page = addr;
	int status = -EINVAL;

	if (syscall(SYS_move_pages, 0, 1UL, &page, NULL, &status, 0))
		return -errno;
	return status;
}

/* The number of the page frame that is mapped at @addr, 0 if there is none. */
static inline uint64_t frame_of(const char *addr)
{
	uint64_t entry = pagemap_entry(addr);

	return entry >> 63 ? entry & ((1ULL << 55) - 1) : 0;
}

/* Was the page at @addr written since /proc/self/clear_refs was? */
static inline bool soft_dirty(const char *addr)
{
	return pagemap_entry(addr) >> 55 & 1;
}

/*
 * Memory from a page frame on, whoever has it mapped, as /proc/kcore shows it:
 * 0, or -errno.
 */
static inline int read_frames(uint64_t frame, void *buf, size_t len)
{
	int fd = open("/proc/kcore", O_RDONLY | O_CLOEXEC);
	uint64_t phys = frame * TP;
	Elf64_Phdr ph;
	Elf64_Ehdr eh;
	int i, ret = -ENOENT;

	if (fd < 0)
		return -errno;
	if (pread(fd, &eh, sizeof(eh), 0) != sizeof(eh))
		ret = -EIO;
	for (i = 0; ret == -ENOENT && i < eh.e_phnum; i++) {
		if (pread(fd, &ph, sizeof(ph), eh.e_phoff + i * sizeof(ph)) !=
		    sizeof(ph))
			ret = -EIO;
		else if (ph.p_type == PT_LOAD && phys >= ph.p_paddr &&
			 phys + len <= ph.p_paddr + ph.p_memsz)
			ret = pread(fd, buf, len, ph.p_offset + phys -
				    ph.p_paddr) == (ssize_t)len ? 0 : -EIO;
	}
	close(fd);
	return ret;
}

/* The kernel's log from here on, or -errno. */
static inline int kernel_log_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	lseek(fd, 0, SEEK_END);
	return fd;
}

/*
 * Messages of the log since the last call that begin with @start; the last one of
 * them is put in @last.
 */
static inline unsigned int kernel_log_read(int fd, const char *start, char *last,
					   size_t size)
{
	unsigned int count = 0;
	char record[8192], *text;
	ssize_t n;

	/* EPIPE: some are lost. */
	while ((n = read(fd, record, sizeof(record) - 1)) > 0 ||
	       (n < 0 && errno == EPIPE)) {
		record[n < 0 ? 0 : n] = 0;
		text = strchr(record, ';');
		if (!text || strncmp(text + 1, start, strlen(start)))
			continue;
		count++;
		snprintf(last, size, "%.*s", (int)strcspn(text + 1, "\n"), text + 1);
	}
	return count;
}

#endif /* HUGEPOST_SYSTEM_H */
