# SPDX-License-Identifier: GPL-2.0-only
"""hugepostctl top in a terminal, whose screen is looked at."""

import os
import re
import signal
import time

import pexpect
import pyte

from harness import Wrong, set_signals

TIMEOUT = 60


class Top:
    """The program, and the screen that it draws on."""

    def __init__(self, program, rows, cols, *arguments, locale="C", ignored=(),
                 **environment):
        self.screen = pyte.Screen(cols, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.output = b""
        # xterm's description has a sequence (REP) that pyte does not know.
        env = {**os.environ, "TERM": "screen-256color", "LC_ALL": locale, **environment}
        self.child = pexpect.spawn(program, ["top", *arguments], dimensions=(rows, cols),
                                   env=env, timeout=TIMEOUT,
                                   preexec_fn=lambda: set_signals(ignored))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.close(force=True)

    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    def read(self):
        """Takes what was drawn; False at the program's end."""
        try:
            data = self.child.read_nonblocking(65536, timeout=1)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.output += data
        self.stream.feed(data)
        return True

    def until(self, what, condition):
        """Waits until the screen's lines are as @condition wants."""
        deadline = time.monotonic() + TIMEOUT
        while not condition(self.lines()):
            if not self.read() or time.monotonic() > deadline:
                raise Wrong("\n".join([f"not {what}:", *self.lines()]))

    def shows(self, *patterns):
        """Waits until each regular expression is found in a line of the screen."""
        for pattern in patterns:
            self.until(pattern, lambda lines, p=pattern: any(re.search(p, x) for x in lines))

    def resize(self, rows, cols):
        self.screen.resize(rows, cols)
        self.screen.reset()
        self.child.setwinsize(rows, cols)

    def ends(self, status, signal_number=None):
        deadline = time.monotonic() + TIMEOUT
        while self.read():
            if time.monotonic() > deadline:
                raise Wrong("it does not end")
        self.child.close()
        if (self.child.exitstatus, self.child.signalstatus) != (status, signal_number):
            raise Wrong(f"ended with {self.child.exitstatus}, signal {self.child.signalstatus}")
        # rmcup: the screen is the shell's again, with a cursor.
        if not self.output.rstrip().endswith(b"\x1b[?1l\x1b>") or \
                b"\x1b[?1049l" not in self.output or \
                self.output.rfind(b"\x1b[?25h") < self.output.rfind(b"\x1b[?25l"):
            raise Wrong(f"the terminal is not as before: {self.output[-80:]!r}")


def map_rows(lines):
    """The map's rows, without what stands left of them; none if it is half drawn."""
    first = [i for i, line in enumerate(lines) if line.startswith(" memory ")]
    last = [i for i, line in enumerate(lines) if " a cell: " in line]
    return [line[8:] for line in lines[first[0] + 1:last[0]]] if first and last else []


def interrupted(program, number):
    with Top(program, 24, 80) as top:
        top.shows("q: quit")
        os.kill(top.child.pid, number)
        top.ends(None, number)


def not_interrupted(program):
    """What is ignored when it starts, as by nohup, does not end it."""
    numbers = signal.SIGHUP, signal.SIGINT
    with Top(program, 24, 80, ignored=numbers) as top:
        top.shows("q: quit")
        for number in numbers:
            os.kill(top.child.pid, number)
        top.child.send("q")
        top.ends(0)


def ctrl_c(program):
    with Top(program, 24, 80) as top:
        top.shows("q: quit")
        top.child.send("\x03")
        top.ends(None, signal.SIGINT)
