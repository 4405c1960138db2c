/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: the host pages of an object, and the state of each.
 */
#ifndef HUGEPOST_HOSTPAGE_H
#define HUGEPOST_HOSTPAGE_H

#include <linux/bitmap.h>
#include <linux/llist.h>
#include <linux/lockdep.h>
#include <linux/nospec.h>
#include <linux/spinlock.h>

#include "object.h"

/* Has a host page memory that holds the guest's bytes? */
enum hp_staged {
	HP_STAGED_NOT,
	HP_STAGED,
	HP_STAGED_TRIM,	/* TRIM looks at it, and nobody has written since */
};

/*
 * One host page. Its state follows from the fields:
 *
 *	empty		!bits, !nr_present
 *	assembling	bits
 *	present		!bits, nr_present == HP_SUBS, staged
 *	zero		!bits, nr_present == HP_SUBS, !staged
 *
 * @folio holds the guest's bytes if @staged. If not, it is a reserve of
 * PREALLOC with arbitrary content, or NULL (also with PREALLOC, after a memory
 * error). @staged is set under the folio's lock, too.
 */
struct hp_hostpage {
	spinlock_t lock;	/* guards all fields, and target pages not present */
	u16 nr_present;		/* target pages present */
	u8 staged;		/* enum hp_staged */
	u8 state;		/* enum hp_state, as hp_counters has it */
	struct folio *folio;
	struct hp_bits *bits;
};

#define HP_CHUNK_BYTES	(PAGE_SIZE - sizeof(struct llist_node))
#define HP_CHUNK	((u32)(HP_CHUNK_BYTES / sizeof(struct hp_hostpage)))

/* The state of host pages that are neighbours, made when one is populated. */
struct hp_chunk {
	struct llist_node node;	/* in hp_object.populated */
	struct hp_hostpage pages[HP_CHUNK];
};

/* What a host page held and must be freed once its lock is dropped. */
struct hp_leftover {
	struct hp_bits *bits;
	struct folio *folio;
};

void hp_hostpages_free_memory(struct hp_object *obj);
void hp_hostpages_free(struct hp_object *obj);

struct hp_hostpage *hp_hostpage_get(struct hp_object *obj, unsigned long hidx);
unsigned long hp_hostpage_next(struct hp_object *obj, unsigned long hidx,
			       unsigned long end);
void hp_hostpage_count(struct hp_object *obj, struct hp_hostpage *hp);
bool hp_hostpage_set_zero(struct hp_object *obj, struct hp_hostpage *hp);
void hp_hostpage_attach_bits(struct hp_object *obj, struct hp_hostpage *hp,
			     struct hp_bits **bits);
void hp_hostpage_materialise(struct hp_object *obj, struct hp_hostpage *hp,
			     unsigned long hidx, struct folio *own,
			     struct hp_bits **bits);
void hp_hostpage_settle(struct hp_object *obj, struct hp_hostpage *hp,
			struct hp_leftover *left);
void hp_leftover_free(struct hp_object *obj, struct hp_leftover *left);

/* The state of a host page, NULL if it never had any: it is empty then. */
static inline struct hp_hostpage *hp_hostpage_find(struct hp_object *obj,
						   unsigned long hidx)
{
	u32 nr = hidx; /* no division of 64 bits: HP_LENGTH_MAX */
	unsigned long c = array_index_nospec(nr / HP_CHUNK, obj->nr_chunks);
	struct hp_chunk *chunk = READ_ONCE(obj->chunks[c]);

	return chunk ? &chunk->pages[nr % HP_CHUNK] : NULL;
}

static inline bool hp_hostpage_complete(const struct hp_hostpage *hp)
{
	lockdep_assert_held(&hp->lock);
	return hp->nr_present == HP_SUBS;
}

static inline void hp_hostpage_set_present(struct hp_hostpage *hp,
					   unsigned int first, unsigned int nr)
{
	lockdep_assert_held(&hp->lock);
	if (nr == 1)
		__set_bit(first, hp->bits->present);
	else
		bitmap_set(hp->bits->present, first, nr);
	hp->nr_present += nr;
}

static inline bool hp_hostpage_present(const struct hp_hostpage *hp,
				       unsigned int sub)
{
	return hp_hostpage_complete(hp) ||
	       (hp->bits && test_bit(sub, hp->bits->present));
}

#endif /* HUGEPOST_HOSTPAGE_H */
