// SPDX-License-Identifier: GPL-2.0-only
/* hugepostctl top: the objects on a live screen. */
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <time.h>

#include "ctl.h"
#include "screen.h"
#include "term.h"

struct top {
	struct hp_nl *nl;
	struct term *term;
	struct view view;
	struct hp_objects before;	/* the last reading but one */
	const struct glyphs *glyphs;
	uint64_t selected;		/* the object's number, 0 at first */
};

static int read_module(struct top *top)
{
	struct hp_module module;
	int err = hp_nl_module_get(top->nl, &module);

	if (err)
		return err;
	hp_nl_module_free(&top->view.module);
	top->view.module = module;
	return 0;
}

/* Rates are those since the last reading, of which the objects are kept. */
static int read_objects(struct top *top)
{
	struct view *view = &top->view;
	struct hp_objects objects;
	struct rate *rates;
	size_t i;
	int err;

	err = hp_nl_objects_get(top->nl, false, &objects);
	if (err)
		return err;
	rates = reallocarray(view->rates, objects.nr + 1, sizeof(*rates));
	if (!rates) {
		hp_nl_objects_free(&objects);
		return -ENOMEM;
	}
	view->rates = rates;
	hp_nl_objects_free(&top->before);
	top->before = view->objects;
	view->objects = objects;
	for (i = 0; i < objects.nr; i++)
		rates[i] = rate_of(objects_find(&top->before, objects.list[i].id),
				   &objects.list[i]);
	return 0;
}

/* The object keeps the selection; the next one gets it if it is gone. */
static void select_object(struct top *top)
{
	struct view *view = &top->view;
	size_t i;

	for (i = 0; i < view->objects.nr; i++)
		if (view->objects.list[i].id >= top->selected)
			break;
	if (i == view->objects.nr && i)
		i--;
	view->selected = i;
	top->selected = view->objects.nr ? view->objects.list[i].id : 0;
}

/* What only the selected object shows. It may be gone by now: then it is nothing. */
static int read_details(struct top *top)
{
	struct view *view = &top->view;
	int rows, cols, err;

	hp_nl_channels_free(&view->channels);
	hp_nl_map_free(&view->map);
	if (!view->objects.nr)
		return 0;
	err = hp_nl_channels_get(top->nl, top->selected, &view->channels);
	if (err)
		return err == -ENOENT ? 0 : err;
	term_size(top->term, &rows, &cols);
	err = hp_nl_map_get(top->nl, top->selected, screen_map_cells(view, rows, cols), &view->map);
	return err == -ENOENT ? 0 : err;
}

static int read_all(struct top *top)
{
	int err = read_module(top);

	if (!err)
		err = read_objects(top);
	if (err)
		return err;
	select_object(top);
	return read_details(top);
}

static int draw(struct top *top)
{
	struct canvas *canvas;
	int rows, cols;

	term_size(top->term, &rows, &cols);
	canvas = canvas_new(rows, cols);
	if (!canvas)
		return -ENOMEM;
	screen_draw(canvas, &top->view, top->glyphs);
	term_show(top->term, canvas);
	canvas_free(canvas);
	return 0;
}

/* Selects another object; @input is one of those that do. */
static void move(struct top *top, enum term_input input)
{
	struct view *view = &top->view;
	size_t last = view->objects.nr - 1, to = view->selected, page;
	int rows, cols;

	if (!view->objects.nr)
		return;
	term_size(top->term, &rows, &cols);
	page = screen_list_rows(view, rows, cols);
	if (input == TERM_UP)
		to = to ? to - 1 : 0;
	else if (input == TERM_DOWN)
		to++;
	else if (input == TERM_PAGE_UP)
		to = to > page ? to - page : 0;
	else if (input == TERM_PAGE_DOWN)
		to += page;
	else
		to = input == TERM_HOME ? 0 : last;
	view->selected = to < last ? to : last;
	top->selected = view->objects.list[view->selected].id;
}

/* Until the next reading is due at @next. 0: it is; 1: the user wants no more. */
static int serve(struct top *top, uint64_t next)
{
	uint64_t now;
	int input, err;

	while ((now = now_ns(CLOCK_MONOTONIC)) < next) {
		input = term_wait(top->term, (int)((next - now) / 1000000 + 1));
		if (input == TERM_QUIT)
			return 1;
		if (input == TERM_TIME || input == -EAGAIN)
			continue;
		if (input < 0)
			return input;
		if (input != TERM_RESIZED)
			move(top, input);
		err = read_details(top);
		if (!err)
			err = draw(top);
		if (err)
			return err;
	}
	return 0;
}

static int show(struct top *top, uint64_t interval)
{
	uint64_t next = now_ns(CLOCK_MONOTONIC);
	int err;

	do {
		err = read_all(top);
		if (!err)
			err = draw(top);
		next += interval;
		if (!err)
			err = serve(top, next);
	} while (!err);
	return err < 0 ? err : 0;
}

int top_run(struct hp_nl *nl, const struct options *options)
{
	struct top top = { .nl = nl };
	int err;

	setlocale(LC_ALL, "");
	top.glyphs = glyphs_of_locale();
	err = term_open(&top.term);
	if (err)
		return fail(NULL, err, "cannot use the terminal '%s'",
			    getenv("TERM") ? getenv("TERM") : "");
	err = show(&top, options->interval_ns ?: INTERVAL_NS);
	term_close(top.term);

	hp_nl_module_free(&top.view.module);
	hp_nl_objects_free(&top.view.objects);
	hp_nl_objects_free(&top.before);
	hp_nl_channels_free(&top.view.channels);
	hp_nl_map_free(&top.view.map);
	free(top.view.rates);
	return err ? fail(nl, err, "cannot read on") : EXIT_OK;
}
