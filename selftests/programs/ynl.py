#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Talks to the netlink family as hugepost.yaml describes it, by the kernel's pyynl,
which refuses an attribute that the specification does not have.

usage: ynl.py SPECIFICATION
"""

import ctypes
import fcntl
import os
import struct
import sys
import time

SOURCE = os.path.join(os.environ["HUGEPOST_CACHE"], "linux-source")
sys.path.insert(0, os.path.join(SOURCE, "tools/net/ynl"))

from lib import NlError, YnlFamily  # noqa: E402  pylint: disable=wrong-import-position

HOST_PAGE = 2 << 20
TARGET_PAGE = 4096
# ioctl numbers, and structures up to what is used of them.
SETUP, ARM, FILL = 0xD801, 0xD802, 0xD804
FILL_ZERO = 1
# What an object may lack: its process is gone, or cgroups are not there.
MAY_LACK = {"command", "cgroup", "host-page"}


class Object:
    """An object of four host pages: present, zero, assembling, empty."""

    def __init__(self):
        self.device = os.open("/dev/hugepost", os.O_RDWR)
        self.call(SETUP, struct.pack("=IIQIIIIQ", 40, 0, 4 * HOST_PAGE, 0, 0, 2, 0, 0))
        self.fill(0, HOST_PAGE, 0)
        self.fill(HOST_PAGE, HOST_PAGE, FILL_ZERO)
        self.fill(2 * HOST_PAGE, TARGET_PAGE, 0)

    def call(self, command, argument):
        """ioctl(); returns the structure as the module left it."""
        return fcntl.ioctl(self.device, command, argument)

    def fill(self, offset, length, flags):
        """One entry of FILL."""
        source = ctypes.create_string_buffer(length)
        address = 0 if flags else ctypes.addressof(source)
        entry = ctypes.create_string_buffer(
            struct.pack("=QQQII", offset, address, length, flags, 0))
        self.call(FILL, struct.pack("=IIIIQIIQQ", 48, 0, 0, 1,
                                    ctypes.addressof(entry), 0, 0, 0, 0))

    def arm(self):
        """The event descriptor."""
        return struct.unpack("=IIiI", self.call(ARM, struct.pack("=IIiI", 16, 0, 0, 0)))[2]


def new_family():
    """A socket that speaks by the specification."""
    return YnlFamily(sys.argv[1],
                     os.path.join(SOURCE, "Documentation/netlink/genetlink.yaml"))


def expect(what, condition):
    """A rule that must hold."""
    if not condition:
        raise AssertionError(what)


def complete(family, operation, mode, reply):
    """Every attribute of the specification is in the reply."""
    wanted = set(family.msgs[operation].yaml[mode]["reply"]["attributes"])
    missing = wanted - set(reply) - MAY_LACK
    expect(f"{operation} lacks {sorted(missing)}", not missing)


def refused(family, operation, request, attribute):
    """A request that must be refused, by a text and with the attribute's name."""
    try:
        family.do(operation, request)
    except NlError as error:
        expect(f"{operation} was refused without a text", "msg" in error.nl_msg.extack)
        expect(f"the refusal names {error.nl_msg.extack}",
               error.nl_msg.extack.get("bad-attr") == "." + attribute)
        return
    raise AssertionError(f"{operation} {request} was not refused")


def check_module(family, _obj):
    """module-get and module-set"""
    complete(family, "module-get", "do", family.do("module-get", {}))
    family.do("module-set", {"limit": 512 * HOST_PAGE, "reserve": HOST_PAGE,
                             "progress-step": 25})
    module = family.do("module-get", {})
    while module["reserve-filling"]:
        time.sleep(0.01)
        module = family.do("module-get", {})
    expect(f"settings are {module}", module["limit"] == 512 * HOST_PAGE
           and module["reserve-ready"] == HOST_PAGE and module["progress-step"] == 25)
    family.do("module-set", {"limit": 2 ** 64 - 1, "reserve": 0, "progress-step": 10})


