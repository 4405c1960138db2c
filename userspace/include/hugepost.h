/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * libhugepost: guest memory assembled in the kernel, for VMMs.
 *
 * Every function returns 0 or a negative errno value, unless it says otherwise.
 * Offsets and lengths are in bytes and multiples of the target page; "pages"
 * are target pages (4 KiB) unless called host pages (2 MiB). Objects and
 * channels are opaque. The library has no global state. An object may be used
 * by several threads at once; a channel by one thread at a time (-EBUSY else).
 *
 * The meaning of each call, and the errors it can return, are those of the
 * ioctl of the same name in <linux/hugepost.h>.
 */
#ifndef HUGEPOST_H
#define HUGEPOST_H

#include <stddef.h>
#include <stdint.h>
#include <linux/hugepost.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hugepost_object;
struct hugepost_channel;

/* How to set up an object. Initialise with zeros: 0 is each field's default. */
struct hugepost_options {
	uint32_t flags;		/* HUGEPOST_SETUP_* flags */
	uint32_t host_shift;	/* log2 of the host page in bytes, 0: 21 */
	uint32_t target_shift;	/* log2 of the target page in bytes, 0: 12 */
	uint32_t channels;	/* 1 to HUGEPOST_CHANNELS_MAX, 0: 1 */
	uint32_t node;		/* with HUGEPOST_SETUP_NODE */
};

/*
 * Progress of a call that can end in the middle; all fields are set, also on
 * an error.
 */
struct hugepost_fill_result {
	uint32_t done;		/* entries done completely */
	uint64_t bytes;		/* bytes copied */
	uint64_t duplicates;	/* target pages skipped, being present */
};

/*
 * --- object ------------------------------------------------------------------
 */

/*
 * Opens a new object on @path (NULL: HUGEPOST_DEVICE) and checks that module
 * and library understand each other. On success *@obj is the caller's, to be
 * freed by hugepost_object_close().
 *
 * -ENOENT, -ENODEV, -ENXIO: the module is not loaded; -EACCES: no permission
 * for the device; -ENOTTY: not a hugepost device; -EPROTO: the module is older
 * than the library needs; -EPROTONOSUPPORT: the module is newer than the
 * library knows; -ENOMEM.
 */
int hugepost_object_open(struct hugepost_object **obj, const char *path);

/*
 * The same for a descriptor that another process passed over (already set up or
 * not). Takes the descriptor over on success only.
 */
int hugepost_object_from_fd(struct hugepost_object **obj, int fd);

/*
 * Unmaps what hugepost_object_map() mapped, closes the event descriptor and the
 * object, and frees its channels. NULL is allowed.
 */
void hugepost_object_close(struct hugepost_object *obj);

/* The object's descriptor; stays the library's. */
int hugepost_object_fd(const struct hugepost_object *obj);

/* What the module can do: *@info is filled in. */
int hugepost_object_info(struct hugepost_object *obj, struct hugepost_info *info);

/*
 * Sets up the object with @length bytes. @options may be NULL. *@allocated
 * (may be NULL) gets the bytes of huge pages that were, or on -ENOMEM could
 * be, allocated.
 */
int hugepost_object_setup(struct hugepost_object *obj, uint64_t length,
			  const struct hugepost_options *options,
			  uint64_t *allocated);

/*
 * Maps @length bytes from @offset (both multiples of a page; the whole object
 * for 0, 0) where the kernel chooses, so that host pages can be mapped huge.
 * *@addr stays mapped until hugepost_object_unmap() or _close().
 */
int hugepost_object_map(struct hugepost_object *obj, uint64_t offset,
			uint64_t length, void **addr);
int hugepost_object_unmap(struct hugepost_object *obj, void *addr);

/*
 * --- memory ------------------------------------------------------------------
 */

int hugepost_object_discard(struct hugepost_object *obj, uint64_t offset,
			    uint64_t length, uint64_t *pages);

/*
 * Gives back the memory of host pages that lie in the range whole and hold nothing
 * but zeros. *@bytes (may be NULL): how much. -ENOTTY: an older module.
 */
