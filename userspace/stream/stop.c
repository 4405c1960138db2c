// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "stop.h"

int stop_init(struct stop *stop)
{
	sigset_t set;
	int err;

	stop->failed = -1;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	stop->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (stop->signals < 0)
		return -errno;
	stop->failed = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (stop->failed < 0) {
		err = -errno;
		close(stop->signals);
		return err;
	}
	return 0;
}

void stop_close(struct stop *stop)
{
	close(stop->signals);
	close(stop->failed);
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
	if (fds[0].revents)
		return -ECANCELED;
	if (fds[1].revents)
		return -ESHUTDOWN;
	return n ? 0 : -ETIMEDOUT;
}

int stop_check(struct stop *stop)
{
	int err = stop_wait(stop, -1, 0, 0);

	return err == -ETIMEDOUT ? 0 : err;
}
