// SPDX-License-Identifier: GPL-2.0-only
/* hugepostctl: looks at the hugepost module, and changes its settings. */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/size.h"
#include "ctl.h"
#include "format.h"

#define PROGRAM		"hugepostctl"
#define NS		1000000000ULL
#define INTERVAL_MIN	(NS / 10)
#define INTERVAL_MAX	(86400 * NS)

const char *argp_program_version = PROGRAM " " HUGEPOST_VERSION;
error_t argp_err_exit_status = EXIT_USAGE;

enum {
	KEY_ALL = 0x100,
	KEY_ARMED,
	KEY_CELLS,
	KEY_COMPLETE,
	KEY_COUNT,
	KEY_FORMAT,
	KEY_INTERVAL,
	KEY_JSON,
	KEY_OUTPUT,
	KEY_TIMEOUT,
};

#define OPTION_JSON { "json", KEY_JSON, NULL, 0, "Print JSON, sizes in bytes", 9 }
#define OPTION_JSON_LINES \
	{ "json", KEY_JSON, NULL, 0, "Print JSON, one object a line, sizes in bytes", 9 }
#define OPTION_INTERVAL \
	{ "interval", KEY_INTERVAL, "SEC", 0, "Seconds between two readings (0.1 to 86400; 1)", 1 }

static const struct argp_option json_options[] = {
	OPTION_JSON,
	{ 0 }
};

static const struct argp_option list_options[] = {
	{ "all", KEY_ALL, NULL, 0, "Also objects that are not set up yet", 1 },
	OPTION_JSON,
	{ 0 }
};

static const struct argp_option map_options[] = {
	{ "cells", KEY_CELLS, "N", 0, "Divide the object into N cells at most (as fits; "
	  "4096 at most)", 1 },
	OPTION_JSON,
	{ 0 }
};

static const struct argp_option channels_options[] = {
	{ "interval", KEY_INTERVAL, "SEC", 0,
	  "Read twice, after so many seconds, and print rates, too", 1 },
	OPTION_JSON,
	{ 0 }
};

static const struct argp_option monitor_options[] = {
	OPTION_JSON_LINES,
	{ 0 }
};

static const struct argp_option stats_options[] = {
	OPTION_INTERVAL,
	{ "count", KEY_COUNT, "N", 0, "Print N lines (no end)", 1 },
	OPTION_JSON_LINES,
	{ 0 }
};

static const struct argp_option metrics_options[] = {
	{ "format", KEY_FORMAT, "NAME", 0, "openmetrics, or prometheus: its older format, for "
	  "node_exporter's textfile collector (openmetrics)", 1 },
	{ "output", KEY_OUTPUT, "FILE", 0, "Replace FILE, in one step", 1 },
	{ 0 }
};

static const struct argp_option top_options[] = {
	OPTION_INTERVAL,
	{ 0 }
};

static const struct argp_option wait_options[] = {
	{ "armed", KEY_ARMED, NULL, 0, "Until missing pages are waited for", 1 },
	{ "complete", KEY_COMPLETE, NULL, 0, "Until all host pages are complete", 1 },
	{ "timeout", KEY_TIMEOUT, "SEC", 0, "Give up after SEC seconds (never)", 1 },
	OPTION_JSON,
	{ 0 }
};

/* What comes behind a command's name. */
enum words {
	WORDS_NONE,
	WORDS_ID,
	WORDS_SIZE,		/* get, or set SIZE */
	WORDS_SIZE_OR_NONE,
	WORDS_PERCENT,
};

struct command {
	const char *name;
	int (*run)(struct hp_nl *nl, const struct options *options);
	const struct argp_option *options;
	enum words words;
	bool screen;		/* needs a terminal */
	const char *doc;
};

