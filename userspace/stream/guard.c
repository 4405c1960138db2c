// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "guard.h"

struct guard {
	sigjmp_buf jump;
};

/* Where this thread goes on after SIGBUS; NULL outside of guarded_copy(). */
static _Thread_local struct guard *resume;

static void on_sigbus(int number)
{
	if (resume)
		siglongjmp(resume->jump, 1);
	/* Not ours: as without a handler. */
	signal(number, SIG_DFL);
	raise(number);
}

int guard_init(void)
{
	/* Not blocked while it runs, as it is left by a jump. */
	struct sigaction action = { .sa_handler = on_sigbus, .sa_flags = SA_NODEFER };

	return sigaction(SIGBUS, &action, NULL) ? -errno : 0;
}

int guarded_copy(void *to, const void *from, size_t len)
{
	struct guard guard;

	if (sigsetjmp(guard.jump, 0)) {
		resume = NULL;
		return -EFAULT;
	}
	resume = &guard;
	atomic_signal_fence(memory_order_seq_cst);
	memcpy(to, from, len);
	atomic_signal_fence(memory_order_seq_cst);
	resume = NULL;
	return 0;
}
