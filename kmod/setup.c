// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: what an object is set up with, by SETUP or by its mappings, and the
 * end of it.
 *
 * setup_lock guards what is set here until the object is ready; then it is
 * constant.
 */
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "channel.h"
#include "compat.h"
#include "guest.h"
#include "hostpage.h"
#include "netlink_events.h"
#include "registry.h"
#include "reserve.h"
#include "setup.h"

/* Gives the memory of all host pages back; nobody uses it any more. */
void hp_setup_free_memory(struct hp_object *obj)
{
	unsigned int i;

	for (i = 0; obj->channels && i < obj->nr_channels; i++)
		if (obj->channels[i].spare)
			hp_folio_free(&obj->mem, obj->channels[i].spare);
	hp_hostpages_free_memory(obj);
}

/* Then the state of host pages and channels goes, once nobody reads it. */
void hp_setup_free_tables(struct hp_object *obj)
{
	hp_hostpages_free(obj);
	kvfree(obj->channels);
	obj->channels = NULL;
}

/* Allocates all host pages, or as many as there are memory for. */
static int hp_setup_prealloc(struct hp_object *obj)
{
	unsigned long hidx;

	for (hidx = 0; hidx < obj->nr_hostpages; hidx++) {
		struct hp_hostpage *hp;

		if (fatal_signal_pending(current))
			return -EINTR;
		hp = hp_hostpage_get(obj, hidx);
		if (!hp)
			return -ENOMEM;
		hp->folio = hp_folio_alloc(&obj->mem, NULL, 0);
		if (!hp->folio)
			return -ENOMEM;
		hp->folio->index = hidx * HP_SUBS;
		cond_resched();
	}
	return 0;
}

static int hp_setup_stage(struct hp_object *obj)
{
	unsigned int i;

	for (i = 0; i < obj->nr_channels; i++) {
		obj->channels[i].spare = hp_folio_alloc(&obj->mem, NULL, 0);
		if (!obj->channels[i].spare)
			return -ENOMEM;
	}
	return 0;
}

/*
 * Sets an object up that is not. What mappings ask for has no staging memory set
 * aside: not every VMM migrates.
 */
static int hp_setup_locked(struct hp_object *obj, struct hugepost_setup *arg)
{
	const bool by_mapping = obj->mapped;
	struct mem_cgroup *old;
	unsigned int i;
	int ret;

	lockdep_assert_held(&obj->setup_lock);

	obj->length = arg->length;
	obj->nr_hostpages = arg->length >> HP_HOST_SHIFT;
	obj->nr_chunks = DIV_ROUND_UP(obj->nr_hostpages, HP_CHUNK);
	obj->nr_channels = arg->channels ?: 1;
	obj->mem.prealloc = arg->flags & HUGEPOST_SETUP_PREALLOC;
	obj->mem.node = arg->flags & HUGEPOST_SETUP_NODE ? arg->node : NUMA_NO_NODE;
	if (!obj->mem.memcg)
		obj->mem.memcg = get_mem_cgroup_from_mm(current->mm);

	ret = -ENOMEM;
	old = set_active_memcg(obj->mem.memcg);
	obj->chunks = kvcalloc(obj->nr_chunks, sizeof(*obj->chunks), HP_GFP);
	obj->channels = kvcalloc(obj->nr_channels, sizeof(*obj->channels),
				 HP_GFP);
	set_active_memcg(old);
	if (!obj->chunks || !obj->channels)
		goto err_free;

	for (i = 0; i < obj->nr_channels; i++)
		obj->channels[i].host_page = HUGEPOST_NO_PAGE;

	obj->mem.in_setup = true;
	ret = obj->mem.prealloc ? hp_setup_prealloc(obj) :
	      by_mapping ? 0 : hp_setup_stage(obj);
	obj->mem.in_setup = false;
	arg->out_allocated = atomic64_read(&obj->mem.folios) << HP_HOST_SHIFT;
	if (ret)
		goto err_free;

	/* A core that maps what ->fault returns compares it. */
	if (!HP_COMPAT_INSERT)
		i_size_write(obj->inode, obj->length);

	if (!by_mapping)
		hp_owner_set(obj);
	if (arg->flags & HUGEPOST_SETUP_OWNED)
		obj->only = obj->mm;
	hp_report(obj, HUGEPOST_EVENT_KIND_SETUP);
	/* Pairs with hp_object_ready(). */
	smp_store_release(&obj->ready, true);
	return 0;

err_free:
	hp_setup_free_memory(obj);
	hp_setup_free_tables(obj);
	/* Whoever mapped it pays for it in any case. */
	if (!by_mapping) {
		mem_cgroup_put(obj->mem.memcg);
		obj->mem.memcg = NULL;
	}
	hp_reserve_refill();
	return ret;
}

/* Nobody maps the object yet, so nobody asks for its guest before it is ready. */
static int hp_setup_unless_done(struct hp_object *obj,
				struct hugepost_setup *arg,
				struct hp_guest *guest)
{
	int ret;

