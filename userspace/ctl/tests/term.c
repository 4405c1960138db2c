// SPDX-License-Identifier: GPL-2.0-only
/*
 * term: a terminal that is gone is the end, also if no signal tells of it, as none
 * does if it is not the terminal of the session.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "term.h"

/* Standard input and output become a terminal; what is returned is its other side. */
static int make_terminal(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave;

	if (master < 0 || grantpt(master) || unlockpt(master))
		return -1;
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0 || dup2(slave, STDIN_FILENO) < 0 || dup2(slave, STDOUT_FILENO) < 0)
		return -1;
	return master;
}

int main(void)
{
	int master = make_terminal(), before, after;
	struct term *term;

	setenv("TERM", "vt100", 1);
	if (master < 0 || term_open(&term)) {
		perror("term");
		return 1;
	}
	before = term_wait(term, 0);
	close(master);
	after = term_wait(term, 0);
	term_close(term);
	if (before == TERM_TIME && after == TERM_QUIT)
		return 0;
	fprintf(stderr, "%d while it was there, then %d\n", before, after);
	return 1;
}
