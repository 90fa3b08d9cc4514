# SPDX-License-Identifier: ISC
# A network of two addresses through this process, which delays, loses, repeats and reorders: what
# netem does, also where the kernel has none.
import fcntl
import heapq
import itertools
import os
import random
import select
import struct
import subprocess
import threading
import time

TUN, NAME = "/dev/net/tun", "faults0"
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
HERE, THERE = "10.83.0.1", "10.83.0.2"


class Network:
    """Who connects to THERE gets to HERE, by packets that come this way. To swap the two addresses
    of a packet leaves its checksums right."""

    def __init__(self, seed=0):
        self._fd = os.open(TUN, os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self._fd, TUNSETIFF,
                    struct.pack("16sH22x", NAME.encode(), IFF_TUN | IFF_NO_PI))
        subprocess.run(["ip", "address", "add", f"{HERE}/24", "dev", NAME], check=True)
        subprocess.run(["ip", "link", "set", NAME, "up", "txqueuelen", "10000"], check=True)
        self._dice = random.Random(seed)
        self._stopping = False
        self.calm()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def calm(self):
        self.delay = self.loss = self.reorder = self.repeat = 0.0

    def _carry(self):
        waiting, order = [], itertools.count()
        while not self._stopping:
            now = time.monotonic()
            while waiting and waiting[0][0] <= now:
                self._write(heapq.heappop(waiting)[2])
            timeout = min(0.2, waiting[0][0] - now) if waiting else 0.2
            if not select.select([self._fd], [], [], max(0, timeout))[0]:
                continue
            packet = self._read()
            if packet is None or self._dice.random() < self.loss:
                continue
            early = self._dice.random() < self.reorder
            copies = 1 + (self._dice.random() < self.repeat)
            for _ in range(copies):
                due = time.monotonic() + (0 if early else self.delay)
                heapq.heappush(waiting, (due, next(order), packet))

    def _read(self):
        try:
            packet = os.read(self._fd, 65536)
        except BlockingIOError:
            return None
        if packet[0] >> 4 != 4:
            return None
        return packet[:12] + packet[16:20] + packet[12:16] + packet[20:]

    def _write(self, packet):
        try:
            os.write(self._fd, packet)
        except OSError:
            pass  # as lost

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stopping = True
        self._thread.join()
        os.close(self._fd)
