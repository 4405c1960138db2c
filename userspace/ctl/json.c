// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>

#include "ctl.h"
#include "format.h"
#include "json.h"

static struct json_object *value_of(const struct field *field, const void *structure)
{
	const void *at = field_at(field, structure);
	const char *string;

	switch (field->kind) {
	case FIELD_BOOL:
		return json_object_new_boolean(*(const uint8_t *)at);
	case FIELD_U32:
		return json_object_new_uint64(*(const uint32_t *)at);
	case FIELD_U64:
		return json_object_new_uint64(*(const uint64_t *)at);
	case FIELD_OPTIONAL:
		if (*(const uint64_t *)at == UINT64_MAX)
			return NULL;
		return json_object_new_uint64(*(const uint64_t *)at);
	case FIELD_MODE:
		return json_object_new_string(mode_name(*(const uint32_t *)at));
	case FIELD_EVENT:
		return json_object_new_string(event_name(*(const uint32_t *)at));
	case FIELD_STRING:
		string = *(char *const *)at;
		return string ? json_object_new_string(string) : NULL;
	default:
		return NULL;
	}
}

struct json_object *json_of(const struct fields *fields, const void *structure)
{
	struct json_object *object = json_object_new_object();
	char name[64];
	size_t i, c;

	for (i = 0; i < fields->nr; i++) {
		const struct field *field = &fields->list[i];

		if (field->kind == FIELD_REQUEST)
			continue;
		snprintf(name, sizeof(name), "%s", field->name);
		for (c = 0; name[c]; c++)
			if (name[c] == '-')
				name[c] = '_';
		json_object_object_add(object, name, value_of(field, structure));
	}
	return object;
}

void json_put_u64(struct json_object *to, const char *name, uint64_t value)
{
	json_object_object_add(to, name, json_object_new_uint64(value));
}

void json_put_double(struct json_object *to, const char *name, double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.3f", value);
	json_object_object_add(to, name, json_object_new_double_s(value, text));
}

void json_put_string(struct json_object *to, const char *name, const char *value)
{
	json_object_object_add(to, name, json_object_new_string(value));
}

void json_put_u32s(struct json_object *to, const char *name, const uint32_t *list, size_t nr)
{
	struct json_object *array = json_object_new_array();
	size_t i;

	for (i = 0; i < nr; i++)
		json_object_array_add(array, json_object_new_uint64(list[i]));
	json_object_object_add(to, name, array);
}

static int print(struct json_object *object, int flags)
{
	puts(json_object_to_json_string_ext(object, flags | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
	return end_of_output();
}

int json_print(struct json_object *object)
{
	return print(object, JSON_C_TO_STRING_PRETTY);
}

int json_print_line(struct json_object *object)
{
	return print(object, JSON_C_TO_STRING_PLAIN);
}
