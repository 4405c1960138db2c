// SPDX-License-Identifier: GPL-2.0-only
/*
 * Old data: free memory is filled with a mark first, and then all that a process
 * can read of an object is searched for it; what the module tells is searched for
 * addresses of the kernel, too.
 */
#include "hugepost_touch.h"
#include "nl_test.h"
#include "../fuzz/dirty.h"

#include <sys/resource.h>
#include <sys/uio.h>

#define HOST_PAGES	4
#define PAGES		(HOST_PAGES * SUBS)
#define CORE_PATTERN	"/proc/sys/kernel/core_pattern"

enum expected {
	GONE,			/* missing */
	BYTES,			/* its pattern, version 1 */
	ZEROS,
};

/* An object, what each page of it must hold, and what was found wrong. */
struct object {
	int fd;
	int efd;
	char *mem;
	unsigned char page[PAGES];
	struct nl nl;
	char text[256];
};

static char patterns[PAGES * TP];	/* what each page is filled with */

static bool holds(const char *page, unsigned int index, enum expected what)
{
	return what == ZEROS ? dirty_all_zero(page, TP) :
			       !memcmp(page, patterns + index * TP, TP);
}

static int fill(struct object *o, unsigned int first, unsigned int nr)
{
	memset(o->page + first, BYTES, nr);
	return hp_fill(o->fd, first % 2, first * TP, patterns + first * TP,
		       nr * TP, 0);
}

static int zero(struct object *o, unsigned int first, unsigned int nr)
{
	memset(o->page + first, ZEROS, nr);
	return hp_fill(o->fd, first % 2, first * TP, NULL, nr * TP,
		       HUGEPOST_FILL_ZERO);
}

static bool discard(struct object *o, unsigned int first, unsigned int nr)
{
	memset(o->page + first, GONE, nr);
	return hp_discard(o->fd, first * TP, nr * TP) >= 0;
}

static bool arm(struct object *o)
{
	o->efd = hp_arm(o->fd, HUGEPOST_ARM_NONBLOCK);
	return o->efd >= 0;
}

static bool wrong(struct object *o, const char *how, unsigned int page)
{
	snprintf(o->text, sizeof(o->text), "%s: page %u", how, page);
	return false;
}

/*
 * All of a lost object that others read: present pages as they must be, missing
 * ones not at all. @buf is what a reader has of a page before.
 */
static bool kernel_reads_well(struct object *o)
{
	int self = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	char before[2 * TP], buf[2 * TP];
	unsigned int i;
	bool good = true;

	memset(before, 0xc3, sizeof(before));
	for (i = 0; good && i < PAGES; i++) {
		struct iovec to = { buf, 2 * TP };
		struct iovec from = { o->mem + i * TP, i + 1 < PAGES ? 2 * TP : TP };
		unsigned int pages = 0;
		ssize_t n;

		while (pages < 2 && i + pages < PAGES && o->page[i + pages] != GONE)
			pages++;
		memcpy(buf, before, sizeof(buf));
		n = process_vm_readv(getpid(), &to, 1, &from, 1, 0);
		if (n != (pages ? (ssize_t)(pages * TP) : -1))
			good = wrong(o, "process_vm_readv", i);
		else if ((pages && !holds(buf, i, o->page[i])) ||
			 memcmp(buf + pages * TP, before, (2 - pages) * TP))
			good = wrong(o, "bytes of process_vm_readv", i);

		memcpy(buf, before, TP);
		n = pread(self, buf, TP, (off_t)(uintptr_t)o->mem + i * TP);
		if (n != (pages ? (ssize_t)TP : -1))
			good = wrong(o, "/proc/self/mem", i);
		else if (pages ? !holds(buf, i, o->page[i]) :
				 memcmp(buf, before, TP))
			good = wrong(o, "bytes of /proc/self/mem", i);
	}
	close(self);
	return good;
}

