// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: an object's mode, as it changes, and who ends.
 *
 * arm_lock guards the mode against other writers.
 */
#include <linux/ktime.h>
#include <linux/sched/signal.h>

#include "mode.h"
#include "netlink_events.h"

/* Notes and tells that the mode is another. */
void hp_mode_changed(struct hp_object *obj, enum hugepost_event_kind kind)
{
	lockdep_assert_held(&obj->arm_lock);
	WRITE_ONCE(obj->mode_since, ktime_get_boottime_ns());
	hp_report(obj, kind);
}

void hp_disarm_locked(struct hp_object *obj)
{
	lockdep_assert_held(&obj->arm_lock);
	if (obj->waits.mode == HUGEPOST_MODE_UNARMED)
		return;
	hp_waits_end(&obj->waits, HUGEPOST_MODE_UNARMED);
	hp_mode_changed(obj, HUGEPOST_EVENT_KIND_DISARMED);
}

void hp_disarm_object(struct hp_object *obj)
{
	mutex_lock(&obj->arm_lock);
	hp_disarm_locked(obj);
	mutex_unlock(&obj->arm_lock);
}

/* Is the whole process exiting, not just a thread with files of its own? */
bool hp_process_exits(void)
{
	return (current->flags & PF_EXITING) &&
	       ((current->signal->flags & SIGNAL_GROUP_EXIT) ||
		!atomic_read(&current->signal->live));
}
