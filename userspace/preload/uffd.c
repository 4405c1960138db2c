// SPDX-License-Identifier: GPL-2.0-only
/*
 * libhugepost-preload: virtual userfaultfds and their ioctls.
 *
 * While an object is mapped, a new userfaultfd becomes a virtual one, since it
 * may have to tell of the object's missing pages, too. Ranges of ordinary memory
 * go on to the real one behind it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "preload.h"

#define UFFDS_MAX	65536
#define PAGE_MASK	4095UL

const unsigned int hps_uffd_max = UFFDS_MAX;

/* Set and cleared under hps_lock; whether there is one is read without. */
static struct hps_uffd *_Atomic slots[UFFDS_MAX];
static unsigned int top_slot;

bool hps_uffd_known(int fd)
{
	return (unsigned int)fd < UFFDS_MAX &&
	       atomic_load_explicit(&slots[fd], memory_order_relaxed);
}

bool hps_uffd_any(void)
{
	unsigned int fd;

	for (fd = 0; fd < top_slot; fd++)
		if (hps_uffd_known((int)fd))
			return true;
	return false;
}

static struct hps_uffd *uffd_get(int fd)
{
	struct hps_uffd *uffd;

	hps_enter();
	uffd = slots[fd];
	if (uffd)
		atomic_fetch_add(&uffd->refs, 1);
	hps_leave();
	return uffd;
}

static void uffd_put(struct hps_uffd *uffd)
{
	if (atomic_fetch_sub(&uffd->refs, 1) > 1)
		return;
	hps_ranges_put(&uffd->registered);
	if (uffd->real >= 0)
		hps_real()->close(uffd->real);
	if (uffd->set >= 0)
		hps_real()->close(uffd->set);
	free(uffd);
}

static void slot_set(int fd, struct hps_uffd *uffd)
{
	slots[fd] = uffd;
	uffd->fds++;
	if ((unsigned int)fd >= top_slot)
		top_slot = (unsigned int)fd + 1;
	atomic_fetch_add(&uffd->refs, 1);
	atomic_fetch_add(&hps_active, 1);
}

/* The epoll descriptor takes the place of the real one, which moves away. */
static int take_place(struct hps_uffd *uffd, int fd, int flags)
{
	int set = epoll_create1(EPOLL_CLOEXEC);

	if (set < 0)
		return -errno;
	uffd->set = hps_own_duplicate(set);
	hps_real()->close(set);
	if (uffd->set < 0)
		return uffd->set;
	uffd->real = hps_own_duplicate(fd);
	if (uffd->real < 0)
		return uffd->real;
	/* Only poll() of a real one that does not block works. */
	if (hps_real()->fcntl(uffd->real, F_SETFL, O_NONBLOCK) ||
	    hps_real()->fcntl(uffd->set, F_SETFL, flags & O_NONBLOCK) ||
	    hps_real()->dup3(uffd->set, fd, flags & O_CLOEXEC) < 0)
		return -errno;
	return 0;
}

/*
 * Makes the userfaultfd @fd, just created with @flags, a virtual one. -errno: it
 * is a real one still.
 */
int hps_uffd_create(int fd, int flags)
{
	struct hps_uffd *uffd;
	int ret;

	if (fd >= UFFDS_MAX)
		return -EMFILE;
	uffd = calloc(1, sizeof(*uffd));
	if (!uffd)
		return -ENOMEM;
	*uffd = (struct hps_uffd){ .refs = 1, .real = -1, .set = -1 };
	ret = take_place(uffd, fd, flags);
	if (!ret) {
		/* One that was closed behind the library's back. */
		if (hps_uffd_known(fd))
			hps_uffd_close(fd);
		hps_enter();
		slot_set(fd, uffd);
		hps_leave();
		hps_log(HPS_INFO, "userfaultfd %d is a virtual one", fd);
	}
	uffd_put(uffd);
	return ret;
}

/* A child of vfork() has the parent's memory, but descriptors of its own. */
static bool own_descriptors(void)
{
	return getpid() == hps_pid;
}

void hps_uffd_dup(int old, int new)
{
	if (!own_descriptors())
		return;
	hps_enter();
	if ((unsigned int)new < UFFDS_MAX && slots[old] && !slots[new])
		slot_set(new, slots[old]);
	hps_leave();
}

/*
 * The program is about to close @fd. With its last descriptor a userfaultfd is
 * gone, and with it the handler of what it has registered: who waits for a page
 * there gets SIGBUS.
 */
