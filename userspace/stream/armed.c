// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "armed.h"
#include "guard.h"

/* How often a reader looks for a page that is not filled yet. */
#define READER_TRIES	64
#define EVENTS		64

struct armed;

struct worker {
	struct armed *armed;
	uint32_t index;
	pthread_t thread;
	bool started;
	/* A reader's. */
	uint64_t touches;
	uint64_t *stalls;	/* nanoseconds */
	size_t nr_stalls, room;
};

struct armed {
	struct guest *guest;
	const struct index *index;
	const struct armed_options *options;
	struct stop *stop;
	uint32_t *order;		/* of the pages, or NULL for the index's */
	atomic_bool *filled;		/* for each page of the index */
	atomic_uint_fast64_t cursor;	/* next place in the order */
	atomic_uint_fast64_t nr_filled;
	atomic_uint readers_seen;	/* readers that finished a touch */
	atomic_bool quit;
	atomic_uint fillers_left;
	int finished;			/* eventfd: the last filler is through */
	int handler_quit;		/* eventfd: the handler shall end */
	uint64_t events, strangers;	/* the handler's */

	pthread_mutex_t lock;		/* guards guest->problem and err */
	int err;
	struct worker *workers;		/* fillers, readers, the handler */
	uint32_t nr_workers;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* xorshift64*: repeatable for a seed, and good enough to mix an order. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}

static uint64_t start_random(uint64_t seed, uint64_t stream)
{
	uint64_t state = (seed + 1) * 0x9e3779b97f4a7c15ULL ^ (stream + 1) << 32;

	return state ? state : 1;
}

/* Ends the whole run: waiting readers are let go, and all threads look at quit. */
static void fail(struct armed *armed, int err, const char *what,
		 const struct guest_block *block, uint64_t offset)
{
	uint32_t i;

	pthread_mutex_lock(&armed->lock);
	if (!armed->err) {
		armed->err = err;
		guest_problem(armed->guest, err, "%s the block '%s' at 0x%" PRIx64,
			      what, block->name, offset);
	}
	pthread_mutex_unlock(&armed->lock);
	atomic_store(&armed->quit, true);
	for (i = 0; i < armed->guest->nr; i++)
		hugepost_object_disarm(armed->guest->blocks[i].object);
	stop_fail(armed->stop);
}

static uint64_t page_at(const struct armed *armed, uint64_t place)
{
	return armed->order ? armed->order[place] : place;
}

/* Fills the entries of one block; @pages are their numbers in the index. */
static int fill_batch(struct worker *worker, struct guest_block *block,
		      const struct hugepost_fill_entry *entries,
		      const uint64_t *pages, uint32_t nr)
{
	struct armed *armed = worker->armed;
	struct hugepost_fill_result result;
	uint32_t i;
	int err;

	err = hugepost_channel_fill_many(block->channels[worker->index], entries, nr,
					 &result);
	for (i = 0; i < result.done; i++)
		atomic_store_explicit(&armed->filled[pages[i]], true, memory_order_relaxed);
	atomic_fetch_add(&armed->nr_filled, result.done);
	if (err)
		fail(armed, err, "cannot fill", block,
		     result.done < nr ? entries[result.done].offset : 0);
	return err;
}

/* Takes pages in the run's order and fills them, a batch in one call. */
static void fill_pages(struct worker *worker, struct hugepost_fill_entry *entries,
		       uint64_t *pages)
{
	struct armed *armed = worker->armed;
	const uint32_t batch = armed->options->batch;
	uint64_t place, end, nr = armed->index->nr;
	uint32_t block, n;

	while (!atomic_load(&armed->quit)) {
		place = atomic_fetch_add(&armed->cursor, batch);
		end = place + batch < nr ? place + batch : nr;
		/* One call is for one object: a batch is cut where the block ends. */
		while (place < end) {
			block = index_block(&armed->index->pages[page_at(armed, place)]);
			for (n = 0; place < end; place++, n++) {
				uint64_t number = page_at(armed, place);
				const struct index_page *page = &armed->index->pages[number];

				if (index_block(page) != block)
					break;
				pages[n] = number;
				entries[n] = (struct hugepost_fill_entry) {
					.offset = index_offset(page),
					.src = (uintptr_t)page->data,
					.len = TARGET_PAGE,
					.flags = page->data ? 0 : HUGEPOST_FILL_ZERO,
				};
			}
			if (fill_batch(worker, &armed->guest->blocks[block], entries, pages, n))
				return;
		}
		if (end >= nr)
			return;
	}
}

