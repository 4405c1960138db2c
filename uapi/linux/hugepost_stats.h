/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * hugepost: what an object tells of itself; a part of <linux/hugepost.h>.
 */
#ifndef _UAPI_LINUX_HUGEPOST_STATS_H
#define _UAPI_LINUX_HUGEPOST_STATS_H

#include <linux/hugepost.h>
#include <linux/types.h>

/**
 * struct hugepost_channel_stats - one channel's state and counters
 * @host_page: offset of the host page that was filled last, HUGEPOST_NO_PAGE if
 *	none
 * @host_page_filled: target pages this channel filled in it since it turned to
 *	it
 * @all_zero: 1 if all of these were zero
 * @busy: 1 while a FILL is under way
 * @pages: target pages made present or replaced, zero pages included
 * @zero_pages: those of them filled with HUGEPOST_FILL_ZERO
 * @bytes: bytes copied
 * @duplicates: target pages skipped, being present
 * @replaced: target pages overwritten by HUGEPOST_FILL_REPLACE
 * @resets: RESETs of this channel
 */
struct hugepost_channel_stats {
	__aligned_u64 host_page;
	__u32 host_page_filled;
	__u16 all_zero;
	__u16 busy;
	__aligned_u64 pages;
	__aligned_u64 zero_pages;
	__aligned_u64 bytes;
	__aligned_u64 duplicates;
	__aligned_u64 replaced;
	__aligned_u64 resets;
};

enum {
	HUGEPOST_MODE_UNARMED = 0,
	HUGEPOST_MODE_ARMED,
	HUGEPOST_MODE_LOST,
};

/**
 * struct hugepost_stats - ioctl(HUGEPOST_STATS)
 * @size: sizeof(struct hugepost_stats)
 * @flags: must be 0
 * @channels: user address of @nr_channels elements of @channel_size bytes, or 0
 * @nr_channels: elements that @channels has room for; extra ones are left alone
 * @channel_size: sizeof(struct hugepost_channel_stats) of the caller, at most a
 *	page; a longer element is filled up with zeros; 0 if @channels is 0
 * @out_channels: channels the object has
 * @out_mode: HUGEPOST_MODE_*
 * @out_length: size of the object in bytes
 * @out_host_page: size of a host page in bytes
 * @out_target_page: size of a target page in bytes
 * @out_empty: host pages that are empty
 * @out_assembling: host pages that are assembling
 * @out_present: host pages that are present
 * @out_zero: host pages that are zero
 * @out_memory: bytes of huge pages held by the object, staging included
 * @out_staging: bytes of them that are set aside, not yet part of the guest
 * @out_metadata: bytes of the module's own state for the object
 * @out_faults: touches that reached the module
 * @out_waits: touches that had to wait
 * @out_events: events that were queued
 * @out_zero_fills: touches of missing pages that were filled with zeros
 * @out_installs_huge: host pages mapped by one entry
 * @out_installs_single: target pages mapped by an entry each
 * @out_discarded: target pages discarded
 * @out_poisoned: target pages lost to memory errors
 * @out_id: number of the object, never 0, which no other one has had since the
 *	module was loaded
 *
 * Works on an object that is neither set up nor mapped, too: its length is 0.
 *
 * Errors: EMSGSIZE @nr_channels is smaller than the number of channels and not
 * 0; @out_channels says how many there are.
 */
struct hugepost_stats {
	__u32 size;
	__u32 flags;
	__aligned_u64 channels;
	__u32 nr_channels;
	__u32 channel_size;
	__u32 out_channels;
	__u32 out_mode;
	__aligned_u64 out_length;
	__aligned_u64 out_host_page;
	__aligned_u64 out_target_page;
	__aligned_u64 out_empty;
	__aligned_u64 out_assembling;
	__aligned_u64 out_present;
	__aligned_u64 out_zero;
	__aligned_u64 out_memory;
	__aligned_u64 out_staging;
	__aligned_u64 out_metadata;
	__aligned_u64 out_faults;
	__aligned_u64 out_waits;
	__aligned_u64 out_events;
	__aligned_u64 out_zero_fills;
	__aligned_u64 out_installs_huge;
	__aligned_u64 out_installs_single;
	__aligned_u64 out_discarded;
	__aligned_u64 out_poisoned;
	__aligned_u64 out_id;
};

#define HUGEPOST_STATS _IO(HUGEPOST_IOC_TYPE, HUGEPOST_CMD_STATS)

#endif /* _UAPI_LINUX_HUGEPOST_STATS_H */
