# SPDX-License-Identifier: GPL-2.0-only
"""What the kernel and QEMU say of a guest's memory."""

import glob
import os
import re
import time

from qmp import Failure

PAGE = 4096
ZERO = bytes(PAGE)
CHUNK = 1 << 20
HUGE_KIB = 2048


def mapped(pid, name="/dev/hugepost"):
    """Sums of the fields of a process's mappings of a file, in KiB.

    FilePmdMapped is what is mapped by huge entries. A hugetlbfs mapping counts
    in Private_Hugetlb and Shared_Hugetlb instead.
    """
    sums = {"mappings": 0, "Size": 0}
    ours = False
    with open(f"/proc/{pid}/smaps", encoding="utf-8") as smaps:
        for line in smaps:
            if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                ours = name in line
                sums["mappings"] += ours
            elif ours and line.endswith(" kB\n"):
                field, value, _ = line.split()
                field = field.rstrip(":")
                sums[field] = sums.get(field, 0) + int(value)
    return sums


def all_huge(qemu, touched_kib=0):
    """Fails unless all whole host pages that a QEMU has mapped are mapped by huge
    entries, and as many KiB of them as were touched. Returns their KiB.

    A guest's memory may end with a part of a host page, which cannot be.
    """
    sums = qemu.pages()
    if not sums["mappings"]:
        raise Failure(f"{qemu.name} has no mapping of /dev/hugepost")
    huge, resident = sums.get("FilePmdMapped", 0), sums.get("Rss", 0)
    if huge < touched_kib or resident - huge > qemu.kib % HUGE_KIB:
        raise Failure(f"{qemu.name}: {huge} KiB are mapped huge, {resident} KiB are "
                      f"resident, {touched_kib} KiB were touched")
    return huge


def no_objects(seconds=10):
    """Fails if the module is still in use."""
    path = "/sys/module/hugepost/refcnt"
    deadline = time.monotonic() + seconds
    while os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            users = int(file.read())
        if not users:
            break
        if time.monotonic() > deadline:
            raise Failure(f"the module still has {users} users")
        time.sleep(0.1)


def reserve_hugetlb(pages):
    """Sets the number of the kernel's reserved 2 MiB pages."""
    with open("/proc/sys/vm/nr_hugepages", "r+", encoding="utf-8") as file:
        file.write(f"{pages}\n")
        file.flush()
        file.seek(0)
        if int(file.read()) < pages:
            raise Failure(f"cannot reserve {pages} huge pages")


def stacks(pid):
    """Where a process's threads are in the kernel, on one line."""
    threads = []
    for task in glob.glob(f"/proc/{pid}/task/*"):
        try:
            with open(f"{task}/comm", encoding="utf-8") as comm, \
                 open(f"{task}/stack", encoding="utf-8") as stack:
                frames = [line.split()[1].split("+")[0] for line in stack]
                threads.append(f"{comm.read().strip()}: {' < '.join(frames[:8])}")
        except OSError:
            continue
    return "; ".join(threads) or "nothing is left of it"


def equal(source, destination, directory):
    """Compares two stopped guests' memory; returns the number of pages that are
    not zero."""
    paths = [os.path.join(directory, f"{qemu.name}.dump")
             for qemu in (source, destination)]
    for qemu, path in zip((source, destination), paths):
        if qemu.running():
            raise Failure(f"{qemu.name}'s guest runs; it should be stopped")
        qemu.qmp.command("pmemsave", val=0, size=source.kib << 10, filename=path)
    used = 0
    try:
        with open(paths[0], "rb") as one, open(paths[1], "rb") as other:
            for base in range(0, source.kib << 10, CHUNK):
                chunks = one.read(CHUNK), other.read(CHUNK)
                same = chunks[0] == chunks[1]
                for start in range(0, len(chunks[0]), PAGE):
                    pages = [chunk[start:start + PAGE] for chunk in chunks]
                    used += pages[0] != ZERO
                    if not same and pages[0] != pages[1]:
                        raise Failure("memory differs first in the page at "
                                      f"{base + start:#x}")
    finally:
        for path in paths:
            os.unlink(path)
    return used
