# SPDX-License-Identifier: ISC
# Clients that take what is not theirs: places, time, memory. Each is cut with a line in the log
# that names it and says why, and others notice nothing.
import contextlib
import os
import pwd
import signal
import socket
import threading
import time

import pytest

from testbed.api import KEY, ask
from testbed.daemon import Restante
from testbed.machine import IS_ROOT, LOCAL, UNPRIVILEGED
from testbed.processes import run
from testbed.smtp import deliver
from testbed.waiting import seconds, wait_until


@pytest.fixture(scope="module")
def hasty():
    """A daemon that waits for nobody longer than two seconds."""
    with Restante(smtpd_workers=1, smtp_timeout="2s", smtp_tls="optional") as daemon:
        yield daemon


@pytest.fixture
def witness(hasty):
    """Another client, who sends mails all the while; each has to be taken promptly."""
    stop, slowest = threading.Event(), [0.0]

    def send():
        while not stop.wait(0.05):
            began = time.monotonic()
            hasty.send("witness@example.com")
            slowest[0] = max(slowest[0], time.monotonic() - began)
    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join(seconds(20))
    assert not thread.is_alive() and 0 < slowest[0] < seconds(1)


class Dripping:
    """Sends `piece` again and again in the background until the connection breaks."""

    def __init__(self, client, piece, every=0.3):
        self.client, self.piece, self.every = client, piece, every
        self.over = threading.Event()
        threading.Thread(target=self._drip, daemon=True).start()

    def _drip(self):
        try:
            while not self.over.wait(self.every):
                self.client.send(self.piece)
        except OSError:
            self.over.set()


def assert_cut(daemon, client, reason, least=0.0, most=6.0):
    """The closing line has the reason, and the client was there for about as long as it may."""
    line = daemon.closing_line(client, timeout=15)
    assert f"reason={reason} " in line.replace('"', "")
    took = int(line.rsplit("ms=", 1)[1]) / 1000
    assert least <= took <= seconds(most), line


# Places

def test_a_client_has_as_many_connections_as_it_may_and_then_421():
    with Restante(smtpd_workers=1, smtp_client_connection_limit=3) as restante:
        first = [restante.dialogue("127.0.0.2").greet() for _ in range(3)]
        with restante.dialogue("127.0.0.2") as fourth:
            assert fourth.line().startswith(b"421 4.7.0 ")
            assert fourth.line() == b""
        restante.log.wait_for("event=client_closed .*ip=127.0.0.2 .*"
                              "reason=smtp_client_connection_limit")
        assert len(restante.log.find("ip=127.0.0.2 ")) == 1
        with restante.dialogue("127.0.0.3") as other:
            other.greet()
        assert first[0].say("QUIT") == 221
        restante.log.wait_for("event=client_closed .*ip=127.0.0.2 .*reason=done")
        with restante.dialogue("127.0.0.2") as again:
            again.greet()
        for client in first:
            client.close()


def test_a_limit_of_zero_is_none():
    with Restante(smtpd_workers=1, smtp_client_connection_limit=0) as restante:
        clients = [restante.dialogue() for _ in range(200)]
        assert [client.code() for client in clients] == [220] * 200
        for client in clients:
            client.close()


def test_past_the_limit_of_all_a_client_hears_421_too():
    with Restante(smtpd_workers=1, smtp_connection_limit=2) as restante:
        clients = [restante.dialogue().greet() for _ in range(2)]
        with restante.dialogue("127.0.0.2") as third:
            assert third.line().startswith(b"421 4.7.0 ")
            assert third.line() == b""
        restante.log.wait_for("event=client_refused ip=127.0.0.2 reason=smtp_connection_limit")
        for client in clients:
            client.close()


def has_ended(client):
    try:
        return client.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False


def test_at_a_full_api_worker_who_is_silent_longest_makes_room():
    with Restante(apid_workers=1, api_connection_limit=4) as restante, \
            contextlib.ExitStack() as stack:
        waiter = stack.enter_context(contextlib.closing(restante.https()))
        waiter.request("GET", "/emails/late/latest?wait=30", headers={"X-API-KEY": KEY})
        wait_until(lambda: b"\nrestante_api_waiting_requests 1\n" in restante.api("/metrics").body,
                   "the request waits")
        served = stack.enter_context(contextlib.closing(restante.https()))
        assert ask(served, "/emails/alice").status == 200
        silent = [stack.enter_context(socket.create_connection((LOCAL, restante.https_port)))
                  for _ in range(12)]
        for _ in range(3):
            begun = time.monotonic()
            assert restante.api("/emails/alice").status == 200
            assert time.monotonic() - begun < seconds(1)
        wait_until(lambda: sum(has_ended(one) for one in silent) >= 8, "all but the last are cut")
        assert restante.log.find("event=api_full cut=1 limit=4")
        restante.send("late@example.com")
        assert waiter.getresponse().status == 200  # it waited for us, not we for it


