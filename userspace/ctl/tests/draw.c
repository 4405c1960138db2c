// SPDX-License-Identifier: GPL-2.0-only
/*
 * draw ROWS COLS OBJECTS SELECTED [utf8]: prints top's screen, drawn from data
 * that are always the same, as text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "screen.h"

#define HOST_PAGE	(2ULL << 20)
#define NS		1000000000ULL
#define OBJECTS_MAX	16

static void make_object(struct hp_object *o, struct rate *rate, uint64_t id)
{
	static char *const names[] = { "qemu-system-x86", "hugepost-stream", NULL };
	uint64_t host_pages = 1024 * id;

	*o = (struct hp_object) {
		.id = id, .pid = 4000 + 7 * id, .command = names[id % 3],
		.cgroup = "/machine.slice/guest", .time = 1000 * NS, .created = 900 * NS,
		.mode_since = (1000 - 31 * id) * NS, .mode = (id + 1) % 3, .channels = 4,
		.length = host_pages * HOST_PAGE, .host_page = HOST_PAGE, .target_page = 4096,
		.present = host_pages / 2, .zero = host_pages / 8, .assembling = host_pages / 8,
		.filled = host_pages * 352, .memory = host_pages / 2 * HOST_PAGE,
		.staging = 4 * HOST_PAGE, .faults = 12345 * id, .waits = 321 * id,
		.events = 300 * id,
	};
	o->empty = host_pages - o->present - o->zero - o->assembling;
	*rate = (struct rate) {
		.bytes = 117e6 * id, .pages = 28564, .waits = 0.7 * id * id,
		.rest_ns = id == 3 ? REST_UNKNOWN : id * id * 9 * NS,
	};
}

/* Each quarter of the object, and its end, is in another state. */
static int make_map(struct hp_map *map, const struct hp_object *o, uint32_t cells)
{
	uint64_t total = o->length / o->host_page, per_cell = (total + cells - 1) / cells;
	uint32_t cell;

	*map = (struct hp_map) {
		.object = o->id, .host_pages = total, .host_pages_per_cell = per_cell,
		.cells = (total + per_cell - 1) / per_cell,
	};
	map->assembling = calloc(3 * map->cells, sizeof(*map->assembling));
	if (!map->assembling)
		return -1;
	map->present = map->assembling + map->cells;
	map->zero = map->present + map->cells;
	for (cell = 0; cell < map->cells; cell++) {
		if (cell < map->cells / 2)
			map->present[cell] = per_cell - (per_cell > 1 && cell % 7 == 3);
		else if (cell < map->cells * 5 / 8)
			map->zero[cell] = per_cell;
		else if (cell < map->cells * 6 / 8)
			map->assembling[cell] = cell % 3;
		else if (cell == map->cells - 1)
			map->present[cell] = total - cell * per_cell;
	}
	return 0;
}

static void print(const struct canvas *canvas)
{
	char line[4096];
	int row, col;
	size_t len;

	for (row = 0; row < canvas_rows(canvas); row++) {
		line[0] = '\0';
		for (col = 0; col < canvas_cols(canvas); col++)
			strcat(line, canvas_cell(canvas, row, col)->glyph);
		for (len = strlen(line); len && line[len - 1] == ' '; len--)
			line[len - 1] = '\0';
		puts(line);
	}
}

int main(int argc, char **argv)
{
	static struct hp_object objects[OBJECTS_MAX];
	static struct rate rates[OBJECTS_MAX];
	static struct hp_channel channels[] = {
		{ .index = 0, .host_page = 514 * HOST_PAGE, .host_page_filled = 17, .busy = 1,
		  .pages = 123456, .zero_pages = 2048, .bytes = 497287168 },
		{ .index = 1, .host_page = 3 * HOST_PAGE, .host_page_filled = 511,
		  .pages = 98304, .bytes = 402653184, .duplicates = 12, .replaced = 3 },
		{ .index = 2, .host_page = HUGEPOST_NO_PAGE, .resets = 1 },
	};
	char version[] = "0.1.0";
	struct view view = {
		.module = {
			.version = version, .memory = 5ULL << 30, .staging = 24 << 20,
			.limit = NO_LIMIT, .reserve = 2ULL << 30, .reserve_ready = 1ULL << 30,
		},
		.objects = { .list = objects },
		.rates = rates,
		.channels = { .list = channels, .nr = 3 },
	};
	struct canvas *canvas;
	int rows, cols;
	size_t i;

	if (argc < 5)
		return 2;
	rows = atoi(argv[1]);
	cols = atoi(argv[2]);
	view.objects.nr = atoi(argv[3]) < OBJECTS_MAX ? atoi(argv[3]) : OBJECTS_MAX;
	view.selected = atoi(argv[4]);
	for (i = 0; i < view.objects.nr; i++)
		make_object(&objects[i], &rates[i], i + 1);
	canvas = canvas_new(rows, cols);
	if (!canvas)
		return 1;
	if (view.objects.nr && make_map(&view.map, &objects[view.selected],
					screen_map_cells(&view, rows, cols)))
		return 1;
	screen_draw(canvas, &view, argc > 5 ? &glyphs_utf8 : &glyphs_ascii);
	print(canvas);
	free(view.map.assembling);
	canvas_free(canvas);
	return 0;
}
