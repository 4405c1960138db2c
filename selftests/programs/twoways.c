// SPDX-License-Identifier: GPL-2.0-only
/*
 * The two ways of a FILL, compared: the module has a fast one for calls that ask
 * for one target page or for a host page of zeros (kmod/fill_fast.c), and one for all
 * others. The same random calls are made on two objects: as they are, and in a
 * longer structure, whose rest is zero, which never goes the fast way. All that
 * calls return and leave behind must be the same.
 *
 * HUGEPOST_SEED replays, HUGEPOST_OPS is how many steps are to be made, and
 * HUGEPOST_SECONDS how long: the first limit that is reached ends it.
 */
#include <time.h>

#include "hugepost_test.h"
#include "hugepost_touch.h"
#include "../fuzz/twoways.h"

static bool step_fill(struct pair *p)
{
	unsigned int changes = one_in(p, 3) ? 1 + one_in(p, 3) : 0;
	unsigned int page = pick_page(p), tries = below(p, 16);
	struct call c;

	for (; tries && present(p, page); tries--)
		page = pick_page(p);
	call_make(p, &c, page, 1);
	if (one_in(p, 8)) {
		c.entries[0].offset = (one_in(p, 4) ? below(p, HOSTS + 2) :
				       page / SUBS) * HP;
		c.entries[0].len = HP;
		make_zero(&c, 0);
		if (one_in(p, 8)) /* with a source, which is refused */
			c.source[0] = inside(AT_SOURCE, 0);
	}
	for (; changes; changes--)
		call_change(p, &c);
	call_both(p, &c);
	if (!c.entries[0].flags && one_in(p, 4)) {
		compare_states(p);
		compare_page(p, page);
	}
	return true;
}

static bool discard(struct pair *p, unsigned int page, unsigned int nr)
{
	int64_t gone[2];
	unsigned int i;

	for (i = 0; i < 2; i++)
		gone[i] = hp_discard(p->side[i].fd, page * TP, nr * TP);
	same(p, "DISCARD", gone[0], gone[1]);
	return true;
}

static bool step_discard(struct pair *p)
{
	unsigned int page = pick_page(p);

	return discard(p, page, 1 + below(p, PAGES - page < 64 ?
					  PAGES - page : 64));
}

static bool step_discard_host(struct pair *p)
{
	return discard(p, pick_page(p) / SUBS * SUBS, SUBS);
}

/* A host page lacks one target page, which is asked for soon. */
static bool step_nearly(struct pair *p)
{
	unsigned int first = pick_page(p) / SUBS * SUBS, sub = below(p, SUBS);
	struct call c;

	discard(p, first, SUBS);
	p->aim = first + sub;
	if (one_in(p, 2)) {
		call_make(p, &c, first + (sub + 1) % SUBS, 1);
		call_both(p, &c);
	}
	if (sub) {
		call_make(p, &c, first, sub);
		make_zero(&c, 0);
		call_both(p, &c);
	}
	if (sub < SUBS - 1) {
		call_make(p, &c, first + sub + 1, SUBS - 1 - sub);
		make_zero(&c, 0);
		call_both(p, &c);
	}
	return true;
}

static bool step_reset(struct pair *p)
{
	unsigned int channel = below(p, CHANNELS);

	same(p, "RESET", hp_reset(p->side[0].fd, channel),
	     hp_reset(p->side[1].fd, channel));
	return true;
}

static bool step_arm(struct pair *p)
{
	int efd[2], i;

	for (i = 0; i < 2; i++)
		efd[i] = hp_arm(p->side[i].fd, 0);
	same(p, "ARM", efd[0] < 0 ? efd[0] : 0, efd[1] < 0 ? efd[1] : 0);
	for (i = 0; i < 2; i++) {
		if (efd[i] < 0)
			continue;
		if (p->side[i].efd >= 0)
			close(p->side[i].efd);
		p->side[i].efd = efd[i];
	}
	return true;
}

/* DISARM, or the handler goes away. */
static bool step_leave(struct pair *p)
{
	bool lose = one_in(p, 2);
	unsigned int i;

	if (lose && p->side[0].efd < 0)
		return false;
	for (i = 0; i < 2; i++) {
		if (!lose) {
			hp_disarm(p->side[i].fd);
			continue;
		}
		close(p->side[i].efd);
		p->side[i].efd = -1;
	}
	return true;
}

/* A touch, which on an unarmed object makes missing pages zero. */
static bool step_touch(struct pair *p)
{
	unsigned int page = pick_page(p);
	int byte = one_in(p, 2) ? -1 : (int)below(p, 256);
	uint64_t at = page * TP + below(p, TP);

	if (p->mode == HUGEPOST_MODE_ARMED && !present(p, page))
		return false;
	same(p, "signal of a touch", hp_touch(p->side[0].mem + at, byte),
	     hp_touch(p->side[1].mem + at, byte));
	return true;
}

