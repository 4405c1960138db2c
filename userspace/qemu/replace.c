// SPDX-License-Identifier: GPL-2.0-only
/*
 * Puts a back end on the device. What is memory and nothing else qualifies: RAM, a
 * memfd, a file on hugetlbfs or tmpfs. Properties stay that mean something there.
 */
#include <json-c/json.h>
#include <linux/hugepost.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "replace.h"
#include "say.h"
#include "value.h"

static const char *const kept[] = {
	"id", "size", "host-nodes", "policy", "prealloc", "prealloc-threads",
	"prealloc-context", "reserve", "dump", "merge",
	"x-use-canonical-path-for-ramblock-id", NULL
};

/* What is said in another way of the new one. */
static const char *const told[] = { "qom-type", "mem-path", "align", NULL };

static bool has_key(const char *const *list, const char *key)
{
	for (; *list; list++)
		if (same_key(*list, key))
			return true;
	return false;
}

/* Is it a file that holds something already? */
static bool has_content(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) && st.st_size;
}

/* Is the file, or where it is to be, in memory? */
static bool is_in_memory(const char *path)
{
	char *dir = must(strdup(path)), *slash;
	struct statfs fs;
	bool known;

	while (!(known = !statfs(dir, &fs)) && (slash = strrchr(dir, '/')) && slash > dir)
		*slash = '\0';
	free(dir);
	return known && (fs.f_type == HUGETLBFS_MAGIC || fs.f_type == TMPFS_MAGIC);
}

const char *replace_hinders(const struct object *object)
{
	if (!strcmp(object->type, "memory-backend-ram") ||
	    !strcmp(object->type, "memory-backend-memfd"))
		return NULL;
	if (strcmp(object->type, "memory-backend-file") || !object->path)
		return "of a type that is not replaced";
	if (object->persistent)
		return "a file that is more than memory (pmem, readonly or rom)";
	if (has_content(object->path))
		return "a file that holds something already";
	return is_in_memory(object->path) ? NULL : "a file on a disk";
}

/* Keeps a property, or takes note of one that is dropped. */
static bool keep(const char *key, const char *value, void *data)
{
	char **dropped = data, *more;
	bool is_on;

	if (has_key(kept, key))
		return true;
	if (has_key(told, key) || (same_key(key, "share") && !parse_bool(value, &is_on) && is_on))
		return false;
	more = *dropped ? format("%s, %s=%s", *dropped, key, value) : format("%s=%s", key, value);
	free(*dropped);
	*dropped = more;
	return false;
}

static char *json_on_device(const char *value, char **dropped)
{
	struct json_object *old = must(json_tokener_parse(value));
	struct json_object *new = must(json_object_new_object());
	char *text;

	json_object_object_add(new, "qom-type", json_object_new_string("memory-backend-file"));
	json_object_object_foreach(old, key, member)
		if (keep(key, json_object_get_string(member), dropped))
			json_object_object_add(new, key, json_object_get(member));
	json_object_object_add(new, "mem-path", json_object_new_string(HUGEPOST_DEVICE));
	json_object_object_add(new, "share", json_object_new_boolean(1));
	json_object_object_add(new, "align", json_object_new_int64(HOST_PAGE));
	text = must(strdup(json_object_to_json_string_ext(new, JSON_C_TO_STRING_PLAIN |
							  JSON_C_TO_STRING_NOSLASHESCAPE)));
	json_object_put(new);
	json_object_put(old);
	return text;
}

static char *list_on_device(const char *value, char **dropped)
{
	char *rest = list_keep(value, "qom-type", keep, dropped);
	char *text = format("memory-backend-file%s%s,mem-path=" HUGEPOST_DEVICE
			    ",share=on,align=2M", *rest ? "," : "", rest);

	free(rest);
	return text;
}

char *replace_object(struct object *object, const char *value)
{
	char *dropped = NULL, *text;

	text = object->json ? json_on_device(value, &dropped) : list_on_device(value, &dropped);
	if (dropped)
		note("the back end '%s' is put on " HUGEPOST_DEVICE ", which knows no %s",
		     object->id ? object->id : "", dropped);
	free(dropped);
	object->on_device = true;
	return text;
}
