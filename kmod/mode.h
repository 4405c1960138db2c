/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: an object's mode.
 */
#ifndef HUGEPOST_MODE_H
#define HUGEPOST_MODE_H

#include <linux/hugepost_netlink.h>

#include "object.h"

void hp_mode_changed(struct hp_object *obj, enum hugepost_event_kind kind);
void hp_disarm_locked(struct hp_object *obj);
void hp_disarm_object(struct hp_object *obj);
bool hp_process_exits(void);

#endif /* HUGEPOST_MODE_H */
