// SPDX-License-Identifier: GPL-2.0-only
#include <langinfo.h>
#include <string.h>

#include "cells.h"

const struct glyphs glyphs_ascii = {
	.cell = {
		[CELL_EMPTY] = ".",
		[CELL_ASSEMBLING] = "+",
		[CELL_HOLES] = "o",
		[CELL_ZERO] = "0",
		[CELL_PRESENT] = "#",
	},
	.done = "#", .part = "+", .rest = ".",
	.line = "-", .more = ">",
};

const struct glyphs glyphs_utf8 = {
	.cell = {
		[CELL_EMPTY] = "\u00b7",
		[CELL_ASSEMBLING] = "\u2592",
		[CELL_HOLES] = "\u259a",
		[CELL_ZERO] = "0",
		[CELL_PRESENT] = "\u2588",
	},
	.done = "\u2588", .part = "\u2592", .rest = "\u00b7",
	.line = "\u2500", .more = "\u25b6",
};

const struct glyphs *glyphs_of_locale(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") ? &glyphs_ascii : &glyphs_utf8;
}

/* The last cell may stand for fewer host pages than the others. */
static uint64_t host_pages(const struct hp_map *map, uint32_t cell)
{
	uint64_t start = cell * map->host_pages_per_cell, left;

	left = map->host_pages > start ? map->host_pages - start : 0;
	return left < map->host_pages_per_cell ? left : map->host_pages_per_cell;
}

enum cell_state cell_state(const struct hp_map *map, uint32_t cell)
{
	uint64_t total = host_pages(map, cell);
	uint64_t complete = (uint64_t)map->present[cell] + map->zero[cell];

	if (map->assembling[cell])
		return CELL_ASSEMBLING;
	if (!complete)
		return CELL_EMPTY;
	if (complete < total)
		return CELL_HOLES;
	return map->zero[cell] == complete ? CELL_ZERO : CELL_PRESENT;
}

enum style cell_style(enum cell_state state)
{
	static const enum style styles[] = {
		[CELL_EMPTY] = STYLE_EMPTY,
		[CELL_ASSEMBLING] = STYLE_ASSEMBLING,
		[CELL_HOLES] = STYLE_HOLES,
		[CELL_ZERO] = STYLE_ZERO,
		[CELL_PRESENT] = STYLE_PRESENT,
	};

	return styles[state];
}

const char *cell_name(enum cell_state state)
{
	static const char *const names[] = {
		[CELL_EMPTY] = "empty",
		[CELL_ASSEMBLING] = "assembling",
		[CELL_HOLES] = "partly empty",
		[CELL_ZERO] = "zero",
		[CELL_PRESENT] = "complete",
	};

	return names[state];
}
