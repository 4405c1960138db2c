// SPDX-License-Identifier: GPL-2.0-only
/*
 * libhugepost-preload: which mappings show which memory objects.
 *
 * An object is known from its first mapping on, not from its open: however the
 * program came by the descriptor (open, a passed one, a duplicate), mmap names
 * it. The library keeps a descriptor of its own for as long as a mapping or a
 * call needs it, since the program may close its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "preload.h"

#define HOST_PAGE	(2UL << 20)
/* The device is a misc device. */
#define MISC_MAJOR	10

struct hps_ranges hps_mappings;

static struct hps_object *objects;

/* Another call is not allowed to change what the program sees of this one. */
static int device_ioctl(int fd, unsigned long request, void *arg)
{
	return hps_real()->ioctl(fd, request, arg) ? -errno : 0;
}

bool hps_is_device(int fd)
{
	struct hugepost_info info = { .size = sizeof(info) };
	int saved = errno;
	struct stat st;
	bool ret;

	ret = !fstat(fd, &st) && S_ISCHR(st.st_mode) && major(st.st_rdev) == MISC_MAJOR &&
	      !device_ioctl(fd, HUGEPOST_INFO, &info);
	errno = saved;
	return ret;
}

static int device_stats(int fd, struct hugepost_stats *stats)
{
	*stats = (struct hugepost_stats){ .size = sizeof(*stats) };
	return device_ioctl(fd, HUGEPOST_STATS, stats);
}

static int setup(int fd, uint64_t length)
{
	struct hugepost_setup arg = {
		.size = sizeof(arg),
		.flags = HUGEPOST_SETUP_OWNED |
			 (hps_settings.prealloc ? HUGEPOST_SETUP_PREALLOC : 0),
		.length = length,
		.channels = hps_settings.channels,
	};
	int ret;

	do {
		ret = device_ioctl(fd, HUGEPOST_SETUP, &arg);
	} while (ret == -EINTR);
	/* Another thread may have been faster. */
	if (ret == -EBUSY)
		return 0;
	if (ret == -ENOMEM)
		hps_log(HPS_ERROR,
			"no memory for an object of %llu MiB: %llu MiB of huge pages could be had; free memory, compact it (echo 1 > /proc/sys/vm/compact_memory), or raise the cgroup's limit",
			(unsigned long long)length >> 20,
			(unsigned long long)arg.out_allocated >> 20);
	else if (ret)
		hps_log(HPS_ERROR, "cannot set up an object of %llu bytes: %s",
			(unsigned long long)length, strerror(-ret));
	else
		hps_log(HPS_INFO, "object of %llu MiB with %u channels",
			(unsigned long long)length >> 20, hps_settings.channels);
	return ret;
}

/* A new object for the descriptor @fd of the program. */
static int object_new(int fd, const struct hugepost_stats *stats, struct hps_object **out)
{
	struct hps_object *obj = calloc(1, sizeof(*obj));
	uint32_t i;
	int own, ret;

	if (!obj)
		return -ENOMEM;
	own = hps_own_duplicate(fd);
	ret = own < 0 ? own : hugepost_object_from_fd(&obj->handle, own);
	if (ret) {
		if (own >= 0)
			hps_real()->close(own);
		free(obj);
		return ret;
	}
	obj->refs = 1;
	obj->id = stats->out_id;
	obj->length = stats->out_length;
	for (i = 0; i < stats->out_channels && !ret; i++)
		ret = hugepost_object_channel(obj->handle, i, &obj->channels[i]);
	obj->nr_channels = i;
	if (ret) {
		hps_object_put(obj);
		return ret;
	}
	*out = obj;
	return 0;
}

static struct hps_object *object_find(uint64_t id)
{
	struct hps_object *obj;

	for (obj = objects; obj; obj = obj->next)
		if (obj->id == id)
			return obj;
	return NULL;
}

static void object_free(struct hps_object *obj)
{
	hugepost_object_close(obj->handle);
	free(obj);
}

void hps_object_put(struct hps_object *obj)
{
	struct hps_object **at;
	int last;

	/* The way down to 0 is under the lock: nobody finds it on the way. */
	last = atomic_load(&obj->refs);
	while (last > 1)
		if (atomic_compare_exchange_weak(&obj->refs, &last, last - 1))
			return;

	hps_enter();
	last = atomic_fetch_sub(&obj->refs, 1);
	if (last == 1) {
		for (at = &objects; *at && *at != obj; at = &(*at)->next)
			;
		if (*at)
			*at = obj->next;
	}
	hps_leave();
	if (last == 1)
		object_free(obj);
}

/* In a child of fork: it has no mapping. Called with hps_lock. */
void hps_objects_forked(void)
{
	hps_mappings = (struct hps_ranges){ 0 };
	objects = NULL;
}

/* Adds a range to those that are mapped; called with hps_lock. */
static int add_mapping(const struct hps_range *range)
{
	unsigned int before = hps_mappings.nr;
	int ret = hps_ranges_add(&hps_mappings, range);

	atomic_fetch_add(&hps_active, (int)hps_mappings.nr - (int)before);
	return ret;
}

