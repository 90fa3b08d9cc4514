# SPDX-License-Identifier: ISC
# A request that waits is answered when mail comes: not before, not long after, and at no cost.
import contextlib
import re
import signal
import threading
import time

import pytest

from testbed.api import KEY, ask
from testbed.daemon import Restante
from testbed.redis import LUA_FRAME, Redis
from testbed.waiting import at_once, seconds, wait_until


class Waiter:
    """A request in a thread of its own; `answer` is awaited."""

    def __init__(self, restante, path, **request):
        self._got = None
        self._thread = threading.Thread(target=self._ask, args=(restante, path, request),
                                        daemon=True)
        self._thread.start()

    def _ask(self, restante, path, request):
        begun = time.monotonic()
        self._got = restante.api(path, **request), time.monotonic() - begun

    @property
    def answer(self):
        self._thread.join(seconds(20))
        assert self._got, "the request was not answered"
        return self._got[0]

    @property
    def took(self):
        return self.answer and self._got[1]


def subscribers(restante, user):
    return int(restante.redis.cli("PUBSUB", "NUMSUB", f"inbox:{{{user}}}").split()[1])


def wait_for_waiters(restante, user, count=1):
    """A worker subscribes once for all of its own who wait for a mailbox."""
    wait_until(lambda: subscribers(restante, user) >= count, f"{count} workers wait for {user}")


def subject_of(answer):
    assert answer.status == 200, answer
    return [mail["subject"] for mail in answer.json()]


def test_a_list_waits_for_the_first_mail(restante):
    waiter = Waiter(restante, "/emails/first?wait=20")
    wait_for_waiters(restante, "first")
    restante.send("first@example.com", "Subject: hello\r\n\r\nHello.\r\n")
    assert subject_of(waiter.answer) == ["hello"]
    assert waiter.took < seconds(15)
    wait_until(lambda: subscribers(restante, "first") == 0, "nobody waits any more")


def test_what_is_there_is_given_at_once(restante):
    restante.send("there@example.com")
    begun = time.monotonic()
    assert len(restante.api("/emails/there?wait=60").json()) == 1
    assert len(restante.api("/emails/there?wait=60&view=summary").json()) == 1
    assert restante.api("/emails/there/latest?wait=60").json()["subject"] == "hello"
    assert time.monotonic() - begun < seconds(10)


def test_only_mail_that_fits_ends_the_wait(restante):
    restante.send("picky@example.com", "Subject: old code\r\n\r\n1\r\n")
    after = restante.mails("picky")[0]["id"]
    waiter = Waiter(restante, f"/emails/picky?wait=20&subject=code&after={after}")
    latest = Waiter(restante, f"/emails/picky/latest?wait=20&subject=code&after={after}")
    wait_for_waiters(restante, "picky")
    restante.send("picky@example.com", "Subject: news\r\n\r\n2\r\n")
    restante.send("picky@example.com", "Subject: your code\r\n\r\n3\r\n")
    assert subject_of(waiter.answer) == ["your code"]
    assert latest.answer.json()["subject"] == "your code"


def test_a_large_mailbox_of_other_mail_is_waited_for_too(restante):
    """More than one request looks at: without wait there is a link to go on with."""
    script = LUA_FRAME + """for i = 1, ARGV[1] do redis.call('XADD', KEYS[1], '*', 's',
      '"from":"a","to":"b","subject":"other"\\n"size":1', 'z', frame('"x":1')) end return 1"""
    assert restante.redis.cli("EVAL", script, 1, "inbox:{large}", 10_001) == "1"
    assert "Link" in restante.api("/emails/large?subject=code").headers
    waiter = Waiter(restante, "/emails/large?wait=20&subject=code")
    wait_for_waiters(restante, "large")
    restante.send("large@example.com", "Subject: code\r\n\r\nx\r\n")
    assert subject_of(waiter.answer) == ["code"]