void hps_uffd_close(int fd)
{
	struct hps_ranges gone = { 0 };
	struct hps_uffd *uffd;
	unsigned int i;

	if (!own_descriptors())
		return;
	hps_enter();
	uffd = slots[fd];
	if (uffd) {
		slots[fd] = NULL;
		atomic_fetch_add(&hps_changes, 1);
		uffd->fds--;
		atomic_fetch_sub(&hps_active, 1);
	}
	if (uffd && !uffd->fds) {
		gone = uffd->registered;
		uffd->registered = (struct hps_ranges){ 0 };
	}
	hps_leave();
	if (!uffd)
		return;

	hps_quick_forget();
	if (gone.nr)
		hps_log(HPS_WARN, "userfaultfd %d is closed with memory registered", fd);
	for (i = 0; i < gone.nr; i++)
		hps_events_put(hps_unarm(gone.list[i].obj, uffd));
	hps_ranges_put(&gone);
	uffd_put(uffd);
	hps_vhost_quiet();
}

/* In a child of fork: it has none of them. Called with hps_lock. */
void hps_uffd_forked(void)
{
	memset(slots, 0, top_slot * sizeof(slots[0]));
	top_slot = 0;
	hps_quick_forked();
}

void hps_uffd_unmapped(uintptr_t start, uintptr_t end)
{
	struct hps_uffd *uffd;
	unsigned int fd;

	for (fd = 0; fd < top_slot; fd++) {
		uffd = hps_uffd_known((int)fd) ? uffd_get((int)fd) : NULL;
		if (!uffd)
			continue;
		hps_unregister(uffd, start, end, false);
		uffd_put(uffd);
	}
}

/*
 * What [start, start + len) is to @uffd: 1 a registered range of an object,
 * which is got in *@obj and *@offset; 0 ordinary memory; -errno.
 */
static int resolve(struct hps_uffd *uffd, uint64_t start, uint64_t len, struct hps_object **obj,
		   uint64_t *offset)
{
	struct hps_range *found;
	uint64_t end;
	int ret = 0;

	if (__builtin_add_overflow(start, len, &end))
		return 0;
	hps_enter();
	found = hps_ranges_find(&uffd->registered, start, end);
	if (found) {
		*obj = found->obj;
		*offset = found->offset + (start - found->start);
		atomic_fetch_add(&found->obj->refs, 1);
		ret = 1;
	} else if (hps_ranges_overlap(&hps_mappings, start, end)) {
		ret = -ENOENT;
	}
	hps_leave();
	if (ret > 0 && (!len || ((start | len) & PAGE_MASK))) {
		hps_object_put(*obj);
		return -EINVAL;
	}
	return ret;
}

/* The result of COPY and ZEROPAGE: bytes, or -errno; and the call's own. */
static int fill(struct hps_uffd *uffd, struct hps_object *obj, uint64_t offset, uint64_t src,
		uint64_t len, uint32_t flags, __s64 *out)
{
	struct hugepost_fill_result result;
	int ret;

	ret = hps_fill(obj, offset, (const void *)(uintptr_t)src, len, flags, &result);
	if (!ret && !result.duplicates) {
		*out = (__s64)len;
		return 0;
	}
	if (!ret)
		ret = -EEXIST;
	if (ret != -EEXIST) {
		hps_enter();
		uffd->failed = true;
		hps_leave();
	}
	if (ret != -EEXIST && result.bytes) {
		*out = (__s64)result.bytes;
		return -EAGAIN;
	}
	*out = ret;
	return ret;
}

static int do_copy(struct hps_uffd *uffd, struct uffdio_copy *arg)
{
	struct hps_object *obj;
	uint64_t offset;
	int ret;

	ret = resolve(uffd, arg->dst, arg->len, &obj, &offset);
	if (ret <= 0)
		return ret ? ret : 1;
	if (arg->mode & ~UFFDIO_COPY_MODE_DONTWAKE)
		ret = -EINVAL;
	else
		ret = fill(uffd, obj, offset, arg->src, arg->len, 0, &arg->copy);
	hps_debug("copy %#llx+%#llx of object %llu: %s", (unsigned long long)offset,
		  (unsigned long long)arg->len, (unsigned long long)obj->id,
		  ret ? strerror(-ret) : "done");
	hps_object_put(obj);
	return ret;
}

