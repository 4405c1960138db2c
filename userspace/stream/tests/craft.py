# SPDX-License-Identifier: GPL-2.0-only
"""Pieces of QEMU's migration stream, to be put together well or badly."""

import struct

PAGE = 4096
ZERO, MEM_SIZE, DATA, EOS, CONTINUE = 0x02, 0x04, 0x08, 0x10, 0x20
START, PART, END, FULL = 1, 2, 3, 4


def be16(value):
    return struct.pack(">H", value)


def be32(value):
    return struct.pack(">I", value)


def be64(value):
    return struct.pack(">Q", value)


def string(text):
    data = text.encode("latin-1")
    return bytes([len(data)]) + data


def header(magic=b"QEVM", version=3):
    return magic + be32(version)


def configuration(machine="pc-i440fx-7.2", *parts):
    return b"\x07" + be32(len(machine)) + machine.encode() + b"".join(parts)


def part(name, content, version=1):
    return b"\x05" + string("configuration/" + name) + be32(version) + content


def capabilities(*names):
    return part("capabilities", be32(len(names)) + b"".join(map(string, names)))


def first(kind, section, name, content, instance=0, version=4, footer=True):
    return (bytes([kind]) + be32(section) + string(name) + be32(instance)
            + be32(version) + content + (b"\x7e" + be32(section)) * footer)


def later(kind, section, content, footer=True):
    return bytes([kind]) + be32(section) + content + (b"\x7e" + be32(section)) * footer


def blocks(*pairs, total=None):
    """The list of blocks: (name, bytes) or (name, bytes, what follows)."""
    if total is None:
        total = sum(pair[1] for pair in pairs)
    return be64(total | MEM_SIZE) + b"".join(
        string(pair[0]) + be64(pair[1]) + b"".join(pair[2:]) for pair in pairs)


def record(address, flags, block=None):
    """The head of a page's record; without a block it continues the last."""
    return (be64(address | flags | (0 if block else CONTINUE))
            + (string(block) if block else b""))


def page(address, fill, block=None):
    """A page of one byte, or of the given 4096."""
    data = fill if isinstance(fill, bytes) else bytes([fill]) * PAGE
    return record(address, DATA, block) + data


def zero(address, block=None, fill=0):
    return record(address, ZERO, block) + bytes([fill])


def eos():
    return be64(EOS)


def command(number, content=b"", length=None):
    return (b"\x08" + be16(number) + be16(len(content) if length is None else length)
            + content)


def description(text='{"configuration": {}}'):
    return b"\x06" + be32(len(text)) + text.encode()


def device(section=7, name="cpu", content=b"state of a device", **more):
    return first(FULL, section, name, content, **more)


def stream(*ram, setup=None, before=b"", after=None, end=b"\0", desc=None):
    """A whole stream: RAM's first section, one for each of @ram, the rest."""
    if setup is None:
        setup = blocks(("pc.ram", 4 << 20))
    ram = list(ram) or [page(0, 1, "pc.ram") + zero(PAGE)]
    out = header() + configuration() + before
    out += first(START, 2, "ram", setup + eos())
    for records in ram[:-1]:
        out += later(PART, 2, records + eos())
    out += later(END, 2, ram[-1] + eos())
    out += device() if after is None else after
    return out + end + (description() if desc is None else desc)
