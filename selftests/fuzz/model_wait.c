// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model's steps that let a thread wait for a missing target page, and all
 * that changes whether and how it waits.
 */
#include "model.h"

#include <sched.h>
#include <sys/syscall.h>
#include <time.h>

static volatile unsigned int signals;

static void count_signal(int sig)
{
	__atomic_add_fetch(&signals, 1, __ATOMIC_SEQ_CST);
}

static bool writes(const struct m_helper *h)
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

static struct m_helper *idle_helper(struct m_actor *a)
{
	unsigned int i;

	for (i = 0; i < a->nr_helpers; i++)
		if (!a->helpers[i].busy)
			return &a->helpers[i];
	return NULL;
}

/* Between two looks at what is to come; false after what is a hang. */
static bool patience(unsigned int *turns)
{
	if (++*turns < 50)
		sched_yield();
	else
		usleep(500);
	return *turns < 120000 * hp_slowness();
}

/* Until a touch that was begun waits: @before is what STATS said before it. */
static bool begins_to_wait(struct m_actor *a, struct m_object *o,
			   struct m_helper *h, uint64_t before)
{
	unsigned int turns = 0;

	while (hp_stats(o->fd).out_waits <= before) {
		if (!sem_trywait(&h->ended))
			return m_fail(a, "a touch of missing page %u of object %u ends with %d",
				      h->page, o->index, h->result);
		if (!patience(&turns))
			return m_fail(a, "a touch of missing page %u of object %u does not wait",
				      h->page, o->index);
	}
	return true;
}

/* Until the touch has ended, as it now must. */
static bool ends(struct m_actor *a, struct m_helper *h)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 60 * hp_slowness();
	while (sem_timedwait(&h->ended, &until))
		if (errno != EINTR)
			return m_fail(a, "who waits for page %u of object %u hangs",
				      h->page, h->object);
	h->busy = false;
	return true;
}

/* A waiter must go on now: what came of its touch? */
static void finish(struct m_actor *a, struct m_helper *h)
{
	struct m_object *o = &a->objects[h->object];
	struct m_slot *slot = &a->slots[h->object][h->slot];
	bool user = h->touch == TOUCH_READ || h->touch == TOUCH_WRITE;
	enum m_outcome outcome;
	int want = 0;

	if (!ends(a, h))
		return;
	outcome = m_access(a, o, slot, h->page, writes(h));
	if (outcome == OUT_SEGV)
		want = user ? SIGSEGV : -EFAULT;
	else if (outcome == OUT_BUS)
		want = user ? SIGBUS : -EFAULT;
	m_equal(a, "end of a wait", h->result, want);
	if (want)
		return;
	if (writes(h))
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
			finish(a, h);
	}
}

/* Waits until the thread sleeps again, in the fault. */
static bool sleeps(struct m_actor *a, struct m_helper *h)
{
	unsigned int turns = 0;

	while (!hp_thread_sleeps(h->tid))
		if (!patience(&turns))
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
	uint64_t events, pages = 0;
	unsigned int i;

	if (o->mode != HUGEPOST_MODE_ARMED)
		return;
	for (i = 0; i < a->nr_helpers; i++) {
		struct m_helper *h = &a->helpers[i];
		struct m_slot *slot = &a->slots[h->object][h->slot];

		if (!h->busy || h->object != o->index || h->page < first ||
		    h->page >= first + nr)
			continue;
		if (m_may_access(o, slot, h->page, writes(h)) == OUT_SEGV) {
			finish(a, h);
			continue;
		}
		if (!sleeps(a, h))
			return;
		if (o->pages[h->page].event == EVENT_NONE)
			pages++;
		o->pages[h->page].event = EVENT_QUEUED;
	}
	events = hp_stats(o->fd).out_events;
	if (events < o->events + pages || events > o->events + most * pages)
		m_fail(a, "%llu new events for %llu pages",
		       (unsigned long long)(events - o->events),
		       (unsigned long long)pages);
	o->events = events;
}

bool m_arm(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	struct hugepost_arm arg = { .size = sizeof(arg) };
	int want = 0, ret;

	if (r[1] % 8 == 0) {
		arg.__reserved = r[2] | 1;
		want = -EINVAL;
	} else if (r[1] % 8 == 1) {
		arg.flags = 2U << r[2] % 31;
		want = -EOPNOTSUPP;
	} else {
		arg.flags = HUGEPOST_ARM_NONBLOCK;
		if (o->mode == HUGEPOST_MODE_ARMED)
			want = -EBUSY;
	}
	m_say(a, "ARM object %u, flags %u", o->index, arg.flags);
	ret = hp_call(o->fd, HUGEPOST_ARM, &arg);
	if (!m_equal(a, "ARM", ret, want) || ret)
		return true;
	if (o->efd >= 0) {
		struct hugepost_event event;

		m_equal(a, "an older ARM's descriptor",
			hp_read_event(o->efd, &event), -ENODATA);
		close(o->efd);
	}
	o->efd = arg.out_fd;
	o->mode = HUGEPOST_MODE_ARMED;
	return true;
}

