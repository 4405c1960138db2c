// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stdio.h>

#include "format.h"
#include "screen.h"
#include "table.h"

#define LABEL		7	/* left of the map: where its row begins */
#define CELLS_MAX	4096	/* as many as the module tells of */
#define CELLS_MIN	32	/* not too few, however large an object is */
#define WIDE		110	/* columns from which on there is room for more */
#define BAR_MAX		60

/* How many rows each part has; the title, the headers and so on have one each. */
struct layout {
	int list, map, channels;
};

#define ROWS_FIXED	8	/* title, header, rule, figures 2, legend, header, keys */

static int min_int(int a, int b)
{
	return a < b ? a : b;
}

static int max_int(int a, int b)
{
	return a > b ? a : b;
}

/* At least 1, also on a screen that is too small to show it. */
static int map_cols(int cols)
{
	return max_int(cols - LABEL - 2, 1);
}

/* Rows that the map can use: no cell is less than a host page. */
static int map_rows(const struct view *view, int cols)
{
	uint64_t cells;

	if (!view->objects.nr)
		return 0;
	cells = object_host_pages(&view->objects.list[view->selected]);
	if (cells > CELLS_MAX)
		cells = CELLS_MAX;
	return ((int)cells + map_cols(cols) - 1) / map_cols(cols);
}

/* The map gets what the others do not need, they what it does not need. */
static struct layout lay_out(const struct view *view, int rows, int cols)
{
	int room = max_int(rows - ROWS_FIXED, 3), third = room / 3;
	int objects = (int)view->objects.nr, channels = (int)view->channels.nr;
	struct layout layout;

	layout.map = min_int(room - min_int(objects, third) - min_int(channels, third),
			     map_rows(view, cols));
	layout.channels = min_int(channels, room - min_int(objects, third) - layout.map);
	layout.list = min_int(objects, room - layout.channels - layout.map);
	return layout;
}

int screen_list_rows(const struct view *view, int rows, int cols)
{
	return lay_out(view, rows, cols).list;
}

/* A screen that has no room for a map shows none of it. */
uint32_t screen_map_cells(const struct view *view, int rows, int cols)
{
	int cells = lay_out(view, rows, cols).map * map_cols(cols);

	return max_int(CELLS_MIN, min_int(cells, CELLS_MAX));
}

static void draw_title(struct canvas *canvas, const struct view *view)
{
	const struct hp_module *module = &view->module;
	struct text limit = { "none" };

	if (module->limit != NO_LIMIT)
		limit = format_size(module->limit);
	canvas_row(canvas, 0, STYLE_TITLE);
	canvas_print(canvas, 0, 0, STYLE_TITLE,
		     " hugepost %s: %zu object%s, %s (%s staging), limit %s, "
		     "reserve %s/%s", module->version ? module->version : "",
		     view->objects.nr, view->objects.nr == 1 ? "" : "s",
		     format_size(module->memory).s, format_size(module->staging).s, limit.s,
		     format_size(module->reserve_ready).s, format_size(module->reserve).s);
}

/* Complete host pages, then target pages that are there, then what is missing. */
static void draw_bar(struct canvas *canvas, int row, int col, int width,
		     const struct hp_object *object, const struct glyphs *glyphs)
{
	int done = percent(object_complete(object), object_host_pages(object)) * width / 100;
	int part = percent(object_arrived(object), object_target_pages(object)) * width / 100;
	int i;

	for (i = 0; i < width; i++) {
		if (i < done)
			canvas_glyph(canvas, row, col + i, STYLE_PRESENT, glyphs->done);
		else if (i < part)
			canvas_glyph(canvas, row, col + i, STYLE_ASSEMBLING, glyphs->part);
		else
			canvas_glyph(canvas, row, col + i, STYLE_EMPTY, glyphs->rest);
	}
}

