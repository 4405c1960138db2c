// SPDX-License-Identifier: GPL-2.0-only
/*
 * Raw calls: with pointers to what is not there, or to what the call itself waits
 * for; and calls of garbage, which coverage guides where the kernel can tell it.
 */
#include <limits.h>
#include <sys/random.h>
#include <time.h>

#include "../fuzz/raw_calls.h"
#include "../fuzz/raw_run.h"

/* What may be used up before a wait counts as one that never ends. */
#define PATIENCE_MS 30000

FIXTURE(wait)
{
	struct world w;
};

/*
 * A call that waits: what it needs in the page that it waits for; and what it
 * returns when the page is filled, when the object is disarmed (the page is zero
 * then), and when the handler is gone.
 */
FIXTURE_VARIANT(wait)
{
	int (*call)(struct world *w);
	void (*image)(char *page);
	int filled;
	int disarmed;
	int lost;
};

#define WAIT(_name, _image, _disarmed)                                         \
	FIXTURE_VARIANT_ADD(wait, _name)                                       \
	{                                                                      \
		.call = call_##_name,                                          \
		.image = _image,                                               \
		.disarmed = _disarmed,                                         \
		.lost = -EFAULT,                                               \
	}

WAIT(source_is_target, NULL, 0);
WAIT(source_same_object, NULL, 0);
WAIT(source_other_object, NULL, 0);
WAIT(source_half, NULL, 0);
WAIT(source_crossed, NULL, 0);
WAIT(entries_missing, image_entry, -EINVAL);
WAIT(entries_half, image_entry, -EINVAL);
WAIT(entries_tail, image_zeros, 0);
WAIT(argument_missing, image_stats, -EINVAL);
WAIT(argument_half, image_range, -EINVAL);
WAIT(arm_argument, image_arm, -EINVAL);
WAIT(setup_argument, image_setup, -EINVAL);
WAIT(result_discarded, NULL, 0);
WAIT(bitmap_missing, NULL, 0);
WAIT(channels_missing, NULL, 0);
WAIT(netlink_request, NULL, 0);
WAIT(netlink_answer, NULL, 0);

FIXTURE_SETUP(wait)
{
	ASSERT_TRUE(make_world(&self->w));
	hp_pattern_write(bytes, 0, 7);

	self->w.pid = fork();
	if (self->w.pid)
		return;
	close(self->w.efd[0]);
	close(self->w.efd[1]);
	map_world(&self->w);
	_exit(-variant->call(&self->w));
}

FIXTURE_TEARDOWN(wait)
{
	close_world(&self->w);
}

/* Does an event come of each page that the call waits for? */
static bool call_waits(struct world *w, bool both)
{
	struct pollfd p[2] = {
		{ .fd = w->efd[0], .events = POLLIN },
		{ .fd = w->efd[1], .events = POLLIN },
	};
	int ms;

	for (ms = 0; ms < PATIENCE_MS; ms += 10)
		if (poll(p, 2, 10) > (both ? 1 : 0))
			return true;
	return false;
}

/* How the process that calls ended; -1 if it does not. */
static int call_ends(struct world *w)
{
	unsigned int ms;
	int status;

	for (ms = 0; ms < PATIENCE_MS * hp_slowness(); ms++) {
		if (waitpid(w->pid, &status, WNOHANG) == w->pid)
			return status;
		usleep(1000);
	}
	return -1;
}

/* Fills what is asked for, by another channel, until the call is over. */
static int serve_call(struct world *w, const char *page)
{
	struct hugepost_event event;
	unsigned int ms;
	int status, i;

	for (ms = 0; ms < PATIENCE_MS * hp_slowness(); ms++) {
		if (waitpid(w->pid, &status, WNOHANG) == w->pid)
			return status;
		for (i = 0; i < 2; i++)
			while (!hp_read_event(w->efd[i], &event))
				hp_fill(w->fd[i], 1, event.offset, page, TP, 0);
		usleep(1000);
	}
	return -1;
}

/* What was there is there, and all channels can be used. */
static bool world_is_good(struct world *w)
{
	bool good = true;
	char *mem;
	int i;

	for (i = 0; i < 2; i++) {
		good = good && !hp_disarm(w->fd[i]) &&
		       !hp_fill_pattern(w->fd[i], 0, TARGET + 20, 1, 3) &&
		       !hp_fill_pattern(w->fd[i], 1, TARGET + 21, 1, 3);
		mem = hp_map(w->fd[i], 0, PAGES * TP);
		good = good && hp_pattern_check(mem, 0, i) &&
		       hp_pattern_check(mem + (HERE - 1) * TP, HERE - 1, i) &&
		       hp_pattern_check(mem + (TARGET + 20) * TP, TARGET + 20, 3);
		munmap(mem, PAGES * TP);
	}
	return good;
}

