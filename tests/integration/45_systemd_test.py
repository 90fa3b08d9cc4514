# SPDX-License-Identifier: ISC
# What systemd passes is used, and what it is told is true.
import contextlib
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

from testbed import build
from testbed.api import KEY
from testbed.build import BUILD, PROGRAMS, programs
from testbed.certificates import certificate
from testbed.daemon import Restante
from testbed.machine import IS_ROOT, LOCAL, UNPRIVILEGED, new_directory
from testbed.processes import Lines, environment, run
from testbed.waiting import seconds, wait_until

# Binds what it is told to, and passes it on as systemd does.
ACTIVATOR = """#!/usr/bin/python3
import os, socket, sys
passed = []
for name, kind, address in {sockets!r}:
    made = socket.socket(getattr(socket, kind[0]), getattr(socket, kind[1]))
    made.bind(address)
    if kind[1] == "SOCK_STREAM" and kind[2]:
        made.listen()
    passed.append((name, os.dup(made.detach())))
high = [os.dup2(fd, 100 + i) for i, (name, fd) in enumerate(passed)]
for i, fd in enumerate(high):
    os.dup2(fd, 3 + i, inheritable=True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(passed)),
                  LISTEN_FDNAMES=":".join(name for name, fd in passed))
os.execv({program!r}, [{program!r}, *sys.argv[1:]])
"""


def readable_key():
    """For a reload: root alone can read the tests' own."""
    key = new_directory() / "privkey.pem"
    shutil.copy(certificate()[1], key)
    key.chmod(0o644)
    return key


TCP, UNIX = ("AF_INET", "SOCK_STREAM", True), ("AF_UNIX", "SOCK_STREAM", True)


@contextlib.contextmanager
def activated(monkeypatch, sockets, **settings):
    directory = new_directory()
    script = directory / "restante"
    script.write_text(ACTIVATOR.format(sockets=sockets, program=str(programs() / "restante")))
    script.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setattr(build, "programs", lambda: directory)
        with Restante(**settings) as restante:
            yield restante


def test_passed_sockets_take_the_place_of_those_of_the_settings(monkeypatch):
    directory = new_directory()
    directory.chmod(0o777)  # whoever tried could remove it
    path = str(directory / "api.sock")
    key = readable_key()
    with activated(monkeypatch, [("smtp", TCP, (LOCAL, 0)), ("https", TCP, (LOCAL, 0)),
                                 ("http", TCP, (LOCAL, 0)), ("http_api", UNIX, path)],
                   # None of these could be bound.
                   smtp_listen="192.0.2.1:25", https_listen="192.0.2.1:443", http_listen="",
                   tls_key=key, http_api_listen=f"unix:{path}") as restante:
        assert len(restante.log.find("event=listening .*from=systemd")) == 4
        assert len(restante.log.find("event=listening")) == 4
        restante.send("alice@example.com")
        assert restante.mails("alice")
        pathlib.Path(path).chmod(0o777)
        said = run("curl", "-s", "--unix-socket", path, "-H", f"X-API-KEY: {KEY}",
                   "http://localhost/emails/alice")
        assert "hello" in said.stdout
        restante.process.send_signal(signal.SIGHUP)
        restante.log.wait_for("event=generation_ended")
        restante.send("alice@example.com")
        assert len(restante.mails("alice")) == 2
        restante.stop()
        assert pathlib.Path(path).is_socket()  # systemd's, who may start us again


def test_what_is_not_passed_is_bound(monkeypatch):
    with activated(monkeypatch, [("smtp_proxy", TCP, (LOCAL, 0)),
                                 ("smtp_proxy", TCP, ("127.0.0.2", 0))]) as restante:
        assert [len(restante.log.find(f"event=listening for={name} ")) for name in
                ("smtp_proxy", "smtp", "http", "https")] == [2, 1, 1, 1]
        second = re.search(r"port=(\d+)", restante.log.find("for=smtp_proxy ")[1])[1]
        with socket.create_connection(("127.0.0.2", int(second)), seconds(20)) as client:
            client.sendall(b"PROXY TCP4 192.0.2.1 192.0.2.2 1000 25\r\n")
            assert client.recv(4) == b"220 "


