// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A part of a mapping that is replaced keeps its attributes and merges again.
 * A memfd stands in for an object: the library's part is the same for both.
 */
#include <errno.h>
#include <linux/mempolicy.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"
#include "tap.h"

#define PAGES	16

static size_t page;
static int fd;
static char *base;

struct variant {
	const char *name;
	int advice[4];		/* ended by -1 */
	int lock;		/* -1: none, else flags of mlock2 */
	int policy;		/* of mbind, MPOL_DEFAULT: none */
	int prot;
	int map_flags;
};

static const struct variant variants[] = {
	{ "plain", { -1 }, -1, MPOL_DEFAULT, PROT_READ | PROT_WRITE, 0 },
	{ "noreserve", { -1 }, -1, MPOL_DEFAULT, PROT_READ | PROT_WRITE, MAP_NORESERVE },
	{ "hugepage", { MADV_HUGEPAGE, -1 }, -1, MPOL_DEFAULT, PROT_READ | PROT_WRITE, 0 },
	{ "nohugepage, random", { MADV_NOHUGEPAGE, MADV_RANDOM, -1 }, -1, MPOL_DEFAULT,
	  PROT_READ | PROT_WRITE, 0 },
	{ "sequential, dontfork, dontdump", { MADV_SEQUENTIAL, MADV_DONTFORK, MADV_DONTDUMP, -1 },
	  -1, MPOL_DEFAULT, PROT_READ | PROT_WRITE, 0 },
	{ "locked", { -1 }, 0, MPOL_DEFAULT, PROT_READ | PROT_WRITE, 0 },
	{ "locked on fault", { -1 }, MLOCK_ONFAULT, MPOL_DEFAULT, PROT_READ | PROT_WRITE, 0 },
	{ "read-only", { -1 }, -1, MPOL_DEFAULT, PROT_READ, 0 },
	{ "no access", { -1 }, -1, MPOL_DEFAULT, PROT_NONE, 0 },
	{ "bound to a node", { -1 }, -1, MPOL_BIND, PROT_READ | PROT_WRITE, 0 },
	{ "bound, static nodes", { -1 }, -1, MPOL_BIND | MPOL_F_STATIC_NODES,
	  PROT_READ | PROT_WRITE, 0 },
	{ "local policy", { -1 }, -1, MPOL_LOCAL, PROT_READ | PROT_WRITE, 0 },
	{ "all at once", { MADV_HUGEPAGE, MADV_RANDOM, MADV_DONTFORK, -1 }, 0, MPOL_BIND,
	  PROT_READ | PROT_WRITE, MAP_NORESERVE },
};

/* A file of its own each time, since a memfd keeps the policy of its users. */
static void make_file(void)
{
	unsigned int i;

	fd = memfd_create("vma", MFD_CLOEXEC);
	tap_need(fd >= 0 && !ftruncate(fd, (off_t)(2 * PAGES * page)), "memfd");
	for (i = 0; i < 2 * PAGES; i++) {
		char byte = (char)i;

		tap_need(pwrite(fd, &byte, 1, (off_t)(i * page)) == 1, "pwrite");
	}
}

static void tear_down(void)
{
	munmap(base, PAGES * page);
	close(fd);
}

static void set_up(const struct variant *variant)
{
	unsigned long node0 = variant->policy == MPOL_LOCAL ? 0 : 1;
	size_t length = PAGES * page;
	const int *advice;

	make_file();
	base = mmap(NULL, length, variant->prot, MAP_SHARED | variant->map_flags, fd,
		    (off_t)(4 * page));
	tap_need(base != MAP_FAILED, "mmap");
	for (advice = variant->advice; *advice != -1; advice++)
		tap_need(!madvise(base, length, *advice), "madvise");
	if (variant->policy != MPOL_DEFAULT)
		tap_need(!syscall(SYS_mbind, base, length, variant->policy, &node0, 64UL, 0),
			 "mbind");
	if (variant->lock >= 0)
		tap_need(!mlock2(base, length, variant->lock), "mlock2");
}

struct policy {
	int mode;
	unsigned long nodes[16];
};

/* Reads what /proc says of the VMA at @addr, without what counts pages. */
static void describe(const char *addr, struct hp_vma *vma, struct policy *policy)
{
	tap_need(!hp_vma_find((uintptr_t)addr, true, vma), "smaps");
	*policy = (struct policy){ 0 };
	tap_need(!syscall(SYS_get_mempolicy, &policy->mode, policy->nodes, 1025UL, addr,
			  MPOL_F_ADDR), "get_mempolicy");
}

