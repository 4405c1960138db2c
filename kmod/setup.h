/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: what an object is set up with.
 */
#ifndef HUGEPOST_SETUP_H
#define HUGEPOST_SETUP_H

#include "ucmd.h"

int hp_setup_want(struct hp_object *obj, u64 end);
int hp_setup_settle(struct hp_object *obj);
void hp_setup_free_memory(struct hp_object *obj);
void hp_setup_free_tables(struct hp_object *obj);

extern const struct hp_ioctl_op hp_op_setup;

#endif /* HUGEPOST_SETUP_H */
