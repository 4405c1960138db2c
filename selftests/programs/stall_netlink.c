// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects that come and go while a netlink request tells of one: each request is
 * stopped where it reads the object. Needs the module with stall points
 * (kmod/stall.h).
 */
#include "hugepost_stall.h"
#include "nl_test.h"

#define TIB	(1ULL << 40)

/* A request for an object, and what was told of it. */
struct job {
	struct nl nl;
	uint64_t id;
	bool interrupted;
	unsigned int present, zero, assembling, channels;
};

static void take_object(const struct nl_message *msg, void *arg)
{
	struct job *job = arg;

	if (nl_u64(msg, HUGEPOST_A_OBJECT_ID) != job->id)
		return;
	job->present += nl_u64(msg, HUGEPOST_A_OBJECT_PRESENT);
	job->zero += nl_u64(msg, HUGEPOST_A_OBJECT_ZERO);
	job->assembling += nl_u64(msg, HUGEPOST_A_OBJECT_ASSEMBLING);
	job->channels += nl_u32(msg, HUGEPOST_A_OBJECT_CHANNELS);
}

static int run_get(void *arg)
{
	struct job *job = arg;

	return nl_object_get(&job->nl, job->id, take_object, job);
}

static int run_dump(void *arg)
{
	struct nl_request req;
	struct job *job = arg;

	nl_begin(&req, job->nl.family, HUGEPOST_NL_CMD_OBJECT_GET, NLM_F_DUMP);
	return nl_call(&job->nl, &req, take_object, job, &job->interrupted);
}

static void take_channel(const struct nl_message *msg, void *arg)
{
	struct job *job = arg;

	job->channels += nl_u64(msg, HUGEPOST_A_CHANNEL_OBJECT) == job->id;
}

static int run_channels(void *arg)
{
	struct nl_request req;
	struct job *job = arg;

	nl_begin(&req, job->nl.family, HUGEPOST_NL_CMD_CHANNEL_GET, NLM_F_DUMP);
	nl_put_u64(&req, HUGEPOST_A_CHANNEL_OBJECT, job->id);
	return nl_call(&job->nl, &req, take_channel, job, NULL);
}

static int run_map(void *arg)
{
	static struct nl_map map;
	struct job *job = arg;
	int ret = nl_map_get(&job->nl, job->id, 4, 0, &map);
	unsigned int i;

	for (i = 0; !ret && i < map.cells; i++) {
		job->present += map.present[i];
		job->zero += map.zero[i];
		job->assembling += map.assembling[i];
	}
	return ret;
}

FIXTURE(reader)
{
	struct nl nl;
	struct nl_module before;	/* before there was the object */
	struct job job;
	int fd;				/* negative once it is closed */
};

/* A request, where it is stopped, and whether it tells of pages and channels. */
FIXTURE_VARIANT(reader)
{
	const char *point;
	int (*run)(void *arg);
	bool pages, channels;
};

#define READER(_name, _point, _run, _pages, _channels)                         \
	FIXTURE_VARIANT_ADD(reader, _name)                                     \
	{                                                                      \
		.point = _point,                                               \
		.run = _run,                                                   \
		.pages = _pages,                                               \
		.channels = _channels,                                         \
	};

READER(object_get, "object-found", run_get, true, true)
READER(object_dump, "object-found", run_dump, true, true)
/* The start of this dump looks, too. */
READER(channel_dump, "object-found 1", run_channels, false, true)
READER(map_get, "map-walk", run_map, true, false)
READER(map_get_that_has_begun, "map-walk 2", run_map, true, false)

FIXTURE_SETUP(reader)
{
	self->fd = -1;
	if (!stall_exists())
		SKIP(return, "the module has no stall points");
	ASSERT_EQ(nl_open(&self->nl), 0);
	ASSERT_EQ(nl_open(&self->job.nl), 0);
	ASSERT_EQ(nl_module_get(&self->nl, NL_NO_FD, &self->before), 0);
	self->fd = hp_new(4 * HP, 2, 0);
	ASSERT_GE(self->fd, 0);
	self->job.id = hp_id(self->fd);
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, SUBS, 1), 0);
	ASSERT_EQ(hp_fill(self->fd, 0, HP, NULL, HP, HUGEPOST_FILL_ZERO), 0);
	ASSERT_EQ(hp_fill_pattern(self->fd, 1, 2 * SUBS, 3, 1), 0);
}

FIXTURE_TEARDOWN(reader)
{
	stall_go();
	if (self->fd >= 0)
		close(self->fd);
	close(self->nl.fd);
	close(self->job.nl.fd);
}

/* What a VMM does, from its start to its end; an exit code. */
static int live(void)
{
	int fd = hp_new(2 * HP, 1, 0);
	char *mem = fd < 0 ? MAP_FAILED : hp_map(fd, 0, 2 * HP);

	if (mem == MAP_FAILED || hp_fill_pattern(fd, 0, 0, SUBS, 1) ||
	    !hp_pattern_check(mem + 5 * TP, 5, 1) || hp_touch(mem + HP, 1) != 0)
		return 1;
	munmap(mem, 2 * HP);
	return close(fd) ? 2 : 0;
}

