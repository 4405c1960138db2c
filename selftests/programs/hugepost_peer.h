/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process beside the test's that has the same object: it does what it is asked
 * to, and answers.
 */
#ifndef HUGEPOST_PEER_H
#define HUGEPOST_PEER_H

#include "hugepost_cgroup.h"
#include "hugepost_touch.h"

#include <linux/mempolicy.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define PAGES	4			/* host pages of an object */

/* What the other process is asked to do, and answers with a number. */
enum peer_op {
	PEER_TAKE,			/* maps the descriptor that comes along */
	PEER_CHECK,			/* does a target page show its pattern? */
	PEER_READ,			/* its first byte, or a negative signal */
	PEER_WRITE,			/* writes that byte */
	PEER_FILL,			/* fills it with its pattern */
	PEER_ZERO,			/* fills its host page with zeros */
	PEER_DISCARD,			/* discards it */
	PEER_BITMAP,			/* counts what is present */
	PEER_ARM,			/* 0 or an error; keeps the descriptor */
	PEER_EVENT,			/* the next event's target page */
	PEER_NEW,			/* makes and maps an object of its own */
	PEER_GIVE,			/* the same, with flags, and passes it on */
	PEER_MAP,			/* the same, made by mapping it */
	PEER_OPEN,			/* passes a descriptor on that it has just opened */
	PEER_LOSE,			/* closes the descriptor of events */
	PEER_DISARM,
	PEER_EXEC,			/* becomes another program, with the object */
	PEER_ENTER,			/* enters a cgroup, see peer_cgroup */
	PEER_BIND,			/* from a host page on, memory is of a node */
	PEER_TOUCHER,			/* a thread of it reads; returns its number */
};

struct peer_command {
	enum peer_op op;
	unsigned int version;
	uint64_t page;
};

/* A cgroup that both know, and where the peer finds itself if it is executed. */
static const char *peer_cgroup;

struct peer {
	pid_t pid;
	int sock;
};

/* The other process's side. */
struct peer_state {
	int fd;
	int efd;
	char *mem;
	char *touched;
	volatile pid_t tid;
};

