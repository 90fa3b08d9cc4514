# SPDX-License-Identifier: ISC
# Every error that Redis may answer with puts mail off, is told once, and is over by itself. They
# cannot be made with a real Redis at will, so a server that speaks RESP replays them.
import re
import threading
import time

import pytest

from integration.fake_redis import INFO, FakeRedis, bulk
from testbed.daemon import Restante
from testbed.machine import LOCAL
from testbed.smtp import deliver
from testbed.waiting import seconds, wait_until

ERRORS = [
    "LOADING Redis is loading the dataset in memory",
    "READONLY You can't write against a read only replica.",
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to "
    "disk.",
    "NOREPLICAS Not enough good replicas to write.",
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    "NOAUTH Authentication required.",
    "NOPERM this user has no permissions to run the 'evalsha' command",
    "CLUSTERDOWN The cluster is down",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "EXECABORT Transaction discarded because of previous errors.",
    "ERR max number of clients reached",
    "ERR user_script:8: Wrong number of args calling Redis command from script script: 0123, on "
    "@user_script:8.",
    "WRONGTYPE Operation against a key holding the wrong kind of value script: 0123, on "
    "@user_script:8.",
]
FULL = "OOM command not allowed when used memory > 'maxmemory'. script: 0123, on @user_script:8."


@pytest.fixture(scope="module")
def fake():
    with FakeRedis() as server:
        yield server


@pytest.fixture(scope="module")
def restante(fake):
    with Restante(f"{LOCAL}:{fake.server_address[1]}", redis_timeout="1s") as daemon:
        yield daemon


@pytest.fixture(autouse=True)
def healthy(fake, restante):
    """Before, and after whatever a test that failed has left."""
    fake.faults = {}
    wait_until_taken(restante)


def answer_of(restante):
    with restante.smtp() as client:
        return deliver(client, "alice@example.com")


def wait_until_taken(restante):
    """By every worker: a client gets one of them by chance."""
    for pid in restante.pids("smtpd"):
        with restante.only(pid, "smtpd"):
            wait_until(lambda: answer_of(restante)[0] == 250, "mail is taken")


def answers_of_all(restante):
    """The code and the enhanced code of two mails to each worker."""
    answers = set()
    for pid in restante.pids("smtpd"):
        with restante.only(pid, "smtpd"):
            for _ in range(2):
                code, text = answer_of(restante)
                answers.add((code, text.split()[0]))
    return answers


def lines(restante, since=0):
    return [line.split("event=")[1].split()[0]
            for line in restante.log.find("event=redis_")][since:]


def scripts(reply):
    return {"EVAL": reply, "EVALSHA": reply}


@pytest.mark.parametrize("error", [*ERRORS, FULL], ids=lambda error: error.split(" ")[0])
def test_an_error_to_the_write_puts_mail_off(fake, restante, error):
    before = len(lines(restante))
    fake.faults = scripts(f"-{error}\r\n")
    expected = (452, "4.3.1") if error == FULL else (451, "4.3.0")
    # A connection that is made anew (NOAUTH) is refused at MAIL until then.
    assert answers_of_all(restante) == {expected}
    assert lines(restante, before).count("redis_error") == 1
    told = restante.log.find("event=redis_error")[-1]
    assert error.split(" ")[0] in told
    fake.faults = {}
    wait_until_taken(restante)
    wait_until(lambda: lines(restante, before)[-1] in ("redis_works", "redis_back"), "it is told")
    assert lines(restante, before).count("redis_error") == 1


