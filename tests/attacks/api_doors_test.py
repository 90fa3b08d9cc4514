# SPDX-License-Identifier: ISC
# Clients that take all they can get of the API leave enough of it to others.
import contextlib
import socket
import ssl
import threading
import time

import pytest

from testbed.api import KEY, ask
from testbed.certificates import tls
from testbed.daemon import Restante
from testbed.machine import LOCAL
from testbed.waiting import wait_until

ANOTHER = "another-key-of-the-same-restante"
LIMITS = {"api_client_connection_limit": 100, "api_client_connect_limit": 1000}  # the defaults
GREEDY = "127.9.9.9"


@pytest.mark.parametrize("keys", [(KEY,), (KEY, ANOTHER)], ids=["one key", "two keys"])
def test_row59_event_streams_leave_room(keys, reached):
    """With the connections that the manual has for a small machine."""
    with Restante(apid_workers=1, api_connection_limit=200, api_key=f"{KEY} {ANOTHER}",
                  api_client_connection_limit=0) as restante, contextlib.ExitStack() as stack:
        taken = 0
        for number in range(300):
            connection = stack.enter_context(contextlib.closing(restante.https(GREEDY)))
            connection.request("GET", f"/emails/user{number}/events",
                               headers={"X-API-KEY": keys[number % len(keys)]})
            taken += connection.getresponse().status == 200
        for number in range(5):
            assert restante.api("/healthz", source="127.9.1.1").status == 200
            assert restante.api("/emails/a", source="127.9.1.1").status == 200
        reached(f"300 streams asked for with {len(keys)} keys: {taken} of 200 connections; others "
                "are answered")
        assert 0 < taken <= 75 * len(keys)


def handshakes(restante, source, delay):
    """Whether a client whose flights take `delay` seconds gets its answer."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = tls().wrap_bio(incoming, outgoing, server_hostname="localhost")

    def exchange(step):
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                time.sleep(delay)
                connection.sendall(outgoing.read())
                got = connection.recv(65536)
                if not got:
                    return None
                incoming.write(got)

    with socket.create_connection((LOCAL, restante.https_port), 10, (source, 0)) as connection:
        exchange(session.do_handshake)
        session.write(f"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: {KEY}\r\n\r\n".encode())
        time.sleep(delay)
        connection.sendall(outgoing.read())
        return (exchange(lambda: session.read(100)) or b"").startswith(b"HTTP/1.1 200")


def test_row60_silent_connections_do_not_drive_out_slow_handshakes(reached):
    with Restante(**LIMITS) as restante:
        over, opened = threading.Event(), []

        def flood():
            while not over.wait(1 / 400):
                with contextlib.suppress(OSError):
                    opened.append(socket.create_connection((LOCAL, restante.https_port), 5,
                                                           (GREEDY, 0)))
        thread = threading.Thread(target=flood)
        thread.start()
        try:
            wait_until(lambda: len(opened) > 1200, "more than there is room for", 30)
            finished = [handshakes(restante, f"127.9.2.{1 + number}", 0.3) for number in range(5)]
            health = restante.api("/healthz", source="127.9.3.1").status
        finally:
            over.set()
            thread.join()
            for one in opened:
                one.close()
        reached(f"{len(opened)} silent connections of one address: {sum(finished)} of 5 clients with "
                "300 ms of delay finish")
        assert finished == [True] * 5 and health == 200


def test_row63_downloads_that_are_not_read(reached):
    size = 20_000_000
    with Restante(apid_workers=1, download_memory_limit="128M") as restante:
        restante.send("large@example.com", "Subject: large\r\n\r\n" + ("x" * 76 + "\r\n") * (size // 78))
        mail, = restante.mails("large")
        path = f"/emails/large/{mail['id']}/raw"
        with contextlib.ExitStack() as stack:
            statuses = []
            for _ in range(6):
                connection = stack.enter_context(contextlib.closing(restante.https(GREEDY)))
                connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.request("GET", path, headers={"X-API-KEY": KEY})
                response = connection.getresponse()
                statuses.append(response.status)
            assert statuses.count(200) >= 2 and statuses[-1] == 503
            began = time.monotonic()
            with contextlib.closing(restante.https("127.9.1.1")) as other:
                answer = ask(other, path)
            assert (answer.status, len(answer.body) >= size) == (200, True), (statuses, answer.body[:200])
            took = time.monotonic() - began
            wait_until(lambda: restante.api(path, source=GREEDY).status == 200,
                       "the first are cut, and there is room again", 100)
            reached(f"{statuses.count(200)} downloads of 20 MB that are not read: another client has "
                    f"its own after {took:.1f} s; they are cut after {time.monotonic() - began:.0f} s")
