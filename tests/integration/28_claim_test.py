# SPDX-License-Identifier: ISC
# A claim gives each mail to one caller, and loses none that it could not give.
import contextlib
import http.client
import json
import re
import signal
import socket
import threading
import time

import pytest

from testbed.api import KEY, ask
from testbed.certificates import tls
from testbed.daemon import Restante
from testbed.machine import LOCAL
from testbed.redis import LUA_FRAME, Redis
from testbed.waiting import at_once, seconds, wait_until

# Puts ARGV[1] mails into an inbox, as a delivery would but for the raw mail.
FILL = LUA_FRAME + """for i = 1, ARGV[1] do redis.call('XADD', KEYS[1], '*', 's',
  '"from":"a@example.org","to":"b@example.com","subject":"' .. i .. '"\\n"size":1,' ..
  '"snippet":"","attachments":0', 'z', frame('"body_text":"","body_html":"","attachments":[]')) end
return redis.call('XLEN', KEYS[1])"""


def claim(restante, user, query="", **request):
    return restante.api(f"/emails/{user}/claim{query}", method="POST", **request)


def subjects(restante, user):
    return [mail["subject"] for mail in restante.mails(user)]


def waiting(restante, user):
    """Workers that wait for mail to this mailbox."""
    return int(restante.redis.cli("PUBSUB", "NUMSUB", f"inbox:{{{user}}}").split()[1])


def send_numbered(restante, user, count):
    for number in range(count):
        restante.send(f"{user}@example.com", f"Subject: {number}\r\n\r\nx\r\n")


def test_the_oldest_mail_comes_out(restante):
    send_numbered(restante, "old", 3)
    one = restante.api("/emails/old").json()[-1]
    whole = restante.api(f"/emails/old/{one['id']}").json()
    assert claim(restante, "old").json() == whole
    wait_until(lambda: subjects(restante, "old") == ["2", "1"], "the mail is out")
    line, = restante.log.wait_for(rf"event=mail_claimed .*id={one['id']} ")
    assert f"ip={LOCAL}" in line and "mailbox=old" in line
    assert restante.api(f"/emails/old/{one['id']}/raw").status == 404
    assert [claim(restante, "old").json()["subject"] for _ in range(2)] == ["1", "2"]
    answer = claim(restante, "old")
    assert (answer.status, answer.json()) == (404, {"error": "no such message"})
    wait_until(lambda: restante.redis.cli("KEYS", "*{old}*") == "", "nothing is left in Redis", 40)


def test_only_mail_that_fits_is_claimed(restante):
    for number in range(150):  # more than are looked at in one step
        restante.send("fit@example.com", f"Subject: noise {number}\r\n\r\nx\r\n")
    restante.send("fit@example.com", "Subject: your code\r\n\r\nx\r\n", "shop@example.net")
    restante.send("fit@example.com", "Subject: your code again\r\n\r\nx\r\n", "shop@example.net")
    assert claim(restante, "fit", "?subject=code&from=shop").json()["subject"] == "your code"
    assert claim(restante, "fit", "?subject=code&from=shop").json()["subject"] == "your code again"
    assert claim(restante, "fit", "?subject=code").status == 404
    after = restante.mails("fit")[1]["id"]
    assert claim(restante, "fit", f"?after={after}").json()["subject"] == "noise 149"
    assert claim(restante, "fit", "?since=9999999999").status == 404
    assert len(restante.api("/emails/fit?limit=1000").json()) == 149


def test_a_claim_looks_at_so_many_mails_and_says_where_to_go_on(restante):
    restante.redis.cli("EVAL", FILL, 1, "inbox:{fat}", 25_000)
    restante.send("fat@example.com", "Subject: needle\r\n\r\nx\r\n")
    query, answers = "?subject=needle", []
    while True:
        answers.append(claim(restante, "fat", query))
        if answers[-1].status != 404:
            break
        told = re.fullmatch(r"none of the first 10000 messages fits; go on with after=(\d{19})",
                            answers[-1].json()["error"])
        query = f"?subject=needle&after={told[1]}"
    assert [answer.status for answer in answers] == [404, 404, 200]
    assert answers[-1].json()["subject"] == "needle"
    restante.send("fat@example.com", "Subject: needle\r\n\r\nx\r\n")
    assert claim(restante, "fat", "?subject=needle&wait=10").json()["subject"] == "needle"


