# SPDX-License-Identifier: GPL-2.0-only
"""Signals to hugepost-stream --check."""

import array
import contextlib
import fcntl
import json
import os
import signal
import subprocess
import termios
import time

from craft import PAGE, blocks, stream, zero
from harness import Wrong, figures


def write_and_wait(process, data):
    """Writes to the program, and waits until it has read all of it."""
    waiting = array.array("i", [len(data)])
    process.stdin.write(data)
    process.stdin.flush()
    while waiting[0] and process.poll() is None:
        time.sleep(0.01)
        fcntl.ioctl(process.stdin, termios.FIONREAD, waiting)


def check_signal(tool, number):
    """A signal ends the wait for input that does not come."""
    process = tool.start("--check", "-", stdin=subprocess.PIPE)
    write_and_wait(process, stream()[:100])
    process.send_signal(number)
    try:
        process.wait(tool.timeout)
    finally:
        process.kill()
        process.wait()
    if process.returncode != 130:
        raise Wrong(f"exit status {process.returncode}, expected 130")


def check_report_signal(tool, number):
    """A signal ends the writing of a report that nobody reads."""
    data = stream(zero(0, "b0"), setup=blocks(*((f"b{i}", PAGE) for i in range(1024))))
    process = tool.start("--check", tool.write("many.stream", data), pipesize=PAGE)
    waiting = array.array("i", [0])
    try:
        while not waiting[0] and process.poll() is None:
            time.sleep(0.01)
            fcntl.ioctl(process.stdout, termios.FIONREAD, waiting)
        process.send_signal(number)
        process.wait(tool.timeout)
    finally:
        tool.finish(process)
    if process.returncode != -number:
        raise Wrong(f"exit status {process.returncode}, expected {-number}")


def check_told(tool):
    """After a signal that ended the load, there is a report all the same."""
    process = tool.start("--check", "--json", "-", stdin=subprocess.PIPE)
    write_and_wait(process, stream()[:100])
    # Both are there when it looks.
    for number in (signal.SIGSTOP, signal.SIGHUP, signal.SIGINT, signal.SIGCONT):
        process.send_signal(number)
    out, said = tool.finish(process)
    if process.returncode != 130 or b"interrupted" not in said:
        raise Wrong(f"exit status {process.returncode}, expected 130: {said.decode()}")
    figures(json.loads(out), exit_code=130)


def check_ignored(tool):
    """What is ignored when the program starts, as by nohup, ends nothing."""
    numbers = signal.SIGHUP, signal.SIGINT
    process = tool.start("--check", "--json", "-", stdin=subprocess.PIPE, ignored=numbers)
    write_and_wait(process, stream()[:100])
    for number in numbers:
        process.send_signal(number)
    process.stdin.write(stream()[100:])
    out, said = tool.finish(process)
    if process.returncode:
        raise Wrong(f"exit status {process.returncode}, expected 0: {said.decode()}")
    figures(json.loads(out)["stream"], pages=2)


def has_open(process, path):
    """Is the file one of those that the program has open?"""
    with contextlib.suppress(FileNotFoundError), os.scandir(f"/proc/{process.pid}/fd") as fds:
        return any(os.path.realpath(fd.path) == os.path.realpath(path) for fd in fds)
    return False


def check_fifo_signal(tool):
    """A signal ends the wait for a FIFO's writer."""
    name = tool.path("fifo")
    os.mkfifo(name)
    process = tool.start("--check", name)
    try:
        while not has_open(process, name) and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        process.wait(tool.timeout)
    finally:
        os.unlink(name)
        tool.finish(process)
    if process.returncode != 130:
        raise Wrong(f"exit status {process.returncode}, expected 130")


def check_signals(tap, tool):
    tap.check("SIGINT while waiting for input", check_signal, tool, signal.SIGINT)
    tap.check("SIGTERM while waiting for input", check_signal, tool, signal.SIGTERM)
    tap.check("SIGINT while waiting for a FIFO's writer", check_fifo_signal, tool)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        tap.check(f"{number.name} while nobody reads the report", check_report_signal, tool,
                  number)
    tap.check("two signals, and the report of the end", check_told, tool)
    tap.check("SIGHUP and SIGINT that are ignored", check_ignored, tool)
