// SPDX-License-Identifier: GPL-2.0-only
/*
 * For tests: lets the N-th call that hugepost makes to get memory, or to copy
 * from or to user space, fail; on kernels without fault injection of their own.
 *
 * /dev/hugepost-inject is like /proc/thread-self/fail-nth: a thread writes N, and
 * the N-th such call in that thread fails; it reads how many are left, 0 if one
 * has failed. 0 ends it. One thread can do so at a time.
 *
 * The functions are probed where they begin. They are not entered, if it is the
 * module that calls them, from its code, and that thread: no one else's
 * calls fail.
 */
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/kallsyms.h>
#include <linux/kprobes.h>
#include <linux/miscdevice.h>
#include <linux/mm_types.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/uaccess.h>

/* What a function returns that fails; else a value of its own. */
enum {
	REST_2 = 1000,	/* its second argument, a size of which nothing is done */
	REST_3,		/* its third */
};

struct target {
	const char *symbol;
	long result;
	bool has_gfp;	/* as its second argument: some calls may not fail */
	struct kprobe probe;
};

/* Of all kernel versions; each kernel has some of them. */
static struct target targets[] = {
	{ .symbol = "kmalloc_trace", .has_gfp = true },
	{ .symbol = "__kmalloc", .has_gfp = true },
	{ .symbol = "__kmalloc_cache_noprof", .has_gfp = true },
	{ .symbol = "__kmalloc_noprof", .has_gfp = true },
	{ .symbol = "kvmalloc_node" },
	{ .symbol = "__kvmalloc_node_noprof" },
	{ .symbol = "__folio_alloc" },
	{ .symbol = "folio_alloc" },
	{ .symbol = "vma_alloc_folio" },
	{ .symbol = "__folio_alloc_noprof" },
	{ .symbol = "folio_alloc_noprof" },
	{ .symbol = "vma_alloc_folio_noprof" },
	{ .symbol = "__alloc_skb" },
	{ .symbol = "genlmsg_put" },
	{ .symbol = "nla_put", .result = -EMSGSIZE },
	{ .symbol = "nla_put_64bit", .result = -EMSGSIZE },
	{ .symbol = "nla_reserve" },
	{ .symbol = "alloc_workqueue" },
	{ .symbol = "alloc_workqueue_noprof" },
	{ .symbol = "init_pseudo" },
	{ .symbol = "kern_mount", .result = -ENOMEM },
	{ .symbol = "alloc_anon_inode", .result = -ENOMEM },
	{ .symbol = "anon_inode_getfile", .result = -ENOMEM },
	{ .symbol = "get_unused_fd_flags", .result = -ENOMEM },
	{ .symbol = "misc_register", .result = -ENOMEM },
	{ .symbol = "genl_register_family", .result = -ENOMEM },
	{ .symbol = "tracepoint_probe_register", .result = -ENOMEM },
	{ .symbol = "__xa_insert", .result = -ENOMEM },
	{ .symbol = "apply_to_page_range", .result = -ENOMEM },
	{ .symbol = "vmf_insert_folio_pmd", .result = (__force long)VM_FAULT_OOM },
	{ .symbol = "check_zeroed_user", .result = -EFAULT },
	{ .symbol = "_copy_from_user", .result = REST_3 },
	{ .symbol = "_copy_to_user", .result = REST_3 },
	{ .symbol = "copy_user_generic_unrolled", .result = REST_3 },
	{ .symbol = "copy_user_generic_string", .result = REST_3 },
	{ .symbol = "copy_user_enhanced_fast_string", .result = REST_3 },
	{ .symbol = "fault_in_readable", .result = REST_2 },
};

static struct task_struct *inject_task;	/* compared, never followed */
static unsigned int inject_left;	/* inject_task's, and its file's */
static char inject_caller[KSYM_SYMBOL_LEN]; /* inject_task's */

/*
 * Where a function goes on that is not entered: back to its caller. It is empty,
 * so that its result stays.
 */
static notrace noinline void inject_return(void)
{
}

static int inject_before(struct kprobe *p, struct pt_regs *regs)
{
	struct target *target = container_of(p, struct target, probe);

	if (READ_ONCE(inject_task) != current || !inject_left)
		return 0;
	if (target->has_gfp && (__force gfp_t)regs->si & __GFP_NOFAIL)
		return 0;
	sprint_symbol(inject_caller, *(unsigned long *)regs->sp);
	if (!strstr(inject_caller, "[hugepost]") || --inject_left)
		return 0;

	switch (target->result) {
	case REST_2:
		regs->ax = regs->si;
		break;
	case REST_3:
		regs->ax = regs->dx;
		break;
	default:
		regs->ax = target->result;
	}
	regs->ip = (unsigned long)inject_return;
	return 1;
}

/* A probe that has one may change where its function goes on. */
static void inject_after(struct kprobe *p, struct pt_regs *regs,
			 unsigned long flags)
{
}

static ssize_t inject_write(struct file *file, const char __user *buf,
			    size_t count, loff_t *ppos)
{
	unsigned int n;
	int ret = kstrtouint_from_user(buf, count, 0, &n);

	if (ret)
		return ret;
	WRITE_ONCE(inject_task, NULL);
	inject_left = n;
	WRITE_ONCE(inject_task, current);
	return count;
}

static ssize_t inject_read(struct file *file, char __user *buf, size_t count,
			   loff_t *ppos)
{
	char text[16];
	int len = sprintf(text, "%u\n", inject_left);

	return simple_read_from_buffer(buf, count, ppos, text, len);
}

static int inject_release(struct inode *inode, struct file *file)
{
	WRITE_ONCE(inject_task, NULL);
	return 0;
}

static const struct file_operations inject_fops = {
	.owner = THIS_MODULE,
	.write = inject_write,
	.read = inject_read,
	.release = inject_release,
};

static struct miscdevice inject_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "hugepost-inject",
	.mode = 0600,
	.fops = &inject_fops,
};

static void inject_remove(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(targets); i++)
		if (targets[i].probe.addr)
			unregister_kprobe(&targets[i].probe);
}

static int __init inject_init(void)
{
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(targets); i++) {
		struct kprobe *p = &targets[i].probe;

		p->symbol_name = targets[i].symbol;
		p->pre_handler = inject_before;
		p->post_handler = inject_after;
		ret = register_kprobe(p);
		if (ret)
			p->addr = NULL;
		if (ret && ret != -ENOENT) {
			pr_err("%s cannot be probed: %d\n", p->symbol_name,
			       ret);
			goto err_remove;
		}
	}
	ret = misc_register(&inject_device);
	if (!ret)
		return 0;
err_remove:
	inject_remove();
	return ret;
}

static void __exit inject_exit(void)
{
	misc_deregister(&inject_device);
	inject_remove();
}

module_init(inject_init);
module_exit(inject_exit);

MODULE_DESCRIPTION("Failures of memory and of user copies for tests of hugepost");
MODULE_LICENSE("GPL");
