/* SPDX-License-Identifier: GPL-2.0-only */
/* The module's events, as they come. */
#ifndef CTL_EVENTS_H
#define CTL_EVENTS_H

#include "nl.h"

struct events;

/* Listens from now on: what is read after this misses nothing. 0 or -errno. */
int events_open(struct events **events, struct hp_nl *nl);
void events_close(struct events *events);

/*
 * The next event. -EAGAIN: there is none yet; -ENOBUFS: some are lost, see
 * events_lost(); they are younger than those that can still be read until
 * -EAGAIN; -ENODEV: the module was unloaded; or another -errno.
 */
int events_next(struct events *events, struct hp_event *event);

/* Waits for events_next(), at most @timeout_ms (-1: for ever). 0, -ETIMEDOUT or -errno. */
int events_wait(struct events *events, int timeout_ms);

/* How many events were lost since the last call, 0 if the kernel does not tell. */
uint32_t events_lost(struct events *events);

#endif /* CTL_EVENTS_H */
