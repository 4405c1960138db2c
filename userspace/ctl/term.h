/* SPDX-License-Identifier: GPL-2.0-only */
/* The terminal: shows a canvas, tells of keys, signals and sizes. */
#ifndef CTL_TERM_H
#define CTL_TERM_H

#include <stdint.h>

#include "canvas.h"

struct term;

enum term_input {
	TERM_TIME,		/* the time is up */
	TERM_RESIZED,
	TERM_QUIT,
	TERM_UP, TERM_DOWN, TERM_PAGE_UP, TERM_PAGE_DOWN, TERM_HOME, TERM_END,
};

/*
 * Turns the terminal to a screen; signals that end a program are looked at by
 * term_wait() from now on. 0, or -errno: -ENOTTY for a terminal that cannot do it.
 */
int term_open(struct term **term);

/* Leaves the terminal as it was. A signal that came is raised now. */
void term_close(struct term *term);

void term_size(const struct term *term, int *rows, int *cols);
void term_show(struct term *term, const struct canvas *canvas);

/* Waits for @timeout_ms at most. enum term_input, or -errno. */
int term_wait(struct term *term, int timeout_ms);

#endif /* CTL_TERM_H */
