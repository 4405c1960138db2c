/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: stall points, for tests that force the order of a race.
 *
 * hp_stall("NAME") is where a task can be stopped, by the module's parameters
 * "stall" and "stall2". All of them are places that may sleep. There are none in
 * a module that is not built with HUGEPOST_STALL=y.
 */
#ifndef HUGEPOST_STALL_H
#define HUGEPOST_STALL_H

#ifdef HUGEPOST_STALL
void hp_stall(const char *name);
#else
static inline void hp_stall(const char *name)
{
}
#endif

#endif /* HUGEPOST_STALL_H */
