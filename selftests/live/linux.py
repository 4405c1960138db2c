# SPDX-License-Identifier: GPL-2.0-only
"""A small Linux guest that checks its memory and its disk; see linux-init.

Its kernel and modules are those of the machine that this runs on.
"""

import hashlib
import lzma
import os
import random
import re
import shutil
import subprocess

from qemu import CACHE
from qmp import Failure

HERE = os.path.dirname(os.path.realpath(__file__))
MODULES = ("virtio_pci", "virtio_balloon", "virtio_blk")
MIB = 1 << 20
KIB = 192 << 10
DISK = 16 * MIB
# Copies of the disk's contents that fill most of the guest's memory.
FILL = 4
TIMEOUT = 600

ROUND = re.compile(r"guest: round (\d+), (\d+) bad")
FILLED = re.compile(r"guest: filled (\d+), (\d+) bad")


def kernel_files():
    """The image of the kernel that runs here, and the directory of its modules."""
    release = os.uname().release
    for name in os.listdir(f"{CACHE}/kernels"):
        directory = f"{CACHE}/kernels/{name}"
        modules = f"{directory}/root/lib/modules/{release}"
        if os.path.isdir(modules):
            return f"{directory}/vmlinuz", modules
    raise Failure(f"the kernel {release} is not in {CACHE}/kernels")


def module_files(directory):
    """The modules that are needed, in an order in which they can be loaded."""
    needs = {}
    with open(f"{directory}/modules.dep", encoding="utf-8") as lines:
        for line in lines:
            path, _, others = line.partition(":")
            # The nearest ones come first.
            needs[path] = others.split()[::-1]
    with open(f"{directory}/modules.builtin", encoding="utf-8") as lines:
        built_in = lines.read().split()
    order = []
    for module in MODULES:
        def is_it(path, name=module):
            return re.search(rf"/{name}\.ko(\.\w+)?$", path)

        if any(map(is_it, built_in)):
            continue
        path = next(filter(is_it, needs), None)
        if path is None:
            raise Failure(f"there is no module {module} in {directory}")
        order += [file for file in [*needs[path], path] if file not in order]
    return order


def make_initramfs(path, root):
    """Puts linux-init, busybox and modules together."""
    os.makedirs(f"{root}/bin")
    os.makedirs(f"{root}/modules")
    shutil.copy("/bin/busybox", f"{root}/bin/busybox")
    shutil.copy(f"{HERE}/linux-init", f"{root}/init")
    os.chmod(f"{root}/init", 0o755)
    _, modules = kernel_files()
    with open(f"{root}/modules/order", "w", encoding="utf-8") as order:
        for file in module_files(modules):
            # Packages may have been unpacked after depmod has run.
            source = f"{modules}/{file}"
            if not os.path.exists(source):
                source = source.removesuffix(".xz")
            name = os.path.basename(file).removesuffix(".xz")
            opened = lzma.open if source.endswith(".xz") else open
            with opened(source, "rb") as one, open(f"{root}/modules/{name}", "wb") as other:
                shutil.copyfileobj(one, other)
            print(name, file=order)
    names = "\n".join(os.path.relpath(os.path.join(top, name), root)
                      for top, directories, files in os.walk(root)
                      for name in [*directories, *files])
    with open(path, "wb") as archive:
        subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], cwd=root, check=True,
                       input=names.encode(), stdout=archive)


class Linux:
    """What QEMUs need to run the guest; they all use the same disk, read-only."""

    def __init__(self, directory):
        initramfs, disk = f"{directory}/initramfs", f"{directory}/disk"
        make_initramfs(initramfs, f"{directory}/root")
        contents = random.Random(DISK).randbytes(DISK)
        with open(disk, "wb") as file:
            file.write(contents)
        command_line = ("console=ttyS0 quiet mitigations=off panic=-1 "
                        f"sum={hashlib.md5(contents).hexdigest()} fill={FILL}")
        self.disk = disk
        self._boot = ["-kernel", kernel_files()[0], "-initrd", initramfs, "-append",
                      command_line]
        self.options = self.with_devices(
            "-drive", f"if=none,id=disk,file={disk},format=raw,readonly=on",
            "-device", "virtio-blk-pci,drive=disk",
            "-device", "virtio-balloon-pci")

    def with_devices(self, *devices):
        """Options for a QEMU with these devices; the first disk is the guest's."""
        return {"kib": KIB, "guest": None, "extra": [*self._boot, *devices]}

    @staticmethod
    def check_round(qemu, rounds=1, seconds=TIMEOUT):
        """Waits for so many of the guest's rounds; all must have been right."""
        mark = qemu.serial.mark()
        for _ in range(rounds):
            number, bad = qemu.serial.wait_line("round", seconds,
                                                ROUND.search, mark).groups()
            mark = qemu.serial.mark()
            if int(bad):
                raise Failure(f"{qemu.name}'s guest found {bad} checksums wrong, in "
                              f"round {number} and before")

    @staticmethod
    def fill(qemu):
        """Makes the guest fill most of its memory."""
        copies, bad = qemu.serial.ask("f\n", "filling", FILLED.search, TIMEOUT).groups()
        if int(bad) or int(copies) != FILL:
            raise Failure(f"{qemu.name}'s guest found {bad} checksums wrong in {copies} "
                          "copies")
