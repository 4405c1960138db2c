// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: the generic netlink family, see uapi/hugepost.yaml.
 */
#include <linux/file.h>
#include <linux/math64.h>
#include <linux/nospec.h>
#include <net/genetlink.h>

#include "compat.h"
#include "lifetime.h"
#include "netlink.h"
#include "netlink_attrs.h"
#include "netlink_events.h"
#include "registry.h"
#include "reserve.h"
#include "stall.h"
#include "stats.h"
#include "thin.h"

#define HP_MAP_CELLS	4096
#define HP_TRIM_WALK	128	/* host pages that one request trims at most */

/*
 * Host pages that one request for a map looks at. As long as any request is under
 * way, nobody can register or unregister a family; and once somebody tries to, no
 * other request of generic netlink begins (its cb_lock).
 */
#define HP_MAP_WALK	BIT(20)

#define HP_REPLY_SIZE	(PATH_MAX + 2048)	/* more than any object needs */

static struct genl_family hp_family;
static const struct file_operations *hp_device_fops; /* of /dev/hugepost */
static DEFINE_MUTEX(hp_settings_lock); /* makes one change of settings one */

/* Whoever may open the device may read; @fd, if given, is the proof. */
static int hp_may_read(struct sk_buff *skb, const struct nlattr *fd,
		       struct netlink_ext_ack *extack)
{
	struct file *file;
	bool ok;

	if (!fd) {
		if (netlink_capable(skb, CAP_SYS_ADMIN))
			return 0;
		NL_SET_ERR_MSG(extack, "needs CAP_SYS_ADMIN, or device-fd of /dev/hugepost");
		return -EPERM;
	}
	file = fget(nla_get_u32(fd));
	ok = file && file->f_op == hp_device_fops;
	if (file)
		fput(file);
	if (ok)
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, fd,
			    "device-fd is no descriptor of /dev/hugepost");
	return -EBADF;
}

/*
 * The first object from number *@id to @last that is there for the reader, who
 * puts its tables; NULL if there is none. *@id becomes its number.
 */
static struct hp_object *hp_object_look_up(unsigned long *id, unsigned long last)
{
	struct hp_object *obj;
	unsigned long i;

	mutex_lock(&hp_registry_lock);
	xa_for_each_range(&hp_registry, i, obj, *id, last)
		if (hp_owner_nr(obj))
			break;
	if (obj)
		hp_tables_get(obj);
	mutex_unlock(&hp_registry_lock);
	if (!obj)
		return NULL;
	*id = i;
	hp_stall("object-found");
	return obj;
}

static struct hp_object *hp_object_find(const struct nlattr *nla,
					struct netlink_ext_ack *extack)
{
	unsigned long id = nla_get_u64(nla);
	struct hp_object *obj = hp_object_look_up(&id, id);

	if (!obj)
		NL_SET_ERR_MSG_ATTR(extack, nla, "no object has this number");
	return obj;
}

static struct sk_buff *hp_reply_new(struct genl_info *info, size_t size)
{
	struct sk_buff *skb = genlmsg_new(size, GFP_KERNEL);

	if (skb && !genlmsg_put_reply(skb, info, &hp_family, 0,
				      info->genlhdr->cmd)) {
		nlmsg_free(skb);
		return NULL;
	}
	return skb;
}

/* Sends a reply that was put together, or frees it. */
static int hp_reply(struct sk_buff *skb, int ret, struct genl_info *info)
{
	if (ret) {
		nlmsg_free(skb);
		return ret;
	}
	nlmsg_end(skb, nlmsg_hdr(skb));
	return genlmsg_reply(skb, info);
}

