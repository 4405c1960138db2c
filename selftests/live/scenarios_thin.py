# SPDX-License-Identifier: GPL-2.0-only
"""Guests that hold mostly zeros: host pages that hold nothing but that cost nothing."""

import os
import threading
import time

from harness import scenario
from migration import MIB
from qmp import Failure, wait_for
from scenarios_control import object_of

HOST_PAGE = 2 * MIB
KIB = (256 << 10) + 8
# Seconds without a change that are more than thin_after, twice, on a busy host.
SETTLED = 8
SETTLE_TIMEOUT = 120


def held(qemu):
    """Bytes of the guest's own that the object of a QEMU holds."""
    mine = object_of(qemu)
    return mine["memory"] - mine["staging"]


class Peak:
    """The most that an object holds until it is stopped."""

    def __init__(self, qemu):
        self.qemu, self.bytes = qemu, 0
        self.end = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self):
        while not self.end.wait(0.2):
            self.bytes = max(self.bytes, held(self.qemu))

    def stop(self):
        """Ends it, and returns the bytes."""
        self.end.set()
        self.thread.join()
        return self.bytes


def settled(qemu):
    """Bytes that the object of a QEMU holds when it has not changed for a while."""
    last = [0, time.monotonic()]

    def is_settled():
        now = held(qemu)
        if now != last[0]:
            last[:] = now, time.monotonic()
        return time.monotonic() - last[1] > SETTLED
    wait_for("the memory to be given back", SETTLE_TIMEOUT, qemu.process, is_settled)
    return last[0]


def needed(test, qemu):
    """Bytes of host pages of a stopped guest that hold anything but zeros."""
    path = os.path.join(test.dir, "dump")
    qemu.qmp.command("pmemsave", val=0, size=qemu.kib << 10, filename=path)
    pages = 0
    with open(path, "rb") as dump:
        while chunk := dump.read(HOST_PAGE):
            pages += chunk.count(0) != len(chunk)
    os.unlink(path)
    return pages * HOST_PAGE


CAPABILITIES = {"precopy": (), "postcopy": (), "multifd": ("multifd",),
                "preempt": ("postcopy-preempt",)}


@scenario("QEMU {version}, {way}: of an idle guest that is mostly zeros only the rest has "
          "memory",
          variants=[{"version": version, "way": way}
                    for version, way in (("7.2", "precopy"), ("11", "multifd"),
                                         ("10.0", "postcopy"), ("7.2", "postcopy"),
                                         ("11", "precopy"), ("11", "preempt"))],
          often=3)
def thin(test, version, way):
    """QEMU reads each page of zeros that it receives, and clears some."""
    source, destination = test.pair(version=version, guest=None, kib=KIB)
    peak = Peak(destination)
    migration = test.migration(source, destination, bandwidth=0,
                               capabilities=CAPABILITIES[way])
    migration.start()
    if way in ("postcopy", "preempt"):
        migration.switch().finish()
    else:
        migration.finish_precopy()
    test.note(migration.summary())
    rest = settled(destination)
    most = peak.stop()
    # To look at a host page of zeros is to touch it.
    destination.qmp.command("stop")
    need = needed(test, destination)
    test.note(f"{rest // MIB} MiB held, {need // MIB} MiB needed, at most {most // MIB} MiB "
              "meanwhile")
    # What the guest touched since it was given back stays, whatever it holds.
    if rest > 1.15 * need + 2 * HOST_PAGE:
        raise Failure("that is too much")
