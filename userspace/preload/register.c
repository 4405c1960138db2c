// SPDX-License-Identifier: GPL-2.0-only
/*
 * libhugepost-preload: which ranges of objects a virtual userfaultfd handles.
 *
 * An object is armed while ranges of it are registered. Arming concerns the
 * whole object; what is not registered of it is ordinary memory to the program,
 * so its faults are answered with zeros, by whoever reads the messages. At the end
 * the object is disarmed, and its pages are mapped huge.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "preload.h"

#define PAGE_MASK	4095UL
#define PAGE_BYTES	4096UL
#define HOST_PAGE	(2UL << 20)

/*
 * Makes one step of a change of ranges and of arming or disarming their object;
 * taken before hps_lock. No memory of the program is touched under it.
 */
pthread_mutex_t hps_register_lock = PTHREAD_MUTEX_INITIALIZER;

#define RANGE_IOCTLS	(1ULL << _UFFDIO_WAKE | 1ULL << _UFFDIO_COPY | 1ULL << _UFFDIO_ZEROPAGE)

void hps_events_put(struct hps_events *events)
{
	if (!events || atomic_fetch_sub(&events->refs, 1) > 1)
		return;
	hps_real()->close(events->fd);
	free(events);
}

struct hps_events *hps_unarm(struct hps_object *obj, const struct hps_uffd *uffd)
{
	struct hps_events *events = NULL;

	hps_enter();
	if (obj->armed_by == uffd) {
		events = obj->events;
		obj->armed_by = NULL;
		obj->events = NULL;
	}
	hps_leave();
	return events;
}

static int arm(struct hps_object *obj, struct hps_uffd *uffd)
{
	struct hugepost_arm arg = {
		.size = sizeof(arg),
		.flags = HUGEPOST_ARM_NONBLOCK,
		.event_size = sizeof(struct hugepost_event),
	};
	struct hps_events *events = malloc(sizeof(*events));
	int ret;

	if (!events)
		return -ENOMEM;
	if (hps_real()->ioctl(hugepost_object_fd(obj->handle), HUGEPOST_ARM, &arg)) {
		free(events);
		return -errno;
	}
	*events = (struct hps_events){ .refs = 1, .fd = arg.out_fd };
	hps_enter();
	/* The userfaultfd may be closed by now. */
	if (obj->armed_by == uffd) {
		obj->events = events;
		atomic_fetch_add(&events->refs, 1);
	}
	hps_leave();
	/* Where its messages come from is known before the first is looked for. */
	ret = hps_watch(uffd, events->fd, obj->id);
	hps_events_put(events);
	if (ret)
		return ret;
	hps_log(HPS_INFO, "object %llu: armed", (unsigned long long)obj->id);
	return 0;
}

/* Notes the range; *@first: the object has to be armed. */
static int add(struct hps_uffd *uffd, struct hps_range *range, bool *first)
{
	struct hps_ranges gone = { 0 };
	struct hps_object *obj = range->obj;
	int ret;

	hps_enter();
	if (!uffd->fds)
		ret = -EBADF;
	else if (obj->armed_by && obj->armed_by != uffd)
		ret = -EBUSY;
	else
		ret = hps_ranges_remove(&uffd->registered, range->start, range->end, &gone);
	if (!ret)
		ret = hps_ranges_add(&uffd->registered, range);
	if (!ret) {
		atomic_fetch_add(&obj->refs, 1);
		*first = !obj->armed_by;
		obj->armed_by = uffd;
		if (*first)
			obj->incomplete = false;
	}
	hps_leave();
	hps_ranges_put(&gone);
	return ret;
}

static int find_mapping(const struct uffdio_range *arg, struct hps_range *out)
{
	uint64_t start = arg->start, end;
	struct hps_range *found;
	int ret = 0;

	if (__builtin_add_overflow(start, arg->len, &end))
		return 1;
	hps_enter();
	found = hps_ranges_find(&hps_mappings, start, end);
	if (found) {
		*out = *found;
		out->start = start;
		out->end = end;
		out->offset += start - found->start;
		atomic_fetch_add(&out->obj->refs, 1);
	} else {
		ret = hps_ranges_overlap(&hps_mappings, start, end) ? -EINVAL : 1;
	}
	hps_leave();
	return ret;
}

/* Is each page of the range there? If it cannot be told, not. */
static bool all_present(const struct hps_range *range)
{
	uint64_t offset = range->offset & ~(HOST_PAGE - 1);
	uint64_t len = range->offset - offset + (range->end - range->start), present = 0;
	uint64_t *bits = calloc(len / PAGE_BYTES / 64 + 1, sizeof(*bits));
	int ret = -ENOMEM;

	if (bits)
		ret = hugepost_object_bitmap(range->obj->handle, offset, len, bits, &present);
	free(bits);
	return !ret && present == len / PAGE_BYTES;
}

