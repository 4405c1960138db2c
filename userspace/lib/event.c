// SPDX-License-Identifier: LGPL-2.1-or-later
/* Arming, and the events of missing target pages. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

static struct hp_event_fd *event_get(struct hugepost_object *obj)
{
	struct hp_event_fd *event;

	pthread_mutex_lock(&obj->lock);
	event = obj->event;
	if (event)
		event->refs++;
	pthread_mutex_unlock(&obj->lock);
	return event;
}

static void event_put(struct hugepost_object *obj, struct hp_event_fd *event)
{
	unsigned int refs;

	pthread_mutex_lock(&obj->lock);
	refs = --event->refs;
	pthread_mutex_unlock(&obj->lock);
	if (refs)
		return;
	close(event->fd);
	free(event);
}

int hugepost_object_arm(struct hugepost_object *obj, uint32_t flags)
{
	struct hugepost_arm arm = {
		.size = sizeof(arm),
		.flags = flags,
		.event_size = sizeof(struct hugepost_event),
	};
	struct hp_event_fd *event, *old;
	int ret;

	/* Memory first: nothing may fail once the object is armed. */
	event = malloc(sizeof(*event));
	if (!event)
		return -ENOMEM;
	ret = hp_ioctl(obj, HUGEPOST_ARM, &arm);
	if (ret) {
		free(event);
		return ret;
	}
	event->fd = arm.out_fd;
	event->refs = 1;

	pthread_mutex_lock(&obj->lock);
	old = obj->event;
	obj->event = event;
	pthread_mutex_unlock(&obj->lock);
	if (old)
		event_put(obj, old);
	return 0;
}

int hugepost_object_disarm(struct hugepost_object *obj)
{
	struct hugepost_disarm disarm = { .size = sizeof(disarm) };

	return hp_ioctl(obj, HUGEPOST_DISARM, &disarm);
}

int hugepost_object_event_fd(struct hugepost_object *obj)
{
	int fd;

	pthread_mutex_lock(&obj->lock);
	fd = obj->event ? obj->event->fd : -ENOENT;
	pthread_mutex_unlock(&obj->lock);
	return fd;
}

int hugepost_object_read_events(struct hugepost_object *obj, struct hugepost_event *events,
				unsigned int max)
{
	struct hp_event_fd *event;
	ssize_t n;
	int ret;

	if (!max)
		return -EINVAL;
	if (max > INT_MAX / sizeof(*events))
		max = INT_MAX / sizeof(*events);
	event = event_get(obj);
	if (!event)
		return -ENOENT;
	n = read(event->fd, events, max * sizeof(*events));
	ret = n < 0 ? -errno : (int)(n / (ssize_t)sizeof(*events));
	event_put(obj, event);
	return ret;
}

int hugepost_object_wake(struct hugepost_object *obj, uint64_t offset, uint64_t length)
{
	struct hugepost_wake wake = {
		.size = sizeof(wake),
		.offset = offset,
		.length = length,
	};

	return hp_ioctl(obj, HUGEPOST_WAKE, &wake);
}

void hp_event_close(struct hugepost_object *obj)
{
	struct hp_event_fd *event = obj->event;

	obj->event = NULL;
	if (event)
		event_put(obj, event);
}
