// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model's steps that change how an object is mapped. Nothing that a mapping
 * does changes what the object holds.
 */
#include "model.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#define MADV_POPULATE_WRITE	23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE		25
#endif

/* A range of target pages in a mapping. */
struct range {
	struct m_object *o;
	struct m_slot *slot;
	unsigned int number;	/* of the slot */
	unsigned int first, n;
	char *at;
	size_t size;
};

static void begin(struct m_actor *a, const uint32_t *r, struct range *x)
{
	x->o = m_pick_object(a, r[0]);
	x->number = r[1] % M_SLOTS;
	x->slot = &a->slots[x->o->index][x->number];
}

static void set(struct range *x, unsigned int first, unsigned int n)
{
	x->first = first;
	x->n = n;
	x->at = x->slot->base + first * TP;
	x->size = n * TP;
}

/* All of it, some host pages, or a part of one. */
static void pick(struct range *x, uint32_t how, uint32_t where)
{
	unsigned int host = where % M_HOSTS, sub = where / M_HOSTS % SUBS;

	switch (how % 4) {
	case 0:
		set(x, 0, M_PAGES);
		break;
	case 1:
	case 2:
		set(x, host * SUBS, (1 + how / 4 % (M_HOSTS - host)) * SUBS);
		break;
	case 3:
		set(x, host * SUBS + sub, 1 + how / 4 % (SUBS - sub));
		break;
	}
}

/* Cuts the range where what it has in common with its first page ends. */
static bool trim(struct range *x, uint8_t mask)
{
	uint8_t how = x->slot->how[x->first] & mask;
	unsigned int n = 1;

	while (n < x->n && (x->slot->how[x->first + n] & mask) == how)
		n++;
	set(x, x->first, n);
	return x->slot->how[x->first] & MAP_IS;
}

/* Host pages that the range covers in part are in pieces now. */
static void note(struct range *x, uint8_t how, bool whole)
{
	unsigned int host;

	memset(&x->slot->how[x->first], how, x->n);
	for (host = x->first / SUBS; host * SUBS < x->first + x->n; host++) {
		if (host * SUBS < x->first ||
		    (host + 1) * SUBS > x->first + x->n)
			x->slot->whole[host] = false;
		else
			x->slot->whole[host] = whole ||
				(x->slot->whole[host] && how);
	}
}

static int prot_of(uint8_t how)
{
	return (how & MAP_R ? PROT_READ : 0) | (how & MAP_W ? PROT_WRITE : 0);
}

/* On x86 a page that may be written may be read. */
static uint8_t pick_how(uint32_t r)
{
	static const uint8_t often[] = {
		MAP_IS | MAP_R | MAP_W, MAP_IS | MAP_R | MAP_W,
		MAP_IS | MAP_R | MAP_W, MAP_IS | MAP_R | MAP_W,
		MAP_IS | MAP_R | MAP_W, MAP_IS | MAP_R, MAP_IS | MAP_R, MAP_IS,
	};

	return often[r % ARRAY_SIZE(often)];
}

static const char *const how_names[] = {
	"none", "no access", "", "read only", "", "", "", "read and write",
};

/* Nothing is mapped there, and nothing else gets there. */
static void make_hole(struct m_actor *a, struct range *x, int flags)
{
	void *at = mmap(x->at, x->size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
			MAP_NORESERVE | flags, -1, 0);

	m_equal(a, "room is there", at == x->at, true);
	note(x, MAP_NOT, false);
}

/* A mapping by whose place no host page could be huge is refused. */
bool m_map(struct m_actor *a, const uint32_t *r)
{
	uint8_t how = pick_how(r[4]);
	bool refused;
	struct range x;
	void *at;

	begin(a, r, &x);
	pick(&x, r[2], r[3]);
	refused = x.number == M_SLOTS - 1 &&
		  (x.first + SUBS - 1) / SUBS * SUBS + SUBS <= x.first + x.n;
	/* What was there may be gone: another thread's mapping could get in. */
	if (refused && !a->alone)
		return false;
	m_say(a, "mmap object %u mapping %u: pages %u + %u, %s%s", x.o->index,
	      x.number, x.first, x.n, how_names[how],
	      refused ? ", askew" : "");
	at = mmap(x.at, x.size, prot_of(how), MAP_SHARED | MAP_FIXED, x.o->fd,
		  (off_t)(x.first * TP));
	m_equal(a, "mmap", at == MAP_FAILED ? -errno : 0,
		refused ? -EINVAL : 0);
	if (refused)
		make_hole(a, &x, MAP_FIXED);
	else
		note(&x, how, true);
	return true;
}

