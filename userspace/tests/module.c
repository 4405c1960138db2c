// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the library says to a module, by a stand-in for it: with which versions of
 * the module it works, and the sizes of entries and events that it tells.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hugepost.h"
#include "tap.h"

static uint32_t module_version;		/* as INFO is answered */
static struct hugepost_arm armed;	/* as it was asked for last */
static struct hugepost_fill filled;

/* Takes the place of libc's. */
int ioctl(int fd, unsigned long cmd, ...)
{
	va_list args;
	void *arg;

	va_start(args, cmd);
	arg = va_arg(args, void *);
	va_end(args);
	switch (cmd) {
	case HUGEPOST_INFO:
		((struct hugepost_info *)arg)->out_api_version = module_version;
		return 0;
	case HUGEPOST_STATS:
		((struct hugepost_stats *)arg)->out_length = 2 << 20;
		((struct hugepost_stats *)arg)->out_channels = 1;
		return 0;
	case HUGEPOST_ARM:
		memcpy(&armed, arg, sizeof(armed));
		((struct hugepost_arm *)arg)->out_fd = dup(fd);
		return 0;
	case HUGEPOST_FILL:
		memcpy(&filled, arg, sizeof(filled));
		((struct hugepost_fill *)arg)->out_done = filled.nr;
		return 0;
	}
	errno = ENOTTY;
	return -1;
}

/* Opens an object of a module that has @version. */
static int open_version(struct hugepost_object **obj, uint32_t version)
{
	int fd = memfd_create("tap", MFD_CLOEXEC), ret;

	tap_need(fd >= 0, "memfd_create");
	module_version = version;
	ret = hugepost_object_from_fd(obj, fd);
	if (ret)
		close(fd);
	return ret;
}

static void refused(uint32_t version, int err)
{
	struct hugepost_object *obj = NULL;
	int ret = open_version(&obj, version);

	tap_ok(ret == err && !obj, "a module of version %u: %s", version, strerror(-ret));
}

int main(void)
{
	struct hugepost_fill_entry entries[3] = { { .len = 0 } };
	struct hugepost_channel *channel;
	struct hugepost_object *obj;

	refused(0, -ENOTTY);
	refused(HUGEPOST_API_VERSION - 1, -EPROTO);
	refused(HUGEPOST_API_VERSION + 1, -EPROTONOSUPPORT);
	tap_need(!open_version(&obj, HUGEPOST_API_VERSION), "open");
	tap_need(!hugepost_object_channel(obj, 0, &channel), "channel");

	tap_ok(!hugepost_channel_fill_many(channel, entries, 3, NULL) && filled.nr == 3 &&
	       filled.entry_size == sizeof(entries[0]),
	       "fill_many: entries of %u bytes", filled.entry_size);
	filled.entry_size = 0;
	tap_ok(!hugepost_channel_fill(channel, 0, NULL, 4096, HUGEPOST_FILL_ZERO, NULL) &&
	       filled.nr == 1 && filled.entry_size == sizeof(entries[0]),
	       "fill: an entry of %u bytes", filled.entry_size);
	tap_ok(!hugepost_object_arm(obj, HUGEPOST_ARM_NONBLOCK) &&
	       armed.flags == HUGEPOST_ARM_NONBLOCK &&
	       armed.event_size == sizeof(struct hugepost_event),
	       "arm: events of %u bytes", armed.event_size);
	hugepost_object_close(obj);
	return tap_end();
}
