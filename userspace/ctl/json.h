/* SPDX-License-Identifier: GPL-2.0-only */
/* The structures of model.h in JSON, with the specification's names. */
#ifndef CTL_JSON_H
#define CTL_JSON_H

#include <json-c/json.h>

#include "fields.h"

/* A new object with a member for each field; '-' in names becomes '_'. */
struct json_object *json_of(const struct fields *fields, const void *structure);

void json_put_u64(struct json_object *to, const char *name, uint64_t value);
void json_put_double(struct json_object *to, const char *name, double value);
void json_put_string(struct json_object *to, const char *name, const char *value);
/* A new array of @nr numbers. */
void json_put_u32s(struct json_object *to, const char *name, const uint32_t *list, size_t nr);

/* Prints @object, in several lines or in one, flushes, and frees it. An exit code. */
int json_print(struct json_object *object);
int json_print_line(struct json_object *object);

#endif /* CTL_JSON_H */