/* A thread waits for a target page; a FILL drops its event and wakes it. */
static bool step_wait(struct pair *p)
{
	unsigned int page = pick_page(p), first = page / SUBS * SUBS, i;
	bool look = one_in(p, 2);
	struct hugepost_event event[2] = {};
	struct hp_toucher t[2];
	struct call c;

	if (p->mode != HUGEPOST_MODE_ARMED || present(p, page))
		return false;
	for (i = 0; i < 2; i++) {
		hp_toucher_start(&t[i], p->side[i].mem + page * TP, -1);
		same(p, "an event", hp_event_waits(p->side[i].efd, -1), true);
	}
	for (i = 0; i < 2 && look; i++)
		same(p, "read", hp_read_event(p->side[i].efd, &event[i]), 0);
	same(p, "event: offset", event[0].offset, event[1].offset);
	call_make(p, &c, first + (page + 1) % SUBS, 1);
	if (one_in(p, 2))
		call_both(p, &c);
	call_make(p, &c, page, 1);
	if (one_in(p, 3)) {
		c.entries[0].offset = first * TP;
		c.entries[0].len = HP;
		make_zero(&c, 0);
	}
	if (p->busy >= 0)
		c.arg.channel = (p->busy + 1) % CHANNELS;
	same(p, "FILL of what is waited for", call_both(p, &c), 0);
	same(p, "an event is left", hp_event_waits(p->side[0].efd, 0),
	     hp_event_waits(p->side[1].efd, 0));
	/* A waiter that is forgotten goes on, too. */
	for (i = 0; i < 2 && *p->wrong; i++)
		hp_disarm(p->side[i].fd);
	same(p, "the byte", hp_toucher_end(&t[0]), hp_toucher_end(&t[1]));
	return true;
}

static void *blocked_run(void *arg)
{
	struct side *s = arg;
	struct blocked *b = &s->blocked;

	b->ret = hp_call(s->fd, HUGEPOST_FILL, &b->arg);
	return NULL;
}

/* A FILL whose source is missing in an armed object: its channel is busy. */
static bool step_block(struct pair *p)
{
	static struct hugepost_fill_entry entries[2];
	unsigned int page = pick_page(p), i;
	struct hugepost_event event;

	if (p->busy >= 0)
		return false;
	p->busy = (int)below(p, CHANNELS);
	for (i = 0; i < 2; i++) {
		struct side *s = &p->side[i];

		entries[i] = (struct hugepost_fill_entry){
			.offset = page * TP, .len = TP,
			.src = (uintptr_t)p->lack_mem + i * TP,
		};
		s->blocked.arg = (struct hugepost_fill){
			.size = sizeof(s->blocked.arg), .channel = p->busy,
			.nr = 1, .entries = (uintptr_t)&entries[i],
		};
		if (present(p, page))
			continue;
		pthread_create(&s->blocked.thread, NULL, blocked_run, s);
		hp_read_event(p->lack_efd, &event);
		same(p, "a source that lacks", event.offset, i * TP);
	}
	if (present(p, page))
		p->busy = -1;
	return true;
}

static bool step_unblock(struct pair *p)
{
	struct blocked *one = &p->side[0].blocked, *other = &p->side[1].blocked;

	if (p->busy < 0)
		return false;
	hp_fill(p->lack, 0, 0, NULL, 2 * TP, HUGEPOST_FILL_ZERO);
	pthread_join(one->thread, NULL);
	pthread_join(other->thread, NULL);
	hp_discard(p->lack, 0, HP);
	same(p, "FILL that waited", one->ret, other->ret);
	same(p, "out_done of it", one->arg.out_done, other->arg.out_done);
	p->busy = -1;
	return true;
}

static bool step_look(struct pair *p)
{
	compare_bytes(p);
	return true;
}

static const struct step {
	const char *name;
	bool (*make)(struct pair *p);
	unsigned int weight;
} steps[] = {
	{ "fill", step_fill, 800 },
	{ "discard", step_discard, 40 },
	{ "discard_host", step_discard_host, 60 },
	{ "nearly", step_nearly, 30 },
	{ "reset", step_reset, 15 },
	{ "arm", step_arm, 15 },
	{ "leave", step_leave, 10 },
	{ "touch", step_touch, 30 },
	{ "wait", step_wait, 20 },
	{ "block", step_block, 4 },
	{ "unblock", step_unblock, 10 },
	{ "look", step_look, 4 },
};

static void make_step(struct pair *p)
{
	unsigned int sum = 0, i;

	for (i = 0; i < ARRAY_SIZE(steps); i++)
		sum += steps[i].weight;
	sum = below(p, sum);
	for (i = 0; sum >= steps[i].weight; i++)
		sum -= steps[i].weight;
	p->doing = steps[i].name;
	if (steps[i].make(p))
		compare_states(p);
	p->step++;
}

