// SPDX-License-Identifier: GPL-2.0-only
/* hugepostctl wait: for an object to be armed, or complete. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>

#include "ctl.h"
#include "events.h"
#include "json.h"

/*
 * No event tells of what a touch completes, nor, a second time, of what was
 * discarded and filled again: there a look at the object now and then must do.
 */
#define LOOK_MS		2000

/* 0: it is so; -EAGAIN: not yet; or -errno. */
static int look(struct hp_nl *nl, const struct options *options)
{
	struct hp_object object;
	int err = hp_nl_object_get(nl, options->id, &object);

	if (err)
		return err;
	if ((options->armed && object.mode != HUGEPOST_MODE_ARMED) ||
	    (options->complete && (!object.length || object.empty || object.assembling)))
		err = -EAGAIN;
	else if (options->json)
		err = json_print(json_of(&object_fields, &object)) ? -EIO : 0;
	hp_nl_object_free(&object);
	return err;
}

/*
 * Returns when the object may have changed, or when it is time to look. @events is
 * NULL where they may not be listened to.
 */
static int wait_for_change(struct events *events, const struct options *options,
			   uint64_t deadline)
{
	uint64_t now = now_ns(CLOCK_MONOTONIC), look_at = now + LOOK_MS * 1000000ULL, until;
	struct hp_event event;
	int err;

	until = deadline < look_at ? deadline : look_at;
	/* The deadline may have passed since the caller looked at the clock. */
	if (now >= until)
		return 0;
	if (!events) {
		poll(NULL, 0, (int)((until - now) / 1000000 + 1));
		return 0;
	}
	for (; now < until; now = now_ns(CLOCK_MONOTONIC)) {
		err = events_next(events, &event);
		if ((!err && event.object == options->id) || err == -ENOBUFS)
			return 0;
		if (!err)
			continue;
		if (err == -EAGAIN)
			err = events_wait(events, (int)((until - now) / 1000000 + 1));
		if (err == -ETIMEDOUT)
			break;
		if (err)
			return err;
	}
	return 0;
}

static int wait_for(struct hp_nl *nl, struct events *events, const struct options *options)
{
	uint64_t deadline = TIMEOUT_NONE;
	int err;

	if (options->timeout_ns != TIMEOUT_NONE)
		deadline = now_ns(CLOCK_MONOTONIC) + options->timeout_ns;
	/* Listening comes before the first look, so that nothing falls between. */
	while ((err = look(nl, options)) == -EAGAIN) {
		if (now_ns(CLOCK_MONOTONIC) >= deadline)
			return -ETIMEDOUT;
		err = wait_for_change(events, options, deadline);
		if (err)
			return err;
	}
	return err;
}

int wait_run(struct hp_nl *nl, const struct options *options)
{
	struct events *events = NULL;
	int err;

	err = events_open(&events, nl);
	if (err && err != -EPERM)
		return fail(nl, err, "cannot listen to events");
	err = wait_for(nl, events, options);
	events_close(events);
	if (!err)
		return EXIT_OK;
	if (err == -ETIMEDOUT)
		return fail(NULL, err, "object %" PRIu64 " is not %s%s%s yet", options->id,
			    options->armed ? "armed" : "",
			    options->armed && options->complete ? " and " : "",
			    options->complete ? "complete" : "");
	return fail(nl, err, "object %" PRIu64, options->id);
}
