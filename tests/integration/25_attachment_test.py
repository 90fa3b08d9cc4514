# SPDX-License-Identifier: ISC
# Attachments and raw mail as downloads: the bytes, in whole and in part, and what they cost.
import contextlib
import email.message
import hashlib
import http.client
import json
import os
import pathlib
import random
import re
import signal
import threading
import time

import pytest

from testbed.api import KEY, ask
from testbed.build import SOURCE
from testbed.certificates import tls
from testbed.daemon import Restante
from testbed.waiting import at_once, wait_until

GOLDEN = SOURCE / "tests/golden/mime"
MIB = 2**20
IS_MEASURED = os.environ.get("RESTANTE_TEST_SLOW", "1") == "1"  # sanitizers take memory of their own


def error_of(answer, status):
    """The text of an error, after a look at its form."""
    assert answer.status == status, answer
    content = answer.json()
    assert list(content) == ["error"]
    return content["error"]


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def mail_with(*attachments):
    """A mail with text and (name, type, bytes) in base64."""
    mail = email.message.EmailMessage()
    mail["Subject"] = "attachments"
    mail.set_content("See below.")
    for name, kind, data in attachments:
        mail.add_attachment(data, *kind.split("/"), filename=name)
    return mail.as_bytes(policy=mail.policy.clone(linesep="\r\n"))


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


def peak_memory(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) * 1024


def test_an_attachment_is_what_its_details_say(restante):
    sent = [("résumé €.pdf", "application/pdf", noise(1000)), ("a.txt", "application/json", b"{}"),
            ('quo"te%41.bin', "application/octet-stream", noise(200_000)), ("empty", "image/png", b"")]
    restante.send("all@example.com", mail_with(*sent))
    mail = restante.api("/emails/all/latest").json()
    assert [one["number"] for one in mail["attachment_details"]] == [1, 2, 3, 4]
    for told, (_, kind, data) in zip(mail["attachment_details"], sent):
        answer = restante.api(f"/emails/all/{mail['id']}/attachments/{told['number']}")
        assert (answer.status, answer.body) == (200, data)
        assert (told["size"], told["sha256"]) == (len(data), sha256(data))
        assert answer.headers["Content-Length"] == str(len(data))
        assert answer.headers["Content-Type"] == told["type"] == kind
        name = answer.headers["Content-Disposition"]
        assert email.message_from_string(f"Content-Disposition: {name}").get_filename()
        assert name.isascii() and name.startswith('attachment; filename="')
        assert {field: answer.headers[field] for field in (
            "Content-Security-Policy", "X-Content-Type-Options", "Cache-Control", "ETag")} == {
                "Content-Security-Policy": "default-src 'none'; sandbox",
                "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
                "ETag": f'"{mail["id"]}-{told["number"]}"'}
    first = restante.api("/emails/all/latest/attachments/1").headers["Content-Disposition"]
    assert first == ('attachment; filename="r_sum_ _.pdf"; '
                     "filename*=UTF-8''r%C3%A9sum%C3%A9%20%E2%82%AC.pdf")


