// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: objects, their channels and their memory as netlink attributes.
 *
 * All of it is read without any lock that a channel, a fault, an open or a release
 * takes. The object may be released meanwhile: the reader has a reference, see
 * hp_tables_get(). Figures are not all of the same moment.
 */
#include <linux/cgroup.h>
#include <linux/ktime.h>
#include <linux/nsproxy.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <net/netlink.h>

#include "channel.h"
#include "netlink_attrs.h"
#include "registry.h"
#include "stall.h"
#include "stats.h"

#ifdef CONFIG_MEMCG
static DEFINE_MUTEX(hp_path_lock);
static char hp_path[PATH_MAX]; /* guarded by hp_path_lock */
#endif

/* Attributes, and where their values, all of 64 bits, are found. */
struct hp_nl_field {
	u16 attr;
	u16 offset;
};

#define HP_OBJECT(_attr, _field)                                               \
	{                                                                      \
		.attr = HUGEPOST_A_OBJECT_##_attr,                             \
		.offset = offsetof(struct hugepost_stats, _field),             \
	}
#define HP_CHANNEL(_attr, _field)                                              \
	{                                                                      \
		.attr = HUGEPOST_A_CHANNEL_##_attr,                            \
		.offset = offsetof(struct hugepost_channel_stats, _field),     \
	}

static const struct hp_nl_field hp_object_fields[] = {
	HP_OBJECT(ID, out_id),
	HP_OBJECT(LENGTH, out_length),
	HP_OBJECT(EMPTY, out_empty),
	HP_OBJECT(ASSEMBLING, out_assembling),
	HP_OBJECT(PRESENT, out_present),
	HP_OBJECT(ZERO, out_zero),
	HP_OBJECT(MEMORY, out_memory),
	HP_OBJECT(STAGING, out_staging),
	HP_OBJECT(METADATA, out_metadata),
	HP_OBJECT(FAULTS, out_faults),
	HP_OBJECT(WAITS, out_waits),
	HP_OBJECT(EVENTS, out_events),
	HP_OBJECT(ZERO_FILLS, out_zero_fills),
	HP_OBJECT(INSTALLS_HUGE, out_installs_huge),
	HP_OBJECT(INSTALLS_SINGLE, out_installs_single),
	HP_OBJECT(DISCARDED, out_discarded),
	HP_OBJECT(POISONED, out_poisoned),
};

static const struct hp_nl_field hp_channel_fields[] = {
	HP_CHANNEL(PAGES, pages),
	HP_CHANNEL(ZERO_PAGES, zero_pages),
	HP_CHANNEL(BYTES, bytes),
	HP_CHANNEL(DUPLICATES, duplicates),
	HP_CHANNEL(REPLACED, replaced),
	HP_CHANNEL(RESETS, resets),
};

static int hp_put_fields(struct sk_buff *skb, const struct hp_nl_field *fields,
			 unsigned int nr, const void *from, int pad)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (nla_put_u64_64bit(skb, fields[i].attr,
				      *(u64 *)(from + fields[i].offset), pad))
			return -EMSGSIZE;
	return 0;
}

static int hp_put_command(struct sk_buff *skb, struct hp_object *obj)
{
	char comm[TASK_COMM_LEN];
	struct task_struct *task;

	spin_lock(&hp_owner_lock);
	rcu_read_lock();
	task = pid_task(obj->owner, PIDTYPE_TGID);
	if (task)
		get_task_comm(comm, task);
	rcu_read_unlock();
	spin_unlock(&hp_owner_lock);
	return task ? nla_put_string(skb, HUGEPOST_A_OBJECT_COMMAND, comm) : 0;
}

static int hp_put_cgroup(struct sk_buff *skb, struct hp_object *obj)
{
#ifdef CONFIG_MEMCG
	int len, ret = 0;

	if (!hp_object_ready(obj) || !obj->mem.memcg)
		return 0;
	mutex_lock(&hp_path_lock);
	len = cgroup_path_ns(obj->mem.memcg->css.cgroup, hp_path, sizeof(hp_path),
			     current->nsproxy->cgroup_ns);
	if (len >= 0 && len < sizeof(hp_path))
		ret = nla_put_string(skb, HUGEPOST_A_OBJECT_CGROUP, hp_path);
	mutex_unlock(&hp_path_lock);
	return ret;
#else
	return 0;
#endif
}

static u64 hp_object_filled(struct hp_object *obj, unsigned int channels)
{
	u64 sum = 0;

	while (channels--) {
		/* What is replaced was counted in pages before. */
		sum -= smp_load_acquire(&obj->channels[channels].replaced);
		sum += READ_ONCE(obj->channels[channels].pages);
	}
	return sum;
}

