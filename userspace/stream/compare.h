/* SPDX-License-Identifier: GPL-2.0-only */
/* Comparing a block of the guest's memory with a dump made by pmemsave. */
#ifndef STREAM_COMPARE_H
#define STREAM_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest.h"
#include "progress.h"
#include "stop.h"

/* Bytes [start, end) of the block that are left out. */
struct range {
	uint64_t start, end;
};

struct compare_result {
	const char *block;
	uint64_t block_bytes, dump_bytes;
	uint64_t compared;		/* bytes */
	uint64_t skipped;		/* bytes, in ranges that the user named */
	uint64_t differing;		/* target pages */
	uint64_t first;			/* offset of the first differing byte */
	bool equal;
};

/*
 * Compares @block with the file @dump from its start, as far as both reach,
 * without @ranges. Returns 0 also if they differ. After another error than
 * -ECANCELED, guest->problem says what failed.
 */
int compare_dump(struct guest *guest, struct guest_block *block, int dump,
		 const struct range *ranges, size_t nr_ranges,
		 struct progress *progress, struct stop *stop,
		 struct compare_result *result);

#endif /* STREAM_COMPARE_H */
