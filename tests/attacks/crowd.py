# SPDX-License-Identifier: ISC
# Many slow connections at once, in a process of their own: who is closed comes again.
"""crowd.py KIND PORT COUNT [--tls]: holds COUNT connections to PORT from 127.0.0.0/8, and prints a
line of JSON every half second until its standard input ends."""
import argparse
import collections
import contextlib
import json
import pathlib
import random
import resource
import select
import socket
import ssl
import subprocess
import sys
import threading
import time

LOCAL = "127.0.0.1"
PER_ADDRESS = 20  # below smtp_client_connection_limit
EHLO = b"EHLO slow.example.org\r\n"
EVERY = 2.0       # seconds between two bytes of a connection
AGAIN = 500       # connections a second that are made again, at most
AT_ONCE = 400     # that are being opened
HTTP = b"Host: localhost\r\nX-API-KEY: no-key\r\n"
# What is said at once, what then drips, and the receive buffer.
HTTP_KINDS = {
    "silent": (b"", b"", None),
    "hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x17", None),
    "headers": (b"GET /healthz HTTP/1.1\r\n" + HTTP, b"X: a\r\n", None),
    "body": (b"POST /emails/a/claim HTTP/1.1\r\n" + HTTP + b"Content-Length: 100000\r\n\r\n", b"a",
             None),
    "reads": (b"GET /openapi.json HTTP/1.1\r\n" + HTTP + b"\r\n", b"", 1024),
}
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
CONTEXT.check_hostname, CONTEXT.verify_mode = False, ssl.CERT_NONE


class Slow:
    """One connection: `step` is called when something has come, `drip` now and then."""

    def __init__(self, options, number):
        self.options = options
        host = number // PER_ADDRESS + 1
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.first, self.drop, buffer = HTTP_KINDS.get(options.kind, (b"", b"", None))
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.bind((f"127.{1 + host // 65536}.{host // 256 % 256}.{host % 256}", 0))
        self.socket.connect_ex((LOCAL, options.port))
        self.number, self.state = number, self.connected
        self.text, self.ready = b"", False

    def step(self):
        """False: it was closed."""
        try:
            while self.state():
                pass
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return True
        except (OSError, ssl.SSLError):
            return False
        return True

    def connected(self):
        self.socket.getpeername()
        if self.options.kind == "smtp":
            self.state = self.greeted
        elif self.options.tls:
            self.state = self.wrap
        else:
            self.begin()
        return True

    def begin(self):
        if self.first:
            self.socket.send(self.first)
        self.state, self.ready = self.held, True

    def wrap(self):
        if not isinstance(self.socket, ssl.SSLSocket):
            self.socket = CONTEXT.wrap_socket(self.socket, do_handshake_on_connect=False)
        self.socket.do_handshake()
        if self.options.kind == "smtp":
            self.say(EHLO, self.settled)
        else:
            self.begin()
        return True

    def held(self):
        if self.options.kind == "reads":
            raise BlockingIOError  # it does not
        if not self.socket.recv(4096):
            raise ConnectionError
        return True

    def say(self, text, then):
        self.socket.send(text)
        self.state = then

    def replied(self):
        self.text += self.socket.recv(4096)
        if not self.text:
            raise ConnectionError
        whole = self.text.endswith(b"\r\n") and self.text.rsplit(b"\r\n", 2)[-2][3:4] == b" "
        if whole and not self.text.startswith(b"2"):
            raise ConnectionError
        if whole:
            self.text = b""
        return whole

    def greeted(self):
        if self.replied():
            self.say(EHLO, self.offered if self.options.tls else self.settled)
        return True

    def offered(self):
        if self.replied():
            self.say(b"STARTTLS\r\n", self.allowed)
        return True

    def allowed(self):
        if self.replied():
            self.state = self.wrap
        return True

    def settled(self):
        if self.replied():
            self.state, self.ready = self.held, True
        return True

    def drip(self):
        with contextlib.suppress(OSError):  # the end is seen by epoll
            self.socket.send(self.drop)


class Crowd:
    def __init__(self, options):
        self.options = options
        self.poll = select.epoll()
        self.slow, self.absent = {}, collections.deque(range(options.count))
        self.opening = set()
        self.closed = self.opened = 0
        self.wheel = collections.deque()  # (when, descriptor, who)
        self.allowance, self.last = float(options.count), time.monotonic()

    def open(self):
        now = time.monotonic()
        self.allowance = min(self.options.count, self.allowance + (now - self.last) * AGAIN)
        self.last = now
        while self.absent and len(self.opening) < AT_ONCE and self.allowance >= 1:
            one = Slow(self.options, self.absent.popleft())
            descriptor = one.socket.fileno()
            self.slow[descriptor] = one
            self.opening.add(descriptor)
            self.poll.register(descriptor, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
            self.allowance -= 1
            self.opened += 1

    def turn(self):
        self.open()
        for descriptor, events in self.poll.poll(0.05):
            one = self.slow[descriptor]
            gone = events & (select.EPOLLHUP | select.EPOLLERR) or not one.step()
            if gone or one.ready:
                self.opening.discard(descriptor)
            if gone:
                one.socket.close()
                del self.slow[descriptor]
                self.absent.append(one.number)
                self.closed += 1
            elif one.ready and one.drop:
                one.ready = False
                self.wheel.append((time.monotonic() + random.random() * EVERY, descriptor, one))
        now = time.monotonic()
        while self.wheel and self.wheel[0][0] <= now:
            _, descriptor, one = self.wheel.popleft()
            if self.slow.get(descriptor) is one:
                one.drip()
                self.wheel.append((now + EVERY, descriptor, one))

    def run(self):
        poll = select.poll()
        poll.register(sys.stdin, select.POLLIN | select.POLLHUP)
        told = 0
        while not poll.poll(0):
            self.turn()
            if time.monotonic() - told > 0.5:
                told = time.monotonic()
                print(json.dumps({"held": len(self.slow) - len(self.opening),
                                  "opened": self.opened, "closed": self.closed}), flush=True)


class Besieged:
    """For tests: a crowd for as long as the block lasts; `last` is what it said last."""

    def __init__(self, kind, port, count, tls=False):
        self.count, self.last = count, {"held": 0, "opened": 0, "closed": 0}
        command = [sys.executable, pathlib.Path(__file__), kind, str(port), str(count)]
        self.process = subprocess.Popen(command + ["--tls"] * tls, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.changed = threading.Condition()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            with self.changed:
                self.last = json.loads(line)
                self.changed.notify_all()

    def wait_for(self, condition, timeout):
        with self.changed:
            assert self.changed.wait_for(lambda: condition(self.last), timeout), self.last

    def wait_until_all_came(self, timeout=60):
        self.wait_for(lambda last: last["opened"] >= self.count, timeout)

    def wait_until_held(self, count, timeout=60):
        self.wait_for(lambda last: last["held"] >= count, timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["smtp", *HTTP_KINDS])
    parser.add_argument("port", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--tls", action="store_true")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    Crowd(parser.parse_args()).run()


if __name__ == "__main__":
    main()