@pytest.mark.parametrize("passed, words", [
    (("restante.socket", TCP, (LOCAL, 0)), ["restante.socket", "FileDescriptorName=", "http_api"]),
    (("smtp", ("AF_INET", "SOCK_STREAM", False), (LOCAL, 0)), ["smtp", "no listening stream"]),
    (("https", ("AF_INET", "SOCK_DGRAM", False), (LOCAL, 0)), ["https", "no listening stream"]),
    (("http_api", TCP, ("0.0.0.0", 0)), ["http_api", "without TLS"]),
])
def test_a_socket_that_is_not_fit_is_named(monkeypatch, passed, words):
    with pytest.raises(AssertionError) as failure:
        with activated(monkeypatch, [passed]):
            pass
    for word in words:
        assert word in str(failure.value)


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="no systemd here")
def test_systemds_own_activator_starts_it_with_the_first_client():
    with socket.create_server((LOCAL, 0)) as one, socket.create_server((LOCAL, 0)) as two:
        smtp, https = (f"{LOCAL}:{s.getsockname()[1]}" for s in (one, two))
    settings = {"domain": "example.com", "api_key": KEY, "redis": "unix:/nonexistent",
                "smtp_listen": "192.0.2.1:25", "https_listen": "192.0.2.1:443", "http_listen": "",
                "tls_certificate": certificate()[0], "tls_key": certificate()[1],
                "runtime_dir": new_directory() / "run",
                **({"user": UNPRIVILEGED} if IS_ROOT else {})}
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    process = subprocess.Popen(
        ["systemd-socket-activate", "-l", smtp, "-l", https, "--fdname=smtp:https",
         programs() / "restante", *options],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment())
    log = Lines(process.stderr)
    try:
        log.wait_for("(?i)listening on .* as")
        with socket.create_connection((LOCAL, int(smtp.split(":")[1])), seconds(20)) as client:
            assert client.recv(4) == b"220 "  # it waited in the socket for us
        log.wait_for("event=ready")
        assert len(log.find("event=listening .*from=systemd")) == 2
    finally:
        process.terminate()
        assert process.wait(seconds(40)) == 0, log.text()


class Listener:
    """The socket of systemd that is told how things are."""

    def __init__(self):
        path = new_directory() / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        path.chmod(0o777)
        self.socket.settimeout(seconds(20))
        self.variables = {"NOTIFY_SOCKET": str(path)}

    def next(self):
        """The next message but those of the watchdog."""
        while True:
            told = self.socket.recv(4096).decode()
            if told != "WATCHDOG=1":
                return dict(line.split("=", 1) for line in told.splitlines())

    def watchdogs_in(self, duration):
        """Whether one comes in this time."""
        self.socket.settimeout(duration)
        try:
            return self.socket.recv(4096) == b"WATCHDOG=1"
        except TimeoutError:
            return False
        finally:
            self.socket.settimeout(seconds(20))

    def forget(self):
        self.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self.socket.recv(4096)
        self.socket.settimeout(seconds(20))


def monotonic():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def test_systemd_is_told_of_start_reload_and_stop():
    listener = Listener()
    before = monotonic()
    with Restante(variables=listener.variables, tls_key=readable_key()) as restante:
        assert listener.next() == {"READY": "1", "STATUS": "serving, generation 1, 6 processes"}
        file = restante.directory / "restante.conf"
        good = file.read_text() + "recipient_limit = 7\n"
        for text in (good + "nonsense\n", good):
            file.write_text(text)
            restante.process.send_signal(signal.SIGHUP)
            told = listener.next()
            assert told["RELOADING"] == "1"
            assert before <= int(told["MONOTONIC_USEC"]) <= monotonic()
            told = listener.next()
            assert told["READY"] == "1"
            if text != good:
                assert "generation 1" in told["STATUS"] and "no '='" in told["STATUS"]
        assert told["STATUS"] == "serving, generation 3, 6 processes"
        restante.process.terminate()
        assert listener.next()["STOPPING"] == "1"


def test_the_watchdog_is_fed_while_there_are_workers_of_every_kind(monkeypatch):
    directory = new_directory()
    for program in PROGRAMS:
        shutil.copy(BUILD / program, directory)
    monkeypatch.setattr(build, "programs", lambda: directory)
    listener = Listener()
    with Restante(variables={**listener.variables, "WATCHDOG_USEC": "400000"}) as restante:
        listener.next()
        for _ in range(5):
            assert listener.watchdogs_in(seconds(0.4))
        apid = directory / "restante-apid"
        apid.rename(directory / "away")
        for pid in restante.pids("apid"):
            restante.kill(pid)
        restante.log.wait_for("event=start_failed role=apid", 2)
        listener.forget()
        assert not listener.watchdogs_in(0.6)
        (directory / "away").rename(apid)
        assert listener.watchdogs_in(seconds(20))
        wait_until(lambda: len(restante.pids("apid")) == 2, "all are there", 20)
