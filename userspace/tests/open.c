// SPDX-License-Identifier: LGPL-2.1-or-later
/* What opening says about things that are no hugepost device. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hugepost.h"
#include "tap.h"

static void refused(const char *path, int err)
{
	struct hugepost_object *obj = NULL;
	int ret = hugepost_object_open(&obj, path);

	tap_ok(ret == err && !obj, "open %s: %s (%s)", path, strerror(-ret), strerror(-err));
}

int main(void)
{
	struct hugepost_object *obj = NULL;
	int fd, ret;

	refused("/nonexistent/hugepost", -ENOENT);
	refused("/dev", -EISDIR);
	refused("/dev/null", -ENOTTY);
	refused("/dev/zero", -ENOTTY);
	if (!access("/dev/kvm", R_OK | W_OK))
		refused("/dev/kvm", -ENOTTY);

	fd = memfd_create("tap", 0);
	tap_need(fd >= 0, "memfd_create");
	ret = hugepost_object_from_fd(&obj, fd);
	tap_ok(ret == -ENOTTY && !obj, "a memfd is no object: %s", strerror(-ret));
	tap_ok(fcntl(fd, F_GETFD) == 0, "a refused descriptor is left as it was");
	close(fd);
	ret = hugepost_object_from_fd(&obj, fd);
	tap_ok(ret == -EBADF && !obj, "a closed descriptor: %s", strerror(-ret));

	tap_ok(strstr(hugepost_open_hint(-ENOENT), "modprobe"), "hint for a missing module");
	tap_ok(strstr(hugepost_open_hint(-EACCES), "kvm"), "hint for a missing permission");
	tap_ok(strstr(hugepost_open_hint(-EPROTO), "older"), "hint for an old module");
	tap_ok(strstr(hugepost_open_hint(-EPROTONOSUPPORT), "newer"), "hint for a new module");
	tap_ok(!strcmp(hugepost_version(), HUGEPOST_VERSION), "version %s", hugepost_version());
	hugepost_object_close(NULL);
	return tap_end();
}
