// SPDX-License-Identifier: GPL-2.0-only
/* hugepost-stream: loads QEMU's migration stream into hugepost's memory. */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/size.h"
#include "report.h"

#define BATCH_DEFAULT	512
#define BATCH_MAX	4096
#define READERS_MAX	256

const char *argp_program_version = "hugepost-stream " HUGEPOST_VERSION;
error_t argp_err_exit_status = EXIT_USAGE;

enum {
	KEY_ARMED = 0x100,
	KEY_BATCH,
	KEY_BLOCK,
	KEY_CHECK,
	KEY_COMPARE,
	KEY_COMPARE_SKIP,
	KEY_DEVICE,
	KEY_JSON,
	KEY_LISTEN,
	KEY_MEMORY,
	KEY_PREALLOC,
	KEY_READERS,
	KEY_SHUFFLE,
};

static const struct argp_option argp_options[] = {
	{ "channels", 'c', "N", 0, "Fill through N channels (1 to 63; 1)", 1 },
	{ "batch", KEY_BATCH, "N", 0, "At most N ranges in one FILL (1 to 4096; 512)", 1 },
	{ "device", KEY_DEVICE, "PATH", 0, "The device (" HUGEPOST_DEVICE ")", 1 },
	{ "memory", KEY_MEMORY, "SIZE", 0,
	  "Refuse a stream that would take more memory, such as 4G (what is available)", 1 },
	{ "prealloc", KEY_PREALLOC, NULL, 0, "Allocate all memory before the load", 1 },
	{ "listen", KEY_LISTEN, NULL, 0,
	  "Wait for a connection on the socket instead of connecting", 1 },
	{ "armed", KEY_ARMED, NULL, 0,
	  "Fill armed objects, as a postcopy does; each page may come once", 2 },
	{ "shuffle", KEY_SHUFFLE, "SEED", OPTION_ARG_OPTIONAL,
	  "With --armed: fill the pages in a random order, repeatable by SEED (1)", 2 },
	{ "readers", KEY_READERS, "N", 0,
	  "With --armed: N threads touch pages ahead of the fill (0 to 256; 1)", 2 },
	{ "check", KEY_CHECK, NULL, 0, "Only parse the stream; no device is opened", 3 },
	{ "compare", KEY_COMPARE, "DUMP", 0, "Compare a block with a file made by pmemsave", 3 },
	{ "block", KEY_BLOCK, "NAME", 0, "The block to compare (the biggest)", 3 },
	{ "compare-skip", KEY_COMPARE_SKIP, "START:END", 0,
	  "Leave the bytes START to END-1 out of the comparison; may be repeated", 3 },
	{ "json", KEY_JSON, NULL, 0, "Report in JSON", 4 },
	{ "quiet", 'q', NULL, 0, "No progress and no report, only errors", 4 },
	{ 0 },
};

static const char argp_doc[] =
	"Load QEMU's migration stream from a file, standard input (-), unix:PATH or "
	"tcp:HOST:PORT into hugepost's memory, and report how it went."
	"\v"
	"Exit status: 0 all went well; 1 the stream is bad, too large, or cannot be read; "
	"2 wrong usage; 3 the device or this host failed; 4 the memory differs from the "
	"dump; 130 interrupted.";

static uint64_t parse_number(struct argp_state *state, const char *what,
			     const char *text, uint64_t min, uint64_t max)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || *end || *text == '-' || value < min || value > max)
		argp_error(state, "%s '%s': expected a number from %" PRIu64 " to %" PRIu64,
			   what, text, min, max);
	return value;
}

static uint64_t parse_memory(struct argp_state *state, const char *text)
{
	uint64_t bytes = 0;

	if (parse_size(text, &bytes) || !bytes)
		argp_error(state, "--memory '%s': expected a number of bytes, not 0, or with a suffix "
			   "K, M, G or T",
			   text);
	return bytes;
}

