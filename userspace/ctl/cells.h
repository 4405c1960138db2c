/* SPDX-License-Identifier: GPL-2.0-only */
/* The cells of a map and of a bar: what each of them shows. */
#ifndef CTL_CELLS_H
#define CTL_CELLS_H

#include "canvas.h"
#include "model.h"

enum cell_state {
	CELL_EMPTY,		/* nothing is there */
	CELL_ASSEMBLING,	/* some host page is assembling */
	CELL_HOLES,		/* some host pages are complete, some are empty */
	CELL_ZERO,		/* all are zero */
	CELL_PRESENT,		/* all are complete */
	CELL_NR,
};

/* Characters to draw with: of ASCII, or of UTF-8 where the terminal has it. */
struct glyphs {
	const char *cell[CELL_NR];
	const char *done, *part, *rest;	/* of a bar */
	const char *line, *more;
};

extern const struct glyphs glyphs_ascii, glyphs_utf8;

/* The ones for the locale that is set. */
const struct glyphs *glyphs_of_locale(void);

enum cell_state cell_state(const struct hp_map *map, uint32_t cell);
enum style cell_style(enum cell_state state);
const char *cell_name(enum cell_state state);

#endif /* CTL_CELLS_H */
