// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model's steps that read and write an object's memory: by the CPU, and by
 * the kernel for a system call.
 */
#include "model.h"

#include <sys/uio.h>

/* What an access comes to; it has not happened yet. */
enum m_outcome m_may_access(struct m_object *o, struct m_slot *slot,
			    unsigned int page, bool write)
{
	if (!(slot->how[page] & (write ? MAP_W : MAP_R)))
		return OUT_SEGV;
	if (o->pages[page].present || o->mode == HUGEPOST_MODE_UNARMED)
		return OUT_OK;
	return o->mode == HUGEPOST_MODE_LOST ? OUT_BUS : OUT_WAIT;
}

/* The same, and what it changes. */
enum m_outcome m_access(struct m_actor *a, struct m_object *o,
			struct m_slot *slot, unsigned int page, bool write)
{
	enum m_outcome ret = m_may_access(o, slot, page, write);

	return ret == OUT_OK ? m_touch_page(o, page, false) : ret;
}

/* An access that a step is about to make. */
struct access {
	struct m_object *o;
	struct m_slot *slot;
	unsigned int page;
	char *at;
	enum m_outcome outcome;
};

/* False: it would wait. */
static bool begin(struct m_actor *a, const uint32_t *r, bool write,
		  const char *what, struct access *x)
{
	x->o = m_pick_object(a, r[0]);
	x->slot = m_slot(a, x->o, r[2]);
	x->page = m_pick_page(a, x->o, r[1]);
	x->at = x->slot->base + x->page * TP;
	x->outcome = m_access(a, x->o, x->slot, x->page, write);
	if (x->outcome != OUT_WAIT)
		m_say(a, "%s object %u page %u by mapping %u", what,
		      x->o->index, x->page,
		      (unsigned int)(x->slot - a->slots[x->o->index]));
	return x->outcome != OUT_WAIT;
}

static int signal_of(enum m_outcome outcome)
{
	return outcome == OUT_SEGV ? SIGSEGV : outcome == OUT_BUS ? SIGBUS : 0;
}

/* The result of a system call on one target page. */
static int64_t result_of(enum m_outcome outcome)
{
	return outcome == OUT_OK ? (int64_t)TP : -EFAULT;
}

bool m_read(struct m_actor *a, const uint32_t *r)
{
	struct access x;
	int wrong, sig;

	if (!begin(a, r, false, "read", &x))
		return false;
	wrong = m_guarded_check(x.at, x.o->pages[x.page].bytes, &sig);
	m_equal(a, "signal of a read", sig, signal_of(x.outcome));
	m_equal(a, "wrong word of a read", wrong, -1);
	return true;
}

bool m_write(struct m_actor *a, const uint32_t *r)
{
	struct m_bytes bytes;
	struct access x;

	if (!begin(a, r, true, "write", &x))
		return false;
	bytes = m_bytes_new(x.o, x.page);
	m_equal(a, "signal of a write", m_guarded_write(x.at, bytes),
		signal_of(x.outcome));
	if (x.outcome == OUT_OK)
		x.o->pages[x.page].bytes = bytes;
	return true;
}

/* Writes one word. */
bool m_poke(struct m_actor *a, const uint32_t *r)
{
	struct m_bytes bytes = { .poke = r[3] | 1 };
	struct access x;

	if (!begin(a, r, true, "poke", &x))
		return false;
	m_equal(a, "signal of a poke",
		m_guarded_poke(x.at + POKE_WORD * sizeof(uint64_t),
			       m_word(bytes, POKE_WORD)), signal_of(x.outcome));
	if (x.outcome == OUT_OK)
		x.o->pages[x.page].bytes.poke = bytes.poke;
	return true;
}

static void check_bounce(struct m_actor *a, const char *what,
			 struct m_bytes bytes)
{
	m_equal(a, what, m_bytes_wrong(a->bounce, bytes), -1);
}

