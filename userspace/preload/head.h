/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libhugepost-preload: how streams of QEMU begin. Knows bytes only.
 */
#ifndef HUGEPOST_PRELOAD_HEAD_H
#define HUGEPOST_PRELOAD_HEAD_H

#include <stddef.h>

enum hps_head {
	HPS_HEAD_OTHER,		/* nothing that leaves memory out */
	HPS_HEAD_IGNORE_SHARED,	/* a migration with x-ignore-shared */
	HPS_HEAD_CPR,		/* what precedes a migration by cpr-transfer */
};

/* What @len bytes are, with which all begins that is written to a descriptor. */
enum hps_head hps_head_of(const void *data, size_t len);

#endif /* HUGEPOST_PRELOAD_HEAD_H */