def test_every_attachment_of_the_golden_mails_is_what_its_details_say(restante):
    seen = 0
    with restante.smtp() as client:
        for number, file in enumerate(sorted(GOLDEN.glob("*.eml"))):
            expected = json.loads(file.with_suffix(".json").read_text())["details"]
            if not expected["attachment_details"]:
                continue
            # Not sendmail(), which would change line ends.
            client.mail("bob@example.org")
            client.rcpt(f"golden{number}@example.com")
            assert client.docmd("DATA")[0] == 354
            data = file.read_bytes()
            data = data if data.endswith(b"\r\n") else data + b"\r\n"
            client.send((b"\r\n" + data).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n")
            assert client.getreply()[0] == 250, file
            mail = restante.api(f"/emails/golden{number}/latest").json()
            details = mail["attachment_details"]
            assert len(details) == len(expected["attachment_details"]), file
            for told in details:
                answer = restante.api(f"/emails/golden{number}/latest/attachments/{told['number']}")
                assert (answer.status, len(answer.body)) == (200, told["size"]), file
                assert sha256(answer.body) == told["sha256"], file
                seen += 1
            path = f"/emails/golden{number}/latest/attachments/{len(details) + 1}"
            assert error_of(restante.api(path), 404).endswith(f" has {len(details)}"), file
    assert seen >= 24


@pytest.mark.parametrize("head", [b"From bob Mon Jan  1 00:00:00 2026\r\n", b" folded\r\n", b""])
def test_what_stands_on_top_of_a_mail_changes_no_number(restante, head):
    user = f"top{len(head)}"
    with restante.dialogue() as client:
        client.greet().secure().start_mail(f"{user}@example.com")
        client.send(head + mail_with(("a.bin", "application/x-a", b"first"),
                                     ("b.bin", "application/x-b", b"second")) + b"\r\n.\r\n")
        assert client.code() == 250
    told = restante.api(f"/emails/{user}/latest").json()["attachment_details"]
    assert len(told) == (0 if head.startswith(b" ") else 2)
    for one in told:
        answer = restante.api(f"/emails/{user}/latest/attachments/{one['number']}")
        assert (answer.status, sha256(answer.body)) == (200, one["sha256"])
    path = f"/emails/{user}/latest/attachments/{len(told) + 1}"
    assert error_of(restante.api(path), 404) == (
        f"no such attachment; the message has {len(told)}")


def test_latest_takes_its_filters(restante):
    for subject in "one", "two":
        mail = mail_with((f"{subject}.bin", "application/x-a", subject.encode()))
        restante.send("filter@example.com",
                      mail.replace(b"Subject: attachments", f"Subject: {subject}".encode()))
    for query, body in ("", b"two"), ("?subject=one", b"one"):
        assert restante.api(f"/emails/filter/latest/attachments/1{query}").body == body
    error_of(restante.api("/emails/filter/latest/attachments/1?subject=three"), 404)
    error_of(restante.api("/emails/filter/latest/attachments/1?limit=1"), 400)


@pytest.mark.parametrize("number", ["0", "a.pdf", "-1", "1.0", "%31", "9" * 30])
def test_what_is_no_number_of_an_attachment_is_400(restante, number):
    answer = restante.api(f"/emails/alice/latest/attachments/{number}")
    assert "numbered from 1" in error_of(answer, 400)


def test_an_attachment_that_is_not_there_is_404(restante):
    assert error_of(restante.api("/emails/no-such/latest/attachments/1"), 404) == "no such message"
    restante.send("none@example.com")
    for number in (1, 2**63, 2**64 - 1):
        assert error_of(restante.api(f"/emails/none/latest/attachments/{number}"), 404) == (
            "no such attachment; the message has 0")


# The raw mail of 300 kB comes from a file, the other one from memory.
@pytest.mark.parametrize("bytes_sent", [100, 300_000])
@pytest.mark.parametrize("path", ["/emails/part/latest/attachments/1", "/emails/part/latest/raw"])
def test_a_part_is_given_where_one_is_asked_for(restante, path, bytes_sent):
    mail = mail_with(("a.bin", "application/x-a", noise(bytes_sent)))
    restante.send("part@example.com", mail)
    whole = restante.api(path)
    assert (whole.status, whole.headers["Accept-Ranges"]) == (200, "bytes")
    etag, size = whole.headers["ETag"], len(whole.body)

    def fields(status, body, **headers):
        answer = restante.api(path, headers={
            name.replace("_", "-"): value for name, value in headers.items()})
        assert answer.status == status, headers
        if body is not None:
            assert answer.body == body, headers
        return answer.headers
    for asked, start, end in (("0-0", 0, 1), ("10-49", 10, 50), ("20-", 20, size),
                              ("-7", size - 7, size), (f"5-{size + 9}", 5, size)):
        part = fields(206, whole.body[start:end], Range=f"bytes={asked}")
        assert part["Content-Range"] == f"bytes {start}-{end - 1}/{size}"
        assert part["Content-Length"] == str(end - start)
        assert (part["ETag"], part["Content-Type"]) == (etag, whole.headers["Content-Type"])
    for asked in ("bytes=1-2,5-6", "bytes=2-1", "lines=1-2", "bytes=a"):
        assert "Content-Range" not in fields(200, whole.body, Range=asked)
    for asked in (f"bytes={size}-", "bytes=-0"):
        assert fields(416, None, Range=asked)["Content-Range"] == f"bytes */{size}"
    fields(206, whole.body[:2], Range="bytes=0-1", If_Range=etag)
    fields(200, whole.body, Range="bytes=0-1", If_Range='"another"')
    again = fields(304, b"", If_None_Match=f'"another", W/{etag}', Range="bytes=0-1")
    assert (again["ETag"], again["Cache-Control"]) == (etag, "no-store")
    assert again["Content-Length"] == str(size)  # of the 200
    fields(200, whole.body, If_None_Match='"another"')
    for headers in ({}, {"Range": "bytes=0-1"}):
        head = restante.api(path, method="HEAD", headers=headers)
        assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(size))


