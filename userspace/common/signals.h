/* SPDX-License-Identifier: GPL-2.0-only */
/* Which signals a program takes. */
#ifndef COMMON_SIGNALS_H
#define COMMON_SIGNALS_H

#include <signal.h>

/*
 * Adds a signal to @set, unless it is ignored: whoever started the program so, as
 * nohup(1) does, wants it to go on. A blocked signal would come all the same.
 */
void add_unless_ignored(sigset_t *set, int number);

#endif /* COMMON_SIGNALS_H */
