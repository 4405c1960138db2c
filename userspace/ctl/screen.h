/* SPDX-License-Identifier: GPL-2.0-only */
/* What top shows, drawn from data alone: no terminal, no clock, no module. */
#ifndef CTL_SCREEN_H
#define CTL_SCREEN_H

#include "canvas.h"
#include "cells.h"
#include "rate.h"

/* One picture's data. @rates has an element for each of @objects. */
struct view {
	struct hp_module module;
	struct hp_objects objects;
	struct rate *rates;
	size_t selected;		/* in @objects */
	struct hp_channels channels;	/* of the selected one, as is the map */
	struct hp_map map;
	const char *error;		/* shown in the last row, or NULL */
};

/* Too small a screen shows only that it is. */
#define SCREEN_ROWS_MIN	12
#define SCREEN_COLS_MIN	72

/* Cells of the map to ask for, as many as there is room for on a screen of this size. */
uint32_t screen_map_cells(const struct view *view, int rows, int cols);

/* How many objects are shown at once. */
int screen_list_rows(const struct view *view, int rows, int cols);

void screen_draw(struct canvas *canvas, const struct view *view, const struct glyphs *glyphs);

#endif /* CTL_SCREEN_H */
