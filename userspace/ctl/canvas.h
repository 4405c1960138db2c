/* SPDX-License-Identifier: GPL-2.0-only */
/* A screen that is drawn in memory: rows of cells with a character and a style. */
#ifndef CTL_CANVAS_H
#define CTL_CANVAS_H

#include <stdbool.h>

enum style {
	STYLE_PLAIN,
	STYLE_TITLE,
	STYLE_HEADER,
	STYLE_SELECTED,
	STYLE_FAINT,
	STYLE_PRESENT,
	STYLE_ZERO,
	STYLE_ASSEMBLING,
	STYLE_HOLES,
	STYLE_EMPTY,
	STYLE_ALARM,
	STYLE_NR,
};

/* One character, perhaps of several bytes, one column wide. */
struct cell {
	char glyph[5];
	enum style style;
};

struct canvas;

/* All cells are blanks. NULL without memory. */
struct canvas *canvas_new(int rows, int cols);
void canvas_free(struct canvas *canvas);
int canvas_rows(const struct canvas *canvas);
int canvas_cols(const struct canvas *canvas);
const struct cell *canvas_cell(const struct canvas *canvas, int row, int col);

/* What does not fit is cut off. The column behind the text is returned. */
int canvas_print(struct canvas *canvas, int row, int col, enum style style, const char *text, ...)
	__attribute__((format(printf, 5, 6)));
void canvas_glyph(struct canvas *canvas, int row, int col, enum style style, const char *glyph);
/* Gives the whole row a style. */
void canvas_row(struct canvas *canvas, int row, enum style style);

#endif /* CTL_CANVAS_H */
