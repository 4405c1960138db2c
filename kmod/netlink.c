// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: the generic netlink family, see uapi/hugepost.yaml.
 *
 * What is told of an object is read without any lock that a channel or a fault
 * takes: hp_objects_lock keeps it from going away, and its figures are atomic.
 */
#include <linux/cgroup.h>
#include <linux/file.h>
#include <linux/nsproxy.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/ktime.h>
#include <net/genetlink.h>

#include "private.h"

#define HP_MAP_CELLS	4096
#define HP_REPLY_SIZE	(PATH_MAX + 2048)	/* more than any object needs */

static char hp_path[PATH_MAX];			/* guarded by hp_objects_lock */

/* Attributes, and where their values are in what is told of an object. */
struct hp_nl_field {
	u16 attr;
	u16 offset;
};

#define HP_FIELD(_struct, _attr, _field)                                       \
	{                                                                      \
		.attr = _attr + BUILD_BUG_ON_ZERO(                             \
					sizeof_field(_struct, _field) !=       \
					sizeof(u64)),                          \
		.offset = offsetof(_struct, _field),                           \
	}
#define HP_OBJECT(_attr, _field)                                               \
	HP_FIELD(struct hugepost_stats, HUGEPOST_A_OBJECT_##_attr, _field)
#define HP_CHANNEL(_attr, _field)                                              \
	HP_FIELD(struct hugepost_channel_stats, HUGEPOST_A_CHANNEL_##_attr,    \
		 _field)

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

/* Whoever may open the device may read; @fd, if given, is the proof. */
static int hp_may_read(struct sk_buff *skb, const struct nlattr *fd,
		       struct netlink_ext_ack *extack)
{
	struct file *file;
	bool ok;

	if (!fd) {
		if (netlink_capable(skb, CAP_SYS_ADMIN))
			return 0;
		NL_SET_ERR_MSG(extack, "device-fd, a descriptor of /dev/hugepost, or CAP_SYS_ADMIN is needed");
		return -EPERM;
	}
	file = fget(nla_get_u32(fd));
	ok = file && hp_is_device(file);
	if (file)
		fput(file);
	if (ok)
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, fd,
			    "device-fd is no descriptor of /dev/hugepost");
	return -EBADF;
}

/* The owner's number where the reader is, 0 if it has none there. */
static pid_t hp_owner_nr(struct hp_object *obj)
{
	lockdep_assert_held(&hp_objects_lock);
	return pid_nr_ns(obj->owner, task_active_pid_ns(current));
}

static struct hp_object *hp_object_find(struct genl_info *info, int attr)
{
	struct hp_object *obj;

	lockdep_assert_held(&hp_objects_lock);
	obj = xa_load(&hp_objects, nla_get_u64(info->attrs[attr]));
	if (obj && hp_owner_nr(obj))
		return obj;
	NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[attr],
			    "no object has this number");
	return NULL;
}

/* Sends a reply that was put together, or frees it. */
static int hp_reply(struct sk_buff *skb, void *hdr, int ret,
		    struct genl_info *info)
{
	if (ret) {
		nlmsg_free(skb);
		return ret;
	}
	genlmsg_end(skb, hdr);
	return genlmsg_reply(skb, info);
}

static int hp_put_command(struct sk_buff *skb, struct hp_object *obj)
{
	char comm[TASK_COMM_LEN];
	struct task_struct *task;

	rcu_read_lock();
	task = pid_task(obj->owner, PIDTYPE_TGID);
	if (task)
		get_task_comm(comm, task);
	rcu_read_unlock();
	return task ? nla_put_string(skb, HUGEPOST_A_OBJECT_COMMAND, comm) : 0;
}

static int hp_put_cgroup(struct sk_buff *skb, struct hp_object *obj)
{
#ifdef CONFIG_MEMCG
	int len;

	lockdep_assert_held(&hp_objects_lock);
	if (!hp_object_ready(obj) || !obj->memcg)
		return 0;
	len = cgroup_path_ns(obj->memcg->css.cgroup, hp_path, sizeof(hp_path),
			     current->nsproxy->cgroup_ns);
	if (len >= 0 && len < sizeof(hp_path))
		return nla_put_string(skb, HUGEPOST_A_OBJECT_CGROUP, hp_path);
#endif
	return 0;
}

