// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>

#include "format.h"
#include "table.h"

struct line channel_header(void)
{
	struct line line;

	snprintf(line.s, sizeof(line.s), "%2s %-5s %9s %6s %8s %8s %6s %8s %8s %6s", "CH", "STATE",
		 "HOST-PAGE", "FILLED", "PAGES", "ZERO", "COPIED", "SKIPPED", "REPLACED",
		 "RESETS");
	return line;
}

struct line channel_line(const struct hp_channel *channel)
{
	struct text page = { "-" };
	struct line line;

	if (channel->host_page != HUGEPOST_NO_PAGE)
		page = format_size_exact(channel->host_page);
	snprintf(line.s, sizeof(line.s), "%2u %-5s %9s %6u %8s %8s %6s %8s %8s %6s",
		 channel->index, channel->busy ? "busy" : "idle", page.s,
		 channel->host_page_filled, format_count(channel->pages).s,
		 format_count(channel->zero_pages).s, format_size(channel->bytes).s,
		 format_count(channel->duplicates).s, format_count(channel->replaced).s,
		 format_count(channel->resets).s);
	return line;
}
