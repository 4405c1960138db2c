# SPDX-License-Identifier: GPL-2.0-only
"""A network that fails when it is told to."""

import os
import socket
import struct
import threading

import migration

CHUNK = 65536


def connect_to(address):
    """Connects to an address of QEMU's kind."""
    kind, _, rest = address.partition(":")
    if kind == "unix":
        end = socket.socket(socket.AF_UNIX)
        end.connect(rest)
        return end
    host, _, port = rest.rpartition(":")
    return socket.create_connection((host, int(port)))


class Proxy:
    """Passes bytes on between two QEMUs until the line is cut."""

    def __init__(self, directory):
        self.directory = directory
        self.lock = threading.Lock()
        self.ends = []
        self.servers = []
        self.passed = 0
        self.limit = None
        self.was_cut = threading.Event()

    def forward(self, address):
        """Makes an address that leads to another one, over a line that is whole
        again."""
        kind = address.partition(":")[0]
        with self.lock:
            self.limit = None
            self.was_cut.clear()
        if kind == "unix":
            path = os.path.join(self.directory, f"proxy{len(self.servers)}")
            server = socket.socket(socket.AF_UNIX)
            server.bind(path)
            mine = f"unix:{path}"
        else:
            port = migration.free_port()
            server = socket.create_server(("127.0.0.1", port))
            mine = f"tcp:127.0.0.1:{port}"
        server.listen()
        self.servers.append(server)
        threading.Thread(target=self._serve, args=(server, address),
                         daemon=True).start()
        return mine

    def cut_after(self, size):
        """Cuts the line when so many more bytes have passed to the destination."""
        with self.lock:
            self.limit = self.passed + size

    def cut(self):
        """Cuts all connections, as a network does that fails: what is under way
        is lost."""
        with self.lock:
            ends, self.ends = self.ends, []
            self.was_cut.set()
        for end in ends:
            try:
                # A reset, where the protocol has one.
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                               struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _serve(self, server, address):
        while True:
            try:
                source, _ = server.accept()
                destination = connect_to(address)
            except OSError:
                return
            with self.lock:
                self.ends += [source, destination]
            for one, other, counted in ((source, destination, True),
                                        (destination, source, False)):
                threading.Thread(target=self._pass_on, args=(one, other, counted),
                                 daemon=True).start()

    def _pass_on(self, one, other, counted):
        try:
            while data := one.recv(CHUNK):
                with self.lock:
                    self.passed += len(data) * counted
                    over = self.limit is not None and self.passed > self.limit
                if over:
                    self.cut()
                    return
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        """The end of a scenario."""
        self.cut()
        for server in self.servers:
            server.close()
