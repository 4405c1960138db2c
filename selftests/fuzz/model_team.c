// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several actors at work on the same objects at the same time, as threads or as
 * processes. Each has target pages of its own, which lie between those of the
 * others; what it does to them follows its own model, whatever the others do.
 */
#include "model.h"

#include <sys/prctl.h>

struct member {
	pthread_t thread;
	pid_t pid;
	unsigned int id;
	uint64_t seed;
	unsigned int steps;
	struct m_object *objects;
	struct m_report *report;
};

/*
 * Deals out the target pages: the first half of the host pages in pieces of a
 * few target pages, each other host page to one member. Where members meet one
 * target page is nobody's and stays present: the host page is never empty, so
 * that a touch of one missing page fills no other with zeros.
 */
static int deal(struct m_object *o, unsigned int members, uint64_t seed)
{
	struct m_bytes bytes;
	char page[TP];
	unsigned int host, i, anchor;
	int ret = 0;

	for (host = 0; host < M_HOSTS && !ret; host++) {
		uint64_t x = m_random(&seed);
		unsigned int piece = 1 + x % (x % 7 < 3 ? 4 : 50);
		bool own = host >= M_HOSTS / 2;

		o->hosts[host].owner = own ? (x + host) % members : M_NOBODY;
		for (i = 0; i < SUBS; i++)
			o->pages[host * SUBS + i].owner = own ?
				o->hosts[host].owner : i / piece % members;
		if (own)
			continue;
		anchor = host * SUBS + x / 64 % SUBS;
		o->pages[anchor].owner = M_NOBODY;
		bytes = m_bytes_new(o, anchor);
		m_bytes_write(page, bytes);
		m_fill_model(o, 0, &(struct hugepost_fill_entry){
				.offset = anchor * TP, .len = TP }, 1,
			     &(struct m_source){ .bytes = bytes });
		ret = hp_fill(o->fd, 0, anchor * TP, page, TP, 0);
	}
	return ret;
}

static void work(const struct member *m)
{
	struct m_actor *a = malloc(sizeof(*a));
	uint64_t rng = m->seed;
	struct m_step step;
	unsigned int i;
	int ret;

	ret = m_actor_start(a, m->id, false, m->objects, M_OBJECTS, m->report);
	if (m_equal(a, "start of an actor", ret, 0)) {
		m_helpers_start(a, 1);
		for (i = 0; i < m->steps && !m->report->failed; i++) {
			m_step_make(&step, KIND_TOGETHER, &rng);
			m_run_step(a, &step);
			if (m->report->failed)
				break;
		}
	}
	if (m->report->failed)
		return;
	m_helpers_end(a);
	m_actor_end(a);
	free(a);
}

static void *work_thread(void *arg)
{
	work(arg);
	return NULL;
}

static void start(struct member *m, bool process)
{
	if (!process) {
		pthread_create(&m->thread, NULL, work_thread, m);
		return;
	}
	m->pid = fork();
	if (!m->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		work(m);
		_exit(0);
	}
}

static int join(struct member *m, bool process)
{
	int status = 0;

	if (!process)
		pthread_join(m->thread, NULL);
	else if (waitpid(m->pid, &status, 0) != m->pid)
		return -errno;
	return status;
}

/* Reads the events of an object for all, until told to stop. */
struct reader {
	pthread_t thread;
	struct m_object *o;
	struct m_actor *a;
	volatile bool stop;
};

static void *read_events(void *arg)
{
	struct reader *reader = arg;
	struct m_object *o = reader->o;
	struct hugepost_event events[8];
	ssize_t n, i;

	while (!reader->stop) {
		if (!hp_event_waits(o->efd, 20))
			continue;
		n = read(o->efd, events, sizeof(events));
		for (i = 0; i < n / (ssize_t)sizeof(events[0]); i++)
			if (events[i].offset < M_PAGES * TP)
				m_count(o->seen[events[i].offset / TP], 1);
			else
				m_fail(reader->a, "an event of offset %#llx",
				       (unsigned long long)events[i].offset);
	}
	return NULL;
}

/* The members work while the objects are in one mode; then a look at all. */
static void round_of(const struct m_team *team, struct m_actor *judge, int mode,
		     uint64_t seed)
{
	struct member members[M_CHANNELS] = {};
	struct reader readers[M_OBJECTS] = {};
	struct m_object *o;
	unsigned int i;

	for (i = 0; i < M_OBJECTS; i++) {
		o = &judge->objects[i];
		if (mode != HUGEPOST_MODE_UNARMED)
			o->efd = hp_arm(o->fd, HUGEPOST_ARM_NONBLOCK);
		m_equal(judge, "ARM", o->efd < -1, false);
		o->mode = mode;
		if (mode == HUGEPOST_MODE_LOST) {
			close(o->efd);
			o->efd = -1;
		}
		readers[i].o = o;
		readers[i].a = judge;
	}
	for (i = 0; i < team->members; i++) {
		members[i] = (struct member){
			.id = i, .seed = m_random(&seed), .steps = team->steps,
			.objects = judge->objects, .report = judge->report,
		};
		start(&members[i], team->processes);
	}
	for (i = 0; i < M_OBJECTS && mode == HUGEPOST_MODE_ARMED; i++)
		pthread_create(&readers[i].thread, NULL, read_events,
			       &readers[i]);
	for (i = 0; i < team->members; i++)
		m_equal(judge, "end of an actor",
			join(&members[i], team->processes), 0);
	for (i = 0; i < M_OBJECTS; i++) {
		o = &judge->objects[i];
		readers[i].stop = true;
		if (mode == HUGEPOST_MODE_ARMED)
			pthread_join(readers[i].thread, NULL);
		m_equal(judge, "DISARM", hp_disarm(o->fd), 0);
		o->mode = HUGEPOST_MODE_UNARMED;
		if (o->efd >= 0)
			close(o->efd);
		o->efd = -1;
	}
	if (!judge->report->failed)
		m_check_all(judge);
}

static void play(const void *arg, struct m_report *report)
{
	static const int modes[] = {
		HUGEPOST_MODE_ARMED, HUGEPOST_MODE_UNARMED, HUGEPOST_MODE_ARMED,
		HUGEPOST_MODE_LOST,
	};
	static struct m_actor judge;
	struct m_object *objects = m_objects_new();
	const struct m_team *team = arg;
	uint64_t rng = team->seed;
	unsigned int i;
	int ret = 0;

	m_guard_init();
	for (i = 0; i < M_OBJECTS && !ret; i++) {
		ret = m_object_open(&objects[i], i, team->members,
				    m_random(&rng) % 3 ? 0 :
				    HUGEPOST_SETUP_PREALLOC);
		if (!ret)
			ret = deal(&objects[i], team->members, m_random(&rng));
	}
	judge.report = report;
	if (!ret)
		ret = m_actor_start(&judge, M_NOBODY, true, objects, M_OBJECTS,
				    report);
	if (!m_equal(&judge, "start", ret, 0))
		return;
	for (i = 0; i < team->rounds && !report->failed; i++)
		round_of(team, &judge, modes[i % ARRAY_SIZE(modes)],
			 m_random(&rng));
	if (report->failed)
		return;
	m_actor_end(&judge);
	for (i = 0; i < M_OBJECTS; i++)
		m_object_close(&objects[i]);
}

/* False if something was not as the model says; the report tells what. */
bool m_team_play(const struct m_team *team, struct m_report *report)
{
	return m_in_child(play, team, report);
}
