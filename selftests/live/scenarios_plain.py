# SPDX-License-Identifier: GPL-2.0-only
"""QEMU alone, without hugepost: what fails here is not hugepost's fault."""

import checks
from harness import scenario
from migration import MIB


@scenario("QEMU {version} alone: a stopped guest arrives over {transport}",
          variants=[{"version": version, "transport": transport}
                    for version, transport in (("7.2", "unix"), ("10.0", "tcp"),
                                               ("11", "unix"))], often=1)
def plain(test, version, transport):
    """A stopped guest's memory is the same after a postcopy."""
    source, destination = test.pair(destination="ram", version=version, stopped=True)
    source.qmp.command("stop")
    migration = test.migration(source, destination, transport=transport)
    migration.start().switch().finish()
    test.note(migration.summary())
    pages = checks.equal(source, destination, test.dir)
    test.note(f"{pages} pages are not zero")


@scenario("QEMU {version} alone: a busy guest arrives",
          variants=[{"version": version} for version in ("7.2", "10.0", "11")], often=1)
def plain_busy(test, version):
    """A guest that writes to its memory all the time finds all of it right."""
    source, destination = test.pair(destination="ram", version=version)
    migration = test.migration(source, destination, postcopy_bandwidth=16 * MIB)
    migration.start().wait_sent(8 * MIB)
    migration.switch().finish()
    test.note(migration.summary())
    test.note(migration.blocktime())
    test.check_guest(destination)
