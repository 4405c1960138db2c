// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model's threads that touch missing target pages and wait: when they go on,
 * and with what.
 */
#include "model.h"

#include <sched.h>
#include <sys/syscall.h>
#include <time.h>

volatile unsigned int m_signals;

static void count_signal(int sig)
{
	__atomic_add_fetch(&m_signals, 1, __ATOMIC_SEQ_CST);
}

bool m_helper_writes(const struct m_helper *h)
{
	return h->touch == TOUCH_WRITE || h->touch == TOUCH_SYS_WRITE;
}

static int helper_touch(struct m_helper *h, char *at)
{
	uint64_t value = h->value;

	switch (h->touch) {
	case TOUCH_READ:
		return m_guarded_peek(at, &h->value);
	case TOUCH_WRITE:
		return m_guarded_poke(at, value);
	case TOUCH_SYS_READ:
		if (pwrite(h->memfd, at, sizeof(value), 0) != sizeof(value))
			return -errno;
		if (pread(h->memfd, &h->value, sizeof(value), 0) !=
		    sizeof(value))
			return -EIO;
		return 0;
	case TOUCH_SYS_WRITE:
		if (pwrite(h->memfd, &value, sizeof(value), 0) !=
		    sizeof(value))
			return -EIO;
		return pread(h->memfd, at, sizeof(value), 0) == sizeof(value) ?
		       0 : -errno;
	default:
		return hp_fill_entries(h->fill_fd, h->channel, &h->entry, 1,
				       NULL);
	}
}

static void *helper_run(void *arg)
{
	struct m_helper *h = arg;

	h->tid = (pid_t)syscall(SYS_gettid);
	sem_post(&h->ended);
	for (;;) {
		while (sem_wait(&h->go))
			;
		if (h->touch == TOUCH_QUIT)
			return NULL;
		h->result = helper_touch(h, h->at);
		sem_post(&h->ended);
	}
}

void m_helpers_start(struct m_actor *a, unsigned int nr)
{
	struct sigaction act = { .sa_handler = count_signal };
	unsigned int i;

	sigaction(SIGUSR1, &act, NULL);
	for (i = 0; i < nr; i++) {
		struct m_helper *h = &a->helpers[i];

		sem_init(&h->go, 0, 0);
		sem_init(&h->ended, 0, 0);
		h->memfd = memfd_create("helper", MFD_CLOEXEC);
		pthread_create(&h->thread, NULL, helper_run, h);
		sem_wait(&h->ended);
	}
	a->nr_helpers = nr;
}

void m_helpers_end(struct m_actor *a)
{
	unsigned int i;

	for (i = 0; i < a->nr_helpers; i++) {
		a->helpers[i].touch = TOUCH_QUIT;
		sem_post(&a->helpers[i].go);
		pthread_join(a->helpers[i].thread, NULL);
		close(a->helpers[i].memfd);
	}
}

struct m_helper *m_helper_idle(struct m_actor *a)
{
	unsigned int i;

	for (i = 0; i < a->nr_helpers; i++)
		if (!a->helpers[i].busy)
			return &a->helpers[i];
	return NULL;
}

unsigned int m_hang_seconds = 60;

static time_t seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec;
}

/* Between two looks at what is to come; false after what is a hang. */
bool m_patience(struct m_patience *p)
{
	if (!p->turns++)
		p->until = seconds(CLOCK_MONOTONIC) +
			   m_hang_seconds * hp_slowness();
	if (p->turns < 50)
		sched_yield();
	else
		usleep(200);
	return p->turns % 64 || seconds(CLOCK_MONOTONIC) < p->until;
}

/* Does a thread wait to write the page? It does so as soon as the page is there. */
bool m_write_waits(struct m_actor *a, struct m_object *o, unsigned int page)
{
	unsigned int i;

	for (i = 0; i < a->nr_helpers; i++)
		if (a->helpers[i].busy && a->helpers[i].object == o->index &&
		    a->helpers[i].page == page && m_helper_writes(&a->helpers[i]))
			return true;
	return false;
}

/* Until a touch that was begun waits: @before is what STATS said before it. */
bool m_helper_waits(struct m_actor *a, struct m_object *o, struct m_helper *h,
		    uint64_t before)
{
	struct m_patience turns = {};

	while (hp_stats(o->fd).out_waits <= before) {
		if (!sem_trywait(&h->ended))
			return m_fail(a, "a touch of missing page %u of object %u ends with %d",
				      h->page, o->index, h->result);
		if (!m_patience(&turns))
			return m_fail(a, "a touch of missing page %u of object %u does not wait",
				      h->page, o->index);
	}
	return true;
}

