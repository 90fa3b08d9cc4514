# SPDX-License-Identifier: ISC
# Redis goes and comes back: clients are put off at once, nothing is lost, and the log says it once.
import contextlib
import os
import random
import signal
import time

import pytest

from testbed.api import ask
from testbed.daemon import Restante
from testbed.machine import LOCAL, free_ports
from testbed.redis import Redis
from testbed.smtp import deliver
from testbed.waiting import seconds, wait_until

IMPATIENCE = 1  # second


@pytest.fixture
def redis():
    with Redis() as server:
        yield server


def code_by(restante, pid):
    with restante.smtp_by(pid) as client:
        return deliver(client, "alice@example.com")[0]


def status_by(restante, pid):
    with contextlib.closing(restante.https_by(pid)) as connection:
        return ask(connection, "/emails/alice").status


def wait_until_all_are_back(restante):
    for pid in restante.pids("smtpd"):
        wait_until(lambda: code_by(restante, pid) == 250, "mail is taken again")
    for pid in restante.pids("apid"):
        wait_until(lambda: status_by(restante, pid) == 200, "the API answers again")


def outage_lines(restante):
    return [line.split("event=")[1].split()[0] for line in
            restante.log.find("event=redis_(lost|back)")]


def test_mail_is_put_off_while_redis_is_dead_and_flows_when_it_is_back(redis):
    with Restante(redis) as restante:
        restante.send("alice@example.com", "Subject: before\r\n\r\n")
        waiting = restante.dialogue().greet().secure().start_mail("alice@example.com")
        redis.kill()
        restante.log.wait_for("event=redis_lost")
        waiting.send("Subject: in the middle\r\n\r\n.\r\n")
        start = time.monotonic()
        assert waiting.code() == 451
        for pid in restante.pids("smtpd"):
            with restante.smtp_by(pid) as client:
                code, text = deliver(client, "alice@example.com")
                assert (code, text.split()[0]) == (451, "4.3.0")
        for pid in restante.pids("apid"):
            with contextlib.closing(restante.https_by(pid)) as connection:
                answer = ask(connection, "/emails/alice")
                assert (answer.status, list(answer.json())) == (503, ["error"])
                assert int(answer.headers["Retry-After"]) > 0
                assert ask(connection, "/emails/alice", "DELETE").status == 503
        assert time.monotonic() - start < seconds(IMPATIENCE)
        redis.start()
        restante.log.wait_for("event=redis_back")
        wait_until_all_are_back(restante)
        assert outage_lines(restante) == ["redis_lost", "redis_back"]
        assert restante.mails("alice")[-1]["subject"] == "before"
        assert waiting.say("QUIT") == 221  # the client has stayed


def test_every_outage_is_told_once(redis):
    with Restante(redis, smtpd_workers=3, apid_workers=3, api_rate_limit=0) as restante:
        for count in range(1, 6):
            redis.kill()
            restante.log.wait_for("event=redis_lost", count)
            for pid in restante.pids("smtpd"):
                wait_until(lambda: code_by(restante, pid) == 451, "the worker has noticed")
            for pid in restante.pids("apid"):
                wait_until(lambda: status_by(restante, pid) == 503, "the worker has noticed")
            redis.start()
            wait_until_all_are_back(restante)
            # Once by all of them; who was held up between a refusal and his word comes after another's.
            pairs = len(outage_lines(restante)) // 2
            assert outage_lines(restante) == ["redis_lost", "redis_back"] * pairs
            assert count <= pairs <= count + 1


def test_a_redis_that_hangs_puts_mail_off_after_redis_timeout(redis):
    with Restante(redis, redis_timeout="1s") as restante:
        restante.send("alice@example.com")
        with restante.smtp() as client, contextlib.closing(restante.https()) as connection:
            redis.signal(signal.SIGSTOP)
            start = time.monotonic()
            assert deliver(client, "alice@example.com")[0] == 451
            mail_took, start = time.monotonic() - start, time.monotonic()
            assert ask(connection, "/emails/alice").status == 503
            request_took, start = time.monotonic() - start, time.monotonic()
            assert client.noop()[0] == 250
            assert time.monotonic() - start < seconds(0.5)
        assert mail_took < 1 + seconds(1)
        assert request_took < 1 + seconds(1)
        redis.signal(signal.SIGCONT)
        restante.log.wait_for("event=redis_back")
        wait_until_all_are_back(restante)
        assert outage_lines(restante) == ["redis_lost", "redis_back"]


