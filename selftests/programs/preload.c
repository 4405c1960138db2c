// SPDX-License-Identifier: GPL-2.0-only
/*
 * The preload library, as a VMM sees it: this program is written for
 * userfaultfd, and starts itself again with the library preloaded.
 */
#include "hugepost_test.h"
#include "hugepost_touch.h"

#include <linux/userfaultfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define PAGES	4			/* host pages of an object */
#define SIZE	(PAGES * HP)

/* Runs before the harness's main. */
static void __attribute__((constructor)) preload(int argc, char **argv)
{
	if (getenv("HUGEPOST_PRELOADED"))
		return;
	setenv("HUGEPOST_PRELOADED", "1", 1);
	setenv("LD_PRELOAD", HUGEPOST_BUILD "/userspace/libhugepost-preload.so", 1);
	execv("/proc/self/exe", argv);
	ksft_exit_fail_msg("cannot start again: %s\n", strerror(errno));
}

static int uffd_open(uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	return ioctl(fd, UFFDIO_API, &api) ? -errno : fd;
}

static int uffd_register(int fd, void *addr, size_t len, uint64_t mode)
{
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)addr, .len = len },
		.mode = mode,
	};
	uint64_t want = 1ULL << _UFFDIO_COPY | 1ULL << _UFFDIO_ZEROPAGE |
			1ULL << _UFFDIO_WAKE;

	if (ioctl(fd, UFFDIO_REGISTER, &reg))
		return -errno;
	return (reg.ioctls & want) == want ? 0 : -ENOTTY;
}

static int uffd_unregister(int fd, void *addr, size_t len)
{
	struct uffdio_range range = { .start = (uintptr_t)addr, .len = len };

	return hp_call(fd, UFFDIO_UNREGISTER, &range);
}

static int uffd_copy(int fd, void *dst, const void *src, size_t len,
		     int64_t *done)
{
	struct uffdio_copy copy = {
		.dst = (uintptr_t)dst,
		.src = (uintptr_t)src,
		.len = len,
	};
	int ret = hp_call(fd, UFFDIO_COPY, &copy);

	if (done)
		*done = copy.copy;
	return ret;
}

static int uffd_zero(int fd, void *dst, size_t len, int64_t *done)
{
	struct uffdio_zeropage zero = {
		.range = { .start = (uintptr_t)dst, .len = len },
	};
	int ret = hp_call(fd, UFFDIO_ZEROPAGE, &zero);

	if (done)
		*done = zero.zeropage;
	return ret;
}

/* The next page fault, within a minute. */
static int uffd_wait(int fd, struct uffd_msg *msg)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, 60000) != 1)
		return -ETIMEDOUT;
	if (read(fd, msg, sizeof(*msg)) != sizeof(*msg))
		return -errno;
	return msg->event == UFFD_EVENT_PAGEFAULT ? 0 : -EPROTO;
}

FIXTURE(preload)
{
	int obj;		/* the device */
	char *mem;		/* its mapping */
	char *plain;		/* ordinary memory */
	char *buf;		/* a host page of patterns */
	int uffd;
};

