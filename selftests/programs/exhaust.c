// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process that takes as many of something as it can: it is told when there are
 * no more, others go on meanwhile, and all of it comes back when the process ends.
 */
#include "hugepost_cgroup.h"
#include "hugepost_touch.h"
#include "nl_test.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <linux/capability.h>

#define SYS		"/proc/sys"
#define MAX_MAPS	"vm/max_map_count"
#define FILE_MAX	"fs/file-max"
#define FILE_NR		"fs/file-nr"

#define DESCRIPTORS	150	/* most that a process may have here */
#define MAPS		900
#define TASKS		150
#define BARE		2000	/* objects that are not set up */
#define BARE_BYTES	1500	/* what each takes, at least */
#define MANY		1000000	/* more than anybody gets */

/* What the process that takes tells; shared with it. */
struct hog {
	unsigned int taken;
	int error;		/* why it got no more, as -errno */
	int then;		/* what came of what it tried afterwards */
	volatile bool done;
};

FIXTURE(host)
{
	struct hog *hog;
	struct nl nl;
	struct nl_module before;
	char cgroup[64];
	bool in_cgroup;
	pid_t pid;
	int fd;			/* an object that both have */
};

static unsigned long read_number(const char *path)
{
	FILE *f = fopen(path, "re");
	unsigned long value = 0;

	if (!f || fscanf(f, "%lu", &value) != 1)
		value = 0;
	if (f)
		fclose(f);
	return value;
}

FIXTURE_SETUP(host)
{
	self->pid = -1;
	self->in_cgroup = false;
	self->hog = mmap(NULL, sizeof(*self->hog), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(self->hog, MAP_FAILED);
	ASSERT_EQ(nl_open(&self->nl), 0);
	self->fd = hp_new(2 * HP, 1, 0);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(nl_module_get(&self->nl, NL_NO_FD, &self->before), 0);
	snprintf(self->cgroup, sizeof(self->cgroup), CGROUP "/exhaust-%d",
		 getpid());
}

FIXTURE_TEARDOWN(host)
{
	if (self->pid > 0) {
		kill(self->pid, SIGKILL);
		waitpid(self->pid, NULL, 0);
	}
	EXPECT_TRUE(nl_all_back(&self->nl, &self->before, 5000));
	EXPECT_EQ(hp_fill_pattern(self->fd, 0, SUBS, 1, 1), 0);
	close(self->fd);
	close(self->nl.fd);
	if (self->in_cgroup)
		EXPECT_EQ(rmdir(self->cgroup), 0);
	munmap(self->hog, sizeof(*self->hog));
}

/* A cgroup for the process that takes. */
static bool make_cgroup(const char *path, const char *limit, const char *value)
{
	write_file(CGROUP, "cgroup.subtree_control", "+memory +pids");
	if (mkdir(path, 0755))
		return false;
	if (!write_file(path, limit, value))
		return true;
	rmdir(path);
	return false;
}

/* Starts the process that takes, in @cgroup if there is one, and lets it. */
static pid_t hog_start(struct hog *hog, void (*take)(struct hog *, int), int fd,
		       const char *cgroup)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (cgroup && write_file(cgroup, "cgroup.procs", "0"))
			_exit(1);
		take(hog, fd);
		hog->done = true;
		for (;;)
			pause();
	}
	while (pid > 0 && !hog->done) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return -ECHILD;
		usleep(1000);
	}
	return pid;
}

/* Can another process use the module as always? */
static bool others_go_on(void)
{
	int status = -1, fd, efd;
	pid_t pid = fork();
	char *mem;

	if (pid) {
		waitpid(pid, &status, 0);
		return !status;
	}
	fd = hp_new(2 * HP, 2, 0);
	efd = fd < 0 ? fd : hp_arm(fd, 0);
	mem = efd < 0 ? MAP_FAILED : hp_map(fd, 0, 2 * HP);
	_exit(mem == MAP_FAILED || hp_fill_pattern(fd, 1, 7, 1, 2) ||
	      !hp_pattern_check(mem + 7 * TP, 7, 2));
}

static void limit_descriptors(void)
{
	const struct rlimit limit = { DESCRIPTORS, DESCRIPTORS };

	setrlimit(RLIMIT_NOFILE, &limit);
}

static void take_objects(struct hog *hog, int fd)
{
	int last = -1, ret;

	limit_descriptors();
	while ((ret = hp_new(HP, 1, HUGEPOST_SETUP_PREALLOC)) >= 0 &&
	       hog->taken < 20) {
		last = ret;
		hog->taken++;
	}
	close(ret);
	while ((ret = hp_open()) >= 0 && hog->taken < MANY) {
		last = ret;
		hog->taken++;
	}
	hog->error = ret;
	close(last);
	hog->then = hp_open();
}

