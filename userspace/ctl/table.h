/* SPDX-License-Identifier: GPL-2.0-only */
/* The lines of a table of channels, which more than one command shows. */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include "model.h"

struct line {
	char s[320];
};

/* @rate: bytes that it fills a second, NULL where there is no such column. */
struct line channel_header(bool rates);
struct line channel_line(const struct hp_channel *channel, const double *rate);

#endif /* CTL_TABLE_H */
