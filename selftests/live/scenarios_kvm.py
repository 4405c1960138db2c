# SPDX-License-Identifier: GPL-2.0-only
"""Guests under KVM, whose asynchronous page faults wait in kernel workers."""

import glob
import os
import random
import signal
import subprocess
import time

import checks
import device
from harness import scenario
from linux import DISK, FILL, KIB, Linux
from migration import MIB
from qmp import Failure, wait_for
from scenarios_failures import SEED
from scenarios_kinds import KINDS, check_blocktime

# How often it is looked whether a vCPU has touched a missing page: not for how
# long, as a look takes longer where all does.
LOOKS = 5
TRIES = 20
# What the source had sent before it was stopped comes within this time.
SETTLE = 0.25
# What a Linux guest touches at first with interrupts off, and some more.
ASKED = 250
ASKED_TIMEOUT = 60
GONE_TIMEOUT = 10
HUGE_PAGES = checks.HUGE_KIB // 4
# A machine's first host page, with holes for its firmware, cannot be mapped huge.
FEW = 0.02
# MiB
BALLOON = 64
SMALL_BALLOON = 24
FILL_KIB = FILL * DISK >> 10
BALLOON_TIMEOUT = 60
# Only what the guest asks for comes quickly.
CRAWL = MIB // 2


def need_kvm():
    """KVM must work here: these scenarios would prove nothing without it."""
    if not os.path.exists("/dev/kvm"):
        subprocess.run(["modprobe", "-q", "kvm_amd"], check=False)
    if not os.path.exists("/dev/kvm"):
        raise Failure("there is no /dev/kvm, and loading kvm_amd gives none")


def need_npt():
    """Without nested paging, KVM has page tables of the guest's own shape."""
    with open("/sys/module/kvm_amd/parameters/npt", encoding="utf-8") as npt:
        if npt.read().strip() not in ("Y", "1"):
            raise Failure("this machine's CPU has no nested paging (QEMU's -cpu "
                          "qemu64,+npt)")


def waiting_workers():
    """Kernel workers that wait in the module's fault handler for KVM."""
    found = []
    for path in glob.glob("/proc/[0-9]*/comm"):
        try:
            with open(path, encoding="utf-8") as comm:
                name = comm.read().strip()
            if not name.startswith("kworker"):
                continue
            with open(f"{os.path.dirname(path)}/stack", encoding="utf-8") as file:
                stack = file.read()
        except OSError:
            continue
        if " async_pf_execute+" in stack and " hp_fault+" in stack:
            frames = [line.split()[1].split("+")[0] for line in stack.splitlines()]
            last = frames.index("async_pf_execute") + 1
            found.append(f"{name}: {' < '.join(frames[:last])}")
    return found


def check_worker(test):
    """Fails unless a page fault of the guest is under way in a worker."""
    workers = waiting_workers()
    if not workers:
        raise Failure("no kernel worker waits in the module's fault handler")
    test.note("\n".join(workers))


def no_worker():
    """Fails unless all workers have left the module."""
    deadline = time.monotonic() + GONE_TIMEOUT
    while workers := waiting_workers():
        if time.monotonic() > deadline:
            raise Failure(f"a worker still waits: {'; '.join(workers)}")
        time.sleep(0.1)


def stop_source(test, migration):
    """Stops the source, in its postcopy, with a worker waiting for a page of it.

    A vCPU that touches a missing page with interrupts off waits for it itself. It gets
    more and more time to go on.
    """
    source, destination = migration.source, migration.destination
    # Before that, only devices touch its memory.
    destination.wait_running()
    for tries in range(1, TRIES + 1):
        source.process.send_signal(signal.SIGSTOP)
        seen = []
        for _ in range(LOOKS):
            workers = waiting_workers()
            # Its page may have been on its way when it was seen first.
            if workers and workers == seen:
                test.note("\n".join(workers))
                return
            seen = workers
            time.sleep(SETTLE)
        source.process.send_signal(signal.SIGCONT)
        time.sleep(tries * 0.1)
    raise Failure(f"{TRIES} times, no kernel worker waited in the module's fault handler: "
                  + checks.stacks(destination.pid))


def wait_asked(migration, pages):
    """Waits until the destination has asked for so many pages."""
    source = migration.source
    wait_for(f"{pages} pages to be asked for", ASKED_TIMEOUT, source.process,
             lambda: migration.query(source)["ram"]["postcopy-requests"] >= pages)


