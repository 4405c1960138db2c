# SPDX-License-Identifier: GPL-2.0-only
"""What the module says of the memory object of another process.

To open /proc/PID/fd/N would make a new object; pidfd_getfd() gives the process's
own descriptor.
"""

import ctypes
import fcntl
import glob
import os
import struct

from qmp import Failure

DEVICE = "/dev/hugepost"
PAGE = 4096
CHANNELS_MAX = 64

# <linux/hugepost.h>: _IO(0xD8, command).
BITMAP = 0xD808
STATS = 0xD80B

SYS_PIDFD_OPEN = 434
SYS_PIDFD_GETFD = 438

STATS_HEAD = struct.Struct("=IIQIIII")
STATS_OUT = ("length", "host_page", "target_page", "empty", "assembling", "present",
             "zero", "memory", "staging", "metadata", "faults", "waits", "events",
             "zero_fills", "installs_huge", "installs_single", "discarded", "poisoned",
             "id")
CHANNEL = struct.Struct("=QIIQQQQQQ")
CHANNEL_OUT = ("host_page", "host_page_filled", "all_zero", "pages", "zero_pages",
               "bytes", "duplicates", "replaced", "resets")
BITMAP_ARGUMENT = struct.Struct("=IIQQQQ")


def call(number, *arguments):
    """A system call that the C library need not know."""
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(number, *arguments)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


class Object:
    """The memory object that a process has open; the biggest, if it has several."""

    def __init__(self, pid):
        self.fd = -1
        length = -1
        pidfd = call(SYS_PIDFD_OPEN, pid, 0)
        try:
            for path in glob.glob(f"/proc/{pid}/fd/*"):
                if os.readlink(path) != DEVICE:
                    continue
                fd = call(SYS_PIDFD_GETFD, pidfd, int(path.rpartition("/")[2]), 0)
                found = self._stats(fd)[0]["length"]
                if found > length:
                    fd, self.fd, length = self.fd, fd, found
                if fd >= 0:
                    os.close(fd)
        finally:
            os.close(pidfd)
        if self.fd < 0:
            raise Failure(f"process {pid} has no {DEVICE} open")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)

    @staticmethod
    def _stats(fd):
        channels = ctypes.create_string_buffer(CHANNELS_MAX * CHANNEL.size)
        size = STATS_HEAD.size + 8 * len(STATS_OUT)
        argument = bytearray(size)
        STATS_HEAD.pack_into(argument, 0, size, 0, ctypes.addressof(channels),
                             CHANNELS_MAX, CHANNEL.size, 0, 0)
        fcntl.ioctl(fd, STATS, argument)
        number = STATS_HEAD.unpack_from(argument)[5]
        values = struct.unpack_from(f"={len(STATS_OUT)}Q", argument, STATS_HEAD.size)
        return (dict(zip(STATS_OUT, values)),
                [dict(zip(CHANNEL_OUT, CHANNEL.unpack_from(channels, i * CHANNEL.size)))
                 for i in range(number)])

    def stats(self):
        """The object's figures."""
        return self._stats(self.fd)[0]

    def channels(self):
        """A list of the channels' figures."""
        return self._stats(self.fd)[1]

    def present(self):
        """The received bitmap: a set of the numbers of pages that are there."""
        length = self.stats()["length"]
        words = length // PAGE // 64
        bits = ctypes.create_string_buffer(words * 8)
        argument = bytearray(BITMAP_ARGUMENT.pack(BITMAP_ARGUMENT.size, 0, 0, length,
                                                  ctypes.addressof(bits), 0))
        fcntl.ioctl(self.fd, BITMAP, argument)
        number = int.from_bytes(bits.raw, "little")
        return {page for page in range(length // PAGE) if number >> page & 1}
