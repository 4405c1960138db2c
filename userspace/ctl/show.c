// SPDX-License-Identifier: GPL-2.0-only
/* hugepostctl show, channels: one object. */
#include <inttypes.h>
#include <stdio.h>

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

static int print_channels_json(uint64_t id, const struct hp_channels *channels)
{
	struct json_object *all = json_object_new_object(), *list = json_object_new_array();
	size_t i;

	json_put_u64(all, "object", id);
	json_object_object_add(all, "channels", list);
	for (i = 0; i < channels->nr; i++)
		json_object_array_add(list, json_of(&channel_fields, &channels->list[i]));
	return json_print(all);
}

static int print_channels(const struct hp_channels *channels)
{
	size_t i;

	puts(channel_header().s);
	for (i = 0; i < channels->nr; i++)
		puts(channel_line(&channels->list[i]).s);
	return end_of_output();
}

int channels_run(struct hp_nl *nl, const struct options *options)
{
	struct hp_channels channels;
	int err, code;

	err = hp_nl_channels_get(nl, options->id, &channels);
	if (err)
		return fail(nl, err, "object %" PRIu64, options->id);
	if (options->json)
		code = print_channels_json(options->id, &channels);
	else
		code = print_channels(&channels);
	hp_nl_channels_free(&channels);
	return code;
}
