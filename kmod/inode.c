// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugepost: the inodes of objects.
 *
 * Every object has an address space of its own, so that unmap_mapping_range()
 * reaches its mappings and no others. As in DRM, the inode comes from a file
 * system that nobody else can mount.
 */
#include <linux/file.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pagemap.h>
#include <linux/pseudo_fs.h>

#include "inode.h"

#define HP_FS_MAGIC 0x68706f73

static struct vfsmount *hp_mnt;

static int hp_fs_init_context(struct fs_context *fc)
{
	return init_pseudo(fc, HP_FS_MAGIC) ? 0 : -ENOMEM;
}

/* No .owner: kern_mount() would pin the module in itself. */
static struct file_system_type hp_fs_type = {
	.name = "hugepost",
	.init_fs_context = hp_fs_init_context,
	.kill_sb = kill_anon_super,
};

/*
 * Nothing is ever allocated by the mapping's mask: what it is for is its zone, by
 * which vma_migratable() tells whether pages could be moved to another node. Ours
 * never can; so NUMA balancing does not unmap them to see who uses them.
 */
struct inode *hp_inode_alloc(void)
{
	struct inode *inode = alloc_anon_inode(hp_mnt->mnt_sb);

	if (!IS_ERR(inode))
		mapping_set_gfp_mask(inode->i_mapping,
				     IS_ENABLED(CONFIG_ZONE_DMA) ? GFP_DMA :
								   GFP_DMA32);
	return inode;
}

/* A file of @inode that is in no process's table, with a reference to @inode. */
struct file *hp_inode_file(struct inode *inode,
			   const struct file_operations *fops)
{
	struct file *file;

	if (!try_module_get(fops->owner)) /* dropped with the file */
		return ERR_PTR(-ENODEV);
	ihold(inode);
	file = alloc_file_pseudo(inode, hp_mnt, "hugepost", O_RDWR, fops);
	if (IS_ERR(file)) {
		iput(inode);
		module_put(fops->owner);
	}
	return file;
}

int __init hp_inode_init(void)
{
	hp_mnt = kern_mount(&hp_fs_type);
	return PTR_ERR_OR_ZERO(hp_mnt);
}

void hp_inode_exit(void)
{
	kern_unmount(hp_mnt);
}
