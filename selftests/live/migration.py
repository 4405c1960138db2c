# SPDX-License-Identifier: GPL-2.0-only
"""One migration from a QEMU to another, by precopy and postcopy."""

import socket

from qmp import Failure, wait_for

MIB = 1 << 20
STATE_TIMEOUT = 180
# No end of a precopy by itself: in ms, and what QEMU takes for "at once".
DOWNTIME_NEVER = 1
DOWNTIME_NOW = 10000
# What ends a wait for another state.
FINAL = {"completed", "failed", "cancelled"}


def free_port():
    """A TCP port that nobody has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Migration:
    """The two sides of a migration.

    transport     "unix" or "tcp"
    capabilities  besides postcopy-ram and events, on both sides
    bandwidth     bytes a second before and after the switch (0: no limit)
    proxy         a Proxy that the bytes take their way through, or None
    """

    def __init__(self, source, destination, *, transport="unix", capabilities=(),
                 bandwidth=16 * MIB, postcopy_bandwidth=0, channels=None,
                 blocktime=True, proxy=None):
        # pylint: disable=too-many-arguments
        self.source, self.destination = source, destination
        self.transport = transport
        self.proxy = proxy
        self.addresses = 0
        names = ["postcopy-ram", "events", *capabilities]
        self._set_capabilities(source, names)
        self._set_capabilities(destination, names +
                               (["postcopy-blocktime"] if blocktime else []))
        parameters = {"multifd-channels": channels} if channels else {}
        if parameters:
            destination.qmp.command("migrate-set-parameters", **parameters)
        source.qmp.command("migrate-set-parameters", **parameters, **{
            "max-bandwidth": bandwidth, "downtime-limit": DOWNTIME_NEVER,
            "max-postcopy-bandwidth": postcopy_bandwidth,
        })

    @staticmethod
    def _set_capabilities(qemu, names):
        qemu.qmp.command("migrate-set-capabilities", capabilities=[
            {"capability": name, "state": True} for name in names])

    def _address(self):
        """A new address for the destination."""
        self.addresses += 1
        if self.transport == "tcp":
            return f"tcp:127.0.0.1:{free_port()}"
        return f"unix:{self.destination.files}.migration{self.addresses}"

    def _through_proxy(self, address):
        return self.proxy.forward(address) if self.proxy else address

    def start(self):
        """Starts the precopy."""
        address = self._address()
        self.destination.qmp.command("migrate-incoming", uri=address)
        self.source.qmp.command("migrate", uri=self._through_proxy(address))
        self.wait(self.source, "active", "postcopy-active")
        return self

    def start_refused(self):
        """Starts a migration that must fail."""
        address = self._address()
        self.destination.qmp.command("migrate-incoming", uri=address)
        self.source.qmp.command("migrate", uri=address)
        self.wait_ended(self.source)

    @staticmethod
    def query(qemu):
        """query-migrate."""
        return qemu.qmp.command("query-migrate")

    def state(self, qemu):
        """The migration's state as a side sees it."""
        return self.query(qemu).get("status", "none")

    def wait(self, qemu, *states, seconds=STATE_TIMEOUT):
        """Waits until a side is in one of the states, and returns it."""
        def reached():
            info = self.query(qemu)
            state = info.get("status", "none")
            if state in states:
                return state
            if state in FINAL:
                raise Failure(f"{qemu.name}'s migration {state}, not "
                              f"{'/'.join(states)}: {info.get('error-desc', '')}")
            return None
        try:
            return wait_for(f"{qemu.name} to be {'/'.join(states)}", seconds,
                            qemu.process, reached)
        except Failure as error:
            if qemu.process.poll() is not None:
                raise Failure(f"{error}: {qemu.messages()}") from None
            raise Failure(f"{error} (source {self.state(self.source)}, destination "
                          f"{self.state(self.destination)})") from None

    def wait_ended(self, qemu, seconds=STATE_TIMEOUT):
        """Waits for a migration that cannot succeed."""
        def ended():
            state = self.state(qemu)
            if state == "completed":
                raise Failure(f"{qemu.name}'s migration completed")
            return state in FINAL
        wait_for(f"the end of {qemu.name}'s migration", seconds, qemu.process, ended)

    def wait_sent(self, size, seconds=STATE_TIMEOUT):
        """Waits until so many bytes were sent before the switch."""
        def sent():
            info = self.query(self.source)
            if info["status"] in FINAL:
                raise Failure(f"the migration {info['status']} before its switch: "
                              f"{info.get('error-desc', '')}")
            return info.get("ram", {}).get("transferred", 0) >= size
        wait_for(f"{size} bytes to be sent", seconds, self.source.process, sent)

    def wait_postcopy_sent(self, size, seconds=STATE_TIMEOUT):
        """Waits until so many bytes were sent after the switch."""
        def sent():
            info = self.query(self.source)
            return (info.get("ram", {}).get("postcopy-bytes", 0) >= size
                    or info["status"] in FINAL)
        wait_for(f"{size} bytes to be sent after the switch", seconds,
                 self.source.process, sent)

    def limit(self, after_switch):
        """Changes the limit after the switch, in bytes a second."""
        self.source.qmp.command("migrate-set-parameters",
                                **{"max-postcopy-bandwidth": after_switch})

    def switch(self):
        """Ends the precopy: the guest goes on at the destination."""
        self.source.qmp.command("migrate-start-postcopy")
        self.wait(self.source, "postcopy-active", "completed")
        return self

    def finish(self, seconds=STATE_TIMEOUT):
        """Waits for both sides' end."""
        self.wait(self.source, "completed", seconds=seconds)
        self.wait(self.destination, "completed", seconds=seconds)
        return self

    def finish_precopy(self):
        """Lets the precopy end by itself."""
        self.source.qmp.command("migrate-set-parameters",
                                **{"downtime-limit": DOWNTIME_NOW})
        return self.finish()

    def cancel(self):
        """Gives a precopy up; the guest stays where it is."""
        self.source.qmp.command("migrate_cancel")
        self.wait_ended(self.source)

    def pause(self):
        """Interrupts a postcopy from the source's side."""
        self.source.qmp.command("migrate-pause")
        self.wait_paused()

    def wait_paused(self):
        """Waits until both sides know of the interruption."""
        for qemu in (self.source, self.destination):
            self.wait(qemu, "postcopy-paused")

    def recover(self):
        """Goes on after an interruption, over a new connection."""
        address = self._address()
        self.destination.qmp.command("migrate-recover", uri=address)
        self.source.qmp.command("migrate", uri=self._through_proxy(address),
                                resume=True)
        self.wait(self.source, "postcopy-active", "completed")

    def blocktime(self):
        """What the destination says of its guest's waits, in ms."""
        info = self.query(self.destination)
        return info.get("postcopy-blocktime"), info.get("postcopy-vcpu-blocktime")

    def summary(self):
        """One line of the source's figures."""
        info = self.query(self.source)
        ram = info["ram"]
        return (f"{ram['transferred']} bytes, {ram.get('postcopy-bytes', 0)} of them "
                f"after the switch, {ram.get('postcopy-requests', 0)} pages asked for, "
                f"{info.get('total-time', 0)} ms")
