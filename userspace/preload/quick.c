// SPDX-License-Identifier: GPL-2.0-only
/*
 * libhugepost-preload: the short way of UFFDIO_COPY.
 *
 * A thread that fills remembers the registered range that it filled last, with a
 * reference to its object, and fills there again without a lock as long as no
 * range and no userfaultfd has changed. All else goes the long way.
 */
#include <errno.h>
#include <string.h>

#include "preload.h"

#define PAGE	4096UL

struct quick {
	struct hps_object *obj;	/* holds a reference; NULL: nothing is known */
	unsigned int changes;
	int uffd;		/* the program's descriptor */
	int fd;			/* the object's */
	uint32_t channel;
	uintptr_t start;
	uintptr_t length;
	uint64_t offset;	/* of @start in the object */
};

atomic_uint hps_changes;

static __thread struct quick quick __attribute__((tls_model("initial-exec")));

void hps_quick_forget(void)
{
	struct hps_object *obj = quick.obj;

	memset(&quick, 0, sizeof(quick));
	if (obj)
		hps_object_put(obj);
}

void hps_quick_forked(void)
{
	memset(&quick, 0, sizeof(quick));
}

void hps_quick_learn(int uffd, const struct hps_range *range, uint32_t channel)
{
	atomic_fetch_add(&range->obj->refs, 1);
	quick = (struct quick){
		.obj = range->obj,
		.changes = atomic_load(&hps_changes),
		.uffd = uffd,
		.fd = hugepost_object_fd(range->obj->handle),
		.channel = channel,
		.start = range->start,
		.length = range->end - range->start,
		.offset = range->offset,
	};
}

bool hps_quick_copy(int uffd, struct uffdio_copy *copy, int *ret)
{
	uintptr_t at = (uintptr_t)copy->dst - quick.start;
	struct hugepost_fill_entry entry;
	struct hugepost_fill fill;

	if (!quick.obj || quick.uffd != uffd ||
	    quick.changes != atomic_load_explicit(&hps_changes, memory_order_acquire) ||
	    copy->len != PAGE || copy->mode || at >= quick.length || at % PAGE)
		return false;
	entry = (struct hugepost_fill_entry){
		.offset = quick.offset + at,
		.src = copy->src,
		.len = PAGE,
	};
	fill = (struct hugepost_fill){
		.size = sizeof(fill),
		.channel = quick.channel,
		.nr = 1,
		.entries = (uintptr_t)&entry,
		.entry_size = sizeof(entry),
	};
	if (hps_unlikely(hps_log_level >= HPS_DEBUG) ||
	    hps_real()->ioctl(quick.fd, HUGEPOST_FILL, &fill))
		return false;
	if (hps_unlikely(fill.out_duplicates)) {
		copy->copy = -EEXIST;
		errno = EEXIST;
		*ret = -1;
	} else {
		copy->copy = PAGE;
		*ret = 0;
	}
	return true;
}
