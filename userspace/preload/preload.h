/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libhugepost-preload: what its files share.
 *
 * The library is preloaded into a VMM that was written for userfaultfd. Calls
 * that concern a mapping of /dev/hugepost are adapted, all others go on to the
 * next definition of the same name, after one branch on hps_active.
 *
 * Locks: hps_register_lock, then hps_lock, see there. Neither is held across a
 * call that waits for others, nor while memory of the program is touched, which
 * may wait for a page that this very library has to deliver.
 */
#ifndef HUGEPOST_PRELOAD_H
#define HUGEPOST_PRELOAD_H

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <linux/userfaultfd.h>
#include <hugepost.h>

#include "vhost.h"

struct statfs64;
struct iovec;
struct msghdr;

/* One of the C library's, without a declaration in its headers. */
ssize_t __read_chk(int fd, void *buf, size_t len, size_t room);

#define hps_unlikely(x) __builtin_expect(!!(x), 0)

/* Mappings of hugepost that are known, and virtual userfaultfds. */
extern atomic_int hps_active;

/* The process whose state this is. */
extern pid_t hps_pid;

/*
 * Guards the mappings, the reference counts' way up from what is found there,
 * the slots of virtual userfaultfds, and all fields of theirs that say so.
 */
extern pthread_mutex_t hps_lock;

/*
 * Set in a thread while it holds hps_lock or maps and unmaps for the library:
 * calls that an allocator or a signal handler makes meanwhile go straight on.
 */
extern __thread bool hps_inside __attribute__((tls_model("initial-exec")));

static inline void hps_enter(void)
{
	hps_inside = true;
	pthread_mutex_lock(&hps_lock);
}

static inline void hps_leave(void)
{
	pthread_mutex_unlock(&hps_lock);
	hps_inside = false;
}

/* --- real.c: the next definition of each name ----------------------------- */

struct hps_real {
	int (*ioctl)(int fd, unsigned long request, ...);
	long (*syscall)(long number, ...);
	void *(*mmap)(void *addr, size_t len, int prot, int flags, int fd, off_t off);
	int (*munmap)(void *addr, size_t len);
	void *(*mremap)(void *old, size_t old_len, size_t len, int flags, ...);
	int (*madvise)(void *addr, size_t len, int advice);
	int (*fallocate)(int fd, int mode, off_t off, off_t len);
	int (*fstatfs)(int fd, struct statfs64 *buf);
	ssize_t (*read)(int fd, void *buf, size_t len);
	ssize_t (*readv)(int fd, const struct iovec *iov, int nr);
	ssize_t (*writev)(int fd, const struct iovec *iov, int nr);
	int (*memfd_create)(const char *name, unsigned int flags);
	ssize_t (*sendmsg)(int fd, const struct msghdr *msg, int flags);
	ssize_t (*recvmsg)(int fd, struct msghdr *msg, int flags);
	int (*close)(int fd);
	int (*dup)(int fd);
	int (*dup2)(int old, int new);
	int (*dup3)(int old, int new, int flags);
	int (*fcntl)(int fd, int cmd, ...);
};

extern struct hps_real hps_real_table;
void hps_resolve(void);
/* A duplicate for the library itself, above the numbers that programs count on. */
int hps_own_duplicate(int fd);

/* Other libraries' constructors may call before ours has run. */
static inline const struct hps_real *hps_real(void)
{
	if (hps_unlikely(!hps_real_table.fcntl))
		hps_resolve();
	return &hps_real_table;
}

/* --- log.c ------------------------------------------------------------------ */

enum hps_level { HPS_ERROR, HPS_WARN, HPS_INFO, HPS_DEBUG };

extern enum hps_level hps_log_level;
void hps_log_init(void);
/* Keeps errno. Errors go to standard error, too. */
void hps_log(enum hps_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#define hps_debug(...) do {					\
	if (hps_unlikely(hps_log_level >= HPS_DEBUG))		\
		hps_log(HPS_DEBUG, __VA_ARGS__);		\
} while (0)

