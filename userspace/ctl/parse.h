/* SPDX-License-Identifier: GPL-2.0-only */
/* From attributes to the structures of model.h. */
#ifndef CTL_PARSE_H
#define CTL_PARSE_H

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "fields.h"

/*
 * Fills in the structure @to from a message of the family. Attributes that are
 * not known are passed over; one that is not there leaves 0, or no value.
 * 0, -EPROTO or -ENOMEM; then nothing is left to be freed.
 */
int parse_message(struct nlmsghdr *hdr, const struct fields *fields, void *to);
int parse_map(struct nlmsghdr *hdr, struct hp_map *to);

/*
 * Adds the cells of another reply to a map. 0, -ENOMEM, or -EPROTO if they are not
 * those that come next; then the map is as it was.
 */
int map_append(struct hp_map *map, const struct hp_map *part);

/* Has it all cells of the object? */
bool map_is_complete(const struct hp_map *map);

/* Frees what the structure refers to. */
void parse_free(const struct fields *fields, void *structure);

#endif /* CTL_PARSE_H */
