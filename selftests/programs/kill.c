// SPDX-License-Identifier: GPL-2.0-only
/*
 * SIGKILL at random moments of each of those who take part in a migration, and
 * of all of them in one process. What must hold: who is killed is gone at once,
 * its memory is back, and others' objects are as they were.
 *
 * HUGEPOST_KILLS is how many are killed (default 20), HUGEPOST_SEED makes the
 * same random choices again.
 */
#include "hugepost_kill.h"
#include "nl_test.h"

#include <dirent.h>
#include <time.h>

#define GONE_SECONDS	5
#define LOOK_US		500

/* Of the whole program: tests are processes. */
static struct {
	unsigned int seed;
	unsigned int kills;
	time_t start;
	volatile unsigned int done;
	pid_t pid;
} *run;

static void __attribute__((constructor)) begin(void)
{
	run = mmap(NULL, sizeof(*run), PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	run->start = time(NULL);
	run->pid = getpid();
	run->seed = (unsigned int)hp_env("HUGEPOST_SEED",
					 (unsigned int)(run->start ^
							run->pid << 16));
	run->kills = (unsigned int)hp_env("HUGEPOST_KILLS", 20);
}

static void __attribute__((destructor)) end(void)
{
	if (getpid() == run->pid)
		printf("# kill: %u kills in %lld seconds, seed %u\n", run->done,
		       (long long)(time(NULL) - run->start), run->seed);
}

/* Where in the kernel the threads of a process are. */
static void show_stacks(pid_t pid)
{
	char path[300], line[256];
	struct dirent *entry;
	DIR *dir;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%d/task/%s/stack", pid,
			 entry->d_name);
		f = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
		if (!f)
			continue;
		fprintf(stderr, "# thread %s of %d:\n", entry->d_name, pid);
		while (fgets(line, sizeof(line), f))
			fprintf(stderr, "#   %s", line);
		fclose(f);
	}
	if (dir)
		closedir(dir);
}

/* How often to look in GONE_SECONDS. */
static unsigned int looks(void)
{
	return GONE_SECONDS * hp_slowness() * (1000000 / LOOK_US);
}

/* Kills a child, and waits until it is gone. */
static bool kill_and_wait(pid_t pid)
{
	unsigned int i;

	if (pid <= 0 || kill(pid, SIGKILL))
		return false;
	for (i = 0; i < looks(); i++) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return true;
		usleep(LOOK_US);
	}
	show_stacks(pid);
	return false;
}

FIXTURE(victim)
{
	struct kill_shared *shared;
	struct nl nl;
	struct nl_module before;
	int fd;				/* a bystander's object */
	char *mem;
	struct kill_job random;
	unsigned int rounds;
};

FIXTURE_VARIANT(victim)
{
	enum kill_role role;
};

#define VICTIM(name, which)						\
	FIXTURE_VARIANT_ADD(victim, name)				\
	{								\
		.role = which,						\
	}

VICTIM(handler, KILL_HANDLER);
VICTIM(filler, KILL_FILLER);
VICTIM(waiter, KILL_WAITER);
VICTIM(remote_reader, KILL_REMOTE);
VICTIM(vmm, KILL_VMM);
VICTIM(guest, KILL_GUEST);

FIXTURE_SETUP(victim)
{
	self->rounds = run->kills / KILL_ROLES +
		       (variant->role < run->kills % KILL_ROLES);
	self->random.seed = run->seed + variant->role * 100003;
	self->shared = mmap(NULL, sizeof(*self->shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(self->shared, MAP_FAILED);
	ASSERT_EQ(nl_open(&self->nl), 0);

	self->fd = hp_new(2 * HP, 1, 0);
	ASSERT_GE(self->fd, 0);
	self->mem = hp_map(self->fd, 0, 2 * HP);
	ASSERT_NE(self->mem, MAP_FAILED);
	ASSERT_EQ(hp_fill_pattern(self->fd, 0, 0, SUBS + 9, 1), 0);
	ASSERT_EQ(nl_module_get(&self->nl, NL_NO_FD, &self->before), 0);
}

FIXTURE_TEARDOWN(victim)
{
	unsigned int i;

	for (i = 0; i < SUBS + 9; i++)
		EXPECT_TRUE(hp_pattern_check(self->mem + i * TP, i, 1));
	munmap(self->mem, 2 * HP);
	close(self->fd);
	close(self->nl.fd);
}

/*
 * Waits for a random moment: while the processes set up, or when they are at
 * work. Returns whether they were in the end.
 */
static bool wait_for_moment(struct kill_job *random,
			    const struct kill_shared *shared, bool at_work)
{
	unsigned int i;

	for (i = 0; at_work && !shared->waits && i < 6 * looks(); i++)
		usleep(LOOK_US);
	kill_nap(random, (at_work ? 30000 : 8000) * hp_slowness());
	return shared->waits;
}

/*
 * Rule: who is killed, at whatever moment, is gone within seconds, and so are
 * those whom it leaves behind when they are killed; all their memory is back.
 */
TEST_F_TIMEOUT(victim, is_gone, 7200)
{
	bool alone = variant->role >= KILL_VMM;
	unsigned int i, n = alone ? 1 : KILL_VMM, first, round;
	pid_t pids[KILL_VMM];
	int fd = -1, kvm;

	if (variant->role == KILL_GUEST) {
		kvm = guest_open_kvm();
		if (kvm < 0)
			SKIP(return, "KVM is not available");
		close(kvm);
	}
	for (round = 0; round < self->rounds; round++) {
		*self->shared = (struct kill_shared){};
		if (!alone) {
			fd = hp_new(KILL_BYTES, KILL_CHANNELS, 0);
			ASSERT_GE(fd, 0);
		}
		for (i = 0; i < n; i++)
			pids[i] = kill_start(alone ? variant->role : i, fd,
					     self->shared,
					     kill_random(&self->random, 1 << 30));
		if (!alone)
			close(fd);
		EXPECT_TRUE(wait_for_moment(&self->random, self->shared,
					    round % 2) || round % 2 == 0);
		first = alone ? 0 : variant->role;
		ASSERT_TRUE(kill_and_wait(pids[first]));
		run->done++;
		/* The others do without it, until it is their turn. */
		for (i = 1; i < n; i++) {
			kill_nap(&self->random, 5000);
			ASSERT_TRUE(kill_and_wait(pids[(first + i) % n]));
		}
		ASSERT_TRUE(nl_all_back(&self->nl, &self->before,
					GONE_SECONDS * 1000 * hp_slowness()));
	}
}

TEST_HARNESS_MAIN