def go_on(migration):
    """Ends what stop_source() began."""
    migration.source.process.send_signal(signal.SIGCONT)
    migration.limit(0)


@scenario("KVM, QEMU {version}: asynchronous page faults wait for a busy guest's pages",
          variants=[{"version": version} for version in ("7.2", "10.0")], often=1)
def kvm(test, version):
    """The guest runs on in a vCPU's artificial halt until the worker has its page."""
    need_kvm()
    source, destination = test.pair(version=version, accel="kvm")
    migration = test.migration(source, destination, postcopy_bandwidth=CRAWL)
    migration.start().wait_sent(8 * MIB)
    start = time.monotonic()
    migration.switch()
    stop_source(test, migration)
    go_on(migration)
    migration.finish()
    test.note(migration.summary())
    check_blocktime(test, migration, time.monotonic() - start)
    test.check_arrived(destination)
    no_worker()


@scenario("KVM: SIGKILL of a destination whose postcopy is paused, while a worker waits "
          "for a page")
def kvm_kill_paused(test):
    """Both QEMUs are there, and could go on."""
    need_kvm()
    source, destination = test.pair(accel="kvm", smp=2)
    migration = test.migration(source, destination, bandwidth=8 * MIB,
                               postcopy_bandwidth=CRAWL)
    migration.start().wait_sent(4 * MIB)
    migration.switch()
    stop_source(test, migration)
    # From its side, as the source would send the page before it could be told.
    destination.qmp.command("migrate-pause")
    migration.wait(destination, "postcopy-paused")
    source.process.send_signal(signal.SIGCONT)
    migration.wait_paused()
    check_worker(test)
    destination.kill()
    no_worker()
    checks.no_objects()
    source.qmp.command("query-migrate")


@scenario("KVM: SIGKILL of the {killed} while a worker waits for a page ({run})",
          variants=[{"killed": killed, "run": run} for killed, run in
                    (("destination", 1), ("source", 1), ("destination", 2),
                     ("destination", 3), ("source", 2))], often=2)
def kvm_kill(test, killed, run):
    """The worker holds the memory of a process that is gone: only the module can
    tell it to let go."""
    need_kvm()
    chance = random.Random(f"{SEED} kvm {killed} {run}")
    source, destination = test.pair(accel="kvm", smp=2)
    migration = test.migration(source, destination, bandwidth=8 * MIB,
                               postcopy_bandwidth=CRAWL)
    migration.start().wait_sent(4 * MIB)
    migration.switch()
    time.sleep(chance.uniform(0, 2))
    stop_source(test, migration)
    if killed == "source":
        source.kill()
        migration.wait(destination, "postcopy-paused")
        check_worker(test)
    else:
        time.sleep(chance.uniform(0, 0.2))
    start = time.monotonic()
    destination.kill()
    test.note(f"the destination was gone after {time.monotonic() - start:.1f} s")
    no_worker()
    checks.no_objects()


def stage2(qemu):
    """How many entries of 2 MiB and of 4 KiB map a guest's memory."""
    counters = {}
    for name in ("pages_2m", "pages_4k"):
        paths = glob.glob(f"/sys/kernel/debug/kvm/{qemu.pid}-*/{name}")
        if len(paths) != 1:
            raise Failure(f"KVM has no counter {name} for {qemu.name}")
        with open(paths[0], encoding="utf-8") as file:
            counters[name] = int(file.read())
    return counters["pages_2m"], counters["pages_4k"]


def check_stage2(test, qemu, touched_kib):
    """Fails unless KVM maps so much of a guest's memory by entries of 2 MiB, and little
    by others."""
    need_npt()
    huge, single = stage2(qemu)
    test.note(f"{qemu.name}: stage 2 has {huge} entries of 2 MiB and {single} of 4 KiB, "
              f"{qemu.pages()['Rss']} KiB are resident")
    if huge * checks.HUGE_KIB < touched_kib or single > huge * HUGE_PAGES * FEW:
        raise Failure(f"{qemu.name}: less than {touched_kib} KiB, or too little of all, "
                      "is mapped huge in stage 2")


def set_balloon(test, qemu, mib):
    """Leaves so much memory to a guest, and waits until it has obeyed."""
    start = time.monotonic()
    qemu.qmp.command("balloon", value=mib * MIB)
    wait_for(f"the balloon to leave {mib} MiB", BALLOON_TIMEOUT, qemu.process,
             lambda: qemu.qmp.command("query-balloon")["actual"] == mib * MIB)
    test.note(f"the balloon left {mib} MiB after {time.monotonic() - start:.1f} s")


