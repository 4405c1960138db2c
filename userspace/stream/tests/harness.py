# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of hugepost-stream share: TAP, and running the program."""

import json
import os
import signal
import subprocess


class Wrong(Exception):
    """A test found something else than it expected."""


class Tap:
    def __init__(self):
        self.count = self.failed = 0

    def check(self, name, function, *arguments, **more):
        self.count += 1
        try:
            function(*arguments, **more)
            print(f"ok {self.count} - {name}", flush=True)
        except (Wrong, subprocess.TimeoutExpired, OSError, ValueError, KeyError) as error:
            self.failed += 1
            print(f"not ok {self.count} - {name}")
            for line in f"{type(error).__name__}: {error}".splitlines():
                print(f"# {line}", flush=True)

    def end(self):
        print(f"1..{self.count}")
        return 1 if self.failed else 0


def set_signals(ignored=()):
    """In a child that starts a program: only these are ignored, and none is blocked,
    whatever is so where the tests run (as with nohup)."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE,
                   signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


class Tool:
    """The program, and a directory for scratch files."""

    def __init__(self, program, directory, timeout):
        self.program = program
        self.directory = directory
        self.timeout = timeout
        os.makedirs(directory, exist_ok=True)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)
        return self.path(name)

    def run(self, *arguments, data=None, **more):
        if data is None:
            more["stdin"] = subprocess.DEVNULL
        else:
            more["input"] = data
        return subprocess.run([self.program, *arguments], check=False,
                              capture_output=True, timeout=self.timeout, **more)

    def start(self, *arguments, ignored=(), **more):
        """Starts it, and signals have their usual effect on it, but for those ignored."""
        return subprocess.Popen([self.program, *arguments], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE,
                                preexec_fn=lambda: set_signals(ignored), **more)

    def finish(self, process):
        """Waits for the process's end; returns what it printed."""
        try:
            return process.communicate(timeout=self.timeout)
        finally:
            process.kill()
            process.wait()


def expect(result, status, text=""):
    said = result.stderr.decode()
    if result.returncode != status:
        raise Wrong(f"exit status {result.returncode}, expected {status}: {said}")
    if text not in said:
        raise Wrong(f"expected '{text}' in: {said}")


def output(result, status=0):
    expect(result, status)
    return result.stdout.decode()


def report(result, status=0):
    expect(result, status)
    return json.loads(result.stdout)


def figures(found, **expected):
    for key, value in expected.items():
        if found[key] != value:
            raise Wrong(f"{key} is {found[key]}, expected {value}: {found}")


def same(found, expected):
    if found != expected:
        raise Wrong(f"{found!r}\nexpected\n{expected!r}")


def contains(text, *parts):
    for part in parts:
        if part not in text:
            raise Wrong(f"no '{part}' in:\n{text}")
