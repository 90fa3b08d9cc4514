# SPDX-License-Identifier: ISC
# Ten thousand slow connections at each door, with the limits that are the defaults, and a normal
# client beside them that is served as if they were not there.
import contextlib
import smtplib
import time

import pytest

from attacks.crowd import Besieged
from testbed.certificates import tls
from testbed.daemon import Restante
from testbed.machine import LOCAL
from testbed.smtp import deliver
from testbed.waiting import SLOW, seconds

CROWD, TLS_CROWD = 10_000, 1_000
REQUESTS = 300
RATIO = 10


@pytest.fixture(scope="module")
def daemon():
    with Restante(http_api_listen=f"{LOCAL}:0", apid_workers=1) as restante:
        yield restante


class Timing:
    """How long each of many requests took, in milliseconds."""

    def __init__(self, request, count=REQUESTS):
        self.took = sorted(self.time(request) for _ in range(count))

    @staticmethod
    def time(request):
        began = time.monotonic()
        request()
        return 1000 * (time.monotonic() - began)

    def add(self, other):
        self.took = sorted(self.took + other.took)

    @property
    def p99(self):
        return self.took[len(self.took) * 99 // 100]

    def __str__(self):
        return f"p50 {self.took[len(self.took) // 2]:.1f} p99 {self.p99:.1f} max {self.took[-1]:.1f} ms"


def compare(request, crowd, settle, reached):
    """p99 beside the crowd, and before and after it, in the same run."""
    for _ in range(20):
        request()
    alone = Timing(request)
    with crowd() as slow:
        settle(slow)
        for _ in range(20):  # they have come, and are not yet all let in
            request()
        beside = Timing(request)
        told = slow.last
    alone.add(Timing(request))
    reached(f"alone {alone}",
            f"beside {beside}; ratio {beside.p99 / alone.p99:.1f}; {told}")
    assert beside.p99 <= RATIO * alone.p99 * SLOW
    return told


def get(daemon):
    def request():
        assert daemon.api("/emails/normal").status == 200
    return request


def send(daemon):
    """One mail; a sender that is told 421 comes again, in the same time."""
    def request():
        while True:
            with contextlib.suppress(smtplib.SMTPConnectError), daemon.smtp() as client:
                assert deliver(client, "normal@example.com", sender="")[0] == 250
                return
    return request


@pytest.mark.parametrize("tls, count", [(False, CROWD), (True, TLS_CROWD)])
def test_row19_idle_smtp_clients_are_held_and_mail_flows(daemon, tls, count, reached):
    told = compare(send(daemon), lambda: Besieged("smtp", daemon.smtp_port, count, tls),
                   lambda slow: slow.wait_until_held(count), reached)
    assert told["held"] == count and told["closed"] == 0


@pytest.mark.parametrize("tls, count", [(False, CROWD), (True, 2 * TLS_CROWD)])
def test_row19_a_full_smtp_table_locks_nobody_out(tls, count, reached):
    with Restante(smtp_connection_limit=500) as small:
        told = compare(send(small), lambda: Besieged("smtp", small.smtp_port, count, tls),
                       lambda slow: slow.wait_until_all_came(), reached)
        assert told["closed"] > 0
        assert small.log.find("event=client_closed .*reason=smtp_connection_limit")


@pytest.mark.parametrize("kind, door, tls, count", [
    ("silent", "https", False, CROWD), ("hello", "https", False, CROWD),
    ("headers", "http_api", False, CROWD), ("headers", "https", True, TLS_CROWD),
    ("body", "http_api", False, CROWD), ("reads", "http_api", False, CROWD),
    ("headers", "http", False, CROWD)])
def test_row22_slow_http_clients_lock_nobody_out(daemon, kind, door, tls, count, reached):
    port = getattr(daemon, f"{door}_port")
    compare(get(daemon), lambda: Besieged(kind, port, count, tls),
            lambda slow: slow.wait_until_all_came(), reached)


@pytest.fixture(scope="module")
def hasty():
    with Restante(http_api_listen=f"{LOCAL}:0", apid_workers=1, api_timeout="1s") as restante:
        yield restante


@pytest.mark.parametrize("door, over_tls, first, drop", [
    ("https", False, b"", b""), ("https", False, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\0"),
    ("https", True, b"", b""), ("https", True, b"GET /healthz HTTP/1.1\r\n", b"X: a\r\n"),
    ("http_api", False, b"GET /healthz HTTP/1.1\r\n", b"X: a\r\n"), ("http_api", False, b"", b"G"),
    ("http_api", False, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\r\n"),
    ("http_api", False, b"POST /emails/a/claim HTTP/1.1\r\nHost: a\r\nContent-Length: 999\r\n\r\n", b"a"),
    ("http", False, b"GET / HTTP/1.1\r\n", b"X: a\r\n")])
def test_row22_a_drop_now_and_then_moves_no_deadline(hasty, door, over_tls, first, drop):
    with hasty.dialogue(port=getattr(hasty, f"{door}_port")) as client:
        if over_tls:
            client.socket = tls().wrap_socket(client.socket, server_hostname="localhost")
        began = time.monotonic()
        with contextlib.suppress(OSError):
            client.send(first)
            client.socket.settimeout(0.1)
            while time.monotonic() - began < seconds(5):
                with contextlib.suppress(TimeoutError):
                    if not client.socket.recv(65536):
                        break
                client.send(drop)
        assert time.monotonic() - began < seconds(2.5)  # a second, and another behind an answer
