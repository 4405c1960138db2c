/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sizes of what callers have longer or shorter than the module knows it.
 */
#ifndef HUGEPOST_SIZES_H
#define HUGEPOST_SIZES_H

#include "hugepost_test.h"

/* Sizes that are longer than the module knows. */
static const uint32_t hp_longer[] = { 40, 48, 104, 2048, TP - 8, TP };

/* Sizes that are not allowed, of entries and of events. */
static const struct {
	uint32_t size;
	int ret;
} hp_bad_sizes[] = {
	{ 1, -EINVAL }, { 8, -EINVAL }, { 24, -EINVAL }, { 31, -EINVAL },
	{ 33, -EINVAL }, { 36, -EINVAL }, { 60, -EINVAL }, { TP - 4, -EINVAL },
	{ TP + 1, -E2BIG }, { TP + 8, -E2BIG }, { 2 * TP, -E2BIG },
	{ 1U << 31, -E2BIG }, { UINT32_MAX, -E2BIG },
};

#endif /* HUGEPOST_SIZES_H */
