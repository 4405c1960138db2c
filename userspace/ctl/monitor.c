// SPDX-License-Identifier: GPL-2.0-only
/* hugepostctl monitor: what happens, a line an event. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "ctl.h"
#include "events.h"
#include "format.h"
#include "json.h"

/* What is known of who is there, so that a loss of events loses no release. */
struct monitor {
	struct hp_nl *nl;
	struct events *events;
	bool json;
	uint64_t *ids;
	size_t nr;
};

static void forget(struct monitor *monitor, uint64_t id)
{
	size_t i;

	for (i = 0; i < monitor->nr; i++)
		if (monitor->ids[i] == id)
			monitor->ids[i--] = monitor->ids[--monitor->nr];
}

static int remember(struct monitor *monitor, uint64_t id)
{
	uint64_t *ids;

	forget(monitor, id);
	ids = reallocarray(monitor->ids, monitor->nr + 1, sizeof(*ids));
	if (!ids)
		return -ENOMEM;
	monitor->ids = ids;
	ids[monitor->nr++] = id;
	return 0;
}

static int print_event(const struct monitor *monitor, const struct hp_event *event)
{
	if (monitor->json)
		return json_print_line(json_of(&event_fields, event));
	printf("%s object %" PRIu64 " %s, %" PRIu64 " of %" PRIu64 " host pages complete (%s)\n",
	       format_time(event->time).s, event->object, event_name(event->kind),
	       event->complete, event->host_pages,
	       format_percent(event->complete, event->host_pages).s);
	return end_of_output();
}

/* What an object is when it is looked at, not when something happens to it. */
static int print_state(const struct monitor *monitor, const struct hp_object *object)
{
	struct json_object *line;

	if (monitor->json) {
		line = json_object_new_object();
		json_put_string(line, "event", "state");
		json_put_u64(line, "time", now_ns(CLOCK_REALTIME));
		json_put_u64(line, "object", object->id);
		json_object_object_add(line, "state", json_of(&object_fields, object));
		return json_print_line(line);
	}
	printf("%s object %" PRIu64 " is %s, %" PRIu64 " of %" PRIu64
	       " host pages complete (%s), process %u %s\n",
	       format_time(now_ns(CLOCK_REALTIME)).s, object->id, mode_name(object->mode),
	       object_complete(object), object_host_pages(object),
	       format_percent(object_complete(object), object_host_pages(object)).s, object->pid,
	       object->command ? object->command : "(gone)");
	return end_of_output();
}

static int print_gone(const struct monitor *monitor, uint64_t id)
{
	struct json_object *line;

	if (monitor->json) {
		line = json_object_new_object();
		json_put_string(line, "event", "gone");
		json_put_u64(line, "time", now_ns(CLOCK_REALTIME));
		json_put_u64(line, "object", id);
		return json_print_line(line);
	}
	printf("%s object %" PRIu64 " is gone\n", format_time(now_ns(CLOCK_REALTIME)).s, id);
	return end_of_output();
}

static int print_lost(const struct monitor *monitor, uint32_t lost)
{
	struct json_object *line;

	if (monitor->json) {
		line = json_object_new_object();
		json_put_string(line, "event", "messages-lost");
		json_put_u64(line, "time", now_ns(CLOCK_REALTIME));
		json_put_u64(line, "lost", lost);
		return json_print_line(line);
	}
	printf("%s ", format_time(now_ns(CLOCK_REALTIME)).s);
	if (lost)
		printf("%u ", lost);
	puts("messages lost, looking at all objects anew");
	return end_of_output();
}

/* Tells of all objects that are there, and of those that are not there any more. */
static int look_at_all(struct monitor *monitor)
{
	struct hp_objects objects;
	int code = EXIT_OK, err;
	size_t i;

	err = hp_nl_objects_get(monitor->nl, false, &objects);
	if (err)
		return fail(monitor->nl, err, "cannot list the objects");
	for (i = monitor->nr; i-- > 0 && !code;) {
		uint64_t id = monitor->ids[i];

		if (objects_find(&objects, id))
			continue;
		code = print_gone(monitor, id);
		forget(monitor, id);
	}
	for (i = 0; i < objects.nr && !code; i++) {
		code = print_state(monitor, &objects.list[i]);
		if (!code && remember(monitor, objects.list[i].id))
			code = fail(NULL, -ENOMEM, "monitor");
	}
	hp_nl_objects_free(&objects);
	return code;
}

static int take_event(struct monitor *monitor, const struct hp_event *event)
{
	if (event->kind == HUGEPOST_EVENT_KIND_RELEASED)
		forget(monitor, event->object);
	else if (remember(monitor, event->object))
		return fail(NULL, -ENOMEM, "monitor");
	return print_event(monitor, event);
}

/*
 * All that came until now. The kernel keeps what came before the first loss, and
 * drops all else until that has been read: the loss is told of behind it, or at
 * the next one, where events come faster than they are read.
 */
static int drain(struct monitor *monitor)
{
	struct hp_event event;
	bool lost = false;
	int err, code = EXIT_OK;

	while (!code) {
		err = events_next(monitor->events, &event);
		if (!err)
			code = take_event(monitor, &event);
		else if (err == -ENOBUFS && !lost)
			lost = true;
		else
			break;
	}
	if (code)
		return code;
	if (err != -EAGAIN && err != -ENOBUFS)
		return fail(NULL, err, "cannot read events");
	if (!lost)
		return EXIT_OK;
	code = print_lost(monitor, events_lost(monitor->events));
	return code ? code : look_at_all(monitor);
}

int monitor_run(struct hp_nl *nl, const struct options *options)
{
	struct monitor monitor = { .nl = nl, .json = options->json };
	int err, code;

	err = events_open(&monitor.events, nl);
	if (err == -EPERM)
		return fail(NULL, err, "to listen to events takes CAP_SYS_ADMIN: be root");
	if (err)
		return fail(nl, err, "cannot listen to events");
	code = look_at_all(&monitor);
	while (!code) {
		err = events_wait(monitor.events, -1);
		code = err ? fail(NULL, err, "cannot wait for events") : drain(&monitor);
	}
	events_close(monitor.events);
	free(monitor.ids);
	return code;
}