static void draw_list_header(struct canvas *canvas, int row, bool wide, int bar)
{
	char text[160];

	if (wide)
		snprintf(text, sizeof(text), " %5s %7s %-15s %-7s %5s %-*s %4s", "ID", "PID",
			 "COMMAND", "MODE", "SIZE", bar, "PROGRESS", "");
	else
		snprintf(text, sizeof(text), " %5s %-12s %-7s %5s %-*s %4s", "ID", "COMMAND",
			 "MODE", "SIZE", bar, "PROGRESS", "");
	canvas_row(canvas, row, STYLE_HEADER);
	canvas_print(canvas, row, 0, STYLE_HEADER, "%s %7s %6s %7s %5s", text, "RATE", "ETA",
		     "WAITS/s", "WAITS");
}

static void draw_object(struct canvas *canvas, int row, const struct view *view, size_t i,
			bool wide, int bar, const struct glyphs *glyphs)
{
	const struct hp_object *o = &view->objects.list[i];
	const struct rate *rate = &view->rates[i];
	const char *command = o->command ? o->command : "(gone)";
	enum style style = i == view->selected ? STYLE_SELECTED :
			   o->mode == HUGEPOST_MODE_LOST ? STYLE_ALARM : STYLE_PLAIN;
	struct text rest = { "-" };
	int col;

	if (rate->rest_ns != REST_UNKNOWN && rate->rest_ns)
		rest = format_duration(rate->rest_ns);
	canvas_row(canvas, row, style);
	col = canvas_print(canvas, row, 1, style, "%5" PRIu64 " ", o->id);
	if (i == view->selected)
		canvas_glyph(canvas, row, 0, style, glyphs->more);
	if (wide)
		col = canvas_print(canvas, row, col, style, "%7u %-15.15s ", o->pid, command);
	else
		col = canvas_print(canvas, row, col, style, "%-12.12s ", command);
	col = canvas_print(canvas, row, col, style, "%-7s %5s ", mode_name(o->mode),
			   format_size(o->length).s);
	draw_bar(canvas, row, col, bar, o, glyphs);
	canvas_print(canvas, row, col + bar, style, " %4s %7s %6s %7s %5s",
		     format_percent(object_arrived(o), object_target_pages(o)).s,
		     format_rate(rate->bytes).s, rest.s, format_per_second(rate->waits).s,
		     format_count(o->waits).s);
}

/* The selected object stays in sight. */
static int draw_list(struct canvas *canvas, int row, const struct view *view, int rows,
		     const struct glyphs *glyphs)
{
	bool wide = canvas_cols(canvas) >= WIDE;
	/* What draw_object() prints besides the bar. */
	int bar = min_int(canvas_cols(canvas) - (wide ? 79 : 68), BAR_MAX);
	size_t first = view->selected < (size_t)rows ? 0 : view->selected - rows + 1;
	int i;

	draw_list_header(canvas, row++, wide, bar);
	for (i = 0; i < rows; i++)
		draw_object(canvas, row++, view, first + i, wide, bar, glyphs);
	return row;
}

static int draw_figures(struct canvas *canvas, int row, const struct hp_object *o,
			const struct glyphs *glyphs)
{
	int col;

	for (col = 0; col < canvas_cols(canvas); col++)
		canvas_glyph(canvas, row, col, STYLE_FAINT, glyphs->line);
	canvas_print(canvas, row++, 2, STYLE_HEADER, " object %" PRIu64 ": %s (%u), %s for %s ",
		     o->id, o->command ? o->command : "(gone)", o->pid, mode_name(o->mode),
		     format_duration(o->time - o->mode_since).s);
	canvas_print(canvas, row++, 1, STYLE_PLAIN,
		     "host pages %" PRIu64 ": %" PRIu64 " present, %" PRIu64 " zero, %" PRIu64
		     " assembling, %" PRIu64 " empty", object_host_pages(o), o->present, o->zero,
		     o->assembling, o->empty);
	canvas_print(canvas, row++, 1, STYLE_PLAIN,
		     "memory %s (staging %s)  faults %s  events %s  zero fills %s  cgroup %s",
		     format_size(o->memory).s, format_size(o->staging).s,
		     format_count(o->faults).s, format_count(o->events).s,
		     format_count(o->zero_fills).s, o->cgroup ? o->cgroup : "-");
	return row;
}