static u64 hp_object_filled(struct hp_object *obj, unsigned int channels)
{
	u64 sum = 0;

	while (channels--)
		sum += READ_ONCE(obj->channels[channels].pages) -
		       READ_ONCE(obj->channels[channels].replaced);
	return sum;
}

static int hp_put_object(struct sk_buff *skb, struct hp_object *obj)
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
	    nla_put_u32(skb, HUGEPOST_A_OBJECT_MODE, stats.out_mode) ||
	    nla_put_u32(skb, HUGEPOST_A_OBJECT_HOST_PAGE,
			stats.out_host_page) ||
	    nla_put_u32(skb, HUGEPOST_A_OBJECT_TARGET_PAGE,
			stats.out_target_page) ||
	    nla_put_u32(skb, HUGEPOST_A_OBJECT_CHANNELS, stats.out_channels))
		return -EMSGSIZE;
	return 0;
}

static int hp_object_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct hp_object *obj;
	struct sk_buff *msg;
	void *hdr;
	int ret;

	ret = hp_may_read(skb, info->attrs[HUGEPOST_A_OBJECT_DEVICE_FD],
			  info->extack);
	if (ret)
		return ret;
	if (GENL_REQ_ATTR_CHECK(info, HUGEPOST_A_OBJECT_ID))
		return -EINVAL;
	msg = genlmsg_new(HP_REPLY_SIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	hdr = genlmsg_put_reply(msg, info, &hp_family, 0, info->genlhdr->cmd);

	mutex_lock(&hp_objects_lock);
	obj = hp_object_find(info, HUGEPOST_A_OBJECT_ID);
	ret = obj ? hp_put_object(msg, obj) : -ENOENT;
	mutex_unlock(&hp_objects_lock);
	return hp_reply(msg, hdr, ret, info);
}

/* Where a dump goes on. */
struct hp_nl_cursor {
	unsigned long id;
	unsigned int channel;
};

static struct hp_nl_cursor *hp_cursor(struct netlink_callback *cb)
{
	BUILD_BUG_ON(sizeof(struct hp_nl_cursor) > sizeof(cb->ctx));
	return (struct hp_nl_cursor *)cb->ctx;
}

static int hp_object_get_start(struct netlink_callback *cb)
{
	return hp_may_read(cb->skb,
			   hp_compat_dump_attrs(cb)[HUGEPOST_A_OBJECT_DEVICE_FD],
			   cb->extack);
}

static void *hp_put_dump(struct sk_buff *skb, struct netlink_callback *cb,
			 u8 cmd)
{
	void *hdr;

	hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			  &hp_family, NLM_F_MULTI, cmd);
	if (hdr)
		genl_dump_check_consistent(cb, hdr);
	return hdr;
}

static int hp_object_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb)
{
	struct hp_nl_cursor *cursor = hp_cursor(cb);
	struct hp_object *obj;
	unsigned long id;
	int ret = 0;
	void *hdr;

	mutex_lock(&hp_objects_lock);
	cb->seq = hp_generation;
	xa_for_each_start(&hp_objects, id, obj, cursor->id) {
		if (!hp_owner_nr(obj))
			continue;
		hdr = hp_put_dump(skb, cb, HUGEPOST_NL_CMD_OBJECT_GET);
		ret = hdr ? hp_put_object(skb, obj) : -EMSGSIZE;
		if (ret) {
			if (hdr)
				genlmsg_cancel(skb, hdr);
			break;
		}
		genlmsg_end(skb, hdr);
		cursor->id = id + 1;
	}
	mutex_unlock(&hp_objects_lock);
	return skb->len ?: ret;
}