/* write(2) to a pipe of what the object holds. */
bool m_sys_read(struct m_actor *a, const uint32_t *r)
{
	struct access x;
	ssize_t ret;

	if (!begin(a, r, false, "write(2) from", &x))
		return false;
	ret = write(a->pipe[1], x.at, TP);
	m_equal(a, "write(2) to a pipe", ret < 0 ? -errno : ret,
		result_of(x.outcome));
	if (ret <= 0) {
		/* The pipe has a buffer more, an empty one: take it out. */
		m_equal(a, "read(2) of an empty pipe",
			read(a->pipe[0], a->bounce, TP) < 0 ? -errno : 0,
			-EAGAIN);
		return true;
	}
	m_equal(a, "read(2) of a pipe", read(a->pipe[0], a->bounce, TP), TP);
	check_bounce(a, "wrong word in a pipe", x.o->pages[x.page].bytes);
	return true;
}

/* read(2) of a file into the object. */
bool m_sys_write(struct m_actor *a, const uint32_t *r)
{
	struct m_bytes bytes;
	struct access x;
	ssize_t ret;

	if (!begin(a, r, true, "read(2) to", &x))
		return false;
	bytes = m_bytes_new(x.o, x.page);
	m_bytes_write(a->bounce, bytes);
	m_equal(a, "write(2) of a file", pwrite(a->memfd, a->bounce, TP, 0),
		TP);
	ret = pread(a->memfd, x.at, TP, 0);
	m_equal(a, "read(2) of a file", ret < 0 ? -errno : ret,
		result_of(x.outcome));
	if (ret > 0)
		x.o->pages[x.page].bytes = bytes;
	return true;
}

/* process_vm_readv(2) and writev: pages of the object are pinned. */
bool m_vm_read(struct m_actor *a, const uint32_t *r)
{
	struct iovec local = { a->bounce, TP }, remote = { NULL, TP };
	struct access x;
	ssize_t ret;

	if (!begin(a, r, false, "process_vm_readv of", &x))
		return false;
	remote.iov_base = x.at;
	ret = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
	m_equal(a, "process_vm_readv", ret < 0 ? -errno : ret,
		result_of(x.outcome));
	if (ret > 0)
		check_bounce(a, "wrong word of process_vm_readv",
			     x.o->pages[x.page].bytes);
	return true;
}

bool m_vm_write(struct m_actor *a, const uint32_t *r)
{
	struct iovec local = { a->bounce, TP }, remote = { NULL, TP };
	struct m_bytes bytes;
	struct access x;
	ssize_t ret;

	if (!begin(a, r, true, "process_vm_writev to", &x))
		return false;
	bytes = m_bytes_new(x.o, x.page);
	m_bytes_write(a->bounce, bytes);
	remote.iov_base = x.at;
	ret = process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
	m_equal(a, "process_vm_writev", ret < 0 ? -errno : ret,
		result_of(x.outcome));
	if (ret > 0)
		x.o->pages[x.page].bytes = bytes;
	return true;
}

/* Sequences are played at the same time, and share the disk. */
static void lock_disk(struct m_actor *a, short how)
{
	struct flock lock = { .l_type = how, .l_whence = SEEK_SET, .l_len = TP };

	m_equal(a, "lock", fcntl(a->disk, F_OFD_SETLKW, &lock), 0);
}

