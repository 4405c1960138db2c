/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fills an armed guest as a postcopy does: pages come in any order over any
 * channel, while threads touch memory that is not there yet, and a handler
 * fills first what they wait for.
 */
#ifndef STREAM_ARMED_H
#define STREAM_ARMED_H

#include <stdbool.h>
#include <stdint.h>

#include "guest.h"
#include "index.h"
#include "progress.h"
#include "stop.h"

struct armed_options {
	uint32_t channels;	/* of the fill; the handler has one more */
	uint32_t readers;
	uint32_t batch;		/* most entries of one FILL */
	bool shuffle;
	uint64_t seed;
};

struct armed_result {
	uint64_t touches;	/* by the readers */
	uint64_t events;	/* that the handler answered */
	uint64_t strangers;	/* of these, for pages that the stream does not hold */
	uint64_t stalls;	/* touches in which the reader slept */
	double median_us, p99_us, max_us;	/* length of a stall */
};

/*
 * Arms @guest, fills it from @index, disarms it. -ECANCELED: a signal came; any
 * other error is explained in guest->problem. The guest is disarmed in any case.
 */
int armed_fill(struct guest *guest, const struct index *index,
	       const struct armed_options *options, struct progress *progress,
	       struct stop *stop, struct armed_result *result);

#endif /* STREAM_ARMED_H */
