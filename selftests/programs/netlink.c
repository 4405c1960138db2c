// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netlink family: what it tells of objects and channels, and what it refuses.
 */
#include "nl_test.h"

#define MANY	300
#define FUZZ	20000

/* An object, as a dump or a get tells of it. */
struct object {
	uint64_t id, length, assembling, present, zero, empty, memory, staging;
	uint64_t filled, created, since, time, waits;
	uint32_t pid, mode, channels, host_page, target_page;
	char command[32];
};

static void take_object(const struct nl_message *msg, void *arg)
{
	*(struct object *)arg = (struct object){
		.id = nl_u64(msg, HUGEPOST_A_OBJECT_ID),
		.length = nl_u64(msg, HUGEPOST_A_OBJECT_LENGTH),
		.assembling = nl_u64(msg, HUGEPOST_A_OBJECT_ASSEMBLING),
		.present = nl_u64(msg, HUGEPOST_A_OBJECT_PRESENT),
		.zero = nl_u64(msg, HUGEPOST_A_OBJECT_ZERO),
		.empty = nl_u64(msg, HUGEPOST_A_OBJECT_EMPTY),
		.memory = nl_u64(msg, HUGEPOST_A_OBJECT_MEMORY),
		.staging = nl_u64(msg, HUGEPOST_A_OBJECT_STAGING),
		.filled = nl_u64(msg, HUGEPOST_A_OBJECT_FILLED),
		.created = nl_u64(msg, HUGEPOST_A_OBJECT_CREATED),
		.since = nl_u64(msg, HUGEPOST_A_OBJECT_MODE_SINCE),
		.time = nl_u64(msg, HUGEPOST_A_OBJECT_TIME),
		.waits = nl_u64(msg, HUGEPOST_A_OBJECT_WAITS),
		.pid = nl_u32(msg, HUGEPOST_A_OBJECT_PID),
		.mode = nl_u32(msg, HUGEPOST_A_OBJECT_MODE),
		.channels = nl_u32(msg, HUGEPOST_A_OBJECT_CHANNELS),
		.host_page = nl_u32(msg, HUGEPOST_A_OBJECT_HOST_PAGE),
		.target_page = nl_u32(msg, HUGEPOST_A_OBJECT_TARGET_PAGE),
	};
	snprintf(((struct object *)arg)->command, 32, "%s",
		 nl_string(msg, HUGEPOST_A_OBJECT_COMMAND));
}

/* What a dump of objects must have. */
struct seen {
	uint64_t nr, last, wanted;
	bool in_order, found;
	struct object it;
};

static void take_seen(const struct nl_message *msg, void *arg)
{
	struct seen *seen = arg;
	struct object obj;

	take_object(msg, &obj);
	if (seen->nr && obj.id <= seen->last)
		seen->in_order = false;
	if (obj.id == seen->wanted) {
		seen->found = true;
		seen->it = obj;
	}
	seen->last = obj.id;
	seen->nr++;
}

static int dump(struct nl *nl, int device, uint64_t wanted, struct seen *seen)
{
	*seen = (struct seen){ .in_order = true, .wanted = wanted };
	return nl_object_dump(nl, device, take_seen, seen);
}

FIXTURE(family)
{
	struct nl nl;
	int fd;
};