static const struct command commands[] = {
	{ "list", list_run, list_options, WORDS_NONE, false,
	  "List the memory objects." },
	{ "show", show_run, json_options, WORDS_ID, false,
	  "Show all that is known of an object." },
	{ "channels", channels_run, channels_options, WORDS_ID, false,
	  "List the channels of an object." },
	{ "map", map_run, map_options, WORDS_ID, false,
	  "Draw where the memory of an object is." },
	{ "monitor", monitor_run, monitor_options, WORDS_NONE, false,
	  "Print what happens to the objects, until interrupted. What they are at the start "
	  "comes first, and again wherever messages were lost." },
	{ "top", top_run, top_options, WORDS_NONE, true,
	  "Show the objects live. Keys: arrows, PgUp, PgDn, Home, End select an object; "
	  "q quits." },
	{ "stats", stats_run, stats_options, WORDS_NONE, false,
	  "Print the rates of all objects together, a line an interval." },
	{ "metrics", metrics_run, metrics_options, WORDS_NONE, false,
	  "Print all figures for a monitoring system." },
	{ "wait", wait_run, wait_options, WORDS_ID, false,
	  "Wait until an object is armed, or complete, or both." },
	{ "trim", trim_run, json_options, WORDS_ID, false,
	  "Give back memory of an object that holds nothing but zeros." },
	{ "reserve", reserve_run, json_options, WORDS_SIZE, false,
	  "Print or set how much memory is kept ready for objects." },
	{ "limit", limit_run, json_options, WORDS_SIZE_OR_NONE, false,
	  "Print or set how much memory all objects and the reserve may hold." },
	{ "step", step_run, json_options, WORDS_PERCENT, false,
	  "Print or set the step between two progress events, in per cent." },
};

#define NR_COMMANDS	(sizeof(commands) / sizeof(*commands))

#define EXIT_DOC \
	"\vExit status: 0 all went well; 1 it failed; 2 wrong usage; 3 the module is not " \
	"loaded; 4 no permission; 5 no such object; 6 the time is up."

/* One command and its arguments, while they are parsed. */
struct parser {
	const struct command *command;
	struct options options;
	bool given;		/* the ID, or what to do with the setting */
	bool valued;
};

static void parse_id(struct argp_state *state, struct options *options, const char *text)
{
	if (parse_number(text, &options->id) || !options->id)
		argp_error(state, "'%s' is no object's ID: expected a number above 0, see '"
			   PROGRAM " list'", text);
}

static void parse_value(struct argp_state *state, struct parser *parser, const char *text)
{
	struct options *options = &parser->options;
	enum words words = parser->command->words;

	if (words == WORDS_PERCENT) {
		if (parse_number(text, &options->value) || options->value > UINT32_MAX)
			argp_error(state, "'%s' is no per cent: expected a number", text);
		return;
	}
	if (words == WORDS_SIZE_OR_NONE && !strcmp(text, "none")) {
		options->value = NO_LIMIT;
		return;
	}
	if (parse_size(text, &options->value))
		argp_error(state, "'%s' is no size: expected a number of bytes, or with a suffix "
			   "K, M, G or T%s", text,
			   words == WORDS_SIZE_OR_NONE ? ", or 'none'" : "");
}

static void parse_word(struct argp_state *state, struct parser *parser, const char *word)
{
	if (parser->command->words == WORDS_ID && !parser->given) {
		parse_id(state, &parser->options, word);
	} else if (parser->command->words > WORDS_ID && !parser->given) {
		if (strcmp(word, "get") && strcmp(word, "set"))
			argp_error(state, "'%s': expected get or set", word);
		parser->options.set = !strcmp(word, "set");
	} else if (parser->options.set && !parser->valued) {
		parse_value(state, parser, word);
		parser->valued = true;
	} else {
		argp_error(state, "too many arguments: '%s'", word);
	}
	parser->given = true;
}

static void check_words(struct argp_state *state, const struct parser *parser)
{
	const struct options *options = &parser->options;

	if (parser->command->words == WORDS_ID && !parser->given)
		argp_error(state, "no object: name its ID, see '" PROGRAM " list'");
	if (parser->command->words > WORDS_ID && !parser->given)
		argp_error(state, "expected get or set");
	if (options->set && !parser->valued)
		argp_error(state, "set to what?");
	if (parser->command->options == wait_options && !options->armed && !options->complete)
		argp_error(state, "wait for what? Give --armed or --complete");
}