/* The same by loads, of as many pages: a missing one is SIGBUS. */
static bool loads_well(struct object *o)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++) {
		int sig = hp_touch(o->mem + i * TP + i % TP, -1);

		if (sig != (o->page[i] == GONE ? SIGBUS : 0))
			return wrong(o, "signal of a load", i);
		if (!sig && !holds(o->mem + i * TP, i, o->page[i]))
			return wrong(o, "bytes of a load", i);
	}
	return true;
}

/* Of an unarmed object all can be read: what is missing is zero then. */
static bool all_reads_well(struct object *o)
{
	unsigned int i;

	if (hp_disarm(o->fd))
		return wrong(o, "DISARM", 0);
	for (i = 0; i < PAGES; i++)
		if (!holds(o->mem + i * TP, i,
			   o->page[i] == GONE ? ZEROS : o->page[i]))
			return wrong(o, "bytes of the unarmed", i);
	return true;
}

/* Reads all of it by every way; the object is lost, and then unarmed. */
static bool look(struct object *o)
{
	if (o->efd < 0 && !arm(o))
		return wrong(o, "ARM", 0);
	close(o->efd);
	o->efd = -1;
	return kernel_reads_well(o) && loads_well(o);
}

FIXTURE(object)
{
	struct object o;
};

FIXTURE_VARIANT(object)
{
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(object, plain)
{
	.flags = 0,
};

FIXTURE_VARIANT_ADD(object, prealloc)
{
	.flags = HUGEPOST_SETUP_PREALLOC,
};

FIXTURE_SETUP(object)
{
	struct object *o = &self->o;

	memset(o, 0, sizeof(*o));
	ASSERT_TRUE(dirty_caches());
	ASSERT_EQ(nl_open(&o->nl), 0);
	o->fd = hp_new(PAGES * TP, 2, variant->flags);
	ASSERT_GE(o->fd, 0);
	o->mem = hp_map(o->fd, 0, PAGES * TP);
	ASSERT_NE(o->mem, MAP_FAILED);
	ASSERT_TRUE(arm(o));
	/* Some of a host page; all but one; all; zeros. The rest is never filled. */
	ASSERT_EQ(fill(o, 3, 2), 0);
	ASSERT_EQ(fill(o, 100, 1), 0);
	ASSERT_EQ(zero(o, 200, 7), 0);
	ASSERT_EQ(fill(o, SUBS, 17), 0);
	ASSERT_EQ(fill(o, SUBS + 18, SUBS - 18), 0);
	ASSERT_EQ(zero(o, 2 * SUBS + 5, 100), 0);
}

FIXTURE_TEARDOWN(object)
{
	struct object *o = &self->o;

	munmap(o->mem, PAGES * TP);
	if (o->efd >= 0)
		close(o->efd);
	close(o->fd);
	close(o->nl.fd);
}

/* Rule: the search finds what it looks for. */
TEST(search)
{
	static char page[TP];

	EXPECT_FALSE(dirty_has_mark(page, TP));
	EXPECT_FALSE(dirty_has_address(page, TP));
	*(uint32_t *)(page + 1020) = DIRTY_MARK;
	EXPECT_TRUE(dirty_has_mark(page, TP));
	EXPECT_FALSE(dirty_has_address(page, TP));
	*(uint64_t *)(page + 512) = 0xffff888012345678;
	EXPECT_TRUE(dirty_has_address(page, TP));
}

/* The frame behind a page that can be read, and the one after it. */
static int frames_beside(const char *addr, char *frames)
{
	uint64_t frame = frame_of(addr);

	return frame ? read_frames(frame, frames, 2 * TP) : -ENXIO;
}

/*
 * Rule: the mark is there to be found: what was discarded is still in the memory
 * beside a page that can be read, and so is what others freed.
 */
TEST(marks)
{
	static char mark[HP], frames[2 * TP];
	unsigned int i, marked = 0;
	int fd, ret;
	char *mem;

	dirty_mark(mark, HP);
	for (i = 0; i < 16; i++) {
		fd = hp_new(HP, 1, i ? 0 : HUGEPOST_SETUP_PREALLOC);
		ASSERT_GE(fd, 0);
		mem = hp_map(fd, 0, HP);
		ASSERT_NE(mem, MAP_FAILED);
		if (!i) {
			ASSERT_EQ(hp_fill(fd, 0, 0, mark, HP, 0), 0);
			ASSERT_EQ(hp_discard(fd, 0, HP), SUBS);
		}
		ASSERT_EQ(hp_fill_pattern(fd, 0, 100, 1, 1), 0);
		ASSERT_TRUE(holds(mem + 100 * TP, 100, BYTES));
		ret = frames_beside(mem + 100 * TP, frames);
		if (ret)
			SKIP(return, "no access to memory: %s", strerror(-ret));
		EXPECT_TRUE(holds(frames, 100, BYTES));
		EXPECT_TRUE(i || dirty_has_mark(frames + TP, TP));
		marked += i && dirty_has_mark(frames + TP, TP);
		munmap(mem, HP);
		close(fd);
	}
	TH_LOG("%u of 15 objects have marked memory", marked);
	EXPECT_GT(marked, 0);
}

/* Rule: whatever is read of an object is what was filled, or zero. */
TEST_F(object, memory)
{
	struct object *o = &self->o;

	EXPECT_TRUE(look(o)) TH_LOG("filled: %s", o->text);

	/* Taken out of what was complete, and out of what was not. */
	ASSERT_EQ(fill(o, 3 * SUBS, SUBS), 0);
	ASSERT_TRUE(discard(o, 3 * SUBS + 10, 3));
	ASSERT_TRUE(discard(o, SUBS + 2, 40));
	ASSERT_TRUE(discard(o, 2 * SUBS, SUBS));
	EXPECT_TRUE(look(o)) TH_LOG("discarded: %s", o->text);

	/* Zeros that get memory, and a host page that was emptied before. */
	ASSERT_EQ(zero(o, 2 * SUBS, SUBS / 2), 0);
	ASSERT_EQ(fill(o, 2 * SUBS + 300, 1), 0);
	ASSERT_TRUE(discard(o, 0, SUBS));
	ASSERT_EQ(fill(o, 7, 1), 0);
	ASSERT_EQ(hp_reset(o->fd, 0), 0);
	EXPECT_TRUE(look(o)) TH_LOG("filled again: %s", o->text);
	EXPECT_TRUE(all_reads_well(o)) TH_LOG("%s", o->text);
}

/* Rule: a FILL that fails half-way makes nothing readable but what was copied. */
TEST_F(object, failed_fill)
{
	struct object *o = &self->o;
	char *src = mmap(NULL, 8 * TP, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(src, MAP_FAILED);
	memcpy(src, patterns + (3 * SUBS + 50) * TP, 8 * TP);
	ASSERT_EQ(munmap(src + 5 * TP, TP), 0);
	EXPECT_EQ(hp_fill(o->fd, 0, (3 * SUBS + 50) * TP, src, 8 * TP, 0),
		  -EFAULT);
	memset(o->page + 3 * SUBS + 50, BYTES, 5);
	/* A source that ends in the middle of a page. */
	EXPECT_EQ(hp_fill(o->fd, 0, (3 * SUBS + 90) * TP, src + 4 * TP + 2048,
			  TP, 0), -EFAULT);
	EXPECT_TRUE(look(o)) TH_LOG("%s", o->text);
	munmap(src, 8 * TP);
}

/* Rule: O_DIRECT, vmsplice and write take nothing from a missing page. */
TEST_F(object, pinned)
{
	static const unsigned int pages[] = { 2, 3, 5, 101, SUBS + 17, 3 * SUBS };
	struct object *o = &self->o;
	char *buf = aligned_alloc(TP, TP);
	unsigned int i;
	int disk = -1, p[2];

	ASSERT_NE(buf, NULL);
	if (!access("/dev/ram0", F_OK) || !system("modprobe brd rd_nr=1"))
		disk = open("/dev/ram0", O_RDWR | O_DIRECT | O_CLOEXEC);
	ASSERT_EQ(pipe(p), 0);
	close(o->efd);
	o->efd = -1;
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		bool there = o->page[pages[i]] != GONE;
		struct iovec iov = { o->mem + pages[i] * TP, TP };
		ssize_t want = there ? (ssize_t)TP : -1;

		EXPECT_EQ(write(p[1], iov.iov_base, TP), want);
		if (there)
			ASSERT_EQ(read(p[0], buf, TP), TP);
		EXPECT_EQ(vmsplice(p[1], &iov, 1, 0), want);
		if (there) {
			ASSERT_EQ(read(p[0], buf, TP), TP);
			EXPECT_TRUE(holds(buf, pages[i], o->page[pages[i]]));
		}
		if (disk < 0)
			continue;
		EXPECT_EQ(pwrite(disk, iov.iov_base, TP, 0), want);
		ASSERT_EQ(pread(disk, buf, TP, 0), TP);
		EXPECT_FALSE(dirty_has_mark(buf, TP));
	}
	if (disk >= 0)
		close(disk);
	close(p[0]);
	close(p[1]);
	free(buf);
}

/* Dumps core with all of an object in it. */
static void dump_core(struct object *o)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	int filter = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);

	setrlimit(RLIMIT_CORE, &all);
	signal(SIGABRT, SIG_DFL);
	o->mem = mmap(o->mem, PAGES * TP, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_FIXED, o->fd, 0);
	if (o->mem == MAP_FAILED || madvise(o->mem, PAGES * TP, MADV_DODUMP) ||
	    write(filter, "0x7f", 4) != 4)
		_exit(1);
	abort();
}