static int hp_channel_get_start(struct netlink_callback *cb)
{
	struct nlattr **attrs = hp_compat_dump_attrs(cb);
	struct nlattr *id = attrs[HUGEPOST_A_CHANNEL_OBJECT];
	struct hp_object *obj;
	int ret;

	ret = hp_may_read(cb->skb, attrs[HUGEPOST_A_CHANNEL_DEVICE_FD],
			  cb->extack);
	if (ret)
		return ret;
	if (!id) {
		NL_SET_ERR_MSG(cb->extack, "object, whose channels are to be told of, is missing");
		return -EINVAL;
	}

	hp_cursor(cb)->id = nla_get_u64(id);
	mutex_lock(&hp_objects_lock);
	obj = xa_load(&hp_objects, hp_cursor(cb)->id);
	if (!obj || !hp_owner_nr(obj)) {
		NL_SET_ERR_MSG_ATTR(cb->extack, id,
				    "no object has this number");
		ret = -ENOENT;
	}
	mutex_unlock(&hp_objects_lock);
	return ret;
}

static int hp_put_channel(struct sk_buff *skb, struct hp_object *obj,
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

/* An object that goes away meanwhile ends the dump. */
static int hp_channel_get_dumpit(struct sk_buff *skb,
				 struct netlink_callback *cb)
{
	struct hp_nl_cursor *cursor = hp_cursor(cb);
	struct hp_object *obj;
	int ret = 0;
	void *hdr;

	mutex_lock(&hp_objects_lock);
	cb->seq = hp_generation;
	obj = xa_load(&hp_objects, cursor->id);
	while (obj && hp_object_ready(obj) && hp_owner_nr(obj) &&
	       cursor->channel < obj->nr_channels) {
		hdr = hp_put_dump(skb, cb, HUGEPOST_NL_CMD_CHANNEL_GET);
		ret = hdr ? hp_put_channel(skb, obj, cursor->channel) :
			    -EMSGSIZE;
		if (ret) {
			if (hdr)
				genlmsg_cancel(skb, hdr);
			break;
		}
		genlmsg_end(skb, hdr);
		cursor->channel++;
	}
	mutex_unlock(&hp_objects_lock);
	return skb->len ?: ret;
}

static int hp_put_map(struct sk_buff *skb, struct hp_object *obj, u32 cells)
{
	u64 per_cell, nr = hp_object_ready(obj) ? obj->nr_hostpages : 0;
	struct nlattr *assembling, *present, *zero;
	int len;

	per_cell = max(1ULL, DIV_ROUND_UP_ULL(nr, cells));
	len = DIV_ROUND_UP_ULL(nr, per_cell) * sizeof(u32);
	if (nla_put_u64_64bit(skb, HUGEPOST_A_MAP_OBJECT, obj->id,
			      HUGEPOST_A_MAP_PAD) ||
	    nla_put_u64_64bit(skb, HUGEPOST_A_MAP_HOST_PAGES, nr,
			      HUGEPOST_A_MAP_PAD) ||
	    nla_put_u64_64bit(skb, HUGEPOST_A_MAP_HOST_PAGES_PER_CELL, per_cell,
			      HUGEPOST_A_MAP_PAD))
		return -EMSGSIZE;
	assembling = nla_reserve(skb, HUGEPOST_A_MAP_ASSEMBLING, len);
	present = nla_reserve(skb, HUGEPOST_A_MAP_PRESENT, len);
	zero = nla_reserve(skb, HUGEPOST_A_MAP_ZERO, len);
	if (!assembling || !present || !zero)
		return -EMSGSIZE;
	memset(nla_data(assembling), 0, len);
	memset(nla_data(present), 0, len);
	memset(nla_data(zero), 0, len);
	if (nr)
		hp_object_map(obj, per_cell, nla_data(assembling),
			      nla_data(present), nla_data(zero));
	return 0;
}

static int hp_map_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct hp_object *obj;
	struct sk_buff *msg;
	void *hdr;
	u32 cells;
	int ret;

	ret = hp_may_read(skb, info->attrs[HUGEPOST_A_MAP_DEVICE_FD],
			  info->extack);
	if (ret)
		return ret;
	if (GENL_REQ_ATTR_CHECK(info, HUGEPOST_A_MAP_OBJECT) ||
	    GENL_REQ_ATTR_CHECK(info, HUGEPOST_A_MAP_CELLS))
		return -EINVAL;
	cells = nla_get_u32(info->attrs[HUGEPOST_A_MAP_CELLS]);
	msg = genlmsg_new(256 + 3 * nla_total_size(cells * sizeof(u32)),
			  GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	hdr = genlmsg_put_reply(msg, info, &hp_family, 0, info->genlhdr->cmd);

	mutex_lock(&hp_objects_lock);
	obj = hp_object_find(info, HUGEPOST_A_MAP_OBJECT);
	ret = obj ? hp_put_map(msg, obj, cells) : -ENOENT;
	mutex_unlock(&hp_objects_lock);
	return hp_reply(msg, hdr, ret, info);
}

static int hp_put_module(struct sk_buff *skb)
{
	const int pad = HUGEPOST_A_MODULE_PAD;
	u64 staging = 0, wanted, ready;
	struct hp_object *obj;
	unsigned long id;
	u32 objects = 0;

	lockdep_assert_held(&hp_objects_lock);
	xa_for_each(&hp_objects, id, obj) {
		struct hugepost_stats stats = {};

		hp_object_stats(obj, &stats);
		staging += stats.out_staging;
		objects++;
	}
	hp_reserve_get(&wanted, &ready);
	if (nla_put_string(skb, HUGEPOST_A_MODULE_VERSION, HP_VERSION) ||
	    nla_put_u32(skb, HUGEPOST_A_MODULE_API_VERSION,
			HUGEPOST_API_VERSION) ||
	    nla_put_u32(skb, HUGEPOST_A_MODULE_GENERATION, hp_generation) ||
	    nla_put_u32(skb, HUGEPOST_A_MODULE_OBJECTS, objects) ||
	    nla_put_u64_64bit(skb, HUGEPOST_A_MODULE_MEMORY, hp_memory_held(),
			      pad) ||
	    nla_put_u64_64bit(skb, HUGEPOST_A_MODULE_STAGING, staging, pad) ||
	    nla_put_u64_64bit(skb, HUGEPOST_A_MODULE_LIMIT, hp_limit_get(),
			      pad) ||
	    nla_put_u64_64bit(skb, HUGEPOST_A_MODULE_RESERVE, wanted, pad) ||
	    nla_put_u64_64bit(skb, HUGEPOST_A_MODULE_RESERVE_READY, ready,
			      pad) ||
	    nla_put_u32(skb, HUGEPOST_A_MODULE_PROGRESS_STEP,
			READ_ONCE(hp_progress_step)))
		return -EMSGSIZE;
	return 0;
}

static int hp_module_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	void *hdr;
	int ret;

	ret = hp_may_read(skb, info->attrs[HUGEPOST_A_MODULE_DEVICE_FD],
			  info->extack);
	if (ret)
		return ret;
	msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	hdr = genlmsg_put_reply(msg, info, &hp_family, 0, info->genlhdr->cmd);

	mutex_lock(&hp_objects_lock);
	ret = hp_put_module(msg);
	mutex_unlock(&hp_objects_lock);
	return hp_reply(msg, hdr, ret, info);
}

