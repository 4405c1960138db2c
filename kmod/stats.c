// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: what the module tells of itself and of an object: INFO, STATS and
 * BITMAP. Counters are read without a lock.
 */
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "channel.h"
#include "poison.h"
#include "stats.h"

static int hp_info(struct hp_object *obj, struct hp_ucmd *cmd)
{
	struct hugepost_info *arg = &cmd->arg.info;

	arg->out_api_version = HUGEPOST_API_VERSION;
	arg->out_channels_max = HUGEPOST_CHANNELS_MAX;
	arg->out_features = HUGEPOST_FEATURE_PMD;
	if (hp_poison_is_followed())
		arg->out_features |= HUGEPOST_FEATURE_POISON;
	arg->out_host_page_sizes = HP_HOST_SIZE;
	arg->out_target_page_sizes = PAGE_SIZE;
	arg->out_fill_entry_size = sizeof(struct hugepost_fill_entry);
	arg->out_event_size = sizeof(struct hugepost_event);
	return 0;
}

void hp_channel_stats(struct hp_channel *ch,
		      struct hugepost_channel_stats *out)
{
	u64 host_page = READ_ONCE(ch->host_page);
	u64 zero_pages = READ_ONCE(ch->zero_pages);
	u64 pages = READ_ONCE(ch->pages);

	*out = (struct hugepost_channel_stats){
		.host_page = HUGEPOST_NO_PAGE,
		.busy = test_bit(0, &ch->busy),
		.pages = pages,
		.zero_pages = zero_pages,
		.bytes = (pages - zero_pages) << PAGE_SHIFT,
		.duplicates = READ_ONCE(ch->duplicates),
		.replaced = READ_ONCE(ch->replaced),
		.resets = READ_ONCE(ch->resets),
	};
	if (host_page == HUGEPOST_NO_PAGE ||
	    hp_channel_reset_since(ch, READ_ONCE(ch->known)))
		return;
	out->host_page = host_page << HP_HOST_SHIFT;
	out->host_page_filled = READ_ONCE(ch->host_page_filled);
	out->all_zero = READ_ONCE(ch->all_zero);
}

static int hp_stats_channels(struct hp_object *obj, struct hugepost_stats *arg)
{
	u64 uptr = arg->channels;
	unsigned int i;

	for (i = 0; i < arg->out_channels; i++, uptr += arg->channel_size) {
		struct hugepost_channel_stats ch;
		size_t len = min_t(size_t, arg->channel_size, sizeof(ch));

		hp_channel_stats(&obj->channels[i], &ch);
		if (copy_to_user(u64_to_user_ptr(uptr), &ch, len) ||
		    clear_user(u64_to_user_ptr(uptr + len),
			       arg->channel_size - len))
			return -EFAULT;
	}
	return 0;
}

/*
 * All that STATS tells but the channels. No lock is taken that a channel or a
 * fault takes, so figures are not all of the same moment.
 */
void hp_object_stats(struct hp_object *obj, struct hugepost_stats *out)
{
	struct hp_counters *count = &obj->count;
	u64 folios, staged;

	out->out_host_page = HP_HOST_SIZE;
	out->out_target_page = PAGE_SIZE;
	out->out_id = obj->id;
	if (!hp_object_ready(obj)) {
		out->out_length = READ_ONCE(obj->mapped);
		out->out_empty = out->out_length >> HP_HOST_SHIFT;
		return;
	}

	out->out_channels = obj->nr_channels;
	out->out_mode = hp_mode(obj);
	out->out_length = obj->length;
	out->out_present = hp_object_states(obj, HP_PRESENT);
	out->out_zero = hp_object_states(obj, HP_ZERO);
	staged = hp_object_states(obj, HP_STAGING);
	out->out_assembling = hp_object_states(obj, HP_ASSEMBLING) + staged;
	out->out_empty = obj->nr_hostpages + hp_object_states(obj, HP_EMPTY);
	staged += out->out_present;
	folios = atomic64_read(&obj->mem.folios);
	out->out_memory = folios << HP_HOST_SHIFT;
	out->out_staging = (folios - min(folios, staged)) << HP_HOST_SHIFT;
	out->out_metadata = atomic64_read(&obj->mem.metadata) +
			    obj->nr_chunks * sizeof(*obj->chunks);
	out->out_faults = atomic64_read(&count->faults);
	out->out_waits = atomic64_read(&count->waits);
	out->out_events = atomic64_read(&count->events);
	out->out_zero_fills = atomic64_read(&count->zero_fills);
	out->out_installs_huge = atomic64_read(&count->installs_huge);
	out->out_installs_single = atomic64_read(&count->installs_single);
	out->out_discarded = atomic64_read(&count->discarded);
	out->out_poisoned = atomic64_read(&count->poisoned);
}

