// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: events for operators, a multicast group of the netlink family. What
 * was told of is guarded by arm_lock.
 */
#include <linux/ktime.h>
#include <linux/math64.h>
#include <net/genetlink.h>

#include "netlink_events.h"
#include "registry.h"
#include "stall.h"

unsigned int hp_progress_step = 10;

static struct genl_family *hp_events_family; /* constant while there are objects */

static int hp_put_event(struct sk_buff *skb, struct hp_object *obj,
			enum hugepost_event_kind kind)
{
	const int pad = HUGEPOST_A_EVENT_PAD;

	if (nla_put_u32(skb, HUGEPOST_A_EVENT_KIND, kind) ||
	    nla_put_u64_64bit(skb, HUGEPOST_A_EVENT_OBJECT, obj->id, pad) ||
	    nla_put_u64_64bit(skb, HUGEPOST_A_EVENT_TIME,
			      ktime_get_real_ns(), pad) ||
	    nla_put_u32(skb, HUGEPOST_A_EVENT_GENERATION,
			atomic_read(&hp_generation)) ||
	    nla_put_u64_64bit(skb, HUGEPOST_A_EVENT_HOST_PAGES,
			      obj->nr_hostpages, pad) ||
	    nla_put_u64_64bit(skb, HUGEPOST_A_EVENT_COMPLETE,
			      hp_object_complete(obj), pad))
		return -EMSGSIZE;
	return 0;
}

/*
 * Tells whoever listens. An event that there is no memory for is lost, as one
 * is that a slow listener has no room for; that one learns of it (ENOBUFS).
 */
void hp_report(struct hp_object *obj, enum hugepost_event_kind kind)
{
	struct sk_buff *skb;
	void *hdr;

	hp_stall("report");
	if (!obj->id || !genl_has_listeners(hp_events_family, &init_net, 0))
		return;
	skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!skb)
		return;
	hdr = genlmsg_put(skb, 0, 0, hp_events_family, 0, HUGEPOST_NL_CMD_EVENT);
	if (!hdr || hp_put_event(skb, obj, kind)) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, hdr);
	genlmsg_multicast(hp_events_family, skb, 0, 0, GFP_KERNEL);
}

/* The first number of complete host pages that is a progress to be told of. */
static u64 hp_next_report(struct hp_object *obj, u64 complete)
{
	unsigned int step = READ_ONCE(hp_progress_step);
	u64 percent = div64_u64(complete * 100, obj->nr_hostpages);

	percent = min(100ULL, (div_u64(percent, step) + 1) * step);
	return DIV_ROUND_UP_ULL(obj->nr_hostpages * percent, 100);
}

/*
 * What was told is not told again until ARM, so that there are no more events
 * than steps in 100 %, whatever is discarded.
 */
void hp_report_change(struct hp_object *obj)
{
	u64 complete;

	mutex_lock(&obj->arm_lock);
	complete = hp_object_complete(obj);
	if (!obj->filled)
		hp_report(obj, HUGEPOST_EVENT_KIND_FIRST_FILL);
	if (complete >= obj->nr_hostpages) {
		if (obj->next_report != U64_MAX)
			hp_report(obj, HUGEPOST_EVENT_KIND_COMPLETE);
		WRITE_ONCE(obj->next_report, U64_MAX);
	} else if (complete >= obj->next_report) {
		if (obj->next_report)
			hp_report(obj, HUGEPOST_EVENT_KIND_PROGRESS);
		WRITE_ONCE(obj->next_report, hp_next_report(obj, complete));
	}
	obj->filled = true;
	mutex_unlock(&obj->arm_lock);
}

/* Armed: a new migration, which is told of from its beginning. */
void hp_report_again(struct hp_object *obj)
{
	lockdep_assert_held(&obj->arm_lock);
	obj->filled = false;
	WRITE_ONCE(obj->next_report, 0);
}

void __init hp_report_init(struct genl_family *family)
{
	hp_events_family = family;
}
