// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Mapping host pages by one entry that were touched while they assembled.
 *
 * The module maps what has no page table and names the first run of host pages
 * that have one. Only the owner of the mapping can take a page table away:
 *
 *  - madvise(MADV_DONTNEED) empties it, and a 7.x kernel then frees it;
 *  - a new mapping over the old one does it on every kernel.
 *
 * Either is atomic for those who touch the memory meanwhile: they fault, and
 * find the same pages. Neither touches the memory itself.
 *
 * The walk ends: each call of the module that reports a run is followed by a
 * move of one of three marks (emptied up to, mapped anew up to, position).
 */
#include <errno.h>
#include <sys/mman.h>

#include "internal.h"

struct walk {
	struct hugepost_object *obj;
	uintptr_t pos;		/* all before is done, or cannot be done */
	uintptr_t stop;		/* of the current VMA, or of the range */
	struct hp_vma vma;	/* holds pos..stop */
	bool empty_works;	/* the kernel frees empty page tables */
	uint64_t fixed;		/* bytes whose page table is gone */
	int error;		/* the first of a part that was passed over */
};

static uintptr_t min_addr(uintptr_t a, uintptr_t b)
{
	return a < b ? a : b;
}

static int map_anew(struct walk *walk, uintptr_t start, uintptr_t end)
{
	int ret = 0;

	if (!walk->vma.attrs.known)
		ret = hp_vma_find(start, true, &walk->vma);
	if (!ret && end > walk->vma.end)
		ret = -EFAULT;
	if (!ret)
		ret = hp_vma_replace(walk->obj->fd, &walk->vma, start, end - start);
	return ret;
}

static int next_run(struct walk *walk, uintptr_t *run, uintptr_t *run_end)
{
	struct hugepost_collapse collapse = {
		.size = sizeof(collapse),
		.addr = walk->pos,
		.length = walk->stop - walk->pos,
	};
	int ret = hp_ioctl(walk->obj, HUGEPOST_COLLAPSE, &collapse);

	if (ret)
		return ret;
	*run = collapse.out_length ? collapse.out_addr : walk->stop;
	*run_end = *run + collapse.out_length;
	if (*run < walk->pos || *run_end < *run || *run_end > walk->stop)
		return -EPROTO;
	return 0;
}

static int collapse_vma(struct walk *walk)
{
	uintptr_t empty_from = walk->pos, emptied = walk->pos, mapped = walk->pos;
	uintptr_t treated = walk->pos, run, run_end;
	int ret;

	while (walk->pos < walk->stop) {
		ret = next_run(walk, &run, &run_end);
		if (ret)
			return ret;

		/* What was treated and is not reported again is fixed. */
		if (treated > walk->pos)
			walk->fixed += min_addr(run, treated) - walk->pos;
		walk->pos = run;
		if (run == walk->stop)
			break;

		if (walk->empty_works && run >= emptied) {
			empty_from = run;
			emptied = run_end;
			if (madvise((void *)run, run_end - run, MADV_DONTNEED_LOCKED))
				walk->empty_works = false;
		} else if (run >= mapped) {
			if (run == empty_from)
				walk->empty_works = false;
			mapped = run_end;
			ret = map_anew(walk, run, run_end);
			if (ret && !walk->error)
				walk->error = ret;
		} else {
			walk->pos = min_addr(run_end, mapped);
		}
		if (run_end > treated)
			treated = run_end;
	}
	return 0;
}

static int collapse_range(struct walk *walk, uintptr_t end)
{
	uintptr_t failed = UINTPTR_MAX;
	int ret;

	while (walk->pos < end) {
		ret = hp_vma_find(walk->pos, false, &walk->vma);
		if (ret && ret != -ENOENT && ret != -EACCES && ret != -EPERM)
			return ret;
		/* Without /proc (a jail) it must be one VMA, and emptying must do. */
		walk->stop = ret ? end : min_addr(end, walk->vma.end);
		if (walk->stop >= failed)
			return -EFAULT;
		ret = collapse_vma(walk);
		if (ret && ret != -EFAULT)
			return ret;
		/* A part that did not merge again: go on with smaller ones. */
		failed = ret ? walk->stop : UINTPTR_MAX;
	}
	return 0;
}

int hugepost_object_collapse(struct hugepost_object *obj, void *addr, size_t length,
			     uint64_t *pages)
{
	struct walk walk = { .obj = obj, .pos = (uintptr_t)addr, .empty_works = true };
	struct hugepost_stats stats;
	int ret;

	if (pages)
		*pages = 0;
	ret = hugepost_object_stats(obj, &stats);
	if (ret)
		return ret;
	if (!stats.out_length)
		return -ENXIO;
	if (!length || walk.pos + length < walk.pos)
		return -EINVAL;

	ret = collapse_range(&walk, walk.pos + length);
	if (pages)
		*pages = walk.fixed / stats.out_host_page;
	return ret ? ret : walk.error;
}
