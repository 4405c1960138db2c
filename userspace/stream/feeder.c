// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "feeder.h"

/* Batches of a channel: one is gathered, one filled, one waits. */
#define BATCHES	3

/* Ranges of one block, for one FILL. */
struct batch {
	struct batch *next;
	struct guest_block *block;
	uint32_t nr;
	uint32_t pages_copied;
	uint8_t *data;			/* room for the pages */
	struct hugepost_fill_entry *entries;
};

struct queue {
	struct feeder *feeder;
	uint32_t index;
	pthread_t thread;
	bool started;
	struct batch *open;		/* being gathered; the producer's only */

	pthread_mutex_t lock;		/* guards all below */
	pthread_cond_t changed;
	struct batch *free;
	struct batch *head, *tail;	/* to be filled, in order */
	bool closing;
	bool drop;
	int err;
	struct guest_block *err_block;
	uint64_t err_offset;
};

struct feeder {
	struct guest *guest;
	struct stop *stop;
	uint32_t batch;
	uint32_t nr;
	struct queue queues[];
};

static void free_batch(struct batch *batch)
{
	if (!batch)
		return;
	free(batch->data);
	free(batch->entries);
	free(batch);
}

static struct batch *alloc_batch(const struct feeder *feeder)
{
	struct batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return NULL;
	batch->entries = calloc(feeder->batch, sizeof(*batch->entries));
	batch->data = malloc(feeder->batch * TARGET_PAGE);
	if (!batch->entries || !batch->data) {
		free_batch(batch);
		return NULL;
	}
	return batch;
}

static void *channel_thread(void *arg)
{
	struct queue *queue = arg;
	struct hugepost_fill_result result;
	struct batch *batch;
	int err;

	pthread_mutex_lock(&queue->lock);
	for (;;) {
		while (!queue->head && !queue->closing)
			pthread_cond_wait(&queue->changed, &queue->lock);
		batch = queue->head;
		if (!batch)
			break;
		queue->head = batch->next;
		if (!queue->err && !queue->drop) {
			pthread_mutex_unlock(&queue->lock);
			err = hugepost_channel_fill_many(batch->block->channels[queue->index],
							 batch->entries, batch->nr, &result);
			pthread_mutex_lock(&queue->lock);
			if (err) {
				queue->err = err;
				queue->err_block = batch->block;
				queue->err_offset = result.done < batch->nr ?
					batch->entries[result.done].offset : 0;
				stop_fail(queue->feeder->stop);
			}
		}
		batch->next = queue->free;
		queue->free = batch;
		pthread_cond_signal(&queue->changed);
	}
	pthread_mutex_unlock(&queue->lock);
	return NULL;
}

static void free_feeder(struct feeder *feeder)
{
	struct batch *batch;
	uint32_t i;

	for (i = 0; i < feeder->nr; i++) {
		struct queue *queue = &feeder->queues[i];

		while ((batch = queue->free)) {
			queue->free = batch->next;
			free_batch(batch);
		}
		free_batch(queue->open);
		pthread_cond_destroy(&queue->changed);
		pthread_mutex_destroy(&queue->lock);
	}
	free(feeder);
}

static int start_queue(struct feeder *feeder, uint32_t index)
{
	struct queue *queue = &feeder->queues[index];
	struct batch *batch;
	int i, err;

	for (i = 0; i < BATCHES; i++) {
		batch = alloc_batch(feeder);
		if (!batch)
			return -ENOMEM;
		batch->next = queue->free;
		queue->free = batch;
	}
	err = -pthread_create(&queue->thread, NULL, channel_thread, queue);
	queue->started = !err;
	return err;
}

int feeder_start(struct feeder **feeder, struct guest *guest, uint32_t batch,
		 struct stop *stop)
{
	struct feeder *f;
	uint32_t i;
	int err = 0;

