# SPDX-License-Identifier: ISC
# The rate limits: exact over all workers, told to who is limited, and nobody else's business.
import collections
import contextlib
import http.client
import itertools
import random
import re
import socket

import pytest

from testbed.api import ANOTHER_KEY, ask
from testbed.certificates import tls
from testbed.daemon import Restante
from testbed.machine import LOCAL
from testbed.redis import Redis
from testbed.smtp import deliver
from testbed.waiting import at_once


def test_of_60_mails_at_once_from_one_sender_exactly_50_are_taken(limited):
    answers = [answer for answer, _ in limited.mail_answers]
    assert collections.Counter(code for code, _ in answers) == {250: 50, 450: 10}
    for code, text in answers:
        wait = re.fullmatch(r"4\.7\.1 Rate limit exceeded .* in (\d+) seconds", text)
        assert code == 250 or 0 < int(wait[1]) <= 60
    assert len(limited.daemon.api("/emails/limited", key=ANOTHER_KEY).json()) == 50
    assert len({line.split("sid=")[1].split(".")[0] for line in
                limited.daemon.log.find("event=mail_stored .*from=limited@")}) == 4  # workers


def test_of_130_requests_over_8_connections_exactly_100_are_answered(limited):
    answers = [answer for answer, _ in limited.api_answers]
    assert collections.Counter(answer.status for answer in answers) == {200: 100, 429: 30}
    for answer in answers:
        assert answer.headers["RateLimit-Limit"] == "100"
        assert 0 < int(answer.headers["RateLimit-Reset"]) <= 60
        if answer.status == 429:
            assert answer.json() == {"error": "rate limit exceeded; try again in "
                                     f"{answer.headers['Retry-After']} seconds"}
            assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert sorted((int(answer.headers["RateLimit-Remaining"]) for answer in answers
                   if answer.status == 200)) == list(range(100))
    workers = {line.split("[")[1].split("]")[0] for line in
               limited.daemon.log.find("event=api_request .*path=/emails/limited ")}
    assert len(workers) == 4


def test_clients_who_come_at_once_are_shared_among_the_workers():
    with Restante(apid_workers=2) as restante, contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(20)]
        for client in sockets:  # before any worker is awake
            client.connect((LOCAL, restante.https_port))
        for client in sockets:
            connection = http.client.HTTPConnection(LOCAL)
            connection.sock = stack.enter_context(tls().wrap_socket(client, server_hostname=LOCAL))
            assert ask(connection, "/emails/nobody").status == 200
        workers = collections.Counter(line.split("[")[1].split("]")[0] for line in
                                      restante.log.wait_for("event=api_request ", count=20))
        assert len(workers) == 2 and min(workers.values()) >= 5, workers


def test_others_are_not_affected(limited):
    with limited.daemon.smtp() as client:
        assert deliver(client, "a@example.com", sender="limited@example.org")[0] == 450
        assert deliver(client, "a@example.com", sender="LIMITED@Example.ORG")[0] == 450
        assert deliver(client, "a@example.com", sender="free@example.org")[0] == 250
        assert deliver(client, "a@example.com", sender="limited@example.net")[0] == 250
    assert limited.daemon.api("/emails/a").status == 429
    assert limited.daemon.api("/emails/a", source="127.0.0.2").status == 429  # it is the key's
    assert limited.daemon.api("/emails/a", key=ANOTHER_KEY).status == 200
    assert limited.daemon.api("/emails/a", key="another").status == 401


def test_the_null_sender_is_counted_by_client():
    with Restante(smtp_rate_limit=3) as restante:
        for source in ("127.0.0.3", "127.0.0.4"):
            with restante.smtp(source) as client:
                answers = [deliver(client, "bounces@example.com", sender="") for _ in range(5)]
                assert [code for code, _ in answers] == [250, 250, 250, 450, 450]
                assert deliver(client, "bounces@example.com")[0] in (250, 450)
        assert [mail["from"] for mail in restante.mails("bounces")].count("") == 6


def test_a_sender_is_counted_for_each_network_of_clients():
    with Restante(smtp_rate_limit=2) as restante:
        for source, expected in [("127.1.1.1", [250, 250, 450]), ("127.1.1.2", [450]),
                                 ("127.1.2.1", [250, 250, 450])]:
            with restante.smtp(source) as client:
                assert [deliver(client, "a@example.com")[0] for _ in expected] == expected


