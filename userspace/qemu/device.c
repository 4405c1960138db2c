// SPDX-License-Identifier: GPL-2.0-only
/* Checks what would else show as a guest that does not start, or is killed. */
#include <hugepost.h>
#include <inttypes.h>
#include <stdio.h>

#include "device.h"
#include "say.h"

#define FORCE	"HUGEPOST_FORCE"

/* MemAvailable in bytes; UINT64_MAX where there is no such file to ask. */
static uint64_t available(void)
{
	uint64_t kib, bytes = UINT64_MAX;
	FILE *file = fopen("/proc/meminfo", "re");
	char text[128];

	while (file && fgets(text, sizeof(text), file))
		if (sscanf(text, "MemAvailable: %" SCNu64, &kib) == 1)
			bytes = kib << 10;
	if (file)
		fclose(file);
	return bytes;
}

void device_check(uint64_t bytes)
{
	struct hugepost_object *object;
	int err = hugepost_object_open(&object, NULL);
	uint64_t have;

	if (err)
		die(EXIT_OWN, HUGEPOST_DEVICE ": %s", hugepost_open_hint(err));
	hugepost_object_close(object);

	have = available();
	if (bytes > have && !setting(FORCE))
		die(EXIT_OWN, "%" PRIu64 " MiB of memory are asked for, %" PRIu64
		    " MiB are available: free some, give the guest less, or set " FORCE
		    "=1 to try nevertheless", bytes >> 20, have >> 20);
}
