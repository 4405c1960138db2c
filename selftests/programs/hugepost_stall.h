/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stall points (kmod/stall.h) for tests, and threads that are stopped at them.
 *
 * Who is stopped in a fault or an INSTALL holds the mmap lock: until it goes on,
 * a test may not do what changes the address space, malloc() and the start of a
 * thread included.
 */
#ifndef HUGEPOST_STALL_TEST_H
#define HUGEPOST_STALL_TEST_H

#include "hugepost_system.h"
#include "hugepost_touch.h"

#include <sys/syscall.h>

#define PARAMETERS	"/sys/module/hugepost/parameters"

/* Each stops one task. */
#define STALL		"stall"
#define STALL2		"stall2"

static inline bool stall_exists(void)
{
	return !access(PARAMETERS "/" STALL, W_OK);
}

/* Stops the next task that comes to the point; "NAME SKIP": but SKIP of them. */
static inline bool stall_in(const char *stall, const char *point)
{
	return !write_file(PARAMETERS, stall, point);
}

/* Waits until a task has stopped. */
static inline bool stall_has(const char *stall)
{
	char path[64], text[64] = "";
	unsigned int i;
	int fd;

	snprintf(path, sizeof(path), PARAMETERS "/%s", stall);
	for (i = 0; i < 60000 && strncmp(text, "stopped", 7); i++) {
		usleep(1000);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (read(fd, text, sizeof(text) - 1) < 0)
			text[0] = 0;
		close(fd);
	}
	return i < 60000;
}

static inline bool stall_at(const char *point)
{
	return stall_in(STALL, point);
}

static inline bool stall_reached(void)
{
	return stall_has(STALL);
}

/* Lets it go on; false if none was stopped. */
static inline bool stall_go(void)
{
	return stall_in(STALL, "go");
}

/* A thread that makes one call. */
struct actor {
	pthread_t thread;
	int (*run)(void *arg);
	void *arg;
	int ret;
	volatile pid_t tid;
	volatile bool done;
};

static inline void *actor_main(void *arg)
{
	struct actor *a = arg;

	a->tid = (pid_t)syscall(SYS_gettid);
	a->ret = a->run(a->arg);
	a->done = true;
	return NULL;
}

static inline void actor_start(struct actor *a, int (*run)(void *arg), void *arg)
{
	*a = (struct actor){ .run = run, .arg = arg };
	pthread_create(&a->thread, NULL, actor_main, a);
}

static inline int actor_end(struct actor *a)
{
	pthread_join(a->thread, NULL);
	return a->ret;
}

/* Waits until a thread waits in the kernel for a lock. */
static inline bool task_waits(pid_t pid, const volatile pid_t *tid)
{
	unsigned int i;

	for (i = 0; i < 60000; i++) {
		usleep(1000);
		if (hp_thread_state(pid, *tid) == 'D')
			return true;
	}
	return false;
}

static inline bool actor_waits(struct actor *a)
{
	return task_waits(getpid(), &a->tid);
}

/* Calls for actors. */
struct fill_job {
	int fd;
	uint32_t channel;
	uint64_t first;		/* target page */
	uint64_t pages;
	unsigned int version;
	struct hugepost_fill out;
};

static inline int run_fill(void *arg)
{
	struct fill_job *job = arg;
	struct hugepost_fill_entry e = {
		.offset = job->first * TP,
		.len = job->pages * TP,
	};
	char *buf = malloc(e.len);
	uint64_t i;
	int ret;

	for (i = 0; i < job->pages; i++)
		hp_pattern_write(buf + i * TP, job->first + i, job->version);
	e.src = (uintptr_t)buf;
	ret = hp_fill_entries(job->fd, job->channel, &e, 1, &job->out);
	free(buf);
	return ret;
}

struct range_job {
	int fd;
	uint64_t offset;
	uint64_t length;
};

static inline int run_discard(void *arg)
{
	struct range_job *job = arg;

	return (int)hp_discard(job->fd, job->offset, job->length);
}

/* Has the target page the bytes of that version? */
static inline bool page_is(const char *mem, uint64_t page, unsigned int version)
{
	return hp_pattern_check(mem + page * TP, page, version);
}

#endif /* HUGEPOST_STALL_TEST_H */
