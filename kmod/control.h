/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: what operators see and steer, see uapi/hugepost.yaml.
 */
#ifndef HUGEPOST_CONTROL_H
#define HUGEPOST_CONTROL_H

#include <linux/hugepost_netlink.h>
#include <linux/skbuff.h>

#include "private.h"

/* reserve.c */
bool hp_memory_take(void);
void hp_memory_drop(void);
u64 hp_memory_held(void);
u64 hp_limit_get(void);
void hp_limit_set(u64 bytes);
struct folio *hp_reserve_take(int nid);
bool hp_reserve_take_back(int nid);
void hp_reserve_refill(void);
u64 hp_reserve_get(void);
u64 hp_reserve_get_ready(void);
bool hp_reserve_is_filling(void);
void hp_reserve_set(u64 bytes);
int hp_reserve_init(void);
void hp_reserve_exit(void);

/* describe.c */
pid_t hp_object_owner_nr(struct hp_object *obj);
int hp_describe_object(struct sk_buff *skb, struct hp_object *obj);
int hp_describe_channel(struct sk_buff *skb, struct hp_object *obj,
			unsigned int index);
int hp_describe_map(struct sk_buff *skb, struct hp_object *obj, u32 cells);

/* netlink.c */
extern struct genl_family hp_family;

int hp_netlink_init(void);
void hp_netlink_exit(void);

/* report.c */
extern unsigned int hp_progress_step;	/* per cent */

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

#endif /* HUGEPOST_CONTROL_H */