/* --- object.c: memory objects and where they are mapped --------------------- */

/* An event descriptor; closed, and the object's handler gone, with the last user. */
struct hps_events {
	atomic_int refs;
	int fd;
};

/* A memory object of the module that is mapped here. */
struct hps_object {
	atomic_int refs;	/* a mapping, a registered range, a call each */
	uint64_t id;		/* the module's */
	uint64_t length;	/* bytes */
	uint32_t nr_channels;
	struct hugepost_object *handle;	/* on a descriptor of its own */
	struct hugepost_channel *channels[HUGEPOST_CHANNELS_MAX];
	struct hps_object *next;	/* all known; guarded by hps_lock */
	/* The userfaultfd that arms it, and with what; guarded by hps_lock. */
	struct hps_uffd *armed_by;
	struct hps_events *events;
	/* What went of it lacks pages after a failure; guarded by hps_register_lock. */
	bool incomplete;
};

/* A range of addresses that shows an object from @offset on. */
struct hps_range {
	uintptr_t start;
	uintptr_t end;
	uint64_t offset;
	struct hps_object *obj;	/* holds a reference */
};

/* Ranges sorted by address that do not overlap; guarded by hps_lock. */
struct hps_ranges {
	struct hps_range *list;
	unsigned int nr;
	unsigned int room;
};

/* Adds a range where there is none; takes over the reference. */
int hps_ranges_add(struct hps_ranges *ranges, const struct hps_range *range);
/*
 * Takes [start, end) away. What it was of is appended to @gone, with the
 * references, to be put by the caller without hps_lock.
 */
int hps_ranges_remove(struct hps_ranges *ranges, uintptr_t start, uintptr_t end,
		      struct hps_ranges *gone);
/* The range that holds all of [start, end), or NULL. */
struct hps_range *hps_ranges_find(struct hps_ranges *ranges, uintptr_t start, uintptr_t end);
bool hps_ranges_overlap(struct hps_ranges *ranges, uintptr_t start, uintptr_t end);
bool hps_ranges_have(const struct hps_ranges *ranges, const struct hps_object *obj);
/* Puts the references of what was removed, and frees the list. */
void hps_ranges_put(struct hps_ranges *gone);

extern struct hps_ranges hps_mappings;

void hps_object_put(struct hps_object *obj);
void hps_objects_forked(void);
bool hps_is_device(int fd);
void *hps_map(void *addr, size_t len, int prot, int flags, int fd, off_t off);
void hps_forget_mapping(void *addr, size_t len);
void hps_move_mapping(void *old, size_t old_len, void *addr, size_t len);
/* Does a mapping of ours hold all of the range? */
bool hps_is_mapped(const void *addr, size_t len);
int hps_discard_fd(int fd, off_t off, off_t len);
int hps_discard_addr(void *addr, size_t len);

/* --- channel.c: each thread fills through a channel of its own -------------- */

/* The channel that the caller fills @obj through, or -1 if it has none of its own. */
int hps_channel_of(const struct hps_object *obj);
/* As hugepost_channel_fill(). */
int hps_fill(struct hps_object *obj, uint64_t offset, const void *src, uint64_t len,
	     uint32_t flags, struct hugepost_fill_result *result);
void hps_channel_init(void);

/* --- quick.c: the short way of UFFDIO_COPY ------------------------------------ */

/* Counts changes of ranges and of virtual userfaultfds; under hps_lock. */
extern atomic_uint hps_changes;

/* False: to go the long way. Else the call's own result is in *@ret, and errno. */
bool hps_quick_copy(int uffd, struct uffdio_copy *copy, int *ret);
/* Remembers a registered range of @uffd for a thread that knows none; under hps_lock. */
void hps_quick_learn(int uffd, const struct hps_range *range, uint32_t channel);
/* Forgets what the thread knows; without hps_lock. */
void hps_quick_forget(void);
/* In the child, which has none of the parent's objects. */
void hps_quick_forked(void);

/* --- uffd.c: virtual userfaultfds -------------------------------------------- */

