/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The family's attributes: their names, and where their values go in the
 * structures of model.h. What is read and what is printed in JSON follow it.
 */
#ifndef CTL_FIELDS_H
#define CTL_FIELDS_H

#include "model.h"

enum field_kind {
	FIELD_REQUEST,		/* only sent */
	FIELD_BOOL,		/* uint8_t */
	FIELD_U32,
	FIELD_U64,
	FIELD_MODE,		/* uint32_t, HUGEPOST_MODE_* */
	FIELD_EVENT,		/* uint32_t, HUGEPOST_EVENT_KIND_* */
	FIELD_OPTIONAL,		/* uint64_t, 2^64 - 1: no value */
	FIELD_STRING,		/* char *, allocated, or NULL */
};

struct field {
	const char *name;	/* as in the specification */
	uint16_t attr, offset;
	enum field_kind kind;
};

#define FIELDS_ATTR_MAX	40

/* The attributes of one structure. */
struct fields {
	const struct field *list;
	size_t nr;
};

extern const struct fields module_fields, object_fields, channel_fields, map_fields, trim_fields,
	event_fields;

/* The attributes that command @cmd has, and the name of one of them (or NULL). */
const struct fields *fields_of(uint8_t cmd);
const char *fields_name(const struct fields *fields, unsigned int attr);

static inline void *field_at(const struct field *field, const void *structure)
{
	return (char *)structure + field->offset;
}

#endif /* CTL_FIELDS_H */