/* Until the touch has ended, as it now must. */
bool m_helper_ends(struct m_actor *a, struct m_helper *h)
{
	struct timespec until = {
		.tv_sec = seconds(CLOCK_REALTIME) +
			  m_hang_seconds * hp_slowness(),
	};

	while (sem_timedwait(&h->ended, &until))
		if (errno != EINTR)
			return m_fail(a, "who waits for page %u of object %u hangs",
				      h->page, h->object);
	h->busy = false;
	return true;
}

/* A waiter must go on now: what came of its touch? */
void m_helper_finish(struct m_actor *a, struct m_helper *h)
{
	struct m_object *o = &a->objects[h->object];
	struct m_slot *slot = &a->slots[h->object][h->slot];
	bool user = h->touch == TOUCH_READ || h->touch == TOUCH_WRITE;
	enum m_outcome outcome;
	int want = 0;

	if (!m_helper_ends(a, h))
		return;
	outcome = m_access(a, o, slot, h->page, m_helper_writes(h));
	if (outcome == OUT_SEGV)
		want = user ? SIGSEGV : -EFAULT;
	else if (outcome == OUT_BUS)
		want = user ? SIGBUS : -EFAULT;
	m_equal(a, "end of a wait", h->result, want);
	if (want)
		return;
	if (m_helper_writes(h))
		o->pages[h->page].bytes.poke = h->poke;
	else
		m_equal(a, "word that was waited for", (int64_t)h->value,
			(int64_t)m_word(o->pages[h->page].bytes, h->word));
}

/* After each step: those go on whose target page is there, or never comes. */
void m_settle(struct m_actor *a)
{
	unsigned int i;

	for (i = 0; i < a->nr_helpers && !a->report->failed; i++) {
		struct m_helper *h = &a->helpers[i];
		struct m_object *o = &a->objects[h->object];

		if (h->busy && (o->pages[h->page].present ||
				o->mode != HUGEPOST_MODE_ARMED))
			m_helper_finish(a, h);
	}
}

/* That many events were raised: what depends on how threads ran is left out. */
void m_check_events(struct m_actor *a, struct m_object *o)
{
	m_equal(a, "out_events", hp_stats(o->fd).out_events - o->again,
		o->events);
}

/* Waits until the thread sleeps again, in the fault. */
static bool sleeps(struct m_actor *a, struct m_helper *h)
{
	struct m_patience turns = {};

	while (!hp_thread_sleeps(h->tid))
		if (!m_patience(&turns))
			return m_fail(a, "who waits for page %u spins",
				      h->page);
	return true;
}

/*
 * The waiters of the range were woken, 1 to @most times, and their pages are
 * still missing: each page has a new event, and only one.
 */
void m_woken(struct m_actor *a, struct m_object *o, unsigned int first,
	     unsigned int nr, unsigned int most)
{
	uint64_t again, pages = 0;
	unsigned int i;

	/* With others, nobody is left to wait between two steps. */
	if (!a->alone || o->mode != HUGEPOST_MODE_ARMED)
		return;
	for (i = 0; i < a->nr_helpers; i++) {
		struct m_helper *h = &a->helpers[i];
		struct m_slot *slot = &a->slots[h->object][h->slot];

		if (!h->busy || h->object != o->index || h->page < first ||
		    h->page >= first + nr)
			continue;
		if (m_may_access(o, slot, h->page, m_helper_writes(h)) == OUT_SEGV) {
			m_helper_finish(a, h);
			continue;
		}
		if (!sleeps(a, h))
			return;
		if (o->pages[h->page].event == EVENT_NONE)
			pages++;
		o->pages[h->page].event = EVENT_QUEUED;
	}
	o->events += pages;
	again = hp_stats(o->fd).out_events - o->again - o->events;
	if (again > (most - 1) * pages)
		m_fail(a, "%lld events more than one for each of %llu pages",
		       (long long)again, (unsigned long long)pages);
	o->again += again;
	o->shuffled |= pages > 1;
}

/* Lets a thread touch @page at @word by its mapping, which is to wait. */
void m_helper_start(struct m_helper *h, struct m_slot *slot, enum m_touch touch,
		    unsigned int page, unsigned int word)
{
	h->touch = touch;
	h->page = page;
	h->word = m_helper_writes(h) ? POKE_WORD : word == POKE_WORD ? 0 : word;
	h->at = slot->base + page * TP + h->word * sizeof(uint64_t);
	h->busy = true;
	sem_post(&h->go);
}