def test_at_the_end_there_is_an_empty_list(restante):
    waiter = Waiter(restante, "/emails/nobody?wait=1")
    latest = Waiter(restante, "/emails/nobody/latest?wait=1")
    raw = Waiter(restante, "/emails/nobody/latest/raw?wait=1")
    assert (waiter.answer.status, waiter.answer.json()) == (200, [])
    assert 0.9 <= waiter.took < seconds(10)
    assert latest.answer.status == raw.answer.status == 404
    assert latest.took >= 0.9


@pytest.mark.parametrize("query, word", [
    ("wait=61", "60"), ("wait=-1", "60"), ("wait=1.5", "60"), ("wait=", "60"), ("wait=x", "60"),
    ("wait=1&wait=1", "twice"), (f"wait=1&before={'1' * 19}", "before")])
def test_a_bad_wait_is_refused(restante, query, word):
    answer = restante.api(f"/emails/anyone?{query}")
    assert answer.status == 400 and word in answer.json()["error"]


def test_many_wait_for_one_mailbox_and_all_hear(restante):
    waiters = [Waiter(restante, "/emails/crowd?wait=20") for _ in range(30)]
    wait_for_waiters(restante, "crowd")
    wait_until(lambda: len(restante.log.find("path=/emails/crowd")) == 0, "none is answered")
    restante.send("crowd@example.com")
    for waiter in waiters:
        assert subject_of(waiter.answer) == ["hello"]


def test_a_kept_alive_connection_waits_again_and_again(restante):
    with contextlib.closing(restante.https()) as connection:
        for number in range(3):
            sender = threading.Thread(target=lambda: (
                wait_for_waiters(restante, "again"),
                restante.send("again@example.com", f"Subject: {number}\r\n\r\nx\r\n")))
            after = f"&after={last}" if number else ""
            sender.start()
            got = ask(connection, f"/emails/again?wait=20{after}").json()
            sender.join()
            assert [mail["subject"] for mail in got] == [str(number)]
            last = got[0]["id"]
            wait_until(lambda: subscribers(restante, "again") == 0, "nobody waits any more")


def test_a_client_that_leaves_is_noticed_at_once(restante):
    connection = restante.https()
    connection.request("GET", "/emails/leaver?wait=60", headers={"X-API-KEY": KEY})
    wait_for_waiters(restante, "leaver")
    connection.close()
    wait_until(lambda: subscribers(restante, "leaver") == 0, "the wait has ended", 5)


# Those of this test, and the one that a worker asks now and then so as to know that it hears.
# What this test asks, and what smtpd asks every two seconds.
OWN_COMMANDS = ("info", "pubsub|numsub", "subscribe", "config|get")


def commands(redis):
    """How many commands Redis has been asked for, this question not counted."""
    stats = redis.cli("INFO", "commandstats")
    return {name: int(calls) for name, calls in
            re.findall(r"cmdstat_([^:]+):calls=(\d+)", stats) if name not in OWN_COMMANDS}


def cpu_ticks(pids):
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            ticks += sum(int(field) for field in stat.read().rsplit(")", 1)[1].split()[11:13])
    return ticks


def test_waiting_costs_no_command_and_no_time(restante):
    waiters = [Waiter(restante, f"/emails/idle{number}?wait=4") for number in range(20)]
    for number in range(20):
        wait_for_waiters(restante, f"idle{number}")
    wait_until(lambda: commands(restante.redis) == commands(restante.redis), "all have looked")
    before, ticks = commands(restante.redis), cpu_ticks(restante.pids("apid"))
    end = time.monotonic() + 2
    wait_until(lambda: time.monotonic() > end, "two seconds have passed")
    assert commands(restante.redis) == before
    assert cpu_ticks(restante.pids("apid")) - ticks <= 4  # of 10 ms: a sweep now and then
    for waiter in waiters:
        assert waiter.answer.json() == []


