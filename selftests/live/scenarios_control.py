# SPDX-License-Identifier: GPL-2.0-only
"""hugepostctl beside a live migration."""

import json
import os
import pty
import signal
import subprocess
import time

from harness import scenario
from migration import MIB
from qemu import BUILD
from qmp import Failure

CTL = os.path.join(BUILD, "userspace/hugepostctl")
# QEMU 10.0 with whole host pages, all of which can be complete.
OPTIONS = {"version": "10.0", "kib": 65536}
HOST_PAGES = 32
SLOW = 6 * MIB
CTL_TIMEOUT = 60


def ctl(*arguments):
    """Runs it and returns what it prints, as JSON."""
    done = subprocess.run([CTL, *arguments, "--json"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=CTL_TIMEOUT, check=False)
    if done.returncode:
        raise Failure(f"hugepostctl {' '.join(arguments)} ended with status "
                      f"{done.returncode}: {done.stderr.decode()}")
    return json.loads(done.stdout)


def object_of(qemu):
    """The object that is a QEMU's memory."""
    mine = [one for one in ctl("list")["objects"] if one["pid"] == qemu.pid and one["length"]]
    if len(mine) != 1:
        raise Failure(f"{len(mine)} objects belong to {qemu.name}")
    return mine[0]


class Background:
    """hugepostctl that goes on beside the migration, its output in a file."""

    def __init__(self, test, name, *arguments, terminal=None):
        self.path = f"{test.dir}/{name}"
        with open(self.path, "w", encoding="utf-8") as output:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                [CTL, *arguments], stdin=terminal, stdout=terminal or output,
                stderr=output, env={**os.environ, "TERM": "xterm"})
        test.stack.callback(self.close)

    def close(self):
        """Whatever became of it, it ends with the scenario."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def text(self):
        """What it printed."""
        with open(self.path, encoding="utf-8") as output:
            return output.read()

    def ended(self, status, seconds=CTL_TIMEOUT):
        """Waits for its end, which must be with this status."""
        try:
            now = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            now = "none yet"
        if now != status:
            raise Failure(f"hugepostctl's status is {now}, not {status}: {self.text()}")


def check_figures(one):
    """States of an object that is assembling add up, and so do its channels and map."""
    number = str(one["id"])
    shown = ctl("show", number)
    states = sum(shown[state] for state in ("empty", "assembling", "present", "zero"))
    if states != HOST_PAGES or shown["mode"] != "armed":
        raise Failure(f"the object is {shown}")
    channels = ctl("channels", number, "--interval", "1")["channels"]
    if (sum(channel["pages"] for channel in channels) <= shown["filled"]
            or not sum(channel["bytes_per_second"] for channel in channels)):
        raise Failure(f"its channels are {channels}, but it has {shown['filled']} pages")
    if ctl("map", number)["host_pages"] != HOST_PAGES:
        raise Failure("its map has another size")
    if ctl("reserve", "get")["reserve"] or ctl("limit", "get")["limit"] is not None:
        raise Failure("somebody has changed the settings")
    return shown


def top_on_terminal(test, one):
    """top draws the object, and goes away on Ctrl-C."""
    master, slave = pty.openpty()
    top = Background(test, "top", "top", terminal=slave)
    os.close(slave)
    screen = b""
    deadline = time.monotonic() + CTL_TIMEOUT
    while str(one["pid"]).encode() not in screen:
        if time.monotonic() > deadline:
            raise Failure(f"top shows {screen}")
        screen += os.read(master, 65536)
    top.process.send_signal(signal.SIGINT)
    while True:
        try:
            if not os.read(master, 65536):
                break
        except OSError:
            break
    top.ended(-signal.SIGINT)
    os.close(master)


@scenario("hugepostctl tells of a migration while it runs, and changes nothing in it")
def control(test):
    """All that looks, at once."""
    monitor = Background(test, "monitor", "monitor", "--json")
    stats = Background(test, "stats", "stats", "--json", "--interval", "0.2")
    source, destination = test.pair(**OPTIONS)
    one = object_of(destination)
    number = str(one["id"])
    armed = Background(test, "armed", "wait", number, "--armed")
    complete = Background(test, "complete", "wait", number, "--complete")
    migration = test.migration(source, destination, postcopy_bandwidth=SLOW)
    migration.start().wait_sent(4 * MIB)
    migration.switch()
    destination.wait_running()
    armed.ended(0)
    shown = check_figures(one)
    test.note(f"{shown['present']} of {HOST_PAGES} host pages are present, "
              f"{shown['assembling']} are assembling, {shown['waits']} waits")
    top_on_terminal(test, one)
    migration.limit(0)
    migration.finish()
    complete.ended(0)
    test.check_arrived(destination)
    destination.kill()
    released = Background(test, "released", "wait", number, "--complete")
    released.ended(5)
    time.sleep(0.5)
    for background in (monitor, stats):
        background.process.send_signal(signal.SIGINT)
        background.ended(-signal.SIGINT)
    events = [event["event"] for event in map(json.loads, monitor.text().splitlines())
              if event.get("object") == one["id"]]
    test.note(" ".join(events))
    wanted = ["setup", "armed", "first-fill", "complete", "disarmed", "released"]
    if [event for event in events if event != "progress"] != wanted:
        raise Failure(f"the events were {events}")
    if not stats.text():
        raise Failure("stats printed nothing")
