// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random sequences of all calls, compared with a model of what each target page
 * must hold (fuzz/model*.c).
 *
 * HUGEPOST_SEED replays, HUGEPOST_OPS is how many operations are to be made, and
 * HUGEPOST_SECONDS how long: the first limit that is reached ends it. The last
 * line says how many were made; an operation is a step that made its calls and
 * compared what came of them.
 */
#include "hugepost_test.h"
#include "fuzz/model.h"

#include <time.h>

#define STEPS	1000			/* of one sequence */

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

/* Before the harness begins. */
static void __attribute__((constructor)) start_totals(void)
{
	totals = mmap(NULL, sizeof(*totals), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	totals->pid = getpid();
	totals->began = now();
	totals->seconds = from_environment("HUGEPOST_SECONDS", 0);
	totals->wanted = from_environment("HUGEPOST_OPS", totals->seconds ?
					  1e15 : 100000);
	totals->seed = from_environment("HUGEPOST_SEED",
					(uint32_t)(totals->began * 1e6));
	printf("# model: seed %llu\n", (unsigned long long)totals->seed);
	fflush(stdout);
	atexit(print_totals);
}

/* A test's share of all operations, or of the time. */
struct share {
	uint64_t wanted, done;
	double until;
};

static struct share share_of(unsigned int percent)
{
	return (struct share){
		.wanted = totals->wanted / 100 * percent,
		.until = totals->seconds ?
			 now() + totals->seconds * percent / 100 : 0,
	};
}

static bool goes_on(const struct share *s)
{
	return s->done < s->wanted && (!s->until || now() < s->until);
}

static void count(struct share *s, uint64_t operations)
{
	s->done += operations;
	__atomic_add_fetch(&totals->operations, operations, __ATOMIC_RELAXED);
}

static struct m_report *new_report(void)
{
	return mmap(NULL, sizeof(struct m_report), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

/* Shrinks steps that failed, and prints what is left of them. */
static void explain(struct m_step *steps, unsigned int nr, uint64_t seed,
		    struct m_report *report)
{
	struct m_report last;

	printf("# %s (seed %llu, step %d): shrinking\n", report->message,
	       (unsigned long long)seed, report->step);
	last = *report;
	nr = m_shrink(steps, nr, false, report);
	printf("# %u steps are left:\n", nr);
	if (m_play(steps, nr, false, true, report))
		printf("# they do not fail each time\n");
	else
		last = *report;
	printf("# %s\n", last.message);
	*report = last;
	report->failed = 1;
}

/* Rule: whatever one actor does, two objects are as the model says. */
TEST(alone)
{
	struct m_step *steps = malloc(STEPS * sizeof(*steps));
	struct m_report *report = new_report();
	struct share s = share_of(50);
	uint64_t seed;

	for (seed = totals->seed; goes_on(&s); seed++) {
		m_sequence(steps, STEPS, seed);
		if (!m_play(steps, STEPS, false, false, report)) {
			explain(steps, STEPS, seed, report);
			EXPECT_FALSE(report->failed)
				TH_LOG("HUGEPOST_SEED=%llu",
				       (unsigned long long)seed);
			break;
		}
		count(&s, report->operations);
	}
	free(steps);
}

/* Plays teams of @members actors until the share is done. */
static void play_teams(struct __test_metadata *_metadata, unsigned int percent,
		       unsigned int members, bool processes)
{
	struct m_report *report = new_report();
	struct share s = share_of(percent);
	struct m_team team = {
		.members = members, .processes = processes, .rounds = 4,
		.steps = 400, .seed = totals->seed,
	};

	for (; goes_on(&s); team.seed++) {
		ASSERT_TRUE(m_team_play(&team, report))
			TH_LOG("%s (HUGEPOST_SEED=%llu)", report->message,
			       (unsigned long long)team.seed);
		count(&s, report->operations);
	}
}

/* Rule: what threads do to pages of their own, others do not disturb. */
TEST(threads)
{
	play_teams(_metadata, 20, 3, false);
}

/* Rule: the same of processes that share the objects. */
TEST(processes)
{
	play_teams(_metadata, 10, 3, true);
}

/* Rule: of several that fill one page the first one's bytes stay, whole. */
TEST(crowd)
{
	struct m_report *report = new_report();
	struct share s = share_of(10);
	uint64_t seed;

	for (seed = totals->seed; goes_on(&s); seed++) {
		ASSERT_TRUE(m_crowd_play(seed, 2, report))
			TH_LOG("%s (HUGEPOST_SEED=%llu)", report->message,
			       (unsigned long long)seed);
		count(&s, report->operations);
	}
}

/* Rule: a seed gives the same steps and the same results each time. */
TEST(seed_replays)
{
	struct m_step steps[300];
	struct m_report *report = new_report();
	uint64_t hash;

	m_sequence(steps, ARRAY_SIZE(steps), totals->seed);
	ASSERT_TRUE(m_play(steps, ARRAY_SIZE(steps), false, false, report))
		TH_LOG("%s", report->message);
	hash = report->hash;
	m_sequence(steps, ARRAY_SIZE(steps), totals->seed);
	ASSERT_TRUE(m_play(steps, ARRAY_SIZE(steps), false, false, report));
	EXPECT_EQ(report->hash, hash);
	m_sequence(steps, ARRAY_SIZE(steps), totals->seed + 1);
	ASSERT_TRUE(m_play(steps, ARRAY_SIZE(steps), false, false, report));
	EXPECT_NE(report->hash, hash);
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
		m_sequence(steps, ARRAY_SIZE(steps), seed);
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
