// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: where the memory comes from: huge pages, and the module's own
 * state for host pages.
 *
 * Huge pages are ordinary compound pages that nobody but the object knows, not
 * on any LRU list: never swapped, never migrated. They are charged to the
 * cgroup that set the object up, and are not cleared: what reads them before
 * they were filled would see another's data, so nothing may.
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "control.h"

/*
 * Drops the module's reference. A page with a memory error must not go back to
 * the allocator, which looks for errors in single pages only: it is kept out of
 * use for good.
 */
static void hp_folio_release(struct folio *folio)
{
	hp_folio_check(folio);
	if (folio_test_has_hwpoisoned(folio)) {
		pr_warn_ratelimited("hugepost: huge page at pfn %#lx has a memory error, taken out of use\n",
				    folio_pfn(folio));
		return;
	}
	folio_put(folio);
}

/* The same, and it is not accounted for any more. */
void hp_folio_put(struct folio *folio)
{
	hp_memory_drop();
	hp_folio_release(folio);
}

void hp_folio_free(struct hp_object *obj, struct folio *folio)
{
	atomic64_dec(&obj->count.folios);
	hp_folio_put(folio);
}

static struct folio *hp_folio_try(struct hp_object *obj,
				  struct vm_area_struct *vma,
				  unsigned long addr)
{
	struct mem_cgroup *old = set_active_memcg(obj->memcg);
	struct folio *folio;

	if (obj->node != NUMA_NO_NODE)
		folio = __folio_alloc_node(HP_GFP, HP_HOST_ORDER,
					   obj->node);
	else if (vma)
		folio = hp_compat_vma_alloc_folio(HP_GFP, HP_HOST_ORDER,
						  vma, addr);
	else
		folio = folio_alloc(HP_GFP, HP_HOST_ORDER);
	set_active_memcg(old);
	return folio;
}

/*
 * Allocates what a host page of the reserve makes room for. If the object's
 * cgroup is at its limit, the reserve keeps what it has; if somebody else was
 * faster, the next one goes the same way.
 */
static struct folio *hp_folio_exchange(struct hp_object *obj,
				       struct vm_area_struct *vma,
				       unsigned long addr)
{
	struct folio *folio, *reserve;
	int nid = obj->node == NUMA_NO_NODE ? numa_mem_id() : obj->node;

	while ((reserve = hp_reserve_take(nid))) {
		int from = folio_nid(reserve);

		hp_folio_release(reserve);
		folio = hp_folio_try(obj, vma, addr);
		if (folio)
			return folio;
		if (hp_reserve_take_back(from))
			return NULL;
		hp_memory_drop();
	}
	return NULL;
}

/*
 * Allocates a host page by the policy of SETUP, else of @vma at @addr, else of
 * the caller. The reserve is for SETUP, and for others when nothing else is left.
 */
struct folio *hp_folio_alloc(struct hp_object *obj, struct vm_area_struct *vma,
			     unsigned long addr)
{
	struct folio *folio = NULL;

	if (!obj->ready)
		folio = hp_folio_exchange(obj, vma, addr);
	if (!folio && hp_memory_take()) {
		folio = hp_folio_try(obj, vma, addr);
		if (!folio)
			hp_memory_drop();
	}
	if (!folio && obj->ready)
		folio = hp_folio_exchange(obj, vma, addr);
	if (folio)
		atomic64_inc(&obj->count.folios);
	return folio;
}

/*
 * The same for FILL, which has no mapping at hand: the caller's, if it is where
 * the object was mapped last, decides. A channel's @spare goes first where all
 * memory is alike, or else where the policy has none left.
 */
struct folio *hp_folio_alloc_fill(struct hp_object *obj, unsigned long hidx,
				  struct folio **spare)
{
	bool alike = obj->node != NUMA_NO_NODE || num_online_nodes() == 1;
	struct mm_struct *mm = current->mm;
	pgoff_t pgoff = hidx * HP_SUBS;
	struct folio *folio = NULL;
	struct vm_area_struct *vma;
	unsigned long addr;

	if (!alike && READ_ONCE(obj->map_mm) == mm) {
		mmap_read_lock(mm);
		addr = READ_ONCE(obj->map_start) +
		       ((pgoff - READ_ONCE(obj->map_pgoff)) << PAGE_SHIFT);
		vma = vma_lookup(mm, addr);
		if (vma && (vma->vm_ops != &hp_vm_ops ||
			    vma->vm_file->private_data != obj))
			vma = NULL;
		folio = hp_folio_alloc(obj, vma, addr);
		mmap_read_unlock(mm);
	} else if (!alike || !*spare) {
		folio = hp_folio_alloc(obj, NULL, 0);
	}
	if (!folio)
		swap(folio, *spare);
	return folio;
}

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
		folio_set_has_hwpoisoned(folio);
}

/*
 * Clears a target page. One that is lost to a memory error is left alone: it is
 * never mapped.
 */
void hp_folio_clear(struct folio *folio, unsigned int sub)
{
	struct page *page = folio_page(folio, sub);

	if (unlikely(PageHWPoison(page)))
		folio_set_has_hwpoisoned(folio);
	else
		clear_highpage(page);
}

/*
 * Charged as huge pages are, or NULL. But with PREALLOC nothing may fail any more:
 * there the few bytes come without a charge, beside the huge page that each host
 * page is charged for; and so they do if they @must, for as long as it takes to
 * give a huge page back.
 */
struct hp_bits *hp_bits_alloc(struct hp_object *obj, bool must)
{
	struct mem_cgroup *old = set_active_memcg(obj->memcg);
	struct hp_bits *bits;

	bits = kzalloc(sizeof(*bits),
		       must || obj->prealloc ? GFP_KERNEL | __GFP_NOFAIL :
					       HP_GFP);
	set_active_memcg(old);
	if (bits)
		atomic64_add(sizeof(*bits), &obj->count.metadata);
	return bits;
}

void hp_bits_free(struct hp_object *obj, struct hp_bits *bits)
{
	if (!bits)
		return;
	atomic64_sub(sizeof(*bits), &obj->count.metadata);
	kfree(bits);
}

/* The state of a host page, made if need be; NULL if there is no memory. */
struct hp_hostpage *hp_hostpage_get(struct hp_object *obj, unsigned long hidx)
{
	struct hp_chunk **slot = &obj->chunks[hidx / HP_CHUNK];
	struct hp_hostpage *hp = hp_hostpage_find(obj, hidx);
	struct mem_cgroup *old;
	struct hp_chunk *chunk;
	unsigned int i;

	if (likely(hp))
		return hp;

	old = set_active_memcg(obj->memcg);
	chunk = kzalloc(sizeof(*chunk), HP_GFP);
	set_active_memcg(old);
	if (!chunk)
		return NULL;
	for (i = 0; i < HP_CHUNK; i++)
		spin_lock_init(&chunk->pages[i].lock);

	if (cmpxchg(slot, NULL, chunk)) {
		kfree(chunk);
	} else {
		llist_add(&chunk->node, &obj->populated);
		atomic64_add(sizeof(*chunk), &obj->count.metadata);
	}
	return hp_hostpage_find(obj, hidx);
}
