// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "progress.h"

#define BAR_NS		100000000ULL
#define LINE_NS		5000000000ULL
#define COLUMNS_MAX	200

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

void progress_init(struct progress *progress, const char *what, bool quiet)
{
	*progress = (struct progress) {
		.what = what,
		.quiet = quiet,
		.terminal = isatty(STDERR_FILENO),
	};
	/* No line at all for what is done at once. */
	progress->next_ns = now_ns() + (progress->terminal ? BAR_NS : LINE_NS);
}

/* The size is asked for each time, as the window may have changed. */
static int columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || !size.ws_col)
		return 80;
	return size.ws_col < COLUMNS_MAX ? size.ws_col : COLUMNS_MAX;
}

static void draw(const char *text, int len, int percent)
{
	char bar[COLUMNS_MAX + 1];
	int width = columns() - 1, room = width - len - 3, i;

	if (percent < 0 || room < 10) {
		fprintf(stderr, "\r\033[K%.*s", width, text);
		return;
	}
	for (i = 0; i < room; i++)
		bar[i] = i < room * percent / 100 ? '#' : '.';
	bar[room] = '\0';
	fprintf(stderr, "\r\033[K%s [%s]", text, bar);
}

void progress_update(struct progress *progress, uint64_t done, uint64_t total,
		     uint64_t pages)
{
	int percent = total ? (double)done / total * 100 : -1, len;
	uint64_t now;
	char text[160], count[40] = "";

	if (progress->quiet)
		return;
	now = now_ns();
	if (now < progress->next_ns)
		return;
	progress->next_ns = now + (progress->terminal ? BAR_NS : LINE_NS);

	if (pages)
		snprintf(count, sizeof(count), ", %" PRIu64 " pages", pages);
	if (total)
		len = snprintf(text, sizeof(text), "%s %3d %%, %" PRIu64 " of %" PRIu64 " MiB%s",
			       progress->what, percent, done >> 20, total >> 20, count);
	else
		len = snprintf(text, sizeof(text), "%s %" PRIu64 " MiB%s",
			       progress->what, done >> 20, count);
	if (progress->terminal)
		draw(text, len, percent);
	else
		fprintf(stderr, "%s\n", text);
	progress->drawn = true;
}

void progress_end(struct progress *progress)
{
	if (progress->drawn && progress->terminal)
		fputs("\r\033[K", stderr);
	progress->drawn = false;
}
