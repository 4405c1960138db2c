// SPDX-License-Identifier: GPL-2.0-only
/*
 * libhugepost-preload: connections to vhost-user back ends.
 *
 * One is known by the message that it begins with, and by a valid reply. Then all
 * its messages are looked at on their way (vhost_msg.c), none is kept, and those that
 * concern no postcopy go on as they are. The descriptors that QEMU gets for the
 * userfaultfds of back ends never tell of anything ("silent").
 *
 * hps_lock guards the tables of descriptors. A connection's @lock guards its state,
 * @read_lock what was read and not passed on: a reader waits for the back end with it.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "preload.h"
#include "vhost.h"

#define FDS_MAX		65536
#define SEND_MS		10000

struct connection {
	atomic_int refs;	/* a descriptor, a call each */
	pthread_mutex_t lock;
	pthread_mutex_t read_lock;
	struct hps_vhost state;
	/* What the back end has written, until it is whole. */
	uint8_t raw[HPS_VHOST_MAX];
	size_t raw_len;
	/* What the program has to read yet, and the descriptor that comes with it. */
	struct hps_vhost_reply in;
	size_t in_pos;
	int advise;
};

atomic_int hps_vhost_active;

static struct connection *_Atomic connections[FDS_MAX];
static atomic_bool silent[FDS_MAX];
/* Silent ones that the program has closed and may poll still. */
static atomic_bool closed[FDS_MAX];
static unsigned int top_fd;

static bool in_table(int fd)
{
	return (unsigned int)fd < FDS_MAX;
}

bool hps_vhost_known(int fd)
{
	return in_table(fd) && (atomic_load_explicit(&connections[fd], memory_order_relaxed) ||
				atomic_load_explicit(&silent[fd], memory_order_relaxed));
}

static void note_fd(int fd)
{
	if ((unsigned int)fd >= top_fd)
		top_fd = (unsigned int)fd + 1;
}

static struct connection *connection_get(int fd)
{
	struct connection *c = NULL;

	if (!in_table(fd) || !atomic_load_explicit(&connections[fd], memory_order_relaxed))
		return NULL;
	hps_enter();
	c = connections[fd];
	if (c)
		atomic_fetch_add(&c->refs, 1);
	hps_leave();
	return c;
}

static void connection_put(struct connection *c)
{
	if (!c || atomic_fetch_sub(&c->refs, 1) > 1)
		return;
	hps_vhost_free(&c->state);
	if (c->advise >= 0) {
		hps_vhost_replaced(c->advise);
		hps_real()->close(c->advise);
	}
	pthread_mutex_destroy(&c->lock);
	pthread_mutex_destroy(&c->read_lock);
	free(c);
}

/* With hps_lock. */
static void connection_add(int fd, struct connection *c)
{
	atomic_fetch_add(&c->refs, 1);
	connections[fd] = c;
	note_fd(fd);
	atomic_fetch_add(&hps_vhost_active, 1);
}

/* Is it a stream socket of the UNIX domain? */
static bool may_be_back_end(int fd)
{
	socklen_t len = sizeof(int);
	int value;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &value, &len) || value != AF_UNIX)
		return false;
	len = sizeof(int);
	return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &len) && value == SOCK_STREAM;
}

/* A connection that may be one to a back end: its first message is written. */
static struct connection *connection_new(int fd)
{
	struct connection *c;
	int err = errno;

	if (!in_table(fd) || !may_be_back_end(fd)) {
		errno = err;
		return NULL;
	}
	c = calloc(1, sizeof(*c));
	if (c) {
		pthread_mutex_init(&c->lock, NULL);
		pthread_mutex_init(&c->read_lock, NULL);
		c->state.mode = hps_settings.vhost;
		c->advise = -1;
		c->refs = 1;
		hps_enter();
		if (!connections[fd])
			connection_add(fd, c);
		hps_leave();
	}
	errno = err;
	return c;
}

static void forget(int fd)
{
	struct connection *c;

	hps_enter();
	c = connections[fd];
	if (c) {
		connections[fd] = NULL;
		atomic_fetch_sub(&hps_vhost_active, 1);
	}
	hps_leave();
	connection_put(c);
}

/* With hps_lock: @fd is no silent descriptor any more. */
static bool unsilence(int fd)
{
	bool was = silent[fd];

	silent[fd] = false;
	if (was)
		atomic_fetch_sub(&hps_vhost_active, 1);
	return was;
}

