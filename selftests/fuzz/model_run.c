// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sequences of the model's steps: made from a seed, played in a process of its
 * own, and shrunk to the steps that matter if they fail.
 */
#include "model.h"

/* How often each is made, by kind of sequence. */
const struct m_op m_ops[] = {
	{ "fill_one", m_fill_one, { 200, 260, 60 } },
	{ "fill_odd", m_fill_odd, { 25, 30, 10 } },
	{ "fill_batch", m_fill_batch, { 50, 60, 20 } },
	{ "fill_run", m_fill_run, { 12, 12, 8 } },
	{ "fill_rest", m_fill_rest, { 2, 2, 2 } },
	{ "fill_zero", m_fill_zero, { 50, 60, 20 } },
	{ "fill_zero_host", m_fill_zero_host, { 8, 6, 8 } },
	{ "fill_replace", m_fill_replace, { 25, 25, 20 } },
	{ "fill_from_object", m_fill_from_object, { 30, 40, 300 } },
	{ "fill_bad_source", m_fill_bad_source, { 25, 25, 10 } },
	{ "fill_refused", m_fill_refused, { 25, 25, 5 } },
	{ "fill_waits", m_fill_waits, { 10, 0, 60 } },
	{ "reset", m_reset, { 1, 1, 1 } },
	{ "discard", m_discard, { 110, 140, 200 } },
	{ "discard_host", m_discard_host, { 5, 3, 5 } },
	{ "trim", m_trim, { 12, 12, 12 } },
	{ "discard_refused", m_discard_refused, { 15, 15, 5 } },
	{ "bitmap", m_bitmap, { 25, 25, 5 } },
	{ "stats", m_stats, { 25, 25, 10 } },
	{ "info", m_info, { 5, 5, 1 } },
	{ "look", m_look, { 1, 1, 2 } },
	{ "setup", m_setup, { 1, 1, 0 } },
	{ "reopen", m_reopen, { 1, 0, 1 } },
	{ "arm", m_arm, { 6, 0, 6 } },
	{ "disarm", m_disarm, { 1, 0, 2 } },
	{ "lose", m_lose, { 1, 0, 1 } },
	{ "wake", m_wake, { 6, 0, 6 } },
	{ "wait", m_wait, { 60, 0, 40 } },
	{ "signal", m_signal, { 6, 0, 4 } },
	{ "read_events", m_read_events, { 30, 0, 20 } },
	{ "touch_fill", m_touch_fill, { 0, 30, 0 } },
	{ "map", m_map, { 12, 10, 12 } },
	{ "unmap", m_unmap, { 5, 4, 5 } },
	{ "protect", m_protect, { 12, 10, 8 } },
	{ "move", m_move, { 8, 8, 4 } },
	{ "advise", m_advise, { 15, 12, 8 } },
	{ "populate", m_populate, { 10, 8, 5 } },
	{ "map_refused", m_map_refused, { 3, 3, 1 } },
	{ "install", m_install, { 15, 12, 8 } },
	{ "collapse", m_collapse, { 8, 6, 4 } },
	{ "read", m_read, { 140, 180, 80 } },
	{ "write", m_write, { 60, 70, 40 } },
	{ "poke", m_poke, { 120, 140, 40 } },
	{ "sys_read", m_sys_read, { 20, 20, 5 } },
	{ "sys_write", m_sys_write, { 12, 12, 5 } },
	{ "vm_read", m_vm_read, { 15, 15, 5 } },
	{ "vm_write", m_vm_write, { 15, 15, 5 } },
	{ "direct", m_direct, { 10, 10, 5 } },
	{ "fork", m_fork, { 1, 1, 1 } },
};

const unsigned int m_nr_ops = ARRAY_SIZE(m_ops);

void m_step_make(struct m_step *step, enum m_kind kind, uint64_t *rng)
{
	unsigned int sum = 0, i;

	for (i = 0; i < m_nr_ops; i++)
		sum += m_ops[i].weight[kind];
	sum = (unsigned int)(m_random(rng) >> 32) % sum;
	for (i = 0; sum >= m_ops[i].weight[kind]; i++)
		sum -= m_ops[i].weight[kind];
	step->op = i;
	for (i = 0; i < ARRAY_SIZE(step->r); i++)
		step->r[i] = (uint32_t)(m_random(rng) >> 32);
}

/*
 * What a step does follows from its numbers and from what was before, so that
 * steps can be left out.
 */
void m_sequence(struct m_step *steps, unsigned int nr, enum m_kind kind,
		uint64_t seed)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		m_step_make(&steps[i], kind, &seed);
}