/* What a core dump has of the object: NULL if it is nothing. */
static const char *core_of(struct object *o, const char *core)
{
	const Elf64_Ehdr *head = (const void *)core;
	const Elf64_Phdr *seg = (const void *)(core + head->e_phoff);
	unsigned int i;

	for (i = 0; i < head->e_phnum; i++)
		if (seg[i].p_type == PT_LOAD &&
		    seg[i].p_vaddr == (uintptr_t)o->mem &&
		    seg[i].p_filesz == PAGES * TP)
			return core + seg[i].p_offset;
	return NULL;
}

/* Rule: a core dump that takes the object in has nothing of missing pages. */
TEST_F(object, core_dump)
{
	struct object *o = &self->o;
	const char *core, *mem;
	int status, fd = open(CORE_PATTERN, O_RDWR | O_CLOEXEC);
	char old[256] = "";
	struct stat st;
	unsigned int i;
	pid_t pid;

	if (fd < 0 || read(fd, old, sizeof(old) - 1) <= 0)
		SKIP(return, "this kernel dumps no cores");
	ASSERT_EQ(pwrite(fd, "core.dump", 9, 0), 9);
	pid = fork();
	if (!pid)
		dump_core(o);
	waitpid(pid, &status, 0);
	EXPECT_EQ(pwrite(fd, old, strlen(old), 0), (ssize_t)strlen(old));
	close(fd);
	ASSERT_TRUE(WIFSIGNALED(status) && WCOREDUMP(status));

	fd = open("core.dump", O_RDONLY | O_CLOEXEC);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(fstat(fd, &st), 0);
	core = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	ASSERT_NE(core, MAP_FAILED);
	mem = core_of(o, core);
	ASSERT_NE(mem, NULL);
	for (i = 0; i < PAGES; i++)
		if (!holds(mem + i * TP, i,
			   o->page[i] == GONE ? ZEROS : o->page[i]))
			break;
	EXPECT_EQ(i, PAGES);
	munmap((void *)core, st.st_size);
	close(fd);
	unlink("core.dump");
}

