// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rules that hold for every ioctl alike: sizes, flags, reserved fields,
 * bad pointers, objects that are not set up. One row of HP_OPS is one ioctl, and
 * each test runs once a row.
 */
#include <linux/types.h>
#include <stddef.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded"
#include <linux/hugepost.h>
#pragma GCC diagnostic pop

#include "hugepost_test.h"

#define PAGES	3			/* host pages of the object */
#define ARENA	(4 * TP)		/* room for an argument, then nothing */

/*
 * name, ioctl, structure, size of its first version, known flags, offset of
 * the reserved field (0: none), first and last of the outputs (size: none),
 * works on an object that is not set up. Numbers are part of the ABI: none may
 * change.
 */
#define HP_OPS(X)                                                              \
	X(info, HUGEPOST_INFO, 0x00, hugepost_info, 40, 0x0, 0, 8, 48, true)   \
	X(setup, HUGEPOST_SETUP, 0x01, hugepost_setup, 40, 0x7, 0, 32, 40,     \
	  true)                                                                \
	X(arm, HUGEPOST_ARM, 0x02, hugepost_arm, 16, 0x1, 0, 8, 12, false)     \
	X(disarm, HUGEPOST_DISARM, 0x03, hugepost_disarm, 8, 0x0, 0, 8, 8,     \
	  false)                                                               \
	X(fill, HUGEPOST_FILL, 0x04, hugepost_fill, 48, 0x0, 0, 24, 48, false) \
	X(install, HUGEPOST_INSTALL, 0x05, hugepost_install, 40, 0x0, 0, 24,   \
	  40, false)                                                           \
	X(reset, HUGEPOST_RESET, 0x06, hugepost_reset, 16, 0x0, 12, 16, 16,    \
	  false)                                                               \
	X(discard, HUGEPOST_DISCARD, 0x07, hugepost_discard, 32, 0x0, 0, 24,   \
	  32, false)                                                           \
	X(bitmap, HUGEPOST_BITMAP, 0x08, hugepost_bitmap, 40, 0x0, 0, 32, 40,  \
	  false)                                                               \
	X(wake, HUGEPOST_WAKE, 0x09, hugepost_wake, 24, 0x0, 0, 24, 24, false) \
	X(collapse, HUGEPOST_COLLAPSE, 0x0a, hugepost_collapse, 40, 0x0, 0,    \
	  24, 40, false)                                                       \
	X(stats, HUGEPOST_STATS, 0x0b, hugepost_stats, 184, 0x0, 0, 24, 184,   \
	  true)                                                                \
	X(trim, HUGEPOST_TRIM, 0x0c, hugepost_trim, 32, 0x0, 0, 24, 32, false)

