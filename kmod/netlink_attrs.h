/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: objects, their channels and their memory as netlink attributes.
 */
#ifndef HUGEPOST_NETLINK_ATTRS_H
#define HUGEPOST_NETLINK_ATTRS_H

#include <linux/hugepost_netlink.h>
#include <linux/skbuff.h>

#include "object.h"

/* Neighbouring cells that an object is divided into. */
struct hp_map {
	u64 host_pages;		/* of the object */
	u64 per_cell;		/* but the object's last cell */
	u32 first;
	u32 nr;
};

int hp_describe_object(struct sk_buff *skb, struct hp_object *obj);
int hp_describe_channel(struct sk_buff *skb, struct hp_object *obj,
			unsigned int index);
int hp_describe_map(struct sk_buff *skb, struct hp_object *obj,
		    const struct hp_map *map);

#endif /* HUGEPOST_NETLINK_ATTRS_H */