static void leave_armed(struct m_object *o, int mode)
{
	if (o->mode == HUGEPOST_MODE_ARMED)
		m_forget_events(o, 0, M_PAGES);
	o->mode = mode;
}

bool m_disarm(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);

	m_say(a, "DISARM object %u", o->index);
	m_equal(a, "DISARM", hp_disarm(o->fd), 0);
	leave_armed(o, HUGEPOST_MODE_UNARMED);
	return true;
}

/* The event descriptor is closed: if the object is armed it is lost now. */
bool m_lose(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);

	if (o->efd < 0)
		return false;
	m_say(a, "close the event descriptor of object %u", o->index);
	close(o->efd);
	o->efd = -1;
	if (o->mode == HUGEPOST_MODE_ARMED)
		leave_armed(o, HUGEPOST_MODE_LOST);
	m_equal(a, "out_mode", hp_stats(o->fd).out_mode, o->mode);
	return true;
}

bool m_wake(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	unsigned int page = m_pick_page(a, o, r[1]), n, i;

	/* Most often where somebody waits. */
	for (i = 0; i < a->nr_helpers && r[2] % 4; i++)
		if (a->helpers[i].busy && a->helpers[i].object == o->index)
			page = a->helpers[i].page;
	n = m_own_run(a, o, page, 1 + r[3] % (r[2] % 8 ? 8 : 1024));
	m_say(a, "WAKE object %u: pages %u + %u", o->index, page, n);
	m_forget_events(o, page, n);
	m_equal(a, "WAKE", hp_wake(o->fd, page * TP, n * TP), 0);
	m_woken(a, o, page, n, 1);
	return true;
}

/* Lets a thread touch @page at @word by its mapping, which is to wait. */
static void start(struct m_helper *h, struct m_slot *slot, enum m_touch touch,
		  unsigned int page, unsigned int word)
{
	h->touch = touch;
	h->page = page;
	h->word = writes(h) ? POKE_WORD : word == POKE_WORD ? 0 : word;
	h->at = slot->base + page * TP + h->word * sizeof(uint64_t);
	h->busy = true;
	sem_post(&h->go);
}

static bool write_waits(struct m_actor *a, struct m_object *o,
			unsigned int page)
{
	unsigned int i;

	for (i = 0; i < a->nr_helpers; i++)
		if (a->helpers[i].busy && a->helpers[i].object == o->index &&
		    a->helpers[i].page == page && writes(&a->helpers[i]))
			return true;
	return false;
}

/* The event of a touch that waits is there, if it is the page's first. */
static void raised(struct m_actor *a, struct m_object *o, unsigned int page)
{
	if (o->pages[page].event == EVENT_NONE) {
		o->pages[page].event = EVENT_QUEUED;
		o->events++;
	}
	m_equal(a, "out_events", hp_stats(o->fd).out_events, o->events);
}

/* A thread touches a missing target page of an armed object. */
bool m_wait(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	struct m_slot *slot = m_slot(a, o, r[2]);
	struct m_helper *h = idle_helper(a);
	unsigned int page = m_pick_page(a, o, r[1]), i;
	enum m_touch touch = r[3] % TOUCH_FILL;
	uint64_t before;

	if (!h || o->mode != HUGEPOST_MODE_ARMED)
		return false;
	if (touch == TOUCH_WRITE || touch == TOUCH_SYS_WRITE) {
		for (i = 0; i < 16 && write_waits(a, o, page); i++)
			page = m_pick_page(a, o, page + 1);
		if (i == 16)
			return false;
		h->poke = r[4] | 1;
		h->value = m_word((struct m_bytes){ .poke = h->poke },
				  POKE_WORD);
	}
	for (i = 0; i < 64; i++) {
		if (m_may_access(o, slot, page, touch & 1) == OUT_WAIT)
			break;
		page = m_pick_page(a, o, page + 1);
	}
	if (i == 64 || ((touch & 1) && write_waits(a, o, page)))
		return false;
	m_say(a, "a thread touches object %u page %u by mapping %u in way %u, and waits",
	      o->index, page, (unsigned int)(slot - a->slots[o->index]), touch);
	h->object = o->index;
	h->slot = slot - a->slots[o->index];
	before = hp_stats(o->fd).out_waits;
	start(h, slot, touch, page, r[5] % WORDS);
	if (begins_to_wait(a, o, h, before))
		raised(a, o, page);
	return true;
}