def test_an_api_worker_with_few_descriptors_is_full_before_they_run_out():
    few = ("prlimit", "--nofile=600:600")
    with Restante(starter=few, apid_workers=1) as restante, contextlib.ExitStack() as stack:
        silent = [stack.enter_context(socket.create_connection((LOCAL, restante.https_port)))
                  for _ in range(900)]
        begun = time.monotonic()
        assert restante.api("/emails/alice").status == 200
        assert time.monotonic() - begun < seconds(2)
        assert sum(has_ended(one) for one in silent) > 400


def test_at_a_full_smtp_worker_who_is_silent_longest_makes_room():
    with Restante(smtpd_workers=1, smtp_connection_limit=4, smtp_client_connection_limit=0,
                  smtp_tls="optional") as restante:
        silent = restante.dialogue("127.0.0.2").greet()
        time.sleep(0.1)
        sending = restante.dialogue("127.0.0.4").greet().start_mail("alice@example.com")
        others = [restante.dialogue(f"127.0.0.{number}").greet() for number in (5, 6)]
        time.sleep(0.3)  # who was silent for less is not cut
        with restante.smtp("127.0.0.3") as client:
            assert deliver(client, "alice@example.com")[0] == 250
        assert silent.line().startswith(b"421 4.7.0 ")
        assert "reason=smtp_connection_limit" in restante.closing_line(silent)
        assert sending.say("Subject: slow\r\n\r\nHello.\r\n.") == 250
        for client in (silent, sending, *others):
            client.close()


def test_at_a_full_smtp_worker_who_has_most_connections_makes_room():
    with Restante(smtpd_workers=1, smtp_connection_limit=4, smtp_client_connection_limit=0,
                  smtp_tls="optional") as restante:
        alone = restante.dialogue("127.0.0.2").greet()
        time.sleep(0.1)
        many = [restante.dialogue("127.0.0.5").greet() for _ in range(3)]
        time.sleep(0.3)  # who was silent for less is not cut
        with restante.smtp("127.0.0.3") as client:
            assert deliver(client, "alice@example.com")[0] == 250
        restante.log.wait_for("event=client_closed .*ip=127.0.0.5 .*reason=smtp_connection_limit")
        assert alone.say("NOOP") == 250
        for client in (alone, *many):
            client.close()


# RFC 5321 section 3.1

def test_who_talks_before_the_greeting_is_sent_away():
    with Restante(smtpd_workers=1) as restante:
        pid, = restante.pids("smtpd")
        os.kill(pid, signal.SIGSTOP)  # its bytes are to be there when it is accepted
        try:
            client = restante.dialogue("127.0.0.2")
            client.send("EHLO client.example.org\r\n")
        finally:
            os.kill(pid, signal.SIGCONT)
        assert client.line() == b"554 5.5.0 Wait for the greeting"
        assert client.line() == b""
        restante.log.wait_for('ip=127.0.0.2 .*reason="talk before the greeting"')


# Time

def test_a_command_that_comes_byte_by_byte_is_cut(hasty, witness):
    with hasty.dialogue("127.0.1.1") as client:
        assert client.code() == 220
        Dripping(client, "x")
        assert client.line().startswith(b"421 4.4.2 ")
        assert client.line() == b""
        assert_cut(hasty, client, "command timeout", least=2)


def test_who_says_nothing_is_cut(hasty):
    with hasty.dialogue("127.0.1.2").greet() as client:
        assert client.line().startswith(b"421 4.4.2 ")
        assert_cut(hasty, client, "command timeout", least=2)


def test_who_keeps_talking_is_not_cut(hasty):
    with hasty.dialogue("127.0.1.3").greet() as client:
        end = time.monotonic() + 3
        while time.monotonic() < end:
            assert client.say("NOOP") == 250
            threading.Event().wait(0.2)
        assert client.say("QUIT") == 221


def test_a_message_that_comes_byte_by_byte_is_cut(hasty, witness):
    with hasty.dialogue("127.0.1.4").greet().start_mail("slow@example.com") as client:
        Dripping(client, "x")
        assert client.line().startswith(b"421 4.4.2 ")
        assert_cut(hasty, client, "message below smtp_minimum_rate", least=2)
    assert hasty.mails("slow") == []


