// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <ncurses.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "../common/signals.h"
#include "term.h"

#define ESCAPE_MS	25	/* between the bytes of one key */

struct term {
	SCREEN *screen;
	int signals;		/* a signalfd */
	sigset_t mask;		/* what was blocked before */
	int ended_by;		/* a signal, or 0 */
};

/* All waiting is done in term_wait(): no signal comes at another time. */
static int take_signals(struct term *term)
{
	sigset_t set;

	sigemptyset(&set);
	add_unless_ignored(&set, SIGINT);
	add_unless_ignored(&set, SIGTERM);
	add_unless_ignored(&set, SIGHUP);
	add_unless_ignored(&set, SIGQUIT);
	sigaddset(&set, SIGWINCH);
	if (sigprocmask(SIG_BLOCK, &set, &term->mask))
		return -errno;
	term->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return term->signals < 0 ? -errno : 0;
}

static void set_colours(void)
{
	static const struct {
		enum style style;
		short colour;
	} colours[] = {
		{ STYLE_PRESENT, COLOR_GREEN },
		{ STYLE_ZERO, COLOR_CYAN },
		{ STYLE_ASSEMBLING, COLOR_YELLOW },
		{ STYLE_HOLES, COLOR_MAGENTA },
		{ STYLE_ALARM, COLOR_RED },
	};
	const char *no = getenv("NO_COLOR");
	size_t i;

	if ((no && *no) || !has_colors() || start_color() == ERR)
		return;
	use_default_colors();
	for (i = 0; i < sizeof(colours) / sizeof(*colours); i++)
		init_pair(colours[i].style, colours[i].colour, -1);
}

static attr_t attributes(enum style style)
{
	switch (style) {
	case STYLE_TITLE:
	case STYLE_SELECTED:
		return A_REVERSE;
	case STYLE_HEADER:
		return A_BOLD;
	case STYLE_FAINT:
	case STYLE_EMPTY:
		return A_DIM;
	case STYLE_ALARM:
		return A_BOLD | COLOR_PAIR(style);
	case STYLE_PRESENT:
	case STYLE_ZERO:
	case STYLE_ASSEMBLING:
	case STYLE_HOLES:
		return COLOR_PAIR(style);
	default:
		return A_NORMAL;
	}
}

int term_open(struct term **out)
{
	struct term *term = calloc(1, sizeof(*term));
	int err;

	if (!term)
		return -ENOMEM;
	err = take_signals(term);
	if (err) {
		free(term);
		return err;
	}
	term->screen = newterm(NULL, stdout, stdin);
	if (!term->screen) {
		term_close(term);
		return -ENOTTY;
	}
	set_term(term->screen);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(ESCAPE_MS);
	curs_set(0);
	set_colours();
	*out = term;
	return 0;
}

void term_close(struct term *term)
{
	int ended_by = term->ended_by;

	if (term->screen) {
		endwin();
		delscreen(term->screen);
	}
	close(term->signals);
	if (ended_by) {
		signal(ended_by, SIG_DFL);
		raise(ended_by);
	}
	sigprocmask(SIG_SETMASK, &term->mask, NULL);
	free(term);
}

void term_size(const struct term *term, int *rows, int *cols)
{
	(void)term;
	getmaxyx(stdscr, *rows, *cols);
}

void term_show(struct term *term, const struct canvas *canvas)
{
	int row, col;

	(void)term;
	erase();
	for (row = 0; row < canvas_rows(canvas); row++) {
		for (col = 0; col < canvas_cols(canvas); col++) {
			const struct cell *cell = canvas_cell(canvas, row, col);

			attrset(attributes(cell->style));
			mvaddstr(row, col, cell->glyph);
		}
	}
	attrset(A_NORMAL);
	refresh();
}

static void resize(void)
{
	struct winsize size;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col)
		resizeterm(size.ws_row, size.ws_col);
	clear();
}

static int take_signal(struct term *term)
{
	struct signalfd_siginfo info;

	if (read(term->signals, &info, sizeof(info)) != sizeof(info))
		return -EAGAIN;
	if (info.ssi_signo != SIGWINCH) {
		term->ended_by = info.ssi_signo;
		return TERM_QUIT;
	}
	resize();
	return TERM_RESIZED;
}

/* -EAGAIN: no key, or none that means anything. */
static int take_key(void)
{
	switch (getch()) {
	case 'q':
	case 'Q':
		return TERM_QUIT;
	case KEY_UP:
	case 'k':
		return TERM_UP;
	case KEY_DOWN:
	case 'j':
		return TERM_DOWN;
	case KEY_PPAGE:
		return TERM_PAGE_UP;
	case KEY_NPAGE:
		return TERM_PAGE_DOWN;
	case KEY_HOME:
		return TERM_HOME;
	case KEY_END:
		return TERM_END;
	case 'L' - '@':
		clear();
		return TERM_RESIZED;
	default:
		return -EAGAIN;
	}
}

int term_wait(struct term *term, int timeout_ms)
{
	struct pollfd fds[] = {
		{ .fd = term->signals, .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN },
	};
	int input = take_key();

	/* ncurses may have read more than one key. */
	if (input != -EAGAIN)
		return input;
	if (poll(fds, 2, timeout_ms) < 0)
		return errno == EINTR ? TERM_RESIZED : -errno;
	if (fds[0].revents)
		return take_signal(term);
	if (fds[1].revents & POLLIN)
		input = take_key();
	/* The terminal is gone; its end of file is there to be read, too. */
	if (input == -EAGAIN && fds[1].revents & (POLLHUP | POLLERR | POLLNVAL))
		return TERM_QUIT;
	return fds[1].revents ? input : TERM_TIME;
}
