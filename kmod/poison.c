// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: memory errors.
 *
 * The kernel marks the struct page of a bad page and, since it does not know
 * what our pages are, leaves it at that: a mapping of the whole host page would
 * stay, and each user of the bad target page would take a machine check. So the
 * module listens to the kernel's own report of the failure, marks the folio (it
 * is no longer mapped by one entry, nor given back to the allocator) and unmaps
 * the target page: the next touch of it gets SIGBUS, the rest stays usable.
 */
#include <linux/kfifo.h>
#include <linux/tracepoint.h>
#include <linux/workqueue.h>

#include "private.h"

#define HP_POISON_EVENT "memory_failure_event"

static struct tracepoint *hp_poison_tracepoint;
static DEFINE_SPINLOCK(hp_poison_lock);	/* guards hp_poison_pfns */
static DEFINE_KFIFO(hp_poison_pfns, unsigned long, 1024);

/*
 * Marks and unmaps the bad page if it is one of the object's. The folio's lock
 * keeps a fault from mapping the host page by one entry between the two.
 */
static bool hp_poison_object(struct hp_object *obj, unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);
	struct folio *folio = page_folio(page);
	unsigned long hidx = READ_ONCE(folio->index) / HP_SUBS;
	struct hp_hostpage *hp;
	bool ours;

	if (!hp_object_ready(obj) || hidx >= obj->nr_hostpages)
		return false;
	hp = hp_hostpage_find(obj, hidx);
	if (!hp)
		return false;

	spin_lock(&hp->lock);
	ours = hp->folio == folio;
	if (ours)
		folio_get(folio);
	spin_unlock(&hp->lock);
	if (!ours)
		return false;

	folio_lock(folio);
	folio_set_has_hwpoisoned(folio);
	unmap_mapping_range(obj->inode->i_mapping,
			    ((loff_t)hidx << HP_HOST_SHIFT) +
			    ((loff_t)folio_page_idx(folio, page) << PAGE_SHIFT),
			    PAGE_SIZE, 1);
	/* Who sees it finds the page unmapped. */
	atomic64_inc(&obj->count.poisoned);
	folio_unlock(folio);
	folio_put(folio);
	return true;
}

static void hp_poison_work(struct work_struct *work)
{
	struct hp_object *obj;
	unsigned long pfn, id;

	while (kfifo_out_spinlocked(&hp_poison_pfns, &pfn, 1,
				    &hp_poison_lock)) {
		mutex_lock(&hp_objects_lock);
		xa_for_each(&hp_objects, id, obj)
			if (hp_poison_object(obj, pfn))
				break;
		mutex_unlock(&hp_objects_lock);
	}
}

static DECLARE_WORK(hp_poison_todo, hp_poison_work);

static void hp_poison_probe(void *data, unsigned long pfn, int type, int result)
{
	if (!pfn_valid(pfn))
		return;
	kfifo_in_spinlocked(&hp_poison_pfns, &pfn, 1, &hp_poison_lock);
	schedule_work(&hp_poison_todo);
}

static void hp_poison_look_up(struct tracepoint *tp, void *data)
{
	if (!strcmp(tp->name, HP_POISON_EVENT))
		hp_poison_tracepoint = tp;
}

/* Is the kernel's report to be had? It is not in one without tracepoints. */
bool hp_poison_init(void)
{
	for_each_kernel_tracepoint(hp_poison_look_up, NULL);
	if (hp_poison_tracepoint &&
	    tracepoint_probe_register(hp_poison_tracepoint,
				      (void *)hp_poison_probe, NULL))
		hp_poison_tracepoint = NULL;
	return hp_poison_tracepoint;
}

void hp_poison_exit(void)
{
	if (!hp_poison_tracepoint)
		return;
	tracepoint_probe_unregister(hp_poison_tracepoint,
				    (void *)hp_poison_probe, NULL);
	tracepoint_synchronize_unregister();
	cancel_work_sync(&hp_poison_todo);
}
