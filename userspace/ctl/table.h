/* SPDX-License-Identifier: GPL-2.0-only */
/* The lines of a table of channels, which more than one command shows. */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include "model.h"

struct line {
	char s[320];
};

struct line channel_header(void);
struct line channel_line(const struct hp_channel *channel);

#endif /* CTL_TABLE_H */