/* An argument among bytes that are known; @size bytes of it are the call's. */
struct argument {
	unsigned char before[64];
	unsigned char arg[256];
	unsigned char after[64];
};

/* Makes a call, and searches what it told. */
static bool tells_well(struct object *o, unsigned int cmd, const void *arg,
		       size_t size, size_t out)
{
	struct argument a;
	unsigned int i;
	int ret;

	memset(&a, 0xc3, sizeof(a));
	memcpy(a.arg, arg, out);
	ret = hp_call(o->fd, cmd, a.arg);
	if (ret)
		return wrong(o, strerror(-ret), cmd);
	for (i = 0; i < sizeof(a.before); i++)
		if (a.before[i] != 0xc3 || a.after[i] != 0xc3)
			return wrong(o, "beside the argument", cmd);
	for (i = size; i < sizeof(a.arg); i++)
		if (a.arg[i] != 0xc3)
			return wrong(o, "behind the argument", cmd);
	if (memcmp(a.arg, arg, out))
		return wrong(o, "inputs", cmd);
	/* Addresses that a call tells are the caller's own. */
	return (!dirty_has_mark(a.arg, size) &&
		!dirty_has_address(a.arg + out, size - out)) ||
	       wrong(o, "outputs", cmd);
}

/* Rule: ioctls tell what they are to tell; of nothing else a byte gets out. */
TEST_F(object, ioctls)
{
	struct object *o = &self->o;
	struct hugepost_channel_stats channels[3];
	uint64_t bits[PAGES / 64 + 1];
	struct hugepost_info info = { .size = sizeof(info) };
	struct hugepost_discard discard = {
		.size = sizeof(discard), .length = TP,
	};
	struct hugepost_install install = {
		.size = sizeof(install), .addr = (uintptr_t)o->mem,
		.length = PAGES * TP,
	};
	struct hugepost_bitmap bitmap = {
		.size = sizeof(bitmap), .length = PAGES * TP,
		.bitmap = (uintptr_t)bits,
	};
	struct hugepost_stats stats = {
		.size = sizeof(stats), .channels = (uintptr_t)channels,
		.nr_channels = 3, .channel_size = sizeof(channels[0]),
	};

	memset(bits, 0xc3, sizeof(bits));
	memset(channels, 0xc3, sizeof(channels));
	EXPECT_TRUE(tells_well(o, HUGEPOST_INFO, &info, sizeof(info), 8))
		TH_LOG("%s", o->text);
	EXPECT_TRUE(tells_well(o, HUGEPOST_DISCARD, &discard, sizeof(discard),
			       24))
		TH_LOG("%s", o->text);
	EXPECT_TRUE(tells_well(o, HUGEPOST_INSTALL, &install, sizeof(install),
			       24))
		TH_LOG("%s", o->text);
	EXPECT_TRUE(tells_well(o, HUGEPOST_COLLAPSE, &install, sizeof(install),
			       24))
		TH_LOG("%s", o->text);
	EXPECT_TRUE(tells_well(o, HUGEPOST_BITMAP, &bitmap, sizeof(bitmap), 32))
		TH_LOG("%s", o->text);
	EXPECT_EQ(bits[PAGES / 64], 0xc3c3c3c3c3c3c3c3);
	EXPECT_FALSE(dirty_has_mark(bits, sizeof(bits)));
	EXPECT_TRUE(tells_well(o, HUGEPOST_STATS, &stats, sizeof(stats), 24))
		TH_LOG("%s", o->text);
	EXPECT_FALSE(dirty_has_mark(channels, sizeof(channels)));
	EXPECT_FALSE(dirty_has_address(channels, sizeof(channels)));
	EXPECT_EQ(channels[2].host_page, 0xc3c3c3c3c3c3c3c3);
}

