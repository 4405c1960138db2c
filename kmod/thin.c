// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: host pages that were only read are given back soon after.
 *
 * QEMU reads each page of zeros that it receives before it would clear it, and
 * clears some. So a host page of zeros that a touch gave memory is looked at once,
 * one to two periods later: if it holds only zeros still, it has no memory again. One
 * that was given back so and touched again keeps its memory, so that a guest which
 * goes on to read zeros is left alone.
 *
 * What was filled is never looked at, nor what a program has populated or locked to
 * have it: only touches of user mode count.
 *
 * The bits are set without a lock; only the work item, which never runs twice at
 * once, takes them off. It looks at some host pages at a time, so that neither the
 * end of the object nor a suspend waits for it. thin_lock keeps the memory from going
 * while somebody else than the file's users trims.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "hostpage.h"
#include "thin.h"
#include "trim.h"

#define HP_THIN_MAX	3600
#define HP_THIN_LOOKS	256	/* host pages in one run */

static int hp_thin_set(const char *text, const struct kernel_param *param)
{
	return param_set_uint_minmax(text, param, 0, HP_THIN_MAX);
}

static const struct kernel_param_ops hp_thin_ops = {
	.set = hp_thin_set,
	.get = param_get_uint,
};

static unsigned int hp_thin_after = 1;
module_param_cb(thin_after, &hp_thin_ops, &hp_thin_after, 0644);
MODULE_PARM_DESC(thin_after,
		 "seconds after which memory that was only read is given back (0: never)");

static struct workqueue_struct *hp_thin_wq;

/* Bits of host pages: touched in this period or before it, and given back once. */
struct hp_thin {
	struct delayed_work work;
	struct hp_object *obj;
	unsigned long *fresh;
	unsigned long *aged;
	unsigned long *once;
	unsigned long bits[];
};

static void hp_thin_queue(struct hp_thin *thin)
{
	queue_delayed_work(hp_thin_wq, &thin->work,
			   READ_ONCE(hp_thin_after) * HZ);
}

static void hp_thin_look(struct hp_thin *thin, unsigned long hidx)
{
	struct hp_object *obj = thin->obj;
	enum hp_trimmed ret;

	/* Before: it may be touched again at once. */
	set_bit(hidx, thin->once);
	ret = hp_trim_hostpage(obj, hidx);
	if (ret == HP_TRIM_DONE)
		return;
	clear_bit(hidx, thin->once);
	/* While it arrives it will be complete, or be let go. */
	if (ret == HP_TRIM_ASSEMBLES && hp_mode(obj) == HUGEPOST_MODE_ARMED)
		set_bit(hidx, thin->fresh);
}

/* Looks at what has aged; false if there is more of it. */
static bool hp_thin_look_at_some(struct hp_thin *thin)
{
	unsigned long nr = thin->obj->nr_hostpages, hidx, looks = 0;

	for_each_set_bit(hidx, thin->aged, nr) {
		if (looks++ == HP_THIN_LOOKS)
			return false;
		clear_bit(hidx, thin->aged);
		hp_thin_look(thin, hidx);
		cond_resched();
	}
	return true;
}

/* What was touched in this period is to be looked at after the next one. */
static bool hp_thin_age(struct hp_thin *thin)
{
	unsigned long longs = BITS_TO_LONGS(thin->obj->nr_hostpages), i;
	bool any = false;

	for (i = 0; i < longs; i++) {
		if (READ_ONCE(thin->fresh[i]))
			thin->aged[i] = xchg(&thin->fresh[i], 0);
		any |= thin->aged[i];
		cond_resched();
	}
	return any;
}

static void hp_thin_work(struct work_struct *work)
{
	struct hp_thin *thin = container_of(to_delayed_work(work),
					    struct hp_thin, work);

	if (READ_ONCE(thin->obj->thin_ended))
		return;
	if (!READ_ONCE(hp_thin_after)) {
		/* It was switched off. */
		bitmap_zero(thin->aged, thin->obj->nr_hostpages);
		hp_thin_age(thin);
		bitmap_zero(thin->aged, thin->obj->nr_hostpages);
	} else if (!hp_thin_look_at_some(thin)) {
		queue_delayed_work(hp_thin_wq, &thin->work, 0);
	} else if (hp_thin_age(thin)) {
		hp_thin_queue(thin);
	}
}

