# SPDX-License-Identifier: ISC
# Floods of connections and of TLS handshakes: nobody is refused for want of a queue, and a good
# client waits no longer than it may.
import collections
import contextlib
import errno
import itertools
import pathlib
import select
import socket
import ssl
import threading
import time

import pytest

from testbed.certificates import tls
from testbed.daemon import Restante
from testbed.machine import LOCAL
from testbed.waiting import p99, seconds, wait_until

BURST = 5000
PATIENCE = 1  # seconds, p99
FLOODERS, HELD, FLOOD_SECONDS = 4, 40, 8
HALF_A_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"  # of a record of 512 octets


def tcp_counters():
    """Of this network, in which nobody else is."""
    lines = pathlib.Path("/proc/self/net/netstat").read_text().splitlines()
    names, numbers = (line.split()[1:] for line in lines if line.startswith("TcpExt:"))
    return dict(zip(names, map(int, numbers)))


class Burst:
    """Connections of many clients, made as fast as they can be."""

    def __init__(self, port):
        self.port, self.errors, self.sockets = port, collections.Counter(), []
        self._poll = select.epoll()

    def connect(self, count):
        began = time.monotonic()
        opening = {}
        for _ in range(count):
            number = len(self.sockets)
            one = socket.socket()
            one.setblocking(False)
            one.bind((f"127.3.{number // 250}.{1 + number % 250}", 0))
            status = one.connect_ex((LOCAL, self.port))
            self.sockets.append(one)
            if status == errno.EINPROGRESS:
                opening[one.fileno()] = one
                self._poll.register(one.fileno(), select.EPOLLOUT)
            elif status:
                self.errors[errno.errorcode[status]] += 1
        end = began + seconds(30)
        while opening and time.monotonic() < end:
            for descriptor, _ in self._poll.poll(1):
                one = opening.pop(descriptor)
                self._poll.unregister(descriptor)
                if status := one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    self.errors[errno.errorcode[status]] += 1
        self.errors["no answer"] += len(opening)
        return time.monotonic() - began

    def greetings(self):
        """(greeted, ended without): every connection has one or the other."""
        first = collections.Counter()
        for one in self.sockets:
            one.settimeout(seconds(20))
            try:
                first[one.recv(3) == b"220"] += 1
            except ConnectionError:
                first[False] += 1
        return first[True], first[False]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in self.sockets:
            one.close()
        self._poll.close()


def test_row23_burst_while_a_worker_is_killed(restante, reached):
    restante.wait_until_complete()
    before, (victim, *_) = tcp_counters(), sorted(restante.pids("smtpd"))
    with Burst(restante.smtp_port) as burst:
        took = burst.connect(BURST // 2)
        killer = threading.Timer(took / 4, restante.kill, [victim])
        killer.start()
        took += burst.connect(BURST // 2)
        killer.join()
        restante.log.wait_for(f"event=process_died .*pid={victim} ")
        greeted, ended = burst.greetings()
        after = tcp_counters()
        grown = {name: after[name] - before[name]
                 for name in ("TCPSynRetrans", "ListenOverflows", "ListenDrops")}
        reached(f"{BURST} connects in {took:.2f} s, a worker killed; refused "
                f"{+burst.errors or 0}, {grown}; {greeted} greeted")
        assert +burst.errors == collections.Counter()
        assert set(grown.values()) == {0}
        assert greeted + ended == BURST and greeted >= BURST / 4
    restante.wait_until_complete()
    restante.send("after@example.com")


def test_row19_flood_from_one_address(reached):
    """Past smtp_client_connection_limit one is told 421 at once, and others notice nothing."""
    with Restante(smtpd_workers=2) as restante:
        limit, took, codes = 50, [], collections.Counter()
        with contextlib.ExitStack() as stack:
            for number in range(1500):
                client = stack.enter_context(restante.dialogue("127.3.100.1"))
                codes[client.code()] += 1
                if number % 50 == 0:
                    began = time.monotonic()
                    restante.send("victim@example.com")
                    took.append(time.monotonic() - began)
        reached(f"1,500 connections of one address: {dict(codes)}; other mail p99 {p99(took):.3f} s")
        assert set(codes) == {220, 421}
        assert codes[220] <= 2 * limit
        assert p99(took) <= seconds(PATIENCE)


def full_handshake(daemon, number):
    """Never resumed, and left at once."""
    with daemon.dialogue(f"127.3.101.{number}") as client:
        client.greet()
        assert client.say("STARTTLS") == 220
        with contextlib.suppress(OSError):
            tls().wrap_socket(client.socket, server_hostname="localhost").close()


def hello_alone(daemon, number):
    """The server does its part of the work, and nobody answers."""
    with daemon.dialogue(f"127.3.102.{number}") as client:
        client.greet()
        assert client.say("STARTTLS") == 220
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        stream = tls().wrap_bio(incoming, outgoing, server_hostname="localhost")
        with contextlib.suppress(ssl.SSLWantReadError):
            stream.do_handshake()
        client.send(outgoing.read())
        client.socket.recv(1)


def half_hellos(daemon, stack):
    for number in range(HELD):
        client = stack.enter_context(daemon.dialogue(f"127.3.103.{1 + number % 4}")).greet()
        assert client.say("STARTTLS") == 220
        client.send(HALF_A_HELLO)


def starttls(daemon):
    began = time.monotonic()
    with daemon.dialogue("127.3.104.1") as client:
        client.greet().secure()
        return time.monotonic() - began


@pytest.mark.parametrize("attack", [full_handshake, hello_alone])
def test_row24_handshake_flood(restante, attack, reached):
    over, done = threading.Event(), itertools.count()

    def flood(number):
        while not over.is_set():
            attack(restante, number)
            next(done)
    threads = [threading.Thread(target=flood, args=(1 + i,)) for i in range(FLOODERS)]
    with contextlib.ExitStack() as stack:
        half_hellos(restante, stack)
        for thread in threads:
            thread.start()
        took, end = [], time.monotonic() + FLOOD_SECONDS
        try:
            while time.monotonic() < end or len(took) < 100:
                took.append(starttls(restante))
        finally:
            over.set()
            for thread in threads:
                thread.join()
    flooded = next(done)
    reached(f"{flooded} in {FLOOD_SECONDS} s beside {HELD} half hellos: "
            f"{len(took)} good STARTTLS, p99 {p99(took):.3f} s")
    assert flooded >= 100
    assert p99(took) <= seconds(PATIENCE)


def test_row24_half_hellos_are_cut(reached):
    """With a limit of time that can be waited for; by default it is ten seconds."""
    with Restante(smtp_timeout="2s", smtp_client_connection_limit=0) as restante:
        with contextlib.ExitStack() as stack:
            began = time.monotonic()
            half_hellos(restante, stack)
            wait_until(lambda: len(restante.log.find('reason="TLS handshake too slow"')) == HELD,
                       "all are cut")
            took = time.monotonic() - began
            reached(f"{HELD} half hellos with a limit of 2 s are all cut after {took:.2f} s")
            assert took <= seconds(2 + 1 + 1)
