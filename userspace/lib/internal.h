/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of libhugepost share. */
#ifndef HUGEPOST_INTERNAL_H
#define HUGEPOST_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hugepost.h"

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

struct hugepost_channel {
	struct hugepost_object *obj;
	uint32_t index;
};

/*
 * The descriptor of one ARM. Arming anew replaces it while other threads may
 * still read from it: the last one that holds it closes it.
 */
struct hp_event_fd {
	int fd;
	unsigned int refs;	/* guarded by the object's lock */
};

struct hp_mapping {
	struct hp_mapping *next;
	void *addr;
	size_t length;
};

struct hugepost_object {
	int fd;
	pthread_mutex_t lock;	/* guards all that follows; never held in a call that waits */
	struct hp_mapping *mappings;
	struct hp_event_fd *event;	/* NULL: never armed */
	struct hugepost_channel *channels[HUGEPOST_CHANNELS_MAX];
};

/* The one place where the module is called. Returns 0 or -errno. */
int hp_ioctl(const struct hugepost_object *obj, unsigned long cmd, void *arg);

/* Drops what map.c and event.c keep for an object that is being closed. */
void hp_unmap_all(struct hugepost_object *obj);
void hp_event_close(struct hugepost_object *obj);

/* Attributes of a VMA that a new mapping of the same file does not inherit. */
struct hp_vma_attrs {
	bool known;		/* read from smaps */
	bool foreign;		/* has attributes that cannot be applied again */
	bool noreserve;
	bool locked;
	bool lock_on_fault;
	unsigned int advice;	/* bit i: advices[i] of vma.c is set */
	int pkey;
};

/* One VMA of this process, as /proc/self/maps or smaps tells. */
struct hp_vma {
	uintptr_t start;
	uintptr_t end;
	uint64_t offset;
	int prot;
	struct hp_vma_attrs attrs;
};

/*
 * Finds the VMA that holds @addr; -EFAULT if there is none. The attributes are
 * read only with @attrs, since smaps walks the page tables of all it lists.
 */
int hp_vma_find(uintptr_t addr, bool attrs, struct hp_vma *vma);

/*
 * Replaces a part of @vma, whose attributes are known and which maps @fd, by a
 * new mapping of the same bytes with the same attributes, in one step for all
 * who touch it. On an error the part is as before, or lacks an attribute.
 */
int hp_vma_replace(int fd, const struct hp_vma *vma, uintptr_t start, size_t length);

#endif /* HUGEPOST_INTERNAL_H */