static int hp_object_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct hp_object *obj;
	struct sk_buff *msg;
	int ret;

	ret = hp_may_read(skb, info->attrs[HUGEPOST_A_OBJECT_DEVICE_FD],
			  info->extack);
	if (ret)
		return ret;
	if (GENL_REQ_ATTR_CHECK(info, HUGEPOST_A_OBJECT_ID))
		return -EINVAL;
	msg = hp_reply_new(info, HP_REPLY_SIZE);
	if (!msg)
		return -ENOMEM;

	obj = hp_object_find(info->attrs[HUGEPOST_A_OBJECT_ID], info->extack);
	ret = obj ? hp_describe_object(msg, obj) : -ENOENT;
	if (obj)
		hp_tables_put(obj);
	return hp_reply(msg, ret, info);
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
	struct nlattr **attrs = hp_compat_dump_attrs(cb);

	if (attrs[HUGEPOST_A_OBJECT_ID]) {
		NL_SET_ERR_MSG_ATTR(cb->extack, attrs[HUGEPOST_A_OBJECT_ID],
				    "a dump is of all objects");
		return -EINVAL;
	}
	cb->min_dump_alloc = HP_REPLY_SIZE;
	return hp_may_read(cb->skb, attrs[HUGEPOST_A_OBJECT_DEVICE_FD],
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

static int hp_dump_object(struct sk_buff *skb, struct netlink_callback *cb,
			  struct hp_object *obj)
{
	void *hdr = hp_put_dump(skb, cb, HUGEPOST_NL_CMD_OBJECT_GET);
	int ret = hdr ? hp_describe_object(skb, obj) : -EMSGSIZE;

	if (ret)
		genlmsg_cancel(skb, hdr);
	else
		genlmsg_end(skb, hdr);
	return ret;
}

static int hp_object_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb)
{
	struct hp_nl_cursor *cursor = hp_cursor(cb);
	struct hp_object *obj;
	int ret = 0;

	while (!ret) {
		/* Before the look: who comes or goes after it shows. */
		cb->seq = atomic_read(&hp_generation);
		obj = hp_object_look_up(&cursor->id, ULONG_MAX);
		if (!obj)
			break;
		ret = hp_dump_object(skb, cb, obj);
		hp_tables_put(obj);
		if (!ret)
			cursor->id++;
	}
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
	obj = hp_object_find(id, cb->extack);
	if (!obj)
		return -ENOENT;
	hp_tables_put(obj);
	return 0;
}

/* An object that goes away meanwhile ends the dump. */
static int hp_channel_get_dumpit(struct sk_buff *skb,
				 struct netlink_callback *cb)
{
	struct hp_nl_cursor *cursor = hp_cursor(cb);
	struct hp_object *obj;
	int ret = 0;
	void *hdr;

	cb->seq = 1; /* an object keeps its channels */
	obj = hp_object_look_up(&cursor->id, cursor->id);
	if (!obj)
		return 0;
	while (hp_object_ready(obj) && cursor->channel < obj->nr_channels) {
		hdr = hp_put_dump(skb, cb, HUGEPOST_NL_CMD_CHANNEL_GET);
		ret = hdr ? hp_describe_channel(skb, obj, cursor->channel) :
			    -EMSGSIZE;
		if (ret) {
			genlmsg_cancel(skb, hdr);
			break;
		}
		genlmsg_end(skb, hdr);
		cursor->channel++;
	}
	hp_tables_put(obj);
	return skb->len ?: ret;
}

/* Which cells of the object the reply has: as many as may be walked at once. */
static int hp_map_lay_out(struct hp_object *obj, struct genl_info *info,
			  struct hp_map *map)
{
	struct nlattr *cells = info->attrs[HUGEPOST_A_MAP_CELLS];
	struct nlattr *first = info->attrs[HUGEPOST_A_MAP_FIRST_CELL];
	u32 all;