def test_a_message_that_never_comes_costs_its_sender_nothing():
    with Restante(smtp_rate_limit=2, smtp_tls="optional") as restante:
        with restante.dialogue("127.1.1.1") as client:
            client.greet()
            for _ in range(10):
                codes = [client.say(command) for command in
                         ("MAIL FROM:<bob@example.org>", "RCPT TO:<a@example.com>", "BDAT 0", "RSET")]
                assert codes == [250] * 4
        with restante.smtp("127.1.1.2") as client:
            assert [deliver(client, "a@example.com")[0] for _ in range(3)] == [250, 250, 450]


def test_of_messages_at_once_the_last_is_refused_as_a_whole():
    """All of them were let in at DATA, when none had come as a whole."""
    with Restante(smtp_rate_limit=2, smtp_tls="optional") as restante, \
            contextlib.ExitStack() as stack:
        clients = [stack.enter_context(restante.dialogue("127.1.1.1")).greet() for _ in range(4)]
        for client in clients:
            client.start_mail("a@example.com").send("Subject: x\r\n\r\n")
        assert sorted(client.say(".") for client in clients) == [250, 250, 450, 450]
        restante.log.wait_for("event=mail_deferred .*reason=smtp_rate_limit", 2)
        assert len(restante.mails("a")) == 2


CLIENT_LIMITS = {
    "messages": ({"smtp_client_message_limit": 5}, 1, "x", [250] * 5),
    "messages of an hour": ({"smtp_client_message_hour_limit": 5}, 1, "x", [250] * 5),
    "recipients": ({"smtp_client_recipient_limit": 7}, 3, "x", [250] * 3),
    "recipients of an hour": ({"smtp_client_recipient_hour_limit": 7}, 3, "x", [250] * 3),
    "bytes": ({"smtp_client_size_limit": "64K"}, 2, "x" * 10_000, [250] * 3),
    "bytes of an hour": ({"smtp_client_size_hour_limit": "64K"}, 2, "x" * 10_000, [250] * 3),
}


@pytest.mark.parametrize("settings, recipients, text, taken", CLIENT_LIMITS.values(),
                         ids=CLIENT_LIMITS)
def test_a_client_has_limits_whoever_its_senders_are(settings, recipients, text, taken):
    with Restante(**settings, smtp_tls="optional") as restante:
        senders = itertools.count()

        def send(source, pid):
            with restante.only(pid, "smtpd"):
                client = restante.smtp(source)
            with client:
                number = next(senders)
                users = [f"user{number}.{i}@example.com" for i in range(recipients)]
                return deliver(client, users, f"Subject: x\n\n{text}", f"{number}@example.org")

        pids = itertools.cycle(restante.pids("smtpd"))
        answers = [send("127.1.1.1", pid) for _, pid in zip(range(len(taken) + 2), pids)]
        assert [code for code, _ in answers] == taken + [450] * 2
        wait = int(re.fullmatch(
            r"4\.7\.1 Rate limit exceeded for this client: try again in (\d+) seconds",
            answers[-1][1])[1])
        assert 0 < wait <= (3600 if "hour" in next(iter(settings)) else 60)
        assert send("127.1.1.2", next(pids))[0] == 250
        restante.log.wait_for("event=mail_refused .*ip=127.1.1.1 .*reply=client_rate_limited", 2)


def test_of_a_clients_messages_at_once_the_last_is_refused():
    with Restante(smtp_client_message_limit=2, smtp_tls="optional") as restante, \
            contextlib.ExitStack() as stack:
        clients = [stack.enter_context(restante.dialogue("127.1.1.1")).greet() for _ in range(4)]
        for client in clients:
            client.start_mail("a@example.com").send("Subject: x\r\n\r\n")
        assert sorted(client.say(".") for client in clients) == [250, 250, 450, 450]
        restante.log.wait_for("event=mail_deferred .*reason=smtp_client_message_limit", 2)


def test_a_client_that_connects_without_end_is_turned_away():
    with Restante(smtp_client_connect_limit=3) as restante:
        codes = []
        for source in ["127.1.1.1"] * 5 + ["127.1.1.2"]:
            with restante.dialogue(source) as client:
                codes.append(client.code())
        assert codes == [220] * 3 + [421] * 2 + [220]
        restante.log.wait_for("ip=127.1.1.1 .*reason=smtp_client_connect_limit", 2)