/* @fd is another descriptor now, or none. */
void hps_vhost_replaced(int fd)
{
	if (getpid() != hps_pid)
		return;
	forget(fd);
	hps_enter();
	unsilence(fd);
	if (closed[fd]) {
		closed[fd] = false;
		atomic_fetch_sub(&hps_vhost_active, 1);
	}
	hps_leave();
}

/* The program is about to close @fd. True: not really, as it may poll it still. */
bool hps_vhost_close(int fd)
{
	bool later;

	if (getpid() != hps_pid)
		return false;
	forget(fd);
	hps_enter();
	later = unsilence(fd) && hps_uffd_any();
	if (later) {
		closed[fd] = true;
		atomic_fetch_add(&hps_vhost_active, 1);
	}
	hps_leave();
	return later;
}

/* The program has closed a userfaultfd: it polls no silent descriptor any more. */
void hps_vhost_quiet(void)
{
	unsigned int fd;
	bool was;

	for (fd = 0; fd < top_fd; fd++) {
		was = true;
		if (!atomic_compare_exchange_strong(&closed[fd], &was, false))
			continue;
		atomic_fetch_sub(&hps_vhost_active, 1);
		hps_real()->close((int)fd);
	}
}

void hps_vhost_dup(int old, int new)
{
	struct connection *c;

	if (getpid() != hps_pid || !in_table(new))
		return;
	hps_enter();
	c = connections[old];
	if (c && !connections[new])
		connection_add(new, c);
	hps_leave();
}

/* In a child of fork: nothing is adapted there. Called with hps_lock. */
void hps_vhost_forked(void)
{
	unsigned int fd;

	for (fd = 0; fd < top_fd; fd++) {
		connections[fd] = NULL;
		silent[fd] = false;
		closed[fd] = false;
	}
	top_fd = 0;
	atomic_store(&hps_vhost_active, 0);
}

/* A userfaultfd of a back end that has none: there is nobody to wake. */
bool hps_vhost_is_silent(int fd)
{
	return in_table(fd) && atomic_load_explicit(&silent[fd], memory_order_relaxed);
}

static int silent_new(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	if (!in_table(fd)) {
		hps_real()->close(fd);
		return -EMFILE;
	}
	hps_enter();
	silent[fd] = true;
	note_fd(fd);
	atomic_fetch_add(&hps_vhost_active, 1);
	hps_leave();
	return fd;
}