bool m_unmap(struct m_actor *a, const uint32_t *r)
{
	struct range x;

	begin(a, r, &x);
	pick(&x, r[2], r[3]);
	if (!trim(&x, MAP_IS))
		return false;
	m_say(a, "munmap object %u mapping %u: pages %u + %u", x.o->index,
	      x.number, x.first, x.n);
	if (a->alone) {
		m_equal(a, "munmap", munmap(x.at, x.size) ? -errno : 0, 0);
		make_hole(a, &x, MAP_FIXED_NOREPLACE);
	} else {
		/* Another thread's mapping must not get in between. */
		make_hole(a, &x, MAP_FIXED);
	}
	return true;
}

bool m_protect(struct m_actor *a, const uint32_t *r)
{
	uint8_t how = pick_how(r[4]);
	struct range x;

	begin(a, r, &x);
	pick(&x, r[2], r[3]);
	if (!trim(&x, MAP_IS))
		return false;
	m_say(a, "mprotect object %u mapping %u: pages %u + %u, %s",
	      x.o->index, x.number, x.first, x.n, how_names[how]);
	m_equal(a, "mprotect", mprotect(x.at, x.size, prot_of(how)) ?
		-errno : 0, 0);
	note(&x, how, false);
	return true;
}

/* What lies in one mapping: a host page that was never cut, or a part of it. */
static bool pick_whole(struct range *x, uint32_t how, uint32_t where)
{
	unsigned int i, host;

	for (i = 0; i < M_HOSTS; i++) {
		host = (where + i) % M_HOSTS;
		if (!x->slot->whole[host])
			continue;
		set(x, host * SUBS, SUBS);
		if (how % 4 == 0) {
			unsigned int sub = where / M_HOSTS % SUBS;

			set(x, x->first + sub, 1 + how / 4 % (SUBS - sub));
		}
		return trim(x, 0xff);
	}
	return false;
}

/*
 * mremap(2) from one room to the same place in another. Where there are other
 * threads what is moved away is never unmapped, or a mapping of theirs could get
 * in.
 */
bool m_move(struct m_actor *a, const uint32_t *r)
{
	bool keep = r[4] % 4 == 0;
	struct range x, to;
	uint8_t how;
	void *at;

	begin(a, r, &x);
	if (!pick_whole(&x, r[2], r[3]))
		return false;
	to = x;
	to.number = (x.number + 1 + r[5] % (M_SLOTS - 1)) % M_SLOTS;
	to.slot = &a->slots[x.o->index][to.number];
	set(&to, x.first, x.n);
	m_say(a, "mremap object %u mapping %u to %u: pages %u + %u%s",
	      x.o->index, x.number, to.number, x.first, x.n,
	      keep ? ", MREMAP_DONTUNMAP" : "");
	at = mremap(x.at, x.size, x.size, MREMAP_MAYMOVE | MREMAP_FIXED |
		    (keep || !a->alone ? MREMAP_DONTUNMAP : 0), to.at);
	m_equal(a, "mremap", at == MAP_FAILED ? -errno : 0, 0);
	how = x.slot->how[x.first];
	note(&to, how, true);
	if (!keep)
		make_hole(a, &x, MAP_FIXED);
	else
		note(&x, how, false);
	return true;
}

