/* SPDX-License-Identifier: GPL-2.0-only */
/* From a stream to the guest's memory: one run of the tool. */
#ifndef STREAM_LOAD_H
#define STREAM_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "armed.h"
#include "compare.h"
#include "input.h"

/* What the user asked for. */
struct options {
	const char *stream;
	const char *device;
	const char *dump;
	const char *block;
	struct range *ranges;
	size_t nr_ranges;
	uint32_t channels, readers, batch;
	uint64_t seed;
	uint64_t memory;	/* most bytes that the stream may take; 0: what is there */
	bool check, armed, shuffle, listening, prealloc, json, quiet;
};

/* A section that was passed over, for --check. */
struct section {
	char name[STREAM_NAME_MAX];
	uint32_t instance;
	uint64_t bytes, offset;
};

enum exit_code {
	EXIT_OK = 0,
	EXIT_STREAM = 1,
	EXIT_USAGE = 2,
	EXIT_DEVICE = 3,
	EXIT_DIFFERS = 4,
	EXIT_SIGNAL = 130,
};

/* All that the report tells. */
struct outcome {
	enum exit_code code;
	struct stream_info info;
	struct stream_error error;	/* if the stream was bad */
	char problem[600];		/* any other error */
	struct stream_block *blocks;
	struct section *sections;
	size_t nr_sections;
	struct guest guest;
	bool loaded;			/* the guest holds what came */
	bool measured;			/* the counters were read */
	struct armed_result armed;
	double load_s;
	bool compared;
	struct compare_result compare;
};

/* Runs, and says in outcome->code how it ended. */
void load_run(const struct options *options, struct outcome *outcome);

/* Lets go of the memory objects and all else. */
void load_free(struct outcome *outcome);

#endif /* STREAM_LOAD_H */