def test_two_kinds_of_errors_by_turns_are_two_lines(fake, restante):
    before = len(lines(restante))
    for _ in range(4):
        fake.faults = scripts(f"-{ERRORS[2]}\r\n")
        assert answer_of(restante)[0] == 451
        fake.faults = scripts(f"-{FULL}\r\n")
        assert answer_of(restante)[0] == 452
    assert lines(restante, before) == ["redis_error"] * 2


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.split(" ")[0])
def test_an_error_to_the_greeting_is_an_outage(fake, restante, error):
    before = len(lines(restante))
    fake.faults = {"PING": f"-{error}\r\n"}
    fake.cut_off_all()
    restante.log.wait_for("event=redis_lost", lines(restante)[:before].count("redis_lost") + 1)
    assert answers_of_all(restante) == {(451, "4.3.0")}
    assert restante.api("/emails/alice").status == 503
    fake.faults = {}
    wait_until_taken(restante)
    assert lines(restante, before).count("redis_lost") == 1
    assert lines(restante, before).count("redis_back") == 1
    assert lines(restante, before).count("redis_error") <= 1


def test_a_redis_that_has_too_many_clients_is_an_outage(fake, restante):
    before = len(lines(restante))
    fake.faults = {"": "-ERR max number of clients reached\r\n"}
    fake.cut_off_all()
    restante.log.wait_for("event=redis_lost", lines(restante)[:before].count("redis_lost") + 1)
    assert answers_of_all(restante) == {(451, "4.3.0")}
    fake.faults = {}
    wait_until_taken(restante)
    assert lines(restante, before).count("redis_lost") == 1


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.split(" ")[0])
def test_an_error_to_a_read_is_told_to_the_client(fake, restante, error):
    before = len(lines(restante))
    fake.faults = {"XREVRANGE": f"-{error}\r\n"}
    assert {restante.api("/emails/alice").status for _ in range(6)} == {503}
    assert lines(restante, before).count("redis_error") == 1
    fake.faults = {}
    wait_until(lambda: restante.api("/emails/alice").status == 200, "the API answers again")


@pytest.mark.parametrize("reply", ["$-1\r\n", ":1\r\n", "*0\r\n", "+OK\r\n", "*1\r\n-ERR inside\r\n",
                                   "$0\r\n\r\n", "$3\r\n1-x\r\n"], ids=repr)
def test_a_reply_that_is_no_id_is_no_confirmation(fake, restante, reply):
    fake.faults = scripts(reply)
    assert answers_of_all(restante) == {(451, "4.3.0")}


@pytest.mark.parametrize("reply", ["?what\r\n", "$-7\r\n", "*1\r\n$x\r\n", "+" + "x" * 100_000],
                         ids=lambda reply: repr(reply[:8]))
def test_what_is_no_resp_is_no_confirmation(fake, restante, reply):
    fake.faults = scripts(reply)
    assert answers_of_all(restante) == {(451, "4.3.0")}


def test_an_error_to_the_question_changes_nothing(fake, restante):
    """Redis is busy: that says nothing of how it keeps data."""
    before = len(lines(restante))
    fake.faults = {"INFO": "-BUSY Redis is busy\r\n", "CONFIG": "-BUSY Redis is busy\r\n"}
    time.sleep(seconds(2.5))
    assert answers_of_all(restante) == {(250, "2.0.0")}
    assert lines(restante, before) == []
    assert not re.search("redis_unsafe|redis_unknown", restante.log.text())


def test_with_redis_strict_nothing_is_taken_before_redis_has_told(fake):
    may_answer = threading.Event()

    def held_back():
        may_answer.wait(40)
        return bulk(INFO)
    with Restante(f"{LOCAL}:{fake.server_address[1]}", redis_strict="yes",
                  redis_timeout="1m") as strict:
        assert answers_of_all(strict) == {(250, "2.0.0")}
        fake.faults = {"INFO": held_back}
        fake.cut_off_all()
        strict.log.wait_for("event=redis_lost")

        def refused_as_unsafe():
            """While a worker has no connection yet, it refuses for another reason."""
            assert answers_of_all(strict) == {(451, "4.3.0")}
            return strict.log.find("event=mail_refused .*reply=store_unsafe")
        wait_until(refused_as_unsafe, "mail is refused because redis has not told how it keeps data")
        fake.faults = {}
        may_answer.set()
        wait_until_taken(strict)
        assert not strict.log.find("redis_unsafe")
