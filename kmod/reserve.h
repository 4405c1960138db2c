/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: how much memory all objects may hold, and the reserve.
 */
#ifndef HUGEPOST_RESERVE_H
#define HUGEPOST_RESERVE_H

#include <linux/mm_types.h>
#include <linux/types.h>

/* What is held, in host pages, and the limit, in bytes. */
bool hp_held_take(void);
void hp_held_drop(void);
u64 hp_held_get(void);
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

#endif /* HUGEPOST_RESERVE_H */
