// SPDX-License-Identifier: GPL-2.0-only
/*
 * libhugepost-preload: migrations that leave out memory which both sides share.
 *
 * With x-ignore-shared or by cpr QEMU does not send memory that the new process is to
 * find where it was. Of /dev/hugepost each open makes a new object: the source would
 * say "completed", and the guest's memory be gone. Such a migration fails with the
 * first bytes of its stream, while the source has the guest.
 *
 * Only what a descriptor begins with is looked at. What a guest has in its memory may
 * be all that a later call writes, and must not end its migration.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "head.h"
#include "preload.h"

#define FDS_MAX		65536
#define WRITTEN		1
#define READ		2

/* What was done with each descriptor since it is one. */
static atomic_uchar begun[FDS_MAX];

/* Is it the first time? */
static bool begins(int fd, unsigned char what)
{
	if ((unsigned int)fd >= FDS_MAX ||
	    atomic_load_explicit(&begun[fd], memory_order_relaxed) & what)
		return false;
	return !(atomic_fetch_or(&begun[fd], what) & what);
}

/* @fd is closed, or another descriptor now. */
void hps_stream_ended(int fd)
{
	if ((unsigned int)fd < FDS_MAX && atomic_load_explicit(&begun[fd], memory_order_relaxed))
		atomic_store(&begun[fd], 0);
}

static bool refuse(enum hps_head head)
{
	if (head == HPS_HEAD_OTHER || !hps_memory_is_mapped())
		return false;
	if (head == HPS_HEAD_CPR)
		hps_log(HPS_ERROR,
			"a migration by cpr would lose the guest's memory, which no other process finds: refused; migrate in mode \"normal\"");
	else
		hps_log(HPS_ERROR,
			"a migration with x-ignore-shared would lose the guest's memory, which no other process finds: refused; turn that capability off on both sides");
	errno = EOPNOTSUPP;
	return true;
}

bool hps_stream_refuses_write(int fd, const struct iovec *iov, size_t nr)
{
	for (; nr && !iov->iov_len; nr--)
		iov++;
	return nr && begins(fd, WRITTEN) && refuse(hps_head_of(iov->iov_base, iov->iov_len));
}

bool hps_stream_refuses_read(int fd, const struct iovec *iov, size_t nr, ssize_t len)
{
	if (len <= 0 || !nr || !begins(fd, READ))
		return false;
	return refuse(hps_head_of(iov[0].iov_base, (size_t)len < iov[0].iov_len ?
							   (size_t)len : iov[0].iov_len));
}

/* By cpr-exec QEMU keeps its state for its successor in a file of this name. */
bool hps_stream_refuses_file(const char *name)
{
	return !strcmp(name, "QEMU_CPR_EXEC_STATE") && refuse(HPS_HEAD_CPR);
}