@pytest.mark.parametrize("path", ["attachments/1", "raw", "attachments/1?wait=5"])
def test_a_client_may_close_its_half_and_read_on(restante, path):
    user = f"half{len(path)}"
    restante.send(f"{user}@example.com", mail_with(("a.bin", "application/x-a", noise(6 * MIB))))
    with restante.dialogue(port=restante.https_port, receive_buffer=4096) as client:
        client.socket = tls().wrap_socket(client.socket, server_hostname="localhost")
        client.send(f"GET /emails/{user}/latest/{path} HTTP/1.1\r\nHost: localhost\r\n"
                    f"X-API-KEY: {KEY}\r\n\r\n")
        if "wait" not in path:  # who waits has gone when it closes
            client.finish_writing()
        answer = http.client.HTTPResponse(client.socket)
        answer.begin()
        client.finish_writing()
        assert answer.status == 200 and len(answer.read()) == int(answer.headers["Content-Length"])


def test_a_large_mail_goes_through_the_worker_in_pieces():
    data = noise(20 * MIB)
    with Restante(message_size_limit="32M", apid_workers=1) as restante:
        mail = mail_with(("large.bin", "application/x-a", data))
        restante.send("large@example.com", mail)
        key, = restante.redis.cli("keys", "mail:{large}:*").split()
        names = restante.redis.cli("hkeys", key).split()
        assert len(names) >= 21 and set(names) == {"z"} | {f"z{i}" for i in range(1, len(names))}
        sizes = [int(restante.redis.cli("hstrlen", key, name)) for name in names]
        assert max(sizes) == MIB and sizes.count(MIB) == len(names) - 2
        pid, = restante.pids("apid")
        restante.api("/emails/large")
        before = peak_memory(pid)
        answer = restante.api("/emails/large/latest/attachments/1")
        assert (answer.status, sha256(answer.body)) == (200, sha256(data))
        after_one = peak_memory(pid)
        raw_mail = restante.api("/emails/large/latest/raw").body
        assert raw_mail.endswith(mail)
        both = at_once([lambda: restante.api("/emails/large/latest/attachments/1").body,
                        lambda: restante.api("/emails/large/latest/raw").body])
        assert [sha256(body) for body in both] == [sha256(data), sha256(raw_mail)]
        after = peak_memory(pid)
        print(f"apid's peak: {before / MIB:.1f} MiB before, {after_one / MIB:.1f} after the "
              f"attachment of {len(data) / MIB:.0f}, {after / MIB:.1f} after all four downloads")
        if IS_MEASURED:
            assert after - before < len(data) / 2