	lockdep_assert_held(&obj->setup_lock);
	if (obj->ready || obj->mapped)
		return -EBUSY;
	WRITE_ONCE(obj->guest, guest);
	ret = hp_setup_locked(obj, arg);
	if (ret)
		WRITE_ONCE(obj->guest, NULL);
	return ret;
}

static int hp_setup(struct hp_object *obj, struct hp_ucmd *cmd)
{
	struct hugepost_setup *arg = &cmd->arg.setup;
	struct hp_guest *guest = NULL;
	int ret;

	arg->out_allocated = 0;
	if ((arg->host_shift && arg->host_shift != HP_HOST_SHIFT) ||
	    (arg->target_shift && arg->target_shift != PAGE_SHIFT))
		return -EOPNOTSUPP;
	if (!arg->length || !IS_ALIGNED(arg->length, HP_HOST_SIZE) ||
	    arg->length > HP_LENGTH_MAX ||
	    arg->channels > HUGEPOST_CHANNELS_MAX)
		return -EINVAL;
	if (arg->flags & HUGEPOST_SETUP_NODE ?
	    arg->node >= MAX_NUMNODES || !node_state(arg->node, N_MEMORY) :
	    arg->node)
		return -EINVAL;

	/*
	 * Success is told before anything is done: afterwards it must not fail,
	 * and user memory cannot be waited for under setup_lock (lock order).
	 */
	arg->out_allocated = arg->flags & HUGEPOST_SETUP_PREALLOC ?
			     arg->length : max(arg->channels, 1U) * HP_HOST_SIZE;
	ret = hp_ucmd_respond(cmd);
	arg->out_allocated = 0;
	if (ret)
		return ret;
	if (hp_object_ready(obj) || READ_ONCE(obj->mapped))
		return -EBUSY;
	if (arg->flags & HUGEPOST_SETUP_OWNED) {
		/* Takes the mmap lock, so not under setup_lock. */
		guest = hp_guest_alloc(obj, true);
		ret = guest ? hp_guest_watch(guest) : -ENOMEM;
		if (ret)
			return ret;
	}
	ret = -EINTR;
	if (!mutex_lock_interruptible(&obj->setup_lock)) {
		ret = hp_setup_unless_done(obj, arg, guest);
		mutex_unlock(&obj->setup_lock);
	}
	if (ret)
		hp_guest_end(guest);
	else
		cmd->copy_size = 0;
	return ret;
}

/*
 * The first mapping of an object that nobody set up: the guest is its process's if
 * that has opened it as well. Another one may be a back end, which got it from who
 * knows whom. With the mmap lock held for writing.
 */
static int hp_setup_by_mapping(struct hp_object *obj)
{
	struct hp_guest *guest = NULL;
	int ret;

	lockdep_assert_held(&obj->setup_lock);
	if (obj->mm == current->mm) {
		guest = hp_guest_alloc(obj, false);
		ret = guest ? hp_guest_watch_locked(guest) : -ENOMEM;
		if (ret) /* A signal is no reason for mmap() to fail. */
			return ret == -EINTR ? -ERESTARTNOINTR : ret;
	}
	WRITE_ONCE(obj->guest, guest);
	obj->mem.memcg = get_mem_cgroup_from_mm(current->mm);
	hp_owner_set(obj);
	return 0;
}

/*
 * A mapping up to @end of an object that nobody set up: it is to be as large as
 * its mappings need. Under the mmap lock held for writing, so no huge page is
 * allocated.
 */
int hp_setup_want(struct hp_object *obj, u64 end)
{
	int ret = 0;

	if (mutex_lock_killable(&obj->setup_lock))
		return -EINTR;
	if (obj->ready) {
		ret = end > obj->length ? -EINVAL : 0;
	} else if (end > HP_LENGTH_MAX) {
		ret = -EINVAL;
	} else {
		if (!obj->mapped)
			ret = hp_setup_by_mapping(obj);
		if (!ret)
			WRITE_ONCE(obj->mapped,
				   max_t(u64, obj->mapped,
					 round_up(end, HP_HOST_SIZE)));
	}
	mutex_unlock(&obj->setup_lock);
	return ret;
}

/*
 * The first use of an object that only mappings have asked for: sets it up as
 * they did. -ENXIO if there are none.
 */
int hp_setup_settle(struct hp_object *obj)
{
	struct hugepost_setup arg = {};
	int ret = -ENXIO;

	if (likely(hp_object_ready(obj)))
		return 0;
	if (mutex_lock_killable(&obj->setup_lock))
		return -EINTR;
	arg.length = obj->mapped;
	if (obj->ready)
		ret = 0;
	else if (obj->mapped)
		ret = hp_setup_locked(obj, &arg);
	mutex_unlock(&obj->setup_lock);
	return ret;
}

const struct hp_ioctl_op hp_op_setup =
	HP_OP(SETUP, hp_setup, struct hugepost_setup, out_allocated,
	      HUGEPOST_SETUP_PREALLOC | HUGEPOST_SETUP_NODE |
	      HUGEPOST_SETUP_OWNED, HP_ANY);
