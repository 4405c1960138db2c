// SPDX-License-Identifier: GPL-2.0-only
/* Checks what would else show as a guest that does not start, or is killed. */
#include <hugepost.h>
#include <inttypes.h>
#include <stdio.h>

#include "../common/meminfo.h"
#include "device.h"
#include "say.h"

#define FORCE	"HUGEPOST_FORCE"

void device_check(uint64_t bytes)
{
	struct hugepost_object *object;
	int err = hugepost_object_open(&object, NULL);
	uint64_t have;

	if (err)
		die(EXIT_OWN, HUGEPOST_DEVICE ": %s", hugepost_open_hint(err));
	hugepost_object_close(object);

	/* Where there is no such file to ask, all may be had. */
	if (!memory_available(&have) && bytes > have && !setting(FORCE))
		die(EXIT_OWN, "%" PRIu64 " MiB of memory are asked for, %" PRIu64
		    " MiB are available: free some, give the guest less, or set " FORCE
		    "=1 to try nevertheless", bytes >> 20, have >> 20);
}