static void *filler_thread(void *arg)
{
	struct worker *worker = arg;
	struct armed *armed = worker->armed;
	struct hugepost_fill_entry *entries;
	uint64_t *pages;

	entries = calloc(armed->options->batch, sizeof(*entries));
	pages = calloc(armed->options->batch, sizeof(*pages));
	if (entries && pages)
		fill_pages(worker, entries, pages);
	else
		fail(armed, -ENOMEM, "no memory for a batch of", &armed->guest->blocks[0], 0);
	free(pages);
	free(entries);
	if (atomic_fetch_sub(&armed->fillers_left, 1) == 1)
		eventfd_write(armed->finished, 1);
	return NULL;
}

/* Answers one event: the page goes in at once, before its turn. */
static int fill_now(struct armed *armed, struct worker *worker, uint32_t block,
		    const struct hugepost_event *event)
{
	struct guest_block *to = &armed->guest->blocks[block];
	int64_t number = index_find(armed->index, block, event->offset);
	const uint8_t *data = number < 0 ? NULL : armed->index->pages[number].data;
	int err;

	err = hugepost_channel_fill(to->channels[worker->index], event->offset, data,
				    TARGET_PAGE, data ? 0 : HUGEPOST_FILL_ZERO, NULL);
	if (err) {
		fail(armed, err, "cannot answer an event of", to, event->offset);
		return err;
	}
	armed->events++;
	if (number < 0)
		armed->strangers++;
	else
		atomic_store_explicit(&armed->filled[number], true, memory_order_relaxed);
	return 0;
}

static int answer_block(struct armed *armed, struct worker *worker, uint32_t block)
{
	struct guest_block *from = &armed->guest->blocks[block];
	struct hugepost_event events[EVENTS];
	int n, i, err;

	for (;;) {
		n = hugepost_object_read_events(from->object, events, EVENTS);
		if (n == -EINTR)
			continue;
		if (n <= 0)
			return n == -EAGAIN ? 0 : n;
		for (i = 0; i < n; i++) {
			err = fill_now(armed, worker, block, &events[i]);
			if (err)
				return err;
		}
	}
}

static void *handler_thread(void *arg)
{
	struct worker *worker = arg;
	struct armed *armed = worker->armed;
	uint32_t nr = armed->guest->nr, i;
	struct pollfd *fds;
	int err = 0;

	fds = calloc(nr + 1, sizeof(*fds));
	if (!fds) {
		fail(armed, -ENOMEM, "no memory to watch", &armed->guest->blocks[0], 0);
		return NULL;
	}
	for (i = 0; i < nr; i++)
		fds[i] = (struct pollfd) {
			.fd = hugepost_object_event_fd(armed->guest->blocks[i].object),
			.events = POLLIN,
		};
	fds[nr] = (struct pollfd) { .fd = armed->handler_quit, .events = POLLIN };

	while (!err && !atomic_load(&armed->quit)) {
		if (poll(fds, nr + 1, -1) < 0 && errno != EINTR)
			err = -errno;
		if (!err && fds[nr].revents)
			break;
		for (i = 0; !err && i < nr; i++) {
			if (!fds[i].revents)
				continue;
			err = answer_block(armed, worker, i);
			if (err && !atomic_load(&armed->quit))
				fail(armed, err, "cannot read the events of",
				     &armed->guest->blocks[i], 0);
		}
	}
	free(fds);
	return NULL;
}

static int note_stall(struct worker *worker, uint64_t ns)
{
	if (worker->nr_stalls == worker->room) {
		size_t room = worker->room ? 2 * worker->room : 1024;
		uint64_t *stalls = reallocarray(worker->stalls, room, sizeof(*stalls));

		if (!stalls)
			return -ENOMEM;
		worker->stalls = stalls;
		worker->room = room;
	}
	worker->stalls[worker->nr_stalls++] = ns;
	return 0;
}

