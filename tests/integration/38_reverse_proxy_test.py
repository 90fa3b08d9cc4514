# SPDX-License-Identifier: ISC
# The API behind a reverse proxy: over a loopback port or a Unix socket, with the true client.
import contextlib
import http.client
import json
import os
import pwd
import re
import socket
import stat

import pytest

from integration.proxies import haproxy
from testbed.api import KEY, ask
from testbed.daemon import Restante
from testbed.machine import IS_ROOT, LOCAL, UNPRIVILEGED, new_directory
from testbed.processes import run
from testbed.waiting import seconds, wait_until


def open_directory():
    """Where the user that the daemon becomes can make and remove a socket, as can the tests."""
    directory = new_directory()
    directory.chmod(0o777)
    return directory


@pytest.fixture(scope="module")
def behind():
    """Its rate limit is two, so each test has clients of its own."""
    path = open_directory() / "api.sock"
    with Restante(http_api_listen=f"{LOCAL}:0 unix:{path}", proxy_allow="127.0.0.1",
                  api_rate_limit=2) as daemon:
        daemon.socket_path = path
        yield daemon


def in_clear(daemon, path="/emails/alice", forwarded=None, source=None, **request):
    connection = http.client.HTTPConnection(
        LOCAL, daemon.http_api_port, timeout=seconds(20),
        source_address=(source, 0) if source else None)
    with contextlib.closing(connection):
        fields = [("X-Forwarded-For", forwarded)] if forwarded else []
        return ask(connection, path, headers=fields, **request)


def curl_unix(daemon, path, *options):
    """Status and body."""
    got = run("curl", "-s", "--unix-socket", daemon.socket_path, "-w", "\n%{http_code}", *options,
              f"http://localhost{path}").stdout
    body, _, status = got.rpartition("\n")
    return int(status), body


def test_the_api_is_served_in_clear(behind):
    behind.send("inclear@example.com", "Subject: found\r\n\r\n")
    answer = in_clear(behind, "/emails/inclear", "192.0.2.1")
    assert (answer.status, answer.json()[0]["subject"]) == (200, "found")
    assert in_clear(behind, forwarded="192.0.2.1", key="wrong").status == 401


def test_the_client_of_the_field_is_in_the_log_and_in_the_limit(behind):
    for client in ("192.0.2.10", "2001:db8:1:2::10"):
        answers = [in_clear(behind, forwarded=f"127.0.0.9, {client}", key=None) for _ in range(3)]
        assert [answer.status for answer in answers] == [401, 401, 429]
        behind.log.wait_for(f"event=api_request .*status=429 .*ip={re.escape(client)}$")
    # A /64 is one client.
    assert in_clear(behind, forwarded="2001:db8:1:2::11", key=None).status == 429


def test_each_request_of_a_connection_has_its_own_client(behind):
    connection = http.client.HTTPConnection(LOCAL, behind.http_api_port, timeout=seconds(20))
    with contextlib.closing(connection):
        for number in range(20, 30):
            answer = ask(connection, "/emails/alice", key=None,
                         headers={"X-Forwarded-For": f"192.0.2.{number}"})
            assert (answer.status, answer.headers["RateLimit-Remaining"]) == (401, "1")


def test_who_is_not_in_proxy_allow_is_its_own_client(behind):
    answers = [in_clear(behind, forwarded=f"192.0.2.{n}", source="127.0.0.5", key=None)
               for n in (40, 41, 42)]
    assert [answer.status for answer in answers] == [401, 401, 429]
    assert behind.log.wait_for("event=api_request .*ip=127.0.0.5", 3)


def test_over_https_the_field_is_ignored(behind):
    answers = [behind.api("/emails/alice", "127.0.0.1", key=None, headers={"X-Forwarded-For": f"192.0.2.{n}"})
               for n in (50, 51, 52)]
    assert [answer.status for answer in answers] == [401, 401, 429]
    assert not behind.log.find(r"ip=192\.0\.2\.5")


def test_over_the_unix_socket(behind):
    key = ["-H", f"X-API-KEY: {KEY}"]
    status, body = curl_unix(behind, "/emails/nobody", *key, "-H", "X-Forwarded-For: 192.0.2.60")
    assert (status, json.loads(body)) == (200, [])
    behind.log.wait_for("event=api_request .*ip=192.0.2.60$")
    assert [curl_unix(behind, "/emails/nobody")[0] for _ in range(3)] == [401, 401, 429]
    behind.log.wait_for("event=api_request .*ip=unix$", 3)


def test_the_unix_socket_is_for_user_and_group_alone(behind):
    status = os.stat(behind.socket_path)
    assert stat.S_IMODE(status.st_mode) == 0o660
    user = pwd.getpwnam(UNPRIVILEGED) if IS_ROOT else pwd.getpwuid(os.getuid())
    assert (status.st_uid, status.st_gid) == (user.pw_uid, user.pw_gid)


def test_a_stale_unix_socket_is_replaced_and_ours_removed_at_the_end():
    path = open_directory() / "api.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    with Restante(http_api_listen=f"unix:{path}") as daemon:
        daemon.socket_path = path
        assert curl_unix(daemon, "/healthz")[0] == 200
    assert not path.exists()


@pytest.mark.parametrize("unix", [False, True])
def test_behind_haproxy_the_true_client_counts(behind, unix):
    server = f"unix@{behind.socket_path}" if unix else f"{LOCAL}:{behind.http_api_port}"
    sources = ("127.0.0.31", "127.0.0.32") if unix else ("127.0.0.33", "127.0.0.34")
    with haproxy("http", server, "    option forwardfor") as port:
        def get(source):
            connection = http.client.HTTPConnection(LOCAL, port, timeout=seconds(20),
                                                    source_address=(source, 0))
            with contextlib.closing(connection):
                # Forged by the client: HAProxy appends whom it sees.
                return ask(connection, "/emails/alice", key=None,
                           headers={"X-Forwarded-For": "192.0.2.70"})
        wait_until(lambda: can_connect(port), "haproxy listens")
        for source in sources:
            assert [get(source).status for _ in range(3)] == [401, 401, 429]
            behind.log.wait_for(f"event=api_request .*status=429 .*ip={source}$")
    assert not behind.log.find(r"ip=192\.0\.2\.70")


def can_connect(port):
    with contextlib.suppress(OSError), socket.create_connection((LOCAL, port)):
        return True
    return False
