/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Makes raw calls, in a process that may be killed, and looks at what came of
 * them. A thread beside the one that calls ends what waits, in all ways that there
 * are: by filling, waking, disarming, closing, by a signal, and by killing.
 */
#ifndef HUGEPOST_RAW_RUN_H
#define HUGEPOST_RAW_RUN_H
#include <sys/prctl.h>
#include <time.h>

#include "raw_area.h"
#include "raw_gen.h"
#include "raw_kcov.h"

#define WATCH_US	2000
#define STUCK		5000	/* rounds of the watchdog: a wait that does not end */
#define TAPES		48	/* that are played on one world */

static const int netlink_errors[] = {
	EINVAL, ERANGE, EOPNOTSUPP, EPERM, EBADF, ENOENT, EBUSY, EINTR, ENOMEM,
};

static const int mmap_errors[] = {
	EINVAL, EACCES, EPERM, ENOMEM, EOVERFLOW, EOPNOTSUPP, EINTR, EAGAIN,
};

static const int read_errors[] = { EINVAL, EAGAIN, EFAULT, EINTR, EBADF };

static const int verb_errors[] = { EINVAL, E2BIG, EOPNOTSUPP, EFAULT };

static inline uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static inline uint64_t raw_random(struct raw_shared *s)
{
	s->state ^= s->state << 13;
	s->state ^= s->state >> 7;
	s->state ^= s->state << 17;
	return s->state;
}

__attribute__((format(printf, 2, 3)))
static inline void raw_fail(struct raw_shared *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(s->text, sizeof(s->text), format, args);
	va_end(args);
	s->failed = true;
	_exit(1);
}

static inline bool caller_sleeps(struct raw_world *w)
{
	char line[256], *p;
	ssize_t n = pread(w->stat, line, sizeof(line) - 1, 0);

	line[n < 0 ? 0 : n] = 0;
	p = strrchr(line, ')');
	return p && (p[2] == 'S' || p[2] == 'D');
}

/* One event, whatever the size is that they have. */
static inline int read_event(int efd, struct hugepost_event *event)
{
	char buf[TP];
	ssize_t n = -1;
	size_t len;

	errno = EINVAL;
	for (len = sizeof(*event); n < 0 && errno == EINVAL && len <= TP; len += 8)
		n = read(efd, buf, len);
	if (n <= 0)
		return n ? -errno : -ENODATA;
	memcpy(event, buf, sizeof(*event));
	return 0;
}

static inline void serve(struct raw_world *w, int obj)
{
	struct pollfd p = { .fd = w->efd[obj], .events = POLLIN };
	struct hugepost_event event;
	int channel;

	while (p.fd >= 0 && poll(&p, 1, 0) == 1 && p.revents == POLLIN &&
	       !read_event(p.fd, &event))
		for (channel = 0; channel < 2; channel++)
			hp_fill(w->fd[obj], channel, event.offset, w->image,
				TP, 0);
}

static inline void end_wait(struct raw_world *w, unsigned int round)
{
	unsigned int how = raw_random(w->shared) % 64;
	int obj;

	if (round > STUCK)
		raw_fail(w->shared, "a call does not end");
	if (how == 63) {
		w->shared->killing = true;
		kill(getpid(), SIGKILL);
	}
	if (how > 58)
		pthread_kill(w->caller, SIGUSR1);
	for (obj = 0; obj < 3; obj++) {
		if (how < 40) {
			serve(w, obj);
		} else if (how < 46) {
			hp_wake(w->fd[obj], 0, HP);
		} else if (how < 52 || round > 8) {
			hp_disarm(w->fd[obj]);
		} else if (how < 58 && w->efd[obj] >= 0) {
			close(w->efd[obj]);
			w->efd[obj] = -1;
		}
	}
}

