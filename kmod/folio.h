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

/* Is the target page lost to a memory error? */
static inline bool hp_folio_poisoned(struct folio *folio, unsigned int sub)
{
	return unlikely(folio_test_has_hwpoisoned(folio)) &&
	       PageHWPoison(folio_page(folio, sub));
}

#endif /* HUGEPOST_FOLIO_H */
