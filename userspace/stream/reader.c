// SPDX-License-Identifier: GPL-2.0-only
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reader.h"

void reader_init_memory(struct reader *r, const void *data, size_t len)
{
	*r = (struct reader) { .data = data ? data : (const void *)"", .have = len, .end = true };
}

int reader_init_callback(struct reader *r, reader_fn read, void *ctx, size_t size)
{
	assert(size >= READER_WINDOW);

	*r = (struct reader) { .read = read, .ctx = ctx, .size = size };
	r->buffer = malloc(size);
	if (!r->buffer)
		return -ENOMEM;
	r->data = r->buffer;
	return 0;
}

void reader_free(struct reader *r)
{
	free(r->buffer);
	*r = (struct reader) { .end = true };
}

/* Reads once, behind the bytes that are visible. */
static int refill(struct reader *r)
{
	ssize_t n;

	if (r->pos) {
		memmove(r->buffer, r->buffer + r->pos, r->have - r->pos);
		r->base += r->pos;
		r->have -= r->pos;
		r->pos = 0;
	}

	n = r->read(r->ctx, r->buffer + r->have, r->size - r->have);
	if (n < 0)
		return n;
	if (!n)
		r->end = true;
	r->have += n;
	return 0;
}

int reader_peek(struct reader *r, size_t want, const uint8_t **p, size_t *have)
{
	int err;

	assert(want <= READER_WINDOW);

	while (r->have - r->pos < want && !r->end) {
		err = refill(r);
		if (err)
			return err;
	}

	*p = r->data + r->pos;
	*have = r->have - r->pos;
	return 0;
}

void reader_advance(struct reader *r, size_t len)
{
	assert(len <= r->have - r->pos);
	r->pos += len;
}