static inline void *watch(void *arg)
{
	struct raw_world *w = arg;
	unsigned long last = 0;
	unsigned int round = 0;
	bool over;

	do {
		usleep(WATCH_US);
		pthread_mutex_lock(&w->lock);
		if (!w->in_call || w->calls != last) {
			round = 0;
		} else if (caller_sleeps(w)) {
			if (!round)
				w->shared->waits++;
			end_wait(w, ++round);
		}
		last = w->calls;
		over = w->over;
		pthread_mutex_unlock(&w->lock);
	} while (!over);
	return NULL;
}

static inline void open_object(struct raw_world *w, int obj)
{
	w->fd[obj] = hp_open();
	if (w->fd[obj] < 0)
		raw_fail(w->shared, "open: %s", strerror(-w->fd[obj]));
	w->id[obj] = hp_id(w->fd[obj]);
	w->efd[obj] = -1;
}

static inline void close_object(struct raw_world *w, int obj)
{
	if (w->efd[obj] >= 0)
		close(w->efd[obj]);
	close(w->fd[obj]);
}

/* Host page 0 is complete, 1 begun, 2 empty, 3 zero. */
static inline void raw_make_world(struct raw_world *w)
{
	struct raw_shared *s = w->shared;
	uint64_t len;
	int obj;

	nl_module_set(&w->nl, HUGEPOST_A_MODULE_LIMIT, ~0ULL);
	nl_module_set(&w->nl, HUGEPOST_A_MODULE_RESERVE, 0);
	for (obj = 0; obj < 3; obj++)
		open_object(w, obj);
	for (obj = 0; obj < 2; obj++) {
		len = (obj ? 2 : 4) * HP;
		w->length[obj] = len;
		if (hp_setup(w->fd[obj], len, 2, 0))
			raw_fail(s, "SETUP of a new object failed");
		w->mem[obj] = hp_map(w->fd[obj], 0, len);
		if (w->mem[obj] == MAP_FAILED)
			raw_fail(s, "mmap of a new object failed");
		hp_fill_pattern(w->fd[obj], 0, 0, SUBS + 1, 0);
		hp_fill(w->fd[obj], 1, len - HP, NULL, HP, HUGEPOST_FILL_ZERO);
	}
}

static inline void raw_close_world(struct raw_world *w)
{
	int obj;

	for (obj = 0; obj < 3; obj++) {
		if (obj < 2)
			munmap(w->mem[obj], w->length[obj]);
		close_object(w, obj);
	}
}

static inline bool is_one_of(int err, const int *errors, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (err == errors[i])
			return true;
	return false;
}

/* Is @err, not 0, what this call is documented to return? */
static inline bool documented(const struct raw_call *c, int err)
{
	switch (c->kind) {
	case RAW_NETLINK:
		return is_one_of(err, netlink_errors, ARRAY_SIZE(netlink_errors));
	case RAW_READ:
		return is_one_of(err, read_errors, ARRAY_SIZE(read_errors));
	case RAW_MMAP:
		return is_one_of(err, mmap_errors, ARRAY_SIZE(mmap_errors));
	case RAW_IOCTL:
		break;
	}
	if (!c->verb)
		return err == ENOTTY;
	return is_one_of(err, verb_errors, ARRAY_SIZE(verb_errors)) ||
	       is_one_of(err, c->verb->errors, RAW_ERRORS);
}

static const char *name_of(const struct raw_call *c)
{
	static const char * const kinds[] = {
		"unknown ioctl", "netlink", "read", "mmap",
	};

	return c->kind == RAW_IOCTL && c->verb ? c->verb->name :
						 kinds[c->kind];
}

static inline int call_netlink(struct raw_world *w, struct raw_call *c)
{
	static char answer[1 << 16];
	struct nlmsghdr *nlh = (struct nlmsghdr *)answer;
	int ret = 0, error;
	ssize_t len;

	if (send(w->nl.fd, &c->message, c->len, 0) < 0)
		return -errno;
	do {
		len = recv(w->nl.fd, answer, sizeof(answer), MSG_DONTWAIT);
		if (len < (ssize_t)sizeof(*nlh) ||
		    nlh->nlmsg_type != NLMSG_ERROR)
			continue;
		memcpy(&error, NLMSG_DATA(nlh), sizeof(error));
		if (error)
			ret = error;
	} while (len > 0);
	return ret;
}