/* A size in whole host pages; @old is what holds without the attribute. */
static int hp_get_size(struct genl_info *info, int attr, u64 *size, u64 old)
{
	*size = info->attrs[attr] ? nla_get_u64(info->attrs[attr]) : old;
	if (IS_ALIGNED(*size, HP_HOST_SIZE) || *size == U64_MAX)
		return 0;
	NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[attr],
			    "the size must be a multiple of 2 MiB");
	return -EINVAL;
}

static int hp_module_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *step = info->attrs[HUGEPOST_A_MODULE_PROGRESS_STEP];
	struct nlattr *reserve_attr = info->attrs[HUGEPOST_A_MODULE_RESERVE];
	u64 limit, reserve, wanted, ready;
	int ret;

	if (!netlink_capable(skb, CAP_SYS_ADMIN)) {
		NL_SET_ERR_MSG(info->extack,
			       "settings need CAP_SYS_ADMIN on the host");
		return -EPERM;
	}
	hp_reserve_get(&wanted, &ready);
	ret = hp_get_size(info, HUGEPOST_A_MODULE_LIMIT, &limit,
			  hp_limit_get());
	if (!ret)
		ret = hp_get_size(info, HUGEPOST_A_MODULE_RESERVE, &reserve,
				  wanted);
	if (ret)
		return ret;
	if (reserve_attr && reserve > min(limit, (u64)totalram_pages() << PAGE_SHIFT)) {
		NL_SET_ERR_MSG_ATTR(info->extack, reserve_attr,
				    "the reserve is more than the limit or the machine's memory");
		return -ERANGE;
	}

	if (step)
		WRITE_ONCE(hp_progress_step, nla_get_u32(step));
	hp_limit_set(limit);
	return reserve_attr ? hp_reserve_set(reserve) : 0;
}

