# SPDX-License-Identifier: ISC
"""How soon restante is ready, and what workers and idle connections take of memory."""
import contextlib
import re
import resource
import select
import socket
import ssl
import statistics
import time

from bench.pairs import Figure
from bench.peers import Subject
from bench.smtp_bench import load
from testbed.certificates import tls
from testbed.daemon import Restante
from testbed.machine import LOCAL
from testbed.redis import Redis

CONNECTIONS = 10_000
AT_ONCE = 200  # connections being opened
PER_ADDRESS = 20
GREETING, HELLO, GO_AHEAD, HANDSHAKE, SECOND_HELLO, IDLE = range(6)
EHLO = b"EHLO idle.example.org\r\n"


class Client:
    """One connection on its way to being idle, driven by epoll: it has had its 220 and its answer to
    EHLO, with TLS behind STARTTLS."""

    def __init__(self, port, source, with_tls):
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.bind((source, 0))
        self.socket.connect_ex((LOCAL, port))
        self.state, self.input, self.with_tls = GREETING, b"", with_tls

    def proceed(self):
        """Does what can be done now; True once idle."""
        with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            while self.state != IDLE:
                if self.state == HANDSHAKE:
                    self.socket.do_handshake()
                    self.socket.send(EHLO)
                    self.state = SECOND_HELLO
                more = self.socket.recv(4096)
                if not more:
                    raise ConnectionError("closed by the server")
                self.input += more
                last = self.input[:-2].rsplit(b"\r\n", 1)[-1]
                if self.input.endswith(b"\r\n") and last[3:4] == b" ":
                    self.input = b""
                    self.answered(last[:3])
        return self.state == IDLE

    def answered(self, code):
        if code not in (b"220", b"250"):
            raise ConnectionError(f"refused with {code!r}")
        if self.state == GREETING:
            self.socket.send(EHLO)
            self.state = HELLO
        elif self.state == HELLO and self.with_tls:
            self.socket.send(b"STARTTLS\r\n")
            self.state = GO_AHEAD
        elif self.state == GO_AHEAD:
            self.socket = tls().wrap_socket(self.socket, server_hostname="localhost",
                                            do_handshake_on_connect=False)
            self.state = HANDSHAKE
        else:
            self.state = IDLE


def open_idle(port, count, with_tls, sockets):
    """So many idle clients, from some hundred addresses; they end with `sockets`."""
    idle, opening, number = 0, {}, 0
    poll = select.epoll()
    while idle < count:
        while number < count and len(opening) < AT_ONCE:
            host = number // PER_ADDRESS + 1
            client = Client(port, f"127.1.{host // 256}.{host % 256}", with_tls)
            opening[client.socket.fileno()] = client
            poll.register(client.socket.fileno(), select.EPOLLIN)
            number += 1
        for descriptor, _ in poll.poll(30):
            if opening[descriptor].proceed():
                poll.unregister(descriptor)
                sockets.enter_context(opening.pop(descriptor).socket)
                idle += 1


def resident(pids):
    """Private and shared memory of processes in KiB, each shared page by its share."""
    found = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            found += int(re.search(r"^Pss:\s+(\d+)", file.read(), re.M)[1])
    return found


def idle(with_tls, kind, at_most, options):
    count = max(100, int(CONNECTIONS * options.scale))
    with Subject() as subject, contextlib.ExitStack() as sockets:
        workers = subject.pids("smtpd")
        flags = ["-1", "-t"] if with_tls else []
        load(subject.port, 500, flags)  # what is allocated once is there
        before = resident(workers)
        open_idle(subject.port, count, with_tls, sockets)
        yield Figure(f"smtpd, of {count:,} idle connections{kind}, each",
                     (resident(workers) - before) / count, "KiB", 1, at_most)
        yield Figure("until 99 of 100 mails beside them have their 250",
                     load(subject.port, 500, flags)["p99"], "ms", 1)
        assert subject.pids("smtpd") == workers


def start_up(redis, options):
    """Milliseconds from the start of the master to READY, in the middle."""
    taken = []
    for _ in range(options.rounds + 1):
        begun = time.monotonic()
        with Restante(redis):
            taken.append((time.monotonic() - begun) * 1000)
    return statistics.median(taken[1:])  # programs are copied in the first


def rows(options):
    with Redis() as redis:
        yield Figure("from the start to READY", start_up(redis, options), "ms", at_most=100)
    yield Figure("the same, with a Redis of its own", start_up("private", options), "ms", at_most=100)
    with Subject() as subject:
        for role in ("smtpd", "mimed", "apid"):
            pids = subject.pids(role)
            yield Figure(f"{role}, just started", resident(pids) / len(pids) / 1024, "MiB", 1, 10)
    hard = max(resource.getrlimit(resource.RLIMIT_NOFILE)[1], CONNECTIONS + 1000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield from idle(False, "", 12, options)
    yield from idle(True, " with TLS", 40, options)
