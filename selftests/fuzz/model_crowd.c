// SPDX-License-Identifier: GPL-2.0-only
/*
 * A crowd: several actors fill all target pages of an object at the same time,
 * each with bytes of its own, and others wait for them. Of each page the first
 * one's bytes stay, whole; all others are told of a duplicate.
 */
#include "model.h"

#define FILLERS		4
#define WAITERS		2

struct crowd {
	struct m_object o;
	struct m_report *report;
	unsigned int round;
	char *mem;
	uint8_t filled[M_PAGES];	/* by whom it was told that it is filled */
	uint64_t seen[M_PAGES];		/* events */
	volatile bool stop;
};

struct person {
	pthread_t thread;
	struct crowd *crowd;
	struct m_actor a;		/* to report failures */
	unsigned int id;
	uint64_t rng;
	uint64_t done, duplicates;
};

static struct m_bytes bytes_of(struct crowd *c, unsigned int page,
			       unsigned int who)
{
	return (struct m_bytes){
		.content = (uint64_t)page << 32 | c->round << 8 | (who + 1),
	};
}

/* Whose bytes are they? All must be of one; -1: of nobody. */
static int whose(struct crowd *c, unsigned int page)
{
	const char *at = c->mem + page * TP;
	unsigned int who;

	for (who = 0; who < FILLERS + 1; who++)
		if (*(const uint64_t *)at == m_word(bytes_of(c, page, who), 0))
			return m_bytes_wrong(at, bytes_of(c, page, who)) < 0 ?
			       (int)who : -1;
	return -1;
}

