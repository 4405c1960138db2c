// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: does this kernel keep the rules that all is built on? Looked at when
 * the module is loaded, before the device appears.
 *
 * An object of one host page, in memory that is poisoned, is mapped into the
 * loading process, filled, touched and discarded by the calls that a VMM makes.
 * What is mapped is looked at with page faults off: a read that succeeds then has
 * found an entry.
 *
 * All of it is done by a kernel thread that uses the loading process's memory.
 * Only such a thread can drop the last reference to the object's file at once,
 * and the file must be gone before the module can be, should loading fail.
 */
#include <linux/completion.h>
#include <linux/file.h>
#include <linux/kthread.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/uaccess.h>

#include "hostpage.h"
#include "inode.h"
#include "map.h"
#include "selftest.h"

#define HP_POISON	0x5a	/* in memory that was not filled */
#define HP_FILLING	0xa5	/* in what is filled */
#define HP_READ_SUB	5	/* target pages that are filled one by one, ... */
#define HP_WRITTEN_SUB	7	/* ... and read or written first */

struct hp_selftest {
	const struct file_operations *fops;
	struct mm_struct *mm;
	struct completion done;
	struct hp_object *obj;
	struct file *file;
	unsigned long ram;	/* where the object is mapped, or 0 */
	unsigned long scratch;	/* arguments, then a source; or 0 */
	const char *broken;	/* the rule that does not hold, or NULL */
	int ret;		/* why the rules could not be looked at */
};

/* Calls the device as user space does; @arg starts with its size. */
static int __init hp_selftest_call(struct hp_selftest *t, unsigned int cmd,
				   const void *arg, size_t size)
{
	if (copy_to_user((void __user *)t->scratch, arg, size))
		return -EFAULT;
	return t->fops->unlocked_ioctl(t->file, cmd, t->scratch);
}

static int __init hp_selftest_fill(struct hp_selftest *t, unsigned int sub,
				   unsigned int nr, u32 flags)
{
	const unsigned long entry = t->scratch + PAGE_SIZE / 2;
	struct hugepost_fill_entry e = {
		.offset = (u64)sub << PAGE_SHIFT,
		.src = flags & HUGEPOST_FILL_ZERO ? 0 : t->scratch + PAGE_SIZE,
		.len = (u64)nr << PAGE_SHIFT,
		.flags = flags,
	};
	struct hugepost_fill fill = {
		.size = sizeof(fill),
		.nr = 1,
		.entries = entry,
	};

	if (copy_to_user((void __user *)entry, &e, sizeof(e)))
		return -EFAULT;
	return hp_selftest_call(t, HUGEPOST_FILL, &fill, sizeof(fill));
}

static int __init hp_selftest_discard(struct hp_selftest *t, unsigned int sub,
				      unsigned int nr)
{
	struct hugepost_discard discard = {
		.size = sizeof(discard),
		.offset = (u64)sub << PAGE_SHIFT,
		.length = (u64)nr << PAGE_SHIFT,
	};

	return hp_selftest_call(t, HUGEPOST_DISCARD, &discard, sizeof(discard));
}

static u8 __user *__init hp_selftest_page(struct hp_selftest *t,
					  unsigned int sub)
{
	return (u8 __user *)t->ram + ((size_t)sub << PAGE_SHIFT);
}

/* Is there an entry for the target page? Its first byte goes to *@byte. */
static bool __init hp_selftest_mapped(struct hp_selftest *t, unsigned int sub,
				      u8 *byte)
{
	int ret;

	pagefault_disable();
	ret = __get_user(*byte, hp_selftest_page(t, sub));
	pagefault_enable();
	return !ret;
}

static bool __init hp_selftest_any_mapped(struct hp_selftest *t, bool but_filled)
{
	unsigned int sub;
	u8 byte;

	for (sub = 0; sub < HP_SUBS; sub++)
		if (!(but_filled && (sub == HP_READ_SUB ||
				     sub == HP_WRITTEN_SUB)) &&
		    hp_selftest_mapped(t, sub, &byte))
			return true;
	return false;
}

static int __init hp_selftest_map(struct hp_selftest *t)
{
	unsigned long addr = vm_mmap(t->file, 0, HP_HOST_SIZE,
				     PROT_READ | PROT_WRITE, MAP_SHARED, 0);

	if (IS_ERR_VALUE(addr))
		return addr;
	t->ram = addr;
	return 0;
}

static void __init hp_selftest_unmap(struct hp_selftest *t)
{
	if (t->ram)
		vm_munmap(t->ram, HP_HOST_SIZE);
	t->ram = 0;
}

/* An object of its own, with memory that has old bytes in it. */
static int __init hp_selftest_begin(struct hp_selftest *t)
{
	struct hugepost_setup setup = {
		.size = sizeof(setup),
		.flags = HUGEPOST_SETUP_PREALLOC,
		.length = HP_HOST_SIZE,
	};
	unsigned long addr;
	int ret;

	addr = vm_mmap(NULL, 0, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, 0);
	if (IS_ERR_VALUE(addr))
		return addr;
	t->scratch = addr;

	t->obj = hp_object_alloc();
	if (IS_ERR(t->obj))
		return PTR_ERR(t->obj);
	t->file = hp_inode_file(t->obj->inode, t->fops);
	if (IS_ERR(t->file)) {
		hp_object_put(t->obj);
		return PTR_ERR(t->file);
	}
	t->file->private_data = t->obj;

	ret = hp_selftest_call(t, HUGEPOST_SETUP, &setup, sizeof(setup));
	if (ret)
		return ret;
	memset(folio_address(hp_hostpage_find(t->obj, 0)->folio), HP_POISON,
	       HP_HOST_SIZE);
	return hp_selftest_map(t);
}

