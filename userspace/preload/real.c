// SPDX-License-Identifier: GPL-2.0-only
/* libhugepost-preload: the definitions that the program would have called. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "preload.h"

#define FD_FLOOR	200

struct hps_real hps_real_table;

static void *next(const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	/* The C library has had all of them for longer than the module's kernels. */
	if (!found)
		abort();
	return found;
}

void hps_resolve(void)
{
	struct hps_real real = {
		.ioctl = next("ioctl"),
		.syscall = next("syscall"),
		.mmap = next("mmap64"),
		.munmap = next("munmap"),
		.mremap = next("mremap"),
		.madvise = next("madvise"),
		.fallocate = next("fallocate64"),
		.fstatfs = next("fstatfs64"),
		.read = next("read"),
		.readv = next("readv"),
		.writev = next("writev"),
		.memfd_create = next("memfd_create"),
		.sendmsg = next("sendmsg"),
		.recvmsg = next("recvmsg"),
		.close = next("close"),
		.dup = next("dup"),
		.dup2 = next("dup2"),
		.dup3 = next("dup3"),
		.fcntl = next("fcntl64"),
	};

	/* Two threads at once write the same. */
	hps_real_table = real;
}

int hps_own_duplicate(int fd)
{
	int ret = hps_real()->fcntl(fd, F_DUPFD_CLOEXEC, FD_FLOOR);

	/* There may be no such numbers (RLIMIT_NOFILE). */
	if (ret < 0 && errno == EINVAL)
		ret = hps_real()->fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return ret < 0 ? -errno : ret;
}
