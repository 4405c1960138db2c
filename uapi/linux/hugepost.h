/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * hugepost: in-kernel assembly of a migrating guest's huge pages.
 *
 * This header is the one contract between the module and its users.
 */
#ifndef _UAPI_LINUX_HUGEPOST_H
#define _UAPI_LINUX_HUGEPOST_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * DOC: General rules
 *
 * One open of /dev/hugepost is one memory object: a linear range of bytes that
 * begins at offset 0. The object is mapped MAP_SHARED as guest RAM. Offsets in
 * every structure are offsets in the object; addresses are user addresses of
 * the caller. The object is opened O_RDWR, any other mode is EACCES.
 *
 * A *host page* is the unit in which memory is allocated and, once complete,
 * mapped (2 MiB). A *target page* is the unit in which memory arrives,
 * is waited for and is discarded (4 KiB). A target page is missing or present.
 * A host page is
 *
 *  - empty: no target page is present;
 *  - assembling: some target pages are present;
 *  - present: all target pages are present, backed by one huge page;
 *  - zero: all target pages are present and zero, no memory is used until
 *    one of them is touched.
 *
 * A touch of a missing target page depends on the object's mode:
 *
 *  - unarmed (after open, and after DISARM): the page is filled with zeros and
 *    is then *present*; if its host page is empty, all of that is. A FILL of a
 *    page that is present this way is a duplicate. Whoever arms the object must
 *    DISCARD first what will be sent again, as QEMU does;
 *  - armed: one event is queued for the target page and the toucher waits;
 *  - lost (the event descriptor was closed, or its owner is gone, while the
 *    object was armed): SIGBUS until the object is armed again or disarmed (a
 *    wait in other processes than the guest's, see HUGEPOST_SETUP_OWNED).
 *
 * If no huge page can be had for a touched host page, the touch ends with
 * SIGBUS; objects set up with HUGEPOST_SETUP_PREALLOC cannot meet that.
 *
 * Every ioctl takes a structure that starts with its own size, a __u32 filled
 * in by the caller. A structure may grow at its end in later versions of the
 * module: a shorter (older) structure is read as if continued by zeros, a
 * longer (newer) one is accepted if the part that the module does not know is
 * zero. Fields named out_* are written by the module, also when the ioctl
 * fails after its arguments were checked; what they held before is not read.
 *
 * FILL's entries and the events that read() returns may grow at their end, too.
 * @entry_size and @event_size tell what the caller's sizeof() is, or 0 for the
 * first version's (HUGEPOST_FILL_ENTRY_SIZE_VER0, HUGEPOST_EVENT_SIZE_VER0): a
 * multiple of 8 bytes, not less than that and at most a page. Of a longer entry
 * than the module knows the rest must be zero; of a longer event the rest is zero.
 *
 * The errno values below mean the same for every ioctl:
 *
 *  - ENOTTY: the ioctl number is not known to this module.
 *  - EINVAL: size, @entry_size or @event_size is shorter than the first version
 *    of the structure, a reserved field is not zero, or a value (offset, length,
 *    alignment, count) is not allowed. Offsets and lengths must be multiples of
 *    the target page.
 *  - E2BIG: one of these sizes is longer than the structure the module knows,
 *    and the unknown part is not zero; or it is longer than a page.
 *  - EOPNOTSUPP: an unknown flag is set, or a page size is not supported.
 *  - EFAULT: a pointer could not be read or written.
 *  - EPERM: the object is owned, and by another process.
 *  - ENXIO: the object is neither set up nor mapped yet.
 *  - ERANGE: offset and length reach beyond the end of the object.
 *  - ENOMEM: memory could not be allocated, or the cgroup's limit is reached.
 *  - EINTR: a signal interrupted a wait; what was done before stays done.
 *
 * A length of 0 is EINVAL. Reading the event descriptor is described at
 * &struct hugepost_event.
 */

#define HUGEPOST_DEVICE		"/dev/hugepost"

/* Grows when an existing call changes its meaning. */
#define HUGEPOST_API_VERSION	2
#define HUGEPOST_CHANNELS_MAX	64
#define HUGEPOST_IOC_TYPE	0xD8

enum {
	HUGEPOST_CMD_INFO = 0x00,
	HUGEPOST_CMD_SETUP,
	HUGEPOST_CMD_ARM,
	HUGEPOST_CMD_DISARM,
	HUGEPOST_CMD_FILL,
	HUGEPOST_CMD_INSTALL,
	HUGEPOST_CMD_RESET,
	HUGEPOST_CMD_DISCARD,
	HUGEPOST_CMD_BITMAP,
	HUGEPOST_CMD_WAKE,
	HUGEPOST_CMD_COLLAPSE,
	HUGEPOST_CMD_STATS,
	HUGEPOST_CMD_TRIM,
};

/*
 * Features, as in &struct hugepost_info.out_features.
 *
 * HUGEPOST_FEATURE_PMD: complete host pages are mapped by one page-table entry.
 * HUGEPOST_FEATURE_POISON: memory errors are followed; a bad target page gives
 *	SIGBUS at the next touch, the rest of its host page stays usable.
 */
#define HUGEPOST_FEATURE_PMD	(1ULL << 0)
#define HUGEPOST_FEATURE_POISON	(1ULL << 1)

/**
 * struct hugepost_info - ioctl(HUGEPOST_INFO)
 * @size: sizeof(struct hugepost_info)
 * @flags: must be 0
 * @out_api_version: HUGEPOST_API_VERSION of the module
 * @out_channels_max: most channels an object can have
 * @out_features: HUGEPOST_FEATURE_* bits
 * @out_host_page_sizes: supported host page sizes, or-ed together, in bytes
 * @out_target_page_sizes: supported target page sizes, or-ed together, in bytes
 * @out_fill_entry_size: bytes of &struct hugepost_fill_entry that the module knows
 * @out_event_size: bytes of &struct hugepost_event that the module knows
 *
 * What the module can do. Works before SETUP and changes nothing.
 */
struct hugepost_info {
	__u32 size;
	__u32 flags;
	__u32 out_api_version;
	__u32 out_channels_max;
	__aligned_u64 out_features;
	__aligned_u64 out_host_page_sizes;
	__aligned_u64 out_target_page_sizes;
	__u32 out_fill_entry_size;
	__u32 out_event_size;
};

#define HUGEPOST_INFO _IO(HUGEPOST_IOC_TYPE, HUGEPOST_CMD_INFO)

/* Allocate all host pages now: nothing can fail for lack of memory later. */
#define HUGEPOST_SETUP_PREALLOC	(1U << 0)
/*
 * @node is valid. Without it, memory follows the NUMA policy of the mapping; and
 * memory that is allocated by SETUP itself that of the caller.
 */
#define HUGEPOST_SETUP_NODE	(1U << 1)
/*
 * The object is the guest of the caller's process, which alone may change it; see
 * hugepost_processes(7).
 */
#define HUGEPOST_SETUP_OWNED	(1U << 2)

/**
 * struct hugepost_setup - ioctl(HUGEPOST_SETUP)
 * @size: sizeof(struct hugepost_setup)
 * @flags: HUGEPOST_SETUP_* flags
 * @length: size of the object in bytes, a multiple of the host page
 * @host_shift: log2 of the host page's size in bytes, 0 for the default (21)
 * @target_shift: log2 of the target page's size in bytes, 0 for the default (12)
 * @channels: number of channels, 1 to HUGEPOST_CHANNELS_MAX, 0 for 1
 * @node: with HUGEPOST_SETUP_NODE, the NUMA node to allocate from first;
 *	else must be 0
 * @out_allocated: bytes of huge pages that were allocated; after ENOMEM, how
 *	much could be had (it has been freed again)
 *
 * Sets up the object, once. One that is mapped instead, in one piece or several, is
 * set up with the defaults and a size that covers all its mappings when it is used
 * first: touched, or named in a call other than INFO and SETUP. Every channel sets
 * a host page of staging memory aside here (or with its first FILL, if mappings set
 * the object up), unless there is PREALLOC, and anew, if it can be had, whenever it
 * gets to another host page. Memory is charged to the caller's memory cgroup, now
 * and later; a limit that is reached gives ENOMEM.
 *
 * Errors: EBUSY the object is set up already, or mapped; ENOMEM the object's memory
 * cannot be had (compaction has been tried), nothing stays allocated; EFAULT the
 * answer cannot be written, nothing was done; EINVAL @length, @channels or @node is
 * out of range; EOPNOTSUPP a page size is not supported.
 */
struct hugepost_setup {
	__u32 size;
	__u32 flags;
	__aligned_u64 length;
	__u32 host_shift;
	__u32 target_shift;
	__u32 channels;
	__u32 node;
	__aligned_u64 out_allocated;
};

#define HUGEPOST_SETUP _IO(HUGEPOST_IOC_TYPE, HUGEPOST_CMD_SETUP)

/* The event descriptor is opened O_NONBLOCK. It is always O_CLOEXEC. */
#define HUGEPOST_ARM_NONBLOCK	(1U << 0)

/**
 * struct hugepost_arm - ioctl(HUGEPOST_ARM)
 * @size: sizeof(struct hugepost_arm)
 * @flags: HUGEPOST_ARM_* flags
 * @out_fd: the event descriptor
 * @event_size: bytes that read() of @out_fd returns for one event, 0 for
 *	HUGEPOST_EVENT_SIZE_VER0 (see "General rules")
 *
 * From now on a touch of a missing target page waits and raises an event, to
 * be read from @out_fd. When the last reference to the event descriptor is
 * closed, or the process that last used it (the one that armed, or a later reader)
 * exits and its descriptor table with it, the handler is lost: waiters get SIGBUS.
 *
 * Errors: EBUSY it is armed, or a FILL with REPLACE is under way; EMFILE, ENFILE.
 */
struct hugepost_arm {
	__u32 size;
	__u32 flags;
	__s32 out_fd;
	__u32 event_size;
};

#define HUGEPOST_ARM _IO(HUGEPOST_IOC_TYPE, HUGEPOST_CMD_ARM)

/**
 * struct hugepost_disarm - ioctl(HUGEPOST_DISARM)
 * @size: sizeof(struct hugepost_disarm)
 * @flags: must be 0
 *
 * Ends the armed or lost mode: missing pages are zero-filled when touched, and
 * all waiters go on. Events that were not read are dropped; the event
 * descriptor reads end-of-file from now on. Harmless on an unarmed object.
 */
struct hugepost_disarm {
	__u32 size;
	__u32 flags;
};

#define HUGEPOST_DISARM _IO(HUGEPOST_IOC_TYPE, HUGEPOST_CMD_DISARM)

/* The target pages are zero; &struct hugepost_fill_entry.src must be 0. */
#define HUGEPOST_FILL_ZERO	(1U << 0)
/* Overwrite target pages that are present. Only on an unarmed object. */
#define HUGEPOST_FILL_REPLACE	(1U << 1)

/**
 * struct hugepost_fill_entry - one range of a FILL
 * @offset: where the bytes go, in the object
 * @src: user address of the bytes; any alignment
 * @len: number of bytes; may cover many host pages
 * @flags: HUGEPOST_FILL_* flags
 * @__reserved: must be 0
 */
struct hugepost_fill_entry {
	__aligned_u64 offset;
	__aligned_u64 src;
	__aligned_u64 len;
	__u32 flags;
	__u32 __reserved;
};

/* Bytes of an entry in the first version. */
#define HUGEPOST_FILL_ENTRY_SIZE_VER0	32

/* Most entries of one FILL. */
#define HUGEPOST_FILL_MAX	65536

/**
 * struct hugepost_fill - ioctl(HUGEPOST_FILL)
 * @size: sizeof(struct hugepost_fill)
 * @flags: must be 0
 * @channel: index of the channel, from 0
 * @nr: number of entries, 1 to HUGEPOST_FILL_MAX
 * @entries: user address of @nr struct hugepost_fill_entry
 * @out_done: entries that are done completely
 * @entry_size: bytes from one of @entries to the next, 0 for
 *	HUGEPOST_FILL_ENTRY_SIZE_VER0 (see "General rules")
 * @out_bytes: bytes that were copied
 * @out_duplicates: target pages that were skipped, being present already
 *
 * Fills target pages through a channel, entry by entry. A target page that is
 * present is not overwritten (the guest may have written to it): it is counted
 * as a duplicate and skipped, unless the entry carries HUGEPOST_FILL_REPLACE.
 * Of two channels that fill the same target page one fills it, and the other
 * has a duplicate: nobody waits for another's source. Waiters of a filled target
 * page are woken.
 *
 * After an error, @out_done entries are done, and target pages of the next one
 * that were copied stay present: to submit the rest again is right.
 *
 * Several channels may be used at once, also on the same host page; one channel
 * by one thread at a time.
 *
 * Errors: EBUSY the channel is in use by another thread, or REPLACE on an armed
 * or lost object; ECANCELED the channel was RESET meanwhile; ENOENT no such
 * channel; EHWPOISON the memory of a target page has an error: DISCARD all of its
 * host page first.
 */
struct hugepost_fill {
	__u32 size;
	__u32 flags;
	__u32 channel;
	__u32 nr;
	__aligned_u64 entries;
	__u32 out_done;
	__u32 entry_size;
	__aligned_u64 out_bytes;
	__aligned_u64 out_duplicates;
};

#define HUGEPOST_FILL _IO(HUGEPOST_IOC_TYPE, HUGEPOST_CMD_FILL)

/**
 * struct hugepost_install - ioctl(HUGEPOST_INSTALL)
 * @size: sizeof(struct hugepost_install)
 * @flags: must be 0
 * @addr: address, in the caller's mapping of this object, multiple of a page
 * @length: bytes, from @addr
 * @out_huge: host pages that are now mapped by one entry
 * @out_single: host pages that are complete but could not be mapped by one
 *	entry (see COLLAPSE)
 *
 * Maps the complete host pages of the range now, instead of at the next touch.
 * Host pages that are not complete are passed over.
 *
 * Errors: EFAULT part of the range is not mapped from this object.
 */
struct hugepost_install {
	__u32 size;
	__u32 flags;
	__aligned_u64 addr;
	__aligned_u64 length;
	__aligned_u64 out_huge;
	__aligned_u64 out_single;
};

#define HUGEPOST_INSTALL _IO(HUGEPOST_IOC_TYPE, HUGEPOST_CMD_INSTALL)

/**
 * struct hugepost_reset - ioctl(HUGEPOST_RESET)
 * @size: sizeof(struct hugepost_reset)
 * @flags: must be 0
 * @channel: index of the channel
 * @__reserved: must be 0
 *
 * A FILL under way in another thread ends with ECANCELED, and none of its
 * target pages becomes present after RESET returns. (If it waits for its source
 * just then, it ends when that wait does.) What is present stays. The channel's
 * current host page (see &struct hugepost_channel_stats) is forgotten.
 *
 * Errors: ENOENT no such channel.
 */
struct hugepost_reset {
	__u32 size;
	__u32 flags;
	__u32 channel;
	__u32 __reserved;
};

#define HUGEPOST_RESET _IO(HUGEPOST_IOC_TYPE, HUGEPOST_CMD_RESET)

/**
 * struct hugepost_discard - ioctl(HUGEPOST_DISCARD)
 * @size: sizeof(struct hugepost_discard)
 * @flags: must be 0
 * @offset: start of the range in the object
 * @length: bytes
 * @out_pages: target pages that were present and are missing now
 *
 * Makes the target pages of the range missing and unmaps them everywhere, also
 * inside a present huge page. A host page's memory is freed with its last
 * target page (kept for the host page with PREALLOC). A FILL under way
 * meanwhile fills before or after it, target page by target page. Only a part of
 * a host page can give ENOMEM.
 */
struct hugepost_discard {
	__u32 size;
	__u32 flags;
	__aligned_u64 offset;
	__aligned_u64 length;
	__aligned_u64 out_pages;
};

#define HUGEPOST_DISCARD _IO(HUGEPOST_IOC_TYPE, HUGEPOST_CMD_DISCARD)

/**
 * struct hugepost_trim - ioctl(HUGEPOST_TRIM)
 * @size: sizeof(struct hugepost_trim)
 * @flags: must be 0
 * @offset: start of the range in the object
 * @length: bytes
 * @out_bytes: memory that was given back
 *
 * Gives back the memory of host pages that lie in the range whole, are present, and
 * hold nothing but zeros: they are zero then, and get memory at the next touch. No
 * target page becomes missing, no byte is lost. A host page that is pinned (by DMA,
 * io_uring's buffers, vmsplice()) or touched just now keeps its memory, and so do all
 * with PREALLOC.
 *
 * Without being asked, the module looks once at each host page of zeros that a touch
 * of user mode gave memory, a second or two later (parameter thin_after).
 */
struct hugepost_trim {
	__u32 size;
	__u32 flags;
	__aligned_u64 offset;
	__aligned_u64 length;
	__aligned_u64 out_bytes;
};

#define HUGEPOST_TRIM _IO(HUGEPOST_IOC_TYPE, HUGEPOST_CMD_TRIM)

/**
 * struct hugepost_bitmap - ioctl(HUGEPOST_BITMAP)
 * @size: sizeof(struct hugepost_bitmap)
 * @flags: must be 0
 * @offset: start of the range in the object, a multiple of the host page
 * @length: bytes
 * @bitmap: user address of the result: bit (i % 64) of __u64 word (i / 64) is
 *	set if target page i of the range is present; the rest of the last word
 *	is 0; room for DIV_ROUND_UP(target pages, 64) words
 * @out_present: target pages of the range that are present
 *
 * The received bitmap, for the recovery of an interrupted postcopy.
 */
struct hugepost_bitmap {
	__u32 size;
	__u32 flags;
	__aligned_u64 offset;
	__aligned_u64 length;
	__aligned_u64 bitmap;
	__aligned_u64 out_present;
};

#define HUGEPOST_BITMAP _IO(HUGEPOST_IOC_TYPE, HUGEPOST_CMD_BITMAP)

/**
 * struct hugepost_wake - ioctl(HUGEPOST_WAKE)
 * @size: sizeof(struct hugepost_wake)
 * @flags: must be 0
 * @offset: start of the range in the object
 * @length: bytes
 *
 * Wakes the waiters of the range without filling it, and forgets their events:
 * a waiter whose target page is still missing raises a new one.
 */
struct hugepost_wake {
	__u32 size;
	__u32 flags;
	__aligned_u64 offset;
	__aligned_u64 length;
};

#define HUGEPOST_WAKE _IO(HUGEPOST_IOC_TYPE, HUGEPOST_CMD_WAKE)

/**
 * struct hugepost_collapse - ioctl(HUGEPOST_COLLAPSE)
 * @size: sizeof(struct hugepost_collapse)
 * @flags: must be 0
 * @addr: address, in the caller's mapping of this object, multiple of a page
 * @length: bytes, from @addr
 * @out_addr: address of the first run of host pages that needs a new mapping
 * @out_length: its length in bytes, 0 if there is none
 *
 * A host page that was touched while it assembled is mapped by single entries
 * of a page table, and stays so when it is complete. This call maps every complete
 * host page of the range that has no page table by one entry, and finds the first
 * run of those that have one. A module cannot take a page table away; its owner
 * can, atomically and under running vCPUs: by madvise(MADV_DONTNEED) of the run
 * where the kernel frees empty page tables (7.x), or else by mmap(MAP_FIXED |
 * MAP_SHARED) of the same descriptor and offset over the run. The next call maps
 * the run by one entry for each host page, and finds the next one. libhugepost's
 * hugepost_object_collapse() does it, and keeps advice, policy and mlock.
 *
 * Errors: EFAULT part of the range is not mapped from this object.
 */
struct hugepost_collapse {
	__u32 size;
	__u32 flags;
	__aligned_u64 addr;
	__aligned_u64 length;
	__aligned_u64 out_addr;
	__aligned_u64 out_length;
};

#define HUGEPOST_COLLAPSE _IO(HUGEPOST_IOC_TYPE, HUGEPOST_CMD_COLLAPSE)

/* @host_page of a channel that has none. */
#define HUGEPOST_NO_PAGE	(~0ULL)

enum {
	HUGEPOST_EVENT_MISSING = 1,
};

/* The access was a write. */
#define HUGEPOST_ACCESS_WRITE	(1U << 0)
/* The access came from user mode, not from the kernel on a user's behalf. */
#define HUGEPOST_ACCESS_USER	(1U << 1)
/* The toucher does not wait here; it comes back (KVM's async page fault). */
#define HUGEPOST_ACCESS_NOWAIT	(1U << 2)

/**
 * struct hugepost_event - what read() of the event descriptor returns
 * @kind: HUGEPOST_EVENT_MISSING
 * @access: HUGEPOST_ACCESS_* flags of the first touch
 * @offset: offset of the missing target page in the object
 * @address: address that was touched
 * @tid: thread id of the toucher, as seen in its own PID namespace; this and the
 *	address are 0 unless it is of the process that set the object up
 * @__reserved: 0
 *
 * One event is queued for a target page, however many touch it, until it is
 * present (or WAKE, DISCARD, DISARM forget it). read() returns as many whole
 * events as fit, each of &struct hugepost_arm.event_size bytes; it waits for the
 * first, unless O_NONBLOCK is set (EAGAIN). A buffer shorter than that is EINVAL.
 * poll() says POLLIN when an event can be read, and POLLHUP when the object is
 * disarmed, armed anew, or closed; read returns 0 then. An event that cannot be
 * copied (EFAULT) stays queued.
 */
struct hugepost_event {
	__u32 kind;
	__u32 access;
	__aligned_u64 offset;
	__aligned_u64 address;
	__u32 tid;
	__u32 __reserved;
};

/* Bytes of an event in the first version. */
#define HUGEPOST_EVENT_SIZE_VER0	32

#include <linux/hugepost_stats.h>

#endif /* _UAPI_LINUX_HUGEPOST_H */