/* Writes all of @iov, with the control data of @msg: 0 or -errno. */
static int send_all(int fd, const struct msghdr *msg, struct hps_vhost_reply *out)
{
	struct iovec iov = { .iov_base = out->bytes, .iov_len = out->len };
	struct msghdr next = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	ssize_t n;

	if (msg) {
		next.msg_control = msg->msg_control;
		next.msg_controllen = msg->msg_controllen;
	}
	while (iov.iov_len) {
		n = hps_real()->sendmsg(fd, &next, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN) {
			if (poll(&p, 1, SEND_MS) == 0)
				return -ETIMEDOUT;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		iov.iov_base = (char *)iov.iov_base + n;
		iov.iov_len -= (size_t)n;
		next.msg_control = NULL;
		next.msg_controllen = 0;
	}
	return 0;
}

/* What the program writes, in one piece; NULL if that is too long to concern us. */
static const void *gather(const struct msghdr *msg, size_t *len, uint8_t *room)
{
	size_t i;

	if (msg->msg_iovlen == 1) {
		*len = msg->msg_iov[0].iov_len;
		return msg->msg_iov[0].iov_base;
	}
	*len = 0;
	for (i = 0; i < msg->msg_iovlen; i++) {
		if (msg->msg_iov[i].iov_len > HPS_VHOST_MAX - *len)
			return NULL;
		memcpy(room + *len, msg->msg_iov[i].iov_base, msg->msg_iov[i].iov_len);
		*len += msg->msg_iov[i].iov_len;
	}
	return room;
}

/* Is all that a message of the program shows to the back end memory of objects? */
static bool is_fit(const struct hps_vhost *v, const void *data, size_t len)
{
	struct hps_vhost_region regions[8];
	unsigned int i, nr = hps_vhost_regions(v, data, len, regions);

	for (i = 0; i < nr; i++) {
		if (hps_is_mapped((const void *)(uintptr_t)regions[i].addr, regions[i].size))
			continue;
		hps_log(HPS_ERROR,
			"vhost-user: memory at %#llx is no object of hugepost: the device gets none of it in a postcopy",
			(unsigned long long)regions[i].addr);
		return false;
	}
	return true;
}

/* A postcopy is to come: may the back end take part in it? */
static bool is_refused(void)
{
	if (hps_settings.vhost == HPS_VHOST_OFF) {
		hps_log(HPS_ERROR, "no postcopy with a vhost-user back end: HUGEPOST_VHOST is off");
		return true;
	}
	return hps_memory_is_shared();
}

/*
 * The back end is gone: whoever reads the reply is told. After any other error half a
 * message may be on its way: the connection is of no use.
 */
static int send_failed(int fd, int ret)
{
	if (ret == -EPIPE || ret == -ECONNRESET || ret == -ENOTCONN)
		return 0;
	hps_log(HPS_ERROR, "vhost-user %d: cannot be written: %s", fd, strerror(-ret));
	shutdown(fd, SHUT_RDWR);
	return ret;
}

/* Another reply is to be on its way. With the connection's lock. */
static void send_spare(struct connection *c, int fd)
{
	struct hps_vhost_reply out;

	if (!hps_vhost_ask_spare(&c->state))
		return;
	hps_vhost_ping(&out);
	if (send_all(fd, NULL, &out))
		hps_vhost_unsent(&c->state);
}

static ssize_t send_adapted(struct connection *c, int fd, const struct msghdr *msg, int flags)
{
	enum hps_vhost_verdict verdict = HPS_VHOST_PASS;
	struct hps_vhost_reply out = { .len = 0 };
	uint8_t room[HPS_VHOST_MAX];
	const void *data;
	bool refuse;
	size_t len;
	int ret = 0;

	data = gather(msg, &len, room);
	pthread_mutex_lock(&c->lock);
	if (!data) {
		hps_vhost_give_up(&c->state);
	} else if (hps_vhost_is_advise(data, len) && !hps_memory_is_mapped()) {
		/* A postcopy of other memory is the back end's own, if it offers that. */
		if (c->state.unoffered)
			verdict = hps_vhost_out(&c->state, data, len, true, &out);
	} else {
		refuse = hps_vhost_is_advise(data, len) ? is_refused() :
							  !is_fit(&c->state, data, len);
		verdict = hps_vhost_out(&c->state, data, len, refuse, &out);
	}
	if (verdict == HPS_VHOST_SEND || verdict == HPS_VHOST_SEND_PING)
		ret = send_all(fd, msg, &out);
	/* Where there is no other way to tell of the order. */
	if (!ret && verdict == HPS_VHOST_SEND_PING) {
		hps_vhost_ping(&out);
		ret = send_all(fd, NULL, &out);
	}
	if (ret)
		ret = send_failed(fd, ret);
	else if (verdict == HPS_VHOST_SWALLOW)
		send_spare(c, fd);
	pthread_mutex_unlock(&c->lock);

	if (verdict == HPS_VHOST_PASS)
		return hps_real()->sendmsg(fd, msg, flags);
	hps_debug("vhost-user %d: a message of %zu bytes: %s", fd, len,
		  verdict == HPS_VHOST_SWALLOW ? "not sent" : "another one was sent");
	if (!ret)
		return (ssize_t)len;
	errno = -ret;
	return -1;
}

ssize_t hps_vhost_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct connection *c = connection_get(fd);
	ssize_t ret;

	if (!c && msg->msg_iovlen == 1 &&
	    hps_vhost_begins(msg->msg_iov[0].iov_base, msg->msg_iov[0].iov_len))
		c = connection_new(fd);
	if (!c)
		return hps_real()->sendmsg(fd, msg, flags);
	ret = send_adapted(c, fd, msg, flags);
	connection_put(c);
	return ret;
}