	*map = (struct hp_map){
		.host_pages = hp_object_ready(obj) ? obj->nr_hostpages : 0,
		.first = first ? nla_get_u32(first) : 0,
	};
	map->per_cell = max(1ULL, DIV_ROUND_UP_ULL(map->host_pages,
						   nla_get_u32(cells)));
	BUILD_BUG_ON((HP_LENGTH_MAX >> HP_HOST_SHIFT) / 32 > HP_MAP_WALK);
	if (map->per_cell > HP_MAP_WALK) {
		NL_SET_ERR_MSG_ATTR(info->extack, cells,
				    "a cell would stand for more than 2^20 host pages, ask for at least 32 cells");
		return -ERANGE;
	}
	all = DIV_ROUND_UP_ULL(map->host_pages, map->per_cell);
	if (map->first && map->first >= all) {
		NL_SET_ERR_MSG_ATTR(info->extack, first,
				    "the object has fewer cells");
		return -ERANGE;
	}
	map->nr = min_t(u64, all - map->first,
			div64_u64(HP_MAP_WALK, map->per_cell));
	return 0;
}

static int hp_map_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct hp_object *obj;
	struct sk_buff *msg;
	struct hp_map map;
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
	msg = hp_reply_new(info, 256 + 3 * nla_total_size(cells * sizeof(u32)));
	if (!msg)
		return -ENOMEM;

	obj = hp_object_find(info->attrs[HUGEPOST_A_MAP_OBJECT], info->extack);
	ret = obj ? hp_map_lay_out(obj, info, &map) : -ENOENT;
	if (!ret)
		ret = hp_describe_map(msg, obj, &map);
	if (obj)
		hp_tables_put(obj);
	if (!ret && fatal_signal_pending(current))
		ret = -EINTR;
	return hp_reply(msg, ret, info);
}

/* Trims as many host pages as a request may, and tells of it. */
static int hp_trim_some(struct sk_buff *msg, struct hp_object *obj,
			struct genl_info *info)
{
	struct nlattr *nla = info->attrs[HUGEPOST_A_TRIM_FIRST_HOST_PAGE];
	u64 nr = hp_object_ready(obj) ? obj->nr_hostpages : 0;
	u64 first = nla ? nla_get_u64(nla) : 0, end = nr;
	const int pad = HUGEPOST_A_TRIM_PAD;
	unsigned long done = 0;
	int ret = 0;

	if (first < nr) {
		first = array_index_nospec(first, nr);
		end = min_t(u64, first + HP_TRIM_WALK, nr);
		ret = hp_thin_now(obj, first, end, &done);
	} else if (first) {
		NL_SET_ERR_MSG_ATTR(info->extack, nla,
				    "the object has fewer host pages");
		ret = -ERANGE;
	}
	if (ret)
		return ret;
	if (nla_put_u64_64bit(msg, HUGEPOST_A_TRIM_OBJECT, obj->id, pad) ||
	    nla_put_u64_64bit(msg, HUGEPOST_A_TRIM_TRIMMED, done, pad) ||
	    (end < nr && nla_put_u64_64bit(msg, HUGEPOST_A_TRIM_NEXT_HOST_PAGE,
					   end, pad)))
		return -EMSGSIZE;
	return 0;
}

static int hp_object_trim_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct hp_object *obj;
	struct sk_buff *msg;
	int ret;

	if (!netlink_capable(skb, CAP_SYS_ADMIN)) {
		NL_SET_ERR_MSG(info->extack,
			       "to trim needs CAP_SYS_ADMIN on the host");
		return -EPERM;
	}
	if (GENL_REQ_ATTR_CHECK(info, HUGEPOST_A_TRIM_OBJECT))
		return -EINVAL;
	msg = hp_reply_new(info, GENLMSG_DEFAULT_SIZE);
	if (!msg)
		return -ENOMEM;

	obj = hp_object_find(info->attrs[HUGEPOST_A_TRIM_OBJECT], info->extack);
	ret = obj ? hp_trim_some(msg, obj, info) : -ENOENT;
	if (obj)
		hp_tables_put(obj);
	return hp_reply(msg, ret, info);
}