#define EXPECT_RETURNED(status, ret)                                           \
	do {                                                                   \
		int status_ = status;                                          \
		EXPECT_TRUE(status_ >= 0 && WIFEXITED(status_));               \
		EXPECT_EQ(-WEXITSTATUS(status_), ret);                         \
	} while (0)

/* Rule: a call that waits for a page goes on when another channel fills it. */
TEST_F(wait, filled)
{
	char page[TP];

	hp_pattern_write(page, MISSING, 9);
	if (variant->image)
		variant->image(page);
	ASSERT_TRUE(call_waits(&self->w, false));
	EXPECT_RETURNED(serve_call(&self->w, page), variant->filled);
	EXPECT_TRUE(world_is_good(&self->w));
}

/* Rule: it goes on when the object is disarmed; the page is zero. */
TEST_F(wait, disarmed)
{
	ASSERT_TRUE(call_waits(&self->w, variant->call == call_source_crossed));
	EXPECT_EQ(hp_disarm(self->w.fd[0]), 0);
	EXPECT_EQ(hp_disarm(self->w.fd[1]), 0);
	EXPECT_RETURNED(call_ends(&self->w), variant->disarmed);
	EXPECT_TRUE(world_is_good(&self->w));
}

/* Rule: it ends with EFAULT when the handler is gone. */
TEST_F(wait, lost)
{
	ASSERT_TRUE(call_waits(&self->w, variant->call == call_source_crossed));
	close(self->w.efd[0]);
	close(self->w.efd[1]);
	self->w.efd[0] = -1;
	self->w.efd[1] = -1;
	EXPECT_RETURNED(call_ends(&self->w), variant->lost);
	EXPECT_TRUE(world_is_good(&self->w));
}

/* Rule: it ends when its task is killed, and leaves nothing in use. */
TEST_F(wait, killed)
{
	int status;

	ASSERT_TRUE(call_waits(&self->w, variant->call == call_source_crossed));
	ASSERT_EQ(kill(self->w.pid, SIGKILL), 0);
	status = call_ends(&self->w);
	EXPECT_TRUE(status >= 0 && WIFSIGNALED(status));
	EXPECT_TRUE(world_is_good(&self->w));
}

/* The same two objects, used by this process alone. */
FIXTURE(own)
{
	struct world w;
};

FIXTURE_SETUP(own)
{
	ASSERT_TRUE(make_world(&self->w));
	map_world(&self->w);
	hp_pattern_write(bytes, 0, 7);
}

FIXTURE_TEARDOWN(own)
{
	int i;

	for (i = 0; i < 2; i++)
		munmap(self->w.mem[i], PAGES * TP);
	close_world(&self->w);
}

/* Rule: on an unarmed object nothing waits: a missing source is zero. */
TEST_F(own, unarmed)
{
	static const char zeros[TP];
	struct world *w = &self->w;

	ASSERT_EQ(hp_disarm(w->fd[0]), 0);
	ASSERT_EQ(hp_disarm(w->fd[1]), 0);
	EXPECT_EQ(call_source_is_target(w), 0);
	EXPECT_EQ(memcmp(w->mem[0] + MISSING * TP, zeros, TP), 0);
	EXPECT_EQ(call_source_other_object(w), 0);
	EXPECT_EQ(memcmp(w->mem[0] + TARGET * TP, zeros, TP), 0);
	EXPECT_EQ(call_result_discarded(w), 0);
	EXPECT_EQ(((uint64_t *)(w->mem[0] + HERE * TP))[3], 1);
	EXPECT_EQ(call_argument_missing(w), -EINVAL);
	EXPECT_TRUE(world_is_good(w));
}