/* Remembers a mapping that was just made. */
static int remember(void *addr, size_t len, int fd, uint64_t offset)
{
	struct hps_range range = {
		.start = (uintptr_t)addr,
		.end = (uintptr_t)addr + len,
		.offset = offset,
	};
	struct hps_object *new = NULL;
	struct hugepost_stats stats;
	int ret;

	ret = device_stats(fd, &stats);
	if (!ret)
		ret = object_new(fd, &stats, &new);
	if (ret)
		return ret;

	hps_enter();
	range.obj = object_find(stats.out_id);
	if (range.obj) {
		atomic_fetch_add(&range.obj->refs, 1);
	} else {
		range.obj = new;
		new->next = objects;
		objects = new;
		new = NULL;
	}
	ret = add_mapping(&range);
	hps_leave();

	if (new)
		hps_object_put(new);
	if (ret)
		hps_object_put(range.obj);
	else
		hps_log(HPS_INFO, "object %llu: mapped at %p, %zu MiB from offset %llu",
			(unsigned long long)stats.out_id, addr, len >> 20,
			(unsigned long long)offset);
	return ret;
}

/* Fails like mmap if the library could not handle the mapping afterwards. */
void *hps_map(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	struct hugepost_stats stats;
	uint64_t end;
	void *ret;
	int err;

	err = device_stats(fd, &stats);
	if (!err && !stats.out_length) {
		if (off < 0 || __builtin_add_overflow((uint64_t)off, len, &end) ||
		    end > UINT64_MAX - HOST_PAGE)
			err = -EINVAL;
		else
			err = setup(fd, (end + HOST_PAGE - 1) & ~(HOST_PAGE - 1));
	}
	if (err) {
		errno = -err;
		return MAP_FAILED;
	}

	ret = hps_real()->mmap(addr, len, prot, flags, fd, off);
	if (ret == MAP_FAILED) {
		err = errno;
		hps_log(HPS_ERROR, "the device does not let itself be mapped at %p: %s%s", addr,
			strerror(err), err == EINVAL ? " (is the mapping aligned to 2 MiB?)" : "");
		errno = err;
		return ret;
	}
	hps_forget_mapping(ret, len);
	err = remember(ret, len, fd, (uint64_t)off);
	if (err) {
		hps_log(HPS_ERROR, "cannot follow a mapping: %s", strerror(-err));
		hps_real()->munmap(ret, len);
		errno = -err;
		return MAP_FAILED;
	}
	return ret;
}

void hps_forget_mapping(void *addr, size_t len)
{
	uintptr_t start = (uintptr_t)addr, end = start + len;
	struct hps_ranges gone = { 0 };
	unsigned int before;
	int ret;

	hps_enter();
	before = hps_mappings.nr;
	ret = hps_ranges_remove(&hps_mappings, start, end, &gone);
	/* Both counts change by the same. */
	atomic_fetch_add(&hps_active, (int)hps_mappings.nr - (int)before);
	hps_leave();

	if (ret)
		hps_log(HPS_ERROR, "no memory to forget the mapping at %p", addr);
	if (gone.nr) {
		hps_log(HPS_INFO, "unmapped %p, %zu MiB", addr, len >> 20);
		hps_uffd_unmapped(start, end);
	}
	hps_ranges_put(&gone);
}

/* After mremap: what is shown at @old is shown at @addr now. */
void hps_move_mapping(void *old, size_t old_len, void *addr, size_t len)
{
	struct hps_range range;
	struct hps_range *found;

	hps_enter();
	found = hps_ranges_find(&hps_mappings, (uintptr_t)old, (uintptr_t)old + old_len);
	if (found) {
		range = *found;
		range.offset += (uintptr_t)old - found->start;
		range.start = (uintptr_t)addr;
		range.end = range.start + len;
		atomic_fetch_add(&range.obj->refs, 1);
	}
	hps_leave();

	hps_forget_mapping(old, old_len);
	if (addr != old)
		hps_forget_mapping(addr, len);
	if (!found)
		return;
	hps_enter();
	if (add_mapping(&range))
		found = NULL;
	hps_leave();
	if (!found)
		hps_object_put(range.obj);
}

bool hps_is_mapped(const void *addr, size_t len)
{
	bool ret;

	hps_enter();
	ret = hps_ranges_find(&hps_mappings, (uintptr_t)addr, (uintptr_t)addr + len);
	hps_leave();
	return ret;
}

int hps_discard_fd(int fd, off_t off, off_t len)
{
	struct hugepost_discard arg = {
		.size = sizeof(arg),
		.offset = (uint64_t)off,
		.length = (uint64_t)len,
	};
	int ret = device_ioctl(fd, HUGEPOST_DISCARD, &arg);

	hps_debug("discard %#llx+%#llx: %s, %llu pages", (unsigned long long)off,
		  (unsigned long long)len, ret ? strerror(-ret) : "done",
		  (unsigned long long)arg.out_pages);
	return ret;
}

int hps_discard_addr(void *addr, size_t len)
{
	uintptr_t start = (uintptr_t)addr;
	struct hps_range *found;
	struct hps_object *obj = NULL;
	uint64_t offset = 0;
	int ret;

	hps_enter();
	found = hps_ranges_find(&hps_mappings, start, start + len);
	if (found) {
		obj = found->obj;
		offset = found->offset + (start - found->start);
		atomic_fetch_add(&obj->refs, 1);
	}
	hps_leave();
	if (!obj)
		return -ENOENT;
	ret = hugepost_object_discard(obj->handle, offset, len, NULL);
	hps_object_put(obj);
	return ret;
}