static int hp_put_module(struct sk_buff *skb)
{
	const int pad = HUGEPOST_A_MODULE_PAD;
	u64 staging = 0;
	struct hp_object *obj;
	unsigned long id;
	u32 objects = 0;

	lockdep_assert_held(&hp_registry_lock);
	xa_for_each(&hp_registry, id, obj) {
		struct hugepost_stats stats = {};

		hp_object_stats(obj, &stats);
		staging += stats.out_staging;
		objects++;
	}
	if (nla_put_string(skb, HUGEPOST_A_MODULE_VERSION, HP_VERSION) ||
	    nla_put_u32(skb, HUGEPOST_A_MODULE_API_VERSION,
			HUGEPOST_API_VERSION) ||
	    nla_put_u32(skb, HUGEPOST_A_MODULE_GENERATION,
			atomic_read(&hp_generation)) ||
	    nla_put_u32(skb, HUGEPOST_A_MODULE_OBJECTS, objects) ||
	    nla_put_u64_64bit(skb, HUGEPOST_A_MODULE_MEMORY, hp_held_get(),
			      pad) ||
	    nla_put_u64_64bit(skb, HUGEPOST_A_MODULE_STAGING, staging, pad) ||
	    nla_put_u64_64bit(skb, HUGEPOST_A_MODULE_LIMIT, hp_limit_get(),
			      pad) ||
	    nla_put_u64_64bit(skb, HUGEPOST_A_MODULE_RESERVE, hp_reserve_get(),
			      pad) ||
	    nla_put_u64_64bit(skb, HUGEPOST_A_MODULE_RESERVE_READY,
			      hp_reserve_get_ready(), pad) ||
	    nla_put_u8(skb, HUGEPOST_A_MODULE_RESERVE_FILLING,
		       hp_reserve_is_filling()) ||
	    nla_put_u32(skb, HUGEPOST_A_MODULE_PROGRESS_STEP,
			READ_ONCE(hp_progress_step)))
		return -EMSGSIZE;
	return 0;
}

static int hp_module_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	int ret;

	ret = hp_may_read(skb, info->attrs[HUGEPOST_A_MODULE_DEVICE_FD],
			  info->extack);
	if (ret)
		return ret;
	msg = hp_reply_new(info, GENLMSG_DEFAULT_SIZE);
	if (!msg)
		return -ENOMEM;

	mutex_lock(&hp_registry_lock);
	ret = hp_put_module(msg);
	mutex_unlock(&hp_registry_lock);
	return hp_reply(msg, ret, info);
}

/* Is a size, if it is there, one of whole host pages? */
static int hp_check_size(struct genl_info *info, int attr)
{
	struct nlattr *nla = info->attrs[attr];

	if (!nla || IS_ALIGNED(nla_get_u64(nla), HP_HOST_SIZE) ||
	    nla_get_u64(nla) == U64_MAX)
		return 0;
	NL_SET_ERR_MSG_ATTR(info->extack, nla,
			    "the size must be a multiple of 2 MiB");
	return -EINVAL;
}

static int hp_module_set(struct genl_info *info)
{
	struct nlattr *step = info->attrs[HUGEPOST_A_MODULE_PROGRESS_STEP];
	struct nlattr *limit = info->attrs[HUGEPOST_A_MODULE_LIMIT];
	struct nlattr *reserve = info->attrs[HUGEPOST_A_MODULE_RESERVE];
	u64 most = limit ? nla_get_u64(limit) : hp_limit_get();

	lockdep_assert_held(&hp_settings_lock);
	most = min(most, (u64)totalram_pages() << PAGE_SHIFT);
	if (reserve && nla_get_u64(reserve) > most) {
		NL_SET_ERR_MSG_ATTR(info->extack, reserve,
				    "the reserve is more than the limit or the machine's memory");
		return -ERANGE;
	}

	if (step)
		WRITE_ONCE(hp_progress_step, nla_get_u32(step));
	if (limit)
		hp_limit_set(nla_get_u64(limit));
	if (reserve)
		hp_reserve_set(nla_get_u64(reserve));
	return 0;
}