void m_run_step(struct m_actor *a, const struct m_step *step)
{
	bool done;

	a->doing = m_ops[step->op].name;
	done = m_ops[step->op].run(a, step->r);
	if (done && !a->report->failed)
		m_settle(a);
	a->doing = NULL;
	if (done)
		__atomic_add_fetch(&a->report->operations, 1, __ATOMIC_RELAXED);
}

/* In a child: objects and an actor that are new, all steps, a look at all. */
struct sequence {
	const struct m_step *steps;
	unsigned int nr;
	bool lie, tell;
};

static void play(const void *arg, struct m_report *report)
{
	const struct sequence *s = arg;
	struct m_object *objects = m_objects_new();
	static struct m_actor a;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < M_OBJECTS && !ret; i++)
		ret = m_object_open(&objects[i], i, 3 - i,
				    i ? HUGEPOST_SETUP_PREALLOC : 0);
	if (!ret)
		ret = m_actor_start(&a, 0, true, objects, M_OBJECTS, report);
	if (!m_equal(&a, "start", ret, 0))
		return;
	a.lie = s->lie;
	a.tell = s->tell;
	m_guard_init();
	m_helpers_start(&a, M_HELPERS);
	for (i = 0; i < s->nr && !report->failed; i++) {
		report->step = (int)i;
		m_run_step(&a, &s->steps[i]);
	}
	if (report->failed)
		return;
	for (i = 0; i < M_OBJECTS; i++) {
		m_say(&a, "at the end: DISARM of object %u", i);
		m_disarm(&a, (uint32_t[]){ i });
		m_settle(&a);
	}
	m_check_all(&a);
	report->hash = a.hash;
	m_helpers_end(&a);
	m_actor_end(&a);
	for (i = 0; i < M_OBJECTS; i++)
		m_object_close(&objects[i]);
}

/* Kills a child that makes no step for too long: it hangs. */
static void watch(pid_t child, struct m_report *report)
{
	time_t moved = time(NULL);
	uint64_t seen = 0;
	int status;

	while (waitpid(child, &status, WNOHANG) != child) {
		usleep(2000);
		if (report->operations != seen)
			moved = time(NULL);
		seen = report->operations;
		if (time(NULL) - moved < 2 * m_hang_seconds * hp_slowness())
			continue;
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		break;
	}
	if (status && !report->failed) {
		report->failed = 1;
		snprintf(report->message, sizeof(report->message),
			 "%s, status %#x", WTERMSIG(status) == SIGKILL ?
			 "no step was made for long" : "the process died",
			 status);
	}
}

/*
 * Plays in a process of its own: false if something was not as the model says,
 * which the report tells.
 */
bool m_in_child(void (*play)(const void *arg, struct m_report *report),
		const void *arg, struct m_report *report)
{
	pid_t child;

	*report = (struct m_report){ .trail = report->trail };
	if (report->trail)
		report->trail->nr = 0;
	fflush(stdout);
	child = fork();
	if (!child) {
		play(arg, report);
		_exit(0);
	}
	watch(child, report);
	return !report->failed;
}

/* Plays the steps in a process of its own; false if they fail. */
bool m_play(struct m_step *steps, unsigned int nr, bool lie, bool tell,
	    struct m_report *report)
{
	const struct sequence sequence = {
		.steps = steps, .nr = nr, .lie = lie, .tell = tell,
	};

	return m_in_child(play, &sequence, report);
}

/*
 * Leaves out steps as long as the rest fails: halves first, then ever smaller
 * parts. Returns how many are left.
 */
unsigned int m_shrink(struct m_step *steps, unsigned int nr, bool lie,
		      struct m_report *report)
{
	struct m_step *less = malloc(nr * sizeof(*less));
	unsigned int part, at;

	/* Whatever hung hangs again. */
	m_hang_seconds = 5;
	if (report->step + 1 < (int)nr)
		nr = report->step + 1;
	for (part = (nr + 1) / 2; part; part = part > 1 ? (part + 1) / 2 : 0) {
		for (at = 0; at < nr;) {
			unsigned int end = at + part < nr ? at + part : nr;

			memcpy(less, steps, at * sizeof(*less));
			memcpy(less + at, steps + end,
			       (nr - end) * sizeof(*less));
			if (nr - (end - at) &&
			    !m_play(less, nr - (end - at), lie, false, report)) {
				nr -= end - at;
				memcpy(steps, less, nr * sizeof(*less));
				if (report->step + 1 < (int)nr)
					nr = report->step + 1;
			} else {
				at = end;
			}
		}
	}
	m_hang_seconds = 60;
	free(less);
	return nr;
}