static int hp_stats(struct hp_object *obj, struct hp_ucmd *cmd)
{
	struct hugepost_stats *arg = &cmd->arg.stats;

	if (!arg->channels ? arg->nr_channels || arg->channel_size :
	    !arg->nr_channels || !arg->channel_size ||
	    arg->channel_size > PAGE_SIZE)
		return -EINVAL;

	/* What the caller left in the outputs is not an input. */
	memset_after(arg, 0, channel_size);
	hp_object_stats(obj, arg);
	if (!arg->nr_channels)
		return 0;
	if (arg->nr_channels < arg->out_channels)
		return -EMSGSIZE;
	return hp_stats_channels(obj, arg);
}

/* The present bits of a host page, as words; returns how many are set. */
static unsigned int hp_bitmap_hostpage(struct hp_object *obj,
				       unsigned long hidx, unsigned int nr,
				       u64 *words)
{
	struct hp_hostpage *hp = hp_hostpage_find(obj, hidx);
	DECLARE_BITMAP(present, HP_SUBS) = {};

	if (hp) {
		spin_lock(&hp->lock);
		if (hp_hostpage_complete(hp))
			bitmap_fill(present, HP_SUBS);
		else if (hp->bits)
			bitmap_copy(present, hp->bits->present, HP_SUBS);
		spin_unlock(&hp->lock);
	}
	bitmap_clear(present, nr, HP_SUBS - nr);
	bitmap_to_arr64(words, present, HP_SUBS);
	return bitmap_weight(present, HP_SUBS);
}

static int hp_bitmap(struct hp_object *obj, struct hp_ucmd *cmd)
{
	struct hugepost_bitmap *arg = &cmd->arg.bitmap;
	u64 words[HP_SUBS / 64];
	u64 uptr = arg->bitmap;
	unsigned long hidx;
	u64 left;
	int ret;

	arg->out_present = 0;
	ret = hp_check_range(obj, arg->offset, arg->length);
	if (ret)
		return ret;
	if (!IS_ALIGNED(arg->offset, HP_HOST_SIZE))
		return -EINVAL;

	hidx = arg->offset >> HP_HOST_SHIFT;
	for (left = arg->length >> PAGE_SHIFT; left; hidx++) {
		unsigned int nr = min_t(u64, left, HP_SUBS);
		size_t len = DIV_ROUND_UP(nr, 64) * sizeof(u64);

		arg->out_present += hp_bitmap_hostpage(obj, hidx, nr, words);
		if (copy_to_user(u64_to_user_ptr(uptr), words, len))
			return -EFAULT;
		uptr += len;
		left -= nr;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

const struct hp_ioctl_op hp_op_info =
	HP_OP(INFO, hp_info, struct hugepost_info, out_target_page_sizes, 0,
	      HP_ANY);

const struct hp_ioctl_op hp_op_stats =
	HP_OP(STATS, hp_stats, struct hugepost_stats, out_id, 0, HP_SETTLE);

const struct hp_ioctl_op hp_op_bitmap =
	HP_OP(BITMAP, hp_bitmap, struct hugepost_bitmap, out_present, 0, HP_READY);