def test_mail_of_one_client_takes_a_share_of_redis():
    with Redis() as redis:
        used = int(re.search(r"used_memory:(\d+)", redis.cli("INFO", "memory"))[1])
        redis.cli("CONFIG", "SET", "maxmemory", used + 50_000_000)
        share = (used + 50_000_000) // 100
        with Restante(redis, client_store_share=1) as restante:
            noise = random.Random(1).randbytes(share // 4).hex("\n", 30)
            with restante.smtp("127.1.1.1") as client:
                answers = [deliver(client, "a@example.com", f"Subject: x\n\n{noise}")
                           for _ in range(8)]
            codes = [code for code, _ in answers]
            assert codes == sorted(codes) and 2 <= codes.count(250) <= 6
            assert 3600 < int(re.search(r"again in (\d+) seconds", answers[-1][1])[1]) <= 86400
            with restante.smtp("127.1.1.2") as client:
                assert deliver(client, "a@example.com")[0] == 250


def test_recipients_times_size_has_a_limit():
    with Restante(recipient_size_limit="1M", smtp_tls="optional") as restante:
        with restante.dialogue() as client:
            client.greet()
            assert client.say("MAIL FROM:<bob@example.org> SIZE=300000") == 250
            codes = [client.say(f"RCPT TO:<user{i}@example.com>") for i in range(5)]
            assert codes == [250] * 3 + [452] * 2
            assert client.say("DATA") == 354
            client.send("Subject: x\r\n\r\n" + "x\r\n" * 90_000)
            assert client.say(".") == 250
            # Whoever declares no size learns it at the end.
            assert client.say("MAIL FROM:<bob@example.org>") == 250
            assert [client.say(f"RCPT TO:<{user}@example.com>") for user in "abcd"] == [250] * 4
            assert client.say("DATA") == 354
            client.send("Subject: x\r\n\r\n" + "x\r\n" * 90_000)
            assert client.say(".") == 452
            client.start_mail("a@example.com").send("x\r\n" * 400_000)
            assert client.say(".") == 250
        assert restante.mails("d") == []


def test_a_trusted_client_has_no_limits_and_a_blocked_one_is_refused():
    with Restante(smtp_rate_limit=1, smtp_client_connection_limit=1, smtp_tls="optional",
                  client_trusted="127.1.1.0/24 ::1", client_blocked="127.1.2.0/24") as restante:
        with restante.smtp("127.1.1.1") as one, restante.smtp("127.1.1.1") as other:
            for client in (one, other):
                assert [deliver(client, "a@example.com")[0] for _ in range(3)] == [250] * 3
        with restante.dialogue("127.1.2.9") as client:
            assert client.line() == b"554 5.7.1 Mail from 127.1.2.9 is not accepted here"
            assert client.line() == b""
        assert "reason=client_blocked" in restante.closing_line(client)


def test_mail_that_is_refused_before_data_costs_nothing():
    with Restante(smtp_rate_limit=2) as restante, restante.smtp() as client:
        for _ in range(5):
            assert deliver(client, "alice@example.net")[0] == 550
        assert [deliver(client, "alice@example.com")[0] for _ in range(3)] == [250, 250, 450]


def test_who_shares_an_address_does_not_lock_out_who_has_a_key():
    with Restante(api_rate_limit=5, api_key_failure_limit=5) as restante:
        without = [restante.api("/emails/a", key=None).status for _ in range(10)]
        assert without == [401] * 5 + [429] * 5
        wrong = [restante.api("/emails/a", key="wrong", source="127.0.0.2").status
                 for _ in range(10)]
        assert wrong == [401] * 5 + [429] * 5
        for source in ("127.0.0.1", "127.0.0.2"):
            assert restante.api("/emails/a", source=source).status == 200


def test_a_blocked_client_is_refused_and_a_trusted_one_has_no_limit():
    with Restante(api_rate_limit=1, client_blocked="127.1.2.0/24",
                  client_trusted="127.1.1.1") as restante:
        assert [restante.api("/emails/a", source="127.1.1.1").status for _ in range(3)] == [200] * 3
        refused = restante.api("/emails/a", source="127.1.2.9")
        assert refused.status == 403
        assert refused.json() == {"error": "requests from 127.1.2.9 are not accepted here"}


def test_who_guesses_keys_is_made_to_wait_and_others_are_not():
    with Restante(api_key_failure_limit=5, apid_workers=2, api_rate_limit=0,
                  api_key="weak-key") as restante:
        guesses = at_once([lambda: restante.api("/emails/a", key="guess", source="127.0.0.2")] * 12)
        assert collections.Counter(answer.status for answer in guesses) == {401: 5, 429: 7}
        locked = restante.api("/emails/a", key="weak-key", source="127.0.0.2")
        assert locked.status == 429 and 0 < int(locked.headers["Retry-After"]) <= 60
        assert restante.api("/emails/a", key="weak-key").status == 200
        assert restante.api("/healthz", key=None, source="127.0.0.2").status == 200
        line, = restante.log.find("event=wrong_keys")
        assert "ip=127.0.0.2 limit=5" in line and "warning" in line