@scenario("KVM: a Linux guest's memory is mapped huge, and a balloon gives it back")
def kvm_balloon(test):
    """Pages of 4 KiB are discarded; whole host pages of them are freed."""
    need_kvm()
    guest = Linux(test.dir)
    linux = test.source("linux", memory="hugepost", accel="kvm", **guest.options)
    guest.check_round(linux)
    check_stage2(test, linux, FILL_KIB)
    with device.Object(linux.pid) as memory:
        full = memory.stats()
        set_balloon(test, linux, (KIB >> 10) - BALLOON)
        after = memory.stats()
        freed = (full["memory"] - after["memory"]) // MIB
        test.note(f"{after['discarded']} pages were discarded, {freed} MiB freed; "
                  f"{after['assembling']} host pages are there in part")
        if after["discarded"] < BALLOON * MIB // checks.PAGE or not freed:
            raise Failure("the balloon gave too little memory back to the host")
        guest.check_round(linux)
        set_balloon(test, linux, KIB >> 10)
        guest.fill(linux)
        guest.check_round(linux)
        test.note(f"filled again: {memory.stats()['memory'] // MIB} MiB, stage 2 "
                  f"{stage2(linux)}")


@scenario("KVM: a Linux guest arrives after its balloon was used, which works on there",
          limit=400)
def kvm_balloon_arrives(test):
    """The source's memory has holes in it, and host pages that are there in part."""
    need_kvm()
    guest = Linux(test.dir)
    options = {"memory": "hugepost", "accel": "kvm", **guest.options}
    source = test.source(**options)
    destination = test.destination(**options)
    guest.check_round(source)
    with device.Object(source.pid) as memory:
        set_balloon(test, source, (KIB >> 10) - SMALL_BALLOON)
        set_balloon(test, source, KIB >> 10)
        figures = memory.stats()
        test.note(f"source: {figures['discarded']} pages were discarded, "
                  f"{figures['assembling']} host pages are there in part")
    migration = test.migration(source, destination, bandwidth=64 * MIB,
                               postcopy_bandwidth=16 * MIB)
    migration.start().wait_sent(32 * MIB)
    migration.switch().finish()
    test.note(migration.summary())
    guest.check_round(destination)
    test.note(f"{checks.all_huge(destination)} KiB are mapped huge")
    guest.fill(destination)
    check_stage2(test, destination, FILL_KIB)
    with device.Object(destination.pid) as memory:
        full = memory.stats()
        set_balloon(test, destination, (KIB >> 10) - SMALL_BALLOON)
        after = memory.stats()
    discarded = after["discarded"] - full["discarded"]
    test.note(f"destination: {discarded} pages were discarded, "
              f"{(full['memory'] - after['memory']) // MIB} MiB freed")
    if discarded < SMALL_BALLOON * MIB // checks.PAGE:
        raise Failure("the balloon gave too little back at the destination")
    guest.check_round(destination)


@scenario("KVM, QEMU {version}: a Linux guest arrives on huge pages, with asynchronous "
          "page faults", variants=[{"version": version} for version in ("7.2", "10.0")],
          often=1)
def kvm_linux(test, version):
    """Its disk is a virtio device, which touches missing pages as well."""
    need_kvm()
    guest = Linux(test.dir)
    options = {"version": version, "memory": "hugepost", "accel": "kvm", **guest.options}
    source = test.source(**options)
    destination = test.destination(**options)
    guest.check_round(source)
    # What the guest asks for is held up by the limit on the one channel of old QEMUs.
    migration = test.migration(source, destination, bandwidth=64 * MIB,
                               postcopy_bandwidth=CRAWL,
                               capabilities=KINDS["preempt"])
    migration.start().wait_sent(32 * MIB)
    start = time.monotonic()
    migration.switch()
    wait_asked(migration, ASKED)
    stop_source(test, migration)
    go_on(migration)
    migration.finish()
    test.note(migration.summary())
    check_blocktime(test, migration, time.monotonic() - start)
    no_worker()
    guest.check_round(destination, rounds=2)
    test.note(f"{checks.all_huge(destination)} KiB are mapped huge")
    guest.fill(destination)
    check_stage2(test, destination, FILL_KIB)
