# SPDX-License-Identifier: ISC
# What messages and answers take in memory is bounded, whoever sends them and however slowly.
import contextlib
import http.client
import os
import pathlib
import re

from testbed.api import KEY, ask
from testbed.certificates import tls
from testbed.daemon import Restante
from testbed.machine import LOCAL
from testbed.smtp import deliver
from testbed.waiting import at_once, wait_until

MIB = 1024 * 1024
IS_MEASURED = "asan" not in os.environ.get("RESTANTE_BUILD", "")


def peak_memory(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024


def lines(count):
    return (b"x" * 62 + b"\r\n") * (count // 64)


def noise(count):
    return b"\r\n".join(os.urandom(500).hex().encode() for _ in range(count // 1000))


def test_the_only_message_may_be_larger_than_the_memory():
    with Restante(smtpd_workers=1, data_memory_limit="2M", smtp_tls="optional") as restante, \
            restante.dialogue("127.0.0.2") as large, restante.dialogue("127.0.0.2") as another:
        large.greet().start_mail("large@example.com").send(lines(3 * MIB))
        another.greet()
        wait_until(lambda: another.say("RSET") and another.say("MAIL FROM:<b@example.org>") == 452,
                   "the client has its share")
        assert large.say(".") == 250


def test_who_holds_most_gives_up_its_largest_message_when_memory_is_full():
    with Restante(smtpd_workers=1, data_memory_limit="2M", smtp_tls="optional") as restante, \
            restante.dialogue("127.0.0.2") as large, restante.dialogue("127.0.0.3") as small:
        large.greet().start_mail("large@example.com").send(lines(3 * MIB // 2))
        small.greet().start_mail("small@example.com")
        for _ in range(8):
            small.send(lines(MIB // 8))
        assert large.line() == b"452 4.3.1 Too much mail at once: try again later"
        assert large.line() == b""
        assert "reason=data_memory_limit" in restante.closing_line(large)
        assert small.say(".") == 250
        assert len(restante.mails("small")) == 1 and restante.mails("large") == []


def test_many_small_messages_of_one_client_do_not_drive_out_a_large_one():
    others = [f"127.0.1.{n}" for n in range(1, 6)]
    with Restante(smtpd_workers=1, data_memory_limit="8M", smtp_tls="optional",
                  smtp_client_connection_limit=0) as restante, contextlib.ExitStack() as stack:
        trickling = [stack.enter_context(restante.dialogue("127.0.0.2")) for _ in range(50)]
        for client in trickling:
            client.greet().start_mail("trickle@example.com").send(lines(150 * 1024))
        for source in others:
            client = stack.enter_context(restante.dialogue(source)).greet()
            client.start_mail("large@example.com").send(lines(MIB))
            assert client.say(".") == 250
        assert len(restante.mails("large")) == len(others)
        assert restante.log.find("event=client_closed .*ip=127.0.0.2 .*reason=data_memory_limit")


def test_recipients_count_as_message_data():
    with Restante(smtpd_workers=1, data_memory_limit="1M", smtp_tls="optional",
                  recipient_limit=1000) as restante, \
            restante.dialogue("127.0.0.2") as many, restante.dialogue("127.0.0.3") as small:
        small.greet().start_mail("small@example.com")
        many.greet().say("MAIL FROM:<bob@example.org>")
        codes = [many.say(f"RCPT TO:<alice.{n}@example.com>") for n in range(900)]
        assert set(codes) == {250}
        small.send(lines(MIB // 4))
        assert many.code() == 452
        assert small.say(".") == 250


def test_a_large_mail_to_many_is_not_in_memory_for_each():
    to = [f"user{n}@example.com" for n in range(40)]
    with Restante(smtpd_workers=1) as restante:
        pid, = restante.pids("smtpd")
        with restante.smtp() as client:
            data = b"Subject: large\r\n\r\n" + noise(2 * MIB)
            before = peak_memory(pid)
            assert deliver(client, to, data)[0] == 250
            growth = peak_memory(pid) - before
            print(f"{len(data) / MIB:.1f} MiB to {len(to)}: {growth / MIB:.1f} MiB")
            assert not IS_MEASURED or growth < 20 * len(data)
        for n in range(len(to)):
            assert len(restante.mails(f"user{n}")) == 1


def test_large_mails_that_come_at_once_are_all_stored():
    data = b"Subject: large\r\n\r\n" + noise(12 * MIB)
    with Restante(smtpd_workers=1) as restante:
        pid, = restante.pids("smtpd")
        before = peak_memory(pid)

        def send():
            with restante.smtp() as client:
                return deliver(client, "alice@example.com", data, sender="")[0]
        assert at_once([send] * 6) == [250] * 6
        growth = peak_memory(pid) - before
        print(f"6 of {len(data) / MIB:.1f} MiB at once: {growth / MIB:.1f} MiB")
        page = restante.api("/emails/alice?view=summary").json()
        assert [mail["subject"] for mail in page] == ["large"] * 6


# The mail that is there, a thousand times more.
FILL = """local mail = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local time = string.match(mail[1], '^%d+')
for i = 1, 1000 do redis.call('XADD', KEYS[1], time .. '-' .. i, unpack(mail[2])) end"""


def test_long_lists_that_are_asked_for_at_once_are_not_all_in_the_memory_of_redis():
    with Restante(apid_workers=1, http_api_listen=f"{LOCAL}:0", api_timeout="30s") as restante:
        restante.send("long@example.com", b"Subject: long\r\n\r\n" + lines(15_000))
        restante.redis.cli("EVAL", FILL, "1", "inbox:{long}")
        restante.send("long@example.com", b"Subject: large\r\n\r\n" + lines(MIB))
        size = len(restante.api("/emails/long?limit=1000").body)
        before = peak_memory(restante.redis.process.pid)

        def ask_for_all():
            connection = http.client.HTTPConnection(LOCAL, restante.http_api_port, timeout=60)
            with contextlib.closing(connection):
                return len(ask(connection, "/emails/long?limit=1000").body)
        assert at_once([ask_for_all] * 24) == [size] * 24
        growth = peak_memory(restante.redis.process.pid) - before
        print(f"24 lists of {size / MIB:.0f} MiB: Redis grew by {growth / MIB:.0f} MiB")
        assert growth < 9 * size  # a few at once, and what Redis makes of them


def test_lists_that_nobody_reads_take_bounded_memory():
    """Further ones are answered 503, until those who have begun have got theirs or gone."""
    with Restante(apid_workers=1, download_memory_limit="32M") as restante:
        for _ in range(2):
            restante.send("much@example.com", b"Subject: much\r\n\r\n" + lines(4 * MIB), sender="")
        with contextlib.ExitStack() as clients:
            answers = []
            for _ in range(5):
                client = clients.enter_context(
                    restante.dialogue(port=restante.https_port, receive_buffer=4096))
                client.socket = tls().wrap_socket(client.socket, server_hostname="localhost")
                client.send(f"GET /emails/much HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: {KEY}\r\n\r\n")
                answers.append(clients.enter_context(http.client.HTTPResponse(client.socket)))
                answers[-1].begin()
            assert [answer.status for answer in answers] == [200] * 2 + [503] * 3
            assert answers[-1].headers["Retry-After"] and b"no room" in answers[-1].read()
            assert restante.api("/emails/much/latest?view=summary").status in (200, 400, 503)
        wait_until(lambda: restante.api("/emails/much").status == 200, "those clients have gone")
