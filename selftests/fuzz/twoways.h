/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * twoways: two objects, the calls that are made on both, and what of them is
 * compared.
 */
#ifndef HUGEPOST_TWOWAYS_H
#define HUGEPOST_TWOWAYS_H

#include <stdarg.h>
#include <stddef.h>

#include "../programs/hugepost_test.h"

#define HOSTS		3
#define PAGES		(HOSTS * SUBS)
#define CHANNELS	3
#define ENTRIES		4
#define LONGER		8		/* bytes behind the structure */
#define CANARY		0xc5
#define NOWHERE		0xffff888000000000

/* What a call points to, by target pages; each side has such an area of its own. */
enum {
	AT_SOURCE = 0,			/* and three more */
	AT_HOLE = 4,
	AT_READ_ONLY = 5,
	AT_ENTRIES = 7,			/* holes are between all */
	AT_CALL = 9,
	AT_CALL_READ_ONLY = 11,
	AREA = 13,
};

/* An address in the area, or one that is the same on both sides. */
struct place {
	bool inside;
	uint64_t at;
};

struct call {
	struct hugepost_fill arg;
	struct hugepost_fill_entry entries[ENTRIES];
	unsigned int nr;		/* entries that there are */
	struct place source[ENTRIES], list, at;
	bool at_end;			/* the structure ends with its target page */
	unsigned int dropped;		/* target pages that are not mapped yet */
};

/* A FILL whose source is not there: its channel is busy meanwhile. */
struct blocked {
	pthread_t thread;
	struct hugepost_fill arg;
	int ret;
};

struct side {
	bool longer;
	int fd, efd;
	char *mem;
	char *area, *alias;		/* as calls see it, and always writable */
	struct blocked blocked;
};

/* What calls came to, so that a test in which nothing happens shows. */
enum { FILLED, DUPLICATE, ZERO, REFUSED, CASES };

struct pair {
	struct side side[2];
	uint64_t rng, step, cases[CASES];
	int lack;			/* an armed object that others' sources are in */
	int lack_efd;
	char *lack_mem;
	int mode, busy;			/* busy: a channel, or -1 */
	unsigned int aim;		/* a target page that is often asked for */
	uint64_t present[PAGES / 64];
	const char *doing;
	struct call last;
	char wrong[256];		/* the first difference */
};

