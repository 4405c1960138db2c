// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "canvas.h"

#define PRINT_MAX	512

struct canvas {
	int rows, cols;
	struct cell cells[];
};

struct canvas *canvas_new(int rows, int cols)
{
	size_t nr = (size_t)rows * cols, i;
	struct canvas *canvas = malloc(sizeof(*canvas) + nr * sizeof(*canvas->cells));

	if (!canvas)
		return NULL;
	canvas->rows = rows;
	canvas->cols = cols;
	for (i = 0; i < nr; i++)
		canvas->cells[i] = (struct cell) { .glyph = " ", .style = STYLE_PLAIN };
	return canvas;
}

void canvas_free(struct canvas *canvas)
{
	free(canvas);
}

int canvas_rows(const struct canvas *canvas)
{
	return canvas->rows;
}

int canvas_cols(const struct canvas *canvas)
{
	return canvas->cols;
}

const struct cell *canvas_cell(const struct canvas *canvas, int row, int col)
{
	return &canvas->cells[row * canvas->cols + col];
}

void canvas_glyph(struct canvas *canvas, int row, int col, enum style style, const char *glyph)
{
	struct cell *cell;

	if (row < 0 || row >= canvas->rows || col < 0 || col >= canvas->cols)
		return;
	cell = &canvas->cells[row * canvas->cols + col];
	snprintf(cell->glyph, sizeof(cell->glyph), "%s", glyph);
	cell->style = style;
}

int canvas_print(struct canvas *canvas, int row, int col, enum style style, const char *text, ...)
{
	char line[PRINT_MAX];
	va_list args;
	int i;

	va_start(args, text);
	vsnprintf(line, sizeof(line), text, args);
	va_end(args);
	for (i = 0; line[i]; i++)
		canvas_glyph(canvas, row, col + i, style, (char []) { line[i], '\0' });
	return col + i;
}

void canvas_row(struct canvas *canvas, int row, enum style style)
{
	int col;

	if (row < 0 || row >= canvas->rows)
		return;
	for (col = 0; col < canvas->cols; col++)
		canvas->cells[row * canvas->cols + col].style = style;
}
