#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Sends mail to a Redis with appendfsync always and to one with everysec in turn, and prints what always
costs.

    RESTANTE_BUILD=$PWD/build/release TMPDIR=/var/tmp tests/bench/persistence.py

Both run all the time, each with a restante of its own; what a round sends to one it sends to the other at
once after, the first of the two by turns, so that what else the machine does meets both. The ratio is that
of each pair. The data of both Redis are under TMPDIR: put it on the disk that is meant, and no tmpfs.
Numbers only: nothing passes or fails.
"""
import argparse
import pathlib
import socket
import statistics
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from harness import LOCAL, Redis, Restante  # noqa: E402


class Client:
    """One that waits for the 250 of each mail before it sends the next."""

    def __init__(self, port, size):
        self.socket = socket.create_connection((LOCAL, port))
        self.file = self.socket.makefile("rb")
        self.body = b"Subject: bench\r\n\r\n" + (b"x" * 70 + b"\r\n") * (size // 72) + b".\r\n"
        self.read(1)
        self.say(b"EHLO client.example.org\r\n", None)

    def read(self, count):
        for _ in range(count):
            line = self.file.readline()
            assert line[:1] in b"23", line
        return line

    def say(self, text, count):
        self.socket.sendall(text)
        if count is not None:
            return self.read(count)
        while self.read(1)[3:4] == b"-":
            pass

    def mail(self):
        self.say(b"MAIL FROM:<bob@example.org>\r\nRCPT TO:<alice@example.com>\r\nDATA\r\n", 3)
        self.say(self.body, 1)


def rate(clients, count):
    """Mails a second of so many mails through all these clients at once."""
    def work(client):
        for _ in range(count // len(clients)):
            client.mail()
    threads = [threading.Thread(target=work, args=[client]) for client in clients]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return count / (time.perf_counter() - begun)


def compare(daemons, connections, options):
    clients = {kind: [Client(one.smtp_port, options.size) for _ in range(connections)]
               for kind, one in daemons.items()}
    rates = {kind: [] for kind in daemons}
    for number in range(options.rounds + 1):
        for kind in sorted(daemons, reverse=number % 2 == 1):
            rates[kind].append(rate(clients[kind], options.mails))
        for one in daemons.values():
            one.redis.cli("FLUSHALL")
    always, everysec = rates["always"][1:], rates["everysec"][1:]  # the first was to warm up
    ratios = sorted(a / b for a, b in zip(always, everysec))
    print(f"{connections:3} connections: always {statistics.median(always):6.0f} mails/s, everysec "
          f"{statistics.median(everysec):6.0f}; ratio {statistics.median(ratios):.2f} "
          f"({ratios[0]:.2f} to {ratios[-1]:.2f})", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--mails", type=int, default=400, help="in each half of a round")
    parser.add_argument("--size", type=int, default=5000, help="bytes of a mail")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 20])
    options = parser.parse_args()
    with Redis("always") as always, Redis("everysec") as everysec, \
            Restante(always, smtp_tls="optional") as one, \
            Restante(everysec, smtp_tls="optional") as two:
        for connections in options.connections:
            compare({"always": one, "everysec": two}, connections, options)


main()
