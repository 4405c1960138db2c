/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Touches of memory: some that may end with a signal, some that wait in a
 * thread of their own.
 */
#ifndef HUGEPOST_TOUCH_H
#define HUGEPOST_TOUCH_H

#include "hugepost_test.h"

#include <setjmp.h>

static __thread sigjmp_buf hp_touch_env;
static __thread volatile bool hp_touching;

static inline void hp_touch_handler(int sig)
{
	if (hp_touching)
		siglongjmp(hp_touch_env, sig);
	signal(sig, SIG_DFL);
}

/* Reads (write < 0) or writes a byte: 0, or the signal that it brought. */
static inline int hp_touch(const char *addr, int write)
{
	struct sigaction act = { .sa_handler = hp_touch_handler };
	volatile char *p = (volatile char *)addr;
	int sig;

	sigaction(SIGBUS, &act, NULL);
	sigaction(SIGSEGV, &act, NULL);
	sig = sigsetjmp(hp_touch_env, 1);
	if (!sig) {
		hp_touching = true;
		if (write < 0)
			(void)*p;
		else
			*p = (char)write;
	}
	hp_touching = false;
	return sig;
}

/* A thread that touches one byte, and what came of it. */
struct hp_toucher {
	pthread_t thread;
	char *addr;
	int write;			/* -1: read */
	int sig;
	unsigned char value;
	volatile bool done;
};

static inline void *hp_toucher_run(void *arg)
{
	struct hp_toucher *t = arg;

	t->sig = hp_touch(t->addr, t->write);
	if (!t->sig)
		t->value = *(volatile unsigned char *)t->addr;
	t->done = true;
	return NULL;
}

static inline void hp_toucher_start(struct hp_toucher *t, char *addr, int write)
{
	*t = (struct hp_toucher){ .addr = addr, .write = write };
	pthread_create(&t->thread, NULL, hp_toucher_run, t);
}

/* The byte that was there, or the negative signal that the touch brought. */
static inline int hp_toucher_end(struct hp_toucher *t)
{
	pthread_join(t->thread, NULL);
	return t->sig ? -t->sig : t->value;
}

#endif /* HUGEPOST_TOUCH_H */
