/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A source of bytes that knows how far it is: what the parser reads from.
 *
 * Either the whole input is in memory, and every pointer stays valid as long as
 * that memory does, or it comes through a callback into a buffer of the reader's
 * own, and a pointer is valid until the next call.
 */
#ifndef STREAM_READER_H
#define STREAM_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Most bytes that one call can make visible at once. */
#define READER_WINDOW	8192

/* Up to @len bytes to @buf; 0 at the end of the input, or a negative errno. */
typedef ssize_t (*reader_fn)(void *ctx, void *buf, size_t len);

struct reader {
	const uint8_t *data;	/* bytes that are visible */
	size_t pos;		/* the next of them to be taken */
	size_t have;		/* how many there are */
	uint64_t base;		/* offset in the input of data[0] */
	uint8_t *buffer;	/* NULL if the input is in memory */
	size_t size;		/* of the buffer */
	reader_fn read;
	void *ctx;
	bool end;		/* the callback said that nothing follows */
};

void reader_init_memory(struct reader *r, const void *data, size_t len);
int reader_init_callback(struct reader *r, reader_fn read, void *ctx, size_t size);
void reader_free(struct reader *r);

/* Offset in the input of the next byte. */
static inline uint64_t reader_offset(const struct reader *r)
{
	return r->base + r->pos;
}

/*
 * Makes at least @want bytes (at most READER_WINDOW) visible, fewer only at the
 * end of the input. *@p points to the next byte, *@have (at least what was
 * asked for, unless the input ends) says how many are visible. Takes nothing.
 */
int reader_peek(struct reader *r, size_t want, const uint8_t **p, size_t *have);

/* Takes @len bytes that were visible after the last reader_peek(). */
void reader_advance(struct reader *r, size_t len);

#endif /* STREAM_READER_H */