/*
 * What the program holds in place of a userfaultfd is an epoll descriptor, of
 * the real userfaultfd and of the event descriptors of the armed objects.
 */
struct hps_uffd {
	atomic_int refs;	/* a descriptor, a call each */
	int real;		/* the kernel's userfaultfd */
	int set;		/* the library's own of the epoll descriptor */
	/* The following are guarded by hps_lock. */
	uint64_t features;	/* as asked for with UFFDIO_API */
	unsigned int fds;	/* the program's descriptors */
	bool failed;		/* a page could not be filled */
	struct hps_ranges registered;
};

extern const unsigned int hps_uffd_max;
bool hps_uffd_known(int fd);
/* Is there a virtual userfaultfd? */
bool hps_uffd_any(void);
int hps_uffd_create(int fd, int flags);
int hps_uffd_ioctl(int fd, unsigned long request, void *arg);
ssize_t hps_uffd_fd_read(int fd, void *buf, size_t len);
void hps_uffd_dup(int old, int new);
void hps_uffd_close(int fd);
void hps_uffd_forked(void);
/* Ranges that were unmapped are registered no more. */
void hps_uffd_unmapped(uintptr_t start, uintptr_t end);

/* --- register.c: which ranges a virtual userfaultfd handles ------------------ */

extern pthread_mutex_t hps_register_lock;

void hps_events_put(struct hps_events *events);
/* Ends what @uffd is to @obj; what it returns is to be put. */
struct hps_events *hps_unarm(struct hps_object *obj, const struct hps_uffd *uffd);
/* 1: the range is ordinary memory. */
int hps_register(struct hps_uffd *uffd, struct uffdio_register *reg);
/* @mapped: the memory stays mapped, and is to be mapped huge. */
int hps_unregister(struct hps_uffd *uffd, uintptr_t start, uintptr_t end, bool mapped);

/* --- events.c: reading a virtual userfaultfd ----------------------------------- */

int hps_watch(struct hps_uffd *uffd, int fd, uint64_t id);
void hps_unwatch(const struct hps_uffd *uffd, int fd);
int hps_watch_real(struct hps_uffd *uffd);
ssize_t hps_uffd_read(struct hps_uffd *uffd, int fd, void *buf, size_t len);

/* --- memory.c: what the guest's memory is made of ------------------------------ */

/* Is an object mapped? */
bool hps_memory_is_mapped(void);
/* Is other memory mapped as well that a back end may be given? Says so. */
bool hps_memory_is_shared(void);

/* --- vhost.c: connections to vhost-user back ends ------------------------------- */

/* Descriptors that are known: connections, and userfaultfds made for them. */
extern atomic_int hps_vhost_active;

bool hps_vhost_known(int fd);
ssize_t hps_vhost_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t hps_vhost_recvmsg(int fd, struct msghdr *msg, int flags);
bool hps_vhost_is_silent(int fd);
bool hps_vhost_close(int fd);
void hps_vhost_replaced(int fd);
void hps_vhost_quiet(void);
void hps_vhost_dup(int old, int new);
void hps_vhost_forked(void);

/* --- stream.c: migrations that would leave the guest's memory behind ------------ */

/* True: the call is to fail with errno. */
bool hps_stream_refuses_write(int fd, const struct iovec *iov, size_t nr);
bool hps_stream_refuses_read(int fd, const struct iovec *iov, size_t nr, ssize_t len);
bool hps_stream_refuses_file(const char *name);
void hps_stream_ended(int fd);

/* --- settings (main.c) -------------------------------------------------------- */

struct hps_settings {
	uint32_t channels;	/* HUGEPOST_CHANNELS */
	bool prealloc;		/* HUGEPOST_PREALLOC */
	bool hugetlbfs;		/* HUGEPOST_HUGETLBFS */
	enum hps_vhost_mode vhost; /* HUGEPOST_VHOST */
};

extern struct hps_settings hps_settings;

#endif /* HUGEPOST_PRELOAD_H */