int hugepost_object_trim(struct hugepost_object *obj, uint64_t offset,
			 uint64_t length, uint64_t *bytes);

/*
 * Received bitmap of @length bytes from @offset (a multiple of the host page):
 * @bits has room for one bit a target page, rounded up to whole uint64_t.
 * *@present (may be NULL) gets the number of bits set.
 */
int hugepost_object_bitmap(struct hugepost_object *obj, uint64_t offset,
			   uint64_t length, uint64_t *bits, uint64_t *present);

/*
 * Maps complete host pages of @length bytes from @addr (an address of the
 * caller's mapping, made by the library or not) now. *@huge, *@single (may be
 * NULL): host pages mapped by one entry, and those that could not be.
 */
int hugepost_object_install(struct hugepost_object *obj, void *addr,
			    size_t length, uint64_t *huge, uint64_t *single);

/*
 * Maps every complete host page of the range by one entry, also those that were
 * touched while assembling, under running threads and vCPUs. Keeps the advice,
 * memory policy and mlock of the mapping. The range must not be unmapped or
 * mapped anew by another thread meanwhile. *@pages (may be NULL): host pages
 * whose page table was taken away.
 */
int hugepost_object_collapse(struct hugepost_object *obj, void *addr,
			     size_t length, uint64_t *pages);

/*
 * *@stats is filled in (its channels pointer is 0). hugepost_channel_stats()
 * tells of one channel.
 */
int hugepost_object_stats(struct hugepost_object *obj,
			  struct hugepost_stats *stats);

/*
 * --- events ------------------------------------------------------------------
 */

/* @flags: HUGEPOST_ARM_* flags. -EBUSY: armed already. */
int hugepost_object_arm(struct hugepost_object *obj, uint32_t flags);
int hugepost_object_disarm(struct hugepost_object *obj);

/* The event descriptor, for poll(); -ENOENT if the object was never armed. */
int hugepost_object_event_fd(struct hugepost_object *obj);

/*
 * Reads up to @max events. Returns their number, 0 at the end (disarmed), or a
 * negative errno: -EAGAIN none is there and the descriptor does not block,
 * -EINTR, -ENOENT never armed.
 */
int hugepost_object_read_events(struct hugepost_object *obj,
				struct hugepost_event *events, unsigned int max);

/* Wakes the waiters of the range without filling it. */
int hugepost_object_wake(struct hugepost_object *obj, uint64_t offset,
			 uint64_t length);

/*
 * --- channel -----------------------------------------------------------------
 */

/*
 * Channel @index (from 0) of an object that is set up. It belongs to the
 * object, which frees it; asking again gives the same one. -ENOENT: no such
 * channel.
 */
int hugepost_object_channel(struct hugepost_object *obj, uint32_t index,
			    struct hugepost_channel **channel);

/* Fills one range. @flags: HUGEPOST_FILL_* flags; @src NULL with _ZERO. */
int hugepost_channel_fill(struct hugepost_channel *channel, uint64_t offset,
			  const void *src, uint64_t length, uint32_t flags,
			  struct hugepost_fill_result *result);

/*
 * Fills @nr ranges in one call, or more where @nr is over HUGEPOST_FILL_MAX.
 * @result (may be NULL) tells how far it got, also on an error.
 */
int hugepost_channel_fill_many(struct hugepost_channel *channel,
			       const struct hugepost_fill_entry *entries,
			       uint32_t nr, struct hugepost_fill_result *result);

int hugepost_channel_reset(struct hugepost_channel *channel);
int hugepost_channel_stats(struct hugepost_channel *channel,
			   struct hugepost_channel_stats *stats);

/*
 * --- other -------------------------------------------------------------------
 */

/*
 * A sentence that says what the error @err (a negative errno that
 * hugepost_object_open() or _from_fd() returned) means and what to do. Static.
 */
const char *hugepost_open_hint(int err);

/* The library's version, such as "0.1.0". Static. */
const char *hugepost_version(void);

#ifdef __cplusplus
}
#endif

#endif /* HUGEPOST_H */
