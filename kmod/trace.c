// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: tracepoints, made here once.
 */
#define CREATE_TRACE_POINTS
#include "hugepost_trace.h"
