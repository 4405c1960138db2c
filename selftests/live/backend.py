# SPDX-License-Identifier: GPL-2.0-only
"""Back ends of vhost-user: processes that map a guest's memory for its devices.

They are packaged programs as they are, which know nothing of hugepost.
"""

import os
import signal
import subprocess

import checks
from qmp import Failure, wait_for

START_TIMEOUT = 60
GONE_TIMEOUT = 30
STORAGE_DAEMON = "/usr/bin/qemu-storage-daemon"


class BackEnd:
    """A process that listens for QEMU on a socket."""

    def __init__(self, files, command):
        self.socket = f"{files}.sock"
        with open(f"{files}.err", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                ["setpriv", "--pdeathsig", "KILL", *command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.files = files

    def wait(self):
        """Waits until QEMU can connect."""
        wait_for("a back end to listen", START_TIMEOUT, self.process,
                 lambda: os.path.exists(self.socket))
        return self

    def check_alive(self):
        """Fails unless it runs."""
        if self.process.poll() is not None:
            with open(f"{self.files}.err", encoding="utf-8", errors="replace") as log:
                raise Failure(f"a back end ended with status {self.process.returncode}: "
                              + log.read().strip())

    def kill(self):
        """SIGKILL; it must be gone soon."""
        self.process.send_signal(signal.SIGKILL)
        try:
            self.process.wait(GONE_TIMEOUT)
        except subprocess.TimeoutExpired:
            raise Failure(f"a back end does not end: {checks.stacks(self.process.pid)}"
                          ) from None

    def close(self):
        """The end of a scenario."""
        if self.process.poll() is None:
            self.kill()


class Disk(BackEnd):
    """qemu-storage-daemon with a disk that cannot be written."""

    def __init__(self, files, image):
        super().__init__(files, [
            STORAGE_DAEMON,
            "--blockdev", f"driver=file,node-name=disk,filename={image},read-only=on",
            "--export", "type=vhost-user-blk,id=export,node-name=disk,writable=off,"
            f"addr.type=unix,addr.path={files}.sock"])

    def options(self):
        """What QEMU needs for it."""
        return ("-chardev", f"socket,id=disk,path={self.socket}",
                "-device", "vhost-user-blk-pci,chardev=disk,num-queues=1")