/* Rule: events have no bytes but those that are described. */
TEST_F(object, events)
{
	struct object *o = &self->o;
	struct hugepost_event events[8];
	struct hp_toucher t[4];
	unsigned int i;
	ssize_t n = 0;

	for (i = 0; i < 4; i++)
		hp_toucher_start(&t[i], o->mem + (300 + i) * TP, i % 2 ? 1 : -1);
	while (hp_stats(o->fd).out_events < 4)
		usleep(1000);
	memset(events, 0xc3, sizeof(events));
	n = read(o->efd, events, sizeof(events));
	EXPECT_EQ(n, (ssize_t)(4 * sizeof(events[0])));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(events[i].__reserved, 0);
	EXPECT_FALSE(dirty_has_mark(events, sizeof(events)));
	EXPECT_FALSE(dirty_has_address(events, sizeof(events)));
	EXPECT_EQ(events[4].offset, 0xc3c3c3c3c3c3c3c3);
	EXPECT_EQ(hp_disarm(o->fd), 0);
	for (i = 0; i < 4; i++)
		hp_toucher_end(&t[i]);
}

/* Receives all that comes, and searches it; how many bytes it is, 0 if bad. */
static size_t search_messages(int fd)
{
	static char buf[1 << 17];
	size_t all = 0;
	ssize_t n;

	memset(buf, 0xc3, sizeof(buf));
	while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		if (dirty_has_mark(buf, n) || dirty_has_address(buf, n))
			return 0;
		all += n;
	}
	return all;
}

