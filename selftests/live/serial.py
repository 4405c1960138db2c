# SPDX-License-Identifier: GPL-2.0-only
"""The serial console of a guest that checks itself (guest/): its lines, and
commands to it.

The guest writes lines that begin with "guest: ". Regular ones are
"guest: T ms, R reads, W writes, B bad, S stalls".
"""

import re
import socket
import threading
import time

from qmp import Failure

STATUS = re.compile(r"guest: (?P<ms>\d+) ms, (?P<reads>\d+) reads, (?P<writes>\d+) writes, "
                    r"(?P<bad>\d+) bad, (?P<stalls>\d+) stalls")
SWEEP = re.compile(r"guest: sweep: (?P<pages>\d+) pages, (?P<bad>\d+) bad")

HISTOGRAM = re.compile(r"guest: histogram: (?P<stalls>\d+) stalls of (?P<reads>\d+) reads, "
                       r"max (?P<max_us>\d+) us, total (?P<total_us>\d+) us")
BUCKET = re.compile(r"guest: bucket_ns (?P<low>\d+) (?P<count>\d+)")


def parse(pattern, line):
    """The named numbers of a line, or None."""
    found = pattern.search(line)
    return {k: int(v) for k, v in found.groupdict().items()} if found else None


class Serial:
    """One end of a guest's serial line; a thread reads it all the time, so that
    the guest never waits for a reader."""

    def __init__(self, path):
        self.lines = []
        self.changed = threading.Condition()
        self.closed = False
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        rest = b""
        try:
            while data := self.socket.recv(65536):
                *lines, rest = (rest + data).split(b"\n")
                with self.changed:
                    self.lines += [line.decode(errors="replace").strip()
                                   for line in lines]
                    self.changed.notify_all()
        except OSError:
            pass
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    def mark(self):
        """A place in the output: what comes later is after it."""
        with self.changed:
            return len(self.lines)

    def wait_line(self, what, seconds, match, mark=0):
        """Waits for a line after a mark for which match(line) is true, and
        returns what that returned."""
        deadline = time.monotonic() + seconds
        with self.changed:
            while True:
                for line in self.lines[mark:]:
                    result = match(line)
                    if result:
                        return result
                mark = len(self.lines)
                left = deadline - time.monotonic()
                if self.closed:
                    raise Failure(f"waiting for the guest's {what}: QEMU has ended")
                if left <= 0:
                    last = self.lines[-1] if self.lines else "nothing"
                    raise Failure(f"waiting for the guest's {what}: not there after "
                                  f"{seconds} s; its last line: {last}")
                self.changed.wait(left)

    def ask(self, letter, what, match, seconds=120):
        """Sends a command and waits for the answer."""
        mark = self.mark()
        self.send(letter)
        return self.wait_line(what, seconds, match, mark)

    def send(self, text):
        """Sends a command that has no answer."""
        self.socket.sendall(text.encode())

    def status(self, seconds=60):
        """The next regular line's figures."""
        return self.wait_line("status", seconds, lambda line: parse(STATUS, line),
                              self.mark())

    def sweep(self):
        """Makes the guest check all its pages; returns pages and bad."""
        return self.ask("s", "sweep", lambda line: parse(SWEEP, line))

    def histogram(self):
        """The guest's stalls as it measured them: a dict with stalls, reads,
        max_us, total_us, and buckets, a list of (lower bound in ns, count)."""
        mark = self.mark()
        figures = self.ask("h", "histogram", lambda line: parse(HISTOGRAM, line))
        self.wait_line("end of the histogram", 60,
                       lambda line: line == "guest: histogram end", mark)
        with self.changed:
            found = [parse(BUCKET, line) for line in self.lines[mark:]]
        figures["buckets"] = [(bucket["low"], bucket["count"])
                              for bucket in found if bucket]
        return figures

    def pause(self):
        """Makes the guest leave its memory alone."""
        self.ask("p", "pause", lambda line: line == "guest: paused")

    def resume(self):
        """Ends a pause."""
        self.ask("g", "going on", lambda line: line == "guest: running")

    def reset(self):
        """Makes the guest forget its figures."""
        self.send("r")

    def close(self):
        """Lets go of the line."""
        self.socket.close()
