# SPDX-License-Identifier: GPL-2.0-only
"""Tests of "hugepostctl monitor" with the real module."""

import fcntl
import json
import os

from device import HOST_PAGE, PAGES, Memory, migration
from harness import Wrong, contains, figures, same

F_SETPIPE_SZ = 1031


class Monitor:
    """hugepostctl monitor, that listens already."""

    def __init__(self, tool, memory, *arguments):
        self.tool = tool
        self.process = tool.start("monitor", *arguments)
        self.first = self.process.stdout.readline().decode()
        contains(self.first, f"{memory.id}")

    def lines(self, last):
        """All lines up to the one that contains @last."""
        while True:
            line = self.process.stdout.readline().decode()
            if not line:
                raise Wrong(f"ended before '{last}'")
            yield line
            if last in line:
                return

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.tool.finish(self.process)


def live(memory):
    """A short life, with all kinds of events."""
    memory.setup(10 * HOST_PAGE)
    memory.arm()
    memory.fill(0, PAGES // 2)
    memory.fill(PAGES // 2, 6 * PAGES)
    memory.fill(6 * PAGES + PAGES // 2, 4 * PAGES - PAGES // 2)
    memory.lose()
    memory.disarm()
    memory.close()


def check_monitor(tool):
    with migration() as other, Monitor(tool, other, "--json") as monitor:
        state = json.loads(monitor.first)
        figures(state, event="state", object=other.id)
        figures(state["state"], mode="armed", present=7)
        memory = Memory()
        number = memory.id
        live(memory)
        events = [json.loads(line) for line in monitor.lines('"released"')]
        same([e["event"] for e in events],
             ["setup", "armed", "first-fill", "progress", "complete", "lost", "disarmed",
              "released"])
        same({e["object"] for e in events}, {number})
        figures(events[3], host_pages=10, complete=6)
        if sorted(events, key=lambda e: e["time"]) != events:
            raise Wrong(f"times out of order: {events}")


def check_monitor_text(tool):
    with migration() as other, Monitor(tool, other) as monitor:
        contains(monitor.first, f" object {other.id} is armed, 9 of 16 host pages complete (56%), "
                                f"process {os.getpid()} ")
        memory = Memory()
        number = memory.id
        live(memory)
        lines = list(monitor.lines("released"))
        contains(lines[0], f" object {number} setup, 0 of 10 host pages complete (0%)\n")
        contains(lines[3], f" object {number} progress, 6 of 10 host pages complete (60%)\n")


def check_slow_monitor(tool):
    """Nobody reads while more comes than fits: every message is told, or counted."""
    times = 500
    with migration() as other, Memory(HOST_PAGE) as memory, Memory(HOST_PAGE) as going, \
            Monitor(tool, other, "--json") as monitor:
        # Little fits in the pipe, the rest in the socket's queue.
        fcntl.fcntl(monitor.process.stdout, F_SETPIPE_SZ, 4096)
        for _ in range(2):
            monitor.process.stdout.readline()
        for _ in range(times):
            memory.arm()
            memory.disarm()
        number = going.id
        going.close()
        told = lost = 0
        states = set()
        gone = False
        # What follows the loss is what the objects are.
        for line in monitor.lines('"event":"state","time"'):
            event = json.loads(line)
            told += event["event"] in ("armed", "disarmed", "released")
            lost += event.get("lost", 0)
            gone = gone or (event["event"] in ("gone", "released") and
                            event["object"] == number)
            if event["event"] == "state":
                states.add(event["object"])
        if not lost or not gone:
            raise Wrong(f"told {told}, lost {lost}, the released one is gone: {gone}")
        same(told + lost, 2 * times + 1)
        states.add(json.loads(monitor.process.stdout.readline())["object"])
        same(states, {other.id, memory.id})
        # It goes on.
        memory.arm()
        contains("".join(monitor.lines('"armed"')), f'"object":{memory.id}')