/* A signal is handled in the midst of the wait, and raises no second event. */
bool m_signal(struct m_actor *a, const uint32_t *r)
{
	unsigned int turns = 0, seen = signals, i;
	struct m_helper *h = NULL;
	struct m_object *o;
	uint64_t before;

	for (i = 0; i < a->nr_helpers; i++) {
		h = &a->helpers[(r[0] + i) % a->nr_helpers];
		if (h->busy && h->touch <= TOUCH_WRITE)
			break;
	}
	if (i == a->nr_helpers)
		return false;
	o = &a->objects[h->object];
	m_say(a, "a signal to who waits for object %u page %u", o->index,
	      h->page);
	before = hp_stats(o->fd).out_waits;
	pthread_kill(h->thread, SIGUSR1);
	if (m_may_access(o, &a->slots[h->object][h->slot], h->page,
			 writes(h)) == OUT_SEGV)
		finish(a, h);
	else if (begins_to_wait(a, o, h, before))
		m_equal(a, "out_events", hp_stats(o->fd).out_events, o->events);
	while (signals == seen && !a->report->failed)
		if (!patience(&turns))
			m_fail(a, "a signal is not handled");
	return true;
}

/* Is the event one that a thread that waits for its page has raised? */
static void check_event(struct m_actor *a, struct m_object *o,
			const struct hugepost_event *e)
{
	uint64_t page = e->offset / TP;
	bool waited = false;
	unsigned int i;

	m_equal(a, "event: kind", e->kind, HUGEPOST_EVENT_MISSING);
	m_equal(a, "event: __reserved", e->__reserved, 0);
	if (page >= M_PAGES || e->offset % TP ||
	    o->pages[page].event != EVENT_QUEUED) {
		m_fail(a, "an event of offset %#llx",
		       (unsigned long long)e->offset);
		return;
	}
	o->pages[page].event = EVENT_READ;
	for (i = 0; i < a->nr_helpers; i++) {
		const struct m_helper *h = &a->helpers[i];

		if (!h->busy || h->object != o->index || h->page != page)
			continue;
		waited = true;
		if (e->tid == (uint32_t)h->tid &&
		    (h->touch == TOUCH_FILL || e->address == (uintptr_t)h->at) &&
		    e->access == ((writes(h) ? HUGEPOST_ACCESS_WRITE : 0) |
				  (h->touch <= TOUCH_WRITE ?
				   HUGEPOST_ACCESS_USER : 0)))
			return;
	}
	if (waited)
		m_fail(a, "an event of page %llu: tid %u, address %#llx, access %u",
		       (unsigned long long)page, e->tid,
		       (unsigned long long)e->address, e->access);
}

bool m_read_events(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	struct pollfd p = { .fd = o->efd, .events = POLLIN };
	unsigned int n = 1 + r[1] % 4, queued = 0, i;
	bool armed = o->mode == HUGEPOST_MODE_ARMED;
	char *nowhere = a->buffer + (M_BUFFER + 1) * TP;
	struct hugepost_event events[4];
	ssize_t ret, want;

	if (o->efd < 0)
		return false;
	for (i = 0; i < M_PAGES; i++)
		queued += o->pages[i].event == EVENT_QUEUED;
	m_say(a, "read %u of %u events of object %u", n, queued, o->index);
	m_equal(a, "poll", poll(&p, 1, 0), queued || !armed);
	m_equal(a, "poll: POLLHUP", !!(p.revents & POLLHUP), !armed);
	m_equal(a, "a read that is too short", read(o->efd, events,
		r[2] % sizeof(events[0])) < 0 ? -errno : 0, -EINVAL);
	if (r[3] % 4 == 0)
		m_equal(a, "a read to nowhere", read(o->efd, nowhere, TP) < 0 ?
			-errno : 0, !armed ? 0 : queued ? -EFAULT : -EAGAIN);
	want = !armed ? 0 : !queued ? -EAGAIN :
	       (ssize_t)((queued < n ? queued : n) * sizeof(events[0]));
	ret = read(o->efd, events, n * sizeof(events[0]) +
		   (n < 4 ? r[2] % sizeof(events[0]) : 0));
	if (ret < 0)
		ret = -errno;
	if (!m_equal(a, "read of events", ret, want))
		return true;
	for (i = 0; ret > 0 && i < ret / sizeof(events[0]); i++)
		check_event(a, o, &events[i]);
	return true;
}

