/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest's memory: one memory object for each RAM block. */
#ifndef STREAM_GUEST_H
#define STREAM_GUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <hugepost.h>

#include "parser.h"
#include "stop.h"

#define HOST_SHIFT	21
#define HOST_PAGE	0x200000ULL
#define TARGET_SHIFT	12
#define TARGET_PAGE	0x1000ULL

struct guest_block {
	char name[STREAM_NAME_MAX];
	uint64_t length;		/* bytes, as the stream says */
	uint64_t size;			/* of the object: rounded up to host pages */
	struct hugepost_object *object;
	uint8_t *memory;		/* the object's mapping, @size bytes */
	struct hugepost_channel **channels;
	uint32_t nr_channels;

	/* What was found after the load. */
	struct hugepost_stats stats;	/* before the memory was touched */
	struct hugepost_channel_stats sum;	/* of the channels */
	uint64_t missing;		/* target pages that never came */
	uint64_t collapsed;		/* host pages whose page table was taken away */
	uint64_t complete;		/* host pages that are present at the end */
	uint64_t huge;			/* host pages mapped by one entry (smaps) */
};

struct guest {
	struct guest_block *blocks;
	uint32_t nr;
	uint32_t channels;		/* of each object; see guest_open() */
	bool all_channels;		/* also where there are fewer host pages */
	bool prealloc;
	const char *device;		/* NULL: the default */
	char problem[512];		/* after an error: what could not be done */
};

/*
 * The most memory that guest_open() and the fill take for the @nr blocks: host
 * pages, and one more for each channel of each object.
 */
uint64_t guest_memory(const struct guest *guest, const struct stream_block *blocks,
		      uint32_t nr);

/* Memory that the host has to give, by its own estimate. */
int guest_available(struct guest *guest, uint64_t *bytes);

/*
 * Makes and maps an object for each of the @nr blocks. guest->channels,
 * ->all_channels, ->prealloc and ->device were set before. An object has not
 * more channels than host pages, as each sets one host page aside, unless
 * ->all_channels says otherwise.
 */
int guest_open(struct guest *guest, const struct stream_block *blocks, uint32_t nr);
void guest_close(struct guest *guest);

/* The block of that name, or the biggest one for NULL; NULL: there is none. */
struct guest_block *guest_find(struct guest *guest, const char *name);

/*
 * Reads the counters; then maps all complete host pages huge, and counts them.
 * -ECANCELED: a signal came.
 */
int guest_measure(struct guest *guest, struct stop *stop);

/* Sets guest->problem; returns @err. */
int guest_problem(struct guest *guest, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif /* STREAM_GUEST_H */
