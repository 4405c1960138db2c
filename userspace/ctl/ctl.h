/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands, and what each of them is told. */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "metrics.h"
#include "nl.h"

enum exit_code {
	EXIT_OK = 0,
	EXIT_ERROR = 1,
	EXIT_USAGE = 2,
	EXIT_NO_MODULE = 3,
	EXIT_NO_PERMISSION = 4,
	EXIT_NO_OBJECT = 5,
	EXIT_TIMEOUT = 6,
};

#define TIMEOUT_NONE	UINT64_MAX
#define INTERVAL_NS	1000000000ULL	/* of top and stats */

/* What the user asked for; which of these a command looks at, its help says. */
struct options {
	bool json, all;
	uint64_t id;
	bool complete, armed;		/* what wait waits for */
	uint64_t timeout_ns, count;
	uint64_t interval_ns;		/* 0: the command's own */
	uint32_t cells;			/* 0: as many as fit */
	const char *output;		/* a file, NULL: standard output */
	enum metrics_format format;
	bool set;			/* change the setting */
	uint64_t value;			/* to this */
};

/* Each returns an exit code, having said what went wrong. */
int list_run(struct hp_nl *nl, const struct options *options);
int show_run(struct hp_nl *nl, const struct options *options);
int channels_run(struct hp_nl *nl, const struct options *options);
int map_run(struct hp_nl *nl, const struct options *options);
int monitor_run(struct hp_nl *nl, const struct options *options);
int top_run(struct hp_nl *nl, const struct options *options);
int wait_run(struct hp_nl *nl, const struct options *options);
int stats_run(struct hp_nl *nl, const struct options *options);
int trim_run(struct hp_nl *nl, const struct options *options);
int metrics_run(struct hp_nl *nl, const struct options *options);
int reserve_run(struct hp_nl *nl, const struct options *options);
int limit_run(struct hp_nl *nl, const struct options *options);
int step_run(struct hp_nl *nl, const struct options *options);

/* Says on standard error that @what failed, and why; returns the exit code for it. */
int fail(const struct hp_nl *nl, int err, const char *what, ...)
	__attribute__((format(printf, 3, 4)));

static inline uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* Flushes standard output: EXIT_OK, or EXIT_ERROR, said so. */
int end_of_output(void);

#endif /* CTL_CTL_H */
