/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: memory errors.
 */
#ifndef HUGEPOST_POISON_H
#define HUGEPOST_POISON_H

#include <linux/types.h>

#ifdef CONFIG_MEMORY_FAILURE
void hp_poison_init(void (*lost)(unsigned long pfn));
void hp_poison_exit(void);
bool hp_poison_is_followed(void);
#else
static inline void hp_poison_init(void (*lost)(unsigned long pfn))
{
}

static inline void hp_poison_exit(void)
{
}

static inline bool hp_poison_is_followed(void)
{
	return false;
}
#endif

#endif /* HUGEPOST_POISON_H */
