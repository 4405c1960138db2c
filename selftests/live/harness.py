# SPDX-License-Identifier: GPL-2.0-only
"""Runs scenarios one by one, each in a process of its own, and prints TAP."""

import contextlib
import ctypes
import dataclasses
import fnmatch
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback

import checks
from migration import Migration
from proxy import Proxy
from qemu import Qemu
from qmp import Failure

PR_SET_CHILD_SUBREAPER = 36
# After a scenario's end its processes must be gone within this time.
GONE_TIMEOUT = 30
LIMIT = 300
LOG_LINES = 15
# A guest that reads, checks and writes pages all the time; see guest/.
BUSY = "seed=1 rate=20"
FILL_TIMEOUT = 120

SCENARIOS = []


@dataclasses.dataclass
class Scenario:
    """A function that is called with a Test, and with these arguments."""

    name: str
    rule: str
    function: object
    arguments: dict
    limit: int
    often: bool


def scenario(rule, limit=LIMIT, variants=({},), often=None):
    """Makes a function a scenario, once for each of the variants: dicts of
    arguments, which the rule's text can refer to. The first ones, as many as often
    says, are part of every run, others of a run of all."""
    def add(function):
        for place, arguments in enumerate(variants):
            name = "-".join([function.__name__.replace("_", "-"),
                             *(str(value) for value in arguments.values())])
            SCENARIOS.append(Scenario(name, rule.format(**arguments), function,
                                      arguments, limit,
                                      often is None or place < often))
        return function
    return add


class Test:
    """What one scenario works with; all of it ends with the scenario."""

    def __init__(self):
        # A path of a socket has at most 107 bytes.
        self.dir = tempfile.mkdtemp(prefix="live-")
        self.stack = contextlib.ExitStack()
        self.qemus = []

    @staticmethod
    def note(text):
        """A diagnostic line."""
        for line in str(text).splitlines():
            print(f"# {line}", flush=True)

    def start(self, name, **options):
        """Starts a QEMU and does not wait for it."""
        qemu = Qemu(name, self.dir, **options)
        self.stack.callback(qemu.close)
        self.qemus.append(qemu)
        return qemu

    def source(self, name="source", **options):
        """A QEMU whose guest runs."""
        qemu = self.start(name, **options).connect()
        qemu.run()
        return qemu

    def destination(self, name="destination", **options):
        """A QEMU that waits for a migration."""
        return self.start(name, incoming=True, **options).connect()

    def pair(self, source="ram", destination="hugepost", *, stopped=False,
             guest=BUSY, **options):
        """Two QEMUs that differ in their memory only; the first one's guest runs,
        and has filled its memory if it is one that checks itself."""
        one = self.start("source", memory=source, guest=guest, **options)
        other = self.start("destination", memory=destination, guest=guest,
                           incoming=True, stopped=stopped, **options)
        one.connect().run()
        other.connect()
        if guest is not None:
            one.serial.status(seconds=FILL_TIMEOUT)
        return one, other

    def migration(self, source, destination, **options):
        """A migration that is ready to start."""
        return Migration(source, destination, **options)

    def proxy(self):
        """A line that can be cut."""
        proxy = Proxy(self.dir)
        self.stack.callback(proxy.close)
        return proxy

    def check_guest(self, qemu):
        """Fails unless a guest runs, and found all of its memory right."""
        qemu.wait_running()
        status = qemu.serial.status()
        sweep = qemu.serial.sweep()
        self.note(f"{qemu.name}: {status['reads']} reads, {status['writes']} writes, "
                  f"{sweep['pages']} pages checked")
        if status["bad"] or sweep["bad"] or not sweep["pages"]:
            raise Failure(f"{qemu.name}'s guest found {status['bad']} bad pages before "
                          f"its last check of {sweep['pages']}, {sweep['bad']} in it")
        return sweep["pages"] * checks.PAGE >> 10

    def check_arrived(self, qemu):
        """Fails unless a guest is right, and all of it mapped huge."""
        touched = self.check_guest(qemu)
        # Parts of a host page at both ends of what the guest checks.
        huge = checks.all_huge(qemu, touched - 2 * checks.HUGE_KIB)
        self.note(f"{qemu.name}: {huge} KiB are mapped huge")

    def logs(self):
        """Prints what the QEMUs and guests wrote last."""
        for qemu in self.qemus:
            for kind in ("err", "shim", "log"):
                with contextlib.suppress(FileNotFoundError), \
                     open(f"{qemu.files}.{kind}", encoding="utf-8",
                          errors="replace") as log:
                    for line in log.read().splitlines()[-LOG_LINES:]:
                        self.note(f"{qemu.name}.{kind}: {line}")

    def close(self):
        """Ends all processes and removes all files."""
        try:
            self.stack.close()
        finally:
            shutil.rmtree(self.dir, ignore_errors=True)


