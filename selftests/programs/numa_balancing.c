// SPDX-License-Identifier: GPL-2.0-only
/*
 * NUMA balancing unmaps pages now and then, to see by the next touch which node
 * uses them, and moves them there. An object's pages cannot move: they are to be
 * left alone. Under KVM each that is unmapped is a guest's fault, too.
 *
 * The kernel tells for each task how many pages gave it such faults, in this scan
 * of its memory and, with less weight, in those before, and how many scans there
 * were.
 */
#include "hugepost_system.h"
#include "hugepost_touch.h"

#include <limits.h>
#include <time.h>

#define BALANCING	"/proc/sys/kernel/numa_balancing"
#define SCHED		"/sys/kernel/debug/sched/numa_balancing"
#define SCANS		6		/* of all memory, from the first fault on */
#define LIMIT		120		/* seconds, where nothing is scanned */
#define PAGES		8		/* host pages of an area */
#define SMALL		(64 * TP)	/* beside it, of small pages */

/* So that a scan comes soon, of new mappings, too, and the next one after it. */
static const char * const settings[][2] = {
	{ BALANCING, "1" },
	{ SCHED "/scan_delay_ms", "100" },
	{ SCHED "/scan_period_min_ms", "100" },
	{ SCHED "/scan_period_max_ms", "100" },
};

FIXTURE(scan)
{
	char before[ARRAY_SIZE(settings)][16];
	pthread_t other;
	char *small;
};

static int read_line(const char *path, char *line, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, line, size - 1);

	close(fd);
	line[n < 0 ? 0 : n] = 0;
	line[strcspn(line, "\n")] = 0;
	return n > 0 ? 0 : -ENOENT;
}

/* What the scheduler tells of this task, or -1. */
static long sched_field(const char *field)
{
	FILE *f = fopen("/proc/self/sched", "re");
	char line[256], name[64];
	long value, found = -1;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s : %ld", name, &value) == 2 &&
		    !strcmp(name, field))
			found = value;
	if (f)
		fclose(f);
	return found;
}

static void *sleeps(void *unused)
{
	for (;;)
		pause();
	return unused;
}

FIXTURE_SETUP(scan)
{
	unsigned int i;

	if (nodes_with_memory() == 1)
		SKIP(return, "needs two NUMA nodes, as numa=fake=2 makes");
	if (read_line(BALANCING, self->before[0], sizeof(self->before[0])))
		SKIP(return, "no NUMA balancing in this kernel");
	if (sched_field("mm->numa_scan_seq") < 0)
		SKIP(return, "this kernel does not tell what it scans");

	for (i = 0; i < ARRAY_SIZE(settings); i++)
		if (!read_line(settings[i][0], self->before[i],
			       sizeof(self->before[i])))
			EXPECT_EQ(write_file("", settings[i][0],
					     settings[i][1]), 0);

	self->small = mmap(NULL, SMALL, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(self->small, MAP_FAILED);
	memset(self->small, 1, SMALL);
	/* What is one thread's, and near it, is not scanned at all. */
	ASSERT_EQ(pthread_create(&self->other, NULL, sleeps, NULL), 0);
}

FIXTURE_TEARDOWN(scan)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(settings); i++)
		if (*self->before[i])
			write_file("", settings[i][0], self->before[i]);
}

static void touch_all(const char *mem, size_t length)
{
	size_t i;

	for (i = 0; i < length; i += TP)
		(void)*(const volatile char *)(mem + i);
}

/*
 * Fills [@first, @end) out of the small pages: a larger source would be scanned
 * itself while it is used.
 */
static int fill_from(int fd, const char *small, uint64_t first, uint64_t end)
{
	int ret = 0;

	for (; !ret && first < end; first += SMALL)
		ret = hp_fill(fd, 0, first, small, SMALL, 0);
	return ret;
}

/*
 * Touches @mem and the small pages until all memory was scanned several times: the
 * most pages that gave faults, or -ETIME.
 */
static long scan_faults(const char *mem, const char *small)
{
	time_t end = time(NULL) + (time_t)LIMIT * hp_slowness();
	long faults, scans, first = -1, most = 0;

	while (time(NULL) < end) {
		touch_all(mem, PAGES * HP);
		touch_all(small, SMALL);
		faults = sched_field("total_numa_faults");
		scans = sched_field("mm->numa_scan_seq");
		if (faults > most)
			most = faults;
		if (first < 0 && most)
			first = scans;
		if (first >= 0 && scans >= first + SCANS)
			return most;
	}
	return -ETIME;
}

/* Not a rule of the device: what it is left out of is there, and shows here. */
TEST_F(scan, anonymous_memory)
{
	char *mem = mmap(NULL, (PAGES + 1) * HP, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *huge = (char *)(((uintptr_t)mem + HP - 1) & ~(HP - 1));
	long faults;

	ASSERT_NE(mem, MAP_FAILED);
	ASSERT_EQ(madvise(huge, PAGES * HP, MADV_HUGEPAGE), 0);
	memset(huge, 1, PAGES * HP);
	ASSERT_GT(hp_smaps(mem, (PAGES + 1) * HP, "AnonHugePages"), 0);
	faults = scan_faults(huge, self->small);
	EXPECT_GE(faults, (long)SUBS);
	TH_LOG("%ld pages gave faults", faults);
	munmap(mem, (PAGES + 1) * HP);
}

/*
 * Rule: NUMA balancing leaves an object's pages alone, whether one entry maps a
 * host page or 512 do.
 */
TEST_F(scan, objects_memory)
{
	int fd = hp_new(PAGES * HP, 1, 0);
	char *mem = hp_map(fd, 0, PAGES * HP);
	long faults;

	ASSERT_NE(mem, MAP_FAILED);
	ASSERT_EQ(fill_from(fd, self->small, 0, PAGES * HP - HP / 2), 0);
	touch_all(mem, PAGES * HP - HP / 2);
	ASSERT_EQ(fill_from(fd, self->small, PAGES * HP - HP / 2, PAGES * HP),
		  0);
	touch_all(mem, PAGES * HP);
	ASSERT_EQ(hp_smaps(mem, PAGES * HP, "Rss"), PAGES * HP);
	ASSERT_EQ(hp_smaps(mem, PAGES * HP, "FilePmdMapped"), (PAGES - 1) * HP);

	faults = scan_faults(mem, self->small);
	EXPECT_GE(faults, (long)(SMALL / TP));
	/* Were it scanned, each scan would make more than all its pages fault. */
	EXPECT_LT(faults, (long)(PAGES * SUBS / 2));
	TH_LOG("%ld pages gave faults", faults);
	munmap(mem, PAGES * HP);
	close(fd);
}

TEST_HARNESS_MAIN