/* Rule: an entry may be in the page that the entry before it fills. */
TEST_F(own, entry_is_filled)
{
	struct hugepost_fill_entry *entries =
		(void *)(self->w.mem[0] + MISSING * TP);
	struct hugepost_fill out;
	char page[TP] = {};

	image_entry(page);
	entries[-1] = (struct hugepost_fill_entry){
		.offset = MISSING * TP, .src = (uintptr_t)page, .len = TP,
	};
	EXPECT_EQ(hp_fill_entries(self->w.fd[0], 0, entries - 1, 2, &out), 0);
	EXPECT_EQ(out.out_done, 2);
	EXPECT_EQ(memcmp(self->w.mem[0] + TARGET * TP, bytes, TP), 0);
	EXPECT_TRUE(world_is_good(&self->w));
}

/* Rule: a FILL may overwrite its own argument and entries. */
TEST_F(own, argument_is_replaced)
{
	char *here = self->w.mem[0] + HERE * TP;
	struct hugepost_fill_entry *entry = (void *)(here + 256);
	struct hugepost_fill *arg = (void *)here;

	ASSERT_EQ(hp_disarm(self->w.fd[0]), 0);
	*entry = entry_of(HERE);
	entry->flags = HUGEPOST_FILL_REPLACE;
	*arg = (struct hugepost_fill){
		.size = sizeof(*arg), .nr = 1, .entries = (uintptr_t)entry,
	};
	EXPECT_EQ(hp_call(self->w.fd[0], HUGEPOST_FILL, arg), 0);
	EXPECT_EQ(arg->out_bytes, TP);
	EXPECT_EQ(memcmp(entry, bytes + 256, TP - 256), 0);
	EXPECT_TRUE(world_is_good(&self->w));
}

struct reader {
	struct world *w;
	ssize_t ret;
};

static void *read_into_missing(void *arg)
{
	struct reader *r = arg;

	r->ret = read(r->w->efd[0], r->w->mem[0] + MISSING * TP, TP);
	return NULL;
}

/* Rule: events may be read into a page that is missing; others can serve it. */
TEST_F(own, events_into_missing)
{
	struct reader r = { .w = &self->w };
	struct hugepost_event event = {};
	struct hp_toucher toucher;
	pthread_t thread;

	hp_toucher_start(&toucher, self->w.mem[0] + TARGET * TP, -1);
	ASSERT_TRUE(hp_event_waits(self->w.efd[0], PATIENCE_MS));
	pthread_create(&thread, NULL, read_into_missing, &r);
	while (hp_stats(self->w.fd[0]).out_events < 2)
		usleep(1000);
	ASSERT_EQ(hp_read_event(self->w.efd[0], &event), 0);
	EXPECT_EQ(event.offset, MISSING * TP);
	EXPECT_EQ(fill_from(&self->w, 0, MISSING, bytes), 0);
	pthread_join(thread, NULL);
	EXPECT_EQ(r.ret, sizeof(event));
	memcpy(&event, self->w.mem[0] + MISSING * TP, sizeof(event));
	EXPECT_EQ(event.offset, TARGET * TP);
	EXPECT_EQ(fill_from(&self->w, 0, TARGET, bytes), 0);
	EXPECT_EQ(hp_toucher_end(&toucher), (unsigned char)bytes[0]);
	EXPECT_TRUE(world_is_good(&self->w));
}

/* Memory that a pointer leads to; what the kernel can do with 32 bytes there. */
FIXTURE(pointer)
{
	struct raw_world area;
	int fd;
	uint64_t at;
};

FIXTURE_VARIANT(pointer)
{
	uint64_t at;		/* from the area's start, if that is smaller */
	bool reads;
	bool writes;
};

#define POINTER(_name, _at, _reads, _writes)                                   \
	FIXTURE_VARIANT_ADD(pointer, _name)                                    \
	{                                                                      \
		.at = _at,                                                     \
		.reads = _reads,                                               \
		.writes = _writes,                                             \
	}

POINTER(good, 0, true, true);
POINTER(not_aligned, 1021, true, true);
POINTER(read_only, RAW_AREA_READ * TP, true, false);
POINTER(half_read_only, RAW_AREA_READ * TP - 8, true, false);
POINTER(not_accessible, RAW_AREA_NONE * TP, false, false);
POINTER(half_accessible, RAW_AREA_HOLE * TP - 8, false, false);
POINTER(unmapped, RAW_AREA_HOLE * TP, false, false);
POINTER(behind_a_file, RAW_AREA_EOF * TP, false, false);
POINTER(end_of_user_space, 0x7fffffffe000 + TP - 8, false, false);
POINTER(not_canonical, 0x900000000000, false, false);
POINTER(kernel, 0xffff888000000000, false, false);
POINTER(wrapping, (uint64_t)-8, false, false);