def run_here(chosen):
    """Runs a scenario in this process; returns an exit status."""
    test = Test()
    status = 1
    try:
        chosen.function(test, **chosen.arguments)
        status = 0
    except Failure as error:
        test.note(error)
    except Exception:  # pylint: disable=broad-exception-caught
        test.note(traceback.format_exc())
    if status == 1:
        test.logs()
    try:
        test.close()
        checks.no_objects()
    except Failure as error:
        test.note(error)
        status = 1
    return status


def reap(seconds, condition):
    """Collects ended children until condition() is true; False if it never was."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
        time.sleep(0.05)
    return True


def group_is_empty(group):
    """Is no process of a group left?"""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def members(group):
    """The processes of a group."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.getpgid(int(pid)) == group:
                found.append(int(pid))
    return found


def run_apart(chosen):
    """Runs a scenario in a process group of its own, within its time."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        # Programs that it starts take both, also where SIGINT is ignored (nohup).
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        status = run_here(chosen)
        sys.stdout.flush()
        os._exit(status)  # pylint: disable=protected-access
    with contextlib.suppress(PermissionError, ProcessLookupError):
        os.setpgid(child, child)

    deadline = time.monotonic() + chosen.limit
    status = None
    try:
        while status is None:
            pid, ended = os.waitpid(child, os.WNOHANG)
            if pid:
                status = os.waitstatus_to_exitcode(ended)
            elif time.monotonic() > deadline:
                Test.note(f"no end after {chosen.limit} s")
                for pid in members(child):
                    Test.note(f"pid {pid}: {checks.stacks(pid)}")
                status = 1
            else:
                time.sleep(0.05)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
    if not reap(GONE_TIMEOUT, lambda: group_is_empty(child)):
        for pid in members(child):
            Test.note(f"pid {pid} does not end: {checks.stacks(pid)}")
        status = 1
    return status


def main(patterns, often=False):
    """Runs the scenarios whose names fit one of the patterns (without any, all, or
    those of every run); returns an exit status."""
    chosen = [item for item in SCENARIOS
              if (item.often or not often if not patterns else
                  any(fnmatch.fnmatch(item.name, pattern) for pattern in patterns))]
    for pattern in patterns:
        if not any(fnmatch.fnmatch(item.name, pattern) for item in chosen):
            print(f"run: no scenario is called {pattern}", file=sys.stderr)
            return 2
    # Processes that outlive a scenario's own come here.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    failed = 0
    for number, item in enumerate(chosen, 1):
        start = time.monotonic()
        # So that the kernel's log shows which scenario a message is of.
        with contextlib.suppress(OSError), \
             open("/dev/kmsg", "w", encoding="utf-8") as log:
            log.write(f"live: {item.name}\n")
        status = run_apart(item)
        Test.note(f"{item.name} took {time.monotonic() - start:.1f} s")
        failed += status != 0
        print(f"{'not ok' if status else 'ok'} {number} - {item.rule}", flush=True)
    print(f"1..{len(chosen)}", flush=True)
    return 1 if failed else 0