static int hp_module_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	int ret;

	if (!netlink_capable(skb, CAP_SYS_ADMIN)) {
		NL_SET_ERR_MSG(info->extack,
			       "settings need CAP_SYS_ADMIN on the host");
		return -EPERM;
	}
	ret = hp_check_size(info, HUGEPOST_A_MODULE_LIMIT);
	if (!ret)
		ret = hp_check_size(info, HUGEPOST_A_MODULE_RESERVE);
	if (ret)
		return ret;

	mutex_lock(&hp_settings_lock);
	ret = hp_module_set(info);
	mutex_unlock(&hp_settings_lock);
	return ret;
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
	[HUGEPOST_A_MAP_FIRST_CELL] = NLA_POLICY_MAX(NLA_U32, HP_MAP_CELLS - 1),
};

static const struct nla_policy hp_object_trim_policy[] = {
	[HUGEPOST_A_TRIM_OBJECT] = { .type = NLA_U64 },
	[HUGEPOST_A_TRIM_FIRST_HOST_PAGE] = { .type = NLA_U64 },
};

static const struct genl_ops hp_nl_ops[] = {
	{
		.cmd = HUGEPOST_NL_CMD_MODULE_GET,
		.policy = hp_module_get_policy,
		.maxattr = ARRAY_SIZE(hp_module_get_policy) - 1,
		.doit = hp_module_get_doit,
	},
	{
		.cmd = HUGEPOST_NL_CMD_MODULE_SET,
		.policy = hp_module_set_policy,
		.maxattr = ARRAY_SIZE(hp_module_set_policy) - 1,
		.doit = hp_module_set_doit,
	},
	{
		.cmd = HUGEPOST_NL_CMD_OBJECT_GET,
		.policy = hp_object_get_policy,
		.maxattr = ARRAY_SIZE(hp_object_get_policy) - 1,
		.doit = hp_object_get_doit,
		.start = hp_object_get_start,
		.dumpit = hp_object_get_dumpit,
	},
	{
		.cmd = HUGEPOST_NL_CMD_CHANNEL_GET,
		.policy = hp_channel_get_policy,
		.maxattr = ARRAY_SIZE(hp_channel_get_policy) - 1,
		.start = hp_channel_get_start,
		.dumpit = hp_channel_get_dumpit,
	},
	{
		.cmd = HUGEPOST_NL_CMD_MAP_GET,
		.policy = hp_map_get_policy,
		.maxattr = ARRAY_SIZE(hp_map_get_policy) - 1,
		.doit = hp_map_get_doit,
	},
	{
		.cmd = HUGEPOST_NL_CMD_OBJECT_TRIM,
		.policy = hp_object_trim_policy,
		.maxattr = ARRAY_SIZE(hp_object_trim_policy) - 1,
		.doit = hp_object_trim_doit,
	},
};

static const struct genl_multicast_group hp_nl_groups[] = {
	{
		.name = HUGEPOST_MCGRP_EVENTS,
		.flags = GENL_MCAST_CAP_SYS_ADMIN,
	},
};

static struct genl_family hp_family __ro_after_init = {
	.name = HUGEPOST_FAMILY_NAME,
	.version = HUGEPOST_FAMILY_VERSION,
	.module = THIS_MODULE,
	.parallel_ops = true,
	.ops = hp_nl_ops,
	.n_ops = ARRAY_SIZE(hp_nl_ops),
	.mcgrps = hp_nl_groups,
	.n_mcgrps = ARRAY_SIZE(hp_nl_groups),
};

int __init hp_netlink_init(const struct file_operations *device_fops)
{
	hp_device_fops = device_fops;
	hp_report_init(&hp_family);
	return genl_register_family(&hp_family);
}

void hp_netlink_exit(void)
{
	genl_unregister_family(&hp_family);
}
