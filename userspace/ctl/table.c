// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>

#include "format.h"
#include "table.h"

struct line channel_header(bool rates)
{
	struct line line;

	snprintf(line.s, sizeof(line.s), "%2s %-5s %9s %6s %8s %8s %6s %8s %8s %6s%s", "CH",
		 "STATE", "HOST-PAGE", "FILLED", "PAGES", "ZERO", "COPIED", "SKIPPED", "REPLACED",
		 "RESETS", rates ? "     RATE" : "");
	return line;
}

struct line channel_line(const struct hp_channel *channel, const double *rate)
{
	struct text page = { "-" };
	struct line line;
	int used;

	if (channel->host_page != HUGEPOST_NO_PAGE)
		page = format_size_exact(channel->host_page);
	used = snprintf(line.s, sizeof(line.s), "%2u %-5s %9s %6u %8s %8s %6s %8s %8s %6s",
			channel->index, channel->busy ? "busy" : "idle", page.s,
			channel->host_page_filled, format_count(channel->pages).s,
			format_count(channel->zero_pages).s, format_size(channel->bytes).s,
			format_count(channel->duplicates).s, format_count(channel->replaced).s,
			format_count(channel->resets).s);
	if (rate)
		snprintf(line.s + used, sizeof(line.s) - used, " %8s", format_rate(*rate).s);
	return line;
}
