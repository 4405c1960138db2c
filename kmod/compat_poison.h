/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: where the tracepoint of memory errors is; see compat.h.
 */
#ifndef HUGEPOST_COMPAT_POISON_H
#define HUGEPOST_COMPAT_POISON_H

#include "probed.h"

/* 6.19 moved it out of the RAS subsystem. */
#ifdef HP_HAVE_TRACE_MEMORY_FAILURE
#include <trace/events/memory-failure.h>
#else
#include <ras/ras_event.h>
#endif

#endif /* HUGEPOST_COMPAT_POISON_H */