FIXTURE_SETUP(preload)
{
	unsigned int i;

	self->obj = hp_open();
	ASSERT_GE(self->obj, 0);
	self->mem = hp_map(self->obj, 0, SIZE);
	ASSERT_NE(self->mem, MAP_FAILED);
	self->plain = mmap(NULL, HP, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(self->plain, MAP_FAILED);
	self->buf = malloc(HP);
	ASSERT_NE(self->buf, NULL);
	for (i = 0; i < SUBS; i++)
		hp_pattern_write(self->buf + i * TP, i, 1);
	self->uffd = uffd_open(UFFD_FEATURE_THREAD_ID);
	ASSERT_GE(self->uffd, 0);
}

FIXTURE_TEARDOWN(preload)
{
	close(self->uffd);
	munmap(self->mem, SIZE);
	munmap(self->plain, HP);
	close(self->obj);
	free(self->buf);
}

/* Rule: the object is set up with the channels that the setting says. */
TEST_F(preload, channels_set_up)
{
	EXPECT_EQ(hp_stats(self->obj).out_length, SIZE);
	EXPECT_EQ(hp_stats(self->obj).out_channels, 4);
}

/* Rule: register arms, a fault is told of, copy ends it, unregister disarms. */
TEST_F(preload, missing_page)
{
	struct hp_toucher t;
	struct uffd_msg msg;
	int64_t done;

	ASSERT_EQ(uffd_register(self->uffd, self->mem, SIZE,
				UFFDIO_REGISTER_MODE_MISSING), 0);
	EXPECT_EQ(hp_stats(self->obj).out_mode, HUGEPOST_MODE_ARMED);
	hp_toucher_start(&t, self->mem + 5 * TP + 100, -1);
	ASSERT_EQ(uffd_wait(self->uffd, &msg), 0);
	EXPECT_EQ(msg.arg.pagefault.address, (uintptr_t)self->mem + 5 * TP);
	EXPECT_EQ(msg.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WRITE, 0);
	EXPECT_NE(msg.arg.pagefault.feat.ptid, 0);
	EXPECT_NE(msg.arg.pagefault.feat.ptid, (uint32_t)getpid());
	EXPECT_EQ(uffd_copy(self->uffd, self->mem + 5 * TP, self->buf + 5 * TP,
			    TP, &done), 0);
	EXPECT_EQ(done, TP);
	EXPECT_EQ(hp_toucher_end(&t), hp_pattern(5, 1, 100));

	hp_toucher_start(&t, self->mem + HP, 7);
	ASSERT_EQ(uffd_wait(self->uffd, &msg), 0);
	EXPECT_EQ(msg.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WRITE,
		  UFFD_PAGEFAULT_FLAG_WRITE);
	EXPECT_EQ(uffd_zero(self->uffd, self->mem + HP, TP, &done), 0);
	EXPECT_EQ(done, TP);
	EXPECT_EQ(hp_toucher_end(&t), 7);

	EXPECT_EQ(uffd_unregister(self->uffd, self->mem, SIZE), 0);
	EXPECT_EQ(hp_stats(self->obj).out_mode, HUGEPOST_MODE_UNARMED);
	EXPECT_EQ(hp_touch(self->mem + 2 * HP, -1), 0);
}

/* Rule: errors are those of a userfaultfd. */
TEST_F(preload, errors)
{
	char *hole;
	int64_t done;

	EXPECT_EQ(uffd_copy(self->uffd, self->mem, self->buf, TP, NULL),
		  -ENOENT);
	EXPECT_EQ(uffd_register(self->uffd, self->mem, SIZE,
				UFFDIO_REGISTER_MODE_WP), -EINVAL);
	EXPECT_EQ(uffd_register(self->uffd, self->mem + SIZE - TP, 2 * TP,
				UFFDIO_REGISTER_MODE_MISSING), -EINVAL);
	ASSERT_EQ(uffd_register(self->uffd, self->mem, SIZE,
				UFFDIO_REGISTER_MODE_MISSING), 0);
	EXPECT_EQ(uffd_copy(self->uffd, self->mem, self->buf, TP, &done), 0);
	EXPECT_EQ(uffd_copy(self->uffd, self->mem, self->buf, TP, &done),
		  -EEXIST);
	EXPECT_EQ(done, -EEXIST);
	EXPECT_EQ(uffd_zero(self->uffd, self->mem, TP, &done), -EEXIST);
	EXPECT_TRUE(hp_pattern_check(self->mem, 0, 1));
	EXPECT_EQ(uffd_copy(self->uffd, self->mem + TP, self->buf, 100, NULL),
		  -EINVAL);
	EXPECT_EQ(uffd_copy(self->uffd, self->mem + 100, self->buf, TP, NULL),
		  -EINVAL);

	/* From address 0, which is no request for zeros. */
	EXPECT_EQ(uffd_copy(self->uffd, self->mem + TP, NULL, TP, &done),
		  -EFAULT);
	EXPECT_EQ(done, -EFAULT);

	hole = mmap(NULL, 2 * TP, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(hole, MAP_FAILED);
	munmap(hole + TP, TP);
	EXPECT_EQ(uffd_copy(self->uffd, self->mem + TP, hole, 2 * TP, &done),
		  -EAGAIN);
	EXPECT_EQ(done, TP);
	munmap(hole, TP);
}

/* Rule: ordinary memory is handled by the same userfaultfd at once. */
TEST_F(preload, mixed)
{
	struct hp_toucher t[2];
	struct uffd_msg msg;
	unsigned int i;

	ASSERT_EQ(uffd_register(self->uffd, self->plain, HP,
				UFFDIO_REGISTER_MODE_MISSING), 0);
	ASSERT_EQ(uffd_register(self->uffd, self->mem, SIZE,
				UFFDIO_REGISTER_MODE_MISSING), 0);
	hp_toucher_start(&t[0], self->plain + 3 * TP, -1);
	hp_toucher_start(&t[1], self->mem + 3 * TP, -1);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(uffd_wait(self->uffd, &msg), 0);
		EXPECT_EQ(uffd_copy(self->uffd,
				    (void *)(uintptr_t)msg.arg.pagefault.address,
				    self->buf, TP, NULL), 0);
	}
	EXPECT_EQ(hp_toucher_end(&t[0]), hp_pattern(0, 1, 0));
	EXPECT_EQ(hp_toucher_end(&t[1]), hp_pattern(0, 1, 0));
	EXPECT_EQ(uffd_unregister(self->uffd, self->plain, HP), 0);
	EXPECT_EQ(self->plain[4 * TP], 0);
}

/* Rule: after unregister each complete host page is mapped by one entry. */
TEST_F(preload, collapse)
{
	unsigned int i, j;

	ASSERT_EQ(uffd_register(self->uffd, self->mem, SIZE,
				UFFDIO_REGISTER_MODE_MISSING), 0);
	EXPECT_EQ(madvise(self->mem, SIZE, MADV_NOHUGEPAGE), 0);
	for (i = 0; i < PAGES; i++)
		for (j = 0; j < SUBS; j++) {
			char *page = self->mem + i * HP + j * TP;

			ASSERT_EQ(uffd_copy(self->uffd, page,
					    self->buf + j * TP, TP, NULL), 0);
			if (!j)
				ASSERT_EQ(hp_touch(page, -1), 0);
		}
	EXPECT_EQ(hp_smaps(self->mem, SIZE, "FilePmdMapped"), 0);
	EXPECT_EQ(uffd_unregister(self->uffd, self->mem, SIZE), 0);
	EXPECT_EQ(hp_smaps(self->mem, SIZE, "FilePmdMapped"), SIZE);
	for (i = 0; i < PAGES; i++)
		for (j = 0; j < SUBS; j++)
			ASSERT_TRUE(hp_pattern_check(self->mem + i * HP + j * TP,
						     j, 1));
}

/* Rule: a hole punched is a discard, and what follows it does no harm. */
TEST_F(preload, discard)
{
	memset(self->mem, 1, SIZE);
	ASSERT_EQ(fallocate(self->obj, FALLOC_FL_PUNCH_HOLE |
			    FALLOC_FL_KEEP_SIZE, TP, 2 * TP), 0);
	EXPECT_EQ(madvise(self->mem + TP, 2 * TP, MADV_DONTNEED), 0);
	EXPECT_EQ(hp_stats(self->obj).out_discarded, 2);
	EXPECT_EQ(self->mem[TP], 0);
	EXPECT_EQ(self->mem[3 * TP], 1);
	EXPECT_EQ(madvise(self->mem + HP, HP, MADV_REMOVE), 0);
	EXPECT_EQ(hp_stats(self->obj).out_discarded, 2 + SUBS);
	EXPECT_EQ(fallocate(self->obj, 0, 0, TP), -1);
	EXPECT_EQ(errno, ENODEV);
	EXPECT_EQ(fallocate(self->obj, FALLOC_FL_PUNCH_HOLE |
			    FALLOC_FL_KEEP_SIZE, 0, SIZE + HP), -1);
	EXPECT_EQ(errno, ERANGE);
}

/* Rule: a closed userfaultfd is a lost handler: SIGBUS, never zeros. */
TEST_F(preload, close_while_registered)
{
	struct hp_toucher t;
	struct uffd_msg msg;
	int copy;

	ASSERT_EQ(uffd_register(self->uffd, self->mem, SIZE,
				UFFDIO_REGISTER_MODE_MISSING), 0);
	copy = dup(self->uffd);
	ASSERT_GE(copy, 0);
	ASSERT_EQ(close(self->uffd), 0);
	hp_toucher_start(&t, self->mem, -1);
	ASSERT_EQ(uffd_wait(copy, &msg), 0);
	EXPECT_EQ(uffd_copy(copy, self->mem + TP, self->buf, TP, NULL), 0);
	EXPECT_FALSE(t.done);
	EXPECT_EQ(close(copy), 0);
	EXPECT_EQ(hp_toucher_end(&t), -SIGBUS);
	self->uffd = -1;
}

/* Rule: however a descriptor is duplicated or closed, it is the same one. */
TEST_F(preload, duplicates)
{
	int copy[3];
	unsigned int i;

	ASSERT_EQ(uffd_register(self->uffd, self->mem, SIZE,
				UFFDIO_REGISTER_MODE_MISSING), 0);
	copy[0] = fcntl(self->uffd, F_DUPFD_CLOEXEC, 300);
	copy[1] = dup2(self->uffd, 310);
	copy[2] = dup3(self->uffd, 311, O_CLOEXEC);
	for (i = 0; i < 3; i++) {
		ASSERT_GE(copy[i], 300);
		EXPECT_EQ(uffd_copy(copy[i], self->mem + i * TP, self->buf, TP,
				    NULL), 0);
	}
	EXPECT_EQ(dup2(self->obj, 310), 310);
	EXPECT_EQ(uffd_copy(310, self->mem + 9 * TP, self->buf, TP, NULL),
		  -ENOTTY);
	close(310);
	EXPECT_EQ(close_range(300, 320, 0), 0);
	EXPECT_EQ(uffd_copy(311, self->mem + 9 * TP, self->buf, TP, NULL),
		  -EBADF);
	EXPECT_EQ(uffd_copy(self->uffd, self->mem + 9 * TP, self->buf, TP,
			    NULL), 0);
}

static void *fill_slice(void *arg)
{
	char **slice = arg;
	unsigned int i;

	for (i = 0; i < SUBS; i++)
		if (uffd_copy((int)(intptr_t)slice[1], slice[0] + i * TP,
			      slice[2] + i * TP, TP, NULL))
			return (void *)1;
	return NULL;
}

/* Rule: each thread that fills has a channel of its own; a 5th one shares. */
TEST_F(preload, channels)
{
	struct hugepost_channel_stats ch[4];
	char *slices[5][3];
	pthread_t threads[5];
	void *failed;
	unsigned int i, used = 0;

	ASSERT_EQ(uffd_register(self->uffd, self->mem, SIZE,
				UFFDIO_REGISTER_MODE_MISSING), 0);
	for (i = 0; i < PAGES; i++) {
		slices[i][0] = self->mem + i * HP;
		slices[i][1] = (char *)(intptr_t)self->uffd;
		slices[i][2] = self->buf;
		ASSERT_EQ(pthread_create(&threads[i], NULL, fill_slice,
					 slices[i]), 0);
	}
	for (i = 0; i < PAGES; i++) {
		pthread_join(threads[i], &failed);
		EXPECT_EQ(failed, NULL);
	}
	ASSERT_EQ(hp_channel_stats(self->obj, 4, ch), 0);
	for (i = 0; i < 4; i++)
		used += ch[i].pages > 0;
	EXPECT_GE(used, 1);
	EXPECT_EQ(ch[0].pages + ch[1].pages + ch[2].pages + ch[3].pages,
		  PAGES * SUBS);
	EXPECT_EQ(hp_stats(self->obj).out_present, PAGES);
}

/* Rule: a child of fork does not disturb its parent's handling. */
TEST_F(preload, forked)
{
	struct hp_toucher t;
	struct uffd_msg msg;
	int status;
	pid_t pid;

	ASSERT_EQ(uffd_register(self->uffd, self->mem, SIZE,
				UFFDIO_REGISTER_MODE_MISSING), 0);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		/* The child has no mapping, and uses userfaultfd as usual. */
		int real = uffd_open(0);
		bool good = real >= 0 && !close(self->uffd) &&
			    !uffd_register(real, self->plain, HP,
					   UFFDIO_REGISTER_MODE_MISSING) &&
			    !uffd_copy(real, self->plain, self->buf, TP, NULL) &&
			    hp_pattern_check(self->plain, 0, 1);

		_exit(good ? 0 : 1);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	/* One of vfork shares the memory, but has descriptors of its own. */
	pid = vfork();
	if (!pid) {
		close(self->uffd);
		_exit(0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	hp_toucher_start(&t, self->mem, -1);
	ASSERT_EQ(uffd_wait(self->uffd, &msg), 0);
	EXPECT_EQ(uffd_copy(self->uffd, self->mem, self->buf, TP, NULL), 0);
	EXPECT_EQ(hp_toucher_end(&t), hp_pattern(0, 1, 0));
}

/* Rule: what is not registered of an armed object is ordinary memory. */
TEST_F(preload, part_registered)
{
	struct hp_toucher t;
	struct uffd_msg msg;

	ASSERT_EQ(uffd_register(self->uffd, self->mem + HP, HP,
				UFFDIO_REGISTER_MODE_MISSING), 0);
	/* Whoever reads has the pages of the rest filled, and gets nothing. */
	hp_toucher_start(&t, self->mem, 3);
	EXPECT_EQ(uffd_wait(self->uffd, &msg), -EAGAIN);
	EXPECT_EQ(hp_toucher_end(&t), 3);
	EXPECT_EQ(self->mem[1], 0);
	hp_toucher_start(&t, self->mem + HP + TP, -1);
	ASSERT_EQ(uffd_wait(self->uffd, &msg), 0);
	EXPECT_EQ(msg.arg.pagefault.address, (uintptr_t)self->mem + HP + TP);
	/* Half of it goes: who waits there goes on, with zeros. */
	EXPECT_EQ(uffd_unregister(self->uffd, self->mem + HP, HP / 2), 0);
	EXPECT_EQ(uffd_wait(self->uffd, &msg), -EAGAIN);
	EXPECT_EQ(hp_toucher_end(&t), 0);
	EXPECT_EQ(hp_stats(self->obj).out_mode, HUGEPOST_MODE_ARMED);
	EXPECT_EQ(uffd_unregister(self->uffd, self->mem, SIZE), 0);
	EXPECT_EQ(hp_stats(self->obj).out_mode, HUGEPOST_MODE_UNARMED);
}

/* Rule: unmapping what is registered ends the registration. */
TEST_F(preload, unmapped)
{
	ASSERT_EQ(uffd_register(self->uffd, self->mem, SIZE,
				UFFDIO_REGISTER_MODE_MISSING), 0);
	ASSERT_EQ(munmap(self->mem, SIZE), 0);
	/* To others who map the object it has lost its handler. */
	EXPECT_EQ(hp_stats(self->obj).out_mode, HUGEPOST_MODE_LOST);
	self->mem = hp_map(self->obj, 0, SIZE);
	ASSERT_NE(self->mem, MAP_FAILED);
	ASSERT_EQ(uffd_register(self->uffd, self->mem, SIZE,
				UFFDIO_REGISTER_MODE_MISSING), 0);
	EXPECT_EQ(uffd_copy(self->uffd, self->mem, self->buf, TP, NULL), 0);
	/* Another mapping over the middle takes that part away. */
	ASSERT_EQ(mmap(self->mem + HP, HP, PROT_READ, MAP_PRIVATE |
		       MAP_ANONYMOUS | MAP_FIXED, -1, 0), self->mem + HP);
	EXPECT_EQ(self->mem[HP], 0);
	EXPECT_NE(uffd_copy(self->uffd, self->mem + HP, self->buf, TP, NULL),
		  0);
	EXPECT_EQ(uffd_copy(self->uffd, self->mem + 2 * HP, self->buf, TP,
			    NULL), 0);
}

/* Rule: a mapping that moves is handled at its new place. */
TEST_F(preload, moved)
{
	char *to = mmap(NULL, 2 * SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
	char *new;

	ASSERT_NE(to, MAP_FAILED);
	to += HP - (uintptr_t)to % HP;
	new = mremap(self->mem, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	ASSERT_EQ(new, to);
	self->mem = new;
	ASSERT_EQ(uffd_register(self->uffd, self->mem, SIZE,
				UFFDIO_REGISTER_MODE_MISSING), 0);
	EXPECT_EQ(uffd_copy(self->uffd, self->mem, self->buf, TP, NULL), 0);
	EXPECT_TRUE(hp_pattern_check(self->mem, 0, 1));
}

/* Rule: two objects in one process have their own events and pages. */
TEST_F(preload, two_objects)
{
	int other = hp_open();
	char *mem2 = hp_map(other, 0, HP);
	struct hp_toucher t;
	struct uffd_msg msg;

	ASSERT_NE(mem2, MAP_FAILED);
	ASSERT_EQ(uffd_register(self->uffd, self->mem, SIZE,
				UFFDIO_REGISTER_MODE_MISSING), 0);
	ASSERT_EQ(uffd_register(self->uffd, mem2, HP,
				UFFDIO_REGISTER_MODE_MISSING), 0);
	hp_toucher_start(&t, mem2 + TP, -1);
	ASSERT_EQ(uffd_wait(self->uffd, &msg), 0);
	EXPECT_EQ(msg.arg.pagefault.address, (uintptr_t)mem2 + TP);
	EXPECT_EQ(uffd_copy(self->uffd, mem2 + TP, self->buf, TP, NULL), 0);
	EXPECT_EQ(hp_toucher_end(&t), hp_pattern(0, 1, 0));
	EXPECT_EQ(hp_bitmap(self->obj, 0, SIZE, (uint64_t *)self->buf), 0);
	close(other);
	munmap(mem2, HP);
}

/* Rule: after a failed fill no page that is missing is zero, in no range. */
TEST_F(preload, missing_after_failure)
{
	int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(uffd_register(self->uffd, self->mem, SIZE,
					UFFDIO_REGISTER_MODE_MISSING), 0);
		uffd_zero(self->uffd, self->mem, 2 * HP, NULL);
		EXPECT_EQ(uffd_copy(self->uffd, self->mem + 2 * HP, NULL, TP,
				    NULL), -EFAULT);
		/* The range without them goes with the others, or after. */
		EXPECT_EQ(uffd_unregister(self->uffd, self->mem + HP,
					  i ? 3 * HP : HP), 0);
		EXPECT_EQ(uffd_unregister(self->uffd, self->mem, SIZE), 0);
		EXPECT_EQ(hp_touch(self->mem + 2 * HP, -1), SIGBUS);
	}
}

/* Rule: a second userfaultfd cannot take a registered object over. */
TEST_F(preload, registered_elsewhere)
{
	int other = uffd_open(0);

	ASSERT_GE(other, 0);
	ASSERT_EQ(uffd_register(self->uffd, self->mem, SIZE,
				UFFDIO_REGISTER_MODE_MISSING), 0);
	EXPECT_EQ(uffd_register(other, self->mem, SIZE,
				UFFDIO_REGISTER_MODE_MISSING), -EBUSY);
	EXPECT_EQ(uffd_copy(other, self->mem, self->buf, TP, NULL), -ENOENT);
	close(other);
	EXPECT_EQ(uffd_copy(self->uffd, self->mem, self->buf, TP, NULL), 0);
}

/* Rule: a userfaultfd made by /dev/userfaultfd is adapted as well. */
TEST_F(preload, by_device)
{
	int dev = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
	struct uffdio_api api = { .api = UFFD_API };
	int uffd;

	if (dev < 0)
		SKIP(return, "this kernel has no /dev/userfaultfd");
	uffd = ioctl(dev, USERFAULTFD_IOC_NEW, O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(uffd, 0);
	ASSERT_EQ(ioctl(uffd, UFFDIO_API, &api), 0);
	ASSERT_EQ(uffd_register(uffd, self->mem, SIZE,
				UFFDIO_REGISTER_MODE_MISSING), 0);
	EXPECT_EQ(uffd_copy(uffd, self->mem, self->buf, TP, NULL), 0);
	close(uffd);
	close(dev);
}

/* Rule: without privileges userfaultfd is had for faults of user mode. */
TEST_F(preload, unprivileged)
{
	struct hp_toucher t;
	struct uffd_msg msg;
	int uffd;

	/* The harness's child ends with the test, and its privileges with it. */
	ASSERT_EQ(setresuid(65534, 65534, 65534), 0);
	uffd = uffd_open(0);
	ASSERT_GE(uffd, 0);
	ASSERT_EQ(uffd_register(uffd, self->mem, SIZE,
				UFFDIO_REGISTER_MODE_MISSING), 0);
	hp_toucher_start(&t, self->mem, -1);
	ASSERT_EQ(uffd_wait(uffd, &msg), 0);
	EXPECT_EQ(uffd_copy(uffd, self->mem, self->buf, TP, NULL), 0);
	EXPECT_EQ(hp_toucher_end(&t), hp_pattern(0, 1, 0));
	close(uffd);
}

/* Rule: reading honours O_NONBLOCK, as a userfaultfd does. */
TEST_F(preload, nonblocking)
{
	struct uffd_msg msg;

	EXPECT_EQ(read(self->uffd, &msg, sizeof(msg)), -1);
	EXPECT_EQ(errno, EAGAIN);
	EXPECT_EQ(fcntl(self->uffd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	EXPECT_EQ(fcntl(self->uffd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

/* Rule: without an object a userfaultfd is the kernel's own. */
TEST(without_objects)
{
	int uffd = uffd_open(0);
	char link[64] = "", path[64];

	ASSERT_GE(uffd, 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", uffd);
	ASSERT_GT(readlink(path, link, sizeof(link) - 1), 0);
	EXPECT_NE(strstr(link, "userfaultfd"), NULL);
	close(uffd);
}

TEST_HARNESS_MAIN
