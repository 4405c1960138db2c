/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef STREAM_REPORT_H
#define STREAM_REPORT_H

#include "load.h"

/* Prints what was found and done to standard output. 0 or -errno. */
int report_text(const struct options *options, const struct outcome *outcome);
int report_json(const struct options *options, const struct outcome *outcome);

#endif /* STREAM_REPORT_H */
