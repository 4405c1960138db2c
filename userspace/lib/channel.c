// SPDX-License-Identifier: LGPL-2.1-or-later
/* Channels: filling target pages. */
#include <errno.h>
#include <stdlib.h>

#include "internal.h"

static int check_index(struct hugepost_object *obj, uint32_t index)
{
	struct hugepost_stats stats;
	int ret = hugepost_object_stats(obj, &stats);

	if (ret)
		return ret;
	if (!stats.out_length)
		return -ENXIO;
	return index < stats.out_channels && index < HUGEPOST_CHANNELS_MAX ? 0 : -ENOENT;
}

int hugepost_object_channel(struct hugepost_object *obj, uint32_t index,
			    struct hugepost_channel **channel)
{
	struct hugepost_channel *found;
	int ret = check_index(obj, index);

	if (ret)
		return ret;
	pthread_mutex_lock(&obj->lock);
	found = obj->channels[index];
	if (!found) {
		found = malloc(sizeof(*found));
		if (found)
			*found = (struct hugepost_channel){ .obj = obj, .index = index };
		obj->channels[index] = found;
	}
	pthread_mutex_unlock(&obj->lock);
	if (!found)
		return -ENOMEM;
	*channel = found;
	return 0;
}

int hugepost_channel_fill(struct hugepost_channel *channel, uint64_t offset, const void *src,
			  uint64_t length, uint32_t flags, struct hugepost_fill_result *result)
{
	struct hugepost_fill_entry entry = {
		.offset = offset,
		.src = (uintptr_t)src,
		.len = length,
		.flags = flags,
	};

	return hugepost_channel_fill_many(channel, &entry, 1, result);
}

int hugepost_channel_fill_many(struct hugepost_channel *channel,
			       const struct hugepost_fill_entry *entries, uint32_t nr,
			       struct hugepost_fill_result *result)
{
	struct hugepost_fill_result sum = { 0 };
	int ret;

	/* No entries at all is the module's to refuse, hence one round at least. */
	do {
		struct hugepost_fill fill = {
			.size = sizeof(fill),
			.channel = channel->index,
			.nr = nr - sum.done,
			.entries = (uintptr_t)(entries + sum.done),
			.entry_size = sizeof(*entries),
		};

		if (fill.nr > HUGEPOST_FILL_MAX)
			fill.nr = HUGEPOST_FILL_MAX;
		ret = hp_ioctl(channel->obj, HUGEPOST_FILL, &fill);
		sum.done += fill.out_done;
		sum.bytes += fill.out_bytes;
		sum.duplicates += fill.out_duplicates;
	} while (!ret && sum.done < nr);

	if (result)
		*result = sum;
	return ret;
}

int hugepost_channel_reset(struct hugepost_channel *channel)
{
	struct hugepost_reset reset = {
		.size = sizeof(reset),
		.channel = channel->index,
	};

	return hp_ioctl(channel->obj, HUGEPOST_RESET, &reset);
}

int hugepost_channel_stats(struct hugepost_channel *channel, struct hugepost_channel_stats *stats)
{
	struct hugepost_channel_stats all[HUGEPOST_CHANNELS_MAX];
	struct hugepost_stats object = {
		.size = sizeof(object),
		.channels = (uintptr_t)all,
		.nr_channels = HUGEPOST_CHANNELS_MAX,
		.channel_size = sizeof(all[0]),
	};
	int ret = hp_ioctl(channel->obj, HUGEPOST_STATS, &object);

	if (!ret)
		*stats = all[channel->index];
	return ret;
}