def test_waits_are_bounded_by_key_and_in_all():
    keys = "first-key-of-the-test second-key-of-the-test third-key-of-the-test"
    with Restante(api_key=keys, apid_workers=1, wait_limit=3, wait_key_limit=2) as restante:
        first, second, third = ({"key": key} for key in keys.split())
        waiters = [Waiter(restante, f"/emails/w{number}?wait=30", **first) for number in range(2)]
        for number in range(2):
            wait_for_waiters(restante, f"w{number}")
        refused = restante.api("/emails/w9?wait=30", **first)
        assert refused.status == 429 and "2 requests" in refused.json()["error"]
        assert int(refused.headers["Retry-After"]) > 0
        waiters.append(Waiter(restante, "/emails/w2?wait=30", **second))
        wait_for_waiters(restante, "w2")
        refused = restante.api("/emails/w9?wait=30", **third)
        assert refused.status == 503 and int(refused.headers["Retry-After"]) > 0
        assert restante.api("/emails/w9", **third).status == 200  # who does not wait has a place
        for number, waiter in enumerate(waiters):
            restante.send(f"w{number}@example.com")
            assert waiter.answer.status == 200
        late = Waiter(restante, "/emails/w9?wait=30", **first)
        wait_for_waiters(restante, "w9")
        restante.send("w9@example.com")
        assert subject_of(late.answer) == ["hello"]


def test_a_wait_outlives_an_outage_of_redis():
    with Redis() as redis, Restante(redis=redis) as restante:
        restante.send("patient@example.com", "Subject: before\r\n\r\nx\r\n")
        after = restante.mails("patient")[0]["id"]
        waiter = Waiter(restante, f"/emails/patient?wait=30&after={after}")
        wait_for_waiters(restante, "patient")
        redis.kill()
        restante.log.wait_for("event=redis_lost")
        redis.start()
        restante.log.wait_for("event=redis_back")
        wait_for_waiters(restante, "patient")
        assert wait_until(lambda: restante.api("/emails/patient").status == 200, "Redis is back")
        restante.send("patient@example.com", "Subject: behind it\r\n\r\nx\r\n")
        assert subject_of(waiter.answer) == ["behind it"]


def test_a_wait_without_redis_says_so_at_once():
    with Redis() as redis, Restante(redis=redis) as restante:
        redis.kill()
        restante.log.wait_for("event=redis_lost")
        begun = time.monotonic()
        assert restante.api("/emails/anyone?wait=60").status == 503
        assert time.monotonic() - begun < seconds(10)
        redis.start()


def test_an_answer_that_took_too_long_leaves_nobody_waiting():
    """Redis answers nothing, and may take longer for it than the client has time."""
    with Redis() as redis, Restante(redis=redis, apid_workers=1, wait_limit=1, redis_timeout="60s",
                                    api_timeout="500ms") as restante:
        for _ in range(2):
            waiter = Waiter(restante, "/emails/late?wait=3")
            wait_for_waiters(restante, "late")
            redis.signal(signal.SIGSTOP)
            assert "took too long" in waiter.answer.json()["error"]
            assert waiter.answer.headers["Retry-After"]
            again = restante.api("/emails/late?wait=3")
            assert "took too long" in again.json()["error"]  # and not that others wait
            redis.signal(signal.SIGCONT)
            wait_until(lambda: subscribers(restante, "late") == 0, "nobody waits any more")


def test_a_stop_answers_those_who_wait():
    with Restante() as restante:
        waiter = Waiter(restante, "/emails/stopped?wait=60")
        wait_for_waiters(restante, "stopped")
        restante.process.terminate()
        assert (waiter.answer.status, waiter.answer.json()) == (200, [])
        assert waiter.took < seconds(15)
        restante.stop()


def test_every_mail_ends_the_wait_of_its_mailbox_alone(restante):
    waiters = [Waiter(restante, f"/emails/box{number}?wait=30") for number in range(20)]
    for number in range(20):
        wait_for_waiters(restante, f"box{number}")
    at_once([lambda number=number: restante.send(
        f"box{number}@example.com", f"Subject: {number}\r\n\r\nx\r\n") or True
        for number in range(20)])
    for number, waiter in enumerate(waiters):
        assert subject_of(waiter.answer) == [str(number)]
