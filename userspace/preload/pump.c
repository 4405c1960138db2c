// SPDX-License-Identifier: GPL-2.0-only
/*
 * libhugepost-preload: the pump, a thread that turns events of objects into
 * messages of a userfaultfd and passes on those of the real one.
 *
 * The program's other threads, its main one included, may be waiting for the
 * very page whose event is to be delivered. So the pump takes none of the
 * program's locks, gets none of its signals and touches none of its memory.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "preload.h"

#define BATCH		32
#define PAGE_BYTES	4096ULL
#define STACK_BYTES	(256UL << 10)

/* An armed object that is watched, with a reference each. */
struct watch {
	struct hps_object *obj;
	struct hps_events *events;
};

struct pump {
	struct hps_uffd *uffd;
	struct watch *watches;
	struct pollfd *polls;	/* wake, real, then one for each watch */
	unsigned int nr;
	unsigned int room;
	bool stale;		/* what is watched has changed */
};

enum { POLL_WAKE, POLL_REAL, POLL_FIRST };

void hps_pump_kick(struct hps_uffd *uffd)
{
	eventfd_write(uffd->wake, 1);
}

static void forget_watches(struct pump *pump)
{
	unsigned int i;

	for (i = 0; i < pump->nr; i++) {
		hps_events_put(pump->watches[i].events);
		hps_object_put(pump->watches[i].obj);
	}
	pump->nr = 0;
}

static int make_room(struct pump *pump, unsigned int nr)
{
	struct watch *watches;
	struct pollfd *polls;

	if (pump->polls && nr <= pump->room)
		return 0;
	watches = realloc(pump->watches, (nr + 1) * sizeof(*watches));
	if (!watches)
		return -ENOMEM;
	pump->watches = watches;
	polls = realloc(pump->polls, (nr + POLL_FIRST) * sizeof(*polls));
	if (!polls)
		return -ENOMEM;
	pump->polls = polls;
	pump->room = nr;
	return 0;
}

static bool is_watched(const struct pump *pump, const struct hps_object *obj)
{
	unsigned int i;

	for (i = 0; i < pump->nr; i++)
		if (pump->watches[i].obj == obj)
			return true;
	return false;
}

/* False: the program has no descriptor any more. */
static bool look_anew(struct pump *pump)
{
	struct hps_uffd *uffd = pump->uffd;
	unsigned int i;
	bool alive;

	pump->stale = false;
	forget_watches(pump);
	hps_enter();
	alive = uffd->fds && !make_room(pump, uffd->registered.nr);
	for (i = 0; alive && i < uffd->registered.nr; i++) {
		struct hps_object *obj = uffd->registered.list[i].obj;

		if (!obj->events || obj->armed_by != uffd || is_watched(pump, obj))
			continue;
		atomic_fetch_add(&obj->refs, 1);
		atomic_fetch_add(&obj->events->refs, 1);
		pump->watches[pump->nr++] = (struct watch){ obj, obj->events };
	}
	hps_leave();
	if (!alive)
		return false;

	pump->polls[POLL_WAKE] = (struct pollfd){ .fd = uffd->wake, .events = POLLIN };
	pump->polls[POLL_REAL] = (struct pollfd){ .fd = uffd->real, .events = POLLIN };
	for (i = 0; i < pump->nr; i++)
		pump->polls[POLL_FIRST + i] = (struct pollfd){
			.fd = pump->watches[i].events->fd,
			.events = POLLIN,
		};
	return true;
}

static void woken(struct pump *pump)
{
	eventfd_t value;

	if (!eventfd_read(pump->uffd->wake, &value))
		pump->stale = true;
}

static bool program_is_there(struct hps_uffd *uffd)
{
	bool ret;

	hps_enter();
	ret = uffd->fds;
	hps_leave();
	return ret;
}

