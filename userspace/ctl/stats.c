// SPDX-License-Identifier: GPL-2.0-only
/* hugepostctl stats: rates of all objects together, a line an interval. */
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"
#include "format.h"
#include "json.h"
#include "rate.h"

#define LINES_A_HEADER	20

/* All objects of one reading, against those of the one before. */
struct sums {
	struct rate rate;
	uint64_t objects, armed, host_pages, complete, memory, waits;
};

static struct sums sum_up(const struct hp_objects *before, const struct hp_objects *now)
{
	struct sums sums = { .objects = now->nr };
	struct rate rate;
	size_t i;

	for (i = 0; i < now->nr; i++) {
		const struct hp_object *object = &now->list[i];

		rate = rate_of(objects_find(before, object->id), object);
		rate_add(&sums.rate, &rate);
		sums.armed += object->mode == HUGEPOST_MODE_ARMED;
		sums.host_pages += object_host_pages(object);
		sums.complete += object_complete(object);
		sums.memory += object->memory;
		sums.waits += object->waits;
	}
	return sums;
}

static int print_json(const struct sums *sums)
{
	struct json_object *line = json_object_new_object();

	json_put_u64(line, "time", now_ns(CLOCK_REALTIME));
	json_put_u64(line, "objects", sums->objects);
	json_put_u64(line, "armed", sums->armed);
	json_put_double(line, "filled_bytes_per_second", sums->rate.bytes);
	json_put_double(line, "filled_pages_per_second", sums->rate.pages);
	json_put_double(line, "faults_per_second", sums->rate.faults);
	json_put_double(line, "waits_per_second", sums->rate.waits);
	json_put_double(line, "events_per_second", sums->rate.events);
	json_put_u64(line, "waits", sums->waits);
	json_put_u64(line, "host_pages", sums->host_pages);
	json_put_u64(line, "complete", sums->complete);
	json_put_u64(line, "memory", sums->memory);
	return json_print_line(line);
}

static int print_text(const struct sums *sums, bool header)
{
	if (header)
		printf("%-8s %7s %5s %8s %8s %8s %7s %8s %8s %6s\n", "TIME", "OBJECTS", "ARMED",
		       "FILLED/s", "PAGES/s", "FAULTS/s", "WAITS/s", "EVENTS/s", "COMPLETE",
		       "MEMORY");
	printf("%.8s %7s %5s %8s %8s %8s %7s %8s %8s %6s\n",
	       format_time(now_ns(CLOCK_REALTIME)).s + sizeof("2026-11-24"),
	       format_count(sums->objects).s, format_count(sums->armed).s,
	       format_size((uint64_t)sums->rate.bytes).s, format_per_second(sums->rate.pages).s,
	       format_per_second(sums->rate.faults).s, format_per_second(sums->rate.waits).s,
	       format_per_second(sums->rate.events).s,
	       format_percent(sums->complete, sums->host_pages).s, format_size(sums->memory).s);
	return end_of_output();
}

/* By the clock, so that the time of the readings does not add up. */
static void sleep_until(uint64_t ns)
{
	struct timespec ts = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

int stats_run(struct hp_nl *nl, const struct options *options)
{
	uint64_t next = now_ns(CLOCK_MONOTONIC), line;
	struct hp_objects before, now;
	int header_lines = isatty(STDOUT_FILENO) ? LINES_A_HEADER : 0, err, code = EXIT_OK;
	struct sums sums;

	err = hp_nl_objects_get(nl, false, &before);
	if (err)
		return fail(nl, err, "cannot list the objects");
	for (line = 0; !code && (!options->count || line < options->count); line++) {
		next += options->interval_ns ?: INTERVAL_NS;
		sleep_until(next);
		err = hp_nl_objects_get(nl, false, &now);
		if (err) {
			code = fail(nl, err, "cannot list the objects");
			break;
		}
		sums = sum_up(&before, &now);
		code = options->json ? print_json(&sums) :
		       print_text(&sums, header_lines ? line % header_lines == 0 : !line);
		hp_nl_objects_free(&before);
		before = now;
	}
	hp_nl_objects_free(&before);
	return code;
}
