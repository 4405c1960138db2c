// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random sequences of all calls, compared with a model of what each target page
 * must hold (../fuzz/model*.c).
 *
 * HUGEPOST_SEED replays, HUGEPOST_OPS is how many operations are to be made, and
 * HUGEPOST_SECONDS how long: the first limit that is reached ends it. The last
 * line says how many were made; an operation is a step that made its calls and
 * compared what came of them.
 */
#include "hugepost_test.h"
#include "../fuzz/model.h"

#define STEPS	2500			/* of one sequence */
#define PLAYERS	2			/* sequences at the same time */

/* What all tests share: they run in processes of their own. */
static struct totals {
	uint64_t seed, operations, wanted;
	double seconds, began;
	pid_t pid;
} *totals;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static double from_environment(const char *name, double otherwise)
{
	const char *value = getenv(name);

	return value && *value ? strtod(value, NULL) : otherwise;
}

static void print_totals(void)
{
	if (getpid() == totals->pid)
		printf("# model: %llu operations in %.1f seconds, seed %llu\n",
		       (unsigned long long)totals->operations,
		       now() - totals->began,
		       (unsigned long long)totals->seed);
}

/* When all tests are known, and none has begun. */
static void __attribute__((constructor)) start_totals(void)
{
	struct __test_metadata *t;

	totals = mmap(NULL, sizeof(*totals), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	totals->pid = getpid();
	totals->began = now();
	totals->seconds = from_environment("HUGEPOST_SECONDS", 0);
	totals->wanted = from_environment("HUGEPOST_OPS", totals->seconds ?
					  1e15 : 100000.0 / hp_slowness());
	totals->seed = from_environment("HUGEPOST_SEED",
					(uint32_t)(totals->began * 1e6));
	/* Who asks for more gives it the time. */
	for (t = _fixture_global.tests; t; t = t->next)
		t->timeout += totals->seconds ? totals->seconds :
			      totals->wanted / 500;
	if (access("/dev/ram0", F_OK) && system("modprobe -q brd rd_nr=1"))
		printf("# model: no RAM disk (brd), so no O_DIRECT\n");
	printf("# model: seed %llu\n", (unsigned long long)totals->seed);
	fflush(stdout);
	atexit(print_totals);
}

/* A test's share of all operations, or of the time. */
struct share {
	uint64_t wanted, done;
	double began, until;
};

static struct share share_of(unsigned int percent)
{
	return (struct share){
		.wanted = totals->wanted * percent / 100,
		.began = now(),
		.until = totals->seconds ?
			 now() + totals->seconds * percent / 100 : 0,
	};
}

static bool goes_on(const struct share *s)
{
	return __atomic_load_n(&s->done, __ATOMIC_RELAXED) < s->wanted &&
	       (!s->until || now() < s->until);
}

static void count(struct share *s, uint64_t operations)
{
	__atomic_add_fetch(&s->done, operations, __ATOMIC_RELAXED);
	__atomic_add_fetch(&totals->operations, operations, __ATOMIC_RELAXED);
}

static void print_share(const struct share *s)
{
	printf("# %llu operations in %.1f seconds\n",
	       (unsigned long long)s->done, now() - s->began);
}

static void *new_shared(size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static struct m_report *new_report(void)
{
	return new_shared(sizeof(struct m_report));
}

/* Plays sequences until the share is done, or one fails. */
struct player {
	pthread_t thread;
	enum m_kind kind;
	struct share *share;
	uint64_t seed;
	struct m_step steps[STEPS];
	struct m_report *report;
};

static void *play_sequences(void *arg)
{
	struct player *p = arg;

	for (; goes_on(p->share); p->seed += PLAYERS) {
		m_sequence(p->steps, STEPS, p->kind, p->seed);
		if (!m_play(p->steps, STEPS, false, false, p->report))
			break;
		count(p->share, p->report->operations);
	}
	return NULL;
}

/* Shrinks the steps that failed, and prints what is left of them. */
static void explain(struct player *p)
{
	struct m_report last = *p->report;
	unsigned int nr;

	printf("# %s (HUGEPOST_SEED=%llu, step %d, %s): shrinking\n",
	       last.message, (unsigned long long)p->seed, last.step,
	       m_ops[p->steps[last.step].op].name);
	fflush(stdout);
	nr = m_shrink(p->steps, STEPS, false, p->report);
	printf("# %u steps are left:\n", nr);
	if (m_play(p->steps, nr, false, true, p->report))
		printf("# and they do not fail each time: %s\n", last.message);
	else
		printf("# %s\n", p->report->message);
}

static void play_alone(struct __test_metadata *_metadata, enum m_kind kind,
		       unsigned int percent)
{
	struct share share = share_of(percent);
	static struct player players[PLAYERS];
	unsigned int i;

	for (i = 0; i < PLAYERS; i++) {
		players[i].kind = kind;
		players[i].share = &share;
		players[i].seed = totals->seed + i;
		players[i].report = new_report();
		pthread_create(&players[i].thread, NULL, play_sequences,
			       &players[i]);
	}
	for (i = 0; i < PLAYERS; i++)
		pthread_join(players[i].thread, NULL);
	print_share(&share);
	for (i = 0; i < PLAYERS; i++) {
		EXPECT_FALSE(players[i].report->failed)
			explain(&players[i]);
	}
}

/* Rule: whatever one actor does, two objects are as the model says. */
TEST(alone)
{
	play_alone(_metadata, KIND_ALONE, 40);
}

/* Rule: the same, where an object's memory is most often another's source. */
TEST(sources)
{
	play_alone(_metadata, KIND_SOURCES, 15);
}

/* Plays teams of @members actors until the share is done. */
static void play_teams(struct __test_metadata *_metadata, unsigned int percent,
		       unsigned int members, bool processes)
{
	struct m_report *report = new_report();
	struct share s = share_of(percent);
	struct m_team team = {
		.members = members, .processes = processes, .rounds = 4,
		.steps = 500, .seed = totals->seed,
	};

	for (; goes_on(&s); team.seed++) {
		ASSERT_TRUE(m_team_play(&team, report))
			TH_LOG("%s (HUGEPOST_SEED=%llu)", report->message,
			       (unsigned long long)team.seed);
		count(&s, report->operations);
	}
	print_share(&s);
}

/* Rule: what threads do to pages of their own, others do not disturb. */
TEST(threads)
{
	play_teams(_metadata, 10, 3, false);
}

/* Rule: the same of processes that share the objects. */
TEST(processes)
{
	play_teams(_metadata, 15, 3, true);
}

/* Rule: of several that fill one page the first one's bytes stay, whole. */
TEST(crowd)
{
	struct m_report *report = new_report();
	struct share s = share_of(15);
	uint64_t seed;

	for (seed = totals->seed; goes_on(&s); seed++) {
		ASSERT_TRUE(m_crowd_play(seed, 2, report))
			TH_LOG("%s (HUGEPOST_SEED=%llu)", report->message,
			       (unsigned long long)seed);
		count(&s, report->operations);
	}
	print_share(&s);
}

/* One of two plays of the same steps. */
struct replay {
	pthread_t thread;
	struct m_step *steps;
	unsigned int nr;
	struct m_report *report;
};

static void *play_replay(void *arg)
{
	struct replay *r = arg;

	m_play(r->steps, r->nr, false, false, r->report);
	return NULL;
}

static void print_parting(const struct m_trail *a, const struct m_trail *b)
{
	const struct m_compared *x = a->list, *y = b->list;
	unsigned int i;

	for (i = 0; i < M_TRAIL && i < a->nr && i < b->nr; i++, x++, y++) {
		if (x->step == y->step && x->doing == y->doing &&
		    x->what == y->what && x->got == y->got)
			continue;
		printf("# step %d, %s: %s: %lld\n# step %d, %s: %s: %lld\n",
		       x->step, x->doing, x->what, (long long)x->got,
		       y->step, y->doing, y->what, (long long)y->got);
		return;
	}
	printf("# the same %u results, then %u and %u more\n", i, a->nr - i,
	       b->nr - i);
}

/*
 * Rule: a seed gives the same steps and the same results each time, whatever
 * else the machine does: both plays are at the same time.
 */
TEST(seed_replays)
{
	struct m_step steps[300];
	struct share s = share_of(5);
	struct replay replays[2];
	uint64_t seed, hash = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(replays); i++) {
		replays[i].steps = steps;
		replays[i].nr = ARRAY_SIZE(steps);
		replays[i].report = new_report();
		replays[i].report->trail = new_shared(sizeof(struct m_trail));
	}
	for (seed = totals->seed; seed < totals->seed + 2 || goes_on(&s); seed++) {
		m_sequence(steps, ARRAY_SIZE(steps), KIND_ALONE, seed);
		for (i = 0; i < ARRAY_SIZE(replays); i++)
			pthread_create(&replays[i].thread, NULL, play_replay,
				       &replays[i]);
		for (i = 0; i < ARRAY_SIZE(replays); i++)
			pthread_join(replays[i].thread, NULL);
		for (i = 0; i < ARRAY_SIZE(replays); i++) {
			ASSERT_FALSE(replays[i].report->failed)
				TH_LOG("%s (HUGEPOST_SEED=%llu)",
				       replays[i].report->message,
				       (unsigned long long)seed);
			count(&s, replays[i].report->operations);
		}
		EXPECT_EQ(replays[0].report->hash, replays[1].report->hash) {
			TH_LOG("HUGEPOST_SEED=%llu", (unsigned long long)seed);
			print_parting(replays[0].report->trail,
				      replays[1].report->trail);
		}
		EXPECT_NE(replays[0].report->hash, hash);
		hash = replays[0].report->hash;
	}
	print_share(&s);
}

/*
 * Rule: of 200 steps that fail the two are found that matter. The model has a
 * wrong rule here: that a page filled with zeros stays missing after a RESET.
 */
TEST(shrinks)
{
	struct m_step steps[200];
	struct m_report *report = new_report();
	unsigned int nr;
	uint64_t seed;

	for (seed = 1;; seed++) {
		m_sequence(steps, ARRAY_SIZE(steps), KIND_ALONE, seed);
		if (!m_play(steps, ARRAY_SIZE(steps), true, false, report) &&
		    report->step > 50)
			break;
	}
	nr = m_shrink(steps, ARRAY_SIZE(steps), true, report);
	ASSERT_EQ(nr, 2);
	EXPECT_STREQ(m_ops[steps[0].op].name, "reset");
	EXPECT_STREQ(m_ops[steps[1].op].name, "fill_zero");
	EXPECT_FALSE(m_play(steps, nr, true, true, report));
	EXPECT_NE(strstr(report->message, "after a RESET"), NULL);
	EXPECT_TRUE(m_play(steps, nr, false, false, report));
}

TEST_HARNESS_MAIN
