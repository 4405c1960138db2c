// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: stall points, see stall.h. The parameter takes
 *
 *	NAME		the next task that comes to the point NAME stops there
 *	NAME SKIP	the same, but the first SKIP that come pass
 *	go		it goes on; ESRCH if none was stopped, and none will be
 *
 * and tells "off", "waiting", or "stopped" and the number of the task. A task
 * that was forgotten goes on by itself, and one that is killed does.
 */
#include <linux/kernel.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/wait.h>

#include "stall.h"

#define HP_STALL_SECONDS	120

static DEFINE_SPINLOCK(hp_stall_lock);		/* guards the three below */
static char hp_stall_name[32];			/* empty: off */
static unsigned int hp_stall_skip;
static struct task_struct *hp_stall_task;	/* it stays as long as it is here */

static DECLARE_WAIT_QUEUE_HEAD(hp_stall_wait);

static void hp_stall_off(void)
{
	lockdep_assert_held(&hp_stall_lock);
	hp_stall_name[0] = 0;
	WRITE_ONCE(hp_stall_task, NULL);
}

void hp_stall(const char *name)
{
	bool stop = false;

	might_sleep();
	spin_lock(&hp_stall_lock);
	if (!hp_stall_task && !strcmp(name, hp_stall_name))
		stop = !hp_stall_skip--;
	if (stop)
		hp_stall_task = current;
	spin_unlock(&hp_stall_lock);
	if (!stop)
		return;

	wait_event_killable_timeout(hp_stall_wait,
				    READ_ONCE(hp_stall_task) != current,
				    HP_STALL_SECONDS * HZ);
	spin_lock(&hp_stall_lock);
	if (hp_stall_task == current)
		hp_stall_off();
	spin_unlock(&hp_stall_lock);
}

static int hp_stall_set(const char *value, const struct kernel_param *param)
{
	char name[sizeof(hp_stall_name)];
	unsigned int skip = 0;
	int ret = 0;

	if (sscanf(value, "%31s %u", name, &skip) < 1)
		return -EINVAL;
	spin_lock(&hp_stall_lock);
	if (!strcmp(name, "go")) {
		ret = hp_stall_task ? 0 : -ESRCH;
		hp_stall_off();
	} else if (hp_stall_task) {
		ret = -EBUSY;
	} else {
		strscpy(hp_stall_name, name, sizeof(hp_stall_name));
		hp_stall_skip = skip;
	}
	spin_unlock(&hp_stall_lock);
	wake_up_all(&hp_stall_wait);
	return ret;
}

static int hp_stall_get(char *buf, const struct kernel_param *param)
{
	int len;

	spin_lock(&hp_stall_lock);
	if (hp_stall_task)
		len = sprintf(buf, "stopped %d\n", hp_stall_task->pid);
	else
		len = sprintf(buf, hp_stall_name[0] ? "waiting\n" : "off\n");
	spin_unlock(&hp_stall_lock);
	return len;
}

static const struct kernel_param_ops hp_stall_ops = {
	.set = hp_stall_set,
	.get = hp_stall_get,
};

module_param_cb(stall, &hp_stall_ops, NULL, 0600);
MODULE_PARM_DESC(stall, "stops a task, for tests; see kmod/stall.c");