static inline uint64_t number(struct pair *p)
{
	uint64_t x = p->rng += 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

static inline uint64_t below(struct pair *p, uint64_t n)
{
	return number(p) % n;
}

static inline bool one_in(struct pair *p, unsigned int n)
{
	return !below(p, n);
}

static inline void __attribute__((format(printf, 2, 3)))
differ(struct pair *p, const char *format, ...)
{
	va_list args;

	if (*p->wrong)
		return;
	va_start(args, format);
	vsnprintf(p->wrong, sizeof(p->wrong), format, args);
	va_end(args);
}

static inline void same(struct pair *p, const char *what, uint64_t one, uint64_t other)
{
	if (one != other)
		differ(p, "%s: %lld, and %lld the long way", what,
		       (long long)one, (long long)other);
}

#define FIGURE(type, field)	{ #field, offsetof(struct type, field) }

static const struct figure {
	const char *name;
	size_t at;
} object_figures[] = {
	/* Of faults only FILL's part is compared: what it makes of events. */
	FIGURE(hugepost_stats, out_channels),	/* and out_mode */
	FIGURE(hugepost_stats, out_length),
	FIGURE(hugepost_stats, out_empty),
	FIGURE(hugepost_stats, out_assembling),
	FIGURE(hugepost_stats, out_present),
	FIGURE(hugepost_stats, out_zero),
	FIGURE(hugepost_stats, out_memory),
	FIGURE(hugepost_stats, out_staging),
	FIGURE(hugepost_stats, out_metadata),
	FIGURE(hugepost_stats, out_events),
	FIGURE(hugepost_stats, out_zero_fills),
	FIGURE(hugepost_stats, out_discarded),
	FIGURE(hugepost_stats, out_poisoned),
}, channel_figures[] = {
	FIGURE(hugepost_channel_stats, host_page),
	FIGURE(hugepost_channel_stats, host_page_filled), /* all_zero, busy */
	FIGURE(hugepost_channel_stats, pages),
	FIGURE(hugepost_channel_stats, zero_pages),
	FIGURE(hugepost_channel_stats, bytes),
	FIGURE(hugepost_channel_stats, duplicates),
	FIGURE(hugepost_channel_stats, replaced),
	FIGURE(hugepost_channel_stats, resets),
};

static inline void same_figures(struct pair *p, const struct figure *f,
				unsigned int nr, const void *one,
				const void *other)
{
	uint64_t x, y;

	for (; nr; nr--, f++) {
		memcpy(&x, one + f->at, sizeof(x));
		memcpy(&y, other + f->at, sizeof(y));
		same(p, f->name, x, y);
	}
}

/* All that the objects tell of themselves. */
static inline void compare_states(struct pair *p)
{
	struct hugepost_channel_stats ch[2][CHANNELS];
	struct hugepost_stats stats[2];
	uint64_t bits[2][PAGES / 64];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		stats[i] = (struct hugepost_stats){
			.size = sizeof(stats[i]),
			.channels = (uintptr_t)ch[i],
			.nr_channels = CHANNELS,
			.channel_size = sizeof(ch[i][0]),
		};
		same(p, "STATS",
		     hp_call(p->side[i].fd, HUGEPOST_STATS, &stats[i]), 0);
		same(p, "BITMAP", hp_bitmap(p->side[i].fd, 0, PAGES * TP,
					    bits[i]) >= 0, true);
	}
	same_figures(p, object_figures, ARRAY_SIZE(object_figures), &stats[0],
		     &stats[1]);
	for (i = 0; i < CHANNELS; i++)
		same_figures(p, channel_figures, ARRAY_SIZE(channel_figures),
			     &ch[0][i], &ch[1][i]);
	for (i = 0; i < PAGES / 64; i++)
		same(p, "bits", bits[0][i], bits[1][i]);
	memcpy(p->present, bits[0], sizeof(p->present));
	p->mode = stats[0].out_mode;
}

static inline bool present(const struct pair *p, unsigned int page)
{
	return p->present[page / 64] >> page % 64 & 1;
}

static inline void compare_page(struct pair *p, unsigned int page)
{
	if (present(p, page) && memcmp(p->side[0].mem + page * TP,
				       p->side[1].mem + page * TP, TP))
		differ(p, "the bytes of page %u", page);
}

static inline void compare_bytes(struct pair *p)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		compare_page(p, i);
}

static inline struct place inside(uint64_t page, uint64_t byte)
{
	return (struct place){ .inside = true, .at = page * TP + byte };
}

static inline struct place elsewhere(uint64_t address)
{
	return (struct place){ .at = address };
}

static inline uint64_t address(const struct side *s, struct place place)
{
	return place.inside ? (uintptr_t)s->area + place.at : place.at;
}

static inline unsigned int pick_page(struct pair *p)
{
	switch (below(p, 8)) {
	case 0:
	case 1:
		return p->aim;
	case 2:
		return p->aim = (p->aim + 1) % PAGES;
	case 3:
	case 4:
		return p->aim = p->aim / SUBS * SUBS + below(p, SUBS);
	default:
		return below(p, PAGES);
	}
}

static inline struct place pick_source(struct pair *p)
{
	switch (below(p, 16)) {
	case 0:
		return inside(AT_HOLE, below(p, TP));
	case 1: /* the end of it is not there */
		return inside(AT_HOLE - 1, 1 + below(p, TP - 1));
	case 2:
		return inside(AT_READ_ONLY, 0);
	case 3:
		return elsewhere(one_in(p, 2) ? 0 : NOWHERE);
	case 4:
		return elsewhere(-TP / 2);
	case 5:
	case 6:
	case 7:
		return inside(below(p, 3), below(p, TP));
	default:
		return inside(below(p, 4), 0);
	}
}

