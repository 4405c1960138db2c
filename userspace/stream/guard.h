/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading guest memory where a touch can end with SIGBUS, because no huge page
 * could be had for it: an error then, and not the end of the program.
 */
#ifndef STREAM_GUARD_H
#define STREAM_GUARD_H

#include <stddef.h>

/* To be called once, before guarded_copy(). */
int guard_init(void);

/* Copies @len bytes of guest memory; -EFAULT: a touch ended with SIGBUS. */
int guarded_copy(void *to, const void *from, size_t len);

#endif /* STREAM_GUARD_H */