/* Rule: the numbers of ioctls and the layout of structures are as published. */
#define CHECK_LAYOUT(name, ioc, nr, type, first, known, res, out, out_end, un) \
	_Static_assert((ioc) == _IO(0xD8, nr), #name);                         \
	_Static_assert(sizeof(struct type) >= (first), #type);                 \
	_Static_assert(sizeof(struct type) % 8 == 0, #type);                   \
	_Static_assert(offsetof(struct type, size) == 0, #type);               \
	_Static_assert(offsetof(struct type, flags) == 4, #type);
HP_OPS(CHECK_LAYOUT)
_Static_assert(offsetof(struct hugepost_arm, event_size) == 12, "arm");
_Static_assert(offsetof(struct hugepost_fill, entry_size) == 28, "fill");
_Static_assert(offsetof(struct hugepost_reset, __reserved) == 12, "reset");
_Static_assert(sizeof(struct hugepost_fill_entry) == 32, "fill_entry");
_Static_assert(sizeof(struct hugepost_channel_stats) == 64, "channel_stats");
_Static_assert(sizeof(struct hugepost_event) == 32, "event");

/* A row of HP_OPS. */
struct rule {
	unsigned int cmd;
	uint32_t size;			/* as this program was compiled */
	uint32_t first;
	uint32_t flags;
	uint32_t reserved;
	uint32_t out;
	uint32_t out_end;
	bool unset_ok;
};

/* What an ioctl is tried on. */
struct op {
	const struct rule *rule;
	char *arena;			/* ARENA bytes, then an unmapped page */
	char *arg;			/* a good argument, without its tail */
	int fd;
	char *room;
	char *mem;
	char *buf;
	struct hugepost_fill_entry entry;
};

FIXTURE(op)
{
	struct op op;
};

FIXTURE_VARIANT(op)
{
	struct rule rule;
};

#define ADD_VARIANT(name, ioc, nr, type, first_size, known, res, o, oe, un)    \
	FIXTURE_VARIANT_ADD(op, name)                                          \
	{                                                                      \
		.rule = {                                                      \
			.cmd = (ioc), .size = sizeof(struct type),             \
			.first = (first_size), .flags = (known),               \
			.reserved = (res), .out = (o), .out_end = (oe),        \
			.unset_ok = (un),                                      \
		},                                                             \
	};
HP_OPS(ADD_VARIANT)

/*
 * Closes the object and makes one anew, in the same state each time. For what
 * maps, host page 0 is complete, and was touched before it was; host page 1 is
 * complete; of host page 2 the first target page is present. What SETUP is
 * tried on is not set up.
 */
static int renew(struct op *op)
{
	int ret;

	if (op->fd >= 0)
		close(op->fd);
	op->fd = hp_open();
	if (op->fd < 0 || op->rule->cmd == HUGEPOST_SETUP)
		return op->fd < 0 ? op->fd : 0;

	ret = hp_setup(op->fd, PAGES * HP, 2, 0);
	if (ret)
		return ret;
	if (mmap(op->mem, PAGES * HP, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, op->fd, 0) == MAP_FAILED)
		return -errno;
	ret = hp_fill(op->fd, 0, 0, op->buf, TP, 0);
	if (ret)
		return ret;
	*(volatile char *)op->mem = 1;
	if (op->rule->cmd != HUGEPOST_INSTALL &&
	    op->rule->cmd != HUGEPOST_COLLAPSE)
		return hp_fill(op->fd, 0, 2 * HP, op->buf, TP, 0);
	return hp_fill(op->fd, 0, TP, op->buf, 2 * HP, 0);
}

/* An argument with which the ioctl succeeds on a renewed object. */
static void *good(struct op *op)
{
	union {
		uint32_t size;
		struct hugepost_setup setup;
		struct hugepost_fill fill;
		struct hugepost_install install;
		struct hugepost_discard discard;
		struct hugepost_bitmap bitmap;
		struct hugepost_wake wake;
		struct hugepost_collapse collapse;
		struct hugepost_stats stats;
		struct hugepost_trim trim;
	} u = {};

	switch (op->rule->cmd) {
	case HUGEPOST_SETUP:
		u.setup.length = PAGES * HP;
		break;
	case HUGEPOST_FILL:
		op->entry = (struct hugepost_fill_entry){
			.offset = 2 * HP,
			.src = (uintptr_t)op->buf,
			.len = 2 * TP,
		};
		u.fill.nr = 1;
		u.fill.entries = (uintptr_t)&op->entry;
		break;
	case HUGEPOST_INSTALL:
		u.install.addr = (uintptr_t)op->mem;
		u.install.length = PAGES * HP;
		break;
	case HUGEPOST_DISCARD:
	case HUGEPOST_TRIM:
	case HUGEPOST_WAKE:	/* the same in all of them */
		u.discard.length = HP;
		break;
	case HUGEPOST_BITMAP:
		u.bitmap.length = HP;
		u.bitmap.bitmap = (uintptr_t)op->buf;
		break;
	case HUGEPOST_COLLAPSE:
		u.collapse.addr = (uintptr_t)op->mem;
		u.collapse.length = PAGES * HP;
		break;
	}
	u.size = op->rule->size;
	memcpy(op->arg, &u, op->rule->size);
	return op->arg;
}

/* The good argument with another size, at the arena's start. */
static char *sized(struct op *op, uint32_t size)
{
	memset(op->arena, 0, ARENA);
	memcpy(op->arena, good(op), op->rule->size);
	memcpy(op->arena, &size, sizeof(size));
	return op->arena;
}

/* Disarms what a successful ARM left behind. */
static void undo(struct op *op, const void *arg)
{
	const struct hugepost_arm *arm = arg;

	if (op->rule->cmd == HUGEPOST_ARM) {
		close(arm->out_fd);
		hp_disarm(op->fd);
	}
}

/* The one output that differs between objects is the same from now on. */
static void forget_id(struct op *op, char *arg)
{
	if (op->rule->cmd == HUGEPOST_STATS)
		((struct hugepost_stats *)arg)->out_id = 0;
}

FIXTURE_SETUP(op)
{
	struct op *op = &self->op;

	op->rule = &variant->rule;
	op->fd = -1;
	op->arena = mmap(NULL, ARENA + TP, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(op->arena, MAP_FAILED);
	ASSERT_EQ(munmap(op->arena + ARENA, TP), 0);
	op->arg = calloc(1, sizeof(struct hugepost_stats));
	op->buf = calloc(2, HP);
	ASSERT_NE(op->arg, NULL);
	ASSERT_NE(op->buf, NULL);
	/* Room for a mapping that is aligned as it must be. */
	op->room = mmap(NULL, (PAGES + 1) * HP, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(op->room, MAP_FAILED);
	op->mem = (char *)(((uintptr_t)op->room + HP - 1) & ~(HP - 1));
	ASSERT_EQ(renew(op), 0);
}

FIXTURE_TEARDOWN(op)
{
	munmap(self->op.room, (PAGES + 1) * HP);
	close(self->op.fd);
	munmap(self->op.arena, ARENA);
	free(self->op.arg);
	free(self->op.buf);
}

/* Rule: a structure shorter than its first version is EINVAL. */
TEST_F(op, short)
{
	uint32_t size;

	for (size = 0; size < variant->rule.first; size++) {
		char *arg = sized(&self->op, size);

		EXPECT_EQ(hp_call(self->op.fd, variant->rule.cmd, arg), -EINVAL)
			TH_LOG("size %u", size);
	}
}

/* Rule: the first version's size is enough, and nothing past it is written. */
TEST_F(op, first_version)
{
	char *arg = sized(&self->op, variant->rule.first);
	uint32_t i;

	memset(arg + variant->rule.first, 0xa5, ARENA - variant->rule.first);
	EXPECT_EQ(hp_call(self->op.fd, variant->rule.cmd, arg), 0);
	for (i = variant->rule.first; i < ARENA; i++)
		ASSERT_EQ((unsigned char)arg[i], 0xa5);
	undo(&self->op, arg);
}

/* Rule: a longer structure does the same if what is unknown of it is zero. */
TEST_F(op, long_zero)
{
	const uint32_t sizes[] = { variant->rule.size + 1, variant->rule.size + 8,
				   TP - 1, TP };
	char want[sizeof(struct hugepost_stats)];
	char *arg = good(&self->op);
	unsigned int i;
	uint32_t j;

	ASSERT_EQ(hp_call(self->op.fd, variant->rule.cmd, arg), 0);
	undo(&self->op, arg);
	forget_id(&self->op, arg);
	memcpy(want, arg, variant->rule.size);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ASSERT_EQ(renew(&self->op), 0);
		arg = sized(&self->op, sizes[i]);
		EXPECT_EQ(hp_call(self->op.fd, variant->rule.cmd, arg), 0);
		undo(&self->op, arg);
		forget_id(&self->op, arg);
		EXPECT_EQ(memcmp(arg, &sizes[i], sizeof(sizes[i])), 0);
		EXPECT_EQ(memcmp(arg + 4, want + 4, variant->rule.size - 4), 0)
			TH_LOG("size %u", sizes[i]);
		for (j = variant->rule.size; j < ARENA; j++)
			ASSERT_EQ(arg[j], 0);
	}
}

/* Rule: a longer structure is E2BIG if what is unknown of it is not zero. */
TEST_F(op, long_nonzero)
{
	const uint32_t places[] = { variant->rule.size, variant->rule.size + 7, TP - 1 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		char *arg = sized(&self->op, TP);

		arg[places[i]] = 1;
		EXPECT_EQ(hp_call(self->op.fd, variant->rule.cmd, arg), -E2BIG)
			TH_LOG("byte %u", places[i]);
	}
}

/* Rule: a structure longer than a page is E2BIG, whatever it holds. */
TEST_F(op, longer_than_page)
{
	const uint32_t sizes[] = { TP + 1, ARENA, ARENA + 1, 1U << 31,
				   UINT32_MAX };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		char *arg = sized(&self->op, sizes[i]);

		EXPECT_EQ(hp_call(self->op.fd, variant->rule.cmd, arg), -E2BIG)
			TH_LOG("size %u", sizes[i]);
	}
}

/* Rule: a size that reaches beyond the caller's memory is EFAULT. */
TEST_F(op, long_unmapped)
{
	const uint32_t size = variant->rule.size + 8;
	char *arg = self->op.arena + ARENA - variant->rule.size;

	memcpy(arg, good(&self->op), variant->rule.size);
	memcpy(arg, &size, sizeof(size));
	EXPECT_EQ(hp_call(self->op.fd, variant->rule.cmd, arg), -EFAULT);
}

/* Rule: an unknown flag is EOPNOTSUPP, also on an object not set up. */
TEST_F(op, unknown_flags)
{
	int fd = hp_open();
	unsigned int bit;

	ASSERT_GE(fd, 0);
	for (bit = 0; bit < 32; bit++) {
		uint32_t *arg = good(&self->op);

		if (variant->rule.flags & (1U << bit))
			continue;
		arg[1] = 1U << bit;
		EXPECT_EQ(hp_call(self->op.fd, variant->rule.cmd, arg), -EOPNOTSUPP)
			TH_LOG("flag %#x", arg[1]);
		arg[1] |= variant->rule.flags;
		EXPECT_EQ(hp_call(self->op.fd, variant->rule.cmd, arg), -EOPNOTSUPP);
		EXPECT_EQ(hp_call(fd, variant->rule.cmd, arg), -EOPNOTSUPP);
		EXPECT_EQ(arg[0], variant->rule.size);
	}
	close(fd);
}

/* Rule: a reserved field that is not zero is EINVAL. */
TEST_F(op, reserved)
{
	unsigned int bit;

	for (bit = 0; variant->rule.reserved && bit < 32; bit++) {
		uint32_t *arg = good(&self->op);

		arg[variant->rule.reserved / 4] = 1U << bit;
		EXPECT_EQ(hp_call(self->op.fd, variant->rule.cmd, arg), -EINVAL)
			TH_LOG("bit %u", bit);
	}
	EXPECT_EQ(hp_stats(self->op.fd).out_mode, HUGEPOST_MODE_UNARMED);
}

/* Rule: an object that is not set up is ENXIO, but for those that need none. */
TEST_F(op, not_set_up)
{
	int fd = hp_open();

	ASSERT_GE(fd, 0);
	EXPECT_EQ(hp_call(fd, variant->rule.cmd, good(&self->op)),
		  variant->rule.unset_ok ? 0 : -ENXIO);
	close(fd);
}

/* Rule: an argument that cannot be read is EFAULT. */
TEST_F(op, unreadable)
{
	char *half = self->op.arena + ARENA - variant->rule.first / 2;

	EXPECT_EQ(hp_call(self->op.fd, variant->rule.cmd, NULL), -EFAULT);
	EXPECT_EQ(hp_call(self->op.fd, variant->rule.cmd, (void *)8), -EFAULT);
	EXPECT_EQ(hp_call(self->op.fd, variant->rule.cmd, (void *)-8), -EFAULT);
	EXPECT_EQ(hp_call(self->op.fd, variant->rule.cmd, self->op.arena + ARENA),
		  -EFAULT);

	/* The size is there, the rest is not. */
	memcpy(half, &variant->rule.size, sizeof(variant->rule.size));
	EXPECT_EQ(hp_call(self->op.fd, variant->rule.cmd, half), -EFAULT);
	half = self->op.arena + ARENA - 2;
	EXPECT_EQ(hp_call(self->op.fd, variant->rule.cmd, half), -EFAULT);
}

/* Rule: an argument that cannot be written is EFAULT. ARM stays undone. */
TEST_F(op, unwritable)
{
	char *arg = sized(&self->op, variant->rule.size);
	int before, after;

	before = dup(self->op.fd);
	close(before);
	ASSERT_EQ(mprotect(self->op.arena, ARENA, PROT_READ), 0);
	EXPECT_EQ(hp_call(self->op.fd, variant->rule.cmd, arg), -EFAULT);
	ASSERT_EQ(mprotect(self->op.arena, ARENA, PROT_READ | PROT_WRITE), 0);
	EXPECT_EQ(hp_stats(self->op.fd).out_mode, HUGEPOST_MODE_UNARMED);
	after = dup(self->op.fd);
	close(after);
	EXPECT_EQ(before, after);
}

/* Rule: an argument need not be aligned. */
TEST_F(op, unaligned)
{
	char *arg = self->op.arena + 13;

	memcpy(arg, good(&self->op), variant->rule.size);
	EXPECT_EQ(hp_call(self->op.fd, variant->rule.cmd, arg), 0);
	memcpy(self->op.arg, arg, variant->rule.size);
	undo(&self->op, self->op.arg);
}

/* Rule: outputs do not depend on what they held; inputs are left alone. */
TEST_F(op, outputs)
{
	char *zeros = good(&self->op);
	char *ones = self->op.arena;
	uint32_t i;

	memcpy(ones, zeros, variant->rule.size);
	memset(ones + variant->rule.out, 0xff, variant->rule.out_end - variant->rule.out);
	if (variant->rule.cmd == HUGEPOST_FILL) /* an input among them */
		((struct hugepost_fill *)ones)->entry_size = 0;
	ASSERT_EQ(hp_call(self->op.fd, variant->rule.cmd, ones), 0);
	undo(&self->op, ones);

	ASSERT_EQ(renew(&self->op), 0);
	zeros = good(&self->op);
	ASSERT_EQ(hp_call(self->op.fd, variant->rule.cmd, zeros), 0);
	undo(&self->op, zeros);
	forget_id(&self->op, zeros);
	forget_id(&self->op, ones);
	EXPECT_EQ(memcmp(zeros, ones, variant->rule.size), 0);

	memcpy(ones, zeros, variant->rule.size);
	good(&self->op);
	for (i = 0; i < variant->rule.size; i++)
		if (i < variant->rule.out || i >= variant->rule.out_end)
			ASSERT_EQ(ones[i], self->op.arg[i])
				TH_LOG("byte %u", i);
}

/* Rule: what is no ioctl of this module is ENOTTY. */
TEST(unknown_ioctl)
{
	static const unsigned int known[] = {
#define ADD_CMD(name, ioc, ...) (ioc),
		HP_OPS(ADD_CMD)
	};
	const unsigned int nr_known = ARRAY_SIZE(known);
	struct hugepost_stats arg = { .size = sizeof(arg) };
	int fd = hp_new(HP, 1, 0), efd;
	unsigned int i;

	ASSERT_GE(fd, 0);
	for (i = nr_known; i < 256; i++)
		EXPECT_EQ(hp_call(fd, _IO(HUGEPOST_IOC_TYPE, i), &arg), -ENOTTY)
			TH_LOG("number %u", i);
	for (i = 0; i < 256; i++)
		if (i != HUGEPOST_IOC_TYPE)
			EXPECT_EQ(hp_call(fd, _IO(i, HUGEPOST_CMD_FILL), &arg),
				  -ENOTTY)
				TH_LOG("type %u", i);
	for (i = 0; i < nr_known; i++) {
		unsigned int nr = _IOC_NR(known[i]);

		EXPECT_EQ(nr, i);
		EXPECT_EQ(hp_call(fd, _IOR(HUGEPOST_IOC_TYPE, nr, arg), &arg),
			  -ENOTTY);
		EXPECT_EQ(hp_call(fd, _IOW(HUGEPOST_IOC_TYPE, nr, arg), &arg),
			  -ENOTTY);
		EXPECT_EQ(hp_call(fd, _IOWR(HUGEPOST_IOC_TYPE, nr, arg), &arg),
			  -ENOTTY);
	}
	efd = hp_arm(fd, 0);
	ASSERT_GE(efd, 0);
	for (i = 0; i < nr_known; i++)
		EXPECT_EQ(hp_call(efd, known[i], &arg), -ENOTTY);
	close(efd);
	close(fd);
}

/* Rule: INFO tells what the module can do, and changes nothing. */
TEST(info)
{
	struct hugepost_info arg = { .size = sizeof(arg) };
	int fd = hp_open();

	ASSERT_GE(fd, 0);
	ASSERT_EQ(hp_call(fd, HUGEPOST_INFO, &arg), 0);
	EXPECT_EQ(arg.out_api_version, HUGEPOST_API_VERSION);
	EXPECT_EQ(arg.out_channels_max, HUGEPOST_CHANNELS_MAX);
	EXPECT_EQ(arg.out_features & HUGEPOST_FEATURE_PMD,
		  HUGEPOST_FEATURE_PMD);
	EXPECT_EQ(arg.out_features &
		  ~(HUGEPOST_FEATURE_PMD | HUGEPOST_FEATURE_POISON), 0);
	EXPECT_EQ(arg.out_host_page_sizes & HP, HP);
	EXPECT_EQ(arg.out_target_page_sizes & TP, TP);
	EXPECT_EQ(hp_stats(fd).out_length, 0);
	EXPECT_EQ(hp_setup(fd, HP, 1, 0), 0);
	close(fd);
}

/* Rule: an object has a number of its own, whoever asks by whatever descriptor. */
TEST(object_id)
{
	int fd[2] = { hp_open(), hp_open() };
	int copy = dup(fd[0]);
	uint64_t id = hp_stats(fd[0]).out_id;

	EXPECT_NE(id, 0);
	EXPECT_NE(hp_stats(fd[1]).out_id, id);
	EXPECT_EQ(hp_stats(copy).out_id, id);
	close(fd[1]);
	fd[1] = hp_open();
	EXPECT_GT(hp_stats(fd[1]).out_id, id + 1);
	close(copy);
	close(fd[0]);
	close(fd[1]);
}

/* Rule: the device is opened for reading and writing, or not at all. */
TEST(open_modes)
{
	EXPECT_EQ(open(HUGEPOST_DEVICE, O_RDONLY), -1);
	EXPECT_EQ(errno, EACCES);
	EXPECT_EQ(open(HUGEPOST_DEVICE, O_WRONLY), -1);
	EXPECT_EQ(errno, EACCES);
	EXPECT_EQ(open(HUGEPOST_DEVICE, O_ACCMODE), -1);
	EXPECT_EQ(errno, EACCES);
}

/* Rule: an object is no file: no position, no bytes but through a mapping. */
TEST(not_a_file)
{
	int fd = hp_new(HP, 1, 0);
	char byte = 0;

	ASSERT_GE(fd, 0);
	EXPECT_EQ(lseek(fd, 0, SEEK_END), HP);
	EXPECT_EQ(pread(fd, &byte, 1, 0), -1);
	EXPECT_EQ(errno, EINVAL);
	EXPECT_EQ(pwrite(fd, &byte, 1, 0), -1);
	EXPECT_EQ(errno, EINVAL);
	EXPECT_EQ(read(fd, &byte, 1), -1);
	EXPECT_EQ(errno, EINVAL);
	EXPECT_EQ(write(fd, &byte, 1), -1);
	EXPECT_EQ(errno, EINVAL);
	close(fd);
}

/* Rule: syncing an object succeeds and does nothing. */
TEST(syncing)
{
	int fd = hp_new(HP, 1, 0);
	char *mem;

	ASSERT_GE(fd, 0);
	mem = hp_map(fd, 0, HP);
	ASSERT_NE(mem, MAP_FAILED);
	mem[0] = 1;
	EXPECT_EQ(msync(mem, HP, MS_SYNC), 0);
	EXPECT_EQ(msync(mem, HP, MS_ASYNC), 0);
	EXPECT_EQ(fsync(fd), 0);
	EXPECT_EQ(fdatasync(fd), 0);
	EXPECT_EQ(mem[0], 1);
	close(fd);
}

TEST_HARNESS_MAIN