/* A page that is present is somebody's, and the same one's ever after. */
static void look(struct person *p, unsigned int page)
{
	struct crowd *c = p->crowd;
	int who = whose(c, page);
	uint8_t none = 0;

	if (who < 0) {
		m_fail(&p->a, "page %u has bytes of nobody, or of several",
		       page);
		return;
	}
	if (!__atomic_compare_exchange_n(&c->filled[page], &none, who + 1, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		m_equal(&p->a, "who filled a page", who + 1, none);
}

/* Fills @n target pages from @first on, by one entry or by many. */
static void fill(struct person *p, char *buffer, unsigned int first,
		 unsigned int n, bool entries)
{
	struct hugepost_fill_entry e[32];
	struct crowd *c = p->crowd;
	struct hugepost_fill out;
	unsigned int i, nr = entries ? n : 1;
	int ret;

	for (i = 0; i < n; i++)
		m_bytes_write(buffer + i * TP, bytes_of(c, first + i, p->id));
	for (i = 0; i < nr; i++)
		e[i] = (struct hugepost_fill_entry){
			.offset = (first + i) * TP,
			.src = (uintptr_t)buffer + i * TP,
			.len = n / nr * TP,
		};
	ret = hp_fill_entries(c->o.fd, p->id, e, nr, &out);
	m_equal(&p->a, "FILL", ret, 0);
	m_equal(&p->a, "FILL: out_done", out.out_done, nr);
	m_equal(&p->a, "FILL: all pages", out.out_bytes / TP +
		out.out_duplicates, n);
	p->duplicates += out.out_duplicates;
	p->done += n;
	look(p, first + m_random(&p->rng) % n);
	__atomic_add_fetch(&c->report->operations, 1, __ATOMIC_RELAXED);
}

/* All target pages, in pieces, in an order of the filler's own. */
static void *fill_all(void *arg)
{
	struct person *p = arg;
	char *buffer = malloc(32 * TP);
	unsigned int i, k, piece, n;
	unsigned int start = m_random(&p->rng) % (M_PAGES / 32);
	unsigned int stride = 2 * (m_random(&p->rng) % 16) + 1;

	for (i = 0; i < M_PAGES / 32 && !p->crowd->report->failed; i++) {
		piece = (start + i * stride) % (M_PAGES / 32) * 32;
		n = 1U << m_random(&p->rng) % 6;
		for (k = 0; k < 32; k += n)
			fill(p, buffer, piece + k, n, m_random(&p->rng) % 2);
	}
	free(buffer);
	return NULL;
}

/* Reads at random what may be missing, and waits for it. */
static void *touch_any(void *arg)
{
	struct person *p = arg;

	while (!p->crowd->stop && !p->crowd->report->failed)
		look(p, m_random(&p->rng) % M_PAGES);
	return NULL;
}

/*
 * Fills what others wait for. A page has one event, but each that found it missing
 * just before it was filled may raise one that nobody needs.
 */
static void *handle(void *arg)
{
	struct person *p = arg;
	struct crowd *c = p->crowd;
	struct hugepost_event event;
	char *buffer = malloc(TP);
	unsigned int page;

	while (!c->stop) {
		if (!hp_event_waits(c->o.efd, 10) ||
		    hp_read_event(c->o.efd, &event))
			continue;
		page = (unsigned int)(event.offset / TP);
		if (page >= M_PAGES || m_count(c->seen[page], 1) > WAITERS) {
			m_fail(&p->a, "event of page %u", page);
			break;
		}
		fill(p, buffer, page, 1, false);
	}
	free(buffer);
	return NULL;
}

/* All pages are there, each was filled once, and all else was a duplicate. */
static void judge(struct crowd *c, struct person *people,
		  struct m_actor *a)
{
	struct hugepost_channel_stats ch[FILLERS + 1];
	uint64_t bits[M_PAGES / 64], pages = 0, duplicates = 0, done = 0, told = 0;
	unsigned int i;

	m_equal(a, "BITMAP", hp_bitmap(c->o.fd, 0, M_HOSTS * HP, bits),
		M_PAGES);
	m_equal(a, "STATS", hp_channel_stats(c->o.fd, FILLERS + 1, ch), 0);
	for (i = 0; i < FILLERS + 1; i++) {
		pages += ch[i].pages;
		duplicates += ch[i].duplicates;
		done += people[i].done;
		told += people[i].duplicates;
	}
	m_equal(a, "pages filled", pages, M_PAGES * (c->round + 1));
	m_equal(a, "duplicates", duplicates, told);
	m_equal(a, "pages asked for", done, pages + duplicates);
	for (i = 0; i < M_PAGES; i++)
		look(&people[0], i);
}

static void round_of(struct crowd *c, struct person *people, struct m_actor *a)
{
	unsigned int i;

	memset(c->filled, 0, sizeof(c->filled));
	memset(c->seen, 0, sizeof(c->seen));
	c->stop = false;
	for (i = 0; i < FILLERS + 1 + WAITERS; i++)
		pthread_create(&people[i].thread, NULL,
			       i < FILLERS ? fill_all :
			       i == FILLERS ? handle : touch_any, &people[i]);
	for (i = 0; i < FILLERS; i++)
		pthread_join(people[i].thread, NULL);
	c->stop = true;
	for (; i < FILLERS + 1 + WAITERS; i++)
		pthread_join(people[i].thread, NULL);
	if (c->report->failed)
		return;
	judge(c, people, a);
	m_equal(a, "DISCARD", hp_discard(c->o.fd, 0, M_HOSTS * HP), M_PAGES);
}

struct sessions {
	uint64_t seed;
	unsigned int rounds;
};

static void play(const void *arg, struct m_report *report)
{
	const struct sessions *s = arg;
	uint64_t seed = s->seed;
	static struct person people[FILLERS + 1 + WAITERS];
	static struct crowd c;
	static struct m_actor a;
	unsigned int i;

	a.report = report;
	c.report = report;
	if (!m_equal(&a, "open", m_object_open(&c.o, 0, FILLERS + 1,
					       seed % 3 ? 0 :
					       HUGEPOST_SETUP_PREALLOC), 0))
		return;
	c.mem = hp_map(c.o.fd, 0, M_HOSTS * HP);
	/* What poll() told of may have been filled meanwhile. */
	c.o.efd = hp_arm(c.o.fd, HUGEPOST_ARM_NONBLOCK);
	if (c.mem == MAP_FAILED || c.o.efd < 0) {
		m_fail(&a, "mmap or ARM: %d", -errno);
		return;
	}
	for (i = 0; i < ARRAY_SIZE(people); i++) {
		people[i].crowd = &c;
		people[i].a.report = report;
		people[i].id = i;
		people[i].rng = m_random(&seed);
	}
	for (c.round = 0; c.round < s->rounds && !report->failed; c.round++)
		round_of(&c, people, &a);
}

bool m_crowd_play(uint64_t seed, unsigned int rounds, struct m_report *report)
{
	const struct sessions sessions = { .seed = seed, .rounds = rounds };

	return m_in_child(play, &sessions, report);
}
