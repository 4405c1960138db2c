// SPDX-License-Identifier: GPL-2.0-only
#include <stddef.h>

#include "signals.h"

void add_unless_ignored(sigset_t *set, int number)
{
	struct sigaction action;

	if (!sigaction(number, NULL, &action) && action.sa_handler != SIG_IGN)
		sigaddset(set, number);
}