/* Rule: netlink answers and notifications have nothing but what is described. */
TEST_F(object, netlink)
{
	static const uint8_t dumps[] = {
		HUGEPOST_NL_CMD_OBJECT_GET, HUGEPOST_NL_CMD_CHANNEL_GET,
	};
	struct object *o = &self->o;
	struct nl events;
	struct nl_request req;
	uint64_t id = hp_id(o->fd);
	unsigned int i;

	ASSERT_EQ(nl_open(&events), 0);
	ASSERT_EQ(nl_join(&events), 0);
	for (i = 0; i < ARRAY_SIZE(dumps); i++) {
		nl_begin(&req, o->nl.family, dumps[i], NLM_F_DUMP);
		if (dumps[i] == HUGEPOST_NL_CMD_CHANNEL_GET)
			nl_put_u64(&req, HUGEPOST_A_CHANNEL_OBJECT, id);
		ASSERT_GT(send(o->nl.fd, &req, req.nlh.nlmsg_len, 0), 0);
		EXPECT_GT(search_messages(o->nl.fd), 100);
	}
	nl_begin(&req, o->nl.family, HUGEPOST_NL_CMD_MAP_GET, 0);
	nl_put_u64(&req, HUGEPOST_A_MAP_OBJECT, id);
	nl_put_u32(&req, HUGEPOST_A_MAP_CELLS, 3);
	ASSERT_GT(send(o->nl.fd, &req, req.nlh.nlmsg_len, 0), 0);
	EXPECT_GT(search_messages(o->nl.fd), 100);
	nl_begin(&req, o->nl.family, HUGEPOST_NL_CMD_MODULE_GET, 0);
	ASSERT_GT(send(o->nl.fd, &req, req.nlh.nlmsg_len, 0), 0);
	EXPECT_GT(search_messages(o->nl.fd), 100);

	EXPECT_EQ(hp_disarm(o->fd), 0);
	EXPECT_EQ(hp_fill(o->fd, 0, 3 * HP, NULL, HP, HUGEPOST_FILL_ZERO), 0);
	close(hp_new(HP, 1, 0));
	EXPECT_GT(search_messages(events.fd), 100);
	close(events.fd);
}

/* Rule: nor have the files of the module in sysfs and debugfs. */
TEST_F(object, files)
{
	EXPECT_EQ(access("/sys/module/hugepost/version", R_OK), 0);
	EXPECT_EQ(dirty_files("/sys/module/hugepost"), 0);
	EXPECT_EQ(dirty_files("/sys/devices/virtual/misc/hugepost"), 0);
	EXPECT_EQ(dirty_files("/sys/kernel/debug/hugepost"), 0);
}

/* Once, since it takes long: before any test is run. */
__attribute__((constructor)) static void begin_program(void)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		hp_pattern_write(patterns + i * TP, i, 1);
	if (!dirty_memory())
		perror("cannot mark memory");
}

TEST_HARNESS_MAIN
