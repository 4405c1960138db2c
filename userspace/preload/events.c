// SPDX-License-Identifier: GPL-2.0-only
/*
 * libhugepost-preload: reading a virtual userfaultfd.
 *
 * The program's descriptor is an epoll descriptor of the real userfaultfd and of
 * the event descriptors of all objects that are armed. So the kernel itself
 * tells, to poll and the like, that there is something to read, and read()
 * fetches it from where it is: no thread and no copy comes between a fault and
 * its handler, who may be all that keeps the program's other threads going.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "preload.h"

#define SOURCES		8	/* asked at a time */
#define BATCH		16
#define PAGE_BYTES	4096ULL
/* Not the number of an object. */
#define REAL_UFFD	0

/* Has @fd, of object @id or the real one's, watched. */
int hps_watch(struct hps_uffd *uffd, int fd, uint64_t id)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = id };

	return epoll_ctl(uffd->set, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

void hps_unwatch(const struct hps_uffd *uffd, int fd)
{
	epoll_ctl(uffd->set, EPOLL_CTL_DEL, fd, NULL);
}

int hps_watch_real(struct hps_uffd *uffd)
{
	int ret = hps_watch(uffd, uffd->real, REAL_UFFD);

	/* Registered ranges came before. */
	return ret == -EEXIST ? 0 : ret;
}

/* The object of a number, if @uffd arms it, and its event descriptor. */
static struct hps_object *get_object(struct hps_uffd *uffd, uint64_t id,
				     struct hps_events **events)
{
	struct hps_object *obj = NULL;
	unsigned int i;

	hps_enter();
	for (i = 0; i < uffd->registered.nr && !obj; i++) {
		obj = uffd->registered.list[i].obj;
		if (obj->id != id || obj->armed_by != uffd || !obj->events)
			obj = NULL;
	}
	if (obj) {
		*events = obj->events;
		atomic_fetch_add(&obj->refs, 1);
		atomic_fetch_add(&obj->events->refs, 1);
	}
	hps_leave();
	return obj;
}

enum whose { WHOSE_PROGRAM, WHOSE_NOBODY, WHOSE_GONE };

/*
 * Whose an event is: the program's, with the message for it; nobody's, as its page
 * is not registered; or too late, since @from is not what arms the object any more.
 */
static enum whose translate(struct hps_uffd *uffd, const struct hps_object *obj,
			    const struct hps_events *from, const struct hugepost_event *event,
			    struct uffd_msg *out)
{
	struct uffd_msg msg = { .event = UFFD_EVENT_PAGEFAULT };
	enum whose ret = WHOSE_NOBODY;
	unsigned int i;

	if (event->access & HUGEPOST_ACCESS_WRITE)
		msg.arg.pagefault.flags |= UFFD_PAGEFAULT_FLAG_WRITE;

	hps_enter();
	if (obj->armed_by != uffd || obj->events != from)
		ret = WHOSE_GONE;
	for (i = 0; i < uffd->registered.nr && ret == WHOSE_NOBODY; i++) {
		const struct hps_range *range = &uffd->registered.list[i];

		if (range->obj != obj || event->offset < range->offset ||
		    event->offset - range->offset >= range->end - range->start)
			continue;
		msg.arg.pagefault.address = range->start + event->offset - range->offset;
		ret = WHOSE_PROGRAM;
	}
	if (uffd->features & UFFD_FEATURE_THREAD_ID)
		msg.arg.pagefault.feat.ptid = event->tid;
	if (uffd->features & UFFD_FEATURE_EXACT_ADDRESS)
		msg.arg.pagefault.address += event->address % PAGE_BYTES;
	hps_leave();
	if (ret == WHOSE_PROGRAM)
		*out = msg;
	return ret;
}

/* A page that is not registered is zero; who waits in vain touches it anew. */
static void answer(struct hps_object *obj, enum whose whose, uint64_t offset)
{
	struct hugepost_fill_result result;

	if (whose == WHOSE_GONE ||
	    hps_fill(obj, offset, NULL, PAGE_BYTES, HUGEPOST_FILL_ZERO,
		     &result))
		hugepost_object_wake(obj->handle, offset, PAGE_BYTES);
}

/* Up to @max messages of an object's events; 0 if there are none. */
static size_t read_object(struct hps_uffd *uffd, uint64_t id, struct uffd_msg *msgs, size_t max)
{
	struct hugepost_event events[BATCH];
	struct hps_events *from;
	struct hps_object *obj = get_object(uffd, id, &from);
	size_t done = 0;
	ssize_t len, i;

	if (!obj)
		return 0;
	len = hps_real()->read(from->fd, events, (max < BATCH ? max : BATCH) * sizeof(events[0]));
	/* At the end of file, which stays readable, nothing more will come. */
	if (!len)
		hps_unwatch(uffd, from->fd);
	for (i = 0; i < len / (ssize_t)sizeof(events[0]); i++) {
		enum whose whose = translate(uffd, obj, from, &events[i], &msgs[done]);

		if (whose != WHOSE_PROGRAM) {
			answer(obj, whose, events[i].offset);
			continue;
		}
		hps_debug("object %llu: page at %#llx is missing, thread %u",
			  (unsigned long long)obj->id, (unsigned long long)events[i].offset,
			  events[i].tid);
		done++;
	}
	hps_events_put(from);
	hps_object_put(obj);
	return done;
}

static size_t read_real(struct hps_uffd *uffd, struct uffd_msg *msgs, size_t max)
{
	ssize_t len = hps_real()->read(uffd->real, msgs, max * sizeof(msgs[0]));

	return len < 0 ? 0 : (size_t)len / sizeof(msgs[0]);
}

/* As read() of a userfaultfd: bytes, or -errno. */
ssize_t hps_uffd_read(struct hps_uffd *uffd, int fd, void *buf, size_t len)
{
	size_t max = len / sizeof(struct uffd_msg), done = 0;
	struct epoll_event ready[SOURCES];
	struct uffd_msg *msgs = buf;
	int flags, nr, i;

	if (!max)
		return -EINVAL;
	flags = hps_real()->fcntl(fd, F_GETFL);
	if (flags < 0)
		return -errno;
	do {
		nr = epoll_wait(uffd->set, ready, SOURCES, flags & O_NONBLOCK ? 0 : -1);
		if (nr < 0)
			return -errno;
		for (i = 0; i < nr && done < max; i++) {
			if (ready[i].data.u64 == REAL_UFFD)
				done += read_real(uffd, msgs + done, max - done);
			else
				done += read_object(uffd, ready[i].data.u64, msgs + done,
						    max - done);
		}
		/* What was there may have been another reader's, or not for the program. */
	} while (!done && !(flags & O_NONBLOCK));
	return done ? (ssize_t)(done * sizeof(*msgs)) : -EAGAIN;
}
