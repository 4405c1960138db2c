/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cgroups of a test: their files, who is in them, and objects set up there.
 */
#ifndef HUGEPOST_CGROUP_H
#define HUGEPOST_CGROUP_H

#include "hugepost_system.h"

#define CGROUP	"/sys/fs/cgroup"

/* The number in a file of the cgroup, after @key if that is given. */
static inline uint64_t cgroup_value(const char *dir, const char *name,
				    const char *key)
{
	unsigned long long value = UINT64_MAX;
	char path[PATH_MAX], line[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (!key)
			sscanf(line, "%llu", &value);
		else if (!strncmp(line, key, strlen(key)) &&
			 line[strlen(key)] == ' ')
			sscanf(line + strlen(key), "%llu", &value);
	}
	if (f)
		fclose(f);
	return value;
}

static inline uint64_t charged(const char *dir)
{
	return cgroup_value(dir, "memory.current", NULL);
}

/* Is the cgroup charged at most @want, at once or soon? */
static inline bool uncharged(const char *dir, uint64_t want)
{
	unsigned int i;

	for (i = 0; i < 500 && charged(dir) > want; i++)
		usleep(10000);
	return charged(dir) <= want;
}

static inline int enter(const char *dir)
{
	return write_file(dir, "cgroup.procs", "0");
}

/* Leaves the cgroup @room bytes more than what it is charged for now. */
static inline int limit_to_room(const char *dir, uint64_t room)
{
	char max[32];

	snprintf(max, sizeof(max), "%llu",
		 (unsigned long long)charged(dir) + room);
	return write_file(dir, "memory.max", max);
}

/* Sets an object up in the cgroup: its descriptor, or -errno. */
static inline int new_in(const char *dir, uint64_t length, uint32_t channels,
			 uint32_t flags)
{
	int fd, ret = enter(dir);

	if (ret)
		return ret;
	fd = hp_new(length, channels, flags);
	ret = enter(CGROUP);
	return ret ? ret : fd;
}

/* Starts a process that sleeps in the cgroup, and returns when it does. */
static inline pid_t bystander_start(const char *dir)
{
	int sync[2];
	pid_t pid;
	char byte;

	if (pipe(sync))
		return -errno;
	pid = fork();
	if (!pid) {
		if (enter(dir) || write(sync[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(sync[1]);
	if (read(sync[0], &byte, 1) != 1)
		return -ECHILD;
	close(sync[0]);
	return pid;
}

#endif /* HUGEPOST_CGROUP_H */