static void replace(const struct variant *variant, size_t first, size_t count)
{
	struct hp_vma before, after;
	struct policy policy, policy_after;
	char *start;
	int ret;

	set_up(variant);
	start = base + first * page;
	describe(start, &before, &policy);
	ret = hp_vma_replace(fd, &before, (uintptr_t)start, count * page);
	tap_ok(!ret, "%s, pages %zu+%zu: replaced: %s", variant->name, first, count,
	       strerror(-ret));
	describe(start, &after, &policy_after);
	tap_ok(after.prot == before.prot && after.attrs.advice == before.attrs.advice &&
	       after.attrs.locked == before.attrs.locked &&
	       after.attrs.lock_on_fault == before.attrs.lock_on_fault &&
	       after.attrs.noreserve == before.attrs.noreserve &&
	       !memcmp(&policy_after, &policy, sizeof(policy)),
	       "%s, pages %zu+%zu: same attributes", variant->name, first, count);
	tap_ok(after.start == before.start && after.end == before.end &&
	       after.offset == before.offset,
	       "%s, pages %zu+%zu: one VMA again", variant->name, first, count);
	if (variant->prot & PROT_READ)
		tap_ok(*start == (char)(4 + first), "%s, pages %zu+%zu: same bytes",
		       variant->name, first, count);
	tear_down();
}

/* "Same attributes" means something only if attributes are seen at all. */
static void told_apart(void)
{
	struct policy policy;
	struct hp_vma vma;

	set_up(&variants[ARRAY_SIZE(variants) - 1]);
	describe(base, &vma, &policy);
	tap_ok(vma.attrs.locked && !vma.attrs.lock_on_fault && vma.attrs.noreserve &&
	       __builtin_popcount(vma.attrs.advice) == 3 &&
	       policy.mode == MPOL_BIND && policy.nodes[0] == 1,
	       "attributes are read");
	tap_ok(vma.start == (uintptr_t)base && vma.end == vma.start + PAGES * page &&
	       vma.offset == 4 * page && vma.prot == (PROT_READ | PROT_WRITE),
	       "place and protection are read");
	tear_down();

	set_up(&variants[6]);
	describe(base, &vma, &policy);
	tap_ok(vma.attrs.locked && vma.attrs.lock_on_fault, "lock on fault is read");
	tear_down();

	tap_ok(hp_vma_find((uintptr_t)base, false, &vma) == -EFAULT, "no VMA: -EFAULT");
}

/* What cannot be applied again is left alone. */
static void foreign(void)
{
	struct hp_vma vma = { .attrs.known = true, .attrs.foreign = true };
	int ret, flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN;
	char *lone = mmap(NULL, page, PROT_READ, flags, -1, 0);

	tap_need(lone != MAP_FAILED, "mmap");
	ret = hp_vma_find((uintptr_t)lone, true, &vma);
	tap_ok(!ret && vma.attrs.foreign, "an attribute that mmap cannot give is noticed");
	ret = hp_vma_replace(-1, &vma, (uintptr_t)lone, page);
	tap_ok(ret == -EOPNOTSUPP && *lone == 0, "and nothing is replaced: %s", strerror(-ret));
	munmap(lone, page);
}

/* mlockall(MCL_FUTURE) locks what is mapped anew: it must not stay locked. */
static void lock_future(void)
{
	struct hp_vma vma;
	int ret;

	set_up(&variants[0]);
	tap_need(!hp_vma_find((uintptr_t)base, true, &vma), "smaps");
	tap_need(!mlockall(MCL_FUTURE), "mlockall");
	ret = hp_vma_replace(fd, &vma, (uintptr_t)base + page, page);
	tap_need(!hp_vma_find((uintptr_t)base + page, true, &vma), "smaps");
	tap_ok(!ret && !vma.attrs.locked && vma.end - vma.start == PAGES * page,
	       "not locked under mlockall(MCL_FUTURE), one VMA again: %s", strerror(-ret));
	munlockall();
	tear_down();
}

int main(void)
{
	unsigned int i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	page = (size_t)sysconf(_SC_PAGESIZE);

	told_apart();
	for (i = 0; i < ARRAY_SIZE(variants); i++) {
		replace(&variants[i], 0, 4);
		replace(&variants[i], 6, 1);
		replace(&variants[i], 12, 4);
		replace(&variants[i], 0, PAGES);
	}
	foreign();
	lock_future();
	return tap_end();
}
