// SPDX-License-Identifier: GPL-2.0-only
#include "rate.h"

uint64_t object_target_pages(const struct hp_object *object)
{
	return object->target_page ? object->length / object->target_page : 0;
}

uint64_t object_arrived(const struct hp_object *object)
{
	uint64_t total = object_target_pages(object), arrived, least, most, per_host;

	if (!total)
		return 0;
	per_host = object->host_page / object->target_page;
	least = object_complete(object) * per_host;
	most = total - object->empty * per_host;
	arrived = object->filled > object->discarded ? object->filled - object->discarded : 0;
	if (arrived < least)
		return least;
	return arrived > most ? most : arrived;
}

static double per_second(uint64_t before, uint64_t now, double seconds)
{
	return now > before ? (double)(now - before) / seconds : 0;
}

struct rate rate_of(const struct hp_object *before, const struct hp_object *now)
{
	const struct hp_object opened = { .time = now->created };
	struct rate rate = { .rest_ns = REST_UNKNOWN };
	double seconds, rest;

	if (!before)
		before = &opened;
	if (now->time <= before->time)
		return rate;
	seconds = (double)(now->time - before->time) / 1e9;
	rate.pages = per_second(before->filled, now->filled, seconds);
	rate.bytes = rate.pages * now->target_page;
	rate.waits = per_second(before->waits, now->waits, seconds);
	rate.faults = per_second(before->faults, now->faults, seconds);
	rate.events = per_second(before->events, now->events, seconds);

	rest = (double)(object_target_pages(now) - object_arrived(now));
	if (!rest)
		rate.rest_ns = 0;
	else if (rate.pages > 0 && rest / rate.pages < 1e9)
		rate.rest_ns = (uint64_t)(rest / rate.pages * 1e9);
	return rate;
}

double channel_rate(const struct hp_channel *before, const struct hp_channel *now,
		    uint32_t target_page)
{
	if (now->time <= before->time)
		return 0;
	return per_second(before->pages, now->pages, (double)(now->time - before->time) / 1e9) *
	       target_page;
}

void rate_add(struct rate *sum, const struct rate *rate)
{
	sum->bytes += rate->bytes;
	sum->pages += rate->pages;
	sum->waits += rate->waits;
	sum->faults += rate->faults;
	sum->events += rate->events;
}