def check_objects(family, obj):
    """object-get, of one and of all"""
    dumped = [one for one in family.dump("object-get", {"device-fd": obj.device})
              if one["pid"] == os.getpid()]
    expect(f"{len(dumped)} objects are this process's", len(dumped) == 1)
    complete(family, "object-get", "dump", dumped[0])
    one = family.do("object-get", {"id": dumped[0]["id"], "device-fd": obj.device})
    complete(family, "object-get", "do", one)
    expect(f"the object is {one}",
           (one["present"], one["zero"], one["assembling"], one["empty"]) == (1, 1, 1, 1)
           and one["mode"] == "unarmed" and one["filled"] == 1025)
    return one["id"]


def check_channels(family, obj):
    """channel-get"""
    channels = family.dump("channel-get", {"object": check_objects(family, obj)})
    expect(f"{len(channels)} channels", [one["index"] for one in channels] == [0, 1])
    complete(family, "channel-get", "dump", channels[0])
    expect("the first one filled", channels[0]["pages"] == 1025
           and channels[0]["host-page"] == 2 * HOST_PAGE and "host-page" not in channels[1])


def check_map(family, obj):
    """map-get"""
    reply = family.do("map-get", {"object": check_objects(family, obj), "cells": 8})
    complete(family, "map-get", "do", reply)
    expect(f"the map is {reply}", reply["present"] == [1, 0, 0, 0]
           and reply["zero"] == [0, 1, 0, 0] and reply["assembling"] == [0, 0, 1, 0])
    part = family.do("map-get", {"object": reply["object"], "cells": 8, "first-cell": 1})
    expect(f"its part is {part}", part["first-cell"] == 1 and part["zero"] == [1, 0, 0])


def check_trim(family, obj):
    """object-trim"""
    number = check_objects(family, obj)
    refused(family, "object-trim", {"object": number, "first-host-page": 4}, "first-host-page")
    reply = family.do("object-trim", {"object": number})
    expect(f"the reply is {reply}", reply == {"object": number, "trimmed": 1})


def check_events(family, obj):
    """the multicast group"""
    listener = new_family()
    listener.ntf_subscribe("events")
    os.close(obj.arm())
    listener.check_ntf()
    events = [event["msg"] for event in listener.async_msg_queue]
    expect(f"events are {events}", [event["kind"] for event in events] == ["armed", "lost"])
    wanted = set(family.msgs["event"].yaml["event"]["attributes"])
    expect(f"an event has {sorted(events[0])}", set(events[0]) == wanted)


def check_refusals(family, obj):
    """what the specification does not allow"""
    number = check_objects(family, obj)
    refused(family, "map-get", {"object": number, "cells": 0}, "cells")
    refused(family, "map-get", {"object": number, "cells": 4097}, "cells")
    refused(family, "map-get", {"object": number, "cells": 8, "first-cell": 4}, "first-cell")
    refused(family, "map-get", {"object": number, "cells": 8, "first-cell": 4096}, "first-cell")
    refused(family, "module-set", {"progress-step": 101}, "progress-step")
    refused(family, "object-get", {"id": 2 ** 64 - 1}, "id")
    refused(family, "object-get", {"id": number, "pid": 1}, "pid")


def main():
    """Prints TAP; the status is 1 if a check failed."""
    checks = (check_module, check_objects, check_channels, check_map, check_refusals,
              check_trim, check_events)
    family = new_family()
    obj = Object()
    status = 0
    print(f"1..{len(checks)}")
    for number, check in enumerate(checks, 1):
        try:
            check(family, obj)
            print(f"ok {number} - {check.__doc__}")
        except (AssertionError, NlError, OSError) as error:
            print(f"# {error}".replace("\n", "\n# "))
            print(f"not ok {number} - {check.__doc__}")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
