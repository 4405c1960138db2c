// SPDX-License-Identifier: GPL-2.0-only
/* hugepostctl list: the objects, a line each. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "ctl.h"
#include "format.h"
#include "json.h"
#include "rate.h"

static int print_json(const struct hp_module *module, const struct hp_objects *objects)
{
	struct json_object *all = json_object_new_object(), *list = json_object_new_array();
	size_t i;

	json_object_object_add(all, "module", json_of(&module_fields, module));
	json_object_object_add(all, "objects", list);
	for (i = 0; i < objects->nr; i++)
		json_object_array_add(list, json_of(&object_fields, &objects->list[i]));
	return json_print(all);
}

static int print_text(const struct hp_objects *objects)
{
	size_t i;

	printf("%5s %7s %-15s %-7s %5s %6s %8s %5s %7s %6s\n", "ID", "PID", "COMMAND", "MODE",
	       "SIZE", "FILLED", "COMPLETE", "WAITS", "MEMORY", "AGE");
	for (i = 0; i < objects->nr; i++) {
		const struct hp_object *o = &objects->list[i];

		printf("%5" PRIu64 " %7u %-15s %-7s %5s %6s %8s %5s %7s %6s\n", o->id, o->pid,
		       o->command ? o->command : "-", mode_name(o->mode),
		       format_size(o->length).s,
		       format_percent(object_arrived(o), object_target_pages(o)).s,
		       format_percent(object_complete(o), object_host_pages(o)).s,
		       format_count(o->waits).s, format_size(o->memory).s,
		       format_duration(o->time - o->created).s);
	}
	return end_of_output();
}

int list_run(struct hp_nl *nl, const struct options *options)
{
	struct hp_objects objects;
	struct hp_module module;
	int err, code;

	err = hp_nl_objects_get(nl, options->all, &objects);
	if (err)
		return fail(nl, err, "cannot list the objects");
	err = hp_nl_module_get(nl, &module);
	if (err) {
		hp_nl_objects_free(&objects);
		return fail(nl, err, "cannot read the module's settings");
	}
	if (objects.torn)
		fprintf(stderr, "%s: objects came and went all the time, some may be missing\n",
			program_invocation_short_name);
	code = options->json ? print_json(&module, &objects) : print_text(&objects);
	hp_nl_module_free(&module);
	hp_nl_objects_free(&objects);
	return code;
}