FIXTURE_SETUP(pointer)
{
	memset(&self->area, 0, sizeof(self->area));
	ASSERT_TRUE(raw_area_make(&self->area));
	self->at = variant->at;
	if (variant->at < RAW_AREA_PAGES * TP)
		self->at += (uintptr_t)self->area.area;
	self->fd = hp_new(2 * HP, 2, 0);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, HERE + 1, 0), 0);
}

FIXTURE_TEARDOWN(pointer)
{
	close(self->fd);
}

/* Does nothing but @len bytes at the pointer, if they may be, differ? */
static bool only_there(struct raw_world *area, uint64_t at, size_t len)
{
	struct raw_call may = {
		.may = { { .start = at, .len = len } }, .nr_may = 1,
	};
	size_t where;

	return !raw_area_check(area, &may, &where);
}

/* Rule: a source that cannot be read is EFAULT, and nothing becomes present. */
TEST_F(pointer, source)
{
	struct hugepost_fill_entry entry = {
		.offset = TARGET * TP, .src = self->at, .len = TP,
	};
	uint64_t bits[2 * SUBS / 64];
	struct hugepost_fill out;

	EXPECT_EQ(hp_fill_entries(self->fd, 0, &entry, 1, &out),
		  variant->reads ? 0 : -EFAULT);
	EXPECT_EQ(out.out_done, variant->reads);
	EXPECT_EQ(hp_bitmap(self->fd, 0, 2 * HP, bits),
		  HERE + 1 + variant->reads);
	EXPECT_TRUE(only_there(&self->area, 0, 0));
}

/* Rule: entries that cannot be read are EFAULT, and nothing becomes present. */
TEST_F(pointer, entries)
{
	struct hugepost_fill_entry entry = {
		.offset = TARGET * TP, .src = (uintptr_t)bytes, .len = TP,
	};
	uint64_t bits[2 * SUBS / 64];
	struct hugepost_fill out;

	raw_put(&self->area, self->at, &entry, sizeof(entry), false);
	EXPECT_EQ(hp_fill_entries(self->fd, 0, (void *)self->at, 1, &out),
		  variant->reads ? 0 : -EFAULT);
	EXPECT_EQ(out.out_done, variant->reads);
	EXPECT_EQ(hp_bitmap(self->fd, 0, 2 * HP, bits),
		  HERE + 1 + variant->reads);
	EXPECT_TRUE(only_there(&self->area, 0, 0));
}

/* Rule: a bitmap that cannot be written is EFAULT; nothing beside it changes. */
TEST_F(pointer, bitmap)
{
	int64_t ret = hp_bitmap(self->fd, 0, 250 * TP, (void *)self->at);
	uint64_t word = 0;

	EXPECT_EQ(ret, variant->writes ? (int64_t)HERE + 1 : -EFAULT);
	if (variant->writes) {
		memcpy(&word, (void *)self->at, sizeof(word));
		EXPECT_EQ(word, (1U << (HERE + 1)) - 1);
	}
	EXPECT_TRUE(only_there(&self->area, self->at, 32));
}

/* Rule: channels that cannot be written are EFAULT; nothing beside changes. */
TEST_F(pointer, channels)
{
	struct hugepost_stats arg = {
		.size = sizeof(arg), .channels = self->at, .nr_channels = 64,
		.channel_size = 16,
	};

	EXPECT_EQ(hp_call(self->fd, HUGEPOST_STATS, &arg),
		  variant->writes ? 0 : -EFAULT);
	EXPECT_TRUE(only_there(&self->area, self->at, 32));
}

/* Rule: events that cannot be written are EFAULT, and can be read once more. */
TEST_F(pointer, events)
{
	int efd = hp_arm(self->fd, HUGEPOST_ARM_NONBLOCK);
	char *mem = hp_map(self->fd, 0, 2 * HP);
	struct hugepost_event event;
	struct hp_toucher toucher;

	ASSERT_GE(efd, 0);
	hp_toucher_start(&toucher, mem + MISSING * TP, -1);
	ASSERT_TRUE(hp_event_waits(efd, PATIENCE_MS));
	EXPECT_EQ(read(efd, (void *)self->at, sizeof(event)) < 0 ? -errno : 0,
		  variant->writes ? 0 : -EFAULT);
	EXPECT_EQ(hp_read_event(efd, &event), variant->writes ? -EAGAIN : 0);
	EXPECT_TRUE(only_there(&self->area, self->at, sizeof(event)));
	EXPECT_EQ(hp_fill_pattern(self->fd, 0, MISSING, 1, 0), 0);
	EXPECT_EQ(hp_toucher_end(&toucher), hp_pattern(MISSING, 0, 0));
	munmap(mem, 2 * HP);
	close(efd);
}