static long times_slept(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nvcsw;
}

/* Touches pages at random, if possible such as are not filled yet. */
static void *reader_thread(void *arg)
{
	struct worker *worker = arg;
	struct armed *armed = worker->armed;
	const struct index *index = armed->index;
	uint64_t state = start_random(armed->options->seed, worker->index + 1);
	const struct index_page *page;
	struct guest_block *block;
	uint64_t number, begin, end;
	uint8_t byte;
	long slept;
	int tries, err;

	while (!atomic_load(&armed->quit) &&
	       atomic_load(&armed->nr_filled) < index->nr) {
		for (tries = 0; tries < READER_TRIES; tries++) {
			number = next_random(&state) % index->nr;
			if (!atomic_load_explicit(&armed->filled[number],
						  memory_order_relaxed))
				break;
		}
		page = &index->pages[number];
		block = &armed->guest->blocks[index_block(page)];

		slept = times_slept();
		begin = now_ns();
		err = guarded_copy(&byte, block->memory + index_offset(page), 1);
		end = now_ns();
		/* Only a touch that had to wait for its page puts the thread to sleep. */
		if (!err && times_slept() != slept)
			err = note_stall(worker, end - begin);
		if (err) {
			fail(armed, err, "cannot touch", block, index_offset(page));
			break;
		}
		if (!worker->touches++)
			atomic_fetch_add(&armed->readers_seen, 1);
	}
	return NULL;
}

static int start_worker(struct armed *armed, void *(*run)(void *), uint32_t index)
{
	struct worker *worker = &armed->workers[armed->nr_workers++];
	int err;

	worker->armed = armed;
	worker->index = index;
	err = -pthread_create(&worker->thread, NULL, run, worker);
	if (err)
		fail(armed, err, "cannot start a thread for", &armed->guest->blocks[0], 0);
	worker->started = !err;
	return err;
}

static void join_workers(struct armed *armed, uint32_t from, uint32_t to)
{
	uint32_t i;

	for (i = from; i < to && i < armed->nr_workers; i++) {
		if (armed->workers[i].started)
			pthread_join(armed->workers[i].thread, NULL);
		armed->workers[i].started = false;
	}
}

/*
 * Waits for the last filler, or, with @readers, until each reader has touched a
 * page: so the readers are ahead of the fill, and each has waited at least once.
 */
static int watch(struct armed *armed, uint32_t readers, struct progress *progress)
{
	int err;

	do {
		err = stop_wait(armed->stop, armed->finished, POLLIN, readers ? 1 : 100);
		progress_update(progress, atomic_load(&armed->nr_filled) * TARGET_PAGE,
				armed->index->nr * TARGET_PAGE,
				atomic_load(&armed->nr_filled));
		if (readers && atomic_load(&armed->readers_seen) >= readers)
			return 0;
	} while (err == -ETIMEDOUT);
	return err;
}

static int run(struct armed *armed, struct progress *progress)
{
	const struct armed_options *options = armed->options;
	uint32_t i;
	int err;

	err = start_worker(armed, handler_thread, options->channels);
	for (i = 0; !err && i < options->readers; i++)
		err = start_worker(armed, reader_thread, i);
	if (!err && options->readers)
		err = watch(armed, options->readers, progress);
	atomic_store(&armed->fillers_left, options->channels);
	for (i = 0; !err && i < options->channels; i++)
		err = start_worker(armed, filler_thread, i);
	if (!err)
		err = watch(armed, 0, progress);
	return err;
}

static int compare_blocks(const void *a, const void *b, void *arg)
{
	const struct index *index = arg;
	uint32_t x = index_block(&index->pages[*(const uint32_t *)a]);
	uint32_t y = index_block(&index->pages[*(const uint32_t *)b]);

	return (x > y) - (x < y);
}

