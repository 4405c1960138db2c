/* SPDX-License-Identifier: GPL-2.0-only */
/* Being told to stop: by a signal, or by a thread that met an error. */
#ifndef STREAM_STOP_H
#define STREAM_STOP_H

#include <signal.h>
#include <stdbool.h>

struct stop {
	int signals;	/* a signalfd: SIGINT, SIGTERM, SIGHUP, unless ignored */
	int failed;	/* an eventfd: readable once a thread has failed */
	bool seen;	/* a signal was told of */
	sigset_t old;	/* the mask before */
};

/*
 * Blocks the signals in this thread and in those it starts later, so that all
 * waiting is done here and no system call ends in the middle.
 */
int stop_init(struct stop *stop);

/*
 * From here on the signals have their usual effect again, one that came and
 * that nobody was told of included.
 */
void stop_close(struct stop *stop);

/* The usual effect around a call that waits by itself, not in stop_wait(). */
void stop_unblock(const struct stop *stop);
void stop_block(void);

/* Says that a thread has failed; from any thread. */
void stop_fail(struct stop *stop);

/*
 * Waits until @fd has one of the poll @events (or, with -1, for @timeout_ms
 * only). 0: so it is; -ETIMEDOUT; -ECANCELED: a signal came; -ESHUTDOWN: a
 * thread has failed. A @timeout_ms of -1 waits for ever.
 */
int stop_wait(struct stop *stop, int fd, short events, int timeout_ms);

/* Just looks: 0, -ECANCELED or -ESHUTDOWN. */
int stop_check(struct stop *stop);

#endif /* STREAM_STOP_H */