/* Rule: one descriptor too many is EMFILE; one that is closed can be had again. */
TEST_F(host, objects)
{
	self->pid = hog_start(self->hog, take_objects, self->fd, NULL);
	ASSERT_GT(self->pid, 0);
	EXPECT_EQ(self->hog->error, -EMFILE);
	EXPECT_GT(self->hog->taken, DESCRIPTORS / 2);
	EXPECT_GE(self->hog->then, 0);
	EXPECT_TRUE(others_go_on());
}

static void take_events(struct hog *hog, int fd)
{
	int first = -1, ret;

	limit_descriptors();
	while ((ret = hp_arm(fd, 0)) >= 0 && hog->taken < MANY) {
		if (first < 0)
			first = ret;
		hog->taken++;
		if (hp_disarm(fd))
			return;
	}
	hog->error = ret;
	hog->then = hp_stats(fd).out_mode;
	close(first);
	ret = hp_arm(fd, 0);
	if (ret < 0)
		hog->then = ret;
	hp_disarm(fd);
}

/* Rule: ARM without a free descriptor is EMFILE, and the object is unarmed. */
TEST_F(host, event_descriptors)
{
	self->pid = hog_start(self->hog, take_events, self->fd, NULL);
	ASSERT_GT(self->pid, 0);
	EXPECT_EQ(self->hog->error, -EMFILE);
	EXPECT_GT(self->hog->taken, DESCRIPTORS / 2);
	EXPECT_EQ(self->hog->then, HUGEPOST_MODE_UNARMED);
	EXPECT_TRUE(others_go_on());
}

/* Gives up the right to open more files than the machine is to have. */
static void drop_admin(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct caps[2] = {};

	syscall(SYS_capget, &head, caps);
	caps[0].effective &= ~(1U << CAP_SYS_ADMIN);
	syscall(SYS_capset, &head, caps);
}

static void take_files(struct hog *hog, int fd)
{
	int ret;

	drop_admin();
	while ((ret = hp_open()) >= 0 && hog->taken < MANY)
		hog->taken++;
	hog->error = ret;
	hog->then = hp_arm(fd, 0);
}

/* Rule: where the machine has no more files it is ENFILE, for ARM, too. */
TEST_F(host, files)
{
	unsigned long max = read_number(SYS "/" FILE_MAX);
	char text[32];

	snprintf(text, sizeof(text), "%lu", read_number(SYS "/" FILE_NR) + 300);
	if (write_file(SYS, FILE_MAX, text))
		SKIP(return, "the number of files cannot be limited");
	self->pid = hog_start(self->hog, take_files, self->fd, NULL);
	EXPECT_TRUE(others_go_on());
	snprintf(text, sizeof(text), "%lu", max);
	EXPECT_EQ(write_file(SYS, FILE_MAX, text), 0);
	ASSERT_GT(self->pid, 0);
	EXPECT_EQ(self->hog->error, -ENFILE);
	EXPECT_EQ(self->hog->then, -ENFILE);
	EXPECT_GT(self->hog->taken, 100);
	EXPECT_EQ(hp_stats(self->fd).out_mode, HUGEPOST_MODE_UNARMED);
}

static void take_mappings(struct hog *hog, int fd)
{
	char *mem = NULL, *last = NULL;

	/* At one page after the other of the object, so that none merge. */
	while (hog->taken < MANY) {
		mem = mmap(NULL, TP, hog->taken % 2 ? PROT_READ : PROT_WRITE,
			   MAP_SHARED, fd, hog->taken % 7 * TP);
		if (mem == MAP_FAILED)
			break;
		last = mem;
		hog->taken++;
		hp_touch(mem, hog->taken % 2 ? 1 : -1);
	}
	hog->error = -errno;
	hog->then = munmap(last, TP) ? -errno : 0;
	if (!hog->then && hp_map(fd, 0, TP) == MAP_FAILED)
		hog->then = -errno;
}

/* Rule: one mapping too many is ENOMEM; DISCARD reaches all that there are. */
TEST_F(host, mappings)
{
	unsigned long max = read_number(SYS "/" MAX_MAPS);
	char text[32];

	snprintf(text, sizeof(text), "%u", MAPS);
	ASSERT_EQ(write_file(SYS, MAX_MAPS, text), 0);
	self->pid = hog_start(self->hog, take_mappings, self->fd, NULL);
	EXPECT_TRUE(others_go_on());
	snprintf(text, sizeof(text), "%lu", max);
	EXPECT_EQ(write_file(SYS, MAX_MAPS, text), 0);
	ASSERT_GT(self->pid, 0);
	EXPECT_EQ(self->hog->error, -ENOMEM);
	EXPECT_GT(self->hog->taken, MAPS / 2);
	EXPECT_EQ(self->hog->then, 0);
	EXPECT_EQ(hp_discard(self->fd, 0, HP), SUBS);
	EXPECT_EQ(hp_stats(self->fd).out_memory, HP);
}

