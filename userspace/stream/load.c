// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "feeder.h"
#include "guard.h"
#include "load.h"

/* Pages between two looks at the clock and for a signal. */
#define PAGES_PER_LOOK	128
/* Sections that --check lists; the rest is only counted. */
#define SECTIONS_LISTED	4096

struct load {
	const struct options *options;
	struct outcome *outcome;
	struct stop stop;
	struct input input;
	struct reader reader;
	struct progress progress;
	struct feeder *feeder;
	struct index index;
	int dump;
	bool device_failed;	/* an error is guest.problem's, not the stream's */
	uint64_t pages;
};

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void end_with(struct outcome *outcome, enum exit_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void end_with(struct outcome *outcome, enum exit_code code, const char *fmt, ...)
{
	va_list ap;

	outcome->code = code;
	va_start(ap, fmt);
	vsnprintf(outcome->problem, sizeof(outcome->problem), fmt, ap);
	va_end(ap);
}

/* An error of the guest's side; its text is there already. */
static int device_error(struct load *load, int err)
{
	load->device_failed = true;
	return err;
}

/* The stream's own account of the guest is not to be believed. */
static int check_memory(struct load *load, const struct stream_block *blocks, uint32_t nr)
{
	const struct options *options = load->options;
	struct outcome *outcome = load->outcome;
	uint64_t most = options->memory, wanted;
	uint32_t i;
	int err;

	wanted = guest_memory(&outcome->guest, blocks, nr);
	/* Its pages are kept until they are filled. */
	for (i = 0; options->armed && i < nr; i++)
		wanted += blocks[i].length;
	if (!most) {
		err = guest_available(&outcome->guest, &most);
		if (err)
			return device_error(load, err);
	}
	if (wanted <= most)
		return 0;
	end_with(outcome, EXIT_STREAM,
		 "the stream wants %" PRIu64 " MiB of memory for its %u RAM blocks: %" PRIu64
		 " MiB are %s; --memory SIZE allows more",
		 (wanted + (1 << 20) - 1) >> 20, nr, most >> 20,
		 options->memory ? "allowed" : "available");
	return -EDQUOT;
}

static int on_blocks(void *ctx, const struct stream_block *blocks, uint32_t nr)
{
	struct load *load = ctx;
	struct outcome *outcome = load->outcome;
	struct guest *guest = &outcome->guest;
	const struct options *options = load->options;
	int err;

	outcome->blocks = calloc(nr, sizeof(*blocks));
	if (!outcome->blocks)
		return device_error(load, guest_problem(guest, -ENOMEM,
							"cannot keep %u RAM blocks", nr));
	memcpy(outcome->blocks, blocks, nr * sizeof(*blocks));
	if (!options->check) {
		err = check_memory(load, blocks, nr);
		if (err)
			return err;
	}
	if (options->armed) {
		err = index_init(&load->index, blocks, nr, !options->check);
		if (err)
			return device_error(load, guest_problem(guest, err,
								"cannot note which pages come"));
	}
	if (options->check)
		return 0;

	err = guest_open(guest, blocks, nr);
	if (err)
		return device_error(load, err);
	if (options->dump && !guest_find(guest, options->block)) {
		end_with(outcome, EXIT_USAGE,
			 "there is no block '%s': hugepost-stream --check lists those of the "
			 "stream",
			 options->block);
		return -ENODEV;
	}
	if (options->armed)
		return 0;
	err = feeder_start(&load->feeder, guest, options->batch, &load->stop);
	return err ? device_error(load, err) : 0;
}

static int on_page(void *ctx, uint32_t block, uint64_t offset, const uint8_t *data,
		   uint64_t record)
{
	struct load *load = ctx;
	struct stream_error *error = &load->outcome->error;
	int err = 0;

	if (++load->pages % PAGES_PER_LOOK == 0) {
		err = stop_check(&load->stop);
		progress_update(&load->progress, record, load->input.length, load->pages);
	}
	if (!err && load->feeder)
		err = feeder_page(load->feeder, block, offset, data);
	if (!err && load->options->armed) {
		err = index_add(&load->index, block, offset, data);
		if (err == -EEXIST) {
			error->offset = record;
			snprintf(error->text, sizeof(error->text),
				 "the page 0x%" PRIx64 " of the block '%s' comes a second time: "
				 "expected each page once, as an armed object keeps the first; "
				 "migrate a stopped guest, or load without --armed",
				 offset, load->outcome->blocks[block].name);
			err = -EBADMSG;
		} else if (err) {
			guest_problem(&load->outcome->guest, err,
				      "cannot note more than %" PRIu64 " pages", load->index.nr);
			err = device_error(load, err);
		}
	}
	return err;
}

static int on_skipped(void *ctx, const char *name, uint32_t instance,
		      uint64_t bytes, uint64_t record)
{
	struct load *load = ctx;
	struct outcome *outcome = load->outcome;
	struct section *list, *last;

	if (outcome->nr_sections == SECTIONS_LISTED)
		return 0;
	list = reallocarray(outcome->sections, outcome->nr_sections + 1, sizeof(*list));
	if (!list)
		return device_error(load, guest_problem(&outcome->guest, -ENOMEM,
							"cannot keep the list of sections"));
	outcome->sections = list;
	last = &list[outcome->nr_sections++];
	snprintf(last->name, sizeof(last->name), "%s", name);
	last->instance = instance;
	last->bytes = bytes;
	last->offset = record;
	return stop_check(&load->stop);
}

/* Turns an error of the run into the text and the exit code. */
static void judge(struct load *load, int err)
{
	struct outcome *outcome = load->outcome;

	if (!err || outcome->code)
		return;
	if (err == -ECANCELED)
		end_with(outcome, EXIT_SIGNAL, "interrupted");
	else if (load->device_failed)
		end_with(outcome, EXIT_DEVICE, "%s", outcome->guest.problem);
	else if (err == -EBADMSG && outcome->error.text[0])
		outcome->code = EXIT_STREAM;
	else
		end_with(outcome, err == -ENOMEM ? EXIT_DEVICE : EXIT_STREAM,
			 "cannot read the stream after %" PRIu64 " bytes: %s",
			 reader_offset(&load->reader), strerror(-err));
}

static int parse(struct load *load)
{
	static const struct stream_ops ops = {
		.blocks = on_blocks, .page = on_page, .skipped = on_skipped,
	};
	struct outcome *outcome = load->outcome;
	int err, err2;

	err = input_reader(&load->input, &load->reader);
	if (err)
		return err;
	err = stream_parse(&load->reader, &ops, load, &outcome->info, &outcome->error);
	if (load->feeder) {
		/* What came before an error in the stream is filled all the same. */
		err2 = feeder_finish(load->feeder, err == -ECANCELED || err == -ESHUTDOWN);
		load->feeder = NULL;
		if (err2)
			err = device_error(load, err2);
	}
	return err;
}

static int fill_armed(struct load *load)
{
	const struct options *options = load->options;
	const struct armed_options armed = {
		.channels = options->channels, .readers = options->readers,
		.batch = options->batch, .shuffle = options->shuffle,
		.seed = options->seed,
	};
	int err;

	progress_end(&load->progress);
	progress_init(&load->progress, "filling", options->quiet);
	index_sort(&load->index);
	err = armed_fill(&load->outcome->guest, &load->index, &armed, &load->progress,
			 &load->stop, &load->outcome->armed);
	return err && err != -ECANCELED ? device_error(load, err) : err;
}

static int compare(struct load *load)
{
	const struct options *options = load->options;
	struct outcome *outcome = load->outcome;
	int err;

	progress_end(&load->progress);
	progress_init(&load->progress, "comparing", options->quiet);
	err = compare_dump(&outcome->guest, guest_find(&outcome->guest, options->block),
			   load->dump, options->ranges, options->nr_ranges,
			   &load->progress, &load->stop, &outcome->compare);
	if (err)
		return err == -ECANCELED ? err : device_error(load, err);
	outcome->compared = true;
	if (!outcome->compare.equal)
		outcome->code = EXIT_DIFFERS;
	return 0;
}

static int run(struct load *load)
{
	struct outcome *outcome = load->outcome;
	double begin = now_s();
	int err;

	err = parse(load);
	if (!err && load->options->armed && !load->options->check) {
		begin = now_s();
		err = fill_armed(load);
	}
	outcome->load_s = now_s() - begin;
	if (err || load->options->check)
		return err;

	outcome->loaded = true;
	err = guest_measure(&outcome->guest, &load->stop);
	if (err)
		return err == -ECANCELED ? err : device_error(load, err);
	outcome->measured = true;
	return load->options->dump ? compare(load) : 0;
}

void load_run(const struct options *options, struct outcome *outcome)
{
	struct load load = { .options = options, .outcome = outcome, .dump = -1 };
	int err;

	memset(outcome, 0, sizeof(*outcome));
	outcome->guest.device = options->device;
	outcome->guest.channels = options->channels + options->armed;
	outcome->guest.all_channels = options->armed;
	outcome->guest.prealloc = options->prealloc;

	if (options->dump) {
		load.dump = open(options->dump, O_RDONLY | O_CLOEXEC);
		if (load.dump < 0) {
			end_with(outcome, EXIT_USAGE, "cannot open the dump '%s': %s",
				 options->dump, strerror(errno));
			return;
		}
	}
	err = guard_init();
	if (!err)
		err = stop_init(&load.stop);
	if (err) {
		end_with(outcome, EXIT_DEVICE, "cannot watch for signals: %s", strerror(-err));
		goto close_dump;
	}
	progress_init(&load.progress, options->check || options->armed ?
		      "reading" : "loading", options->quiet);
	err = input_open(&load.input, options->stream, options->listening, &load.stop);
	if (err == -ECANCELED) {
		end_with(outcome, EXIT_SIGNAL, "interrupted");
	} else if (err) {
		end_with(outcome, err == -EINVAL ? EXIT_USAGE : EXIT_STREAM, "%s",
			 load.input.problem);
	} else {
		err = run(&load);
		progress_end(&load.progress);
		judge(&load, err);
		reader_free(&load.reader);
		index_free(&load.index);
		input_close(&load.input);
	}
	stop_close(&load.stop);
close_dump:
	if (load.dump >= 0)
		close(load.dump);
}

void load_free(struct outcome *outcome)
{
	guest_close(&outcome->guest);
	free(outcome->blocks);
	free(outcome->sections);
}
