# SPDX-License-Identifier: GPL-2.0-only
"""Networks that fail, and processes that are killed."""

import os
import random
import time

import checks
from device import Object
from harness import scenario
from migration import MIB
from qmp import Failure

SEED = int(os.environ.get("HUGEPOST_SEED", "1"))
# A postcopy that takes long enough to be interrupted.
SLOW = 4 * MIB


def received(qemu):
    """The pages that the module has for a QEMU, and how many were filled."""
    with Object(qemu.pid) as memory:
        return memory.present(), sum(channel["pages"] for channel in memory.channels())


def check_received(test, qemu, pages, filled):
    """Fails unless what came since was just what had not been received before."""
    now, filled_now = received(qemu)
    everything = set(range(qemu.kib * 1024 // checks.PAGE))
    test.note(f"{len(pages)} pages were received before, {filled_now - filled} came after")
    if not pages or pages >= everything or not pages <= now or now != everything:
        raise Failure(f"{len(pages)} pages were received before the interruption, "
                      f"{len(now)} of {len(everything)} after the end")
    if filled_now - filled != len(everything - pages):
        raise Failure(f"{filled_now - filled} pages were filled for "
                      f"{len(everything - pages)} that were missing")


@scenario("{transport}, {kind}: the line is cut when {kib} KiB more have come, and the "
          "migration recovers, with just the pages that were missing", limit=400,
          variants=[{"transport": "unix", "kind": "vanilla", "kib": 256},
                    {"transport": "tcp", "kind": "preempt", "kib": 1024},
                    {"transport": "tcp", "kind": "vanilla", "kib": 4096},
                    {"transport": "unix", "kind": "preempt", "kib": 8192}], often=2)
def cut(test, transport, kind, kib):
    """What was received stays, what was not is asked for again."""
    source, destination = test.pair()
    proxy = test.proxy()
    migration = test.migration(
        source, destination, transport=transport, postcopy_bandwidth=SLOW, proxy=proxy,
        capabilities=("postcopy-preempt",) if kind == "preempt" else ())
    migration.start().wait_sent(4 * MIB)
    migration.switch()
    # QEMU cannot recover before the destination has got its devices' state.
    destination.wait_running()
    proxy.cut_after(kib << 10)
    migration.wait_paused()
    test.note(f"cut after {proxy.passed} bytes")
    before = received(destination)
    migration.recover()
    migration.limit(0)
    migration.finish()
    test.note(migration.summary())
    check_received(test, destination, *before)
    test.check_arrived(destination)


@scenario("the line is cut three times in one migration", limit=400)
def cut_often(test):
    """Each recovery may be interrupted as well."""
    source, destination = test.pair()
    proxy = test.proxy()
    migration = test.migration(source, destination, postcopy_bandwidth=SLOW,
                               proxy=proxy)
    migration.start().wait_sent(4 * MIB)
    migration.switch()
    destination.wait_running()
    for size in (3 * MIB, 5 * MIB, MIB):
        proxy.cut_after(size)
        migration.wait_paused()
        migration.recover()
    migration.limit(0)
    migration.finish()
    test.note(migration.summary())
    test.check_arrived(destination)


@scenario("QEMU {version}: migrate-pause in the postcopy, and recovery", limit=400,
          variants=[{"version": version} for version in ("7.2", "10.0", "11")],
          often=1)
def pause(test, version):
    """The interruption that QEMU makes itself."""
    source, destination = test.pair(version=version)
    migration = test.migration(source, destination, postcopy_bandwidth=SLOW)
    migration.start().wait_sent(4 * MIB)
    migration.switch().wait_postcopy_sent(2 * MIB)
    migration.pause()
    migration.recover()
    migration.limit(0)
    migration.finish()
    test.note(migration.summary())
    test.check_arrived(destination)


def at_random(phase, migration, chance):
    """Goes to a random point of a phase."""
    migration.start().wait_sent(MIB)
    if phase == "precopy":
        time.sleep(chance.uniform(0, 1))
        return
    migration.wait_sent(4 * MIB)
    migration.switch()
    if phase == "postcopy":
        time.sleep(chance.uniform(0, 3))
    elif phase == "paused":
        migration.wait_postcopy_sent(MIB)
        migration.pause()
        time.sleep(chance.uniform(0, 0.5))
    elif phase == "end":
        migration.limit(0)
        time.sleep(chance.uniform(0, 1))


PHASES = ("postcopy", "paused", "switch", "precopy", "end")


@scenario("SIGKILL of the destination in phase {phase}: it ends, and so can the source",
          variants=[{"phase": phase} for phase in PHASES], often=3)
def kill_destination(test, phase):
    """The guest is lost where it is there, and nothing else."""
    chance = random.Random(f"{SEED} destination {phase}")
    source, destination = test.pair(smp=2)
    migration = test.migration(source, destination, bandwidth=SLOW,
                               postcopy_bandwidth=SLOW)
    at_random(phase, migration, chance)
    test.note(f"source {migration.state(source)}, destination "
              f"{migration.state(destination)}")
    destination.kill()
    if phase == "precopy":
        migration.wait_ended(source)
        test.check_guest(source)
    source.qmp.command("query-migrate")
    source.kill()


def wait_paused_or_ended(migration, qemu):
    """A destination that has not got all of its devices' state has no guest to keep,
    and ends by itself, with a word."""
    try:
        migration.wait(qemu, "postcopy-paused", "completed")
    except Failure:
        status = qemu.process.poll()
        if status is None:
            raise
        if status != 1 or "load of migration failed" not in qemu.messages():
            raise Failure(f"{qemu.name} ended with status {status}: "
                          f"{qemu.messages()}") from None


@scenario("SIGKILL of the source in phase {phase}: the destination answers and can end",
          variants=[{"phase": phase} for phase in PHASES], often=2)
def kill_source(test, phase):
    """The destination's vCPUs wait for pages that will not come."""
    chance = random.Random(f"{SEED} source {phase}")
    source, destination = test.pair(smp=2)
    migration = test.migration(source, destination, bandwidth=SLOW,
                               postcopy_bandwidth=SLOW)
    at_random(phase, migration, chance)
    before = migration.state(source)
    test.note(f"source {before}, destination {migration.state(destination)}")
    source.kill()
    if phase == "precopy":
        # It has no guest to run, and ends by itself.
        destination.gone()
        return
    if before == "completed":
        migration.wait(destination, "completed")
        test.check_arrived(destination)
    else:
        wait_paused_or_ended(migration, destination)
    destination.kill()


@scenario("SIGTERM of a destination whose source is gone: it ends")
def quit_paused(test):
    """A QEMU that is asked to quit while its vCPUs wait must be killed at last."""
    source, destination = test.pair()
    migration = test.migration(source, destination, postcopy_bandwidth=SLOW)
    migration.start().wait_sent(4 * MIB)
    migration.switch().wait_postcopy_sent(MIB)
    source.kill()
    migration.wait(destination, "postcopy-paused")
    destination.process.terminate()
    time.sleep(1)
    test.note("ended by SIGTERM" if destination.process.poll() is not None
              else "did not end by SIGTERM, as its vCPU waits")
    if destination.process.poll() is None:
        destination.kill()
    elif destination.process.returncode < -15:
        raise Failure(f"it ended with status {destination.process.returncode}")