def test_a_message_that_stops_coming_is_cut():
    with Restante(smtpd_workers=1, smtp_timeout="1s", smtp_minimum_rate=0,
                  smtp_tls="optional") as restante:
        with restante.dialogue("127.0.1.5").greet().start_mail("gone@example.com") as client:
            client.send("Subject: half\r\n")
            assert client.line().startswith(b"421 4.4.2 ")
            assert_cut(restante, client, "data timeout", least=1)


def test_a_message_that_comes_slowly_but_fast_enough_is_taken(hasty):
    with hasty.dialogue("127.0.1.6").greet().start_mail("steady@example.com") as client:
        for _ in range(15):
            client.send(b"x" * 98 + b"\r\n")
            threading.Event().wait(0.25)
        assert client.say("\r\n.") == 250


def test_a_handshake_that_does_not_end_is_cut(hasty, witness):
    with hasty.dialogue("127.0.1.7").greet() as client:
        assert client.say("STARTTLS") == 220
        client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")  # a record of 512 octets
        Dripping(client, b"x")
        assert_cut(hasty, client, "TLS handshake too slow", least=2)


def test_a_client_that_does_not_read_is_cut(hasty, witness):
    with hasty.dialogue("127.0.1.8", receive_buffer=1).greet() as client:
        assert client.say("MAIL FROM:<a@example.org>") == 250
        client.socket.settimeout(0.5)
        with contextlib.suppress(OSError):  # not read any more: its replies have nowhere to go
            while True:
                client.send("RCPT TO:<x@example.com>\r\n" * 2000)
        assert_cut(hasty, client, "replies not read", least=2, most=12)


def test_a_message_without_end_is_cut():
    with Restante(smtpd_workers=1, message_size_limit="64K", smtp_tls="optional") as restante:
        with restante.dialogue("127.0.1.9").greet().start_mail("endless@example.com") as client:
            with pytest.raises(OSError):
                while True:
                    client.send(b"x" * 998 + b"\r\n")
            assert_cut(restante, client, "message_too_big")
        restante.send("other@example.com")


def test_time_grows_short_when_the_table_is_full():
    with Restante(smtpd_workers=1, smtp_connection_limit=10,
                  smtp_client_connection_limit=0) as restante:
        began = time.monotonic()
        clients = [restante.dialogue("127.0.1.10").greet() for _ in range(10)]
        lines = restante.log.wait_for('ip=127.0.1.10 .*reason="command timeout"', timeout=14)
        assert 10 <= time.monotonic() - began < seconds(13), lines
        restante.send("relief@example.com")
        for client in clients:
            client.close()


# Descriptors

def busy(pid):
    """CPU seconds that a process has used."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def limit_descriptors(pid, number):
    """By its own user, since root need not be allowed to (in a container, say)."""
    user = pwd.getpwnam(UNPRIVILEGED)
    whose = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if IS_ROOT else {}
    result = run("prlimit", f"--nofile={number}:", f"--pid={pid}", **whose)
    assert result.returncode == 0, result.stdout


@pytest.mark.skipif(not IS_ROOT, reason="the processes are closed to their own user")
def test_a_worker_without_descriptors_says_so_does_not_spin_and_recovers():
    with Restante(smtpd_workers=1, smtp_client_connection_limit=0) as restante:
        pid, = restante.pids("smtpd")
        limit_descriptors(pid, 64)
        clients = [restante.dialogue("127.0.1.11") for _ in range(150)]
        codes = [client.code() for client in clients]
        assert set(codes) == {220, 421} and codes.count(220) < 64
        restante.log.wait_for('event=client_refused ip=127.0.1.11 reason="out of descriptors"',
                              codes.count(421))
        # Lowered below the spare one not even that helps, and clients have to wait.
        limit_descriptors(pid, 4)
        waiting = [socket.create_connection((LOCAL, restante.smtp_port)) for _ in range(5)]
        before, began = busy(pid), time.monotonic()
        threading.Event().wait(1)
        assert busy(pid) - before < 0.1 * (time.monotonic() - began) * seconds(1)
        limit_descriptors(pid, 1024)
        for client in waiting:
            client.settimeout(seconds(5))
            assert client.recv(3) == b"220"
            client.close()
        for client in clients:
            client.close()
        with restante.smtp() as client:
            began = time.monotonic()
            assert deliver(client, "after@example.com")[0] == 250
            assert time.monotonic() - began < seconds(1)
        wait_until(lambda: len(os.listdir(f"/proc/{pid}/fd")) < 64, "descriptors are back")
