/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the stream comes from: a file, standard input, or a socket. */
#ifndef STREAM_INPUT_H
#define STREAM_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "reader.h"
#include "stop.h"

struct input {
	struct stop *stop;
	int fd;
	uint64_t length;	/* bytes, 0 if not known before the end */
	char problem[256];	/* after an error: what could not be done */
};

/*
 * Opens @where: a path, "-", "unix:PATH" or "tcp:HOST:PORT" ("tcp:[ADDR]:PORT").
 * With @listening, a socket is bound and one connection is waited for.
 * After an error, input->problem says what failed; -EINVAL: @where is no
 * address; -ECANCELED: a signal came.
 */
int input_open(struct input *input, const char *where, bool listening,
	       struct stop *stop);

/* A reader for the opened input. */
int input_reader(struct input *input, struct reader *reader);

void input_close(struct input *input);

#endif /* STREAM_INPUT_H */