static inline int call_mmap(struct raw_world *w, struct raw_call *c)
{
	char *mem = mmap(NULL, c->len, c->prot, c->flags, c->fd, c->offset);

	if (mem == MAP_FAILED)
		return -errno;
	munmap(mem, c->len);
	return 0;
}

/* A new descriptor has the lowest number: it is known before. */
static inline void take_events(struct raw_world *w, struct raw_call *c, int ret,
			       int expected)
{
	int flags = fcntl(expected, F_GETFD);
	bool opened = flags >= 0;
	int *efd = &w->efd[c->obj];

	if (opened == !!ret || (!ret && !(flags & FD_CLOEXEC)))
		raw_fail(w->shared, "ARM: %d, and its descriptor has flags %d", ret,
			 flags);
	if (ret)
		return;
	if (*efd >= 0)
		close(*efd);
	*efd = fcntl(expected, F_DUPFD_CLOEXEC, RAW_HIGH_FD);
	close(expected);
}

static inline int call(struct raw_world *w, struct raw_call *c)
{
	bool arms = c->verb && c->verb->cmd == HUGEPOST_ARM;
	int expected = -1, ret;

	if (arms) {
		expected = dup(w->fd[0]);
		close(expected);
	}
	raw_enter(w);
	switch (c->kind) {
	case RAW_NETLINK:
		ret = call_netlink(w, c);
		break;
	case RAW_READ:
		ret = read(c->fd, (void *)c->arg, c->len) < 0 ? -errno : 0;
		break;
	case RAW_MMAP:
		ret = call_mmap(w, c);
		break;
	default:
		ret = ioctl(c->fd, c->cmd, c->arg);
		if (ret < 0)
			ret = -errno;
	}
	raw_leave(w);
	if (arms)
		take_events(w, c, ret, expected);
	return ret;
}

/* Makes the calls that are on a tape. */
static inline void play(struct raw_world *w, const unsigned char *tape)
{
	struct raw_tape t = { .byte = tape };
	struct raw_call c;
	const char *wrong;
	size_t where;
	int ret, efd;

	if (raw_byte(&t) % 4 != 3 && w->efd[0] < 0) {
		efd = hp_arm(w->fd[0], raw_byte(&t) % 2);
		if (efd >= 0) {
			w->efd[0] = fcntl(efd, F_DUPFD_CLOEXEC, RAW_HIGH_FD);
			close(efd);
		}
	}
	while (t.pos < RAW_TAPE) {
		raw_make(w, &t, &c);
		ret = call(w, &c);
		w->shared->calls++;
		if (ret > 0 || (ret && !documented(&c, -ret)))
			raw_fail(w->shared, "%s (%#lx): %s", name_of(&c), c.cmd,
				 strerror(-ret));
		wrong = raw_area_check(w, &c, &where);
		if (wrong)
			raw_fail(w->shared, "%s: %s, at %#zx; argument at %#lx",
				 name_of(&c), wrong, where,
				 c.arg - (uintptr_t)w->area);
	}
	if (hp_stats(w->fd[2]).out_length) {
		close_object(w, 2);
		open_object(w, 2);
	}
}

/* A tape that was of use, changed a bit, or a new one. */
static inline void next_tape(struct raw_shared *s, unsigned char *tape)
{
	unsigned int i, nr, from, to, len;
	const unsigned char *other;

	for (i = 0; i < RAW_TAPE; i++)
		tape[i] = raw_random(s) >> 16;
	if (!s->nr_corpus || raw_random(s) % 8 == 0)
		return;
	memcpy(tape, s->corpus[raw_random(s) % s->nr_corpus], RAW_TAPE);
	for (nr = 1 + raw_random(s) % 6; nr; nr--) {
		other = s->corpus[raw_random(s) % s->nr_corpus];
		from = raw_random(s) % RAW_TAPE;
		to = raw_random(s) % RAW_TAPE;
		len = raw_random(s) % 32;
		if (len > RAW_TAPE - (from > to ? from : to))
			len = RAW_TAPE - (from > to ? from : to);
		switch (raw_random(s) % 4) {
		case 0:
			memmove(tape + to, tape + from, len);
			break;
		case 1:
			memcpy(tape + to, other + from, len);
			break;
		case 2:
			tape[to] += (int)(raw_random(s) % 5) - 2;
			break;
		default:
			tape[to] = raw_random(s) >> 16;
		}
	}
}

