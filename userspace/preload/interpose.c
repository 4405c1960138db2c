// SPDX-License-Identifier: GPL-2.0-only
/*
 * libhugepost-preload: the names that the program calls.
 *
 * Each goes on to the next definition after a branch or two; where it has to be
 * adapted, the work is done elsewhere.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "preload.h"

#define HUGE_BYTES	(2L << 20)
#define PUNCH		(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)

#ifndef USERFAULTFD_IOC_NEW
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)
#endif

/* Is there something to adapt, and is it the program that calls? */
static bool active(void)
{
	return hps_unlikely(atomic_load_explicit(&hps_active, memory_order_relaxed)) &&
	       !hps_inside;
}

/* Is there a back end, and is it the program that calls? */
static bool has_back_end(void)
{
	return hps_unlikely(atomic_load_explicit(&hps_vhost_active, memory_order_relaxed)) &&
	       !hps_inside;
}

/* What open() of a userfaultfd gave: a virtual one while objects are mapped. */
static int new_uffd(int fd, int flags)
{
	int ret;

	if (fd < 0 || !active())
		return fd;
	ret = hps_uffd_create(fd, flags);
	if (!ret)
		return fd;
	hps_real()->close(fd);
	errno = -ret;
	return -1;
}

/* Does this process run a guest by KVM? If it cannot be told, it does. */
static bool has_kvm(void)
{
	DIR *dir = opendir("/proc/self/fd");
	char target[32];
	struct dirent *entry;
	bool found = !dir;

	while (!found && (entry = readdir(dir))) {
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		target[len > 0 ? len : 0] = 0;
		found = !strcmp(target, "anon_inode:kvm-vm");
	}
	if (dir)
		closedir(dir);
	return found;
}

/*
 * Without the privilege: by the device, whose permissions are others. Else for
 * faults of user mode only, which will do but where KVM touches ordinary memory
 * for the guest: better no migration than a guest that stops in one.
 */
static int create_unprivileged(int flags)
{
	int dev = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC), fd = -1;

	if (dev >= 0) {
		fd = hps_real()->ioctl(dev, USERFAULTFD_IOC_NEW, flags);
		hps_real()->close(dev);
	}
	if (fd < 0 && has_kvm()) {
		hps_log(HPS_ERROR,
			"userfaultfd is not permitted: give this user access to /dev/userfaultfd, or set the sysctl vm.unprivileged_userfaultfd to 1");
		errno = EPERM;
	} else if (fd < 0) {
		fd = (int)hps_real()->syscall(SYS_userfaultfd, flags | UFFD_USER_MODE_ONLY);
	}
	return fd;
}

static int create_uffd(int flags)
{
	int fd = (int)hps_real()->syscall(SYS_userfaultfd, flags);

	if (fd < 0 && errno == EPERM && active() && !(flags & UFFD_USER_MODE_ONLY))
		fd = create_unprivileged(flags);
	return new_uffd(fd, flags);
}

long syscall(long number, ...)
{
	long arg[6];
	va_list args;
	int i;

	va_start(args, number);
	for (i = 0; i < 6; i++)
		arg[i] = va_arg(args, long);
	va_end(args);
	if (hps_unlikely(number == SYS_userfaultfd))
		return create_uffd((int)arg[0]);
	return hps_real()->syscall(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;
	int ret;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (!active())
		return hps_real()->ioctl(fd, request, arg);
	if (hps_uffd_known(fd))
		return hps_uffd_ioctl(fd, request, arg);
	if (hps_unlikely(request == UFFDIO_WAKE) && hps_vhost_is_silent(fd))
		return 0;
	ret = hps_real()->ioctl(fd, request, arg);
	if (hps_unlikely(request == USERFAULTFD_IOC_NEW))
		ret = new_uffd(ret, (int)(intptr_t)arg);
	return ret;
}

static void *map(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	int type = flags & MAP_TYPE;
	void *ret;

	if (hps_unlikely(fd >= 0 && (type == MAP_SHARED || type == MAP_SHARED_VALIDATE)) &&
	    !(flags & MAP_ANONYMOUS) && !hps_inside && hps_is_device(fd))
		return hps_map(addr, len, prot, flags, fd, off);
	ret = hps_real()->mmap(addr, len, prot, flags, fd, off);
	if (active() && (flags & MAP_FIXED) && ret != MAP_FAILED)
		hps_forget_mapping(ret, len);
	return ret;
}

void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	return map(addr, len, prot, flags, fd, off);
}

void *mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	return map(addr, len, prot, flags, fd, off);
}

int munmap(void *addr, size_t len)
{
	/* Before, since another thread may get the addresses right after. */
	if (active())
		hps_forget_mapping(addr, len);
	return hps_real()->munmap(addr, len);
}

void *mremap(void *old, size_t old_len, size_t len, int flags, ...)
{
	va_list args;
	void *new, *ret;

	va_start(args, flags);
	new = va_arg(args, void *);
	va_end(args);
	ret = hps_real()->mremap(old, old_len, len, flags, new);
	if (active() && ret != MAP_FAILED)
		hps_move_mapping(old, old_len, ret, len);
	return ret;
}

int madvise(void *addr, size_t len, int advice)
{
	if (!active() || (advice != MADV_DONTNEED && advice != MADV_NOHUGEPAGE &&
			  advice != MADV_REMOVE) || !hps_is_mapped(addr, len))
		return hps_real()->madvise(addr, len, advice);

	if (advice == MADV_REMOVE) {
		int ret = hps_discard_addr(addr, len);

		if (!ret)
			return 0;
		errno = -ret;
		return -1;
	}
	/*
	 * DONTNEED comes after the discard of the same range, which has unmapped
	 * it. NOHUGEPAGE is for those who can place pages of 4 KiB in no other
	 * way, and would keep the memory from being mapped huge at the end.
	 */
	hps_debug("advice %d on %p+%#zx: not needed", advice, addr, len);
	return 0;
}