def test_downloads_that_nobody_reads_take_bounded_memory():
    """Further ones are answered 503, until those who have begun have got theirs or gone."""
    data = noise(6 * MIB)
    with Restante(apid_workers=1, api_rate_limit=0, download_memory_limit="40M") as restante:
        restante.send("much@example.com", mail_with(("a.bin", "application/x-a", data)))
        path = "/emails/much/latest/attachments/1"
        with contextlib.ExitStack() as clients:
            answers = []
            for _ in range(3):  # who has got it and stays holds nothing
                idle = clients.enter_context(contextlib.closing(restante.https()))
                assert ask(idle, path).body == data
            for _ in range(8):
                client = restante.dialogue(port=restante.https_port, receive_buffer=4096)
                clients.enter_context(client)
                client.socket = tls().wrap_socket(client.socket, server_hostname="localhost")
                client.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: {KEY}\r\n\r\n")
                answers.append(clients.enter_context(http.client.HTTPResponse(client.socket)))
                answers[-1].begin()
            assert [answer.status for answer in answers] == [200] * 3 + [503] * 5
            assert answers[-1].headers["Retry-After"] and b"no room" in answers[-1].read()
            assert restante.api("/emails/much/latest").status == 200
        wait_until(lambda: restante.api(path).body == data, "those clients have gone")


def test_a_piece_that_is_missing_or_a_mail_that_went_meanwhile():
    with Restante(message_size_limit="8M") as restante:
        restante.send("piece@example.com",
                      mail_with(("a.bin", "application/x-a", noise(3 * MIB))))
        key, = restante.redis.cli("keys", "mail:{piece}:*").split()
        restante.redis.cli("hdel", key, "z2")
        for path in ("raw", "attachments/1"):
            assert "damaged" in error_of(restante.api(f"/emails/piece/latest/{path}"), 500)
        restante.redis.cli("del", key)
        for path in ("raw", "attachments/1"):
            assert error_of(restante.api(f"/emails/piece/latest/{path}"), 404) == "no such message"


def test_a_parser_that_is_killed_is_replaced_by_another_try():
    data = noise(6 * MIB)
    mail = mail_with(("a.bin", "application/x-a", data))
    with Restante(message_size_limit="16M", mimed_workers=2) as restante:
        restante.send("killed@example.com", mail)
        chance = random.Random(5)
        for _ in range(12):
            killer = threading.Timer(chance.uniform(0.01, 0.12), lambda: restante.kill(
                chance.choice(sorted(restante.pids("mimed")) or [restante.process.pid])))
            killer.start()
            answer = restante.api("/emails/killed/latest/attachments/1")
            killer.join()
            assert (answer.status, sha256(answer.body)) == (200, sha256(data))
            restante.wait_until_complete()
        restante.log.wait_for("restante-(apid|smtpd).* event=parser_lost ")
        # With the only two stopped, the request waits in a parser that will never look at it.
        pids = restante.pids("mimed")
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        killer = threading.Timer(0.3, lambda: [restante.kill(pid) for pid in pids])
        killer.start()
        answer = restante.api("/emails/killed/latest/attachments/1")
        killer.join()
        assert (answer.status, sha256(answer.body)) == (200, sha256(data))


def test_without_a_parser_there_is_503():
    with Restante(mimed_workers=1, mime_timeout="200ms", api_timeout="1s") as restante:
        restante.send("stopped@example.com", mail_with(("a.bin", "application/x-a", b"a")))
        with restante.only(0, "mimed"):  # stops it
            began = time.monotonic()
            answer = restante.api("/emails/stopped/latest/attachments/1")
            assert "no parser" in error_of(answer, 503)
            assert time.monotonic() - began > 1
            assert answer.headers["Retry-After"]
        assert restante.api("/emails/stopped/latest/attachments/1").body == b"a"


def test_several_ask_at_once_over_their_connections(restante):
    parts = [(f"{i}.bin", "application/x-a", noise(50_000 * (i + 1), i)) for i in range(4)]
    restante.send("many@example.com", mail_with(*parts))

    def read_all(start):
        with_connection = restante.https()
        got = [ask(with_connection, f"/emails/many/latest/attachments/{(start + i) % 4 + 1}").body
               for i in range(8)]
        with_connection.close()
        return [got[(i - start) % 4] for i in range(4)]
    wanted = [data for _, _, data in parts]
    assert at_once([lambda i=i: read_all(i) for i in range(8)]) == [wanted] * 8
