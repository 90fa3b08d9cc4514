# SPDX-License-Identifier: ISC
# The end: open transactions are finished, idle clients are told, and no process stays.
import contextlib
import os
import signal
import socket
import time

import pytest

from testbed.api import ask
from testbed.daemon import Restante
from testbed.machine import LOCAL
from testbed.redis import Redis
from testbed.waiting import seconds


def test_sigterm_lets_a_transaction_end_and_tells_idle_clients():
    with Redis() as redis:
        with Restante(redis) as restante:
            idle = restante.dialogue().greet()
            secure = restante.dialogue().greet().secure()
            busy = restante.dialogue().greet().secure().start_mail("alice@example.com")
            busy.send("Subject: half\r\n")
            restante.process.terminate()
            for client in (idle, secure):
                assert client.code() == 421
                assert client.line() == b""
            busy.send("\r\nand whole\r\n.\r\n")
            assert [busy.code(), busy.code(), busy.code()] == [250, 421, None]
            restante.stop()
            assert restante.log.find("event=stopped status=0")
        with Restante(redis) as restante:
            mail, = restante.mails("alice")
            assert (mail["subject"], mail["body_text"]) == ("half", "and whole\n")


def test_a_mail_that_ends_during_the_stop_is_parsed_also_by_parsers_that_were_replaced():
    with Redis() as redis:
        with Restante(redis) as restante:
            restante.send("alice@example.com", "Subject: before\r\n\r\n")
            for pid in restante.pids("mimed"):
                restante.kill(pid)
            restante.log.wait_for("event=process_died", 2)
            restante.wait_until_complete()
            with restante.dialogue() as busy:
                busy.greet().secure().start_mail("alice@example.com")
                restante.process.terminate()
                restante.log.wait_for("event=stopping")
                busy.send("Subject: during the stop\r\n\r\n.\r\n")
                assert busy.code() == 250
        with Restante(redis) as restante:
            assert restante.mails("alice")[0]["subject"] == "during the stop"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_daemon_stops_at_once_and_takes_its_redis_along(number):
    with Restante(redis="private") as restante:
        restante.send("alice@example.com")
        with contextlib.closing(restante.https()) as connection:
            assert ask(connection, "/emails/alice").status == 200
            start = time.monotonic()
            restante.process.send_signal(number)
            restante.stop()
            assert time.monotonic() - start < seconds(4)
        for port in (restante.smtp_port, restante.http_port, restante.https_port):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((LOCAL, port))


def test_a_client_that_does_not_end_is_cut_off_after_drain_timeout():
    with Restante(drain_timeout="200ms") as restante:
        with restante.dialogue() as client:
            client.greet().secure().start_mail("alice@example.com")
            restante.process.terminate()
            assert client.code() in (421, None)
        restante.stop()


def test_all_processes_go_when_the_master_is_killed():
    for redis in (None, "private"):
        with Restante(redis) as restante:
            os.kill(restante.process.pid, signal.SIGKILL)
            assert restante.process.wait() == -signal.SIGKILL
            restante.log.wait_for_end()  # nobody holds it open any more
            restante.check_log()


def test_the_mail_of_a_private_redis_is_there_after_a_restart():
    with Restante(redis="private") as first:
        first.send("alice@example.com", "Subject: kept\r\n\r\n")
        first.stop()
        with Restante(redis="private", redis_directory=first.directory / "redis") as second:
            mail, = second.mails("alice")
            assert mail["subject"] == "kept"
