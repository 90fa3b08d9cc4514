# SPDX-License-Identifier: ISC
# Clients that take their time, at every stage: each is cut when its time is over, and nobody else
# waits. Those that do not read cost next to no memory.
import contextlib
import itertools
import pathlib
import re
import ssl
import threading
import time

import pytest

from testbed.daemon import Restante
from testbed.machine import LOCAL
from testbed.waiting import SLOW, seconds

TIMEOUT = 2  # seconds
LATE = 1  # seconds that are allowed past that
EVERY = 0.15  # seconds from one byte to the next
EACH = 6  # clients a stage
PATIENCE = 1  # seconds that others may wait for a whole mail
COMMANDS = 100_000
KIB_A_CLIENT = 64 + 64  # what it may hold of replies, and a read


@pytest.fixture(scope="module")
def hasty():
    with Restante(smtpd_workers=1, smtp_timeout=f"{TIMEOUT}s", smtp_tls="optional",
                  smtp_client_connection_limit=0, proxy_allow="127.0.0.0/8",
                  smtp_proxy_listen=f"{LOCAL}:0") as daemon:
        yield daemon


class OtherMail:
    """Another client's mails meanwhile, and how long each took."""

    def __init__(self, daemon):
        self.took = []
        self._daemon, self._over = daemon, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        while not self.took or not self._over.wait(0.05):
            began = time.monotonic()
            self._daemon.send("victim@example.com")
            self.took.append(time.monotonic() - began)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()


# Stages: each brings a client to where its time begins, and gives what it sends from there on.

def nothing(client):
    assert client.code() == 220
    return b""


def command(client):
    assert client.code() == 220
    return b"x"


def hello(client):
    assert client.code() == 220
    return b"EHLO " + b"y" * 1000


def recipient(client):
    client.greet()
    assert client.say("MAIL FROM:<slow@example.org>") == 250
    return b"RCPT TO:<" + b"z" * 1000


def header(client):
    client.greet().start_mail("slow@example.com")
    return b"Subject: " + b"s" * 1000


def body(client):
    client.greet().start_mail("slow@example.com")
    client.send("Subject: body\r\n\r\n")
    return b"b\r\n"


def dots(client):
    client.greet().start_mail("slow@example.com")
    return b"\r\n.\r.\n"


def chunk(client):
    client.greet()
    for line in ("MAIL FROM:<slow@example.org>", "RCPT TO:<slow@example.com>"):
        assert client.say(line) == 250
    client.send("BDAT 100000 LAST\r\n")
    return b"c"


def client_hello(client):
    client.greet()
    assert client.say("STARTTLS") == 220
    return b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"h" * 501


def command_in_tls(client):
    client.greet().secure()
    return b"NOOP " + b"n" * 1000


def header_in_tls(client):
    client.greet().secure().start_mail("slow@example.com")
    return b"Subject: " + b"s" * 1000


def proxy_header(client):
    return b"PROXY TCP4 192.0.2.1 192.0.2.2 " + b"1" * 60


STAGES = [nothing, command, hello, recipient, header, body, dots, chunk, client_hello,
          command_in_tls, header_in_tls, proxy_header]


class Slow:
    """A client at its stage, and how long it lived from there."""

    def __init__(self, daemon, stage, address):
        port = daemon.proxy_port if stage is proxy_header else daemon.smtp_port
        self.client = daemon.dialogue(address, port)
        self.stage = stage
        content = stage(self.client)
        self._bytes = itertools.cycle(content)
        self.client.socket.setblocking(False)
        self.began, self.lived = time.monotonic(), None

    def tick(self):
        """A byte more, if it is still connected."""
        try:
            for byte in itertools.islice(self._bytes, 1):
                self.client.send(bytes([byte]))
            while self.client.socket.recv(4096):
                pass
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError:
            pass
        self.lived = time.monotonic() - self.began
        self.client.close()


def test_row20_slow_at_every_stage(hasty, reached):
    with OtherMail(hasty) as other:
        clients = [Slow(hasty, stage, f"127.1.{number}.{1 + copy}")
                   for copy in range(EACH) for number, stage in enumerate(STAGES)]
        end = time.monotonic() + seconds(TIMEOUT + 20)
        while any(one.lived is None for one in clients) and time.monotonic() < end:
            for one in clients:
                if one.lived is None:
                    one.tick()
            time.sleep(EVERY)
    longest = {stage.__name__: max(one.lived or 999 for one in clients if one.stage is stage)
               for stage in STAGES}
    reached(f"{len(clients)} clients at {len(STAGES)} stages, time limit {TIMEOUT} s, the last was "
            f"cut after {max(longest.values()):.2f} s; other mail took {max(other.took):.2f} s")
    assert max(longest.values()) <= seconds(TIMEOUT + LATE), longest
    assert min(one.lived for one in clients) >= TIMEOUT - EVERY, longest
    assert max(other.took) <= seconds(PATIENCE)
    assert hasty.mails("slow") == []
    reasons = {re.search(r'reason="([^"]*)"', line)[1]
               for line in hasty.log.find(r"event=client_closed .*ip=127\.1\.")}
    assert reasons == {"command timeout", "message below smtp_minimum_rate",
                       "TLS handshake too slow", "PROXY header too slow"}


def resident(pid):
    """KiB."""
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


def flood(client, lines):
    """As many as it takes until the server reads no more; how many bytes."""
    client.socket.settimeout(0.3)
    data, sent = b"".join(lines), 0
    with contextlib.suppress(OSError):
        while sent < len(data):
            sent += client.socket.send(data[sent:sent + 65536])
    return sent


@pytest.mark.parametrize("tls", [False, True], ids=["clear", "tls"])
@pytest.mark.parametrize("line", [b"NOOP\r\n", b"RCPT TO:<x@example.com>\r\n", b"BDAT 0\r\n"],
                         ids=["NOOP", "RCPT", "BDAT"])
def test_row21_slow_reader(hasty, line, tls, reached):
    pid, = hasty.pids("smtpd")
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(hasty.dialogue("127.2.0.1", receive_buffer=1)).greet()
                   for _ in range(20)]
        for client in clients:
            if tls:
                client.secure()
            assert client.say("MAIL FROM:<a@example.org>") == 250
            if line.startswith(b"BDAT"):
                assert client.say("RCPT TO:<x@example.com>") == 250
        before, most = resident(pid), 0
        sent = 0
        for client in clients:
            sent += flood(client, [line] * COMMANDS)
            most = max(most, resident(pid) - before)
    reached(f"{line.split()[0].decode()}, {'TLS' if tls else 'clear'}: {len(clients)} clients, "
            f"{sent // 1024} KiB taken, RSS + {most} KiB")
    # A sanitizer takes memory of its own.
    assert most <= KIB_A_CLIENT * len(clients) or SLOW != 1
    hasty.send("after@example.com")
