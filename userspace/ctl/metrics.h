/* SPDX-License-Identifier: GPL-2.0-only */
/* What monitoring systems read: text in the format of OpenMetrics 1.0. */
#ifndef CTL_METRICS_H
#define CTL_METRICS_H

#include <stdio.h>

#include "model.h"

/* @channels: those of each member of @objects. What cannot be written, @to knows. */
void metrics_print(FILE *to, const struct hp_module *module, const struct hp_objects *objects,
		   const struct hp_channels *channels);

#endif /* CTL_METRICS_H */