static bool told_all(const struct job *job, bool pages, bool channels)
{
	return job->present == pages && job->zero == pages &&
	       job->assembling == pages && job->channels == 2 * channels;
}

/* Rule: no open, SETUP, fill, touch or release waits for a reader. */
TEST_F(reader, others_come_and_go)
{
	struct actor reader;
	int status = -1;
	pid_t child;

	ASSERT_TRUE(stall_at(variant->point));
	actor_start(&reader, variant->run, &self->job);
	ASSERT_TRUE(stall_reached());
	child = fork();
	if (!child)
		_exit(live());
	EXPECT_EQ(waitpid(child, &status, 0), child);
	EXPECT_EQ(status, 0);
	ASSERT_TRUE(stall_go());
	EXPECT_EQ(actor_end(&reader), 0);
	EXPECT_TRUE(told_all(&self->job, variant->pages, variant->channels));
}

/*
 * Rule: the object itself can be released, and gives all memory back at once; who
 * tells of it tells what it was, and nobody else finds it.
 */
TEST_F(reader, release_meanwhile)
{
	struct nl_module now;
	struct actor reader;

	ASSERT_TRUE(stall_at(variant->point));
	actor_start(&reader, variant->run, &self->job);
	ASSERT_TRUE(stall_reached());
	EXPECT_EQ(close(self->fd), 0);
	self->fd = -1;
	ASSERT_EQ(nl_module_get(&self->nl, NL_NO_FD, &now), 0);
	EXPECT_EQ(now.objects, self->before.objects);
	EXPECT_EQ(now.memory, self->before.memory);
	EXPECT_EQ(nl_object_get(&self->nl, self->job.id, NULL, NULL), -ENOENT);
	ASSERT_TRUE(stall_go());
	EXPECT_EQ(actor_end(&reader), 0);
	EXPECT_TRUE(told_all(&self->job, variant->pages, variant->channels));
	/* A dump of all says that it is not of one moment. */
	EXPECT_EQ(self->job.interrupted, variant->run == run_dump);
}

/* Rule: a reader that is killed when the object is gone leaves nothing behind. */
TEST_F(reader, killed_after_release)
{
	struct nl_module now;
	int status = 0;
	pid_t child;

	ASSERT_TRUE(stall_at(variant->point));
	child = fork();
	if (!child) {
		close(self->fd);
		_exit(variant->run(&self->job));
	}
	ASSERT_TRUE(stall_reached());
	EXPECT_EQ(close(self->fd), 0);
	self->fd = -1;
	kill(child, SIGKILL);
	EXPECT_EQ(waitpid(child, &status, 0), child);
	EXPECT_TRUE(WIFSIGNALED(status));
	ASSERT_EQ(nl_module_get(&self->nl, NL_NO_FD, &now), 0);
	EXPECT_EQ(now.objects, self->before.objects);
	EXPECT_EQ(now.memory, self->before.memory);
	EXPECT_EQ(live(), 0);
}

FIXTURE(large)
{
	struct nl nl;
	struct job job;
	uint64_t before;		/* memory that was free */
	int fd;
};

FIXTURE_SETUP(large)
{
	self->fd = -1;
	if (!stall_exists())
		SKIP(return, "the module has no stall points");
	ASSERT_EQ(nl_open(&self->job.nl), 0);
	self->before = free_memory();
	self->fd = hp_new(TIB, 1, 0);
	ASSERT_GE(self->fd, 0);
	self->job.id = hp_id(self->fd);
	ASSERT_EQ(hp_fill(self->fd, 0, 0, NULL, TIB, HUGEPOST_FILL_ZERO), 0);
}

FIXTURE_TEARDOWN(large)
{
	stall_go();
	if (self->fd >= 0)
		close(self->fd);
	close(self->job.nl.fd);
}

/* Rule: the state of host pages is freed when the last of several readers ends. */
TEST_F(large, tables_of_an_object_that_two_read)
{
	struct job second = { .id = self->job.id };
	uint64_t tables = hp_stats(self->fd).out_metadata;
	struct actor first_reader, second_reader;

	ASSERT_EQ(nl_open(&second.nl), 0);
	ASSERT_TRUE(stall_in(STALL, "map-walk"));
	actor_start(&first_reader, run_map, &self->job);
	ASSERT_TRUE(stall_has(STALL));
	ASSERT_TRUE(stall_in(STALL2, "object-found"));
	actor_start(&second_reader, run_get, &second);
	ASSERT_TRUE(stall_has(STALL2));
	EXPECT_EQ(close(self->fd), 0);
	self->fd = -1;

	ASSERT_TRUE(stall_in(STALL, "go"));
	EXPECT_EQ(actor_end(&first_reader), 0);
	EXPECT_EQ(self->job.zero, TIB / HP);
	ASSERT_TRUE(stall_in(STALL2, "go"));
	EXPECT_EQ(actor_end(&second_reader), 0);
	EXPECT_EQ(second.zero, TIB / HP);
	EXPECT_GT(tables, TIB / HP * 16);
	EXPECT_TRUE(free_again(self->before - tables / 2));
	close(second.nl.fd);
}

TEST_HARNESS_MAIN