static void parse_interval(struct argp_state *state, struct options *options, const char *text)
{
	if (parse_seconds(text, &options->interval_ns) || options->interval_ns < INTERVAL_MIN ||
	    options->interval_ns > INTERVAL_MAX)
		argp_error(state, "--interval '%s': expected seconds, 0.1 to 86400", text);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct parser *parser = state->input;
	struct options *options = &parser->options;
	uint64_t number;

	switch (key) {
	case KEY_ALL:
		options->all = true;
		break;
	case KEY_ARMED:
		options->armed = true;
		break;
	case KEY_CELLS:
		if (parse_number(arg, &number) || !number || number > UINT32_MAX)
			argp_error(state, "--cells '%s': expected a number above 0", arg);
		options->cells = number;
		break;
	case KEY_COMPLETE:
		options->complete = true;
		break;
	case KEY_COUNT:
		if (parse_number(arg, &options->count) || !options->count)
			argp_error(state, "--count '%s': expected a number above 0", arg);
		break;
	case KEY_FORMAT:
		if (strcmp(arg, "openmetrics") && strcmp(arg, "prometheus"))
			argp_error(state, "--format '%s': expected openmetrics or prometheus", arg);
		options->format = *arg == 'p' ? METRICS_PROMETHEUS : METRICS_OPEN;
		break;
	case KEY_INTERVAL:
		parse_interval(state, options, arg);
		break;
	case KEY_JSON:
		options->json = true;
		break;
	case KEY_OUTPUT:
		options->output = arg;
		break;
	case KEY_TIMEOUT:
		if (parse_seconds(arg, &options->timeout_ns))
			argp_error(state, "--timeout '%s': expected seconds", arg);
		break;
	case ARGP_KEY_ARG:
		parse_word(state, parser, arg);
		break;
	case ARGP_KEY_END:
		check_words(state, parser);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const char *words_doc(enum words words)
{
	static const char *const docs[] = {
		[WORDS_NONE] = NULL,
		[WORDS_ID] = "ID",
		[WORDS_SIZE] = "get\nset SIZE",
		[WORDS_SIZE_OR_NONE] = "get\nset SIZE|none",
		[WORDS_PERCENT] = "get\nset PERCENT",
	};

	return docs[words];
}

static int run(const struct command *command, const struct options *options)
{
	struct hp_nl *nl;
	int err, code;

	if (command->screen && !(isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))) {
		fprintf(stderr, PROGRAM ": %s needs a terminal: use '" PROGRAM " list' or '"
			PROGRAM " stats'\n", command->name);
		return EXIT_ERROR;
	}
	err = hp_nl_open(&nl);
	code = err ? fail(nl, err, "cannot speak to hugepost") : command->run(nl, options);
	hp_nl_close(nl);
	return code;
}

/* The list of all commands, each with the first sentence of its documentation. */
static char *all_docs(void)
{
	size_t size = 0, i;
	char *docs = NULL;
	FILE *file = open_memstream(&docs, &size);

	if (!file)
		return NULL;
	fputs("Look at the hugepost module's memory objects, and change its settings.\n\n"
	      "Commands:\n", file);
	for (i = 0; i < NR_COMMANDS; i++)
		fprintf(file, "  %-10s%.*s\n", commands[i].name,
			(int)strcspn(commands[i].doc, "."), commands[i].doc);
	fputs("\n'" PROGRAM " COMMAND --help' lists the options of a command." EXIT_DOC, file);
	return fclose(file) ? NULL : docs;
}

/* The command's place in argv, and whether --json came before it. */
struct start {
	int command;
	bool json;
};

static error_t parse_start(int key, char *arg, struct argp_state *state)
{
	struct start *start = state->input;

	(void)arg;
	switch (key) {
	case KEY_JSON:
		start->json = true;
		break;
	case ARGP_KEY_ARG:
		start->command = state->next - 1;
		state->next = state->argc;
		break;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "no command");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < NR_COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	fprintf(stderr, PROGRAM ": no command '%s': see '" PROGRAM " --help'\n", name);
	exit(EXIT_USAGE);
}

int main(int argc, char **argv)
{
	struct argp all = { json_options, parse_start, "COMMAND [ARGUMENT...]", NULL, NULL, NULL,
			    NULL };
	struct argp one = { .parser = parse_option };
	struct parser parser = {
		.options = { .timeout_ns = TIMEOUT_NONE },
	};
	struct start start = { 0 };
	char name[64], doc[512], *docs = all_docs();

	all.doc = docs;
	argp_parse(&all, argc, argv, ARGP_IN_ORDER, NULL, &start);
	free(docs);

	parser.command = find_command(argv[start.command]);
	parser.options.json = start.json;
	one.options = parser.command->options;
	one.args_doc = words_doc(parser.command->words);
	snprintf(doc, sizeof(doc), "%s" EXIT_DOC, parser.command->doc);
	one.doc = doc;
	snprintf(name, sizeof(name), PROGRAM " %s", parser.command->name);
	argv[start.command] = name;
	argp_parse(&one, argc - start.command, argv + start.command, 0, NULL, &parser);
	return run(parser.command, &parser.options);
}