@pytest.mark.parametrize("query", ["", "?subject=big"])
def test_a_mail_without_its_bodies_is_gone_for_a_claim_too(restante, query):
    """Redis may have freed them before the entry, by their age or for want of memory."""
    user = f"freed{len(query)}"
    restante.send(f"{user}@example.com", "Subject: big 1\r\n\r\n" + "x\r\n" * 20_000)
    assert restante.redis.cli("DEL", restante.redis.cli("KEYS", f"mail:{{{user}}}:*")) == "1"
    assert restante.mails(user) == [] and claim(restante, user, query).status == 404
    restante.send(f"{user}@example.com", "Subject: big 2\r\n\r\nx\r\n")
    assert claim(restante, user, query).json()["subject"] == "big 2"


@pytest.mark.parametrize("query", ["?limit=2", "?before=" + "1" * 19, "?view=summary", "?x=1",
                                   "?wait=61"])
def test_what_a_claim_does_not_take_is_refused(restante, query):
    assert claim(restante, "anyone", query).status == 400


def test_other_methods_are_refused(restante):
    for method in ("GET", "DELETE", "PUT"):
        answer = restante.api("/emails/anyone/claim", method=method)
        assert (answer.status, answer.headers["Allow"]) == (405, "POST, OPTIONS")


def test_a_body_is_refused_and_takes_nothing(restante):
    restante.send("body@example.com")
    got = restante.curl("/emails/body/claim", "-d", '{"limit": 1}')
    assert "takes no body" in json.loads(got.stdout)["error"]
    assert json.loads(restante.curl("/emails/body/claim", "-X", "POST", "-d", "").stdout)["id"]


def test_a_claim_waits(restante):
    answers = []
    waiters = [threading.Thread(target=lambda: answers.append(claim(restante, "slow", "?wait=20")))
               for _ in range(2)]
    for waiter in waiters:
        waiter.start()
    wait_until(lambda: waiting(restante, "slow") > 0, "they wait")
    send_numbered(restante, "slow", 2)
    for waiter in waiters:
        waiter.join(seconds(30))
    assert sorted(answer.json()["subject"] for answer in answers) == ["0", "1"]
    begun = time.monotonic()
    assert claim(restante, "slow", "?wait=1").status == 404
    assert time.monotonic() - begun > 0.99  # the loop counts in milliseconds


def test_what_does_not_fit_is_looked_at_once(restante):
    """A waiting claim is not one more look at the whole mailbox for each mail that comes."""
    def reads():
        return int(re.search(r"cmdstat_xrange:calls=(\d+)",
                             restante.redis.cli("INFO", "commandstats"))[1])
    assert restante.redis.cli("EVAL", FILL, 1, "inbox:{other}", 5_000) == "5000"
    answers = []
    waiter = threading.Thread(
        target=lambda: answers.append(claim(restante, "other", "?wait=20&subject=code")))
    before = reads() if "cmdstat_xrange" in restante.redis.cli("INFO", "commandstats") else 0
    waiter.start()
    wait_until(lambda: waiting(restante, "other") > 0, "it waits")
    wait_until(lambda: reads() - before >= 50, "it has looked at all")
    before = reads()
    for subject in ("news", "more news", "code"):
        restante.send("other@example.com", f"Subject: {subject}\r\n\r\nx\r\n")
    waiter.join(seconds(30))
    assert answers[0].json()["subject"] == "code"
    assert reads() - before < 30


def test_each_of_many_mails_is_got_once():
    count = 10_000 if seconds(1) == 1 else 1_000
    with Restante(apid_workers=2) as restante:
        assert restante.redis.cli("EVAL", FILL, 1, "inbox:{many}", count) == str(count)

        def claim_all():
            got = []
            with contextlib.closing(restante.https()) as connection:
                while True:
                    answer = ask(connection, "/emails/many/claim", method="POST")
                    if answer.status == 404:
                        return got
                    assert answer.status == 200, answer
                    got.append(answer.json()["id"])
        claimed = [mail for got in at_once([claim_all] * 16) for mail in got]
        assert len(claimed) == len(set(claimed)) == count
        wait_until(lambda: restante.redis.cli("EXISTS", "inbox:{many}") == "0", "none is left")
        assert len(restante.log.find("event=mail_claimed")) == count


