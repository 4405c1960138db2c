/* SPDX-License-Identifier: GPL-2.0-only */
/* What is shown while work is under way: on standard error, for a person. */
#ifndef STREAM_PROGRESS_H
#define STREAM_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *what;
	bool quiet;
	bool terminal;
	bool drawn;
	uint64_t next_ns;
};

void progress_init(struct progress *progress, const char *what, bool quiet);

/*
 * To be called often: @done of @total (0: not known) bytes are through, which
 * held @pages target pages (0: not known). Draws a bar on a terminal, else a line now and then.
 */
void progress_update(struct progress *progress, uint64_t done, uint64_t total,
		     uint64_t pages);

/* Erases the bar. Before anything else is printed. */
void progress_end(struct progress *progress);

#endif /* STREAM_PROGRESS_H */
