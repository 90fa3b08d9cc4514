# SPDX-License-Identifier: ISC
# Server-sent events: one a mail, in order, resumed where the client stopped.
import contextlib
import json
import socket
import threading
import time

import pytest

from testbed.api import KEY
from testbed.daemon import Restante
from testbed.machine import LOCAL
from testbed.redis import LUA_FRAME, Redis
from testbed.waiting import seconds, wait_until


class Events:
    """A client that reads events."""

    def __init__(self, restante, user, query="", **headers):
        self._connection = restante.https()
        self._connection.sock.settimeout(seconds(40))
        self._connection.request("GET", f"/emails/{user}/events{query}",
                                 headers={"X-API-KEY": KEY} | headers)
        self.answer = self._connection.getresponse()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Both have the socket; http.client's close() alone leaves it open for the answer.
        self.answer.close()
        self._connection.close()

    def line(self):
        return self.answer.readline().decode().rstrip("\n")

    def next(self):
        """The fields of the next event; comments and retry are passed over."""
        fields = {}
        while True:
            line = self.line()
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value
            elif not line and "data" in fields:
                return fields

    def mails(self, count):
        return [json.loads(self.next()["data"]) for _ in range(count)]


def waiting(restante, user):
    return int(restante.redis.cli("PUBSUB", "NUMSUB", f"inbox:{{{user}}}").split()[1])


def send(restante, user, subject):
    restante.send(f"{user}@example.com", f"Subject: {subject}\r\n\r\nx\r\n")


def test_new_mail_is_an_event(restante):
    send(restante, "one", "old")
    with Events(restante, "one") as events:
        assert events.answer.status == 200
        assert events.answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert events.line() == "retry: 1000"
        send(restante, "one", "new")
        event = events.next()
        listed = restante.api("/emails/one?view=summary").json()[0]
        assert event == {"id": listed["id"], "event": "mail", "data": event["data"]}
        assert json.loads(event["data"]) == listed and listed["subject"] == "new"
        send(restante, "one", "newer")
        assert events.mails(1)[0]["subject"] == "newer"


def test_the_first_mail_of_a_mailbox_is_one(restante):
    with Events(restante, "virgin") as events:
        send(restante, "virgin", "first")
        assert events.mails(1)[0]["subject"] == "first"


def test_a_client_resumes_behind_its_last_event(restante):
    for number in range(250):  # more than are read at once
        send(restante, "resume", number)
    first = restante.api("/emails/resume?limit=1000").json()[-1]["id"]
    for query, headers in ((f"?after={first}", {}), ("", {"Last-Event-ID": first}),
                           ("?after=" + "1" * 19, {"Last-Event-ID": first})):
        with Events(restante, "resume", query, **headers) as events:
            subjects = [mail["subject"] for mail in events.mails(249)]
            assert subjects == [str(number) for number in range(1, 250)]


def test_only_mail_that_fits_is_one(restante):
    with Events(restante, "fit", "?subject=code&from=bob") as events:
        for subject in ("code 1", "news", "code 2"):
            send(restante, "fit", subject)
        assert [mail["subject"] for mail in events.mails(2)] == ["code 1", "code 2"]


@pytest.mark.parametrize("query, headers", [
    ("?limit=1", {}), ("?wait=1", {}), ("?view=summary", {}), ("?after=1", {}),
    ("", {"Last-Event-ID": "x"})])
def test_what_it_does_not_take_is_refused(restante, query, headers):
    with Events(restante, "anyone", query, **headers) as events:
        assert events.answer.status == 400
        assert json.loads(events.answer.read())["error"]


def test_a_client_that_leaves_is_noticed_at_once(restante):
    with Events(restante, "leaver"):
        wait_until(lambda: waiting(restante, "leaver") == 1, "it listens")
    wait_until(lambda: waiting(restante, "leaver") == 0, "it is gone", 5)


def test_a_head_has_no_stream(restante):
    answer = restante.api("/emails/anyone/events", method="HEAD")
    assert answer.status == 200
    wait_until(lambda: waiting(restante, "anyone") == 0, "nobody listens")


def test_a_stop_ends_the_stream():
    with Restante() as restante:
        with Events(restante, "stopped") as events:
            send(restante, "stopped", "last")
            assert events.mails(1)[0]["subject"] == "last"
            restante.process.terminate()
            assert events.answer.read() == b""  # and well: a chunk of no size
        restante.stop()