/* How a wait for a source ends. */
enum relief {
	RELIEF_FILL,
	RELIEF_ZERO,
	RELIEF_DISARM,
	RELIEF_LOSE,
	RELIEFS
};

static void relieve(struct m_actor *a, struct m_object *o, unsigned int page,
		    uint32_t channel, enum relief relief)
{
	struct hugepost_fill_entry e = { .offset = page * TP, .len = TP };
	struct m_source source = {};

	switch (relief) {
	case RELIEF_FILL:
		source.bytes = m_bytes_new(o, page);
		m_bytes_write(a->buffer, source.bytes);
		e.src = (uintptr_t)a->buffer;
		break;
	case RELIEF_ZERO:
		e.flags = HUGEPOST_FILL_ZERO;
		break;
	case RELIEF_DISARM:
		m_equal(a, "DISARM", hp_disarm(o->fd), 0);
		leave_armed(o, HUGEPOST_MODE_UNARMED);
		return;
	default:
		close(o->efd);
		o->efd = -1;
		leave_armed(o, HUGEPOST_MODE_LOST);
		return;
	}
	m_fill_model(o, channel, &e, 1, &source);
	m_equal(a, "FILL of a source",
		hp_fill_entries(o->fd, channel, &e, 1, NULL), 0);
}

/*
 * A FILL whose source is a missing page, maybe the very page that it is to fill:
 * it waits. Its channel is busy; a RESET ends it when the wait is over.
 */
bool m_fill_waits(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	struct m_object *from = m_pick_object(a, r[1]);
	unsigned int page = r[2] % M_PAGES, src = r[3] % M_PAGES;
	uint32_t channel = r[4] % o->nr_channels, other;
	enum relief relief = r[5] % RELIEFS;
	bool reset = r[5] / RELIEFS % 4 == 0, same;
	struct m_channel *ch = &o->channels[channel];
	struct m_helper *h = idle_helper(a);
	struct m_source source = {};
	struct m_filled want;
	uint64_t before;

	if (o == from && r[5] % 64 < 8)
		src = page;
	same = o == from && page / SUBS == src / SUBS;
	other = (channel + (o == from)) % from->nr_channels;
	if (!h || from->mode != HUGEPOST_MODE_ARMED || from->efd < 0 ||
	    from->pages[src].present || o->pages[page].present ||
	    (o == from && other == channel))
		return false;
	m_say(a, "FILL object %u channel %u page %u, waits for object %u page %u; %s%s",
	      o->index, channel, page, from->index, src, reset ? "RESET, " : "",
	      relief == RELIEF_FILL ? "FILL of it" :
	      relief == RELIEF_ZERO ? "zero FILL of it" :
	      relief == RELIEF_DISARM ? "DISARM" : "close of the descriptor");
	h->entry = (struct hugepost_fill_entry){
		.offset = page * TP, .len = TP,
		.src = (uintptr_t)a->look[from->index] + src * TP,
	};
	h->fill_fd = o->fd;
	h->channel = channel;
	h->object = from->index;
	h->page = src;
	h->touch = TOUCH_FILL;
	before = hp_stats(from->fd).out_waits;
	sem_post(&h->go);
	if (!begins_to_wait(a, from, h, before))
		return true;
	raised(a, from, src);
	m_equal(a, "FILL on a busy channel",
		hp_fill(o->fd, channel, 0, NULL, TP, HUGEPOST_FILL_ZERO),
		-EBUSY);
	if (reset) {
		m_equal(a, "RESET", hp_reset(o->fd, channel), 0);
		ch->resets++;
	}
	relieve(a, from, src, other, relief);
	if (!ends(a, h))
		return true;
	source.bad = m_touch_page(from, src, same) != OUT_OK;
	source.bytes = from->pages[src].bytes;
	if (reset && !source.bad) {
		o->hosts[page / SUBS].staged = o->hosts[page / SUBS].nr_present;
		want.ret = -ECANCELED;
	} else {
		want = m_fill_model(o, channel, &h->entry, 1, &source);
	}
	if (reset)
		ch->reset = true;
	m_equal(a, "FILL that waited", h->result, want.ret);
	m_check_bitmap(a, o->index, page / SUBS);
	m_check_bitmap(a, from->index, src / SUBS);
	return true;
}