int hp_describe_object(struct sk_buff *skb, struct hp_object *obj)
{
	const int pad = HUGEPOST_A_OBJECT_PAD;
	struct hugepost_stats stats = {};

	hp_object_stats(obj, &stats);
	if (hp_put_fields(skb, hp_object_fields, ARRAY_SIZE(hp_object_fields),
			  &stats, pad) ||
	    nla_put_u32(skb, HUGEPOST_A_OBJECT_PID, hp_owner_nr(obj)) ||
	    hp_put_command(skb, obj) || hp_put_cgroup(skb, obj) ||
	    nla_put_u64_64bit(skb, HUGEPOST_A_OBJECT_TIME,
			      ktime_get_boottime_ns(), pad) ||
	    nla_put_u64_64bit(skb, HUGEPOST_A_OBJECT_CREATED, obj->created,
			      pad) ||
	    nla_put_u64_64bit(skb, HUGEPOST_A_OBJECT_MODE_SINCE,
			      READ_ONCE(obj->mode_since), pad) ||
	    nla_put_u64_64bit(skb, HUGEPOST_A_OBJECT_FILLED,
			      hp_object_filled(obj, stats.out_channels), pad) ||
	    nla_put_u64_64bit(skb, HUGEPOST_A_OBJECT_TRIMMED,
			      atomic64_read(&obj->count.trimmed), pad) ||
	    nla_put_u32(skb, HUGEPOST_A_OBJECT_MODE, stats.out_mode) ||
	    nla_put_u32(skb, HUGEPOST_A_OBJECT_HOST_PAGE,
			stats.out_host_page) ||
	    nla_put_u32(skb, HUGEPOST_A_OBJECT_TARGET_PAGE,
			stats.out_target_page) ||
	    nla_put_u32(skb, HUGEPOST_A_OBJECT_CHANNELS, stats.out_channels))
		return -EMSGSIZE;
	return 0;
}

int hp_describe_channel(struct sk_buff *skb, struct hp_object *obj,
			unsigned int index)
{
	const int pad = HUGEPOST_A_CHANNEL_PAD;
	struct hugepost_channel_stats ch;

	hp_channel_stats(&obj->channels[index], &ch);
	if (nla_put_u64_64bit(skb, HUGEPOST_A_CHANNEL_OBJECT, obj->id, pad) ||
	    nla_put_u32(skb, HUGEPOST_A_CHANNEL_INDEX, index) ||
	    nla_put_u64_64bit(skb, HUGEPOST_A_CHANNEL_TIME,
			      ktime_get_boottime_ns(), pad) ||
	    nla_put_u8(skb, HUGEPOST_A_CHANNEL_BUSY, ch.busy) ||
	    nla_put_u32(skb, HUGEPOST_A_CHANNEL_HOST_PAGE_FILLED,
			ch.host_page_filled) ||
	    nla_put_u8(skb, HUGEPOST_A_CHANNEL_ALL_ZERO, ch.all_zero) ||
	    hp_put_fields(skb, hp_channel_fields,
			  ARRAY_SIZE(hp_channel_fields), &ch, pad))
		return -EMSGSIZE;
	return ch.host_page == HUGEPOST_NO_PAGE ? 0 :
	       nla_put_u64_64bit(skb, HUGEPOST_A_CHANNEL_HOST_PAGE,
				 ch.host_page, pad);
}

/* Counts the states of the host pages from @hidx on that a cell stands for. */
static void hp_count_cell(struct hp_object *obj, u64 hidx, u64 end,
			  u32 *assembling, u32 *present, u32 *zero)
{
	for (; hidx < end; hidx++) {
		struct hp_hostpage *hp = hp_hostpage_find(obj, hidx);

		if (!hp) {
			hidx = roundup(hidx + 1, HP_CHUNK) - 1;
			continue;
		}
		/* The host page's lock is the channels'. */
		switch ((enum hp_state)READ_ONCE(hp->state)) {
		case HP_ASSEMBLING:
		case HP_STAGING:
			++*assembling;
			break;
		case HP_PRESENT:
			++*present;
			break;
		case HP_ZERO:
			++*zero;
			break;
		default:
			break;
		}
		if (fatal_signal_pending(current))
			return;
		cond_resched();
	}
}

int hp_describe_map(struct sk_buff *skb, struct hp_object *obj,
		    const struct hp_map *map)
{
	const int pad = HUGEPOST_A_MAP_PAD, len = map->nr * sizeof(u32);
	struct nlattr *assembling, *present, *zero;
	u32 i;

	if (nla_put_u64_64bit(skb, HUGEPOST_A_MAP_OBJECT, obj->id, pad) ||
	    nla_put_u64_64bit(skb, HUGEPOST_A_MAP_HOST_PAGES, map->host_pages,
			      pad) ||
	    nla_put_u64_64bit(skb, HUGEPOST_A_MAP_HOST_PAGES_PER_CELL,
			      map->per_cell, pad) ||
	    nla_put_u32(skb, HUGEPOST_A_MAP_FIRST_CELL, map->first))
		return -EMSGSIZE;
	assembling = nla_reserve(skb, HUGEPOST_A_MAP_ASSEMBLING, len);
	present = nla_reserve(skb, HUGEPOST_A_MAP_PRESENT, len);
	zero = nla_reserve(skb, HUGEPOST_A_MAP_ZERO, len);
	if (!assembling || !present || !zero)
		return -EMSGSIZE;
	memset(nla_data(assembling), 0, len);
	memset(nla_data(present), 0, len);
	memset(nla_data(zero), 0, len);
	for (i = 0; i < map->nr; i++) {
		u64 hidx = (map->first + i) * map->per_cell;

		hp_stall("map-walk");
		hp_count_cell(obj, hidx,
			      min(hidx + map->per_cell, map->host_pages),
			      nla_data(assembling) + i * sizeof(u32),
			      nla_data(present) + i * sizeof(u32),
			      nla_data(zero) + i * sizeof(u32));
	}
	return 0;
}
