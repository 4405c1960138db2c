// SPDX-License-Identifier: GPL-2.0-only
/* Reads and checks -object memory-backend-..., as list and as JSON. */
#include <errno.h>
#include <json-c/json.h>
#include <linux/hugepost.h>
#include <stdlib.h>
#include <string.h>

#include "object.h"
#include "say.h"
#include "value.h"

#define MEMORY_PREFIX	"memory-backend-"

bool is_device(const char *path)
{
	char *real = path ? realpath(path, NULL) : NULL;
	bool is = path && (!strcmp(path, HUGEPOST_DEVICE) ||
			   (real && !strcmp(real, HUGEPOST_DEVICE)));

	free(real);
	return is;
}

static char *property(const char *value, struct json_object *json, const char *key)
{
	return value_get(value, json, "qom-type", key);
}

static uint64_t size_property(const char *value, struct json_object *json, const char *key)
{
	char *text = property(value, json, key);
	uint64_t size = 0;

	if (text && parse_size(text, 'B', &size))
		die(EXIT_OWN, "-object %s: %s '%s' is no size: write it as 4G or 512M", value, key,
		    text);
	free(text);
	return size;
}

/* Is a property there, and neither off nor, as rom may be, auto? */
static bool is_set(const char *value, struct json_object *json, const char *key)
{
	char *text = property(value, json, key);
	bool is = false;

	if (text && parse_bool(text, &is))
		is = false;
	free(text);
	return is;
}

bool object_read(struct object *object, const char *value)
{
	struct json_object *json = NULL;
	char *share;
	bool is_memory;

	*object = (struct object) { .json = *value == '{' };
	if (object->json) {
		json = json_tokener_parse(value);
		if (!json || !json_object_is_type(json, json_type_object))
			die(EXIT_OWN, "-object %s: this is not JSON: check quotes and braces",
			    value);
	}
	object->type = property(value, json, "qom-type");
	is_memory = object->type &&
		    !strncmp(object->type, MEMORY_PREFIX, strlen(MEMORY_PREFIX));
	if (is_memory) {
		object->id = property(value, json, "id");
		object->size = size_property(value, json, "size");
		object->path = property(value, json, "mem-path");
		object->on_device = is_device(object->path);
		object->persistent = is_set(value, json, "pmem") ||
				     is_set(value, json, "readonly") || is_set(value, json, "rom");
	}
	/* Of no interest elsewhere, where they can be whatever QEMU takes. */
	if (object->on_device) {
		object->align = size_property(value, json, "align");
		share = property(value, json, "share");
		if (share && parse_bool(share, &object->share))
			die(EXIT_OWN, "-object %s: share is '%s': set it to on", value, share);
		free(share);
	}
	json_object_put(json);
	return is_memory;
}

void object_check(const struct object *object)
{
	const char *share = "", *align = "", *and = "";

	if (!object->on_device)
		return;
	if (!object->share)
		share = object->json ? "\"share\":true" : "share=on";
	if (!object->align || object->align % HOST_PAGE)
		align = object->json ? "\"align\":2097152" : "align=2M";
	if (!*share && !*align)
		return;
	if (*share && *align)
		and = ",";
	die(EXIT_OWN, "the back end '%s' on " HUGEPOST_DEVICE " %s: add ,%s%s%s to its -object",
	    object->id ? object->id : "",
	    *share ? "would be mapped private" : "could not hold huge pages", share, and, align);
}