static void parse_range(struct argp_state *state, struct options *options, const char *text)
{
	struct range *list;
	uint64_t start, end;
	char *copy = strdup(text), *colon = copy ? strchr(copy, ':') : NULL;

	if (!colon)
		argp_error(state, "--compare-skip '%s': expected START:END", text);
	*colon = '\0';
	start = parse_number(state, "--compare-skip", copy, 0, UINT64_MAX);
	end = parse_number(state, "--compare-skip", colon + 1, 0, UINT64_MAX);
	free(copy);
	if (end <= start)
		argp_error(state, "--compare-skip '%s': END must be above START", text);
	list = reallocarray(options->ranges, options->nr_ranges + 1, sizeof(*list));
	if (!list)
		argp_failure(state, EXIT_USAGE, ENOMEM, "--compare-skip");
	list[options->nr_ranges++] = (struct range) { .start = start, .end = end };
	options->ranges = list;
}

/* Options that mean nothing without another one, or against it. */
static void check_options(struct argp_state *state, const struct options *options,
			  bool readers_given)
{
	if (!options->stream)
		argp_error(state, "no stream: name a file, '-', unix:PATH or tcp:HOST:PORT");
	if (!options->armed && (options->shuffle || readers_given))
		argp_error(state, "--shuffle and --readers need --armed");
	if (options->check && options->dump)
		argp_error(state, "--compare needs the device, --check does not use it");
	if (!options->dump && (options->nr_ranges || options->block))
		argp_error(state, "--block and --compare-skip need --compare");
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'c':
		options->channels = parse_number(state, "--channels", arg, 1,
						 HUGEPOST_CHANNELS_MAX - 1);
		break;
	case 'q':
		options->quiet = true;
		break;
	case KEY_ARMED:
		options->armed = true;
		break;
	case KEY_BATCH:
		options->batch = parse_number(state, "--batch", arg, 1, BATCH_MAX);
		break;
	case KEY_BLOCK:
		options->block = arg;
		break;
	case KEY_CHECK:
		options->check = true;
		break;
	case KEY_COMPARE:
		options->dump = arg;
		break;
	case KEY_COMPARE_SKIP:
		parse_range(state, options, arg);
		break;
	case KEY_DEVICE:
		options->device = arg;
		break;
	case KEY_JSON:
		options->json = true;
		break;
	case KEY_LISTEN:
		options->listening = true;
		break;
	case KEY_MEMORY:
		options->memory = parse_memory(state, arg);
		break;
	case KEY_PREALLOC:
		options->prealloc = true;
		break;
	case KEY_READERS:
		options->readers = parse_number(state, "--readers", arg, 0, READERS_MAX);
		break;
	case KEY_SHUFFLE:
		options->shuffle = true;
		if (arg)
			options->seed = parse_number(state, "--shuffle", arg, 0, UINT64_MAX);
		break;
	case ARGP_KEY_ARG:
		if (options->stream)
			argp_error(state, "more than one stream: '%s'", arg);
		options->stream = arg;
		break;
	case ARGP_KEY_END:
		check_options(state, options, options->readers != UINT32_MAX);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static void print_error(const struct options *options, const struct outcome *outcome)
{
	if (outcome->problem[0])
		fprintf(stderr, "%s: %s\n", program_invocation_short_name, outcome->problem);
	else if (outcome->error.text[0])
		fprintf(stderr, "%s: %s: byte %" PRIu64 ": %s\n", program_invocation_short_name,
			options->stream, outcome->error.offset, outcome->error.text);
	else
		return;
	if (outcome->code == EXIT_STREAM && outcome->info.pages)
		fprintf(stderr, "%s: %" PRIu64 " pages came before\n",
			program_invocation_short_name, outcome->info.pages);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		argp_options, parse_option, "STREAM", argp_doc, NULL, NULL, NULL
	};
	struct options options = {
		.channels = 1, .readers = UINT32_MAX, .batch = BATCH_DEFAULT, .seed = 1,
	};
	struct outcome outcome;
	int err = 0;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	if (options.readers == UINT32_MAX)
		options.readers = 1;

	load_run(&options, &outcome);
	print_error(&options, &outcome);
	if (options.json)
		err = report_json(&options, &outcome);
	else if (!options.quiet && (!outcome.code || outcome.code == EXIT_DIFFERS))
		err = report_text(&options, &outcome);
	if (err) {
		fprintf(stderr, "%s: cannot write the report\n", program_invocation_short_name);
		outcome.code = outcome.code ? outcome.code : EXIT_DEVICE;
	}
	load_free(&outcome);
	free(options.ranges);
	return outcome.code;
}
