/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fuzzer that compares objects with a model: what its parts share.
 *
 * An actor makes random steps on objects and keeps, for each target page that it
 * owns, what that page must hold. The model is in shared memory: threads and
 * processes may be actors of the same objects, each with its own target pages.
 * An actor that is alone owns all, and then all that an object tells follows
 * from the model, down to each counter.
 */
#ifndef HUGEPOST_MODEL_H
#define HUGEPOST_MODEL_H

#include <semaphore.h>
#include <stdarg.h>
#include <time.h>

#define HUGEPOST_NO_HARNESS
#include "../programs/hugepost_test.h"

#define M_OBJECTS	2
#define M_HOSTS		4			/* host pages of an object */
#define M_PAGES		(M_HOSTS * SUBS)	/* its target pages */
#define M_CHANNELS	6
#define M_SLOTS		3			/* mappings of an object, an actor */
#define M_HELPERS	3			/* threads that wait in faults */
#define M_BUFFER	SUBS			/* target pages of a source */
#define M_HOLE		16			/* pages behind it: none there */
#define M_NOBODY	0xff			/* owns a target page */

#define WORDS		(TP / sizeof(uint64_t))
#define POKE_WORD	100			/* the one that a poke writes */

/*
 * What a target page holds: words that follow from @content, all zero if that is
 * 0; and, unless @poke is 0, one word that the guest wrote since.
 */
struct m_bytes {
	uint64_t content;
	uint32_t poke;
};

enum m_event {
	EVENT_NONE,
	EVENT_QUEUED,		/* not read yet */
	EVENT_READ,
};

struct m_page {
	struct m_bytes bytes;
	uint32_t version;	/* of the bytes made for it last */
	uint8_t present;
	uint8_t event;
	uint8_t owner;
};

struct m_host {
	uint16_t nr_present;
	bool staged;		/* has memory */
	uint8_t owner;		/* of all its target pages, or M_NOBODY */
};

struct m_channel {
	int host;		/* filled last, or -1 */
	uint32_t host_filled;
	bool all_zero;
	bool reset;		/* since the last FILL */
	uint64_t pages, zero_pages, duplicates, replaced, resets;
};

struct m_object {
	unsigned int index;
	int fd;
	int efd;		/* of the last ARM, or -1 */
	uint32_t event_size;	/* of its events */
	int mode;
	bool prealloc;
	unsigned int nr_channels;
	uint64_t events, discarded, zero_fills;
	uint64_t again;		/* events that may have been raised, and were */
	bool shuffled;		/* events are queued whose order is open */
	struct m_channel channels[M_CHANNELS];
	struct m_host hosts[M_HOSTS];
	struct m_page pages[M_PAGES];
	uint32_t seen[M_PAGES];	/* events that somebody read for all actors */
};

/* How target page i of the object is mapped at base + i * TP. */
enum {
	MAP_NOT = 0,
	MAP_IS = 1,
	MAP_R = 2,
	MAP_W = 4,
};

struct m_slot {
	char *room;
	char *base;
	uint8_t how[M_PAGES];
	uint8_t whole[M_HOSTS];	/* by one mapping that was never cut */
};

enum m_outcome {
	OUT_OK,
	OUT_WAIT,
	OUT_BUS,
	OUT_SEGV,
};

enum m_touch {
	TOUCH_READ,
	TOUCH_WRITE,
	TOUCH_SYS_READ,		/* the kernel reads it in a system call */
	TOUCH_SYS_WRITE,
	TOUCH_FILL,		/* a FILL whose source it is */
	TOUCH_QUIT,
};

/* A thread that touches what may be missing. */
struct m_helper {
	pthread_t thread;
	sem_t go, ended;
	volatile pid_t tid;
	int memfd;
	bool busy;		/* waits in a fault, as far as the model knows */
	enum m_touch touch;
	unsigned int object, slot, page, word;
	char *at;
	uint32_t poke;
	struct hugepost_fill_entry entry;	/* of TOUCH_FILL */
	int fill_fd;
	uint32_t channel;
	/* what came of it: a signal, or -errno */
	int result;
	uint64_t value;
};