static inline int send_fd(int sock, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = { .iov_base = "f", .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(sock, &msg, 0) == 1 ? 0 : -errno;
}

static inline int receive_fd(int sock)
{
	char control[CMSG_SPACE(sizeof(int))];
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(sock, &msg, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&msg))
		return -EPROTO;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

static inline int64_t peer_map(struct peer_state *p, int fd)
{
	if (fd < 0)
		return fd;
	p->fd = fd;
	p->mem = hp_map(fd, 0, PAGES * HP);
	return p->mem == MAP_FAILED ? -errno : 0;
}

static inline int64_t peer_give(struct peer_state *p, int sock, int fd)
{
	int64_t ret = peer_map(p, fd);

	return ret ? ret : send_fd(sock, fd);
}

/* From @addr on, memory is to be of @node. */
static inline int peer_bind(void *addr, size_t length, unsigned int node)
{
	unsigned long mask = 1UL << node;

	return syscall(SYS_mbind, addr, length, MPOL_BIND, &mask,
		       8 * sizeof(mask), 0) ? -errno : 0;
}

static inline void *peer_toucher(void *arg)
{
	struct peer_state *p = arg;

	p->tid = gettid();
	(void)*(volatile char *)p->touched;
	return NULL;
}

static inline int64_t peer_touch(struct peer_state *p, char *addr)
{
	pthread_t thread;

	p->tid = 0;
	p->touched = addr;
	if (pthread_create(&thread, NULL, peer_toucher, p))
		return -EAGAIN;
	while (!__atomic_load_n(&p->tid, __ATOMIC_ACQUIRE))
		usleep(1000);
	return p->tid;
}

static inline int64_t peer_do(struct peer_state *p, int sock,
			      const struct peer_command *c)
{
	char *addr = p->mem ? p->mem + c->page * TP : NULL;
	uint64_t bits[PAGES * SUBS / 64];
	struct hugepost_event event;
	int ret;

	switch (c->op) {
	case PEER_TAKE:
		return peer_map(p, receive_fd(sock));
	case PEER_NEW:
		return peer_map(p, hp_new(PAGES * HP, 1, 0));
	case PEER_CHECK:
		return hp_pattern_check(addr, c->page, c->version);
	case PEER_READ:
		ret = hp_touch(addr, -1);
		return ret ? -ret : (unsigned char)*addr;
	case PEER_WRITE:
		return -hp_touch(addr, (int)c->version);
	case PEER_FILL:
		return hp_fill_pattern(p->fd, 0, c->page, 1, c->version);
	case PEER_ZERO:
		return hp_fill(p->fd, 0, c->page * TP, NULL, HP,
			       HUGEPOST_FILL_ZERO);
	case PEER_DISCARD:
		return hp_discard(p->fd, c->page * TP, TP);
	case PEER_BITMAP:
		return hp_bitmap(p->fd, 0, PAGES * HP, bits);
	case PEER_ARM:
		p->efd = hp_arm(p->fd, 0);
		return p->efd < 0 ? p->efd : 0;
	case PEER_GIVE:
		return peer_give(p, sock, hp_new(PAGES * HP, 1, c->version));
	case PEER_MAP:
		return peer_give(p, sock, hp_open());
	case PEER_OPEN:
		p->fd = hp_open();
		return send_fd(sock, p->fd);
	case PEER_LOSE:
		return close(p->efd) ? -errno : 0;
	case PEER_DISARM:
		return hp_disarm(p->fd);
	case PEER_EXEC:
		/* The object stays open, and the socket as well. */
		fcntl(p->fd, F_SETFD, 0);
		execl("/bin/sleep", "sleep", "1000", NULL);
		return -errno;
	case PEER_ENTER:
		return enter(peer_cgroup);
	case PEER_BIND:
		return peer_bind(addr, PAGES * HP - c->page * TP, c->version);
	case PEER_TOUCHER:
		return peer_touch(p, addr);
	case PEER_EVENT:
		ret = hp_read_event(p->efd, &event);
		return ret ? ret : (int64_t)(event.offset / TP);
	}
	return -EINVAL;
}

/* Starts the other process: before any object is open, so it inherits none. */
static inline int peer_start(struct peer *peer)
{
	struct peer_state state = { .fd = -1, .efd = -1 };
	struct peer_command c;
	int sock[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sock))
		return -errno;
	peer->pid = fork();
	if (peer->pid) {
		close(sock[1]);
		peer->sock = sock[0];
		return peer->pid < 0 ? -errno : 0;
	}
	close(sock[0]);
	while (read(sock[1], &c, sizeof(c)) == sizeof(c)) {
		int64_t ret = peer_do(&state, sock[1], &c);

		if (write(sock[1], &ret, sizeof(ret)) != sizeof(ret))
			break;
	}
	_exit(0);
}

static inline void peer_ask(struct peer *peer, enum peer_op op, uint64_t page,
			    unsigned int version)
{
	struct peer_command c = {
		.op = op, .page = page, .version = version,
	};

	if (write(peer->sock, &c, sizeof(c)) != sizeof(c))
		perror("peer");
}

static inline int64_t peer_answer(struct peer *peer)
{
	int64_t ret;

	return read(peer->sock, &ret, sizeof(ret)) == sizeof(ret) ? ret : -EPIPE;
}

static inline int64_t peer_call(struct peer *peer, enum peer_op op, uint64_t page,
				unsigned int version)
{
	peer_ask(peer, op, page, version);
	return peer_answer(peer);
}

static inline bool peer_answered(struct peer *peer)
{
	struct pollfd p = { .fd = peer->sock, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* How a child ended: its exit status, or its negative signal. */
static inline int child_wait(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -EIO;
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static inline void peer_end(struct peer *peer)
{
	close(peer->sock);
	child_wait(peer->pid);
}

#endif /* HUGEPOST_PEER_H */
