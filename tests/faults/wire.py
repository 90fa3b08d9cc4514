# SPDX-License-Identifier: ISC
# A TCP proxy that cuts, delays, and stalls.
import contextlib
import ctypes
import random
import socket
import struct
import threading
import time

from testbed.machine import LOCAL

AT_ONCE = 65536
LIBC = ctypes.CDLL(None)


def reset(end):
    """RST, also while another thread waits in recv: what close would not do then."""
    nowhere = struct.pack("H14x", socket.AF_UNSPEC)
    LIBC.connect(end.fileno(), nowhere, len(nowhere))


class Link:
    """A client's connection and ours to the server."""

    def __init__(self, client, server):
        self.ends = client, server
        self._lock, self.severed, self._pumps = threading.Lock(), False, 2

    def sever(self, by_reset=False):
        """True the first time."""
        with self._lock:
            if self.severed:
                return False
            self.severed = True
        for end in self.ends:
            with contextlib.suppress(OSError):
                if by_reset and end.family == socket.AF_INET:
                    reset(end)
                end.shutdown(socket.SHUT_RDWR)
        return True

    def leave(self):
        """A pump has ended; the second one closes."""
        self._pumps -= 1
        if self._pumps == 0:
            for end in self.ends:
                end.close()


class Wire:
    """Between clients of `address` and the server that `connect` connects to."""

    def __init__(self, connect, seed=0):
        self._connect, self._dice = connect, random.Random(seed)
        self._listener = socket.create_server((LOCAL, 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        self.cut = None  # (bytes to the server, bytes to the client): the most before a cut
        self.delay = 0.0  # seconds for each piece that goes by
        self.stalled = False
        self.cuts = 0
        self._links = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = self._connect()
            except OSError:
                client.close()
                continue
            for end in (client, server):
                if end.family == socket.AF_INET:
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = Link(client, server)
            self._links = [one for one in self._links if not one.severed] + [link]
            for direction, pair in enumerate([(client, server), (server, client)]):
                threading.Thread(target=self._pump, args=(link, direction, *pair),
                                 daemon=True).start()

    def _pump(self, link, direction, source, sink):
        left = None
        try:
            while data := source.recv(AT_ONCE):
                time.sleep(self.delay)
                while self.stalled:
                    time.sleep(0.01)
                cut = self.cut
                if cut:
                    left = self._dice.randrange(1, cut[direction]) if left is None else left
                    if len(data) >= left:
                        sink.sendall(data[:left])
                        if link.sever(self._dice.random() < 0.5):
                            self.cuts += 1
                        return
                    left -= len(data)
                sink.sendall(data)
        except OSError:
            pass
        finally:
            link.sever()
            link.leave()

    def reset_all(self):
        for link in self._links:
            if link.sever(by_reset=True):
                self.cuts += 1

    def close(self):
        # Wakes the thread in accept(), which close alone does not.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for link in self._links:
            link.sever()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