static void *touch_missing(void *arg)
{
	hp_touch(arg, -1);
	return NULL;
}

/* Threads that each wait for a page of their own. */
static void take_waits(struct hog *hog, int fd)
{
	char *mem = hp_map(fd, 0, 2 * HP);
	pthread_attr_t small;
	pthread_t thread;
	int ret = 0;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 64 << 10);
	while (hog->taken < 2 * SUBS) {
		ret = pthread_create(&thread, &small, touch_missing,
				     mem + hog->taken * TP);
		if (ret)
			break;
		hog->taken++;
	}
	hog->error = -ret;
}

/* Rule: waits and events end with what limits tasks; a kill ends all of them. */
TEST_F(host, waits)
{
	struct hugepost_event event;
	unsigned int events = 0;
	char text[32];
	int efd;

	snprintf(text, sizeof(text), "%u", TASKS);
	self->in_cgroup = make_cgroup(self->cgroup, "pids.max", text);
	if (!self->in_cgroup)
		SKIP(return, "no cgroup can limit tasks in " CGROUP);
	efd = hp_arm(self->fd, HUGEPOST_ARM_NONBLOCK);
	ASSERT_GE(efd, 0);
	self->pid = hog_start(self->hog, take_waits, self->fd, self->cgroup);
	ASSERT_GT(self->pid, 0);
	EXPECT_EQ(self->hog->error, -EAGAIN);
	EXPECT_EQ(self->hog->taken, TASKS - 1);
	while (hp_stats(self->fd).out_events < self->hog->taken)
		usleep(1000);
	EXPECT_TRUE(others_go_on());

	kill(self->pid, SIGKILL);
	EXPECT_EQ(waitpid(self->pid, NULL, 0), self->pid);
	self->pid = -1;
	while (!hp_read_event(efd, &event))
		events++;
	EXPECT_EQ(events, self->hog->taken);
	EXPECT_EQ(hp_disarm(self->fd), 0);
	close(efd);
}

static void take_channels(struct hog *hog, int fd)
{
	int ret;

	while ((ret = hp_new(HP, HUGEPOST_CHANNELS_MAX, 0)) >= 0 &&
	       hog->taken < MANY)
		hog->taken++;
	hog->error = ret;
	hog->then = hp_new(HP, HUGEPOST_CHANNELS_MAX + 1, 0);
}

/* Rule: channels end with the cgroup's memory: ENOMEM, and nobody is killed. */
TEST_F(host, channels)
{
	self->in_cgroup = make_cgroup(self->cgroup, "memory.max", "400M");
	if (!self->in_cgroup)
		SKIP(return, "no cgroup can limit memory in " CGROUP);
	self->pid = hog_start(self->hog, take_channels, self->fd, self->cgroup);
	ASSERT_GT(self->pid, 0);
	EXPECT_EQ(self->hog->error, -ENOMEM);
	EXPECT_EQ(self->hog->then, -EINVAL);
	EXPECT_EQ(self->hog->taken, 3);
	EXPECT_TRUE(others_go_on());
}

static void take_bare_objects(struct hog *hog, int fd)
{
	const struct rlimit limit = { BARE, BARE };
	int ret;

	setrlimit(RLIMIT_NOFILE, &limit);
	while ((ret = hp_open()) >= 0 && hog->taken < MANY)
		hog->taken++;
	hog->error = ret;
}

/*
 * Rule: objects that nobody set up take memory of who opens them, so that a
 * cgroup limits them, too.
 */
TEST_F(host, bare_objects)
{
	char path[128];

	self->in_cgroup = make_cgroup(self->cgroup, "memory.max", "200M");
	if (!self->in_cgroup)
		SKIP(return, "no cgroup can limit memory in " CGROUP);
	self->pid = hog_start(self->hog, take_bare_objects, self->fd,
			      self->cgroup);
	ASSERT_GT(self->pid, 0);
	EXPECT_EQ(self->hog->error, -EMFILE);
	EXPECT_GT(self->hog->taken, BARE - 20);
	snprintf(path, sizeof(path), "%s/memory.current", self->cgroup);
	EXPECT_GT(read_number(path), self->hog->taken * BARE_BYTES);
	EXPECT_TRUE(others_go_on());
}

TEST_HARNESS_MAIN
