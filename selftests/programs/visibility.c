// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netlink family: to whom it tells what, and who may change settings.
 */
#include "nl_test.h"

#include <sched.h>
#include <sys/prctl.h>

FIXTURE(reader)
{
	struct nl nl;
	int fd;
};

FIXTURE_SETUP(reader)
{
	ASSERT_EQ(nl_open(&self->nl), 0);
	self->fd = hp_new(HP, 1, 0);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(reader)
{
	close(self->fd);
	close(self->nl.fd);
}

/* An object that is looked for in a dump. */
struct seen {
	uint64_t wanted;
	bool found;
};

static void take_seen(const struct nl_message *msg, void *arg)
{
	struct seen *seen = arg;

	if (nl_u64(msg, HUGEPOST_A_OBJECT_ID) == seen->wanted)
		seen->found = true;
}

static int dump(struct nl *nl, int device, uint64_t wanted, struct seen *seen)
{
	*seen = (struct seen){ .wanted = wanted };
	return nl_object_dump(nl, device, take_seen, seen);
}

static void take_pid(const struct nl_message *msg, void *arg)
{
	*(uint32_t *)arg = nl_u32(msg, HUGEPOST_A_OBJECT_PID);
}

static void become_nobody(void)
{
	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		_exit(99);
}

/*
 * Rule: who may open the device may read; nobody else, with what other
 * descriptor ever. To set, and to listen to events, takes CAP_SYS_ADMIN.
 */
TEST_F(reader, permissions)
{
	int null = open("/dev/null", O_RDWR);
	struct nl_module m;
	struct seen seen;
	struct nl nl;
	pid_t child;
	int status;

	EXPECT_EQ(nl_module_get(&self->nl, self->fd, &m), 0);
	EXPECT_EQ(nl_module_get(&self->nl, null, &m), -EBADF);
	child = fork();
	if (!child) {
		become_nobody();
		if (nl_open(&nl))
			_exit(1);
		if (nl_module_get(&nl, NL_NO_FD, &m) != -EPERM || !nl.text[0])
			_exit(2);
		if (nl_object_dump(&nl, NL_NO_FD, NULL, NULL) != -EPERM)
			_exit(3);
		if (nl_module_get(&nl, null, &m) != -EBADF)
			_exit(4);
		if (nl_module_get(&nl, 12345, &m) != -EBADF)
			_exit(5);
		if (nl_module_get(&nl, self->fd, &m))
			_exit(6);
		if (dump(&nl, self->fd, hp_id(self->fd), &seen) || !seen.found)
			_exit(7);
		if (nl_module_set(&nl, HUGEPOST_A_MODULE_PROGRESS_STEP, 10) !=
		    -EPERM)
			_exit(8);
		if (nl_join(&nl) != -EPERM)
			_exit(12);
		/* root of a user namespace of its own is not root */
		if (unshare(CLONE_NEWUSER))
			_exit(0);
		close(nl.fd);
		if (nl_open(&nl))
			_exit(9);
		if (nl_module_set(&nl, HUGEPOST_A_MODULE_PROGRESS_STEP, 10) !=
		    -EPERM)
			_exit(10);
		if (nl_module_get(&nl, NL_NO_FD, &m) != -EPERM)
			_exit(11);
		_exit(0);
	}
	ASSERT_EQ(waitpid(child, &status, 0), child);
	EXPECT_EQ(status, 0)
		TH_LOG("it ended at step %d", WEXITSTATUS(status));
	close(null);
}

/* Rule: another network namespace has no family. */
TEST_F(reader, network_namespace)
{
	struct nl nl;
	pid_t child;
	int status;

	child = fork();
	if (!child)
		_exit(unshare(CLONE_NEWNET) ? 1 : nl_open(&nl) != -ENOENT);
	ASSERT_EQ(waitpid(child, &status, 0), child);
	EXPECT_EQ(status, 0);
}

/* In a PID namespace of its own: 0 if only its own object is there. */
static int look_from_inside(uint64_t outside, int ready)
{
	uint32_t pid = 0;
	struct seen seen;
	struct nl nl;
	int fd = hp_new(HP, 1, 0);
	uint64_t id = hp_id(fd);

	if (fd < 0 || nl_open(&nl))
		return 1;
	if (dump(&nl, NL_NO_FD, outside, &seen) || seen.found)
		return 2;
	if (nl_object_get(&nl, outside, NULL, NULL) != -ENOENT)
		return 3;
	if (nl_object_get(&nl, id, take_pid, &pid) ||
	    pid != (uint32_t)getpid())
		return 4;
	if (write(ready, &id, sizeof(id)) != sizeof(id))
		return 5;
	pause();
	return 6;
}

/*
 * Rule: an object is told of in its owner's PID namespace and above, by the
 * number that the owner has there.
 */
TEST_F(reader, pid_namespace)
{
	uint32_t pid = 0;
	uint64_t id = 0;
	pid_t child;
	int pipe_fd[2], status;

	ASSERT_EQ(pipe(pipe_fd), 0);
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWPID))
			_exit(7);
		child = fork();
		if (!child) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			_exit(look_from_inside(hp_id(self->fd), pipe_fd[1]));
		}
		close(pipe_fd[1]);
		waitpid(child, &status, 0);
		_exit(WEXITSTATUS(status));
	}
	close(pipe_fd[1]);
	ASSERT_EQ(read(pipe_fd[0], &id, sizeof(id)), (ssize_t)sizeof(id)) {
		waitpid(child, &status, 0);
		TH_LOG("it ended at step %d", WEXITSTATUS(status));
	}
	EXPECT_EQ(nl_object_get(&self->nl, id, take_pid, &pid), 0);
	EXPECT_GT(pid, (uint32_t)child);
	kill(pid, SIGKILL);
	waitpid(child, &status, 0);
	close(pipe_fd[0]);
}

TEST_HARNESS_MAIN