static void __init hp_selftest_end(struct hp_selftest *t)
{
	hp_selftest_unmap(t);
	if (t->scratch)
		vm_munmap(t->scratch, 2 * PAGE_SIZE);
	if (!IS_ERR_OR_NULL(t->file))
		__fput_sync(t->file);
}

/* Rule: of a host page that assembles, what was filled is mapped, and no more. */
static int __init hp_selftest_partial(struct hp_selftest *t)
{
	u8 byte;
	int ret;

	if (clear_user((u8 __user *)t->scratch + PAGE_SIZE, PAGE_SIZE) ||
	    put_user(HP_FILLING, (u8 __user *)t->scratch + PAGE_SIZE))
		return -EFAULT;
	/* An earlier touch, as mlockall() makes it, leaves nothing. */
	ret = hp_selftest_discard(t, 0, HP_SUBS);
	if (!ret)
		ret = hp_selftest_fill(t, HP_READ_SUB, 1, 0);
	if (!ret)
		ret = hp_selftest_fill(t, HP_WRITTEN_SUB, 1, 0);
	if (ret)
		return ret;

	if (get_user(byte, hp_selftest_page(t, HP_READ_SUB)) ||
	    byte != HP_FILLING)
		t->broken = "a target page that was filled cannot be read";
	else if (hp_selftest_any_mapped(t, true))
		t->broken = "a page that was not filled can be read beside one that was read";
	else if (put_user(HP_FILLING, hp_selftest_page(t, HP_WRITTEN_SUB)))
		t->broken = "a target page that was filled cannot be written";
	else if (hp_selftest_any_mapped(t, true))
		t->broken = "a page that was not filled can be read beside one that was written";
	return 0;
}

/* Rule: a host page that is complete is mapped by one entry. */
static int __init hp_selftest_complete(struct hp_selftest *t)
{
	enum hp_mapped how;
	unsigned int sub;
	u8 byte;
	int ret;

	ret = hp_selftest_fill(t, 0, HP_SUBS, HUGEPOST_FILL_ZERO);
	if (ret)
		return ret;
	hp_selftest_unmap(t);
	ret = hp_selftest_map(t);
	if (ret)
		return ret;
	if (get_user(byte, hp_selftest_page(t, 0)))
		return -EFAULT;

	mmap_read_lock(t->mm);
	how = hp_how_mapped(t->mm, t->ram);
	mmap_read_unlock(t->mm);
	if (how != HP_MAPPED_HUGE)
		t->broken = "a complete host page is not mapped by one entry (PR_SET_THP_DISABLE?)";

	for (sub = 0; sub < HP_SUBS && !t->broken; sub++)
		if (get_user(byte, hp_selftest_page(t, sub)) ||
		    byte != (sub == HP_READ_SUB || sub == HP_WRITTEN_SUB ?
			     HP_FILLING : 0))
			t->broken = "a complete host page has other bytes than it was filled with";
	return 0;
}

/* Rule: what was discarded is not mapped any more. */
static int __init hp_selftest_gone(struct hp_selftest *t)
{
	u8 byte;
	int ret;

	ret = hp_selftest_discard(t, HP_READ_SUB, 1);
	if (ret)
		return ret;
	if (hp_selftest_mapped(t, HP_READ_SUB, &byte))
		t->broken = "a page that was discarded out of a host page can be read";
	ret = hp_selftest_discard(t, 0, HP_SUBS);
	if (!ret && !t->broken && hp_selftest_any_mapped(t, false))
		t->broken = "a host page that was discarded can be read";
	return ret;
}

static int __init hp_selftest_thread(void *arg)
{
	struct hp_selftest *t = arg;

	kthread_use_mm(t->mm);
	t->ret = hp_selftest_begin(t);
	if (!t->ret)
		t->ret = hp_selftest_partial(t);
	if (!t->ret && !t->broken)
		t->ret = hp_selftest_complete(t);
	if (!t->ret && !t->broken)
		t->ret = hp_selftest_gone(t);
	hp_selftest_end(t);
	kthread_unuse_mm(t->mm);
	complete(&t->done);
	return 0;
}

/*
 * Refuses a kernel on which a rule does not hold, and says which in *@why; @fops
 * are the device's.
 */
int __init hp_selftest(const struct file_operations *fops, const char **why)
{
	static char broken[160] __initdata;
	struct hp_selftest t = { .fops = fops, .mm = current->mm };
	struct task_struct *task;

	*why = "the self-test has no thread";
	init_completion(&t.done);
	task = kthread_create(hp_selftest_thread, &t, "hugepost-selftest");
	if (IS_ERR(task))
		return PTR_ERR(task);
	get_task_struct(task);
	wake_up_process(task);
	wait_for_completion(&t.done);
	/* It has left this file's text when it has ended. */
	kthread_stop(task);
	put_task_struct(task);

	*why = t.ret == -ENOMEM ?
	       "no huge page is free for the self-test: compact memory (vm.compact_memory)" :
	       "the self-test cannot be done";
	if (t.ret || !t.broken)
		return t.ret;
	snprintf(broken, sizeof(broken), "not safe on this kernel: %s",
		 t.broken);
	*why = broken;
	return -EOPNOTSUPP;
}