FIXTURE_SETUP(family)
{
	ASSERT_EQ(nl_open(&self->nl), 0);
	self->fd = hp_new(4 * HP, 3, 0);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(family)
{
	close(self->fd);
	close(self->nl.fd);
}

/* Rule: an object is told of as it is: who it belongs to, its size, its mode. */
TEST_F(family, object)
{
	struct object obj = {};
	int efd;

	ASSERT_EQ(nl_object_get(&self->nl, hp_id(self->fd), take_object, &obj),
		  0);
	EXPECT_EQ(obj.id, hp_id(self->fd));
	EXPECT_EQ(obj.pid, (uint32_t)getpid());
	EXPECT_STREQ(obj.command, "netlink");
	EXPECT_EQ(obj.length, 4 * HP);
	EXPECT_EQ(obj.host_page, HP);
	EXPECT_EQ(obj.target_page, TP);
	EXPECT_EQ(obj.channels, 3U);
	EXPECT_EQ(obj.mode, HUGEPOST_MODE_UNARMED);
	EXPECT_EQ(obj.empty, 4U);
	EXPECT_EQ(obj.staging, 3 * HP);
	EXPECT_GE(obj.since, obj.created);
	EXPECT_GT(obj.time, obj.since);

	efd = hp_arm(self->fd, 0);
	ASSERT_GE(efd, 0);
	ASSERT_EQ(nl_object_get(&self->nl, hp_id(self->fd), take_object, &obj),
		  0);
	EXPECT_EQ(obj.mode, HUGEPOST_MODE_ARMED);
	EXPECT_GT(obj.since, obj.created);
	close(efd);
	ASSERT_EQ(nl_object_get(&self->nl, hp_id(self->fd), take_object, &obj),
		  0);
	EXPECT_EQ(obj.mode, HUGEPOST_MODE_LOST);
}

static bool counts_are_right(struct nl *nl, int fd, char *text)
{
	uint64_t words[4][SUBS / 64], assembling = 0, complete = 0;
	struct object obj = {};
	unsigned int i;

	nl_object_get(nl, hp_id(fd), take_object, &obj);
	for (i = 0; i < 4; i++) {
		int64_t present = hp_bitmap(fd, i * HP, HP, words[i]);

		assembling += present > 0 && present < (int64_t)SUBS;
		complete += present == (int64_t)SUBS;
	}
	sprintf(text, "%ju/%ju assembling, %ju/%ju complete, %ju empty",
		(uintmax_t)obj.assembling, (uintmax_t)assembling,
		(uintmax_t)(obj.present + obj.zero), (uintmax_t)complete,
		(uintmax_t)obj.empty);
	return obj.assembling == assembling &&
	       obj.present + obj.zero == complete &&
	       obj.empty == 4 - assembling - complete;
}

/*
 * Rule: states of host pages are counted right, however pages come and go: what
 * the bitmap says is what the counts say.
 */
TEST_F(family, states)
{
	char *mem = hp_map(self->fd, 0, 4 * HP), *src = malloc(HP), text[128];
	unsigned int i, seed = 1;

	ASSERT_NE(mem, MAP_FAILED);
	memset(src, 7, HP);
	for (i = 0; i < 400; i++) {
		unsigned int page = rand_r(&seed) % 4 * SUBS;
		unsigned int first = rand_r(&seed) % 2 * (rand_r(&seed) % SUBS);
		unsigned int nr = rand_r(&seed) % 2 ? SUBS - first :
						      1 + rand_r(&seed) % (SUBS - first);
		uint64_t offset = (page + first) * TP;

		switch (rand_r(&seed) % 4) {
		case 0:
			hp_fill(self->fd, 0, offset, src, nr * TP, 0);
			break;
		case 1:
			hp_fill(self->fd, 1, offset, NULL, nr * TP,
				HUGEPOST_FILL_ZERO);
			break;
		case 2:
			hp_discard(self->fd, offset, nr * TP);
			break;
		case 3:
			mem[offset] = 1;
			break;
		}
		ASSERT_TRUE(counts_are_right(&self->nl, self->fd, text))
			TH_LOG("step %u: %s", i, text);
	}
	ASSERT_EQ(hp_discard(self->fd, 0, 4 * HP) >= 0, 1);
	EXPECT_EQ(hp_stats(self->fd).out_empty, 4U);
	EXPECT_EQ(hp_stats(self->fd).out_memory, hp_stats(self->fd).out_staging);
	munmap(mem, 4 * HP);
	free(src);
}

struct channels {
	unsigned int nr;
	uint64_t pages[64], zero_pages[64], host_page[64];
};

static void take_channel(const struct nl_message *msg, void *arg)
{
	struct channels *ch = arg;
	uint32_t index = nl_u32(msg, HUGEPOST_A_CHANNEL_INDEX);

	if (index >= 64 || index != ch->nr)
		return;
	ch->pages[index] = nl_u64(msg, HUGEPOST_A_CHANNEL_PAGES);
	ch->zero_pages[index] = nl_u64(msg, HUGEPOST_A_CHANNEL_ZERO_PAGES);
	ch->host_page[index] = nl_u64(msg, HUGEPOST_A_CHANNEL_HOST_PAGE);
	ch->nr++;
}

static int channel_dump(struct nl *nl, uint64_t id, struct channels *ch)
{
	struct nl_request req;

	*ch = (struct channels){};
	nl_begin(&req, nl->family, HUGEPOST_NL_CMD_CHANNEL_GET, NLM_F_DUMP);
	if (id)
		nl_put_u64(&req, HUGEPOST_A_CHANNEL_OBJECT, id);
	return nl_call(nl, &req, take_channel, ch, NULL);
}

/* Rule: each channel is told of, in order, with its own figures. */
TEST_F(family, channels)
{
	struct channels ch;
	int fd;

	ASSERT_EQ(hp_fill_pattern(self->fd, 1, SUBS, 5, 0), 0);
	ASSERT_EQ(hp_fill(self->fd, 2, 0, NULL, 2 * TP, HUGEPOST_FILL_ZERO), 0);
	ASSERT_EQ(channel_dump(&self->nl, hp_id(self->fd), &ch), 0);
	EXPECT_EQ(ch.nr, 3U);
	EXPECT_EQ(ch.pages[0], 0U);
	EXPECT_EQ(ch.host_page[0], ~0ULL);
	EXPECT_EQ(ch.pages[1], 5U);
	EXPECT_EQ(ch.zero_pages[1], 0U);
	EXPECT_EQ(ch.host_page[1], HP);
	EXPECT_EQ(ch.zero_pages[2], 2U);

	fd = hp_new(HP, HUGEPOST_CHANNELS_MAX, HUGEPOST_SETUP_PREALLOC);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(channel_dump(&self->nl, hp_id(fd), &ch), 0);
	EXPECT_EQ(ch.nr, HUGEPOST_CHANNELS_MAX);
	close(fd);
}

/* Rule: a dump has every object once, in the order of their numbers. */
TEST_F(family, dump_of_many)
{
	struct nl_module before, after;
	int fds[MANY], i;
	struct seen seen;

	ASSERT_EQ(nl_module_get(&self->nl, NL_NO_FD, &before), 0);
	for (i = 0; i < MANY; i++) {
		fds[i] = hp_open();
		ASSERT_GE(fds[i], 0);
	}
	ASSERT_EQ(dump(&self->nl, NL_NO_FD, hp_id(fds[MANY / 2]), &seen), 0);
	EXPECT_TRUE(seen.in_order);
	EXPECT_TRUE(seen.found);
	EXPECT_EQ(seen.nr, before.objects + MANY);
	EXPECT_EQ(seen.last, hp_id(fds[MANY - 1]));
	ASSERT_EQ(nl_module_get(&self->nl, NL_NO_FD, &after), 0);
	EXPECT_EQ(after.objects, before.objects + MANY);
	EXPECT_EQ(after.generation, before.generation + MANY);
	for (i = 0; i < MANY; i++)
		close(fds[i]);
}

/* Rule: a dump between whose parts objects came or went says so. */
TEST_F(family, dump_says_that_it_was_interrupted)
{
	bool interrupted = false;
	struct nl_request req;
	int fds[MANY], i, ret;

	for (i = 0; i < MANY; i++)
		fds[i] = hp_open();
	nl_begin(&req, self->nl.family, HUGEPOST_NL_CMD_OBJECT_GET, NLM_F_DUMP);
	ASSERT_EQ(nl_call(&self->nl, &req, NULL, NULL, &interrupted), 0);
	EXPECT_FALSE(interrupted);

	nl_begin(&req, self->nl.family, HUGEPOST_NL_CMD_OBJECT_GET, NLM_F_DUMP);
	ASSERT_GT(send(self->nl.fd, &req, req.nlh.nlmsg_len, 0), 0);
	ret = nl_receive(&self->nl, NULL, NULL, &interrupted);
	ASSERT_EQ(ret, 0);
	for (i = 0; i < MANY; i++)
		close(fds[i]);
	while (!ret)
		ret = nl_receive(&self->nl, NULL, NULL, &interrupted);
	EXPECT_EQ(ret, 1);
	EXPECT_TRUE(interrupted);
}

/* Rule: a refusal says why, and names the attribute. */
TEST_F(family, refusals)
{
	const uint32_t first = NLMSG_LENGTH(GENL_HDRLEN);
	struct nl_request req;
	struct channels ch;
	struct nl *nl = &self->nl;

	EXPECT_EQ(nl_object_get(nl, ~0ULL, NULL, NULL), -ENOENT);
	EXPECT_NE(nl->text[0], 0);
	EXPECT_EQ(nl->bad_offset, first);
	/* Linux 6.1 passes no text of a dump's start on. */
	EXPECT_EQ(channel_dump(nl, ~0ULL, &ch), -ENOENT);
	EXPECT_EQ(channel_dump(nl, 0, &ch), -EINVAL);

	nl_begin(&req, nl->family, HUGEPOST_NL_CMD_OBJECT_GET, NLM_F_DUMP);
	nl_put_u64(&req, HUGEPOST_A_OBJECT_ID, hp_id(self->fd));
	EXPECT_EQ(nl_call(nl, &req, NULL, NULL, NULL), -EINVAL);

	nl_begin(&req, nl->family, HUGEPOST_NL_CMD_OBJECT_GET, 0);
	EXPECT_EQ(nl_call(nl, &req, NULL, NULL, NULL), -EINVAL);
	EXPECT_EQ(nl->missing, HUGEPOST_A_OBJECT_ID);

	nl_begin(&req, nl->family, HUGEPOST_NL_CMD_OBJECT_GET, 0);
	nl_put_u64(&req, HUGEPOST_A_OBJECT_ID, hp_id(self->fd));
	nl_put_u64(&req, HUGEPOST_A_OBJECT_LENGTH, 1);
	EXPECT_EQ(nl_call(nl, &req, NULL, NULL, NULL), -EINVAL);
	nl_begin(&req, nl->family, HUGEPOST_NL_CMD_OBJECT_GET, 0);
	nl_put_u32(&req, HUGEPOST_A_OBJECT_ID, hp_id(self->fd));
	EXPECT_EQ(nl_call(nl, &req, NULL, NULL, NULL), -EINVAL);
	EXPECT_EQ(nl->bad_offset, first);

	EXPECT_EQ(nl_module_set(nl, HUGEPOST_A_MODULE_MEMORY, 0), -EINVAL);
	EXPECT_EQ(nl_module_set(nl, HUGEPOST_A_MODULE_PROGRESS_STEP, 101),
		  -ERANGE);
	EXPECT_EQ(nl_module_set(nl, HUGEPOST_A_MODULE_LIMIT, HP + 1), -EINVAL);
	EXPECT_EQ(nl->bad_offset, first);
	EXPECT_EQ(nl_module_set(nl, HUGEPOST_A_MODULE_RESERVE, ~0ULL), -ERANGE);
	EXPECT_EQ(nl_module_set(nl, HUGEPOST_A_MODULE_RESERVE, HP / 2), -EINVAL);
	EXPECT_NE(nl->text[0], 0);
	nl_begin(&req, nl->family, HUGEPOST_NL_CMD_EVENT, 0);
	EXPECT_EQ(nl_call(nl, &req, NULL, NULL, NULL), -EOPNOTSUPP);
}

/*
 * Rule: whatever is sent, it is answered or refused, and the family goes on.
 * (Settings are left out: any of them may be right.)
 */
TEST_F(family, fuzz)
{
	unsigned int seed = 4711, i, nr;
	struct nl_request req;
	struct nl_module m;
	struct nl nl;

	ASSERT_EQ(nl_open(&nl), 0);
	for (i = 0; i < FUZZ; i++) {
		static const uint8_t cmds[] = { 0, 1, 3, 4, 5, 6, 7, 8, 255 };

		nl_begin(&req, nl.family, cmds[rand_r(&seed) % 9],
			 rand_r(&seed) % 3 ? 0 : NLM_F_DUMP);
		for (nr = rand_r(&seed) % 4; nr; nr--) {
			uint64_t value[8] = { rand_r(&seed) % 4 ?
						      hp_id(self->fd) :
						      (uint64_t)rand_r(&seed) };
			size_t len = rand_r(&seed) % 3 ? 4 << rand_r(&seed) % 2 :
							 rand_r(&seed) % 64;

			nl_put(&req, rand_r(&seed) % 3 ? rand_r(&seed) % 11 :
							 rand_r(&seed) % 65536,
			       value, len);
		}
		if (!(rand_r(&seed) % 4)) {
			char *byte = (char *)&req + sizeof(req.nlh) +
				     rand_r(&seed) % (req.nlh.nlmsg_len -
						      sizeof(req.nlh) + 1);

			*byte = rand_r(&seed);
		}
		if (!(rand_r(&seed) % 4))
			req.nlh.nlmsg_len -= rand_r(&seed) %
				(req.nlh.nlmsg_len - NLMSG_HDRLEN + 1);
		nl_call(&nl, &req, NULL, NULL, NULL);
		if (i % 1000)
			continue;
		ASSERT_EQ(nl_module_get(&self->nl, NL_NO_FD, &m), 0);
	}
	EXPECT_EQ(nl_module_get(&self->nl, NL_NO_FD, &m), 0);
	close(nl.fd);
}

TEST_HARNESS_MAIN
