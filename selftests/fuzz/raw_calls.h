/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls that wait for a page, each by another pointer; and the two objects that
 * they are made on.
 */
#ifndef HUGEPOST_RAW_CALLS_H
#define HUGEPOST_RAW_CALLS_H

#include "../programs/hugepost_touch.h"
#include "../programs/nl_test.h"

#define PAGES	(2 * SUBS)	/* of each object */
#define HERE	3UL		/* a target page that is present */
#define MISSING	4UL		/* the next, which is not */
#define TARGET	(SUBS + 9)	/* one that calls fill */

static char bytes[TP];		/* what pages are filled with */

/*
 * Two objects, both armed, and two more: one that is set up, one that is not. A
 * call on the first waits for a page of one of the first two.
 */
struct world {
	int fd[2];
	int efd[2];
	int other;
	int unset;
	char *mem[2];		/* in the process that calls */
	struct nl nl;
	pid_t pid;		/* of that process */
};

static inline struct hugepost_fill_entry entry_of(uint64_t target)
{
	return (struct hugepost_fill_entry){
		.offset = target * TP, .src = (uintptr_t)bytes, .len = TP,
	};
}

static inline int fill_from(struct world *w, int obj, uint64_t target,
			    const char *src)
{
	return hp_fill(w->fd[obj], 0, target * TP, src, TP, 0);
}

static inline int call_source_is_target(struct world *w)
{
	return fill_from(w, 0, MISSING, w->mem[0] + MISSING * TP);
}

static inline int call_source_same_object(struct world *w)
{
	return fill_from(w, 0, TARGET, w->mem[0] + MISSING * TP);
}

static inline int call_source_other_object(struct world *w)
{
	return fill_from(w, 0, TARGET, w->mem[1] + MISSING * TP);
}

static inline int call_source_half(struct world *w)
{
	return fill_from(w, 0, TARGET, w->mem[0] + MISSING * TP - 100);
}

static inline void *crossing(void *arg)
{
	struct world *w = arg;

	return (void *)(intptr_t)fill_from(w, 1, TARGET,
					   w->mem[0] + MISSING * TP);
}

/* Each object's source is what the other one waits for. */
static inline int call_source_crossed(struct world *w)
{
	pthread_t thread;
	void *theirs;
	int ours;

	pthread_create(&thread, NULL, crossing, w);
	ours = fill_from(w, 0, TARGET, w->mem[1] + MISSING * TP);
	pthread_join(thread, &theirs);
	return ours ? ours : (int)(intptr_t)theirs;
}

static inline void image_entry(char *page)
{
	struct hugepost_fill_entry entry = entry_of(TARGET);

	memcpy(page, &entry, sizeof(entry));
}

static inline int call_entries_missing(struct world *w)
{
	return hp_fill_entries(w->fd[0], 0, (void *)(w->mem[0] + MISSING * TP),
			       1, NULL);
}

static inline int call_entries_half(struct world *w)
{
	struct hugepost_fill_entry *entries = (void *)(w->mem[0] + MISSING * TP);

	entries[-1] = entry_of(TARGET + 1);
	return hp_fill_entries(w->fd[0], 0, entries - 1, 2, NULL);
}

static inline void image_zeros(char *page)
{
	memset(page, 0, TP);
}

/* What follows the entry's fields is missing. */
static inline int call_entries_tail(struct world *w)
{
	struct hugepost_fill_entry *behind = (void *)(w->mem[0] + MISSING * TP);
	struct hugepost_fill arg = {
		.size = sizeof(arg), .nr = 1,
		.entries = (uintptr_t)(behind - 1),
		.entry_size = sizeof(*behind) + 64,
	};

	behind[-1] = entry_of(TARGET);
	return hp_call(w->fd[0], HUGEPOST_FILL, &arg);
}

static inline void image_stats(char *page)
{
	struct hugepost_stats arg = { .size = sizeof(arg) };

	memcpy(page, &arg, sizeof(arg));
}

static inline int call_argument_missing(struct world *w)
{
	return hp_call(w->fd[0], HUGEPOST_STATS, w->mem[0] + MISSING * TP);
}

