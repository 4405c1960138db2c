/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What monitoring systems read: text of OpenMetrics 1.0, or in the format that
 * Prometheus had before, 0.0.4, which node_exporter's textfile collector reads.
 */
#ifndef CTL_METRICS_H
#define CTL_METRICS_H

#include <stdio.h>

#include "model.h"

enum metrics_format { METRICS_OPEN, METRICS_PROMETHEUS };

/* @channels: those of each member of @objects. What cannot be written, @to knows. */
void metrics_print(FILE *to, enum metrics_format format, const struct hp_module *module,
		   const struct hp_objects *objects, const struct hp_channels *channels);

#endif /* CTL_METRICS_H */
