// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The process's own VMAs: what /proc tells of one, and how to replace a part of
 * one so that nobody can tell.
 *
 * A mapping made over an old one starts with none of its advice, memory policy
 * and lock. All of these are read before and applied again after, also because
 * the kernel merges the parts to one VMA only if they are alike.
 */
#include <errno.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

/* More nodes than any kernel for the supported machines is built for. */
#define NODES_MAX	1024

struct policy {
	int mode;
	unsigned long nodes[NODES_MAX / (8 * sizeof(unsigned long))];
};

/* Advice by its name in smaps; @clear is for what the driver's mmap sets. */
static const struct {
	char code[3];
	int set;
	int clear;
} advices[] = {
	{ "sr", MADV_SEQUENTIAL, 0 },	       { "rr", MADV_RANDOM, 0 },
	{ "dc", MADV_DONTFORK, MADV_DOFORK },  { "dd", MADV_DONTDUMP, MADV_DODUMP },
	{ "hg", MADV_HUGEPAGE, 0 },	       { "nh", MADV_NOHUGEPAGE, 0 },
};

/*
 * What a mapping of the same file with the same protection has by itself;
 * "sd" is the soft-dirty mark, which the kernel sets on each new mapping.
 */
static const char *const inherent[] = { "rd", "wr", "ex", "sh", "mr", "mw", "me", "ms", "sd" };

static bool is_inherent(const char *code)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(inherent); i++)
		if (!strcmp(code, inherent[i]))
			return true;
	return false;
}

static unsigned int advice_bit(const char *code)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(advices); i++)
		if (!strcmp(code, advices[i].code))
			return 1U << i;
	return 0;
}

/* @codes: the words of a "VmFlags:" line, in the order of the kernel's bits. */
static void parse_flags(char *codes, struct hp_vma_attrs *attrs)
{
	bool past_lock_on_fault = false;
	char *code, *rest;

	attrs->known = true;
	for (code = strtok_r(codes, "\n ", &rest); code; code = strtok_r(NULL, "\n ", &rest)) {
		unsigned int bit = advice_bit(code);

		attrs->advice |= bit;
		if (bit || is_inherent(code)) {
			past_lock_on_fault |= !strcmp(code, "dd");
		} else if (!strcmp(code, "nr")) {
			attrs->noreserve = true;
			past_lock_on_fault = true;
		} else if (!strcmp(code, "lo")) {
			attrs->locked = true;
		} else if (!strcmp(code, "lf")) {
			attrs->lock_on_fault = true;
		} else if (!strcmp(code, "??") && attrs->locked && !past_lock_on_fault) {
			/* 6.1 has no name for VM_LOCKONFAULT. */
			attrs->lock_on_fault = true;
		} else {
			attrs->foreign = true;
		}
	}
}

static bool parse_header(const char *line, struct hp_vma *vma)
{
	unsigned long start, end;
	unsigned long long offset;
	char perms[5];

	if (sscanf(line, "%lx-%lx %4s %llx", &start, &end, perms, &offset) != 4)
		return false;
	*vma = (struct hp_vma){ .start = start, .end = end, .offset = offset };
	vma->prot |= perms[0] == 'r' ? PROT_READ : 0;
	vma->prot |= perms[1] == 'w' ? PROT_WRITE : 0;
	vma->prot |= perms[2] == 'x' ? PROT_EXEC : 0;
	return true;
}

int hp_vma_find(uintptr_t addr, bool attrs, struct hp_vma *vma)
{
	FILE *file = fopen(attrs ? "/proc/self/smaps" : "/proc/self/maps", "re");
	struct hp_vma next;
	bool found = false;
	char *line = NULL;
	size_t room = 0;
	int ret = 0;

	*vma = (struct hp_vma){ 0 };
	if (!file)
		return -errno;
	while (getline(&line, &room, file) > 0) {
		if (parse_header(line, &next)) {
			if (found || next.start > addr)
				break;
			found = addr < next.end;
			*vma = next;
			if (found && !attrs)
				break;
		} else if (found && !strncmp(line, "ProtectionKey:", 14)) {
			vma->attrs.pkey = atoi(line + 14);
		} else if (found && !strncmp(line, "VmFlags:", 8)) {
			parse_flags(line + 8, &vma->attrs);
		}
	}
	if (ferror(file))
		ret = -EIO;
	else if (!found)
		ret = -EFAULT;
	else if (attrs && !vma->attrs.known)
		ret = -EOPNOTSUPP;
	free(line);
	fclose(file);
	return ret;
}

static int get_policy(uintptr_t addr, struct policy *policy)
{
	*policy = (struct policy){ .mode = MPOL_DEFAULT };
	if (!syscall(SYS_get_mempolicy, &policy->mode, policy->nodes, NODES_MAX + 1UL, addr,
		     MPOL_F_ADDR))
		return 0;
	/* A kernel without NUMA has neither this call nor policies. */
	return errno == EINVAL || errno == EFAULT ? -errno : 0;
}

static int apply_policy(uintptr_t start, size_t length, const struct policy *policy)
{
	if (policy->mode == MPOL_DEFAULT)
		return 0;
	return syscall(SYS_mbind, start, length, policy->mode, policy->nodes, NODES_MAX + 1UL,
		       0) ? -errno : 0;
}

static int apply_advice(void *start, size_t length, unsigned int advice)
{
	unsigned int i;

	/*
	 * Newer kernels try to merge a new mapping before the driver sets its
	 * flags, in vain. Taking one away lets a later call of madvise merge it.
	 */
	if (madvise(start, length, MADV_DODUMP))
		return -errno;
	for (i = 0; i < ARRAY_SIZE(advices); i++) {
		int what = advice & (1U << i) ? advices[i].set : advices[i].clear;

		if (what && madvise(start, length, what))
			return -errno;
	}
	return 0;
}

/* Says it in both cases, since mlockall(MCL_FUTURE) locks a new mapping. */
static int apply_lock(void *start, size_t length, const struct hp_vma_attrs *attrs)
{
	int ret;

	if (attrs->locked)
		ret = mlock2(start, length, attrs->lock_on_fault ? MLOCK_ONFAULT : 0);
	else
		ret = munlock(start, length);
	return ret ? -errno : 0;
}

int hp_vma_replace(int fd, const struct hp_vma *vma, uintptr_t start, size_t length)
{
	const struct hp_vma_attrs *attrs = &vma->attrs;
	int flags = MAP_SHARED | MAP_FIXED | (attrs->noreserve ? MAP_NORESERVE : 0);
	void *addr = (void *)start;
	struct policy policy;
	int ret;

	if (attrs->foreign)
		return -EOPNOTSUPP;
	ret = get_policy(start, &policy);
	if (ret)
		return ret;

	/* mmap checks RLIMIT_MEMLOCK before it takes the old mapping off the bill. */
	if (attrs->locked && munlock(addr, length))
		return -errno;
	if (mmap(addr, length, vma->prot, flags, fd,
		 (off_t)(vma->offset + (start - vma->start))) == MAP_FAILED) {
		ret = -errno;
		apply_lock(addr, length, attrs);
		return ret;
	}

	ret = apply_advice(addr, length, attrs->advice);
	if (!ret && attrs->pkey && pkey_mprotect(addr, length, vma->prot, attrs->pkey))
		ret = -errno;
	if (!ret)
		ret = apply_policy(start, length, &policy);
	if (!ret)
		ret = apply_lock(addr, length, attrs);
	return ret;
}
