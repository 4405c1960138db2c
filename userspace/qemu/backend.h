/* SPDX-License-Identifier: GPL-2.0-only */
/* Puts the guest's memory on hugepost. */
#ifndef QEMU_BACKEND_H
#define QEMU_BACKEND_H

#include "line.h"

/*
 * Adds the back end to @line, or checks the ones that are there. Returns the
 * bytes that /dev/hugepost is asked for, 0 if it is not used.
 */
uint64_t backend_apply(struct line *line);

#endif /* QEMU_BACKEND_H */
