# SPDX-License-Identifier: GPL-2.0-only
"""Ways of QEMU to leave out memory that the new process is to find where it was: of
/dev/hugepost no other process finds it."""

import json

from harness import scenario
from migration import FINAL
from qmp import Failure, wait_for


def is_refused(test, source):
    """The migration fails by the library, which says why, and the guest goes on."""
    def ended():
        return source.qmp.command("query-migrate").get("status") in FINAL
    wait_for("the end of the migration", 60, source.process, ended)
    result = source.qmp.command("query-migrate")
    test.note(f"{result['status']}: {result.get('error-desc', '')}")
    if result["status"] != "failed":
        raise Failure(f"the source says {result['status']}")
    says_why(test, source)


def says_why(test, qemu):
    """The reason is among its messages, and its guest goes on."""
    if "would lose the guest's memory" not in qemu.messages():
        raise Failure(f"{qemu.name} does not say why: {qemu.messages()}")
    test.check_guest(qemu)


def migrate_sharing(source, destination):
    """Begins a migration with x-ignore-shared, which goes with no postcopy."""
    for qemu in source, destination:
        qemu.qmp.command("migrate-set-capabilities", capabilities=[
            {"capability": "x-ignore-shared", "state": True}])
    address = f"unix:{destination.files}.migration"
    destination.qmp.command("migrate-incoming", uri=address)
    source.qmp.command("migrate", uri=address)


@scenario("QEMU {version}: x-ignore-shared, which would lose all memory, is refused, and "
          "the guest goes on",
          variants=[{"version": version} for version in ("11", "7.2")], often=1)
def ignore_shared(test, version):
    """Both sides are on hugepost, and each has an object of its own."""
    source, destination = test.pair(source="hugepost", version=version)
    migrate_sharing(source, destination)
    is_refused(test, source)


@scenario("a destination on hugepost takes no migration with x-ignore-shared")
def ignore_shared_taken(test):
    """Its guest would run on zeros: it ends with a message."""
    source, destination = test.pair(source="memfd", version="11")
    migrate_sharing(source, destination)
    destination.gone()
    if "would lose the guest's memory" not in destination.messages():
        raise Failure(f"it does not say why: {destination.messages()}")


def unix(path):
    """A socket's address, as QMP has it."""
    return {"transport": "socket", "type": "unix", "path": path}


@scenario("QEMU {version}: cpr-transfer, which would lose all memory, is refused, and the "
          "guest goes on", variants=[{"version": version} for version in ("11", "10.0")], often=1)
def cpr_transfer(test, version):
    """The new QEMU waits for the old one's descriptors. (With an object of its own the
    wrapper does not start it.)"""
    machine = "pc,smm=off,aux-ram-share=on"
    source = test.source(memory="hugepost", version=version, machine=machine,
                         guest="seed=1 rate=20")
    source.serial.status(seconds=120)
    files = f"{test.dir}/new"
    cpr = {"channel-type": "cpr", "addr": unix(f"{files}.cpr")}
    main = {"channel-type": "main", "addr": unix(f"{files}.main")}
    new = test.start("new", memory="memfd", version=version, machine=machine,
                     guest=source.guest,
                     extra=["-incoming", json.dumps(cpr), "-incoming", json.dumps(main)])
    source.qmp.command("migrate-set-parameters", mode="cpr-transfer")

    def asked():
        # Until the new one listens.
        try:
            source.qmp.command("migrate", channels=[main, cpr])
        except Failure as error:
            if "connect" not in str(error):
                raise
            return False
        return True
    wait_for("the new QEMU to listen", 60, new.process, asked)
    is_refused(test, source)
    new.gone()


@scenario("QEMU 11: cpr-exec, which would lose all memory, is refused, and the guest goes on")
def cpr_exec(test):
    """The new QEMU would be what this process becomes."""
    source = test.source(memory="hugepost", version="11", guest="seed=1 rate=20",
                         machine="pc,smm=off,aux-ram-share=on")
    source.serial.status(seconds=120)
    source.qmp.command("migrate-set-parameters", mode="cpr-exec",
                       **{"cpr-exec-command": [*source.command, "-incoming", "defer"]})
    try:
        source.qmp.command("migrate", uri=f"file:{test.dir}/state")
    except Failure as error:
        test.note(error)
    else:
        is_refused(test, source)
        return
    says_why(test, source)