#define M_TRAIL		16384

/* All that was compared, in this order: it tells where two plays part. */
struct m_trail {
	unsigned int nr;
	struct m_compared {
		const char *doing, *what;
		int step;
		int64_t got;
	} list[M_TRAIL];
};

/* A failure, and what all actors did: in shared memory. */
struct m_report {
	uint64_t operations;
	uint64_t hash;		/* of all results: the same for the same seed */
	struct m_trail *trail;	/* or NULL */
	int failed;
	int step;		/* of a sequence */
	char message[512];
};

struct m_actor {
	unsigned int id;
	bool alone;
	bool tell;		/* prints each step */
	bool lie;		/* a wrong rule, for the test of the shrinker */
	bool lie_armed;
	struct m_object *objects;
	unsigned int nr_objects;
	struct m_report *report;
	const char *doing;	/* the step under way, if there is one */
	struct m_slot slots[M_OBJECTS][M_SLOTS];
	char *look[M_OBJECTS];	/* always mapped, for checks and as a source */
	char *buffer;		/* M_BUFFER + 1 target pages, then the hole */
	char *file;		/* a mapping of memfd, to be read only */
	int memfd, disk, pipe[2];
	char *bounce;		/* one target page, aligned */
	struct m_helper helpers[M_HELPERS];
	unsigned int nr_helpers;
	uint64_t hash;
};

/* One step: an operation and numbers that it makes its choices from. */
struct m_step {
	uint32_t op;
	uint32_t r[6];
};

/* False: there was nothing to do, and nothing was done. */
typedef bool (*m_step_fn)(struct m_actor *a, const uint32_t *r);

enum m_kind {
	KIND_ALONE,
	KIND_TOGETHER,		/* with others on the same objects */
	KIND_SOURCES,		/* alone; an object is the other one's source */
	KINDS
};

struct m_op {
	const char *name;
	m_step_fn run;
	unsigned int weight[KINDS];
};

/* model_bytes.c: bytes, and the rules of the module */
uint64_t m_random(uint64_t *state);
uint64_t m_word(struct m_bytes bytes, unsigned int word);
void m_bytes_write(void *to, struct m_bytes bytes);
int m_bytes_wrong(const void *from, struct m_bytes bytes);
struct m_bytes m_bytes_new(struct m_object *o, unsigned int page);
void m_object_model(struct m_object *o, unsigned int index);
enum m_outcome m_touch_page(struct m_object *o, unsigned int page, bool assembling);
void m_make_missing(struct m_object *o, unsigned int page);
void m_forget_events(struct m_object *o, unsigned int first, unsigned int nr);

/* A source page of a FILL. */
struct m_source {
	struct m_bytes bytes;
	bool bad;		/* cannot be read */
};

struct m_filled {
	int ret;
	uint32_t done;
	uint64_t bytes, duplicates;
};

struct m_filled m_fill_model(struct m_object *o, uint32_t channel,
			     const struct hugepost_fill_entry *entries,
			     unsigned int nr, const struct m_source *sources);