static const struct nla_policy hp_module_get_policy[] = {
	[HUGEPOST_A_MODULE_DEVICE_FD] = { .type = NLA_U32 },
};

static const struct nla_policy hp_module_set_policy[] = {
	[HUGEPOST_A_MODULE_LIMIT] = { .type = NLA_U64 },
	[HUGEPOST_A_MODULE_RESERVE] = { .type = NLA_U64 },
	[HUGEPOST_A_MODULE_PROGRESS_STEP] = NLA_POLICY_RANGE(NLA_U32, 1, 100),
};

static const struct nla_policy hp_object_get_policy[] = {
	[HUGEPOST_A_OBJECT_DEVICE_FD] = { .type = NLA_U32 },
	[HUGEPOST_A_OBJECT_ID] = { .type = NLA_U64 },
};

static const struct nla_policy hp_channel_get_policy[] = {
	[HUGEPOST_A_CHANNEL_DEVICE_FD] = { .type = NLA_U32 },
	[HUGEPOST_A_CHANNEL_OBJECT] = { .type = NLA_U64 },
};

static const struct nla_policy hp_map_get_policy[] = {
	[HUGEPOST_A_MAP_DEVICE_FD] = { .type = NLA_U32 },
	[HUGEPOST_A_MAP_OBJECT] = { .type = NLA_U64 },
	[HUGEPOST_A_MAP_CELLS] = NLA_POLICY_RANGE(NLA_U32, 1, HP_MAP_CELLS),
};

#define HP_NL_OP(_cmd, _policy, ...)                                           \
	{                                                                      \
		.cmd = HUGEPOST_NL_CMD_##_cmd,                                 \
		.policy = _policy,                                             \
		.maxattr = ARRAY_SIZE(_policy) - 1,                            \
		__VA_ARGS__                                                    \
	}

static const struct genl_ops hp_nl_ops[] = {
	HP_NL_OP(MODULE_GET, hp_module_get_policy,
		 .doit = hp_module_get_doit),
	HP_NL_OP(MODULE_SET, hp_module_set_policy,
		 .doit = hp_module_set_doit),
	HP_NL_OP(OBJECT_GET, hp_object_get_policy,
		 .doit = hp_object_get_doit,
		 .start = hp_object_get_start,
		 .dumpit = hp_object_get_dumpit),
	HP_NL_OP(CHANNEL_GET, hp_channel_get_policy,
		 .start = hp_channel_get_start,
		 .dumpit = hp_channel_get_dumpit),
	HP_NL_OP(MAP_GET, hp_map_get_policy,
		 .doit = hp_map_get_doit),
};

static const struct genl_multicast_group hp_nl_groups[] = {
	{ .name = HUGEPOST_MCGRP_EVENTS },
};

struct genl_family hp_family __ro_after_init = {
	.name = HUGEPOST_FAMILY_NAME,
	.version = HUGEPOST_FAMILY_VERSION,
	.module = THIS_MODULE,
	.parallel_ops = true,
	.ops = hp_nl_ops,
	.n_ops = ARRAY_SIZE(hp_nl_ops),
	.mcgrps = hp_nl_groups,
	.n_mcgrps = ARRAY_SIZE(hp_nl_groups),
	.resv_start_op = HUGEPOST_NL_CMD_EVENT + 1,
};

int __init hp_netlink_init(void)
{
	return genl_register_family(&hp_family);
}

void hp_netlink_exit(void)
{
	genl_unregister_family(&hp_family);
}
