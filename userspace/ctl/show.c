// SPDX-License-Identifier: GPL-2.0-only
/* hugepostctl show, channels: one object. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "ctl.h"
#include "format.h"
#include "json.h"
#include "rate.h"
#include "table.h"

static void print_pages(const struct hp_object *o)
{
	printf("filled      %s of the target pages, %" PRIu64 " by channels, %" PRIu64
	       " discarded\n",
	       format_percent(object_arrived(o), object_target_pages(o)).s, o->filled,
	       o->discarded);
	printf("complete    %s of %" PRIu64 " host pages: %" PRIu64 " present, %" PRIu64
	       " zero; %" PRIu64 " assembling, %" PRIu64 " empty\n",
	       format_percent(object_complete(o), object_host_pages(o)).s, object_host_pages(o),
	       o->present, o->zero, o->assembling, o->empty);
	printf("memory      %s held, %s of it staging; %s of the module's own state\n",
	       format_size(o->memory).s, format_size(o->staging).s, format_size(o->metadata).s);
}

static int print_object(const struct hp_object *o)
{
	printf("object      %" PRIu64 ", opened %s ago\n", o->id,
	       format_duration(o->time - o->created).s);
	printf("process     %u %s\n", o->pid, o->command ? o->command : "(gone)");
	printf("cgroup      %s\n", o->cgroup ? o->cgroup : "-");
	printf("mode        %s for %s\n", mode_name(o->mode),
	       format_duration(o->time - o->mode_since).s);
	if (!o->length) {
		puts("size        not set up yet");
		return end_of_output();
	}
	printf("size        %s, host pages of %s, target pages of %s, %u channel%s\n",
	       format_size_exact(o->length).s, format_size_exact(o->host_page).s,
	       format_size_exact(o->target_page).s, o->channels, o->channels == 1 ? "" : "s");
	print_pages(o);
	printf("touches     %" PRIu64 " reached the module, %" PRIu64 " waited, %" PRIu64
	       " events, %" PRIu64 " filled with zeros\n",
	       o->faults, o->waits, o->events, o->zero_fills);
	printf("mapped      %" PRIu64 " host pages by one entry, %" PRIu64
	       " target pages by one each\n", o->installs_huge, o->installs_single);
	printf("trimmed     %" PRIu64 " host pages that held nothing but zeros\n", o->trimmed);
	printf("poisoned    %" PRIu64 " target pages lost to memory errors\n", o->poisoned);
	return end_of_output();
}

int show_run(struct hp_nl *nl, const struct options *options)
{
	struct hp_object object;
	int err, code;

	err = hp_nl_object_get(nl, options->id, &object);
	if (err)
		return fail(nl, err, "object %" PRIu64, options->id);
	if (options->json)
		code = json_print(json_of(&object_fields, &object));
	else
		code = print_object(&object);
	hp_nl_object_free(&object);
	return code;
}

/* An object's channels, and what they fill a second if they were read twice. */
struct reading {
	struct hp_channels channels;
	double *rates;
};

static int print_channels_json(uint64_t id, const struct reading *reading)
{
	struct json_object *all = json_object_new_object(), *list = json_object_new_array();
	size_t i;

	json_put_u64(all, "object", id);
	json_object_object_add(all, "channels", list);
	for (i = 0; i < reading->channels.nr; i++) {
		struct json_object *one = json_of(&channel_fields, &reading->channels.list[i]);

		if (reading->rates)
			json_put_double(one, "bytes_per_second", reading->rates[i]);
		json_object_array_add(list, one);
	}
	return json_print(all);
}

static int print_channels(const struct reading *reading)
{
	size_t i;

	puts(channel_header(reading->rates).s);
	for (i = 0; i < reading->channels.nr; i++)
		puts(channel_line(&reading->channels.list[i],
				  reading->rates ? &reading->rates[i] : NULL).s);
	return end_of_output();
}

/* A second reading of the channels, after the interval. An object keeps its channels. */
static int read_rates(struct hp_nl *nl, const struct options *options, struct reading *reading)
{
	const struct timespec interval = {
		.tv_sec = options->interval_ns / 1000000000,
		.tv_nsec = options->interval_ns % 1000000000,
	};
	struct hp_channels before = reading->channels;
	struct hp_object object;
	size_t i;
	int err;

	reading->channels = (struct hp_channels){ 0 };
	nanosleep(&interval, NULL);
	err = hp_nl_channels_get(nl, options->id, &reading->channels);
	if (!err)
		err = hp_nl_object_get(nl, options->id, &object);
	if (err)
		goto out;
	reading->rates = calloc(before.nr + 1, sizeof(*reading->rates));
	err = reading->rates ? 0 : -ENOMEM;
	for (i = 0; !err && i < before.nr && i < reading->channels.nr; i++)
		reading->rates[i] = channel_rate(&before.list[i], &reading->channels.list[i],
						 object.target_page);
	hp_nl_object_free(&object);
out:
	hp_nl_channels_free(&before);
	return err;
}

int channels_run(struct hp_nl *nl, const struct options *options)
{
	struct reading reading = { 0 };
	int err, code;

	err = hp_nl_channels_get(nl, options->id, &reading.channels);
	if (!err && options->interval_ns)
		err = read_rates(nl, options, &reading);
	if (err)
		code = fail(nl, err, "object %" PRIu64, options->id);
	else if (options->json)
		code = print_channels_json(options->id, &reading);
	else
		code = print_channels(&reading);
	hp_nl_channels_free(&reading.channels);
	free(reading.rates);
	return code;
}
