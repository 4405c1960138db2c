# SPDX-License-Identifier: GPL-2.0-only
"""Guests whose devices are processes that map their memory (vhost-user)."""

import checks
from backend import Disk
from harness import scenario
from linux import Linux
from migration import MIB
from scenarios_kinds import KINDS
from scenarios_kvm import need_kvm


class Side:
    """A QEMU and its back end."""

    def __init__(self, test, guest, name, *, incoming=False, more=(), **options):
        self.disk = Disk(f"{test.dir}/{name}-disk", guest.disk)
        test.stack.callback(self.disk.close)
        self.disk.wait()
        start = test.destination if incoming else test.source
        devices = guest.with_devices(*self.disk.options(), *more)
        self.qemu = start(name, **{"memory": "hugepost", "accel": "kvm", **devices,
                                   **options})


def pair(test, **options):
    """A guest that runs, a destination for it, and both sides' back ends."""
    need_kvm()
    guest = Linux(test.dir)
    source = Side(test, guest, "source", **options)
    destination = Side(test, guest, "destination", incoming=True, **options)
    return guest, source, destination


@scenario("QEMU {version}, {kind}: a guest whose disk is a vhost-user back end arrives on "
          "huge pages, and goes on to use it",
          variants=[{"version": version, "kind": kind} for version, kind in
                    (("7.2", "vanilla"), ("11", "preempt"))])
def vhost_disk(test, version, kind):
    """The back end knows nothing of hugepost, nor of a postcopy."""
    guest, source, destination = pair(test, version=version)
    guest.check_round(source.qemu)
    migration = test.migration(source.qemu, destination.qemu, bandwidth=64 * MIB,
                               postcopy_bandwidth=8 * MIB, capabilities=KINDS[kind])
    migration.start().wait_sent(32 * MIB)
    migration.switch().finish()
    test.note(migration.summary())
    guest.check_round(destination.qemu, rounds=2)
    test.note(f"{checks.all_huge(destination.qemu)} KiB are mapped huge")
    source.disk.check_alive()
    destination.disk.check_alive()


@scenario("a guest with a back end and memory that is no object is not migrated, and its "
          "source goes on")
def vhost_refused(test):
    """Known before the source stops: afterwards it would be too late."""
    guest, source, destination = pair(test, version="10.0", more=(
        "-object", f"memory-backend-memfd,id=more,size={16 * MIB},share=on"))
    migration = test.migration(source.qemu, destination.qemu, bandwidth=64 * MIB)
    migration.start_refused()
    guest.check_round(source.qemu)
    source.disk.check_alive()
    destination.disk.check_alive()
