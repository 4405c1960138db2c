// SPDX-License-Identifier: GPL-2.0-only
/* Decides what becomes of the guest's memory. */
#include <ctype.h>
#include <inttypes.h>
#include <linux/hugepost.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "replace.h"
#include "say.h"

#define RAM_DEFAULT	(128ULL << 20)	/* QEMU's */
#define RAM_ID		"pc.ram"
#define REPLACE		"HUGEPOST_REPLACE"

static struct object *find_object(struct line *line, const char *id)
{
	size_t i;

	for (i = 0; i < line->nr_objects; i++)
		if (line->objects[i].id && !strcmp(line->objects[i].id, id))
			return &line->objects[i];
	return NULL;
}

/* The id that makes the RAM block's name the one it has without hugepost. */
static const char *ram_id(struct line *line)
{
	const char *id = getenv("HUGEPOST_RAM_ID"), *c;

	if (!id || !*id)
		id = RAM_ID;
	for (c = id; isalnum((unsigned char)*c) || (c > id && strchr("-._", *c) && *c); c++)
		;
	if (*c || !isalpha((unsigned char)*id))
		die(EXIT_OWN, "HUGEPOST_RAM_ID '%s': QEMU's ids begin with a letter and go on with "
		    "letters, digits and -._", id);
	if (find_object(line, id))
		die(EXIT_OWN, "an -object has the id '%s', which the guest's memory is to have: "
		    "add -machine memory-backend=%s if that is meant, or give it another id",
		    id, id);
	return id;
}

static uint64_t add_backend(struct line *line)
{
	uint64_t bytes = line->ram ? line->ram : RAM_DEFAULT;
	const char *id = ram_id(line);

	/*
	 * Machines of QEMU 3.1 and before would call the RAM block /objects/ID,
	 * which a plain source of theirs does not.
	 */
	line_add(line, "-object",
		 format("memory-backend-file,id=%s,size=%" PRIu64 ",mem-path=" HUGEPOST_DEVICE
			",share=on,align=2M,x-use-canonical-path-for-ramblock-id=off",
			id, bytes));
	line_add(line, "-machine", format("memory-backend=%s", id));
	return bytes;
}

/* The back end @id holds (a part of) the guest's memory. */
static void use_backend(struct line *line, const char *id, bool replace)
{
	struct object *object = find_object(line, id);
	const char *hindrance;

	if (object && object->on_device)
		return;
	if (!replace) {
		note("the back end '%s' is left alone: memory in it is not hugepost's%s", id,
		     object && !replace_hinders(object) ? " (" REPLACE "=1 puts it there)" : "");
		return;
	}
	if (!object)
		die(EXIT_OWN, REPLACE ": no -object makes the back end '%s': add it", id);
	hindrance = replace_hinders(object);
	if (hindrance)
		note(REPLACE ": the back end '%s' is left alone: it is %s", id, hindrance);
	else
		line->argv[object->index] = replace_object(object, line->argv[object->index]);
}

static void use_backends(struct line *line, bool replace)
{
	size_t i;

	if (replace && (line->mem_path || line->readconfig))
		die(EXIT_OWN, REPLACE " goes with neither -mem-path nor -readconfig: leave one out");
	if (line->mem_path)
		note("-mem-path is left alone: the guest's memory is not hugepost's");
	if (line->readconfig)
		note("-readconfig may name the guest's memory, so none is added: to use hugepost, "
		     "name a back end on " HUGEPOST_DEVICE);
	if (line->backend)
		use_backend(line, line->backend, replace);
	for (i = 0; i < line->nr_memdevs; i++)
		use_backend(line, line->memdevs[i], replace);
}

uint64_t backend_apply(struct line *line)
{
	bool replace = setting(REPLACE);
	uint64_t bytes = 0;
	size_t i;

	if (is_device(line->mem_path))
		die(EXIT_OWN, "-mem-path " HUGEPOST_DEVICE " would map it private, which the device "
		    "refuses: leave -mem-path out, the right back end is added for -m");
	for (i = 0; i < line->nr_objects; i++)
		object_check(&line->objects[i]);

	if (line->backend || line->nr_memdevs || line->mem_path || line->readconfig)
		use_backends(line, replace);
	else
		bytes = add_backend(line);

	/* Memory that is plugged: no other part of the guest waits for it. */
	for (i = 0; i < line->nr_plugged && replace; i++)
		use_backend(line, line->plugged[i], true);

	/* Also memory of DIMMs, which no machine or NUMA node names. */
	for (i = 0; i < line->nr_objects; i++)
		if (line->objects[i].on_device)
			bytes += line->objects[i].size;
	if (bytes && line->cpr)
		die(EXIT_OWN, "-incoming of the type cpr would lose the guest's memory: "
		    HUGEPOST_DEVICE " has none of another process's: migrate in mode \"normal\"");
	return (bytes + HOST_PAGE - 1) & ~(HOST_PAGE - 1);
}