/* model_check.c: failures, and comparisons with the module */
bool m_fail(struct m_actor *a, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
bool m_equal(struct m_actor *a, const char *what, int64_t got, int64_t want);
void m_tell(struct m_actor *a, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
int m_guarded_check(const char *at, struct m_bytes bytes, int *sig);
int m_guarded_write(char *at, struct m_bytes bytes);
int m_guarded_poke(char *at, uint64_t value);
int m_guarded_peek(const char *at, uint64_t *value);
void m_guard_init(void);
void m_check_bitmap(struct m_actor *a, unsigned int object, unsigned int host);
void m_check_stats(struct m_actor *a, unsigned int object);
void m_check_bytes(struct m_actor *a, unsigned int object, unsigned int host);
void m_check_all(struct m_actor *a);

/* What a step is about to do, for who reads a sequence that failed. */
#define m_say(a, ...)							\
	do {								\
		if ((a)->tell)						\
			m_tell(a, __VA_ARGS__);				\
	} while (0)

/* model_object.c: objects, actors and what they choose */
struct m_object *m_objects_new(void);
int m_object_open(struct m_object *o, unsigned int index, unsigned int channels,
		  uint32_t flags);
void m_object_close(struct m_object *o);
int m_actor_start(struct m_actor *a, unsigned int id, bool alone,
		  struct m_object *objects, unsigned int nr,
		  struct m_report *report);
void m_actor_end(struct m_actor *a);
int m_actor_map(struct m_actor *a, unsigned int object);
void m_actor_unmap(struct m_actor *a, unsigned int object);
struct m_object *m_pick_object(struct m_actor *a, uint32_t r);
unsigned int m_pick_page(struct m_actor *a, struct m_object *o, uint32_t r);
unsigned int m_own_run(struct m_actor *a, struct m_object *o, unsigned int page,
		       unsigned int most);
int m_pick_host(struct m_actor *a, struct m_object *o, uint32_t r);
uint32_t m_pick_channel(struct m_actor *a, struct m_object *o, uint32_t r);

static inline bool m_owned(struct m_actor *a, struct m_object *o,
			   unsigned int page)
{
	return a->alone || o->pages[page].owner == a->id;
}

/* Several actors may count in one place. */
#define m_count(counter, n) __atomic_add_fetch(&(counter), n, __ATOMIC_RELAXED)

static inline struct m_slot *m_slot(struct m_actor *a, struct m_object *o,
				    uint32_t r)
{
	return &a->slots[o->index][r % M_SLOTS];
}

/* model_fill.c */
bool m_fill_one(struct m_actor *a, const uint32_t *r);
bool m_fill_odd(struct m_actor *a, const uint32_t *r);
bool m_fill_batch(struct m_actor *a, const uint32_t *r);
bool m_fill_run(struct m_actor *a, const uint32_t *r);
bool m_fill_rest(struct m_actor *a, const uint32_t *r);
bool m_fill_zero(struct m_actor *a, const uint32_t *r);
bool m_fill_zero_host(struct m_actor *a, const uint32_t *r);
bool m_fill_replace(struct m_actor *a, const uint32_t *r);
bool m_fill_from_object(struct m_actor *a, const uint32_t *r);
bool m_fill_bad_source(struct m_actor *a, const uint32_t *r);
bool m_fill_refused(struct m_actor *a, const uint32_t *r);
bool m_reset(struct m_actor *a, const uint32_t *r);

/* model_verbs.c */
bool m_discard(struct m_actor *a, const uint32_t *r);
bool m_discard_host(struct m_actor *a, const uint32_t *r);
bool m_trim(struct m_actor *a, const uint32_t *r);
bool m_discard_refused(struct m_actor *a, const uint32_t *r);
bool m_bitmap(struct m_actor *a, const uint32_t *r);
bool m_stats(struct m_actor *a, const uint32_t *r);
bool m_info(struct m_actor *a, const uint32_t *r);
bool m_look(struct m_actor *a, const uint32_t *r);
bool m_setup(struct m_actor *a, const uint32_t *r);
bool m_reopen(struct m_actor *a, const uint32_t *r);

/* model_wait.c */
void m_check_events(struct m_actor *a, struct m_object *o);
void m_settle(struct m_actor *a);
void m_woken(struct m_actor *a, struct m_object *o, unsigned int first,
	     unsigned int nr, unsigned int most);
void m_helpers_start(struct m_actor *a, unsigned int nr);
void m_helpers_end(struct m_actor *a);
struct m_patience {
	unsigned int turns;
	time_t until;
};

bool m_patience(struct m_patience *p);
extern unsigned int m_hang_seconds;	/* a wait as long as this is a hang */
bool m_helper_writes(const struct m_helper *h);
struct m_helper *m_helper_idle(struct m_actor *a);
bool m_write_waits(struct m_actor *a, struct m_object *o, unsigned int page);
void m_helper_start(struct m_helper *h, struct m_slot *slot, enum m_touch touch,
		    unsigned int page, unsigned int word);
bool m_helper_waits(struct m_actor *a, struct m_object *o, struct m_helper *h,
		    uint64_t before);
bool m_helper_ends(struct m_actor *a, struct m_helper *h);
void m_helper_finish(struct m_actor *a, struct m_helper *h);
extern volatile unsigned int m_signals;

/* model_events.c */
bool m_arm(struct m_actor *a, const uint32_t *r);
bool m_disarm(struct m_actor *a, const uint32_t *r);
bool m_lose(struct m_actor *a, const uint32_t *r);
bool m_wake(struct m_actor *a, const uint32_t *r);
bool m_wait(struct m_actor *a, const uint32_t *r);
bool m_signal(struct m_actor *a, const uint32_t *r);
bool m_read_events(struct m_actor *a, const uint32_t *r);
bool m_fill_waits(struct m_actor *a, const uint32_t *r);
bool m_touch_fill(struct m_actor *a, const uint32_t *r);

/* model_map.c */
bool m_map(struct m_actor *a, const uint32_t *r);
bool m_unmap(struct m_actor *a, const uint32_t *r);
bool m_protect(struct m_actor *a, const uint32_t *r);
bool m_move(struct m_actor *a, const uint32_t *r);
bool m_advise(struct m_actor *a, const uint32_t *r);
bool m_populate(struct m_actor *a, const uint32_t *r);
bool m_map_refused(struct m_actor *a, const uint32_t *r);
bool m_install(struct m_actor *a, const uint32_t *r);
bool m_collapse(struct m_actor *a, const uint32_t *r);

/* model_access.c */
enum m_outcome m_access(struct m_actor *a, struct m_object *o,
			struct m_slot *slot, unsigned int page, bool write);
enum m_outcome m_may_access(struct m_object *o, struct m_slot *slot,
			    unsigned int page, bool write);
bool m_read(struct m_actor *a, const uint32_t *r);
bool m_write(struct m_actor *a, const uint32_t *r);
bool m_poke(struct m_actor *a, const uint32_t *r);
bool m_sys_read(struct m_actor *a, const uint32_t *r);
bool m_sys_write(struct m_actor *a, const uint32_t *r);
bool m_vm_read(struct m_actor *a, const uint32_t *r);
bool m_vm_write(struct m_actor *a, const uint32_t *r);
bool m_direct(struct m_actor *a, const uint32_t *r);
bool m_fork(struct m_actor *a, const uint32_t *r);

/* model_team.c: actors of the same objects */
struct m_team {
	unsigned int members;
	bool processes;
	unsigned int rounds, steps;
	uint64_t seed;
};

bool m_team_play(const struct m_team *team, struct m_report *report);

/* model_crowd.c: actors that fill the same target pages */
bool m_crowd_play(uint64_t seed, unsigned int rounds, struct m_report *report);

/* model_run.c */
extern const struct m_op m_ops[];
extern const unsigned int m_nr_ops;
void m_step_make(struct m_step *step, enum m_kind kind, uint64_t *rng);
void m_sequence(struct m_step *steps, unsigned int nr, enum m_kind kind,
		uint64_t seed);
bool m_play(struct m_step *steps, unsigned int nr, bool lie, bool tell,
	    struct m_report *report);
unsigned int m_shrink(struct m_step *steps, unsigned int nr, bool lie,
		      struct m_report *report);
void m_run_step(struct m_actor *a, const struct m_step *step);
bool m_in_child(void (*play)(const void *arg, struct m_report *report),
		const void *arg, struct m_report *report);

#endif /* HUGEPOST_MODEL_H */
