// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sequences of the model's steps: made from a seed, played in a process of its
 * own, and shrunk to the steps that matter if they fail.
 */
#include "model.h"

#include <time.h>

/* Weights: how often, of an actor that is alone, and of one that is not. */
const struct m_op m_ops[] = {
	{ "fill_one", m_fill_one, 140, 200 },
	{ "fill_odd", m_fill_odd, 25, 30 },
	{ "fill_batch", m_fill_batch, 30, 40 },
	{ "fill_run", m_fill_run, 15, 15 },
	{ "fill_rest", m_fill_rest, 3, 2 },
	{ "fill_zero", m_fill_zero, 30, 40 },
	{ "fill_zero_host", m_fill_zero_host, 12, 8 },
	{ "fill_replace", m_fill_replace, 25, 25 },
	{ "fill_from_object", m_fill_from_object, 30, 40 },
	{ "fill_bad_source", m_fill_bad_source, 20, 20 },
	{ "fill_refused", m_fill_refused, 20, 20 },
	{ "fill_waits", m_fill_waits, 6, 0 },
	{ "reset", m_reset, 2, 1 },
	{ "discard", m_discard, 90, 120 },
	{ "discard_host", m_discard_host, 8, 4 },
	{ "discard_refused", m_discard_refused, 10, 10 },
	{ "bitmap", m_bitmap, 15, 15 },
	{ "stats", m_stats, 20, 20 },
	{ "info", m_info, 5, 5 },
	{ "look", m_look, 2, 1 },
	{ "setup", m_setup, 2, 2 },
	{ "reopen", m_reopen, 1, 0 },
	{ "arm", m_arm, 3, 0 },
	{ "disarm", m_disarm, 1, 0 },
	{ "lose", m_lose, 1, 0 },
	{ "wake", m_wake, 8, 0 },
	{ "wait", m_wait, 40, 0 },
	{ "signal", m_signal, 8, 0 },
	{ "read_events", m_read_events, 30, 0 },
	{ "touch_fill", m_touch_fill, 0, 60 },
	{ "map", m_map, 25, 20 },
	{ "unmap", m_unmap, 8, 6 },
	{ "protect", m_protect, 12, 10 },
	{ "move", m_move, 8, 8 },
	{ "advise", m_advise, 15, 12 },
	{ "populate", m_populate, 10, 8 },
	{ "map_refused", m_map_refused, 5, 5 },
	{ "install", m_install, 15, 12 },
	{ "collapse", m_collapse, 8, 6 },
	{ "read", m_read, 90, 120 },
	{ "write", m_write, 50, 60 },
	{ "poke", m_poke, 70, 90 },
	{ "sys_read", m_sys_read, 20, 20 },
	{ "sys_write", m_sys_write, 20, 20 },
	{ "vm_read", m_vm_read, 15, 15 },
	{ "vm_write", m_vm_write, 15, 15 },
	{ "direct", m_direct, 10, 10 },
	{ "fork", m_fork, 1, 1 },
};

const unsigned int m_nr_ops = ARRAY_SIZE(m_ops);

uint32_t m_pick_op(uint32_t r, bool alone)
{
	unsigned int sum = 0, i;

	for (i = 0; i < m_nr_ops; i++)
		sum += alone ? m_ops[i].alone : m_ops[i].together;
	r %= sum;
	for (i = 0;; i++) {
		unsigned int weight = alone ? m_ops[i].alone :
					      m_ops[i].together;

		if (r < weight)
			return i;
		r -= weight;
	}
}

/*
 * What a step does follows from its numbers and from what was before, so that
 * steps can be left out.
 */
void m_sequence(struct m_step *steps, unsigned int nr, uint64_t seed)
{
	unsigned int i, k;

	for (i = 0; i < nr; i++) {
		steps[i].op = m_pick_op((uint32_t)(m_random(&seed) >> 32), true);
		for (k = 0; k < ARRAY_SIZE(steps[i].r); k++)
			steps[i].r[k] = (uint32_t)(m_random(&seed) >> 32);
	}
}

void m_run_step(struct m_actor *a, const struct m_step *step)
{
	if (!m_ops[step->op].run(a, step->r))
		return;
	a->operations++;
	if (!a->report->failed)
		m_settle(a);
	__atomic_add_fetch(&a->report->operations, 1, __ATOMIC_RELAXED);
}

/* In a child: objects and an actor that are new, all steps, a look at all. */
static void play(const struct m_step *steps, unsigned int nr, bool lie,
		 bool tell, struct m_object *objects, struct m_report *report)
{
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
	a.lie = lie;
	a.tell = tell;
	m_guard_init();
	m_helpers_start(&a, M_HELPERS);
	for (i = 0; i < nr && !report->failed; i++) {
		report->step = (int)i;
		m_run_step(&a, &steps[i]);
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
void m_watch(pid_t child, struct m_report *report)
{
	unsigned int idle = 0;
	uint64_t seen = 0;
	int status;

	while (waitpid(child, &status, WNOHANG) != child) {
		usleep(2000);
		idle = report->operations == seen ? idle + 1 : 0;
		seen = report->operations;
		if (idle < 60000 * hp_slowness())
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

/* Plays the steps in a process of its own; false if they fail. */
bool m_play(struct m_step *steps, unsigned int nr, bool lie, bool tell,
	    struct m_report *report)
{
	struct m_object *objects;
	pid_t child;

	objects = mmap(NULL, M_OBJECTS * sizeof(*objects),
		       PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	memset(report, 0, sizeof(*report));
	fflush(stdout);
	child = fork();
	if (!child) {
		play(steps, nr, lie, tell, objects, report);
		_exit(0);
	}
	m_watch(child, report);
	munmap(objects, M_OBJECTS * sizeof(*objects));
	return !report->failed;
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
	free(less);
	return nr;
}
