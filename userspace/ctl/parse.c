// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <netlink/genl/genl.h>

#include "parse.h"

/*
 * Names come from any process: a control character would reach the user's
 * terminal, and bytes that are no UTF-8 are no JSON.
 */
static char *printable(const struct nlattr *attr)
{
	char *text = strndup(nla_data(attr), nla_len(attr)), *p;

	for (p = text; p && *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return text;
}

/* A number of any width: that of a later version may be wider. */
static uint64_t number(const struct nlattr *attr)
{
	switch (nla_len(attr)) {
	case sizeof(uint8_t):
		return nla_get_u8(attr);
	case sizeof(uint16_t):
		return nla_get_u16(attr);
	case sizeof(uint32_t):
		return nla_get_u32(attr);
	case sizeof(uint64_t):
		return nla_get_u64(attr);
	default:
		return 0;
	}
}

static int parse_field(const struct field *field, const struct nlattr *attr, void *to)
{
	void *at = field_at(field, to);

	switch (field->kind) {
	case FIELD_REQUEST:
		break;
	case FIELD_BOOL:
		*(uint8_t *)at = attr && number(attr);
		break;
	case FIELD_U32:
	case FIELD_MODE:
	case FIELD_EVENT:
		*(uint32_t *)at = attr ? number(attr) : 0;
		break;
	case FIELD_U64:
		*(uint64_t *)at = attr ? number(attr) : 0;
		break;
	case FIELD_OPTIONAL:
		*(uint64_t *)at = attr ? number(attr) : UINT64_MAX;
		break;
	case FIELD_STRING:
		*(char **)at = attr ? printable(attr) : NULL;
		return attr && !*(char **)at ? -ENOMEM : 0;
	}
	return 0;
}

void parse_free(const struct fields *fields, void *structure)
{
	char **string;
	size_t i;

	for (i = 0; i < fields->nr; i++) {
		if (fields->list[i].kind != FIELD_STRING)
			continue;
		string = field_at(&fields->list[i], structure);
		free(*string);
		*string = NULL;
	}
}

static int parse_fields(struct nlattr **attrs, const struct fields *fields, void *to)
{
	size_t i;
	int err = 0;

	for (i = 0; i < fields->nr; i++)
		if (parse_field(&fields->list[i], attrs[fields->list[i].attr], to))
			err = -ENOMEM;
	if (err)
		parse_free(fields, to);
	return err;
}

static int attributes(struct nlmsghdr *hdr, struct nlattr **attrs)
{
	return genlmsg_parse(hdr, 0, attrs, FIELDS_ATTR_MAX, NULL) < 0 ? -EPROTO : 0;
}

int parse_message(struct nlmsghdr *hdr, const struct fields *fields, void *to)
{
	struct nlattr *attrs[FIELDS_ATTR_MAX + 1];
	int err = attributes(hdr, attrs);

	return err ? err : parse_fields(attrs, fields, to);
}

/* The three arrays are parts of one allocation, which is @assembling's. */
int parse_map(struct nlmsghdr *hdr, struct hp_map *to)
{
	static const uint16_t arrays[] = {
		HUGEPOST_A_MAP_ASSEMBLING, HUGEPOST_A_MAP_PRESENT, HUGEPOST_A_MAP_ZERO,
	};
	struct nlattr *attrs[FIELDS_ATTR_MAX + 1];
	size_t bytes, i;
	uint32_t *data;
	int err;

	*to = (struct hp_map) { 0 };
	err = attributes(hdr, attrs);
	if (!err)
		err = parse_fields(attrs, &map_fields, to);
	if (err)
		return err;
	if (attrs[HUGEPOST_A_MAP_FIRST_CELL])
		to->first_cell = number(attrs[HUGEPOST_A_MAP_FIRST_CELL]);
	if (!to->host_pages)
		return 0;
	for (i = 0; i < 3; i++)
		if (!attrs[arrays[i]] ||
		    nla_len(attrs[arrays[i]]) != nla_len(attrs[arrays[0]]))
			return -EPROTO;

	bytes = nla_len(attrs[arrays[0]]) / sizeof(*data) * sizeof(*data);
	data = malloc(3 * bytes + 1);
	if (!data)
		return -ENOMEM;
	for (i = 0; i < 3; i++)
		memcpy((char *)data + i * bytes, nla_data(attrs[arrays[i]]), bytes);
	to->cells = bytes / sizeof(*data);
	to->assembling = data;
	to->present = data + to->cells;
	to->zero = data + 2 * to->cells;
	return 0;
}

static uint32_t *append(uint32_t *to, const uint32_t *from, uint32_t nr)
{
	if (nr)
		memcpy(to, from, nr * sizeof(*to));
	return to + nr;
}

int map_append(struct hp_map *map, const struct hp_map *part)
{
	struct hp_map sum = *part;
	uint32_t *data;

	if (part->first_cell != map->cells ||
	    (part->host_pages && (!part->cells || !part->host_pages_per_cell)) ||
	    (map->cells && (part->host_pages != map->host_pages ||
			    part->host_pages_per_cell != map->host_pages_per_cell)))
		return -EPROTO;
	sum.first_cell = 0;
	sum.cells += map->cells;
	data = malloc(3 * sizeof(*data) * sum.cells + 1);
	if (!data)
		return -ENOMEM;
	sum.assembling = data;
	sum.present = data + sum.cells;
	sum.zero = data + 2 * sum.cells;
	append(append(sum.assembling, map->assembling, map->cells), part->assembling, part->cells);
	append(append(sum.present, map->present, map->cells), part->present, part->cells);
	append(append(sum.zero, map->zero, map->cells), part->zero, part->cells);
	free(map->assembling);
	*map = sum;
	return 0;
}

bool map_is_complete(const struct hp_map *map)
{
	return map->cells * map->host_pages_per_cell >= map->host_pages;
}
