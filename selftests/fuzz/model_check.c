// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failures, and comparisons of an object with its model.
 */
#include "model.h"

/* The first failure of all actors is kept. Returns false. */
bool m_fail(struct m_actor *a, const char *format, ...)
{
	struct m_report *report = a->report;
	int none = 0, n;
	va_list args;

	if (!__atomic_compare_exchange_n(&report->failed, &none, -1, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return false;
	n = snprintf(report->message, sizeof(report->message), "%s: ",
		     a->doing ? a->doing : "the last look");
	va_start(args, format);
	vsnprintf(report->message + n, sizeof(report->message) - n, format,
		  args);
	va_end(args);
	__atomic_store_n(&a->report->failed, 1, __ATOMIC_SEQ_CST);
	return false;
}

static void leave_trail(struct m_actor *a, const char *what, int64_t got)
{
	struct m_trail *trail = a->report->trail;

	if (trail && trail->nr < M_TRAIL)
		trail->list[trail->nr++] = (struct m_compared){
			.doing = a->doing ? a->doing : "the last look",
			.what = what, .step = a->report->step, .got = got,
		};
}

/* All that a step compares goes in the hash: a replay has the same one. */
bool m_equal(struct m_actor *a, const char *what, int64_t got, int64_t want)
{
	leave_trail(a, what, got);
	a->hash = (a->hash ^ (uint64_t)got) * 0x100000001b3ULL;
	if (got == want)
		return true;
	return m_fail(a, "%s: %lld, not %lld", what, (long long)got,
		      (long long)want);
}

void m_tell(struct m_actor *a, const char *format, ...)
{
	va_list args;

	printf("#   ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
}

static __thread sigjmp_buf guard;
static __thread volatile bool guarded;

static void guard_handler(int sig, siginfo_t *info, void *context)
{
	if (guarded)
		siglongjmp(guard, sig);
	psiginfo(info, "model");
	signal(sig, SIG_DFL);
}

/* The handler may leave by a jump, with no signal masked. */
void m_guard_init(void)
{
	struct sigaction act = {
		.sa_sigaction = guard_handler,
		.sa_flags = SA_NODEFER | SA_SIGINFO,
	};

	sigaction(SIGBUS, &act, NULL);
	sigaction(SIGSEGV, &act, NULL);
}

/*
 * Runs @code, and gives the signal that it ended with, or 0. (What it changes
 * has to be volatile, or nobody's who jumps.)
 */
#define GUARDED(code)							\
	({								\
		int _sig = sigsetjmp(guard, 0);				\
									\
		if (!_sig) {						\
			guarded = true;					\
			code;						\
		}							\
		guarded = false;					\
		_sig;							\
	})

/* The first word that is wrong, or -1; *@sig is a signal that came instead. */
int m_guarded_check(const char *at, struct m_bytes bytes, int *sig)
{
	volatile int wrong = -1;

	*sig = GUARDED(wrong = m_bytes_wrong(at, bytes));
	return wrong;
}

int m_guarded_write(char *at, struct m_bytes bytes)
{
	return GUARDED(m_bytes_write(at, bytes));
}

int m_guarded_poke(char *at, uint64_t value)
{
	return GUARDED(*(volatile uint64_t *)at = value);
}

int m_guarded_peek(const char *at, uint64_t *value)
{
	return GUARDED(*value = *(const volatile uint64_t *)at);
}

/* Is exactly that present which must be, of what is the actor's? */
void m_check_bitmap(struct m_actor *a, unsigned int object, unsigned int host)
{
	struct m_object *o = &a->objects[object];
	struct m_page *page = &o->pages[host * SUBS];
	uint64_t got[SUBS / 64], want, mine;
	unsigned int i, k;
	int64_t ret;

	ret = hp_bitmap(o->fd, host * HP, HP, got);
	if (ret < 0) {
		m_equal(a, "BITMAP", ret, 0);
		return;
	}
	for (i = 0; i < SUBS / 64; i++) {
		for (want = 0, mine = 0, k = 0; k < 64; k++, page++) {
			want |= (uint64_t)page->present << k;
			if (!a->alone)
				mine |= (uint64_t)(page->owner == a->id) << k;
		}
		if (a->alone)
			mine = ~0ULL;
		want = (want ^ got[i]) & mine;
		if (want) {
			k = host * SUBS + i * 64 + __builtin_ctzll(want);
			m_fail(a, "page %u of object %u must be %s, and is not, in mode %d",
			       k, object,
			       o->pages[k].present ? "present" : "missing",
			       o->mode);
			return;
		}
	}
	if (a->alone || o->hosts[host].owner == a->id)
		m_equal(a, "present of a host page", ret,
			o->hosts[host].nr_present);
}

static void check_channel(struct m_actor *a, struct m_channel *want,
			  const struct hugepost_channel_stats *got)
{
	bool none = want->host < 0 || want->reset;

	m_equal(a, "channel: pages", got->pages, want->pages);
	m_equal(a, "channel: zero_pages", got->zero_pages, want->zero_pages);
	m_equal(a, "channel: bytes", got->bytes,
		(want->pages - want->zero_pages) * TP);
	m_equal(a, "channel: duplicates", got->duplicates, want->duplicates);
	m_equal(a, "channel: replaced", got->replaced, want->replaced);
	m_equal(a, "channel: resets", got->resets, want->resets);
	m_equal(a, "channel: busy", got->busy, 0);
	m_equal(a, "channel: host_page", got->host_page,
		none ? HUGEPOST_NO_PAGE : want->host * HP);
	m_equal(a, "channel: host_page_filled", got->host_page_filled,
		none ? 0 : want->host_filled);
	m_equal(a, "channel: all_zero", got->all_zero,
		none ? 0 : want->all_zero);
}

/* Of who is alone: all that follows from the model. */
static void check_counters(struct m_actor *a, struct m_object *o,
			   const struct hugepost_stats *s)
{
	unsigned int i, n[4] = {}, staged = 0, memory;

	for (i = 0; i < M_HOSTS; i++) {
		struct m_host *h = &o->hosts[i];

		n[!h->nr_present ? 0 : h->nr_present < SUBS ? 1 :
		  h->staged ? 2 : 3]++;
		staged += h->staged;
	}
	memory = o->prealloc ? M_HOSTS : staged + o->nr_channels;
	m_equal(a, "out_mode", s->out_mode, o->mode);
	m_equal(a, "out_empty", s->out_empty, n[0]);
	m_equal(a, "out_assembling", s->out_assembling, n[1]);
	m_equal(a, "out_present", s->out_present, n[2]);
	m_equal(a, "out_zero", s->out_zero, n[3]);
	m_equal(a, "out_memory", s->out_memory, memory * HP);
	m_equal(a, "out_staging", s->out_staging, (memory - staged) * HP);
	m_equal(a, "out_zero_fills", s->out_zero_fills, o->zero_fills);
	m_equal(a, "out_discarded", s->out_discarded, o->discarded);
	m_equal(a, "out_events", s->out_events - o->again, o->events);
	m_equal(a, "out_poisoned", s->out_poisoned, 0);
}

void m_check_stats(struct m_actor *a, unsigned int object)
{
	struct m_object *o = &a->objects[object];
	struct hugepost_channel_stats ch[M_CHANNELS];
	struct hugepost_stats s = {
		.size = sizeof(s),
		.channels = (uintptr_t)ch,
		.nr_channels = M_CHANNELS,
		.channel_size = sizeof(ch[0]),
	};
	unsigned int i;

	if (!m_equal(a, "STATS", hp_call(o->fd, HUGEPOST_STATS, &s), 0))
		return;
	m_equal(a, "out_channels", s.out_channels, o->nr_channels);
	m_equal(a, "out_length", s.out_length, M_HOSTS * HP);
	for (i = 0; i < o->nr_channels; i++)
		if (a->alone || i == a->id)
			check_channel(a, &o->channels[i], &ch[i]);
	if (a->alone)
		check_counters(a, o, &s);
}

/* All bytes of a host page that must be there, by the mapping for checks. */
void m_check_bytes(struct m_actor *a, unsigned int object, unsigned int host)
{
	struct m_object *o = &a->objects[object];
	unsigned int page;
	int wrong, sig;

	for (page = host * SUBS; page < (host + 1) * SUBS; page++) {
		if (!o->pages[page].present || !m_owned(a, o, page))
			continue;
		m_touch_page(o, page, false);
		wrong = m_guarded_check(a->look[object] + page * TP,
					o->pages[page].bytes, &sig);
		if (sig || wrong >= 0) {
			m_fail(a, "page %u of object %u: word %d is wrong (%016llx, not %016llx), signal %d",
			       page, object, wrong, sig ? 0ULL :
			       *(unsigned long long *)(a->look[object] +
					page * TP + wrong * 8),
			       (unsigned long long)m_word(o->pages[page].bytes,
							  wrong), sig);
			return;
		}
	}
}

void m_check_all(struct m_actor *a)
{
	unsigned int i, host;

	for (i = 0; i < a->nr_objects; i++) {
		for (host = 0; host < M_HOSTS; host++) {
			m_check_bytes(a, i, host);
			m_check_bitmap(a, i, host);
		}
		m_check_stats(a, i);
	}
}