static bool side_start(struct side *s, uint32_t flags)
{
	static const unsigned int holes[] = { 4, 6, 8, 10, 12 };
	static const unsigned int read_only[] = { 5, 11 };
	int fd = memfd_create("twoways", MFD_CLOEXEC);
	unsigned int i;

	s->efd = -1;
	s->fd = hp_new(PAGES * TP, CHANNELS, flags);
	s->mem = hp_map(s->fd, 0, PAGES * TP);
	if (ftruncate(fd, AREA * TP))
		return false;
	s->area = hp_map(fd, 0, AREA * TP);
	s->alias = hp_map(fd, 0, AREA * TP);
	close(fd);
	if (s->fd < 0 || s->mem == MAP_FAILED || s->area == MAP_FAILED ||
	    s->alias == MAP_FAILED)
		return false;
	for (i = 0; i < 4 * TP; i++)
		s->alias[i] = (char)hp_pattern(i / TP, 1, i % TP);
	hp_pattern_write(s->alias + AT_READ_ONLY * TP, AT_READ_ONLY, 1);
	for (i = 0; i < ARRAY_SIZE(holes); i++)
		mprotect(s->area + holes[i] * TP, TP, PROT_NONE);
	for (i = 0; i < ARRAY_SIZE(read_only); i++)
		mprotect(s->area + read_only[i] * TP, TP, PROT_READ);
	return true;
}

static bool pair_start(struct pair *p, uint32_t flags)
{
	p->busy = -1;
	p->lack = hp_new(HP, 1, 0);
	p->lack_mem = hp_map(p->lack, 0, HP);
	p->lack_efd = hp_arm(p->lack, 0);
	p->side[1].longer = true;
	return p->lack_mem != MAP_FAILED && p->lack_efd >= 0 &&
	       side_start(&p->side[0], flags) && side_start(&p->side[1], flags);
}

static void pair_end(struct pair *p)
{
	unsigned int i;

	step_unblock(p);
	for (i = 0; i < 2; i++) {
		munmap(p->side[i].area, AREA * TP);
		munmap(p->side[i].alias, AREA * TP);
		munmap(p->side[i].mem, PAGES * TP);
		close(p->side[i].efd);
		close(p->side[i].fd);
	}
	munmap(p->lack_mem, HP);
	close(p->lack_efd);
	close(p->lack);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ULL + t.tv_nsec / 1000;
}

static uint64_t seed, seconds, wanted;

/* When all tests are known, and none has begun. */
static void __attribute__((constructor)) read_environment(void)
{
	struct __test_metadata *t;

	seed = hp_env("HUGEPOST_SEED", (uint32_t)now());
	seconds = hp_env("HUGEPOST_SECONDS", 0);
	wanted = hp_env("HUGEPOST_OPS", seconds ? UINT64_MAX :
			4000 / hp_slowness());
	/* Who asks for more gives it the time. */
	for (t = _fixture_global.tests; t; t = t->next)
		t->timeout += seconds ? seconds : wanted / 100;
	printf("# twoways: seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
}

static void print_call(const struct call *c)
{
	const struct hugepost_fill *arg = &c->arg;
	unsigned int i;

	printf("# the last FILL: size %u, flags %#x, channel %u, nr %u, at %#llx%s, entries at %#llx\n",
	       arg->size, arg->flags, arg->channel, arg->nr,
	       (unsigned long long)c->at.at, c->at_end ? " (end)" : "",
	       (unsigned long long)c->list.at);
	for (i = 0; i < c->nr; i++)
		printf("# offset %#llx, length %#llx, flags %#x, source %#llx\n",
		       (unsigned long long)c->entries[i].offset,
		       (unsigned long long)c->entries[i].len,
		       c->entries[i].flags,
		       (unsigned long long)c->source[i].at);
}

static void compare_ways(struct __test_metadata *_metadata, uint32_t flags)
{
	uint64_t until = now() + seconds * 1000000 / 2;
	static struct pair pair;
	struct pair *p = &pair;
	unsigned int i;

	p->rng = 2 * seed + flags;
	ASSERT_TRUE(pair_start(p, flags));
	compare_states(p);
	while (!*p->wrong && p->step < wanted / 2 && (!seconds || now() < until))
		make_step(p);
	if (!*p->wrong)
		compare_bytes(p);
	EXPECT_STREQ(p->wrong, "") {
		TH_LOG("HUGEPOST_SEED=%llu, after %llu steps, %s",
		       (unsigned long long)seed, (unsigned long long)p->step,
		       p->doing);
		print_call(&p->last);
	}
	pair_end(p);
	printf("# %llu steps: %llu FILLs with pages, %llu without, %llu of zeros, %llu refused\n",
	       (unsigned long long)p->step,
	       (unsigned long long)p->cases[FILLED],
	       (unsigned long long)p->cases[DUPLICATE],
	       (unsigned long long)p->cases[ZERO],
	       (unsigned long long)p->cases[REFUSED]);
	if (*p->wrong || p->step < 500)
		return;
	for (i = 0; i < CASES; i++)
		EXPECT_GT(p->cases[i], 0);
}

/* Rule: both ways do the same, where staging is allocated when it is needed. */
TEST(on_demand)
{
	compare_ways(_metadata, 0);
}

/* Rule: the same, where all host pages have their memory from the beginning. */
TEST(prealloc)
{
	compare_ways(_metadata, HUGEPOST_SETUP_PREALLOC);
}

TEST_HARNESS_MAIN