static int do_zeropage(struct hps_uffd *uffd, struct uffdio_zeropage *arg)
{
	struct hps_object *obj;
	uint64_t offset;
	int ret;

	ret = resolve(uffd, arg->range.start, arg->range.len, &obj, &offset);
	if (ret <= 0)
		return ret ? ret : 1;
	if (arg->mode & ~UFFDIO_ZEROPAGE_MODE_DONTWAKE)
		ret = -EINVAL;
	else
		ret = fill(uffd, obj, offset, 0, arg->range.len, HUGEPOST_FILL_ZERO,
			   &arg->zeropage);
	hps_debug("zero %#llx+%#llx of object %llu: %s", (unsigned long long)offset,
		  (unsigned long long)arg->range.len, (unsigned long long)obj->id,
		  ret ? strerror(-ret) : "done");
	hps_object_put(obj);
	return ret;
}

static int do_wake(struct hps_uffd *uffd, const struct uffdio_range *arg)
{
	struct hps_object *obj;
	uint64_t offset;
	int ret;

	ret = resolve(uffd, arg->start, arg->len, &obj, &offset);
	if (ret <= 0)
		return ret ? ret : 1;
	ret = hugepost_object_wake(obj->handle, offset, arg->len);
	hps_object_put(obj);
	return ret;
}

static bool is_ours(const struct uffdio_range *range)
{
	uint64_t start = range->start, end;
	bool ret;

	if (__builtin_add_overflow(start, range->len, &end))
		return false;
	hps_enter();
	ret = hps_ranges_overlap(&hps_mappings, start, end);
	hps_leave();
	return ret;
}

ssize_t hps_uffd_fd_read(int fd, void *buf, size_t len)
{
	struct hps_uffd *uffd = uffd_get(fd);
	ssize_t ret;

	if (!uffd)
		return hps_real()->read(fd, buf, len);
	ret = hps_uffd_read(uffd, fd, buf, len);
	uffd_put(uffd);
	if (ret >= 0)
		return ret;
	errno = (int)-ret;
	return -1;
}

static int do_api(struct hps_uffd *uffd, struct uffdio_api *arg)
{
	uint64_t asked = arg->features;

	if (hps_real()->ioctl(uffd->real, UFFDIO_API, arg))
		return -errno;
	hps_enter();
	uffd->features = asked;
	hps_leave();
	return 0;
}

/* 1: the call is not for an object, and goes on to the real userfaultfd. */
static int adapt(struct hps_uffd *uffd, unsigned long request, void *arg)
{
	const struct uffdio_range *range = arg;

	switch (request) {
	case UFFDIO_COPY:
		return do_copy(uffd, arg);
	case UFFDIO_ZEROPAGE:
		return do_zeropage(uffd, arg);
	case UFFDIO_WAKE:
		return do_wake(uffd, arg);
	case UFFDIO_API:
		return do_api(uffd, arg);
	case UFFDIO_REGISTER:
		return hps_register(uffd, arg);
	case UFFDIO_UNREGISTER:
		if (!is_ours(range))
			return 1;
		return hps_unregister(uffd, range->start, range->start + range->len, true);
	default:
		/* What objects cannot do. All others begin with a range, too. */
		return _IOC_SIZE(request) >= sizeof(*range) && is_ours(range) ? -EINVAL : 1;
	}
}

/* The next target page is likely to be of the same range. */
static void learn(int fd, struct hps_uffd *uffd, const struct uffdio_copy *copy)
{
	struct hps_range *found;
	int channel;

	hps_quick_forget();
	hps_enter();
	found = hps_ranges_find(&uffd->registered, copy->dst, copy->dst + copy->len);
	channel = found ? hps_channel_of(found->obj) : -1;
	if (channel >= 0 && slots[fd] == uffd)
		hps_quick_learn(fd, found, (uint32_t)channel);
	hps_leave();
}

int hps_uffd_ioctl(int fd, unsigned long request, void *arg)
{
	struct hps_uffd *uffd;
	int ret;

	if (request == UFFDIO_COPY && hps_quick_copy(fd, arg, &ret))
		return ret;
	/* Other requests are for the descriptor that the program holds. */
	uffd = _IOC_TYPE(request) == UFFDIO ? uffd_get(fd) : NULL;
	if (!uffd)
		return hps_real()->ioctl(fd, request, arg);
	ret = adapt(uffd, request, arg);
	if (!ret && request == UFFDIO_COPY)
		learn(fd, uffd, arg);
	/* Ordinary memory: before anything can come of it, it is watched for. */
	if (ret == 1 && request == UFFDIO_REGISTER && hps_watch_real(uffd))
		ret = -ENOMEM;
	if (ret == 1) {
		ret = hps_real()->ioctl(uffd->real, request, arg);
	} else if (ret) {
		errno = -ret;
		ret = -1;
	}
	uffd_put(uffd);
	return ret;
}
