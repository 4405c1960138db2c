// SPDX-License-Identifier: GPL-2.0-only
/*
 * libhugepost-preload: what the guest's memory is made of, as far as back ends are
 * concerned.
 *
 * In a postcopy the library speaks for a back end that waits in page faults of
 * objects. Of memory that is no object it would get old bytes instead: a guest that
 * has such is not to be migrated so, and that is known before its source stops.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "preload.h"

#define SMALLEST	(2UL << 20)

bool hps_memory_is_mapped(void)
{
	bool ret;

	hps_enter();
	ret = hps_mappings.nr;
	hps_leave();
	return ret;
}

static bool begins_with(const char *s, const char *start)
{
	return !strncmp(s, start, strlen(start));
}

/* May a shared mapping of that file be memory of a guest? */
static bool is_memory(const char *path)
{
	static const char *const others[] = {
		"/memfd:vhost", "/memfd:tcg-jit", "/memfd:displaysurface",
		"/memfd:virtio-gpu", "/SYSV",
	};
	unsigned int i;

	for (i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (begins_with(path, others[i]))
			return false;
	if (begins_with(path, "/dev/"))
		return begins_with(path, "/dev/shm/") || begins_with(path, "/dev/hugepages") ||
		       begins_with(path, "/dev/dax") || begins_with(path, "/dev/pmem");
	return *path == '/';
}

bool hps_memory_is_shared(void)
{
	unsigned long start, end;
	char line[512], perms[5];
	bool found = false;
	int path;
	FILE *f;

	f = fopen("/proc/self/maps", "re");
	if (!f) {
		hps_log(HPS_ERROR,
			"no postcopy with a vhost-user back end: /proc/self/maps does not tell what memory there is: %s",
			strerror(errno));
		return true;
	}
	while (!found && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		path = 0;
		if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %n", &start, &end, perms, &path) != 3 ||
		    !path || perms[1] != 'w' || perms[3] != 's' || end - start < SMALLEST ||
		    !is_memory(line + path) || hps_is_mapped((void *)start, end - start))
			continue;
		found = true;
		hps_log(HPS_ERROR,
			"no postcopy with a vhost-user back end: %lu MiB of shared memory are no object of hugepost (%s); put all memory of the guest on hugepost",
			(end - start) >> 20, line + path);
	}
	fclose(f);
	return found;
}
