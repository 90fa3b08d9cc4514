#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Clients wait for mail; prints how long after the sender's 250 each has its answer.

    build/release/restante --demo -o smtp_rate_limit=0 -o api_rate_limit=0 -o api_key=bench-key-of-16 &
    tests/bench/waiting.py --key bench-key-of-16 --master $!

Each of `--clients` clients waits on a mailbox of its own, over a connection that is kept. Mails come one
by one over one SMTP connection, a few milliseconds apart; then all wait again. Before the mails, the
time of the processor and the commands of Redis are counted while everybody waits. Numbers only: nothing
passes or fails. The client is one process of its own with one thread, so what it takes to read an answer
is in the figures.
"""
import argparse
import glob
import os
import pathlib
import select
import smtplib
import socket
import ssl
import subprocess
import time

CONTEXT = ssl._create_unverified_context()  # the demo's certificate is nobody's


class Client:
    """One connection that asks for the mails of one mailbox."""

    def __init__(self, port, key, mailbox):
        self.mailbox, self.key, self.after, self.input = mailbox, key, "0" * 19, b""
        self.socket = CONTEXT.wrap_socket(socket.create_connection(("127.0.0.1", port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self):
        self.socket.sendall(f"GET /emails/{self.mailbox}?wait=60&view=summary&after={self.after} "
                            f"HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: {self.key}\r\n\r\n".encode())

    def read(self):
        """The answer's body, once it is whole."""
        self.input += self.socket.recv(65536)
        head, _, body = self.input.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        if len(body) < length:
            return None
        self.input = b""
        assert head.startswith(b"HTTP/1.1 200"), head
        self.after = body.split(b'"id":"')[1][:19].decode()
        return body


def ticks(master):
    """Processor time of the API workers, in clock ticks."""
    found = 0
    for stat in glob.glob("/proc/[0-9]*/stat"):
        try:
            name, rest = pathlib.Path(stat).read_text(encoding="ascii").rsplit(")", 1)
        except OSError:
            continue
        fields = rest.split()
        if "restante-apid" in name and int(fields[1]) == master:
            found += int(fields[11]) + int(fields[12])
    return found


def commands(redis):
    info = subprocess.run(["redis-cli", "-s", redis, "INFO", "stats"], text=True, check=True,
                          capture_output=True).stdout
    return int(info.split("total_commands_processed:")[1].split()[0])


def quiet(options, redis):
    """What waiting costs."""
    before = ticks(options.master), commands(redis)
    time.sleep(options.quiet)
    cost = (ticks(options.master) - before[0]) * 10, commands(redis) - before[1] - 1
    print(f"{options.clients} clients waited {options.quiet} s: {cost[0]} ms of the API workers' "
          f"processor time, {cost[1]} commands to Redis")


def wave(clients, poll, smtp, gap):
    """A mail to each; the times from its 250 to the client's answer, in ms."""
    by_descriptor = {client.socket.fileno(): client for client in clients}
    taken, accepted, answered = [], {}, {}
    for client in clients:
        smtp.sendmail("a@example.org", f"{client.mailbox}@example.com",
                      f"Subject: {client.mailbox}\r\n\r\nYour code is 123456.\r\n")
        accepted[client] = time.perf_counter()
        deadline = accepted[client] + gap
        while (left := deadline - time.perf_counter()) > 0 or (
                client is clients[-1] and len(answered) < len(clients)):
            for descriptor, _ in poll.poll(max(left, 0)):
                one = by_descriptor[descriptor]
                if one.read():
                    answered[one] = time.perf_counter()
    for client in clients:
        taken.append(max(0, answered[client] - accepted[client]) * 1000)
    return taken


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smtp", type=int, default=2525)
    parser.add_argument("--https", type=int, default=8443)
    parser.add_argument("--key", required=True)
    parser.add_argument("--master", type=int, required=True, help="pid of the master")
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--waves", type=int, default=5)
    parser.add_argument("--gap", type=float, default=0.01, help="seconds between two mails")
    parser.add_argument("--quiet", type=int, default=5, help="seconds of waiting before the mails")
    options = parser.parse_args()
    redis, = glob.glob("/tmp/restante-demo.*/run/redis.sock")
    clients = [Client(options.https, options.key, f"w{os.getpid()}-{number}") for number in range(options.clients)]
    poll = select.epoll()
    for client in clients:
        poll.register(client.socket, select.EPOLLIN)
    smtp = smtplib.SMTP("127.0.0.1", options.smtp)
    smtp.starttls(context=CONTEXT)
    taken = []
    for number in range(options.waves):
        for client in clients:
            client.ask()
        time.sleep(0.5)
        if number == 0:
            quiet(options, redis)
        taken += wave(clients, poll, smtp, options.gap)
    taken.sort()
    at = {name: taken[min(len(taken) - 1, int(len(taken) * share))]
          for name, share in (("p50", .5), ("p90", .9), ("p99", .99), ("max", 1))}
    print(f"{len(taken)} answers after the 250: " +
          ", ".join(f"{name} {value:.2f} ms" for name, value in at.items()))


main()
