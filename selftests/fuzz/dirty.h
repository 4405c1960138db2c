/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Free memory that is filled with a mark, and the search for it.
 */
#ifndef HUGEPOST_DIRTY_H
#define HUGEPOST_DIRTY_H

#include <dirent.h>
#include <sys/ipc.h>
#include <sys/msg.h>

#include "../programs/hugepost_system.h"

/* Every four bytes of memory that is marked. */
#define DIRTY_MARK	0xe1f25d68U
/* What debug kernels write to pages and objects that are freed, or allocated. */
#define DIRTY_POISONS	{ 0xaaaaaaaaU, 0x6b6b6b6bU, 0x5a5a5a5aU }

static inline bool dirty_has_mark(const void *data, size_t len)
{
	static const uint32_t poisons[] = DIRTY_POISONS;
	const unsigned char *p = data;
	uint32_t word, i;
	size_t at;

	for (at = 0; at + sizeof(word) <= len; at += sizeof(word)) {
		memcpy(&word, p + at, sizeof(word));
		if (word == DIRTY_MARK)
			return true;
		for (i = 0; i < ARRAY_SIZE(poisons); i++)
			if (word == poisons[i])
				return true;
	}
	return false;
}

/*
 * Is there an address of the kernel? Errors and "none" are above them, what is
 * between its data and its text is none.
 */
static inline bool dirty_has_address(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t word;
	size_t at;

	for (at = 0; at + sizeof(word) <= len; at += 4) {
		memcpy(&word, p + at, sizeof(word));
		if (word >= 0xffff800000000000 && word < 0xfffffffffffff000 &&
		    (word < 0xfffffffe00000000 || word >= 0xffffffff80000000))
			return true;
	}
	return false;
}

static inline bool dirty_all_zero(const char *data, size_t len)
{
	return !data[0] && !memcmp(data, data + 1, len - 1);
}

static inline void dirty_mark(void *to, size_t len)
{
	uint32_t *word = to;
	size_t i;

	for (i = 0; i < len / sizeof(*word); i++)
		word[i] = DIRTY_MARK;
}

/* Objects of the kernel's caches for such sizes: messages, freed at once. */
static inline bool dirty_caches(void)
{
	static const size_t sizes[] = { 8, 16, 48, 80, 140, 200, 460, 970, 2000, 4000 };
	struct {
		long type;
		char text[4000];
	} message = { .type = 1 };
	unsigned int i, nr;
	int queue;

	dirty_mark(message.text, sizeof(message.text));
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		queue = msgget(IPC_PRIVATE, 0600);
		if (queue < 0)
			return false;
		for (nr = 0; nr < 64; nr++)
			if (msgsnd(queue, &message, sizes[i], IPC_NOWAIT))
				break;
		msgctl(queue, IPC_RMID, NULL);
	}
	return true;
}

/*
 * Marks memory, and frees it: in whole huge pages, which is what objects take
 * next. False if that cannot be done.
 */
static inline bool dirty_memory(void)
{
	size_t len = meminfo_bytes("MemFree") / 2 & ~(HP - 1), at;
	int status;
	pid_t pid;
	char *mem;

	pid = fork();
	if (pid) {
		waitpid(pid, &status, 0);
		return WIFEXITED(status) && !WEXITSTATUS(status);
	}
	mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mem == MAP_FAILED)
		_exit(1);
	madvise(mem, len, MADV_HUGEPAGE);
	dirty_mark(mem, HP);
	for (at = HP; at < len; at += HP)
		memcpy(mem + at, mem, HP);
	_exit(0);
}

/* Files below @dir that have the mark in them; sections have addresses. */
static inline unsigned int dirty_files(const char *dir)
{
	unsigned int found = 0;
	struct dirent *entry;
	char path[512], buf[TP];
	DIR *d = opendir(dir);
	ssize_t n;
	int fd;

	while (d && (entry = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		if (entry->d_name[0] == '.' || entry->d_type == DT_LNK ||
		    !strcmp(entry->d_name, "sections"))
			continue;
		if (entry->d_type == DT_DIR) {
			found += dirty_files(path);
			continue;
		}
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));
		if (n > 0 && (dirty_has_mark(buf, n) || dirty_has_address(buf, n)))
			found++;
		if (fd >= 0)
			close(fd);
	}
	if (d)
		closedir(d);
	return found;
}

#endif /* HUGEPOST_DIRTY_H */
