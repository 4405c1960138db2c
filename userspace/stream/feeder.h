/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Feeds a guest's memory through N channels, each with a thread and a queue of
 * its own. A host page always goes through the same channel, so that of several
 * copies of a target page the one that came last is the one that stays.
 */
#ifndef STREAM_FEEDER_H
#define STREAM_FEEDER_H

#include <stdbool.h>
#include <stdint.h>

#include "guest.h"
#include "stop.h"

struct feeder;

/* @batch: most entries of one FILL. */
int feeder_start(struct feeder **feeder, struct guest *guest, uint32_t batch,
		 struct stop *stop);

/*
 * Queues one target page, @data NULL for a zero page; waits if the queue is
 * full. -ESHUTDOWN: a channel has failed, see feeder_finish().
 */
int feeder_page(struct feeder *feeder, uint32_t block, uint64_t offset,
		const uint8_t *data);

/*
 * Waits until all that was queued is filled, or, with @drop, only for what is
 * under way; ends the threads and frees the feeder. Returns the first error of
 * a channel; guest->problem says which.
 */
int feeder_finish(struct feeder *feeder, bool drop);

#endif /* STREAM_FEEDER_H */