@contextlib.contextmanager
def claim_in_hand(restante, user, fields=""):
    """A claim whose client has the first bytes of its answer; gives a function that reads the rest."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.settimeout(seconds(20))
    raw.connect((LOCAL, restante.https_port))
    with tls().wrap_socket(raw, server_hostname="localhost") as client:
        client.sendall(f"POST /emails/{user}/claim HTTP/1.1\r\nHost: localhost\r\n"
                       f"X-API-KEY: {KEY}\r\n{fields}\r\n".encode())
        answer = http.client.HTTPResponse(client)
        answer.begin()
        assert answer.status == 200
        yield answer.read


def send_big(restante, user):
    """More than the buffers on the way hold."""
    restante.send(f"{user}@example.com", "Subject: big\r\n\r\n" + ("x" * 76 + "\r\n") * 100_000)


def test_a_client_that_leaves_midway_loses_nothing(restante):
    send_big(restante, "midway")
    mail = restante.mails("midway")[0]["id"]
    with claim_in_hand(restante, "midway"):
        assert claim(restante, "midway").status == 404  # it is in hand
        assert restante.mails("midway")[0]["id"] == mail  # and still listed
    assert claim(restante, "midway", "?wait=20").json()["id"] == mail
    wait_until(lambda: restante.mails("midway") == [], "it is out")


@pytest.mark.parametrize("query", ["", "?wait=20"])
def test_a_client_that_leaves_before_its_answer_loses_nothing(query):
    """Even a short answer, which the socket of a client that has gone would still take."""
    with Redis() as redis, Restante(redis=redis, apid_workers=1) as restante:
        restante.send("gone@example.com")
        for moment in ("while Redis is asked", "at once"):
            connection = restante.https()
            if moment == "while Redis is asked":
                redis.signal(signal.SIGSTOP)
            connection.request("POST", f"/emails/gone/claim{query}", headers={"X-API-KEY": KEY})
            connection.close()
            redis.signal(signal.SIGCONT)
            assert claim(restante, "gone", "?wait=20").status == 200, moment
            wait_until(lambda: restante.mails("gone") == [], "it is out")
            restante.send("gone@example.com")


def test_who_waits_gets_what_another_gave_back(restante):
    send_big(restante, "second")
    answers = []
    waiter = threading.Thread(target=lambda: answers.append(claim(restante, "second", "?wait=25")))
    with claim_in_hand(restante, "second"):
        waiter.start()
        wait_until(lambda: waiting(restante, "second") > 0, "it waits")
    waiter.join(seconds(15))  # long before the lease is over
    assert answers[0].json()["subject"] == "big"


def test_a_worker_that_dies_gives_its_mail_back_in_time():
    with Restante(apid_workers=1) as restante:
        send_big(restante, "dead")
        with claim_in_hand(restante, "dead"):
            pid, = restante.pids("apid")
            restante.kill(pid)
            restante.log.wait_for("event=process_died")
            restante.wait_until_complete()
        (mail, lease), = zip(*[iter(restante.redis.cli("HGETALL", "claimed:{dead}").split())] * 2)
        left = int(lease) / 1000 - time.time()
        assert 0 < left <= 30 and claim(restante, "dead").status == 404
        # The rest of the half minute need not pass here: the lease ends in a second.
        restante.redis.cli("HSET", "claimed:{dead}", mail, int((time.time() + 1) * 1000))
        answer = claim(restante, "dead", "?wait=15")  # hears of it without an event
        assert answer.json()["subject"] == "big"
        wait_until(lambda: restante.mails("dead") == [], "it is out")


def test_an_outage_between_answer_and_removal_gives_nothing_twice():
    with Redis() as redis, Restante(redis=redis, apid_workers=1) as restante:
        send_big(restante, "cut")
        with claim_in_hand(restante, "cut") as read:
            redis.kill()
            restante.log.wait_for("event=redis_lost")
            assert json.loads(read())["subject"] == "big"
        redis.start()
        restante.log.wait_for("event=mail_claimed", 1, 20)
        assert claim(restante, "cut").status == 404
        assert restante.mails("cut") == []


@pytest.mark.parametrize("is_away", [False, True])
def test_a_stop_gives_nothing_twice(is_away):
    """The worker stays until Redis knows what was sent, though its last client has gone."""
    with Redis() as redis, Restante(redis=redis, apid_workers=1) as restante:
        send_big(restante, "stop")
        with claim_in_hand(restante, "stop", "Connection: close\r\n") as read:
            if is_away:
                redis.kill()
                restante.log.wait_for("event=redis_lost")
            restante.process.terminate()
            assert json.loads(read())["subject"] == "big"
        if is_away:
            redis.start()
        restante.stop()
        restante.log.wait_for("event=mail_claimed")
        assert redis.cli("EXISTS", "inbox:{stop}") == "0"


def test_a_worker_that_cannot_tell_redis_goes_in_time():
    with Redis() as redis, Restante(redis=redis, apid_workers=1, drain_timeout="1s") as restante:
        send_big(restante, "lost")
        with claim_in_hand(restante, "lost") as read:
            redis.kill()
            restante.log.wait_for("event=redis_lost")
            assert json.loads(read())["subject"] == "big"
        restante.stop()