/*
 * After a failure a page that never came must not be zero: the object is to know of
 * it also if the range that lacks it is not the last one to go.
 */
static void note_missing(struct hps_uffd *uffd, const struct hps_ranges *gone)
{
	unsigned int i;
	bool failed;

	hps_enter();
	failed = uffd->failed;
	hps_leave();
	for (i = 0; failed && i < gone->nr; i++)
		if (!all_present(&gone->list[i]))
			gone->list[i].obj->incomplete = true;
}

/*
 * The object has no range registered any more. If it stays @mapped it is memory
 * like any other again, but where pages are missing after a failure: then it has
 * lost its handler, as it has for other processes when it is mapped here no more.
 */
static void disarm(struct hps_object *obj, struct hps_uffd *uffd, bool mapped)
{
	struct hps_events *events = hps_unarm(obj, uffd);

	if (!events)
		return;
	if (mapped && !obj->incomplete) {
		hugepost_object_disarm(obj->handle);
		hps_log(HPS_INFO, "object %llu: disarmed", (unsigned long long)obj->id);
	} else {
		hps_log(HPS_WARN, "object %llu: pages that are missing stay so",
			(unsigned long long)obj->id);
	}
	/* A child of fork() may keep its file, which would stay ready for ever. */
	hps_unwatch(uffd, events->fd);
	hps_events_put(events);
}

/* Takes ranges away, and ends what has to end with them; under hps_register_lock. */
static int take_away(struct hps_uffd *uffd, uintptr_t start, uintptr_t end, bool mapped,
		     struct hps_ranges *gone)
{
	unsigned int i;
	bool more;
	int ret;

	hps_enter();
	ret = hps_ranges_remove(&uffd->registered, start, end, gone);
	hps_leave();

	note_missing(uffd, gone);
	for (i = 0; i < gone->nr; i++) {
		const struct hps_range *range = &gone->list[i];

		hps_enter();
		more = hps_ranges_have(&uffd->registered, range->obj);
		hps_leave();
		if (!more)
			disarm(range->obj, uffd, mapped);
		else
			hugepost_object_wake(range->obj->handle, range->offset,
					     range->end - range->start);
	}
	return ret;
}

/* Maps what is complete by one entry a host page, also what was not before. */
static void collapse(const struct hps_range *range)
{
	struct hugepost_object *handle = range->obj->handle;
	size_t len = range->end - range->start;
	uint64_t huge = 0, single = 0, remapped = 0;
	int ret;

	hps_inside = true;
	ret = hugepost_object_collapse(handle, (void *)range->start, len, &remapped);
	if (!ret)
		ret = hugepost_object_install(handle, (void *)range->start, len, &huge, &single);
	hps_inside = false;
	hps_log(ret ? HPS_WARN : HPS_INFO,
		"object %llu: collapsed %llu host pages, %llu are mapped huge, %llu are not%s%s",
		(unsigned long long)range->obj->id, (unsigned long long)remapped,
		(unsigned long long)huge, (unsigned long long)single, ret ? ": " : "",
		ret ? strerror(-ret) : "");
}

int hps_register(struct hps_uffd *uffd, struct uffdio_register *reg)
{
	struct hps_ranges gone = { 0 };
	struct hps_range range;
	bool first = false;
	int ret;

	ret = find_mapping(&reg->range, &range);
	if (ret)
		return ret;

	if (reg->mode != UFFDIO_REGISTER_MODE_MISSING || !reg->range.len ||
	    ((reg->range.start | reg->range.len) & PAGE_MASK))
		ret = -EINVAL;
	/* First the range, then its events: they are never taken for others'. */
	pthread_mutex_lock(&hps_register_lock);
	if (!ret)
		ret = add(uffd, &range, &first);
	if (!ret && first) {
		ret = arm(range.obj, uffd);
		if (ret)
			take_away(uffd, range.start, range.end, true, &gone);
	}
	pthread_mutex_unlock(&hps_register_lock);
	hps_ranges_put(&gone);
	if (!ret)
		reg->ioctls = RANGE_IOCTLS;
	hps_log(ret ? HPS_WARN : HPS_INFO, "register %#llx+%#llx of object %llu: %s",
		(unsigned long long)reg->range.start, (unsigned long long)reg->range.len,
		(unsigned long long)range.obj->id, ret ? strerror(-ret) : "done");
	hps_object_put(range.obj);
	return ret;
}

int hps_unregister(struct hps_uffd *uffd, uintptr_t start, uintptr_t end, bool mapped)
{
	struct hps_ranges gone = { 0 };
	unsigned int i;
	int ret;

	pthread_mutex_lock(&hps_register_lock);
	ret = take_away(uffd, start, end, mapped, &gone);
	pthread_mutex_unlock(&hps_register_lock);
	for (i = 0; mapped && i < gone.nr; i++)
		collapse(&gone.list[i]);
	hps_ranges_put(&gone);
	return ret;
}
