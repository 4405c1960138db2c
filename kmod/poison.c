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

#include "compat_poison.h"
#include "poison.h"

#define HP_POISON_EVENT "memory_failure_event"

static struct tracepoint *hp_poison_tracepoint;
static void (*hp_poison_lost)(unsigned long pfn);
static DEFINE_SPINLOCK(hp_poison_lock);	/* guards hp_poison_pfns */
static DEFINE_KFIFO(hp_poison_pfns, unsigned long, 1024);

static void hp_poison_work(struct work_struct *work)
{
	unsigned long pfn;

	while (kfifo_out_spinlocked(&hp_poison_pfns, &pfn, 1,
				    &hp_poison_lock))
		hp_poison_lost(pfn);
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

/*
 * Calls @lost for each page that is reported; in vain in a kernel without
 * tracepoints.
 */
void hp_poison_init(void (*lost)(unsigned long pfn))
{
	/* The kernel's report has the arguments that are expected. */
	check_trace_callback_type_memory_failure_event(hp_poison_probe);
	hp_poison_lost = lost;
	for_each_kernel_tracepoint(hp_poison_look_up, NULL);
	if (hp_poison_tracepoint &&
	    tracepoint_probe_register(hp_poison_tracepoint,
				      (void *)hp_poison_probe, NULL))
		hp_poison_tracepoint = NULL;
}

bool hp_poison_is_followed(void)
{
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
