// SPDX-License-Identifier: GPL-2.0-only
/*
 * For tests: has the name of hugepost's netlink family, so that hugepost cannot.
 */
#include <linux/module.h>
#include <net/genetlink.h>

static struct genl_family other_family = {
	.name = "hugepost",
	.version = 1,
	.module = THIS_MODULE,
};

static int __init other_init(void)
{
	return genl_register_family(&other_family);
}

static void __exit other_exit(void)
{
	genl_unregister_family(&other_family);
}

module_init(other_init);
module_exit(other_exit);

MODULE_DESCRIPTION("A netlink family of hugepost's name, for tests of hugepost");
MODULE_LICENSE("GPL");