/* Waits where the program does not read; false if it is gone. */
static bool deliver(struct pump *pump, const struct uffd_msg *msg)
{
	struct pollfd polls[] = {
		{ .fd = pump->uffd->out, .events = POLLOUT },
		{ .fd = pump->uffd->wake, .events = POLLIN },
	};

	for (;;) {
		if (send(pump->uffd->out, msg, sizeof(*msg), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return true;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN || !program_is_there(pump->uffd))
			return false;
		if (poll(polls, 2, -1) > 0 && polls[1].revents)
			woken(pump);
	}
}

static bool pass_on(struct pump *pump)
{
	struct uffd_msg msgs[BATCH];
	ssize_t len, i;

	len = read(pump->uffd->real, msgs, sizeof(msgs));
	for (i = 0; i < len / (ssize_t)sizeof(msgs[0]); i++)
		if (!deliver(pump, &msgs[i]))
			return false;
	return true;
}

/* The message for an event; false if its page is not registered. */
static bool translate(struct hps_uffd *uffd, const struct hps_object *obj,
		      const struct hugepost_event *event, struct uffd_msg *msg)
{
	bool found = false;
	unsigned int i;

	*msg = (struct uffd_msg){ .event = UFFD_EVENT_PAGEFAULT };
	if (event->access & HUGEPOST_ACCESS_WRITE)
		msg->arg.pagefault.flags |= UFFD_PAGEFAULT_FLAG_WRITE;

	hps_enter();
	for (i = 0; i < uffd->registered.nr && !found; i++) {
		const struct hps_range *range = &uffd->registered.list[i];

		found = range->obj == obj && event->offset >= range->offset &&
			event->offset - range->offset < range->end - range->start;
		if (found)
			msg->arg.pagefault.address = range->start + event->offset - range->offset;
	}
	if (uffd->features & UFFD_FEATURE_THREAD_ID)
		msg->arg.pagefault.feat.ptid = event->tid;
	if (uffd->features & UFFD_FEATURE_EXACT_ADDRESS)
		msg->arg.pagefault.address += event->address % PAGE_BYTES;
	hps_leave();
	return found;
}

static bool pass_events(struct pump *pump, unsigned int at)
{
	struct watch *watch = &pump->watches[at];
	struct hugepost_event events[BATCH];
	struct hugepost_fill_result result;
	struct uffd_msg msg;
	ssize_t len, i;

	len = read(watch->events->fd, events, sizeof(events));
	/* Disarmed: nothing more will come. */
	if (!len || (len < 0 && errno != EAGAIN && errno != EINTR))
		pump->polls[POLL_FIRST + at].fd = -1;
	for (i = 0; i < len / (ssize_t)sizeof(events[0]); i++) {
		if (!translate(pump->uffd, watch->obj, &events[i], &msg)) {
			hps_fill(watch->obj, events[i].offset, NULL, PAGE_BYTES,
				 HUGEPOST_FILL_ZERO, &result);
			continue;
		}
		hps_debug("object %llu: page at %#llx is missing, thread %u",
			  (unsigned long long)watch->obj->id,
			  (unsigned long long)events[i].offset, events[i].tid);
		if (!deliver(pump, &msg))
			return false;
	}
	return true;
}

static void *pump_thread(void *arg)
{
	struct pump pump = { .uffd = arg, .stale = true };
	bool alive = true;
	unsigned int i;

	while (alive) {
		if (pump.stale && !look_anew(&pump))
			break;
		if (poll(pump.polls, pump.nr + POLL_FIRST, -1) < 0)
			continue;
		if (pump.polls[POLL_WAKE].revents)
			woken(&pump);
		if (pump.polls[POLL_REAL].revents & POLLIN)
			alive = pass_on(&pump);
		for (i = 0; alive && i < pump.nr; i++)
			if (pump.polls[POLL_FIRST + i].revents)
				alive = pass_events(&pump, i);
	}
	forget_watches(&pump);
	free(pump.watches);
	free(pump.polls);
	hps_uffd_put(pump.uffd);
	return NULL;
}

static int start_thread(struct hps_uffd *uffd)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;
	int ret;

	ret = pthread_attr_init(&attr);
	if (ret)
		return -ret;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&thread, &attr, pump_thread, uffd);
	if (!ret)
		pthread_setname_np(thread, "hugepost-pump");
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return -ret;
}

/* Once for each userfaultfd, at its first registered range. */
int hps_pump_start(struct hps_uffd *uffd)
{
	bool start;
	int ret;

	hps_enter();
	start = !uffd->pumping;
	uffd->pumping = true;
	hps_leave();
	if (!start)
		return 0;

	atomic_fetch_add(&uffd->refs, 1);
	ret = start_thread(uffd);
	if (ret) {
		hps_log(HPS_ERROR, "cannot start the thread for events: %s", strerror(-ret));
		hps_enter();
		uffd->pumping = false;
		hps_leave();
		hps_uffd_put(uffd);
	}
	return ret;
}
