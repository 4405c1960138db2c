# SPDX-License-Identifier: GPL-2.0-only
"""Memory objects of this process, for the tests to look at."""

import ctypes
import fcntl
import mmap
import os
import signal
import struct

DEVICE = "/dev/hugepost"
PAGE = 4096
HOST_PAGE = 2 << 20
PAGES = HOST_PAGE // PAGE

# <linux/hugepost.h>: _IO(0xD8, command).
SETUP, ARM, DISARM, FILL, DISCARD, STATS = 0xD801, 0xD802, 0xD803, 0xD804, 0xD807, 0xD80B
SETUP_PREALLOC = 1
FILL_ZERO = 1
STATS_SIZE = 184
STATS_ID = 176


class Memory:
    """One object. It is set up unless @length is 0."""

    def __init__(self, length=0, channels=1, flags=0):
        self.fd = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
        self.events = -1
        self.touchers = []
        if length:
            self.setup(length, channels, flags)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for pid in self.touchers:
            os.kill(pid, signal.SIGKILL)
        self.join()
        self.lose()
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1

    def setup(self, length, channels=1, flags=0):
        fcntl.ioctl(self.fd, SETUP,
                    struct.pack("=IIQIIIIQ", 40, flags, length, 0, 0, channels, 0, 0))

    @property
    def id(self):
        argument = bytearray(STATS_SIZE)
        struct.pack_into("=I", argument, 0, STATS_SIZE)
        fcntl.ioctl(self.fd, STATS, argument)
        return struct.unpack_from("=Q", argument, STATS_ID)[0]

    def arm(self):
        argument = bytearray(struct.pack("=IIiI", 16, 0, -1, 0))
        fcntl.ioctl(self.fd, ARM, argument)
        self.events = struct.unpack("=IIiI", argument)[2]

    def disarm(self):
        fcntl.ioctl(self.fd, DISARM, struct.pack("=II", 8, 0))
        self.lose()

    def lose(self):
        """Closes the event descriptor."""
        if self.events >= 0:
            os.close(self.events)
        self.events = -1

    def fill(self, page, pages=1, channel=0, zero=False):
        """Fills target pages, by default with bytes that are not zero."""
        data = ctypes.create_string_buffer(b"x" * (0 if zero else pages * PAGE))
        entry = ctypes.create_string_buffer(
            struct.pack("=QQQII", page * PAGE, 0 if zero else ctypes.addressof(data),
                        pages * PAGE, FILL_ZERO if zero else 0, 0))
        fcntl.ioctl(self.fd, FILL,
                    struct.pack("=IIIIQIIQQ", 48, 0, channel, 1, ctypes.addressof(entry),
                                0, 0, 0, 0))

    def discard(self, page, pages):
        fcntl.ioctl(self.fd, DISCARD,
                    struct.pack("=IIQQQ", 32, 0, page * PAGE, pages * PAGE, 0))

    def touch(self, length, pages):
        """Starts a process that touches target pages; join() waits for its end."""
        pid = os.fork()
        if pid:
            self.touchers.append(pid)
            return
        with mmap.mmap(self.fd, length) as memory:
            for page in pages:
                memory[page * PAGE]
        os._exit(0)

    def join(self):
        while self.touchers:
            os.waitpid(self.touchers.pop(), 0)

    def wait_for_event(self):
        os.read(self.events, 32)


def fill_like_a_migration(memory):
    """
    Of 16 host pages: 0 to 5 present, 6 and 7 zero, 8 and 9 assembling, the last
    present and the rest empty; channel 0 does most, channel 1 what assembles.
    """
    memory.fill(0, 6 * PAGES)
    memory.fill(6 * PAGES, 2 * PAGES, zero=True)
    memory.fill(8 * PAGES, 100, channel=1)
    memory.fill(9 * PAGES + 7, 3, channel=1)
    memory.fill(15 * PAGES, PAGES)


LENGTH = 16 * HOST_PAGE
STATES = "######00++.....#"
FILLED = 9 * PAGES + 103


def migration():
    """An armed object with two channels, in the middle of its migration."""
    memory = Memory(LENGTH, channels=2)
    memory.arm()
    fill_like_a_migration(memory)
    return memory
