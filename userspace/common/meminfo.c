// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "meminfo.h"

int memory_available(uint64_t *bytes)
{
	FILE *file = fopen("/proc/meminfo", "re");
	int err = -ENODATA;
	char line[256];
	uint64_t kib;

	if (!file)
		return -errno;
	while (err && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "MemAvailable: %" SCNu64, &kib) == 1) {
			*bytes = kib << 10;
			err = 0;
		}
	}
	fclose(file);
	return err;
}