/* Bytes of it: the bits are of the module's own state. */
static size_t hp_thin_size(struct hp_object *obj)
{
	struct hp_thin *thin;

	return struct_size(thin, bits, 3 * BITS_TO_LONGS(obj->nr_hostpages));
}

static struct hp_thin *hp_thin_get(struct hp_object *obj)
{
	struct hp_thin *thin = READ_ONCE(obj->thin);
	size_t longs = BITS_TO_LONGS(obj->nr_hostpages);
	struct mem_cgroup *old;

	if (thin)
		return thin;
	old = set_active_memcg(obj->mem.memcg);
	thin = kvzalloc(hp_thin_size(obj),
			GFP_KERNEL_ACCOUNT | __GFP_NORETRY | __GFP_NOWARN);
	set_active_memcg(old);
	if (!thin)
		return NULL;
	INIT_DELAYED_WORK(&thin->work, hp_thin_work);
	thin->obj = obj;
	thin->fresh = thin->bits;
	thin->aged = thin->fresh + longs;
	thin->once = thin->aged + longs;
	if (cmpxchg(&obj->thin, NULL, thin))
		kvfree(thin);
	else
		atomic64_add(hp_thin_size(obj), &obj->mem.metadata);
	return READ_ONCE(obj->thin);
}

/* Does who touches the page want its content only, not that it has memory? */
static bool hp_thin_is_wanted(const struct vm_fault *vmf)
{
	return vmf->flags & FAULT_FLAG_USER &&
	       !(vmf->vma->vm_flags & VM_LOCKED);
}

/* A host page of zeros has got memory by a touch. Without memory for that: never mind. */
void hp_thin_note(struct hp_object *obj, unsigned long hidx,
		  const struct vm_fault *vmf)
{
	struct hp_thin *thin;

	if (!READ_ONCE(hp_thin_after) || obj->mem.prealloc ||
	    !hp_thin_is_wanted(vmf))
		return;
	thin = hp_thin_get(obj);
	if (!thin || test_bit(hidx, thin->once))
		return;
	set_bit(hidx, thin->fresh);
	hp_thin_queue(thin);
}

/* The object gets other content: what was looked at once is looked at again. */
void hp_thin_anew(struct hp_object *obj)
{
	struct hp_thin *thin = READ_ONCE(obj->thin);

	if (thin)
		bitmap_zero(thin->once, obj->nr_hostpages);
}

/*
 * Trims [first, end) for somebody who has no file of the object: -ENOENT if it is
 * released.
 */
int hp_thin_now(struct hp_object *obj, unsigned long first, unsigned long end,
		unsigned long *done)
{
	int ret = mutex_lock_killable(&obj->thin_lock);

	if (ret)
		return ret;
	if (obj->thin_ended)
		ret = -ENOENT;
	else
		*done = hp_trim_range(obj, first, end);
	mutex_unlock(&obj->thin_lock);
	return ret;
}

/* The object's memory is about to go. */
void hp_thin_end(struct hp_object *obj)
{
	mutex_lock(&obj->thin_lock);
	WRITE_ONCE(obj->thin_ended, true);
	mutex_unlock(&obj->thin_lock);
	if (obj->thin)
		cancel_delayed_work_sync(&obj->thin->work);
}

void hp_thin_free(struct hp_object *obj)
{
	if (!obj->thin)
		return;
	atomic64_sub(hp_thin_size(obj), &obj->mem.metadata);
	kvfree(obj->thin);
	obj->thin = NULL;
}

int __init hp_thin_init(void)
{
	hp_thin_wq = alloc_workqueue("hugepost-thin",
				     WQ_UNBOUND | WQ_FREEZABLE, 0);
	return hp_thin_wq ? 0 : -ENOMEM;
}

void hp_thin_exit(void)
{
	destroy_workqueue(hp_thin_wq);
}