/* Advice; some is no use, and some is refused: the bytes stay. */
bool m_advise(struct m_actor *a, const uint32_t *r)
{
	static const int taken[] = {
		MADV_DONTNEED, MADV_DONTNEED, MADV_DONTNEED, MADV_HUGEPAGE,
		MADV_NOHUGEPAGE, MADV_RANDOM, MADV_NORMAL, MADV_COLD,
		MADV_PAGEOUT,
	};
	static const int maybe_refused[] = {
		MADV_COLLAPSE, MADV_FREE, MADV_REMOVE, MADV_WILLNEED,
		MADV_MERGEABLE,
	};
	bool sure = r[4] % 3;
	int advice = sure ? taken[r[5] % ARRAY_SIZE(taken)] :
		     maybe_refused[r[5] % ARRAY_SIZE(maybe_refused)];
	struct range x;
	int ret;

	begin(a, r, &x);
	if (!pick_whole(&x, r[2], r[3]))
		return false;
	m_say(a, "madvise(%d) object %u mapping %u: pages %u + %u",
	      advice, x.o->index, x.number, x.first, x.n);
	ret = madvise(x.at, x.size, advice) ? -errno : 0;
	if (sure)
		m_equal(a, "madvise", ret, 0);
	note(&x, x.slot->how[x.first], false);
	return true;
}

/* MADV_POPULATE_READ and _WRITE touch each page. */
bool m_populate(struct m_actor *a, const uint32_t *r)
{
	bool write = r[4] % 2;
	int want = 0, ret;
	struct range x;
	unsigned int i;

	begin(a, r, &x);
	set(&x, m_pick_page(a, x.o, r[3]), 1);
	set(&x, x.first, m_own_run(a, x.o, x.first, 1 + r[5] % 32));
	trim(&x, 0xff);
	if (!(x.slot->how[x.first] & (write ? MAP_W : MAP_R)))
		return false;
	for (i = 0; i < x.n; i++)
		if (m_may_access(x.o, x.slot, x.first + i, write) == OUT_WAIT)
			return false;
	m_say(a, "MADV_POPULATE_%s object %u mapping %u: pages %u + %u",
	      write ? "WRITE" : "READ", x.o->index, x.number, x.first, x.n);
	for (i = 0; i < x.n && !want; i++)
		if (m_access(a, x.o, x.slot, x.first + i, write) != OUT_OK)
			want = -EFAULT;
	ret = madvise(x.at, x.size, write ? MADV_POPULATE_WRITE :
					    MADV_POPULATE_READ) ? -errno : 0;
	m_equal(a, "MADV_POPULATE", ret, want);
	m_check_bitmap(a, x.o->index, x.first / SUBS);
	return true;
}

static int try_mmap(size_t size, int flags, int fd, off_t offset)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, offset);

	if (at == MAP_FAILED)
		return -errno;
	munmap(at, size);
	return 0;
}

bool m_map_refused(struct m_actor *a, const uint32_t *r)
{
	struct m_object *o = m_pick_object(a, r[0]);
	off_t first = r[1] % M_PAGES * TP, all = M_HOSTS * HP;

	m_say(a, "mmap object %u: private, or behind the end", o->index);
	m_equal(a, "mmap, private", try_mmap(TP, MAP_PRIVATE, o->fd, first),
		-EINVAL);
	m_equal(a, "mmap, too long", try_mmap(all - first + TP, MAP_SHARED,
					      o->fd, first), -EINVAL);
	m_equal(a, "mmap, far away", try_mmap(TP, MAP_SHARED, o->fd,
					      1LL << (46 + r[2] % 16)),
		-EINVAL);
	m_equal(a, "mmap, a page", try_mmap(TP, MAP_SHARED, o->fd, first), 0);
	return true;
}

/*
 * How many host pages of the range INSTALL may and must find: complete ones with
 * memory, which lie in one mapping.
 */
static void expect_complete(struct m_actor *a, struct range *x,
			    unsigned int *least, unsigned int *most)
{
	unsigned int host;

	*least = 0;
	*most = 0;
	for (host = 0; host < M_HOSTS; host++) {
		struct m_host *h = &x->o->hosts[host];
		unsigned int i;

		if (host * SUBS < x->first ||
		    (host + 1) * SUBS > x->first + x->n)
			continue;
		if (!a->alone && h->owner != a->id) {
			++*most;
			continue;
		}
		if (h->nr_present < SUBS || !h->staged)
			continue;
		++*most;
		for (i = host * SUBS; i < (host + 1) * SUBS; i++)
			if (!(x->slot->how[i] & MAP_R))
				break;
		if (x->slot->whole[host] && i == (host + 1) * SUBS)
			++*least;
	}
}

