/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: events for operators.
 */
#ifndef HUGEPOST_NETLINK_EVENTS_H
#define HUGEPOST_NETLINK_EVENTS_H

#include <net/genetlink.h>
#include <linux/hugepost_netlink.h>

#include "object.h"

extern unsigned int hp_progress_step;	/* per cent */

void hp_report_init(struct genl_family *family);
void hp_report(struct hp_object *obj, enum hugepost_event_kind kind);
void hp_report_change(struct hp_object *obj);
void hp_report_again(struct hp_object *obj);

/*
 * At the end of a FILL that has filled: was it the first one, or are enough host
 * pages complete to be told of?
 */
static inline void hp_report_progress(struct hp_object *obj)
{
	if (unlikely(hp_object_complete(obj) >= READ_ONCE(obj->next_report)))
		hp_report_change(obj);
}

#endif /* HUGEPOST_NETLINK_EVENTS_H */