static inline struct place pick_list(struct pair *p, unsigned int nr)
{
	size_t size = nr * sizeof(struct hugepost_fill_entry);

	switch (below(p, 12)) {
	case 0: /* the end of it is not there */
		return inside(AT_ENTRIES, TP - size + 8 * (1 + below(p, 3)));
	case 1:
		return elsewhere(one_in(p, 2) ? 8 : NOWHERE);
	case 2:
		return inside(AT_ENTRIES, 1 + below(p, 7));
	case 3:
	case 4:
		return inside(AT_ENTRIES, TP - size);
	default:
		return inside(AT_ENTRIES, 0);
	}
}

/* An argument whose outputs alone are not there is the one thing that may differ. */
static inline void pick_argument(struct pair *p, struct call *c)
{
	const size_t inputs = offsetof(struct hugepost_fill, out_done);

	switch (below(p, 6)) {
	case 0:
		c->at = inside(AT_CALL_READ_ONLY, 8 * below(p, 8));
		break;
	case 1:
		c->at = inside(AT_CALL, TP - below(p, inputs));
		break;
	case 2:
		c->at_end = true;
		break;
	case 3:
		c->at = inside(AT_CALL, 1 + below(p, 7));
		break;
	default:
		c->at = inside(AT_CALL, 0);
		break;
	}
}

/* A FILL of target pages of one entry, with nothing special about it. */
static inline void call_make(struct pair *p, struct call *c,
			     unsigned int page, unsigned int nr)
{
	*c = (struct call){
		.arg.channel = below(p, CHANNELS),
		.arg.nr = 1,
		.nr = 1,
		.arg.out_done = 77,
		.arg.out_bytes = 78,
		.arg.out_duplicates = 79,
		.entries[0].offset = page * TP,
		.entries[0].len = nr * TP,
		.source[0] = inside(below(p, 4), 0),
		.list = inside(AT_ENTRIES, 0),
		.at = inside(AT_CALL, 0),
	};
}

static inline void make_zero(struct call *c, unsigned int i)
{
	c->entries[i].flags |= HUGEPOST_FILL_ZERO;
	c->source[i] = elsewhere(0);
}

/* Makes one thing about the call special. */
static inline void call_change(struct pair *p, struct call *c)
{
	struct hugepost_fill_entry *e = &c->entries[below(p, c->nr)];
	unsigned int i;

	switch (below(p, 20)) {
	case 0:
		c->arg.channel = CHANNELS + below(p, 3);
		break;
	case 1:
		c->arg.flags = 1U << below(p, 32);
		break;
	case 2:
		c->arg.entry_size = one_in(p, 2) ? 32 : number(p);
		break;
	case 3:
		c->arg.nr = one_in(p, 2) ? 0 : HUGEPOST_FILL_MAX + 1;
		break;
	case 4:
		c->arg.size = one_in(p, 2) ? below(p, sizeof(c->arg)) : TP + 1;
		break;
	case 5:
		e->flags ^= 1U << below(p, 32);
		break;
	case 6:
		e->__reserved = number(p);
		break;
	case 7:
		e->len = one_in(p, 2) ? below(p, 2 * TP) : 2 * TP;
		break;
	case 8:
		e->offset += 1 + below(p, TP - 1);
		break;
	case 9:
		e->offset = (PAGES + below(p, 1000)) * TP;
		break;
	case 10:
		e->offset = -(uint64_t)(1 + below(p, 2)) * TP;
		break;
	case 11:
		e->flags |= HUGEPOST_FILL_REPLACE;
		break;
	case 12: /* with a source */
		e->flags |= HUGEPOST_FILL_ZERO;
		c->source[e - c->entries] = inside(AT_SOURCE, 0);
		break;
	case 13:
		c->dropped = one_in(p, 2) ? AT_HOLE : AREA;
		break;
	case 14:
		c->list = pick_list(p, c->nr);
		break;
	case 15:
		pick_argument(p, c);
		break;
	case 16:
		c->nr = 2 + below(p, ENTRIES - 1);
		c->arg.nr = c->nr;
		for (i = 1; i < c->nr; i++) {
			c->entries[i] = c->entries[0];
			c->entries[i].offset = pick_page(p) * TP;
			c->source[i] = c->source[0];
		}
		break;
	default:
		c->source[e - c->entries] = pick_source(p);
		break;
	}
}