static bool has_hole(const struct range *x)
{
	return memchr(&x->slot->how[x->first], MAP_NOT, x->n);
}

bool m_install(struct m_actor *a, const uint32_t *r)
{
	struct hugepost_install out;
	unsigned int least, most;
	struct range x;
	int ret;

	begin(a, r, &x);
	pick(&x, r[2], r[3]);
	if (r[4] % 16 == 0) {
		m_say(a, "INSTALL object %u, refused", x.o->index);
		m_equal(a, "INSTALL of no length",
			hp_install(x.o->fd, x.at, 0, NULL), -EINVAL);
		m_equal(a, "INSTALL of other memory",
			hp_install(x.o->fd, a->buffer, TP, NULL), -EFAULT);
		m_equal(a, "INSTALL that wraps",
			hp_install(x.o->fd, x.at, -TP, NULL), -EINVAL);
		return true;
	}
	m_say(a, "INSTALL object %u mapping %u: pages %u + %u", x.o->index,
	      x.number, x.first, x.n);
	expect_complete(a, &x, &least, &most);
	ret = hp_install(x.o->fd, x.at, x.size, &out);
	m_equal(a, "INSTALL", ret, has_hole(&x) ? -EFAULT : 0);
	if (out.out_huge + out.out_single > most ||
	    (!ret && out.out_huge + out.out_single < least))
		m_fail(a, "INSTALL: %llu and %llu host pages, not %u to %u",
		       (unsigned long long)out.out_huge,
		       (unsigned long long)out.out_single, least, most);
	return true;
}

/* What the caller of COLLAPSE does with the run that it found. */
static bool map_anew(struct m_actor *a, const struct range *x,
		     struct hugepost_collapse *arg)
{
	uint64_t first = (arg->out_addr - (uintptr_t)x->slot->base) / TP;
	uint64_t n = arg->out_length / TP;
	struct range run = *x;
	int ret;

	if (first < x->first || first + n > x->first + x->n ||
	    (first | n) % SUBS)
		return m_fail(a, "a run of pages %llu + %llu",
			      (unsigned long long)first, (unsigned long long)n);
	set(&run, (unsigned int)first, (unsigned int)n);
	trim(&run, 0xff);
	if (run.n % SUBS)
		return true;
	if (mmap(run.at, run.size, prot_of(run.slot->how[run.first]),
		 MAP_SHARED | MAP_FIXED, run.o->fd,
		 (off_t)(run.first * TP)) != run.at)
		return m_fail(a, "mmap over a run: %d", -errno);
	arg->addr = (uintptr_t)run.at;
	arg->length = run.size;
	ret = hp_call(x->o->fd, HUGEPOST_COLLAPSE, arg);
	return (!ret && !arg->out_length) ||
	       m_fail(a, "COLLAPSE of a run that is mapped anew: %d", ret);
}

/*
 * COLLAPSE. Whether it finds a run depends on what ran first: a thread that was
 * woken in the midst of a FILL, or the rest of that FILL. So what is compared does
 * not, nor does what is known of the mapping: a run stays as it was known to be.
 */
bool m_collapse(struct m_actor *a, const uint32_t *r)
{
	struct hugepost_collapse arg = { .size = sizeof(arg) };
	struct range x;
	int ret;

	begin(a, r, &x);
	pick(&x, r[2], r[3]);
	m_say(a, "COLLAPSE object %u mapping %u: pages %u + %u", x.o->index,
	      x.number, x.first, x.n);
	arg.addr = (uintptr_t)x.at;
	arg.length = x.size;
	ret = hp_call(x.o->fd, HUGEPOST_COLLAPSE, &arg);
	/* It goes on up to a hole, or not as far. */
	m_equal(a, "COLLAPSE", ret == -EFAULT && has_hole(&x) ? 0 : ret, 0);
	m_equal(a, "COLLAPSE: the run is right, if there is one",
		ret || !arg.out_length || map_anew(a, &x, &arg), true);
	return true;
}