static int draw_map(struct canvas *canvas, int row, const struct view *view, int rows,
		    const struct glyphs *glyphs)
{
	const struct hp_map *map = &view->map;
	uint64_t bytes = map->host_pages_per_cell *
			 view->objects.list[view->selected].host_page;
	int cols = map_cols(canvas_cols(canvas)), col;
	enum cell_state state;
	uint32_t cell;

	rows = min_int(rows, ((int)map->cells + cols - 1) / cols);
	for (cell = 0; cell < map->cells && (int)cell / cols < rows; cell++) {
		state = cell_state(map, cell);
		if (cell % cols == 0)
			canvas_print(canvas, row + (int)cell / cols, 0, STYLE_FAINT, "%*s",
				     LABEL, format_size(cell * bytes).s);
		canvas_glyph(canvas, row + (int)cell / cols, LABEL + 1 + (int)cell % cols,
			     cell_style(state), glyphs->cell[state]);
	}
	row += rows;
	col = canvas_print(canvas, row, 1, STYLE_FAINT, "%s a cell:", format_size(bytes).s);
	for (state = CELL_NR; state-- > 0;) {
		canvas_glyph(canvas, row, col + 1, cell_style(state), glyphs->cell[state]);
		col = canvas_print(canvas, row, col + 3, STYLE_FAINT, "%s", cell_name(state));
	}
	return row + 1;
}

static void draw_channels(struct canvas *canvas, int row, const struct view *view, int rows)
{
	int i;

	canvas_row(canvas, row, STYLE_HEADER);
	canvas_print(canvas, row++, 1, STYLE_HEADER, "%s", channel_header(false).s);
	for (i = 0; i < rows; i++) {
		const struct hp_channel *channel = &view->channels.list[i];

		canvas_print(canvas, row++, 1, channel->busy ? STYLE_PLAIN : STYLE_FAINT, "%s",
			     channel_line(channel, NULL).s);
	}
}

static void draw_keys(struct canvas *canvas, const struct view *view, int hidden)
{
	int row = canvas_rows(canvas) - 1;

	canvas_row(canvas, row, STYLE_TITLE);
	if (view->error)
		canvas_print(canvas, row, 0, STYLE_ALARM, " %s", view->error);
	else if (hidden > 0)
		canvas_print(canvas, row, 0, STYLE_TITLE,
			     " Up, Down: select an object (%d more)   q: quit", hidden);
	else
		canvas_print(canvas, row, 0, STYLE_TITLE,
			     " Up, Down: select an object   q: quit");
}

void screen_draw(struct canvas *canvas, const struct view *view, const struct glyphs *glyphs)
{
	struct layout layout;
	int row;

	if (canvas_rows(canvas) < SCREEN_ROWS_MIN || canvas_cols(canvas) < SCREEN_COLS_MIN) {
		canvas_print(canvas, 0, 0, STYLE_ALARM, "%d columns and %d rows needed",
			     SCREEN_COLS_MIN, SCREEN_ROWS_MIN);
		return;
	}
	layout = lay_out(view, canvas_rows(canvas), canvas_cols(canvas));
	draw_title(canvas, view);
	row = draw_list(canvas, 1, view, layout.list, glyphs);
	if (view->objects.nr) {
		row = draw_figures(canvas, row, &view->objects.list[view->selected], glyphs);
		row = draw_map(canvas, row, view, layout.map, glyphs);
		draw_channels(canvas, row, view, layout.channels);
	} else {
		canvas_print(canvas, row + 1, 1, STYLE_FAINT, "No object is set up.");
	}
	draw_keys(canvas, view, (int)view->objects.nr - layout.list);
}