/* Bytes that no target page has: copies of them tell when and from where. */
static inline void stamp(struct pair *p, struct side *s)
{
	static const unsigned int pages[] = { 0, 1, 2, 3, AT_READ_ONLY };
	uint64_t value[2] = { p->step, 0 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		char *page = s->alias + pages[i] * TP;

		value[1] = pages[i];
		memcpy(page, value, sizeof(value));
		memcpy(page + TP / 2, value, sizeof(value));
		memcpy(page + TP - sizeof(value), value, sizeof(value));
	}
}

/* Makes the call on one side; *@arg is what it left there. */
static inline int call_side(struct pair *p, struct side *s,
			    const struct call *c, struct hugepost_fill *arg)
{
	size_t size = sizeof(*arg) + (s->longer ? LONGER : 0), i;
	struct hugepost_fill_entry entries[ENTRIES];
	char room[sizeof(*arg) + 2 * LONGER];
	struct place at = c->at;
	char *to, *list;
	int ret;

	if (c->at_end)
		at = inside(AT_CALL, TP - size);
	memcpy(entries, c->entries, sizeof(entries));
	for (i = 0; i < ENTRIES; i++)
		entries[i].src = address(s, c->source[i]);
	*arg = c->arg;
	arg->entries = address(s, c->list);
	if (!arg->size)
		arg->size = size;
	memset(room, CANARY, sizeof(room));
	memcpy(room, arg, sizeof(*arg));
	memset(room + sizeof(*arg), 0, size - sizeof(*arg));

	stamp(p, s);
	to = s->alias + at.at;
	memcpy(to, room, sizeof(room));
	list = s->alias + c->list.at;
	if (c->list.inside)
		memcpy(list, entries, sizeof(entries));
	if (c->dropped)
		madvise(s->area, c->dropped * TP, MADV_DONTNEED);

	ret = hp_call(s->fd, HUGEPOST_FILL, s->area + at.at);

	memcpy(arg, to, sizeof(*arg));
	if (memcmp(to, room, offsetof(struct hugepost_fill, out_done)) ||
	    arg->entry_size != c->arg.entry_size)
		differ(p, "inputs are changed");
	if (memcmp(to + sizeof(*arg), room + sizeof(*arg), 2 * LONGER))
		differ(p, "what is behind the argument is changed");
	if (c->list.inside && memcmp(list, entries, sizeof(entries)))
		differ(p, "entries are changed");
	return ret;
}

/* Makes the call on both sides. */
static inline int call_both(struct pair *p, const struct call *c)
{
	struct hugepost_fill arg[2];
	int ret[2], i;

	p->last = *c;
	for (i = 0; i < 2; i++)
		ret[i] = call_side(p, &p->side[i], c, &arg[i]);
	same(p, "FILL", ret[0], ret[1]);
	same(p, "out_done", arg[0].out_done, arg[1].out_done);
	same(p, "out_bytes", arg[0].out_bytes, arg[1].out_bytes);
	same(p, "out_duplicates", arg[0].out_duplicates, arg[1].out_duplicates);
	if (ret[0])
		p->cases[REFUSED]++;
	else if (arg[0].out_bytes)
		p->cases[FILLED]++;
	else if (arg[0].out_duplicates)
		p->cases[DUPLICATE]++;
	else
		p->cases[ZERO]++;
	return ret[0];
}

#endif /* HUGEPOST_TWOWAYS_H */
