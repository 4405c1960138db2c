// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "input.h"

#define BUFFER_BYTES	(1024 * 1024)

static int problem(struct input *input, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int problem(struct input *input, int err, const char *fmt, ...)
{
	int n;
	va_list ap;

	va_start(ap, fmt);
	n = vsnprintf(input->problem, sizeof(input->problem), fmt, ap);
	va_end(ap);
	if (err != -EINVAL && n >= 0 && (size_t)n < sizeof(input->problem))
		snprintf(input->problem + n, sizeof(input->problem) - n, ": %s",
			 strerror(-err));
	return err;
}

/* Waits for one connection to the bound socket @fd, which is used up. */
static int take_connection(struct input *input, int fd)
{
	int conn = -1, err;

	if (listen(fd, 1)) {
		err = -errno;
	} else {
		err = stop_wait(input->stop, fd, POLLIN, -1);
		if (!err) {
			conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
			if (conn < 0)
				err = -errno;
		}
	}
	close(fd);
	input->fd = conn;
	return err;
}

/* Connects the non-blocking socket @fd, which is closed on an error. */
static int make_connection(struct input *input, int fd,
			   const struct sockaddr *addr, socklen_t len)
{
	socklen_t size = sizeof(int);
	int err = 0;

	if (connect(fd, addr, len)) {
		err = -errno;
		if (err == -EINPROGRESS) {
			err = stop_wait(input->stop, fd, POLLOUT, -1);
			if (!err && !getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size))
				err = -err;
		}
	}
	if (err)
		close(fd);
	else
		input->fd = fd;
	return err;
}

static int open_unix(struct input *input, const char *path, bool listening)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, err;

	if (!*path || strlen(path) >= sizeof(addr.sun_path))
		return problem(input, -EINVAL,
			       "the socket's path '%s' is not 1 to %zu bytes long",
			       path, sizeof(addr.sun_path) - 1);
	memcpy(addr.sun_path, path, strlen(path) + 1);

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return problem(input, -errno, "cannot make a socket");
	if (!listening) {
		err = make_connection(input, fd, (struct sockaddr *)&addr, sizeof(addr));
		return err ? problem(input, err, "cannot connect to the socket '%s'", path) : 0;
	}
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		err = -errno;
		close(fd);
		return problem(input, err, "cannot listen on the socket '%s'", path);
	}
	err = take_connection(input, fd);
	unlink(path);
	return err ? problem(input, err, "no connection on the socket '%s'", path) : 0;
}

static int open_addresses(struct input *input, struct addrinfo *list, bool listening)
{
	const int on = 1;
	struct addrinfo *ai;
	int fd, err = -EADDRNOTAVAIL;

	for (ai = list; ai; ai = ai->ai_next) {
		fd = socket(ai->ai_family,
			    ai->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
			    ai->ai_protocol);
		if (fd < 0) {
			err = -errno;
			continue;
		}
		if (!listening) {
			err = make_connection(input, fd, ai->ai_addr, ai->ai_addrlen);
			if (!err || err == -ECANCELED)
				return err;
			continue;
		}
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (!bind(fd, ai->ai_addr, ai->ai_addrlen))
			return take_connection(input, fd);
		err = -errno;
		close(fd);
	}
	return err;
}

/* A peer that is gone without a word is noticed after 30 + 6 x 10 seconds. */
static int keep_alive(int fd)
{
	static const struct {
		int level, name, value;
	} settings[] = {
		{ IPPROTO_TCP, TCP_KEEPIDLE, 30 },
		{ IPPROTO_TCP, TCP_KEEPINTVL, 10 },
		{ IPPROTO_TCP, TCP_KEEPCNT, 6 },
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
	};
	size_t i;

	for (i = 0; i < sizeof(settings) / sizeof(*settings); i++)
		if (setsockopt(fd, settings[i].level, settings[i].name, &settings[i].value,
			       sizeof(settings[i].value)))
			return -errno;
	return 0;
}

static int open_tcp(struct input *input, const char *where, bool listening)
{
	struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = listening ? AI_PASSIVE : 0,
	};
	struct addrinfo *list;
	char host[256], *name = host;
	const char *colon;
	size_t len;
	int err;

	colon = strrchr(where, ':');
	len = colon ? (size_t)(colon - where) : 0;
	if (!colon || !colon[1] || len >= sizeof(host))
		return problem(input, -EINVAL,
			       "'tcp:%s' is no address: expected tcp:HOST:PORT", where);
	memcpy(host, where, len);
	host[len] = '\0';
	if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		name++;
	}

	stop_unblock(input->stop);
	err = getaddrinfo(*name ? name : NULL, colon + 1, &hints, &list);
	stop_block();
	if (err)
		return problem(input, -EINVAL, "'tcp:%s' has no address: %s",
			       where, gai_strerror(err));
	err = open_addresses(input, list, listening);
	freeaddrinfo(list);
	if (err)
		return problem(input, err, "cannot %s 'tcp:%s'",
			       listening ? "get a connection on" : "connect to", where);
	err = keep_alive(input->fd);
	return err ? problem(input, err, "cannot watch the connection to 'tcp:%s'", where) : 0;
}

static ssize_t read_input(void *ctx, void *buf, size_t len)
{
	struct input *input = ctx;
	ssize_t n;
	int err;

	do {
		err = stop_wait(input->stop, input->fd, POLLIN, -1);
		if (err)
			return err;
		n = read(input->fd, buf, len);
	} while (n < 0 && (errno == EAGAIN || errno == EINTR));
	return n < 0 ? -errno : n;
}

int input_open(struct input *input, const char *where, bool listening,
	       struct stop *stop)
{
	struct stat st;
	int err = 0;

	*input = (struct input) { .stop = stop, .fd = -1 };
	if (!strncmp(where, "unix:", 5)) {
		err = open_unix(input, where + 5, listening);
	} else if (!strncmp(where, "tcp:", 4)) {
		err = open_tcp(input, where + 4, listening);
	} else if (listening) {
		err = problem(input, -EINVAL,
			      "'%s' is not a socket: expected unix:PATH or tcp:HOST:PORT with "
			      "--listen",
			      where);
	} else if (!strcmp(where, "-")) {
		input->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
		if (input->fd < 0)
			err = problem(input, -errno, "cannot use standard input");
	} else {
		/* A FIFO's writer is waited for like its bytes, not here. */
		input->fd = open(where, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (input->fd < 0)
			err = problem(input, -errno, "cannot open '%s'", where);
	}
	if (!err && fstat(input->fd, &st))
		err = problem(input, -errno, "cannot use '%s'", where);
	if (!err && S_ISDIR(st.st_mode))
		err = problem(input, -EISDIR, "cannot read '%s'", where);
	if (!err && S_ISREG(st.st_mode))
		input->length = st.st_size;
	if (err)
		input_close(input);
	return err;
}

int input_reader(struct input *input, struct reader *reader)
{
	return reader_init_callback(reader, read_input, input, BUFFER_BYTES);
}

void input_close(struct input *input)
{
	if (input->fd >= 0)
		close(input->fd);
	input->fd = -1;
}
