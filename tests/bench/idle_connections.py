#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Holds many idle SMTP connections and prints what each costs, while another client sends mails.

    build/release/restante --demo -o smtp_listen=127.0.0.1:2525 -o smtp_rate_limit=0 &
    tests/bench/idle_connections.py --port 2525 --master $!

The clients come from 127.0.0.0/8, `--per-address` from each address. Every connection has had its
220 and its answer to EHLO (with --tls: behind STARTTLS). Numbers only: nothing passes or fails.
"""
import argparse
import contextlib
import pathlib
import re
import resource
import select
import socket
import ssl
import subprocess
import threading
import time

GREETING, HELLO, GO_AHEAD, HANDSHAKE, SECOND_HELLO, IDLE = range(6)
EHLO = b"EHLO idle.example.org\r\n"
CONTEXT = ssl._create_unverified_context()  # the demo's certificate is nobody's


class Client:
    """One connection on its way to being idle, driven by epoll."""

    def __init__(self, port, source, with_tls):
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.bind((source, 0))
        self.socket.connect_ex(("127.0.0.1", port))
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
            self.socket = CONTEXT.wrap_socket(self.socket, do_handshake_on_connect=False)
            self.state = HANDSHAKE
        else:
            self.state = IDLE


def open_idle(options):
    """The idle clients, `options.at_once` of them being opened at any time."""
    idle, opening, number = [], {}, 0
    poll = select.epoll()
    while len(idle) < options.connections:
        while number < options.connections and len(opening) < options.at_once:
            host = number // options.per_address + 1
            source = f"127.{1 + host // 65536}.{host // 256 % 256}.{host % 256}"
            client = Client(options.port, source, options.tls)
            opening[client.socket.fileno()] = client
            poll.register(client.socket.fileno(), select.EPOLLIN)
            number += 1
        for descriptor, _ in poll.poll(30):
            if opening[descriptor].proceed():
                poll.unregister(descriptor)
                idle.append(opening.pop(descriptor))
    return idle


def workers(master):
    children = subprocess.run(["pgrep", "-P", str(master), "restante-smtpd"],
                              capture_output=True, text=True, check=True)
    return [int(pid) for pid in children.stdout.split()]


def memory(pids):
    """(RSS, Pss) in KiB, of all together."""
    rss = pss = 0
    for pid in pids:
        folder = pathlib.Path(f"/proc/{pid}")
        rss += int(re.search(r"VmRSS:\s+(\d+)", (folder / "status").read_text())[1])
        pss += int(re.search(r"\nPss:\s+(\d+)", (folder / "smaps_rollup").read_text())[1])
    return rss, pss


class Sender(threading.Thread):
    """Another client: one mail after the other, over STARTTLS, with how long each took."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.took, self.stopped = port, [], threading.Event()

    def run(self):
        while not self.stopped.wait(0.02):
            began = time.monotonic()
            with socket.create_connection(("127.0.0.1", self.port), 30, ("127.0.0.2", 0)) as plain:
                self.say(plain, None, EHLO, b"STARTTLS\r\n")
                with CONTEXT.wrap_socket(plain) as stream:
                    self.say(stream, EHLO, f"MAIL FROM:<{time.time_ns()}@example.org>\r\n".encode(),
                             b"RCPT TO:<bench@example.com>\r\n", b"DATA\r\n",
                             b"Subject: bench\r\n\r\nHello.\r\n.\r\n")
            self.took.append(time.monotonic() - began)

    @staticmethod
    def say(stream, *lines):
        for line in lines:
            if line:
                stream.sendall(line)
            answer = b""
            while not re.search(rb"(^|\n)[23]\d\d [^\n]*\n$", answer):
                more = stream.recv(4096)
                if not more:
                    raise ConnectionError(f"{line!r}: {answer!r}")
                answer += more

    def stop(self):
        self.stopped.set()
        self.join()
        return sorted(self.took)


def milliseconds(sorted_times, share):
    return 1000 * sorted_times[min(len(sorted_times) - 1, int(len(sorted_times) * share))]


def report_latency(name, took):
    print(f"{name:32} {len(took):5} mails   p50 {milliseconds(took, 0.5):7.1f} ms"
          f"   p99 {milliseconds(took, 0.99):7.1f} ms   max {1000 * took[-1]:7.1f} ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--port", type=int, default=2525)
    parser.add_argument("--master", type=int, required=True, help="pid of restante")
    parser.add_argument("--connections", type=int, default=10000)
    parser.add_argument("--tls", action="store_true", help="idle behind STARTTLS")
    parser.add_argument("--per-address", type=int, default=20)
    parser.add_argument("--at-once", type=int, default=200, help="connections being opened")
    parser.add_argument("--seconds", type=float, default=5, help="for each measured latency")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    pids = workers(options.master)
    sender = Sender(options.port)  # also warms up what is allocated once
    sender.start()
    time.sleep(options.seconds)
    report_latency("before", sender.stop())
    before = memory(pids)

    sender = Sender(options.port)
    sender.start()
    began = time.monotonic()
    idle = open_idle(options)
    took = time.monotonic() - began
    report_latency("while they connect", sender.stop())
    after = memory(pids)

    sender = Sender(options.port)
    sender.start()
    time.sleep(options.seconds)
    report_latency("while they are idle", sender.stop())

    kind = "TLS" if options.tls else "plain"
    print(f"{len(idle)} {kind} connections held by {len(pids)} workers, opened in {took:.1f} s")
    for name, old, new in zip(("RSS", "Pss"), before, after):
        print(f"{name}: {old} -> {new} KiB, {(new - old) / len(idle):.2f} KiB a connection")
    assert workers(options.master) == pids, "a worker has been replaced"


if __name__ == "__main__":
    main()
