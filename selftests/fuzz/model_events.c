// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model's steps that arm, that let a thread wait for a missing target page,
 * and that change whether and how it waits.
 */
#include "model.h"

#define EVENT_SIZE_MAX	256
#define M_READ_MAX	64	/* events read at once */

bool m_arm(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	static const uint32_t sizes[] = { 0, 32, 40, EVENT_SIZE_MAX };
	struct hugepost_arm arg = {
		.size = sizeof(arg),
		.event_size = sizes[r[3] % ARRAY_SIZE(sizes)],
	};
	char event[EVENT_SIZE_MAX];
	int want = 0, ret;

	if (r[1] % 8 == 0) {
		arg.event_size = r[3] % 2 ? 1 + r[2] % 31 : TP + 1 + r[2] % TP;
		want = r[3] % 2 ? -EINVAL : -E2BIG;
	} else if (r[1] % 8 == 1) {
		arg.flags = 2U << r[2] % 31;
		want = -EOPNOTSUPP;
	} else {
		arg.flags = HUGEPOST_ARM_NONBLOCK;
		if (o->mode == HUGEPOST_MODE_ARMED)
			want = -EBUSY;
	}
	m_say(a, "ARM object %u, flags %u, events of %u", o->index, arg.flags,
	      arg.event_size);
	ret = hp_call(o->fd, HUGEPOST_ARM, &arg);
	if (!m_equal(a, "ARM", ret, want) || ret)
		return true;
	if (o->efd >= 0) {
		m_equal(a, "an older ARM's descriptor",
			read(o->efd, event, sizeof(event)), 0);
		close(o->efd);
	}
	o->efd = arg.out_fd;
	o->event_size = arg.event_size ? arg.event_size :
					 sizeof(struct hugepost_event);
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

/* The event of a touch that waits is there, if it is the page's first. */
static void raised(struct m_actor *a, struct m_object *o, unsigned int page)
{
	if (o->pages[page].event == EVENT_NONE) {
		o->pages[page].event = EVENT_QUEUED;
		o->events++;
	}
	m_check_events(a, o);
}

/* Goes on from *@page to one of the actor's that a touch would wait for. */
static bool find_waiting(struct m_actor *a, struct m_object *o,
			 struct m_slot *slot, enum m_touch touch,
			 unsigned int *page)
{
	unsigned int i;

	for (i = 0; i < 64; i++) {
		if (m_may_access(o, slot, *page, touch & 1) == OUT_WAIT)
			return true;
		*page = m_pick_page(a, o, *page + 1);
	}
	return false;
}

/* A thread touches a missing target page of an armed object. */
bool m_wait(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	struct m_slot *slot = m_slot(a, o, r[2]);
	struct m_helper *h = m_helper_idle(a);
	unsigned int page = m_pick_page(a, o, r[1]), i;
	enum m_touch touch = r[3] % TOUCH_FILL;
	uint64_t before;

	if (!h || o->mode != HUGEPOST_MODE_ARMED)
		return false;
	if (touch == TOUCH_WRITE || touch == TOUCH_SYS_WRITE) {
		for (i = 0; i < 16 && m_write_waits(a, o, page); i++)
			page = m_pick_page(a, o, page + 1);
		if (i == 16)
			return false;
		h->poke = r[4] | 1;
		h->value = m_word((struct m_bytes){ .poke = h->poke },
				  POKE_WORD);
	}
	if (!find_waiting(a, o, slot, touch, &page) ||
	    ((touch & 1) && m_write_waits(a, o, page)))
		return false;
	m_say(a, "a thread touches object %u page %u by mapping %u in way %u, and waits",
	      o->index, page, (unsigned int)(slot - a->slots[o->index]), touch);
	h->object = o->index;
	h->slot = slot - a->slots[o->index];
	before = hp_stats(o->fd).out_waits;
	m_helper_start(h, slot, touch, page, r[5] % WORDS);
	if (m_helper_waits(a, o, h, before))
		raised(a, o, page);
	return true;
}

/* A signal is handled in the midst of the wait, and raises no second event. */
bool m_signal(struct m_actor *a, const uint32_t *r)
{
	unsigned int seen = m_signals, i;
	struct m_patience turns = {};
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
			 m_helper_writes(h)) == OUT_SEGV)
		m_helper_finish(a, h);
	else if (m_helper_waits(a, o, h, before))
		m_check_events(a, o);
	while (m_signals == seen && !a->report->failed)
		if (!m_patience(&turns))
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
		    e->access == ((m_helper_writes(h) ? HUGEPOST_ACCESS_WRITE : 0) |
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
	unsigned int n = 1 + r[1] % 4, queued = 0, i, k;
	bool armed = o->mode == HUGEPOST_MODE_ARMED;
	char *nowhere = a->buffer + (M_BUFFER + 1) * TP;
	const size_t size = o->event_size;
	char events[M_READ_MAX * EVENT_SIZE_MAX];
	struct hugepost_event e;
	ssize_t ret, want;

	if (o->efd < 0)
		return false;
	for (i = 0; i < M_PAGES; i++)
		queued += o->pages[i].event == EVENT_QUEUED;
	/* A replay leaves the same ones unread. */
	if (o->shuffled)
		n = M_READ_MAX;
	o->shuffled &= queued > n;
	m_say(a, "read %u of %u events of object %u", n, queued, o->index);
	m_equal(a, "poll", poll(&p, 1, 0), queued || !armed);
	m_equal(a, "poll: POLLHUP", !!(p.revents & POLLHUP), !armed);
	ret = read(o->efd, events, r[2] % size);
	m_equal(a, "a read that is too short", ret < 0 ? -errno : 0, -EINVAL);
	if (r[3] % 4 == 0)
		m_equal(a, "a read to nowhere", read(o->efd, nowhere, TP) < 0 ?
			-errno : 0, !armed ? 0 : queued ? -EFAULT : -EAGAIN);
	want = !armed ? 0 : !queued ? -EAGAIN :
	       (ssize_t)((queued < n ? queued : n) * size);
	ret = read(o->efd, events, n * size +
		   (n < M_READ_MAX ? r[2] % size : 0));
	if (ret < 0)
		ret = -errno;
	if (!m_equal(a, "read of events", ret, want))
		return true;
	for (i = 0; ret > 0 && i < ret / size; i++) {
		memcpy(&e, events + i * size, sizeof(e));
		check_event(a, o, &e);
		for (k = sizeof(e); k < size; k++)
			m_equal(a, "event: unknown part",
				events[i * size + k], 0);
	}
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
	struct m_helper *h = m_helper_idle(a);
	struct m_source source = {};
	struct m_filled want;
	uint64_t before;
	unsigned int i;

	/* If others wait, too, it is open what each finds when all go on. */
	for (i = 0; i < a->nr_helpers; i++)
		if (a->helpers[i].busy && a->helpers[i].object == from->index)
			relief %= RELIEF_DISARM;
	for (i = 0; i < 64 && o->pages[page].present; i++)
		page = (page + 1) % M_PAGES;
	for (i = 0; i < 64 && from->pages[src].present; i++)
		src = (src + 1) % M_PAGES;
	if (o == from && r[5] % 64 < 8)
		src = page;
	same = o == from && page / SUBS == src / SUBS;
	other = (channel + (o == from)) % from->nr_channels;
	if (!h || from->mode != HUGEPOST_MODE_ARMED || from->efd < 0 ||
	    from->pages[src].present || o->pages[page].present ||
	    m_write_waits(a, from, src) ||
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
	if (!m_helper_waits(a, from, h, before))
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
	if (!m_helper_ends(a, h))
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

/*
 * With others on the same object: a thread touches a missing target page of the
 * actor's, somebody reads its event for all, the page is filled, and there was
 * no second event.
 */
bool m_touch_fill(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	struct m_slot *slot = m_slot(a, o, r[2]);
	struct m_helper *h = m_helper_idle(a);
	unsigned int page = m_pick_page(a, o, r[1]);
	enum m_touch touch = r[3] % TOUCH_FILL;
	struct m_patience turns = {};
	uint32_t before;

	if (!h || o->mode != HUGEPOST_MODE_ARMED)
		return false;
	if (!find_waiting(a, o, slot, touch, &page))
		return false;
	before = __atomic_load_n(&o->seen[page], __ATOMIC_SEQ_CST);
	h->object = o->index;
	h->slot = slot - a->slots[o->index];
	h->poke = r[4] | 1;
	h->value = m_word((struct m_bytes){ .poke = h->poke }, POKE_WORD);
	m_helper_start(h, slot, touch, page, r[5] % WORDS);
	while (__atomic_load_n(&o->seen[page], __ATOMIC_SEQ_CST) == before)
		if (!m_patience(&turns))
			return !m_fail(a, "no event of page %u", page);
	m_count(o->events, 1);
	m_equal(a, "a wait has ended early", !sem_trywait(&h->ended), false);
	relieve(a, o, page, m_pick_channel(a, o, 0),
		r[4] % 4 ? RELIEF_FILL : RELIEF_ZERO);
	m_helper_finish(a, h);
	m_equal(a, "events of a page",
		__atomic_load_n(&o->seen[page], __ATOMIC_SEQ_CST), before + 1);
	return true;
}
