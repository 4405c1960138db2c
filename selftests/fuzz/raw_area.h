/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory that arguments of raw calls are in: all of it is known, so that
 * whatever the kernel writes where it may not is seen.
 */
#ifndef HUGEPOST_RAW_AREA_H
#define HUGEPOST_RAW_AREA_H
#include <sys/uio.h>

#include "raw.h"

#define AREA	(RAW_AREA_PAGES * TP)

static inline char *area_page(struct raw_world *w, unsigned int page)
{
	return w->area + page * TP;
}

static inline bool raw_area_make(struct raw_world *w)
{
	int fd = memfd_create("raw", MFD_CLOEXEC);
	char *eof;

	w->area = mmap(NULL, AREA, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	w->copy = malloc(AREA);
	if (w->area == MAP_FAILED || !w->copy || fd < 0)
		return false;
	memset(w->area, 0xc5, AREA);
	memset(w->copy, 0xc5, AREA);
	eof = mmap(area_page(w, RAW_AREA_EOF), TP, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_FIXED, fd, 0);
	close(fd);
	return eof != MAP_FAILED &&
	       !mprotect(area_page(w, RAW_AREA_READ), TP, PROT_READ) &&
	       !mprotect(area_page(w, RAW_AREA_NONE), TP, PROT_NONE) &&
	       !munmap(area_page(w, RAW_AREA_HOLE), TP);
}

static inline bool page_is_kept(unsigned int page)
{
	return page <= RAW_AREA_READ || page == RAW_AREA_TAIL;
}

/* The part of [addr, addr + len) that is in the area: its start and length. */
static inline bool in_area(struct raw_world *w, uintptr_t addr, size_t len,
			   size_t *start, size_t *part)
{
	uintptr_t area = (uintptr_t)w->area;
	uintptr_t end = addr + len < addr ? UINTPTR_MAX : addr + len;

	if (addr >= area + AREA || end <= area)
		return false;
	*start = addr < area ? 0 : addr - area;
	*part = (end > area + AREA ? AREA : end - area) - *start;
	return true;
}

/* The object that is mapped at @addr, -1 if it is none. */
static inline int raw_object_at(struct raw_world *w, uintptr_t addr)
{
	int obj;

	for (obj = 0; obj < 2; obj++)
		if (addr >= (uintptr_t)w->mem[obj] &&
		    addr < (uintptr_t)w->mem[obj] + w->length[obj])
			return obj;
	return -1;
}

/*
 * Puts what a call is to read where it will look for it. In an object's memory it
 * goes now, which may wait, or comes when somebody waits for it.
 */
static inline void raw_put(struct raw_world *w, uintptr_t addr, const void *data, size_t len,
			   bool later)
{
	struct iovec from = { .iov_base = (void *)data, .iov_len = len };
	struct iovec to = { .iov_base = (void *)addr, .iov_len = len };
	size_t start, part, i;

	if (raw_object_at(w, addr) >= 0) {
		start = addr % TP;
		part = len < TP - start ? len : TP - start;
		memcpy(w->image + start, data, part);
		if (later)
			return;
		raw_enter(w);
		process_vm_writev(getpid(), &from, 1, &to, 1, 0);
		raw_leave(w);
		return;
	}
	if (!in_area(w, addr, len, &start, &part))
		return;
	mprotect(area_page(w, RAW_AREA_READ), TP, PROT_READ | PROT_WRITE);
	for (i = start; i < start + part; i++) {
		if (!page_is_kept(i / TP))
			continue;
		w->area[i] = ((const char *)data)[i - (addr - (uintptr_t)w->area)];
		w->copy[i] = w->area[i];
	}
	mprotect(area_page(w, RAW_AREA_READ), TP, PROT_READ);
}

/* What of the area is not as it must be, after a call; NULL if all is well. */
static inline const char *raw_area_check(struct raw_world *w, const struct raw_call *c,
					 size_t *where)
{
	unsigned int i;

	for (i = 0; i < c->nr_may; i++) {
		size_t start, part, at;

		if (!in_area(w, c->may[i].start, c->may[i].len, &start, &part))
			continue;
		for (at = start; at < start + part; at++)
			if (page_is_kept(at / TP) && at / TP != RAW_AREA_READ)
				w->copy[at] = w->area[at];
	}
	for (i = 0; i < RAW_AREA_PAGES; i++) {
		if (!page_is_kept(i) ||
		    !memcmp(w->area + i * TP, w->copy + i * TP, TP))
			continue;
		for (*where = i * TP; w->area[*where] == w->copy[*where];)
			++*where;
		return i == RAW_AREA_READ ? "read-only memory was written to" :
					    "memory beside the outputs was written to";
	}
	return NULL;
}

#endif /* HUGEPOST_RAW_AREA_H */
