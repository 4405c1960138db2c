// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: where an object's memory comes from: huge pages, and the module's
 * own state for host pages.
 *
 * Huge pages are charged to the cgroup that set the object up, and come from the
 * node of SETUP or by a NUMA policy. struct hp_memory is constant but for its
 * counters, so there is no lock.
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "compat.h"
#include "folio.h"
#include "memory.h"
#include "reserve.h"

void hp_folio_free(struct hp_memory *mem, struct folio *folio)
{
	atomic64_dec(&mem->folios);
	hp_held_drop();
	hp_folio_release(folio);
}

static struct folio *hp_folio_try(struct hp_memory *mem,
				  struct vm_area_struct *vma,
				  unsigned long addr)
{
	struct mem_cgroup *old = set_active_memcg(mem->memcg);
	struct folio *folio;

	if (mem->node != NUMA_NO_NODE)
		folio = __folio_alloc_node(HP_GFP, HP_HOST_ORDER,
					   mem->node);
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
static struct folio *hp_folio_exchange(struct hp_memory *mem,
				       struct vm_area_struct *vma,
				       unsigned long addr)
{
	struct folio *folio, *reserve;
	int nid = mem->node == NUMA_NO_NODE ? numa_mem_id() : mem->node;

	while ((reserve = hp_reserve_take(nid))) {
		int from = folio_nid(reserve);

		hp_folio_release(reserve);
		folio = hp_folio_try(mem, vma, addr);
		if (folio)
			return folio;
		if (hp_reserve_take_back(from))
			return NULL;
		hp_held_drop();
	}
	return NULL;
}

/*
 * Allocates a host page by the policy of SETUP, else of @vma at @addr, else of
 * the caller. The reserve is for SETUP, and for others when nothing else is left.
 */
struct folio *hp_folio_alloc(struct hp_memory *mem, struct vm_area_struct *vma,
			     unsigned long addr)
{
	struct folio *folio = NULL;

	if (mem->in_setup)
		folio = hp_folio_exchange(mem, vma, addr);
	if (!folio && hp_held_take()) {
		folio = hp_folio_try(mem, vma, addr);
		if (!folio)
			hp_held_drop();
	}
	if (!folio && !mem->in_setup)
		folio = hp_folio_exchange(mem, vma, addr);
	if (folio)
		atomic64_inc(&mem->folios);
	return folio;
}

/*
 * Charged as huge pages are, or NULL. But with PREALLOC nothing may fail any more:
 * there the few bytes come without a charge, beside the huge page that each host
 * page is charged for; and so they do if they @must, for as long as it takes to
 * give a huge page back.
 */
struct hp_bits *hp_bits_alloc(struct hp_memory *mem, bool must)
{
	struct mem_cgroup *old = set_active_memcg(mem->memcg);
	struct hp_bits *bits;

	bits = kzalloc(sizeof(*bits),
		       must || mem->prealloc ? GFP_KERNEL | __GFP_NOFAIL :
					       HP_GFP);
	set_active_memcg(old);
	if (bits)
		atomic64_add(sizeof(*bits), &mem->metadata);
	return bits;
}

void hp_bits_free(struct hp_memory *mem, struct hp_bits *bits)
{
	if (!bits)
		return;
	atomic64_sub(sizeof(*bits), &mem->metadata);
	kfree(bits);
}
