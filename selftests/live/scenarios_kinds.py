# SPDX-License-Identifier: GPL-2.0-only
"""Kinds of migrations and of memory: what must simply work."""

import time

import checks
from harness import scenario
from migration import MIB
from qmp import Failure

KINDS = {
    "vanilla": (),
    "preempt": ("postcopy-preempt",),
    "multifd": ("multifd",),
}


def migrate(test, source, destination, **options):
    """A migration with a postcopy phase of some seconds, from start to end."""
    options = {"postcopy_bandwidth": 16 * MIB, **options}
    migration = test.migration(source, destination, **options)
    migration.start().wait_sent(8 * MIB)
    start = time.monotonic()
    migration.switch().finish()
    test.note(f"{migration.summary()}, {time.monotonic() - start:.1f} s after the switch")
    if not migration.query(source)["ram"].get("postcopy-bytes"):
        raise Failure("nothing was sent after the switch")
    return migration, time.monotonic() - start


def check_blocktime(test, migration, seconds):
    """Fails unless the destination's figures of waits can be right: on a busy host
    a guest may come to run only when all is there, asks for no page, and waits for
    none; and several vCPUs may never wait at once."""
    total, vcpus = migration.blocktime()
    test.note(f"blocktime: {total} ms for all CPUs, {vcpus} ms for each")
    asked = migration.query(migration.source)["ram"].get("postcopy-requests", 0)
    waited = [max(vcpus)] if len(vcpus) > 1 else [total, *vcpus]
    if not vcpus or (asked > 0 and not all(waited)) or not all(
            0 <= one <= seconds * 1000 for one in (total, *vcpus)):
        raise Failure(f"the block times {total} ms and {vcpus} ms cannot be right for "
                      f"{seconds:.1f} s")


@scenario("QEMU {version}, {kind} postcopy over {transport}: a busy guest arrives, on "
          "huge pages, and block times are right",
          variants=[{"version": version, "kind": kind, "transport": transport}
                    for version, kind, transport in (("7.2", "vanilla", "unix"),
                                                     ("10.0", "preempt", "tcp"),
                                                     ("11", "vanilla", "unix"),
                                                     ("7.2", "preempt", "tcp"),
                                                     ("10.0", "vanilla", "unix"),
                                                     ("11", "preempt", "tcp"))],
          often=3)
def live(test, version, kind, transport):
    """Onto hugepost, by what is usual."""
    source, destination = test.pair(version=version)
    migration, seconds = migrate(test, source, destination, transport=transport,
                                 capabilities=KINDS[kind])
    test.check_arrived(destination)
    check_blocktime(test, migration, seconds)


# QEMU 7.2 lets it be asked for, and ends by an assertion of its own, whatever the
# memory is.
@scenario("QEMU {version}, multifd precopy and then postcopy: works, or QEMU refuses",
          variants=[{"version": version} for version in ("11", "10.0")], often=1)
def multifd(test, version):
    """Pages come over several channels before the switch."""
    source, destination = test.pair(version=version)
    try:
        migration, seconds = migrate(test, source, destination,
                                     capabilities=KINDS["multifd"], channels=2)
    except Failure as error:
        if "ostcopy is not yet compatible with multifd" not in str(error):
            raise
        test.note(error)
        test.check_guest(source)
        return
    test.check_arrived(destination)
    check_blocktime(test, migration, seconds)


@scenario("two vCPUs: a busy guest arrives over {kind} postcopy",
          variants=[{"kind": kind} for kind in ("preempt", "vanilla")], often=1)
def smp(test, kind):
    """Two vCPUs wait for pages at once."""
    source, destination = test.pair(smp=2)
    migration, seconds = migrate(test, source, destination, capabilities=KINDS[kind])
    test.check_arrived(destination)
    check_blocktime(test, migration, seconds)


@scenario("QEMU {version}: a stopped guest's memory is the same, byte for byte",
          variants=[{"version": version} for version in ("7.2", "10.0", "11")], often=1)
def stopped(test, version):
    """Nothing runs, so that both sides can be compared."""
    source, destination = test.pair(version=version, stopped=True)
    source.qmp.command("stop")
    migrate(test, source, destination)
    pages = checks.equal(source, destination, test.dir)
    test.note(f"{pages} pages are not zero")


@scenario("memory of the source: {memory}",
          variants=[{"memory": memory}
                    for memory in ("memfd", "hugepost", "ram", "hugepost-object")],
          often=2)
def source_memory(test, memory):
    """From any memory with 4 KiB pages, or what QEMU takes for it."""
    source, destination = test.pair(source=memory)
    migrate(test, source, destination)
    test.check_arrived(destination)


@scenario("an explicit back end works as the destination's")
def explicit_backend(test):
    """The wrapper leaves it alone."""
    source, destination = test.pair(destination="hugepost-object")
    migrate(test, source, destination)
    test.check_arrived(destination)


@scenario("a guest moves from hugepost to hugepost, and back")
def there_and_back(test):
    """Each migration's destination is the next one's source."""
    source, destination = test.pair(source="hugepost")
    migrate(test, source, destination)
    test.check_arrived(destination)
    source.kill()
    again = test.destination("back", memory="hugepost", guest=destination.guest)
    migrate(test, destination, again)
    test.check_arrived(again)


def hugetlbfs_pair(test, **options):
    """A pair of QEMUs whose source is on pages of 2 MiB, and so of a whole number."""
    checks.reserve_hugetlb(40)
    test.stack.callback(checks.reserve_hugetlb, 0)
    return test.pair(source="hugetlbfs", kib=64 << 10, version="10.0", **options)


@scenario("a destination that poses as hugetlbfs takes a source on hugetlbfs")
def posing(test):
    """QEMU gathers host pages itself then, and the wrapper's user asked for it."""
    source, destination = hugetlbfs_pair(test, env={"HUGEPOST_HUGETLBFS": "1"})
    migrate(test, source, destination)
    test.check_arrived(destination)


@scenario("a source on hugetlbfs is refused, and its guest goes on")
def source_hugetlbfs(test):
    """QEMU wants the same page size on both sides of a postcopy."""
    source, destination = hugetlbfs_pair(test)
    migration = test.migration(source, destination)
    migration.start_refused()
    test.note(destination.messages())
    if "page size" not in destination.messages():
        raise Failure("the destination does not say why")
    test.check_guest(source)
