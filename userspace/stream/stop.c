// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "../common/signals.h"
#include "stop.h"

static sigset_t stopping(void)
{
	sigset_t set;

	sigemptyset(&set);
	add_unless_ignored(&set, SIGINT);
	add_unless_ignored(&set, SIGTERM);
	add_unless_ignored(&set, SIGHUP);
	return set;
}

int stop_init(struct stop *stop)
{
	sigset_t set = stopping();
	int err;

	stop->seen = false;
	stop->failed = -1;
	if (sigprocmask(SIG_BLOCK, &set, &stop->old))
		return -errno;
	stop->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (stop->signals < 0) {
		err = -errno;
		goto restore;
	}
	stop->failed = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (stop->failed < 0) {
		err = -errno;
		close(stop->signals);
		goto restore;
	}
	return 0;

restore:
	stop_unblock(stop);
	return err;
}

void stop_close(struct stop *stop)
{
	struct signalfd_siginfo info;

	/* What was told of has had its effect. */
	while (stop->seen && read(stop->signals, &info, sizeof(info)) == sizeof(info))
		;
	close(stop->signals);
	close(stop->failed);
	stop_unblock(stop);
}

void stop_unblock(const struct stop *stop)
{
	sigprocmask(SIG_SETMASK, &stop->old, NULL);
}

void stop_block(void)
{
	sigset_t set = stopping();

	sigprocmask(SIG_BLOCK, &set, NULL);
}

void stop_fail(struct stop *stop)
{
	eventfd_write(stop->failed, 1);
}

int stop_wait(struct stop *stop, int fd, short events, int timeout_ms)
{
	struct pollfd fds[3] = {
		{ .fd = stop->signals, .events = POLLIN },
		{ .fd = stop->failed, .events = POLLIN },
		{ .fd = fd, .events = events },
	};
	int n;

	do {
		n = poll(fds, 3, timeout_ms);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (fds[0].revents) {
		stop->seen = true;
		return -ECANCELED;
	}
	if (fds[1].revents)
		return -ESHUTDOWN;
	return n ? 0 : -ETIMEDOUT;
}

int stop_check(struct stop *stop)
{
	int err = stop_wait(stop, -1, 0, 0);

	return err == -ETIMEDOUT ? 0 : err;
}
