// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: stall points, see stall.h. Each of two parameters, stall and stall2,
 * takes
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

struct hp_stall {
	char name[32];			/* empty: off */
	unsigned int skip;
	struct task_struct *task;	/* it stays as long as it is here */
};

static DEFINE_SPINLOCK(hp_stall_lock);		/* guards hp_stalls */
static struct hp_stall hp_stalls[2];

static DECLARE_WAIT_QUEUE_HEAD(hp_stall_wait);

static void hp_stall_off(struct hp_stall *stall)
{
	lockdep_assert_held(&hp_stall_lock);
	stall->name[0] = 0;
	WRITE_ONCE(stall->task, NULL);
}

/* Stops there, if it is the one that is to. */
static void hp_stall_in(struct hp_stall *stall, const char *name)
{
	bool stop = false;

	spin_lock(&hp_stall_lock);
	if (!stall->task && !strcmp(name, stall->name))
		stop = !stall->skip--;
	if (stop)
		stall->task = current;
	spin_unlock(&hp_stall_lock);
	if (!stop)
		return;

	wait_event_killable_timeout(hp_stall_wait,
				    READ_ONCE(stall->task) != current,
				    HP_STALL_SECONDS * HZ);
	spin_lock(&hp_stall_lock);
	if (stall->task == current)
		hp_stall_off(stall);
	spin_unlock(&hp_stall_lock);
}

void hp_stall(const char *name)
{
	might_sleep();
	hp_stall_in(&hp_stalls[0], name);
	hp_stall_in(&hp_stalls[1], name);
}

static int hp_stall_set(const char *value, const struct kernel_param *param)
{
	struct hp_stall *stall = param->arg;
	char name[sizeof(stall->name)];
	unsigned int skip = 0;
	int ret = 0;

	if (sscanf(value, "%31s %u", name, &skip) < 1)
		return -EINVAL;
	spin_lock(&hp_stall_lock);
	if (!strcmp(name, "go")) {
		ret = stall->task ? 0 : -ESRCH;
		hp_stall_off(stall);
	} else if (stall->task) {
		ret = -EBUSY;
	} else {
		strscpy(stall->name, name, sizeof(stall->name));
		stall->skip = skip;
	}
	spin_unlock(&hp_stall_lock);
	wake_up_all(&hp_stall_wait);
	return ret;
}

static int hp_stall_get(char *buf, const struct kernel_param *param)
{
	struct hp_stall *stall = param->arg;
	int len;

	spin_lock(&hp_stall_lock);
	if (stall->task)
		len = sprintf(buf, "stopped %d\n", stall->task->pid);
	else
		len = sprintf(buf, stall->name[0] ? "waiting\n" : "off\n");
	spin_unlock(&hp_stall_lock);
	return len;
}

static const struct kernel_param_ops hp_stall_ops = {
	.set = hp_stall_set,
	.get = hp_stall_get,
};

module_param_cb(stall, &hp_stall_ops, &hp_stalls[0], 0600);
MODULE_PARM_DESC(stall, "stops a task, for tests; see kmod/stall.c");
module_param_cb(stall2, &hp_stall_ops, &hp_stalls[1], 0600);
MODULE_PARM_DESC(stall2, "stops another task");
