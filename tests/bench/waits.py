# SPDX-License-Identifier: ISC
"""Clients wait for mail: how long after the sender's 250 each has its answer, and what waiting costs.
All clients are one process with one thread, so what it takes to read an answer is in the figures."""
import contextlib
import select
import smtplib
import socket
import statistics
import time

from bench.costs import redis_stat, time_of
from bench.pairs import Figure
from bench.peers import Subject
from testbed.api import KEY
from testbed.certificates import tls
from testbed.machine import LOCAL

CLIENTS = 100
GAP = 0.01  # seconds between two mails
QUIET = 3  # seconds of waiting before the first


class Client:
    """One kept connection, which asks for the mails of one mailbox."""

    def __init__(self, port, mailbox):
        self.mailbox, self.after, self.input = mailbox, "0" * 19, b""
        self.socket = tls().wrap_socket(socket.create_connection((LOCAL, port)),
                                        server_hostname="localhost")
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self):
        self.socket.sendall(f"GET /emails/{self.mailbox}?wait=60&view=summary&after={self.after} "
                            f"HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: {KEY}\r\n\r\n".encode())

    def read(self):
        """Whether the answer is whole."""
        self.input += self.socket.recv(65536)
        head, _, body = self.input.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        if len(body) < length:
            return False
        self.input = b""
        assert head.startswith(b"HTTP/1.1 200"), head
        self.after = body.split(b'"id":"')[1][:19].decode()
        return True


def wave(clients, poll, smtp):
    """A mail to each, one by one; the times from its 250 to the client's answer, in ms."""
    by_descriptor = {client.socket.fileno(): client for client in clients}
    accepted, answered = {}, {}
    for client in clients:
        smtp.sendmail("a@example.org", f"{client.mailbox}@example.com",
                      f"Subject: {client.mailbox}\r\n\r\nYour code is 123456.\r\n")
        accepted[client] = time.perf_counter()
        deadline = accepted[client] + GAP
        while (left := deadline - time.perf_counter()) > 0 or (
                client is clients[-1] and len(answered) < len(clients)):
            for descriptor, _ in poll.poll(max(left, 0)):
                if by_descriptor[descriptor].read():
                    answered[by_descriptor[descriptor]] = time.perf_counter()
    return [max(0, answered[client] - accepted[client]) * 1000 for client in clients]


def quiet(subject):
    """What it costs that all wait."""
    before = time_of(subject.pids("apid")), redis_stat(subject, "stats", "total_commands_processed")
    time.sleep(QUIET)
    spent = time_of(subject.pids("apid")) - before[0]
    commands = redis_stat(subject, "stats", "total_commands_processed") - before[1] - 1
    return Figure(f"apid, while {CLIENTS} wait", spent / QUIET / 1e6, "ms of a processor a second", 2,
                  more=f"{commands / QUIET:.0f} commands to Redis a second, those of all workers")


def rows(options):
    with Subject() as subject, contextlib.ExitStack() as sockets:
        clients = [Client(subject.https_port, f"w{number}") for number in range(CLIENTS)]
        poll = select.epoll()
        for client in clients:
            sockets.enter_context(client.socket)
            poll.register(client.socket, select.EPOLLIN)
        smtp = sockets.enter_context(smtplib.SMTP(LOCAL, subject.port))
        taken = []
        for number in range(options.rounds):
            for client in clients:
                client.ask()
            time.sleep(0.3)  # all wait by then
            if number == 0:
                yield quiet(subject)
            taken += wave(clients, poll, smtp)
    percentiles = statistics.quantiles(taken, n=100)
    yield Figure("from the 250 to the answer of who waits, in the middle", percentiles[49], "ms", 1)
    yield Figure("the same, 99 of 100 answers", percentiles[98], "ms", 1)
