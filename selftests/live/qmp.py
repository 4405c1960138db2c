# SPDX-License-Identifier: GPL-2.0-only
"""QEMU's monitor, for all programs here that run a QEMU."""

import json
import socket
import subprocess
import time

REPLY_TIMEOUT = 60
END_TIMEOUT = 5


class Failure(Exception):
    """Something went wrong; the text says what to do about it."""


def end_of(process):
    """Says how a process ended whose monitor is gone: it goes a little later."""
    try:
        return f" (QEMU ended with status {process.wait(END_TIMEOUT)})"
    except subprocess.TimeoutExpired:
        return ""


def wait_for(what, seconds, process, condition):
    """Polls until condition() is true, and returns what it returned."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if process.poll() is not None:
            raise Failure(f"waiting for {what}: QEMU ended with status "
                          f"{process.returncode}; see its messages above")
        if time.monotonic() > deadline:
            raise Failure(f"waiting for {what}: not there after {seconds} s")
        time.sleep(0.05)


class Qmp:
    """A connection to QEMU's monitor."""

    def __init__(self, path, process):
        self.process = process
        self.events = []
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(REPLY_TIMEOUT)
        wait_for("QEMU's monitor", REPLY_TIMEOUT, process,
                 lambda: self._connect(path))
        self.lines = self.socket.makefile("r", encoding="utf-8")
        self._read("QMP")
        self.command("qmp_capabilities")

    def _connect(self, path):
        try:
            self.socket.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        return True

    def _read(self, *keys):
        while True:
            try:
                line = self.lines.readline()
            except TimeoutError:
                raise Failure(f"QEMU did not answer in {REPLY_TIMEOUT} s") from None
            except OSError as error:
                raise Failure(f"QEMU's monitor: {error}"
                              + end_of(self.process)) from None
            if not line:
                raise Failure("QEMU closed its monitor" + end_of(self.process))
            message = json.loads(line)
            if any(key in message for key in keys):
                return message
            if "event" in message:
                self.events.append(message)

    def command(self, name, **arguments):
        """Runs a command and returns what QEMU returned."""
        request = {"execute": name, "arguments": arguments}
        try:
            self.socket.sendall(json.dumps(request).encode())
        except OSError as error:
            raise Failure(f"cannot send {name} to QEMU: {error}"
                          + end_of(self.process)) from None
        reply = self._read("return", "error")
        if "error" in reply:
            raise Failure(f"QEMU refused {name}: {reply['error']['desc']}")
        return reply["return"]

    def close(self):
        """Lets go of the monitor; QEMU goes on."""
        self.lines.close()
        self.socket.close()
