# SPDX-License-Identifier: GPL-2.0-only
"""Cancelled and concurrent migrations, and QEMU's options that concern memory."""

from harness import BUSY, scenario
from migration import MIB
from qmp import Failure
from scenarios_kinds import migrate


@scenario("migrate_cancel before the switch; a second migration to a new destination")
def cancel(test):
    """The cancelled destination ends, and the guest moves later."""
    source, destination = test.pair()
    migration = test.migration(source, destination, bandwidth=4 * MIB)
    migration.start().wait_sent(2 * MIB)
    migration.cancel()
    destination.gone()
    test.check_guest(source)
    second = test.destination("second", memory="hugepost", guest=BUSY)
    migrate(test, source, second)
    test.check_arrived(second)


@scenario("two migrations at once on one host")
def two_at_once(test):
    """Two objects and two shims, which know nothing of each other."""
    pairs = []
    for name in ("one", "two"):
        guest = f"{BUSY} seed={len(pairs) + 7}"
        source = test.source(f"source-{name}", guest=guest)
        destination = test.destination(f"destination-{name}", memory="hugepost",
                                       guest=guest)
        pairs.append((source, destination))
    migrations = []
    for source, destination in pairs:
        source.serial.status(seconds=120)
        migrations.append(test.migration(source, destination,
                                         postcopy_bandwidth=8 * MIB))
    for migration in migrations:
        migration.start()
    for migration in migrations:
        migration.wait_sent(4 * MIB)
        migration.switch()
    for migration in migrations:
        migration.finish()
        test.note(migration.summary())
    for _, destination in pairs:
        test.check_arrived(destination)


@scenario("a migration that ends in its precopy arrives on hugepost")
def precopy_only(test):
    """postcopy-ram is on, and never used."""
    source, destination = test.pair()
    migration = test.migration(source, destination, bandwidth=0)
    migration.start().finish_precopy()
    test.check_arrived(destination)


OPTIONS = {
    "mem-prealloc": ["-mem-prealloc"],
    "mem-lock": ["-overcommit", "mem-lock=on"],
    "sandbox": ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,"
                "resourcecontrol=deny"],
}


@scenario("a destination with {option}: works, or is refused with a message",
          variants=[{"option": option} for option in (*OPTIONS, "prealloc")])
def option(test, option):  # pylint: disable=redefined-outer-name
    """Whichever it is, no guest is at risk."""
    source = test.source(guest=BUSY)
    destination = test.start(
        "destination", guest=BUSY, incoming=True, extra=OPTIONS.get(option, []),
        memory="hugepost-object" if option == "prealloc" else "hugepost",
        backend_options=",prealloc=on" if option == "prealloc" else "")
    try:
        destination.connect()
    except Failure:
        test.note(f"refused: {destination.refused()}")
        if "hugepost" not in destination.messages():
            raise Failure("the refusal does not say what is wrong") from None
        return
    source.serial.status(seconds=120)
    migrate(test, source, destination)
    test.check_arrived(destination)


@scenario("virtio-mem on hugepost: what is not plugged is discarded, the guest arrives")
def virtio_mem(test):
    """A second object, all of which the device discards at its reset."""
    devices = ["-device", "virtio-mem-pci,memdev=vm0,id=vm0,requested-size=0"]
    shape = "id=vm0,size=32M,share=on,x-use-canonical-path-for-ramblock-id=off"
    source = test.source(guest=BUSY, maximum="1G", extra=[
        "-object", f"memory-backend-memfd,{shape}", *devices])
    destination = test.destination(
        memory="hugepost", guest=BUSY, maximum="1G", extra=[
            "-object",
            f"memory-backend-file,mem-path=/dev/hugepost,align=2M,{shape}", *devices])
    source.serial.status(seconds=120)
    migrate(test, source, destination)
    test.check_arrived(destination)
