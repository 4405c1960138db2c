// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: one huge page, whosever it is: its memory errors, and its end.
 *
 * Huge pages are ordinary compound pages that nobody but their owner knows, not
 * on any LRU list: never swapped, never migrated. They are not cleared when they
 * are allocated: what reads them before they were filled would see another's
 * data, so nothing may. Nothing here takes a lock.
 */
#include <linux/highmem.h>
#include <linux/pagemap.h>

#include "compat.h"
#include "folio.h"

/*
 * Marks a folio that has a memory error: the error may have come while nobody
 * could tell whose the folio was.
 */
void hp_folio_check(struct folio *folio)
{
	unsigned long flags = 0;
	unsigned int i;

#pragma GCC unroll 8
	for (i = 0; i < HP_SUBS; i++)
		flags |= hp_compat_page_flags(folio_page(folio, i));
	if (unlikely(flags & __PG_HWPOISON))
		hp_folio_set_bad(folio);
}

/*
 * Clears a target page. One that is lost to a memory error is left alone: it is
 * never mapped.
 */
void hp_folio_clear(struct folio *folio, unsigned int sub)
{
	struct page *page = folio_page(folio, sub);

	if (unlikely(PageHWPoison(page)))
		hp_folio_set_bad(folio);
	else
		clear_highpage(page);
}

/*
 * Drops the module's reference. A page with a memory error must not go back to
 * the allocator, which looks for errors in single pages only: it is kept out of
 * use for good. It also stays charged to its cgroup: what is charged by
 * __GFP_ACCOUNT is uncharged by the allocator alone, when the page is freed.
 */
void hp_folio_release(struct folio *folio)
{
	hp_folio_check(folio);
	if (hp_folio_bad(folio)) {
		pr_warn_ratelimited("hugepost: huge page at pfn %#lx has a memory error, taken out of use\n",
				    folio_pfn(folio));
		return;
	}
	folio_put(folio);
}
