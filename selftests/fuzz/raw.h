/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the fuzzer of raw calls share.
 *
 * All choices are read from a tape of bytes: the same tape makes the same calls on
 * the same world, and a tape that is changed a bit makes similar ones. Zero is
 * always the plain choice, so that an empty tape makes good calls.
 */
#ifndef HUGEPOST_RAW_H
#define HUGEPOST_RAW_H

#include "../programs/nl_test.h"

#define RAW_TAPE	192	/* bytes */
#define RAW_CORPUS	256	/* tapes that reached something new */
#define RAW_PCS		(1U << 15)
#define RAW_PAGES	(4 * SUBS)	/* of the largest object */
#define RAW_HIGH_FD	200	/* descriptors of events are moved here */

/* Pages of the area that arguments are in, from its start. */
enum {
	RAW_AREA_RW = 0,
	RAW_AREA_READ = 4,
	RAW_AREA_NONE,
	RAW_AREA_TAIL,		/* writable, followed by nothing */
	RAW_AREA_HOLE,
	RAW_AREA_EOF,		/* of a file that ends before */
	RAW_AREA_PAGES
};

struct raw_tape {
	const unsigned char *byte;
	unsigned int pos;
};

/* Objects 0 and 1 are set up and mapped, object 2 is not. */
struct raw_world {
	int fd[3];
	int efd[3];		/* -1 if there is none */
	uint64_t id[3];
	uint64_t length[2];
	char *mem[2];
	struct nl nl;
	char *area;
	char *copy;		/* what must be in the area */
	char image[TP];		/* what is filled in where a call waits */
	unsigned int noise;	/* for what is not on the tape */

	pthread_mutex_t lock;	/* held by the caller, but within calls */
	bool in_call;
	bool over;
	unsigned long calls;
	pid_t tid;
	int stat;		/* /proc/.../stat of the caller */
	pthread_t caller;
	struct raw_shared *shared;
};

struct raw_range {
	uintptr_t start;
	size_t len;
};

enum raw_kind {
	RAW_IOCTL,
	RAW_NETLINK,
	RAW_READ,
	RAW_MMAP,
};

/* A call that was made up, and what of user memory it may write to. */
struct raw_call {
	enum raw_kind kind;
	int fd;
	int obj;
	const struct raw_verb *verb;	/* NULL: a number that is none */
	unsigned long cmd;
	uintptr_t arg;
	size_t len;
	int prot;
	int flags;
	uint64_t offset;
	struct raw_range may[3];
	unsigned int nr_may;
	struct nl_request message;
};

#define RAW_ERRORS 12

/* An ioctl: its argument, where the outputs are in it, and its errors. */
struct raw_verb {
	const char *name;
	unsigned int cmd;
	uint32_t first;		/* bytes of the first version, and of this one */
	uint32_t size;
	uint32_t out;
	uint32_t out_end;
	uint32_t flags;
	int errors[RAW_ERRORS];	/* besides those that all have */
};

/* Shared with the processes that call. */
struct raw_shared {
	uint64_t seed;
	uint64_t state;		/* of the random numbers */
	uint64_t end_ns;
	unsigned long ops;
	unsigned long calls;
	unsigned long waits;
	unsigned long kills;
	bool killing;
	bool failed;
	char text[512];
	unsigned int nr_corpus;
	unsigned int next_corpus;
	unsigned int nr_pcs;
	unsigned char corpus[RAW_CORPUS][RAW_TAPE];
	uint64_t pcs[RAW_PCS];
};

static inline unsigned int raw_byte(struct raw_tape *t)
{
	return t->pos < RAW_TAPE ? t->byte[t->pos++] : 0;
}

/* Rarely true: once in @n. */
static inline bool raw_rarely(struct raw_tape *t, unsigned int n)
{
	return raw_byte(t) % n == n - 1;
}

/* Around all that may wait: the watchdog acts in between only. */
static inline void raw_enter(struct raw_world *w)
{
	w->in_call = true;
	pthread_mutex_unlock(&w->lock);
}

static inline void raw_leave(struct raw_world *w)
{
	int err = errno;

	pthread_mutex_lock(&w->lock);
	w->in_call = false;
	w->calls++;
	errno = err;
}

#endif /* HUGEPOST_RAW_H */