static inline void keep_tape(struct raw_shared *s, const unsigned char *tape)
{
	memcpy(s->corpus[s->next_corpus], tape, RAW_TAPE);
	s->next_corpus = (s->next_corpus + 1) % RAW_CORPUS;
	if (s->nr_corpus < RAW_CORPUS)
		s->nr_corpus++;
}

static inline void handler(int sig)
{
}

static inline unsigned int open_descriptors(void)
{
	unsigned int nr = 0;
	int fd;

	for (fd = 0; fd < 1024; fd++)
		nr += fcntl(fd, F_GETFD) >= 0;
	return nr;
}

static inline bool more(struct raw_shared *s)
{
	return s->calls < s->ops && now_ns() < s->end_ns;
}

static inline void work(struct raw_shared *s)
{
	const struct sigaction act = { .sa_handler = handler };
	const struct timeval second = { .tv_sec = 1 };
	struct raw_world w = { .shared = s, .tid = gettid() };
	unsigned char tape[RAW_TAPE];
	pthread_t watchdog;
	unsigned int i, fds;
	uint64_t *cover;
	char path[64];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaction(SIGUSR1, &act, NULL);
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", w.tid);
	w.stat = open(path, O_RDONLY | O_CLOEXEC);
	w.caller = pthread_self();
	cover = raw_kcov_start();
	if (!raw_area_make(&w) || nl_open(&w.nl) || w.stat < 0)
		raw_fail(s, "cannot begin: %s", strerror(errno));
	setsockopt(w.nl.fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	fds = open_descriptors();
	pthread_mutex_init(&w.lock, NULL);
	pthread_mutex_lock(&w.lock);
	raw_make_world(&w);
	pthread_create(&watchdog, NULL, watch, &w);

	for (i = 1; more(s); i++) {
		next_tape(s, tape);
		raw_kcov_begin(cover);
		play(&w, tape);
		if (raw_kcov_new(cover, s))
			keep_tape(s, tape);
		if (i % TAPES == 0) {
			raw_close_world(&w);
			raw_make_world(&w);
		}
	}

	w.over = true;
	pthread_mutex_unlock(&w.lock);
	pthread_join(watchdog, NULL);
	raw_close_world(&w);
	if (open_descriptors() != fds)
		raw_fail(s, "%u descriptors were open before, %u are now", fds,
			 open_descriptors());
	_exit(0);
}

/* Waits for a process that calls. One that was killed ends at once. */
static inline bool reap(struct raw_shared *s, pid_t pid)
{
	unsigned int ms = 0;
	int status;

	while (waitpid(pid, &status, WNOHANG) != pid) {
		usleep(1000);
		if (!s->killing || ++ms < 30000 * hp_slowness())
			continue;
		snprintf(s->text, sizeof(s->text), "a killed task does not end");
		return false;
	}
	if (s->failed || (WIFEXITED(status) && !WEXITSTATUS(status)))
		return !s->failed;
	if (s->killing && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
		s->kills++;
		s->killing = false;
		return true;
	}
	snprintf(s->text, sizeof(s->text), "the caller ended with status %#x",
		 status);
	return false;
}

/* Calls until time or number is up. False: see @s->text. */
static inline bool raw_run(struct raw_shared *s)
{
	pid_t pid;

	do {
		pid = fork();
		if (!pid)
			work(s);
		if (!reap(s, pid))
			return false;
	} while (more(s));
	return true;
}

#endif /* HUGEPOST_RAW_RUN_H */