def test_an_outage_of_redis_loses_no_event():
    with Redis() as redis, Restante(redis=redis) as restante:
        with Events(restante, "patient") as events:
            send(restante, "patient", "before")
            assert events.mails(1)[0]["subject"] == "before"
            redis.kill()
            restante.log.wait_for("event=redis_lost")
            redis.start()
            restante.log.wait_for("event=redis_back")
            wait_until(lambda: restante.api("/emails/patient").status == 200, "Redis is back")
            send(restante, "patient", "behind it")
            assert events.mails(1)[0]["subject"] == "behind it"
            redis.kill()
            restante.log.wait_for("event=redis_lost", 2)
            with Events(restante, "patient") as refused:
                assert refused.answer.status == 503
            redis.start()


class Line:
    """TCP to a Redis, over which nothing more may come though it stays open."""

    def __init__(self, redis):
        self._redis = redis
        self._subscribers = []
        self._dead = set()
        self._listener = socket.create_server((LOCAL, 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client = self._listener.accept()[0]
            redis = socket.socket(socket.AF_UNIX)
            redis.connect(str(self._redis.path))
            for pair in ((client, redis), (redis, client)):
                threading.Thread(target=self._carry, args=(*pair, client), daemon=True).start()

    def _carry(self, source, sink, client):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if b"SUBSCRIBE" in data:
                    self._subscribers.append(client)
                if client not in self._dead:
                    sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)

    def cut_subscribers(self):
        self._dead.update(self._subscribers)


def test_a_line_to_redis_that_went_dead_is_noticed():
    """Nobody closes it, and who only listens hears nothing of it."""
    with Redis() as redis:
        line = Line(redis)
        with Restante(redis=f"{LOCAL}:{line.port}", redis_timeout="1s") as restante:
            restante.redis = redis
            with Events(restante, "deadline") as events:
                send(restante, "deadline", "before")
                assert events.mails(1)[0]["subject"] == "before"
                line.cut_subscribers()
                send(restante, "deadline", "after")
                assert events.mails(1)[0]["subject"] == "after"


def test_streams_are_bounded_and_give_their_place_back():
    with Restante(apid_workers=1, wait_limit=2) as restante:
        with Events(restante, "a") as first, Events(restante, "b") as second:
            assert first.answer.status == second.answer.status == 200
            with Events(restante, "c") as third:
                assert third.answer.status == 503
        wait_until(lambda: waiting(restante, "b") == 0, "both have gone")
        with Events(restante, "c") as third:
            assert third.answer.status == 200


# Puts ARGV[1] mails with the subject ARGV[2] into an inbox, and tells of them.
FILL = LUA_FRAME + """for i = 1, ARGV[1] do redis.call('XADD', KEYS[1], '*', 's',
  '"from":"a","to":"b","subject":"' .. ARGV[2] .. '"\\n"size":1', 'z', frame('"x":1')) end
return redis.call('PUBLISH', KEYS[1], 'x')"""


@pytest.mark.parametrize("count, size", [(40_000, 100), (400, 20_000)])
def test_a_slow_client_gets_all_that_it_missed(restante, count, size):
    """Several megabytes, in events small and large, which Redis gives faster than it reads."""
    user = f"slow{size}"
    restante.redis.cli("EVAL", FILL, 1, f"inbox:{{{user}}}", count, "x" * size)
    with contextlib.closing(restante.https()) as slow:
        slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        slow.request("GET", f"/emails/{user}/events",
                     headers={"X-API-KEY": KEY, "Last-Event-ID": "0" * 19})
        answer = slow.getresponse()
        ids = []
        while len(ids) < count:
            line = answer.readline()
            assert line, f"the stream ended behind {len(ids)} events"
            if line.startswith(b"id: "):
                ids.append(line)
                if len(ids) % (count // 10) == 0:
                    time.sleep(0.05)
        assert ids == sorted(set(ids))


def test_a_client_that_does_not_read_is_cut():
    """Though mail comes for it; the worker goes on with the others."""
    with Restante(apid_workers=1) as restante:
        with contextlib.closing(restante.https()) as deaf:
            deaf.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.request("GET", "/emails/deaf/events", headers={"X-API-KEY": KEY})
            wait_until(lambda: waiting(restante, "deaf") == 1, "it listens")
            filled = restante.redis.cli("EVAL", FILL, 1, "inbox:{deaf}", 6000, "x" * 900)
            assert filled == "1"
            wait_until(lambda: waiting(restante, "deaf") == 0, "it is cut off", 30)
            assert restante.api("/emails/other").json() == []
