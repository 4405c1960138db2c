# SPDX-License-Identifier: GPL-2.0-only
"""Guests whose devices are processes that map their memory (vhost-user)."""

import glob
import signal
import time

import checks
import device
from backend import Disk
from harness import scenario
from linux import KIB, Linux
from migration import MIB
from qmp import Failure, wait_for
from scenarios_kinds import KINDS
from scenarios_kvm import CRAWL, SMALL_BALLOON, need_kvm, set_balloon

WAIT_TIMEOUT = 60
# What the source had sent before it was stopped comes within this time.
SETTLE = 0.5


class Side:
    """A QEMU and its back end."""

    def __init__(self, test, guest, name, *, disk=None, incoming=False, more=(), **options):
        self.disk = disk
        if not disk:
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


def waits_in_fault(pid):
    """Does a thread of a process wait in the module's fault handler?"""
    for path in glob.glob(f"/proc/{pid}/task/*/stack"):
        try:
            with open(path, encoding="utf-8") as stack:
                if " hp_fault+" in stack.read():
                    return True
        except OSError:
            continue
    return False


def stop_source_while_waiting(migration, backend):
    """Stops the source in its postcopy, with a back end waiting for a page of it."""
    source = migration.source.process

    def waits():
        if not waits_in_fault(backend.process.pid):
            return False
        source.send_signal(signal.SIGSTOP)
        time.sleep(SETTLE)
        if waits_in_fault(backend.process.pid):
            return True
        source.send_signal(signal.SIGCONT)
        return False
    wait_for("the back end to wait for a page", WAIT_TIMEOUT,
             migration.destination.process, waits)


def crawl(test, guest, source, destination):
    """A migration in which only what is asked for comes quickly, after its switch, of
    a guest that does nothing but use its device."""
    guest.read_disk(source.qemu)
    # Hardly anything has come by then.
    migration = test.migration(source.qemu, destination.qemu, bandwidth=8 * MIB,
                               postcopy_bandwidth=CRAWL, capabilities=KINDS["preempt"])
    migration.start().wait_sent(2 * MIB)
    return migration.switch()


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


@scenario("SIGKILL of a destination while its back end waits for a page: the back end "
          "serves the next guest")
def vhost_kill_destination(test):
    """Nothing that becomes of a VMM ends a back end, which may serve others."""
    guest, source, destination = pair(test, version="10.0")
    migration = crawl(test, guest, source, destination)
    stop_source_while_waiting(migration, destination.disk)
    destination.qemu.kill()
    wait_for("the back end to go on", WAIT_TIMEOUT, destination.disk.process,
             lambda: not waits_in_fault(destination.disk.process.pid))
    destination.disk.check_alive()
    again = Side(test, guest, "again", disk=destination.disk, version="10.0")
    guest.check_round(again.qemu)


@scenario("a back end waits while a postcopy is paused, and goes on when it is recovered")
def vhost_recover(test):
    """The line is cut while it waits."""
    guest, source, destination = pair(test, version="10.0")
    migration = crawl(test, guest, source, destination)
    stop_source_while_waiting(migration, destination.disk)
    destination.qemu.qmp.command("migrate-pause")
    migration.wait(destination.qemu, "postcopy-paused")
    source.qemu.process.send_signal(signal.SIGCONT)
    migration.wait_paused()
    if not waits_in_fault(destination.disk.process.pid):
        raise Failure("the back end does not wait any more")
    migration.recover()
    migration.limit(0)
    migration.finish()
    guest.check_round(destination.qemu, rounds=2)
    destination.disk.check_alive()


@scenario("SIGKILL of a back end in a postcopy: the guest arrives, without its disk")
def vhost_kill_back_end(test):
    """Whether QEMU ends the postcopy, or has given it up, the object is not left armed:
    what the guest gives back is zeros when it is touched again."""
    guest, source, destination = pair(test, more=("-device", "virtio-balloon-pci"))
    migration = crawl(test, guest, source, destination)
    destination.disk.kill()
    migration.limit(0)
    migration.finish()
    destination.qemu.wait_running()
    set_balloon(test, destination.qemu, (KIB >> 10) - SMALL_BALLOON)
    set_balloon(test, destination.qemu, KIB >> 10)
    with device.Object(destination.qemu.pid) as memory:
        if memory.stats()["mode"]:
            raise Failure("the object is still armed")


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