static int allocate(int fd, int mode, off_t off, off_t len)
{
	int ret = hps_real()->fallocate(fd, mode, off, len);

	/* No character device gets this call from the kernel. */
	if (!ret || errno != ENODEV || !active() || mode != PUNCH || !hps_is_device(fd))
		return ret;
	ret = hps_discard_fd(fd, off, len);
	if (!ret)
		return 0;
	errno = -ret;
	return -1;
}

int fallocate(int fd, int mode, off_t off, off_t len)
{
	return allocate(fd, mode, off, len);
}

int fallocate64(int fd, int mode, off_t off, off_t len)
{
	return allocate(fd, mode, off, len);
}

int fstatfs64(int fd, struct statfs64 *buf)
{
	int ret = hps_real()->fstatfs(fd, buf);

	if (hps_unlikely(hps_settings.hugetlbfs) && !ret && hps_is_device(fd)) {
		buf->f_type = HUGETLBFS_MAGIC;
		buf->f_bsize = HUGE_BYTES;
	}
	return ret;
}

ssize_t read(int fd, void *buf, size_t len)
{
	if (active() && hps_uffd_known(fd))
		return hps_uffd_fd_read(fd, buf, len);
	return hps_real()->read(fd, buf, len);
}

/* What read() is in a program that was built with checks. */
ssize_t __read_chk(int fd, void *buf, size_t len, size_t room)
{
	if (len > room)
		abort();
	return read(fd, buf, len);
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (hps_inside)
		return hps_real()->sendmsg(fd, msg, flags);
	if (active() && hps_stream_refuses_write(fd, msg->msg_iov, msg->msg_iovlen))
		return -1;
	return hps_vhost_sendmsg(fd, msg, flags);
}

ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t ret;

	if (has_back_end() && hps_vhost_known(fd))
		return hps_vhost_recvmsg(fd, msg, flags);
	ret = hps_real()->recvmsg(fd, msg, flags);
	if (active() && !(flags & MSG_PEEK) &&
	    hps_stream_refuses_read(fd, msg->msg_iov, msg->msg_iovlen, ret))
		return -1;
	return ret;
}

ssize_t readv(int fd, const struct iovec *iov, int nr)
{
	ssize_t ret = hps_real()->readv(fd, iov, nr);

	if (active() && hps_stream_refuses_read(fd, iov, (size_t)nr, ret))
		return -1;
	return ret;
}

ssize_t writev(int fd, const struct iovec *iov, int nr)
{
	if (active() && nr > 0 && hps_stream_refuses_write(fd, iov, (size_t)nr))
		return -1;
	return hps_real()->writev(fd, iov, nr);
}

int memfd_create(const char *name, unsigned int flags)
{
	if (active() && hps_stream_refuses_file(name))
		return -1;
	return hps_real()->memfd_create(name, flags);
}

int close(int fd)
{
	if (active() && hps_uffd_known(fd))
		hps_uffd_close(fd);
	if (has_back_end() && hps_vhost_known(fd) && hps_vhost_close(fd))
		return 0;
	/* Before, as the number may be another descriptor's right after. */
	hps_stream_ended(fd);
	return hps_real()->close(fd);
}

static void close_all(unsigned int first, unsigned int last)
{
	unsigned int fd;

	for (fd = first; fd <= last && fd < hps_uffd_max; fd++) {
		hps_stream_ended((int)fd);
		if (hps_uffd_known((int)fd))
			hps_uffd_close((int)fd);
		if (hps_vhost_known((int)fd))
			hps_vhost_replaced((int)fd);
	}
}

int close_range(unsigned int first, unsigned int last, int flags)
{
	if ((active() || has_back_end()) && !(flags & CLOSE_RANGE_CLOEXEC))
		close_all(first, last);
	return (int)hps_real()->syscall(SYS_close_range, first, last, flags);
}

/* @new was made by a call that is like dup(). */
static int duplicated(int old, int new)
{
	if (active() && new >= 0 && new != old) {
		/* dup2 and dup3 have closed what was there. */
		hps_stream_ended(new);
		if (hps_uffd_known(new))
			hps_uffd_close(new);
		if (hps_uffd_known(old))
			hps_uffd_dup(old, new);
	}
	if (has_back_end() && new >= 0 && new != old) {
		if (hps_vhost_known(new))
			hps_vhost_replaced(new);
		if (hps_vhost_known(old))
			hps_vhost_dup(old, new);
	}
	return new;
}

int dup(int fd)
{
	return duplicated(fd, hps_real()->dup(fd));
}

int dup2(int old, int new)
{
	return duplicated(old, hps_real()->dup2(old, new));
}

int dup3(int old, int new, int flags)
{
	return duplicated(old, hps_real()->dup3(old, new, flags));
}

static int control(int fd, int cmd, long arg)
{
	int ret = hps_real()->fcntl(fd, cmd, arg);

	if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC)
		return duplicated(fd, ret);
	return ret;
}

int fcntl(int fd, int cmd, ...)
{
	va_list args;
	long arg;

	va_start(args, cmd);
	arg = va_arg(args, long);
	va_end(args);
	return control(fd, cmd, arg);
}

int fcntl64(int fd, int cmd, ...)
{
	va_list args;
	long arg;

	va_start(args, cmd);
	arg = va_arg(args, long);
	va_end(args);
	return control(fd, cmd, arg);
}