/* An object that no call is made on, and figures that must be as before. */
FIXTURE(garbage)
{
	struct raw_shared *shared;
	struct nl nl;
	struct nl_module before;
	char *mem;
	int fd;
};

FIXTURE_SETUP(garbage)
{
	self->shared = mmap(NULL, sizeof(*self->shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(self->shared, MAP_FAILED);
	ASSERT_EQ(nl_open(&self->nl), 0);
	self->fd = hp_new(2 * HP, 1, 0);
	ASSERT_GE(self->fd, 0);
	self->mem = hp_map(self->fd, 0, 2 * HP);
	ASSERT_NE(self->mem, MAP_FAILED);
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, SUBS + 40, 5), 0);
	ASSERT_EQ(nl_module_get(&self->nl, NL_NO_FD, &self->before), 0);
}

FIXTURE_TEARDOWN(garbage)
{
	munmap(self->mem, 2 * HP);
	close(self->fd);
	close(self->nl.fd);
	munmap(self->shared, sizeof(*self->shared));
}

static uint64_t any_seed(void)
{
	uint64_t seed = 0;

	return getrandom(&seed, sizeof(seed), 0) < 0 ? 1 : seed % 1000000007;
}

/*
 * HUGEPOST_SEED replays, HUGEPOST_OPS and HUGEPOST_SECONDS end it.
 *
 * Rule: whatever is asked for, the answer is one that is documented; nothing but
 * outputs is written; every wait can be ended; and all that was taken comes back.
 */
TEST_F_TIMEOUT(garbage, calls, 1000000)
{
	struct raw_shared *s = self->shared;
	uint64_t seconds = hp_env("HUGEPOST_SECONDS", 12);
	struct timespec from, to;
	uint64_t page;

	s->seed = hp_env("HUGEPOST_SEED", any_seed());
	s->state = (s->seed + 1) * 0x9e3779b97f4a7c15ULL;
	s->ops = hp_env("HUGEPOST_OPS", ULONG_MAX);
	clock_gettime(CLOCK_MONOTONIC, &from);
	s->end_ns = (from.tv_sec + seconds) * 1000000000ULL + from.tv_nsec;
	EXPECT_TRUE(raw_run(s)) {
		TH_LOG("%s", s->text);
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	ksft_print_msg("raw: %lu calls in %ld seconds, seed %llu", s->calls,
		       to.tv_sec - from.tv_sec, (unsigned long long)s->seed);
	if (s->nr_pcs)
		printf(", %u program counters", s->nr_pcs);
	printf(" (%lu waits, %lu kills)\n", s->waits, s->kills);
	fflush(stdout);

	nl_module_set(&self->nl, HUGEPOST_A_MODULE_LIMIT, self->before.limit);
	nl_module_set(&self->nl, HUGEPOST_A_MODULE_PROGRESS_STEP,
		      self->before.step);
	EXPECT_EQ(nl_reserve_set(&self->nl, self->before.reserve), 0);
	for (page = 0; page < SUBS + 40; page++)
		if (!hp_pattern_check(self->mem + page * TP, page, 5))
			break;
	EXPECT_EQ(page, SUBS + 40);
	EXPECT_EQ(hp_stats(self->fd).out_events, 0);
	EXPECT_TRUE(nl_all_back(&self->nl, &self->before, 2000));
}

/*
 * Grace periods of RCU are most of what these calls take: have them expedited.
 * Only the program itself returns from main.
 */
#define EXPEDITED "/sys/kernel/rcu_expedited"

static char was_expedited = '0';

static void set_expedited(char how)
{
	int fd = open(EXPEDITED, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	if (read(fd, &was_expedited, 1) == 1 && write(fd, &how, 1) != 1)
		perror(EXPEDITED);
	close(fd);
}

__attribute__((constructor)) static void begin_program(void)
{
	set_expedited('1');
}

__attribute__((destructor)) static void end_program(void)
{
	set_expedited(was_expedited);
}

TEST_HARNESS_MAIN
