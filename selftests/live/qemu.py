# SPDX-License-Identifier: GPL-2.0-only
"""QEMU processes whose guests migrate."""

import os
import signal
import subprocess

import checks
from qmp import Failure, Qmp, wait_for
from serial import Serial

TOP = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                    "../.."))
BUILD = os.path.join(TOP, "build")
CACHE = os.environ.get("HUGEPOST_CACHE") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "hugepost")
GUEST = os.path.join(BUILD, "live/guest.elf")
WRAPPER = os.path.join(BUILD, "userspace/hugepost-qemu")

# 64 MiB, and a little: QEMU 7.2 loses writes of a guest under TCG where a RAM
# block is a whole number of 256 KiB (see demo/stream/make-streams).
SIZE_KIB = 65544
# A process that was killed must be gone within this time.
KILL_TIMEOUT = 30
# For a command that is refused before QEMU has a monitor.
START_TIMEOUT = 60


def program(version):
    """The QEMU of a version, as selftests/setup has it."""
    if version == "7.2":
        return "/usr/bin/qemu-system-x86_64"
    return f"{CACHE}/qemu/{version}/qemu-system-x86_64"


def backend(kind, kib, maximum="", more=""):
    """Options for a guest's RAM of a kind.

    Its RAM block is called "pc.ram" whatever it is made of, so that guests can
    migrate from any kind to any other.
    """
    options = ["-m", f"{kib}k" + (f",maxmem={maximum}" if maximum else "")]
    # "hugepost" gets its object from the wrapper.
    objects = {
        "ram": None,
        "hugepost": None,
        "memfd": "memory-backend-memfd",
        "hugetlbfs": "memory-backend-memfd,hugetlb=on,hugetlbsize=2M",
        "hugepost-object": "memory-backend-file,mem-path=/dev/hugepost,align=2M",
    }
    if objects[kind]:
        options += ["-object", f"{objects[kind]},id=pc.ram,size={kib}k,share=on,"
                    f"x-use-canonical-path-for-ramblock-id=off{more}"]
    return options, "memory-backend=pc.ram" if objects[kind] else ""


class Qemu:
    """One QEMU and its guest.

    name      for messages and files
    dir       where its sockets and logs are
    version   which QEMU
    memory    "ram" (4 KiB pages), "memfd", "hugetlbfs", "hugepost" (plain -m,
              through the wrapper) or "hugepost-object" (an explicit back end)
    incoming  it waits for a migration
    stopped   its guest does not run by itself after the migration
    maximum   of the memory, with hotplug
    backend_options  more options of an explicit back end, as ",prealloc=on"
    guest     the command line of the guest that checks itself, or None for a
              guest that is idle in its BIOS
    """

    def __init__(self, name, directory, *, version="7.2", memory="ram",
                 kib=SIZE_KIB, smp=1, accel="tcg", incoming=False, stopped=False,
                 guest=None, machine="pc,smm=off", maximum="",
                 backend_options="", extra=(), env=None):
        # pylint: disable=too-many-arguments
        self.name = name
        self.kib = kib
        self.memory = memory
        self.guest = guest
        self.files = os.path.join(directory, name)
        self.qmp = self.serial = None
        options, ram = backend(memory, kib, maximum, backend_options)
        if ram:
            machine += "," + ram
        self.env = dict(os.environ, **(env or {}))
        self.command = [program(version)]
        if memory.startswith("hugepost"):
            self.env["HUGEPOST_QEMU"] = program(version)
            self.env.setdefault("HUGEPOST_LOG", f"info:{self.files}.shim")
            self.command = [WRAPPER]
        self.command += [
            "-name", name, "-accel", accel, "-cpu", "max", "-smp", str(smp),
            *options, "-machine", machine, "-nodefaults", "-no-user-config",
            "-display", "none", "-vga", "none", "-no-reboot",
            "-chardev", f"socket,id=serial,path={self.files}.serial,server=on,"
            f"wait=off,logfile={self.files}.log",
            "-serial", "chardev:serial",
            "-qmp", f"unix:{self.files}.qmp,server=on,wait=off",
        ]
        if guest is not None:
            self.command += ["-kernel", GUEST, "-append", guest]
        self.command += ["-incoming", "defer"] if incoming else []
        # A source's serial line is connected before the guest's first word.
        self.command += ["-S"] if stopped or not incoming else []
        self.command += extra
        # QEMU must not outlive this program, however that ends.
        with open(f"{self.files}.err", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                ["setpriv", "--pdeathsig", "KILL", *self.command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env)

    @property
    def pid(self):
        """The process's id: the wrapper becomes QEMU."""
        return self.process.pid

    def connect(self):
        """Waits for QEMU to have started, and connects to it."""
        self.qmp = Qmp(f"{self.files}.qmp", self.process)
        self.serial = Serial(f"{self.files}.serial")
        return self

    def refused(self):
        """Waits for a QEMU that must not start; returns what it said."""
        try:
            status = self.process.wait(START_TIMEOUT)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} was not refused") from None
        if status <= 0:
            raise Failure(f"{self.name} ended with status {status}: {self.messages()}")
        return self.messages()

    def run(self):
        """Lets the guest run (a guest that waits for a migration runs after it)."""
        self.qmp.command("cont")

    def running(self):
        """Does the guest run?"""
        return self.qmp.command("query-status")["running"]

    def wait_running(self, seconds=60):
        """Waits until it does, as it does after a migration."""
        wait_for(f"{self.name}'s guest to run", seconds, self.process, self.running)

    def messages(self):
        """What QEMU wrote to its standard error."""
        with open(f"{self.files}.err", encoding="utf-8", errors="replace") as log:
            return log.read().strip()

    def pages(self, kind="/dev/hugepost"):
        """KiB of its mappings: checks.mapped()."""
        return checks.mapped(self.pid, kind)

    def kill(self):
        """SIGKILL; the process must be gone soon."""
        self.process.send_signal(signal.SIGKILL)
        self.gone()

    def gone(self):
        """Waits for a process that ends."""
        try:
            return self.process.wait(KILL_TIMEOUT)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} (pid {self.pid}) does not end: "
                          + checks.stacks(self.pid)) from None

    def close(self):
        """The end of a scenario: nothing of it stays."""
        for end in (self.serial, self.qmp):
            if end:
                end.close()
        if self.process.poll() is None:
            self.kill()