	f = calloc(1, sizeof(*f) + guest->channels * sizeof(f->queues[0]));
	if (!f)
		return guest_problem(guest, -ENOMEM, "cannot start the channels");
	f->guest = guest;
	f->stop = stop;
	f->batch = batch;
	f->nr = guest->channels;
	for (i = 0; i < f->nr; i++) {
		f->queues[i].feeder = f;
		f->queues[i].index = i;
		pthread_mutex_init(&f->queues[i].lock, NULL);
		pthread_cond_init(&f->queues[i].changed, NULL);
	}
	for (i = 0; !err && i < f->nr; i++)
		err = start_queue(f, i);
	if (err) {
		feeder_finish(f, true);
		return guest_problem(guest, err, "cannot start the thread of channel %u", i - 1);
	}
	*feeder = f;
	return 0;
}

/* Hands the gathered batch to the thread. */
static int submit(struct queue *queue)
{
	struct batch *batch = queue->open;

	if (!batch)
		return 0;
	queue->open = NULL;
	batch->next = NULL;
	pthread_mutex_lock(&queue->lock);
	if (queue->head)
		queue->tail->next = batch;
	else
		queue->head = batch;
	queue->tail = batch;
	pthread_cond_signal(&queue->changed);
	pthread_mutex_unlock(&queue->lock);
	return stop_check(queue->feeder->stop);
}

/* A free batch; waits until the thread, which never waits for us, has one. */
static struct batch *get_batch(struct queue *queue, struct guest_block *block)
{
	struct batch *batch;

	pthread_mutex_lock(&queue->lock);
	while (!queue->free)
		pthread_cond_wait(&queue->changed, &queue->lock);
	batch = queue->free;
	queue->free = batch->next;
	pthread_mutex_unlock(&queue->lock);

	batch->block = block;
	batch->nr = 0;
	batch->pages_copied = 0;
	return batch;
}

/* True if the range could be added to the last entry. */
static bool extend(struct batch *batch, uint64_t offset, uint64_t src, uint32_t flags)
{
	struct hugepost_fill_entry *last;

	if (!batch->nr)
		return false;
	last = &batch->entries[batch->nr - 1];
	if (last->flags != flags || last->offset + last->len != offset ||
	    (src && last->src + last->len != src))
		return false;
	last->len += TARGET_PAGE;
	return true;
}

int feeder_page(struct feeder *feeder, uint32_t block, uint64_t offset,
		const uint8_t *data)
{
	struct guest_block *to = &feeder->guest->blocks[block];
	struct queue *queue = &feeder->queues[(offset >> HOST_SHIFT) % feeder->nr];
	uint32_t flags = HUGEPOST_FILL_REPLACE | (data ? 0 : HUGEPOST_FILL_ZERO);
	struct batch *batch = queue->open;
	int err;

	if (batch && (batch->block != to || batch->nr == feeder->batch ||
		      (data && batch->pages_copied == feeder->batch))) {
		err = submit(queue);
		if (err)
			return err;
		batch = NULL;
	}
	if (!batch) {
		batch = get_batch(queue, to);
		queue->open = batch;
	}
	if (data) {
		uint8_t *copy = batch->data + batch->pages_copied++ * TARGET_PAGE;

		memcpy(copy, data, TARGET_PAGE);
		data = copy;
	}
	if (!extend(batch, offset, (uintptr_t)data, flags))
		batch->entries[batch->nr++] = (struct hugepost_fill_entry) {
			.offset = offset,
			.src = (uintptr_t)data,
			.len = TARGET_PAGE,
			.flags = flags,
		};
	return 0;
}

int feeder_finish(struct feeder *feeder, bool drop)
{
	struct guest *guest = feeder->guest;
	struct queue *queue;
	uint32_t i;
	int err = 0;

	for (i = 0; i < feeder->nr; i++) {
		queue = &feeder->queues[i];
		if (!drop)
			submit(queue);
		pthread_mutex_lock(&queue->lock);
		queue->closing = true;
		queue->drop = drop;
		pthread_cond_signal(&queue->changed);
		pthread_mutex_unlock(&queue->lock);
	}
	for (i = 0; i < feeder->nr; i++) {
		queue = &feeder->queues[i];
		if (!queue->started)
			continue;
		pthread_join(queue->thread, NULL);
		if (queue->err && !err)
			err = guest_problem(guest, queue->err,
					    "channel %u cannot fill the block '%s' at 0x%" PRIx64,
					    i, queue->err_block->name, queue->err_offset);
	}
	free_feeder(feeder);
	return err;
}
