/* SPDX-License-Identifier: GPL-2.0-only */
/* What two readings of an object say together. */
#ifndef CTL_RATE_H
#define CTL_RATE_H

#include "model.h"

#define REST_UNKNOWN	UINT64_MAX

struct rate {
	double bytes, pages;		/* filled, a second */
	double waits, faults, events;	/* a second */
	uint64_t rest_ns;		/* until all is filled, if so it goes on */
};

/*
 * From reading @before to @now, or since it was opened if @before is NULL. The
 * readings' own times count, not those of who compares them.
 */
struct rate rate_of(const struct hp_object *before, const struct hp_object *now);

/* Bytes that a channel filled a second between two readings. */
double channel_rate(const struct hp_channel *before, const struct hp_channel *now,
		    uint32_t target_page);

/* Adds up the rates of several objects, but for the rest. */
void rate_add(struct rate *sum, const struct rate *rate);

/*
 * Target pages of the object that are there. The module counts complete host
 * pages exactly, and target pages as they come: discarded ones are taken off.
 */
uint64_t object_arrived(const struct hp_object *object);
uint64_t object_target_pages(const struct hp_object *object);

#endif /* CTL_RATE_H */