/* Passes on what is to be read by the program. */
static ssize_t deliver(struct connection *c, struct msghdr *msg)
{
	size_t n, done = 0, i;
	struct cmsghdr *cmsg;

	for (i = 0; i < msg->msg_iovlen && c->in_pos < c->in.len; i++) {
		n = c->in.len - c->in_pos;
		if (n > msg->msg_iov[i].iov_len)
			n = msg->msg_iov[i].iov_len;
		memcpy(msg->msg_iov[i].iov_base, c->in.bytes + c->in_pos, n);
		c->in_pos += n;
		done += n;
	}
	msg->msg_flags = 0;
	msg->msg_namelen = 0;
	cmsg = c->advise < 0 ? NULL : CMSG_FIRSTHDR(msg);
	if (c->advise >= 0 && (!cmsg || msg->msg_controllen < CMSG_SPACE(sizeof(int)))) {
		msg->msg_flags = MSG_CTRUNC;
		msg->msg_controllen = 0;
	} else if (cmsg) {
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &c->advise, sizeof(int));
		msg->msg_controllen = CMSG_SPACE(sizeof(int));
		c->advise = -1;
	} else {
		msg->msg_controllen = 0;
	}
	return (ssize_t)done;
}

/*
 * Reads the back end's next message as far as it is there: 1 if something is to be
 * read by the program now, 0 if not yet, -errno, or -ENODATA at the end.
 */
static int read_message(struct connection *c, int fd, int flags)
{
	size_t want = hps_vhost_length(c->raw, c->raw_len);
	bool advise = false;
	ssize_t n;
	int ret;

	if (c->raw_len < want) {
		struct iovec iov = {
			.iov_base = c->raw + c->raw_len,
			.iov_len = want - c->raw_len,
		};
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

		n = hps_real()->recvmsg(fd, &msg, flags & MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return -errno;
		if (n <= 0) {
			ret = n ? -errno : -ENODATA;
			pthread_mutex_lock(&c->lock);
			c->in_pos = 0;
			c->in.len = 0;
			if (hps_vhost_gone(&c->state, &c->in))
				ret = 1;
			pthread_mutex_unlock(&c->lock);
			return ret;
		}
		c->raw_len += (size_t)n;
		if (c->raw_len < hps_vhost_length(c->raw, c->raw_len))
			return 0;
	}

	pthread_mutex_lock(&c->lock);
	hps_vhost_in(&c->state, c->raw, c->raw_len, &c->in, &advise);
	send_spare(c, fd);
	pthread_mutex_unlock(&c->lock);
	c->raw_len = 0;
	c->in_pos = 0;
	if (advise) {
		c->advise = silent_new();
		if (c->advise < 0)
			hps_log(HPS_ERROR, "vhost-user %d: no descriptor: %s", fd,
				strerror(-c->advise));
		else
			hps_log(HPS_INFO, "vhost-user %d: takes part in the postcopy", fd);
	}
	return c->in.len > 0;
}

/* What went to the program unchanged. */
static void passed(struct connection *c, int fd, const struct msghdr *msg, ssize_t n)
{
	size_t i, part, left = n > 0 ? (size_t)n : 0;
	int err = errno;
	bool confirmed;

	pthread_mutex_lock(&c->lock);
	confirmed = c->state.confirmed;
	for (i = 0; i < msg->msg_iovlen && left; i++) {
		part = left < msg->msg_iov[i].iov_len ? left : msg->msg_iov[i].iov_len;
		hps_vhost_passed(&c->state, msg->msg_iov[i].iov_base, part);
		left -= part;
	}
	if (!confirmed && c->state.confirmed)
		hps_log(HPS_INFO, "vhost-user %d: a back end", fd);
	if (n > 0)
		send_spare(c, fd);
	pthread_mutex_unlock(&c->lock);
	errno = err;
}

static ssize_t receive_adapted(struct connection *c, int fd, struct msghdr *msg, int flags)
{
	ssize_t ret;
	bool reads;
	int got;

	for (;;) {
		if (c->in_pos < c->in.len)
			return deliver(c, msg);
		pthread_mutex_lock(&c->lock);
		reads = c->raw_len || hps_vhost_reads(&c->state);
		pthread_mutex_unlock(&c->lock);
		if (!reads)
			break;
		got = read_message(c, fd, flags);
		if (got == -ENODATA)
			return 0;
		if (got < 0) {
			errno = -got;
			return -1;
		}
	}
	ret = hps_real()->recvmsg(fd, msg, flags);
	passed(c, fd, msg, ret);
	return ret;
}

ssize_t hps_vhost_recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct connection *c = connection_get(fd);
	ssize_t ret;

	if (!c || flags & MSG_PEEK) {
		ret = hps_real()->recvmsg(fd, msg, flags);
	} else {
		pthread_mutex_lock(&c->read_lock);
		ret = receive_adapted(c, fd, msg, flags);
		pthread_mutex_unlock(&c->read_lock);
	}
	connection_put(c);
	return ret;
}