def test_a_worker_that_stood_still_does_not_blame_redis(redis):
    with Restante(redis, smtpd_workers=1, redis_timeout="2s") as restante:
        smtpd, = restante.pids("smtpd")
        client = restante.dialogue().greet().secure().start_mail("alice@example.com")
        redis.signal(signal.SIGSTOP)
        client.send("Subject: in time\r\n\r\n.\r\n")
        time.sleep(0.5)  # it has asked
        os.kill(smtpd, signal.SIGSTOP)
        redis.signal(signal.SIGCONT)
        wait_until(lambda: redis.cli("XLEN", "inbox:{alice}") == "1", "Redis has answered")
        time.sleep(2)
        os.kill(smtpd, signal.SIGCONT)
        assert client.code() == 250
        assert not restante.log.find("event=redis_lost")


def test_what_a_redis_that_hung_was_not_sent_it_does_not_get_later():
    """It would store the mail at some time, perhaps long after the sender's next try."""
    port, = free_ports(1)
    noise = random.Random(5).randbytes(20_000).hex("\n", 35)  # a little more than a socket takes
    with Redis(options=["--port", str(port)]) as redis, Restante(
            f"{LOCAL}:{port}", redis_timeout="1s") as restante:
        with restante.smtp() as client:
            redis.signal(signal.SIGSTOP)
            assert deliver(client, "alice@example.com", f"Subject: late\n\n{noise}")[0] == 451
            redis.signal(signal.SIGCONT)
            restante.log.wait_for("event=redis_back")
            restante.send("alice@example.com", "Subject: new\r\n\r\n")
            assert [mail["subject"] for mail in restante.mails("alice")] == ["new"]


def test_redis_may_come_later_than_the_daemon(redis):
    redis.kill()
    with Restante(redis) as restante:
        restante.log.wait_for("event=redis_lost")
        assert [code_by(restante, pid) for pid in restante.pids("smtpd")] == [451] * 2
        redis.start()
        wait_until_all_are_back(restante)
        assert outage_lines(restante) == ["redis_lost", "redis_back"]


def test_a_full_redis_puts_mail_off_and_loses_none(redis):
    with Restante(redis) as restante:
        restante.send("alice@example.com", "Subject: before\r\n\r\n")
        redis.cli("CONFIG", "SET", "maxmemory", "1")
        with restante.smtp() as client:
            assert deliver(client, "alice@example.com")[0] == 452
        assert [mail["subject"] for mail in restante.mails("alice")] == ["before"]
        redis.cli("CONFIG", "SET", "maxmemory", "0")
        restante.send("alice@example.com")
        assert len(restante.mails("alice")) == 2


def test_an_acknowledged_mail_outlives_a_killed_redis(redis):
    with Restante(redis) as restante:
        with restante.smtp() as client:
            for i in range(20):
                assert deliver(client, "alice@example.com", f"Subject: {i}\r\n\r\n")[0] == 250
        redis.kill()
        redis.start()
        wait_until(lambda: restante.api("/emails/alice").status == 200, "the API answers again")
        assert [mail["subject"] for mail in restante.mails("alice")] == [
            str(i) for i in reversed(range(20))]


def test_the_retry_of_a_mail_that_was_put_off_shows_once(redis):
    """Redis hangs after it has been asked: it stores the mail when it wakes, unheard."""
    data = "Message-ID: <once@example.org>\r\nSubject: once\r\n\r\n"
    with Restante(redis, smtpd_workers=1, redis_timeout="300ms") as restante:
        with restante.smtp() as client:
            redis.signal(signal.SIGSTOP)
            assert deliver(client, "alice@example.com", data)[0] == 451
            redis.signal(signal.SIGCONT)
            restante.log.wait_for("event=redis_back")
            wait_until(lambda: redis.cli("XLEN", "inbox:{alice}") == "1", "Redis has caught up")
            assert deliver(client, "alice@example.com", data)[0] == 250
        assert len(restante.mails("alice")) == 1