static inline void image_range(char *page)
{
	const uint64_t range[] = { 0, TP };

	memcpy(page, range, sizeof(range));
}

static inline int call_argument_half(struct world *w)
{
	struct hugepost_wake *arg = (void *)(w->mem[0] + MISSING * TP - 8);

	arg->size = sizeof(*arg);
	arg->flags = 0;
	return hp_call(w->fd[0], HUGEPOST_WAKE, arg);
}

static inline void image_arm(char *page)
{
	struct hugepost_arm arg = { .size = sizeof(arg) };

	memcpy(page, &arg, sizeof(arg));
}

static inline int call_arm_argument(struct world *w)
{
	return hp_call(w->other, HUGEPOST_ARM, w->mem[0] + MISSING * TP);
}

static inline void image_setup(char *page)
{
	struct hugepost_setup arg = { .size = sizeof(arg), .length = HP };

	memcpy(page, &arg, sizeof(arg));
}

static inline int call_setup_argument(struct world *w)
{
	return hp_call(w->unset, HUGEPOST_SETUP, w->mem[0] + MISSING * TP);
}

/* The call takes away the page that its argument is in. */
static inline int call_result_discarded(struct world *w)
{
	struct hugepost_discard *arg = (void *)(w->mem[0] + HERE * TP);

	*arg = (struct hugepost_discard){
		.size = sizeof(*arg), .offset = HERE * TP, .length = TP,
	};
	return hp_call(w->fd[0], HUGEPOST_DISCARD, arg);
}

static inline int call_bitmap_missing(struct world *w)
{
	int64_t ret = hp_bitmap(w->fd[0], 0, PAGES * TP,
				(void *)(w->mem[0] + MISSING * TP));

	return ret < 0 ? (int)ret : 0;
}

static inline int call_channels_missing(struct world *w)
{
	return hp_channel_stats(w->fd[0], 2,
				(void *)(w->mem[0] + MISSING * TP));
}

static inline int call_netlink_request(struct world *w)
{
	struct nl_request req;

	nl_begin(&req, w->nl.family, HUGEPOST_NL_CMD_OBJECT_GET, NLM_F_DUMP);
	return send(w->nl.fd, w->mem[0] + MISSING * TP, req.nlh.nlmsg_len, 0) < 0 ?
	       -errno : 0;
}

static inline int call_netlink_answer(struct world *w)
{
	struct nl_request req;

	nl_begin(&req, w->nl.family, HUGEPOST_NL_CMD_OBJECT_GET, NLM_F_DUMP);
	if (send(w->nl.fd, &req, req.nlh.nlmsg_len, 0) < 0)
		return -errno;
	return recv(w->nl.fd, w->mem[0] + MISSING * TP, TP, 0) < 0 ? -errno : 0;
}

static inline bool make_world(struct world *w)
{
	int i;

	for (i = 0; i < 2; i++) {
		w->fd[i] = hp_new(PAGES * TP, 2, 0);
		if (w->fd[i] < 0 ||
		    hp_fill_pattern(w->fd[i], 0, 0, HERE + 1, i))
			return false;
		w->efd[i] = hp_arm(w->fd[i], HUGEPOST_ARM_NONBLOCK);
		if (w->efd[i] < 0)
			return false;
	}
	w->other = hp_new(HP, 1, 0);
	w->unset = hp_open();
	return w->other >= 0 && w->unset >= 0 && !nl_open(&w->nl);
}

static inline void map_world(struct world *w)
{
	int i;

	for (i = 0; i < 2; i++)
		w->mem[i] = hp_map(w->fd[i], 0, PAGES * TP);
}

static inline void close_world(struct world *w)
{
	int i;

	for (i = 0; i < 2; i++) {
		if (w->efd[i] >= 0)
			close(w->efd[i]);
		close(w->fd[i]);
	}
	close(w->other);
	close(w->unset);
	close(w->nl.fd);
}

#endif /* HUGEPOST_RAW_CALLS_H */