/* O_DIRECT from the object to a disk, or to it. */
bool m_direct(struct m_actor *a, const uint32_t *r)
{
	bool to_disk = r[3] % 2;
	struct m_bytes bytes;
	struct access x;
	ssize_t ret;

	if (a->disk < 0 || !begin(a, r, !to_disk, to_disk ? "O_DIRECT from" :
				  "O_DIRECT to", &x))
		return false;
	lock_disk(a, F_WRLCK);
	bytes = to_disk ? x.o->pages[x.page].bytes : m_bytes_new(x.o, x.page);
	if (!to_disk) {
		m_bytes_write(a->bounce, bytes);
		m_equal(a, "O_DIRECT write", pwrite(a->disk, a->bounce, TP,
						    0), TP);
	}
	ret = to_disk ? pwrite(a->disk, x.at, TP, 0) :
			pread(a->disk, x.at, TP, 0);
	m_equal(a, "O_DIRECT", ret < 0 ? -errno : ret, result_of(x.outcome));
	if (ret > 0 && to_disk) {
		m_equal(a, "O_DIRECT read", pread(a->disk, a->bounce, TP, 0),
			TP);
		check_bounce(a, "wrong word on the disk", bytes);
	} else if (ret > 0) {
		x.o->pages[x.page].bytes = bytes;
	}
	lock_disk(a, F_UNLCK);
	return true;
}

/* A mapping of the parent's: as it is there, or not at all. */
static void child_looks(struct m_actor *a, struct m_object *o,
			struct m_slot *slot, bool inherits)
{
	unsigned int i;
	int sig, wrong;

	for (i = 0; i < M_PAGES; i += SUBS) {
		bool maps = inherits && (slot->how[i] & MAP_R);

		if (!(slot->how[i] & MAP_IS) || !o->pages[i].present ||
		    !m_owned(a, o, i))
			continue;
		if (maps)
			m_touch_page(o, i, false);
		wrong = m_guarded_check(slot->base + i * TP, o->pages[i].bytes,
					&sig);
		m_equal(a, "signal in a child", sig, maps ? 0 : SIGSEGV);
		m_equal(a, "wrong word in a child", wrong, -1);
	}
}

/* A child has the descriptor, and a mapping only if that was asked for. */
static void child_run(struct m_actor *a, struct m_object *o,
		      struct m_slot *slot, bool inherits, const uint32_t *r)
{
	unsigned int page = m_pick_page(a, o, r[1]);

	a->tell = false;
	a->nr_helpers = 0;
	child_looks(a, o, slot, inherits);
	a->look[o->index] = hp_map(o->fd, 0, M_HOSTS * HP);
	if (a->look[o->index] == MAP_FAILED) {
		m_fail(a, "mmap in a child: %d", -errno);
		return;
	}
	if (o->pages[page].present) {
		o->pages[page].bytes = m_bytes_new(o, page);
		m_touch_page(o, page, false);
		m_equal(a, "write in a child",
			m_guarded_write(a->look[o->index] + page * TP,
					o->pages[page].bytes), 0);
	}
	m_fill_one(a, r);
	m_check_bitmap(a, o->index, page / SUBS);
	m_check_bytes(a, o->index, page / SUBS);
}

bool m_fork(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	struct m_slot *slot = m_slot(a, o, r[2]);
	bool inherits = r[3] % 4 == 0;
	int status = -1;
	pid_t child;
	unsigned int i;

	/* The child fills that page, and looks at it. */
	if (m_write_waits(a, o, m_pick_page(a, o, r[1])))
		return false;
	/* Advice takes no ranges with holes. */
	for (i = 0; i < M_PAGES; i++)
		if (!slot->how[i])
			inherits = false;
	m_say(a, "fork: a child checks object %u%s, writes and fills page %u",
	      o->index, inherits ? ", inherits a mapping" : "",
	      m_pick_page(a, o, r[1]));
	if (inherits)
		m_equal(a, "MADV_DOFORK", madvise(slot->base, M_HOSTS * HP,
						  MADV_DOFORK), 0);
	child = fork();
	if (!child) {
		child_run(a, o, slot, inherits, r);
		_exit(a->report->failed);
	}
	if (child < 0)
		return !m_fail(a, "fork: %d", -errno);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	m_equal(a, "status of a child", status, 0);
	if (inherits)
		m_equal(a, "MADV_DONTFORK", madvise(slot->base, M_HOSTS * HP,
						    MADV_DONTFORK), 0);
	return true;
}