static int mix_order(struct armed *armed)
{
	const uint64_t nr = armed->index->nr, batch = armed->options->batch;
	uint64_t state = start_random(armed->options->seed, 0), i, j;
	uint32_t tmp;

	armed->order = malloc((nr + 1) * sizeof(*armed->order));
	if (!armed->order)
		return -ENOMEM;
	for (i = 0; i < nr; i++)
		armed->order[i] = i;
	for (; i > 1; i--) {
		j = next_random(&state) % i;
		tmp = armed->order[i - 1];
		armed->order[i - 1] = armed->order[j];
		armed->order[j] = tmp;
	}
	/* One FILL is for one block: bring those of a batch together. */
	for (i = 0; i < nr; i += batch)
		qsort_r(armed->order + i, nr - i < batch ? nr - i : batch,
			sizeof(*armed->order), compare_blocks, (void *)armed->index);
	return 0;
}

static int compare_ns(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Brings the readers' stalls together; the p-th is the nearest rank's. */
static int sum_up(struct armed *armed, struct armed_result *result)
{
	uint64_t *all, nr = 0;
	uint32_t i;

	result->events = armed->events;
	result->strangers = armed->strangers;
	for (i = 0; i < armed->nr_workers; i++) {
		result->touches += armed->workers[i].touches;
		result->stalls += armed->workers[i].nr_stalls;
	}
	if (!result->stalls)
		return 0;
	all = calloc(result->stalls, sizeof(*all));
	if (!all)
		return guest_problem(armed->guest, -ENOMEM, "cannot sort the stalls");
	for (i = 0; i < armed->nr_workers; i++) {
		struct worker *worker = &armed->workers[i];

		if (!worker->nr_stalls)
			continue;
		memcpy(all + nr, worker->stalls, worker->nr_stalls * sizeof(*all));
		nr += worker->nr_stalls;
	}
	qsort(all, nr, sizeof(*all), compare_ns);
	result->median_us = all[(nr - 1) / 2] / 1e3;
	result->p99_us = all[(nr * 99 + 99) / 100 - 1] / 1e3;
	result->max_us = all[nr - 1] / 1e3;
	free(all);
	return 0;
}

static int arm_all(struct guest *guest)
{
	uint32_t i;
	int err;

	for (i = 0; i < guest->nr; i++) {
		err = hugepost_object_arm(guest->blocks[i].object, HUGEPOST_ARM_NONBLOCK);
		if (err)
			return guest_problem(guest, err, "cannot arm the block '%s'",
					     guest->blocks[i].name);
	}
	return 0;
}

static int prepare(struct armed *armed)
{
	const struct armed_options *options = armed->options;

	armed->finished = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	armed->handler_quit = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (armed->finished < 0 || armed->handler_quit < 0)
		return guest_problem(armed->guest, -errno, "cannot make an eventfd");
	armed->filled = calloc(armed->index->nr + 1, sizeof(*armed->filled));
	armed->workers = calloc(options->channels + options->readers + 1,
				sizeof(*armed->workers));
	if (!armed->filled || !armed->workers || (options->shuffle && mix_order(armed)))
		return guest_problem(armed->guest, -ENOMEM, "cannot keep %" PRIu64 " pages",
				     armed->index->nr);
	return arm_all(armed->guest);
}

int armed_fill(struct guest *guest, const struct index *index,
	       const struct armed_options *options, struct progress *progress,
	       struct stop *stop, struct armed_result *result)
{
	struct armed armed = {
		.guest = guest, .index = index, .options = options, .stop = stop,
		.finished = -1, .handler_quit = -1,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	uint32_t i;
	int err;

	memset(result, 0, sizeof(*result));
	err = prepare(&armed);
	if (!err && index->nr)
		err = run(&armed, progress);
	if (err)
		atomic_store(&armed.quit, true);

	/* The handler, worker 0, ends last: until then readers may wait for it. */
	if (err)
		for (i = 0; i < guest->nr; i++)
			hugepost_object_disarm(guest->blocks[i].object);
	join_workers(&armed, 1, armed.nr_workers);
	eventfd_write(armed.handler_quit, 1);
	join_workers(&armed, 0, 1);
	for (i = 0; i < guest->nr; i++)
		hugepost_object_disarm(guest->blocks[i].object);

	if (armed.err)
		err = armed.err;
	if (!err)
		err = sum_up(&armed, result);
	for (i = 0; i < armed.nr_workers; i++)
		free(armed.workers[i].stalls);
	free(armed.workers);
	free(armed.order);
	free(armed.filled);
	close(armed.finished);
	close(armed.handler_quit);
	return err;
}
