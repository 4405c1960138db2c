/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugepost: one huge page, whosever it is.
 */
#ifndef HUGEPOST_FOLIO_H
#define HUGEPOST_FOLIO_H

#include <linux/mm.h>

#include "units.h"

void hp_folio_check(struct folio *folio);
void hp_folio_clear(struct folio *folio, unsigned int sub);
void hp_folio_release(struct folio *folio);

/*
 * The module's own mark of a folio that has a memory error. The core's alone,
 * PG_has_hwpoisoned, does not say so: see below.
 */
static inline bool hp_folio_bad(struct folio *folio)
{
	return unlikely(READ_ONCE(folio->private));
}

/* Under the host page's lock, if it is the folio of one. */
static inline void hp_folio_set_bad(struct folio *folio)
{
	WRITE_ONCE(folio->private, (void *)1);
	folio_set_has_hwpoisoned(folio);
}

/*
 * As long as a host page is not complete its folio has the core's mark of one
 * with a bad page, too: such a folio the core never maps by one entry.
 */
static inline void hp_folio_set_partial(struct folio *folio)
{
	folio_set_has_hwpoisoned(folio);
}

static inline void hp_folio_set_whole(struct folio *folio)
{
	if (hp_folio_bad(folio))
		return;
	smp_mb__before_atomic(); /* its last bytes are there first */
	folio_clear_has_hwpoisoned(folio);
}

/* Is the target page lost to a memory error? */
static inline bool hp_folio_poisoned(struct folio *folio, unsigned int sub)
{
	return hp_folio_bad(folio) && PageHWPoison(folio_page(folio, sub));
}

#endif /* HUGEPOST_FOLIO_H */
