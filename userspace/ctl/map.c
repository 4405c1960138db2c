// SPDX-License-Identifier: GPL-2.0-only
/* hugepostctl map: where an object's memory is, as text. */
#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cells.h"
#include "ctl.h"
#include "format.h"
#include "json.h"

#define ROWS		16
#define COLS_NO_TTY	64
#define LABEL		8
#define CELLS_MAX	4096	/* more than the module tells at once is not asked for */

/* Colours of the cells, as terminals have had them since ECMA-48. */
static const char *const colours[CELL_NR] = {
	[CELL_EMPTY] = "\033[2m",
	[CELL_ASSEMBLING] = "\033[33m",
	[CELL_HOLES] = "\033[35m",
	[CELL_ZERO] = "\033[36m",
	[CELL_PRESENT] = "\033[32m",
};

static bool coloured(void)
{
	const char *no = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && !(no && *no);
}

static uint32_t columns(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) ||
	    size.ws_col <= 2 * LABEL)
		return COLS_NO_TTY;
	return size.ws_col - LABEL;
}

static int print_json(const struct hp_map *map)
{
	struct json_object *object = json_of(&map_fields, map);

	json_put_u32s(object, "assembling", map->assembling, map->cells);
	json_put_u32s(object, "present", map->present, map->cells);
	json_put_u32s(object, "zero", map->zero, map->cells);
	return json_print(object);
}

static void print_cell(const struct glyphs *glyphs, enum cell_state state, bool colour)
{
	printf("%s%s%s", colour ? colours[state] : "", glyphs->cell[state],
	       colour ? "\033[0m" : "");
}

static int print_text(const struct hp_map *map, uint64_t host_page, uint32_t cols)
{
	const struct glyphs *glyphs;
	bool colour = coloured();
	enum cell_state state;
	uint32_t cell;

	setlocale(LC_CTYPE, "");
	glyphs = glyphs_of_locale();
	for (cell = 0; cell < map->cells; cell++) {
		if (cell % cols == 0)
			printf("%*s ", LABEL - 1,
			       format_size(cell * map->host_pages_per_cell * host_page).s);
		print_cell(glyphs, cell_state(map, cell), colour);
		if (cell % cols == cols - 1 || cell == map->cells - 1)
			putchar('\n');
	}
	printf("%" PRIu64 " host page%s a cell:", map->host_pages_per_cell,
	       map->host_pages_per_cell == 1 ? "" : "s");
	for (state = CELL_NR; state-- > 0;) {
		putchar(' ');
		print_cell(glyphs, state, colour);
		printf(" %s", cell_name(state));
	}
	putchar('\n');
	return end_of_output();
}

int map_run(struct hp_nl *nl, const struct options *options)
{
	uint32_t cols = columns(), cells = options->cells;
	struct hp_object object;
	struct hp_map map;
	int err, code;

	if (!cells)
		cells = ROWS * cols < CELLS_MAX ? ROWS * cols : CELLS_MAX;
	err = hp_nl_object_get(nl, options->id, &object);
	if (err)
		return fail(nl, err, "object %" PRIu64, options->id);
	err = hp_nl_map_get(nl, options->id, cells, &map);
	if (err)
		code = fail(nl, err, "map of object %" PRIu64, options->id);
	else if (options->json)
		code = print_json(&map);
	else
		code = print_text(&map, object.host_page, cols);
	hp_nl_map_free(&map);
	hp_nl_object_free(&object);
	return code;
}
