# SPDX-License-Identifier: ISC
# The API's routes of one message.
import re
import time

import pytest

from testbed.api import FIELDS
from testbed.daemon import Restante
from testbed.redis import LUA_FRAME

NO_ID = "1" * 19


def error_of(answer, status):
    """The text of an error, after a look at its form."""
    assert answer.status == status, answer
    content = answer.json()
    assert list(content) == ["error"]
    return content["error"]


def list_of(restante, user, query=""):
    answer = restante.api(f"/emails/{user}{query}")
    assert answer.status == 200, answer
    return answer.json()


def test_a_message_tells_what_a_test_looks_for(restante):
    restante.send("new@example.com",
                  "From: Shop <no-reply@shop.test>\r\nSubject: Your code\r\n"
                  "Message-ID: <1@shop.test>\r\nContent-Type: text/html\r\n\r\n"
                  '<p>Your code is <b>482913</b>, or <a href="https://shop.test/?a=1&amp;b=2">'
                  "click here</a>.</p>\r\n")
    content = restante.api("/emails/new/latest").json()
    assert content["codes"] == ["482913"]
    assert content["links"] == [{"url": "https://shop.test/?a=1&b=2", "text": "click here"}]
    assert content["addresses"]["from"] == [{"name": "Shop", "address": "no-reply@shop.test"}]
    assert content["message_id"] == "<1@shop.test>"
    assert {"name": "Subject", "value": "Your code"} in content["headers"]
    envelope = content["envelope"]
    assert (envelope["to"], envelope["protocol"]) == ("new@example.com", "ESMTPS")
    assert envelope["tls"]["version"].startswith("TLSv1.")


def test_a_message_is_what_the_list_has_of_it(restante):
    for number in range(3):
        restante.send("one@example.com", f"Subject: {number}\r\n\r\nBody {number}.\r\n")
    restante.send("one@example.com", "Subject: large\r\n\r\n" + "0123456789 \r\n" * 4000)
    listed = list_of(restante, "one")
    assert [mail["subject"] for mail in listed] == ["large", "2", "1", "0"]
    for name, mail in [("latest", listed[0]), *((mail["id"], mail) for mail in listed)]:
        answer = restante.api(f"/emails/One@example.com/{name}")
        assert answer.status == 200
        content = answer.json()
        assert {field: content[field] for field in FIELDS} == mail
    head = restante.api("/emails/one/latest", method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["Content-Length"]) == len(restante.api("/emails/one/latest").body)


def test_details_are_in_the_message_when_they_are_stored(restante):
    put = LUA_FRAME + """return redis.call('XADD', KEYS[1], '*', 's',
        '"from":"a","to":"b","subject":"c"\\n"size":1', 'z', frame('"body_text":"d"', ARGV[1]))"""
    restante.redis.cli("eval", put, 1, "inbox:{details}", '"helo":"h"},"more":{"of":["it"]}')
    mail = restante.api("/emails/details/latest").json()
    assert mail["more"] == {"of": ["it"]}
    assert mail["envelope"] == {"from": "a", "to": "b", "helo": "h"}
    restante.redis.cli("eval", put, 1, "inbox:{details}", "")
    mail = restante.api("/emails/details/latest").json()
    assert mail["body_text"] == "d" and not {"more", "envelope"} & set(mail)


@pytest.mark.parametrize("name", ["latest", NO_ID, "9" * 19])
def test_a_message_that_is_not_there_is_404(restante, name):
    assert error_of(restante.api(f"/emails/no-such/{name}"), 404) == "no such message"


def test_an_id_is_of_its_mailbox_and_exact(restante):
    restante.send("mine@example.com")
    mail, = list_of(restante, "mine")
    for path in (f"/emails/yours/{mail['id']}", f"/emails/mine/{int(mail['id']) + 1}",
                 f"/emails/mine/{int(mail['id']) - 1}"):
        assert error_of(restante.api(path), 404) == "no such message"


@pytest.mark.parametrize("name", ["1", "last", "1" * 20, "0x11111111111111111", "%31" + "1" * 18])
def test_what_is_no_id_is_400(restante, name):
    assert "19 digits" in error_of(restante.api(f"/emails/alice/{name}"), 400)


def test_the_raw_message_is_byte_for_byte_what_was_sent(restante):
    sent = (b"Return-Path: x\r\nSubject: raw\r\nX: \xff\r\n\r\n" + bytes(range(14, 256)) +
            b"a\0b\r\nbare\nLF and bare\rCR\r\n.dot\r\n..\r\n\r\nend \t\r\n")
    with restante.dialogue() as client:
        client.greet().secure().start_mail("raw@example.com")
        client.send(sent.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        assert client.code() == 250
    mail, = list_of(restante, "raw")
    for name in (mail["id"], "latest"):
        answer = restante.api(f"/emails/raw/{name}/raw")
        assert answer.status == 200
        # The sender's own Return-Path gives way to ours.
        expected = sent.removeprefix(b"Return-Path: x\r\n")
        assert answer.body.endswith(b"\r\n" + expected)
        trace = answer.body.removesuffix(expected)
        assert re.fullmatch(rb"Return-Path: <bob@example.org>\r\n"
                            rb"Received: from client\.example\.org [^\r\n]*\r\n"
                            rb"(?:[ \t][^\r\n]*\r\n)*", trace), trace
        assert {field: answer.headers[field] for field in (
            "Content-Type", "Content-Disposition", "Content-Security-Policy",
            "X-Content-Type-Options", "Cache-Control")} == {
                "Content-Type": "message/rfc822",
                "Content-Disposition": f'attachment; filename="{mail["id"]}.eml"',
                "Content-Security-Policy": "default-src 'none'; sandbox",
                "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
        head = restante.api(f"/emails/raw/{name}/raw", method="HEAD")
        assert (head.status, head.body) == (200, b"")
        assert head.headers["Content-Length"] == str(len(answer.body))


def test_a_raw_message_as_large_as_they_may_be_is_given_out():
    with Restante(message_size_limit="1M") as restante:
        data = "Subject: large\r\n\r\n"
        data += "0123456789" * 6 + "\r\n"
        data += ("x" * 62 + "\r\n") * ((2**20 - len(data)) // 64)
        data += "y" * (2**20 - len(data) - 2) + "\r\n"
        restante.send("full@example.com", data)
        answer = restante.api("/emails/full/latest/raw")
        assert (answer.status, answer.body[-2**20:]) == (200, data.encode())


def test_a_stored_message_that_is_too_large_or_damaged_is_500(restante):
    restante.send("damaged@example.com", "Subject: large\r\n\r\n" + "x\r\n" * 20_000)
    key, = restante.redis.cli("keys", "mail:{damaged}:*").split()
    restante.redis.cli("hset", key, "z", "no zstd")
    restante.redis.cli("xadd", "inbox:{damaged}", "*", "s",
                       '"from":"a","to":"b","subject":"small"\n"size":1', "z", "no zstd")
    for mail, subject in zip(list_of(restante, "damaged"), ("small", "large")):
        assert (mail["subject"], mail["body_text"], mail["parse_error"]) == (subject, "", True)
        path = f"/emails/damaged/{mail['id']}"
        assert "damaged" in error_of(restante.api(f"{path}/raw"), 500)
        assert restante.api(path).json()["subject"] == subject


@pytest.mark.parametrize("name, status", [("latest", 404), (NO_ID, 404), ("1", 400)])
def test_a_raw_message_that_is_not_there(restante, name, status):
    error_of(restante.api(f"/emails/no-such/{name}/raw"), status)


def test_one_message_is_deleted_and_nothing_else(restante):
    for number in range(3):
        restante.send("gone@example.com", f"Subject: {number}\r\n\r\n" + "x\r\n" * 10000 * number)
    two, one, zero = list_of(restante, "gone")
    answer = restante.api(f"/emails/Gone/{one['id']}", method="DELETE")
    assert (answer.status, answer.json()) == (
        200, {"message": f"Message {one['id']} has been deleted"})
    assert list_of(restante, "gone") == [two, zero]
    assert len(restante.redis.cli("keys", "mail:{gone}:*").split()) == 1  # small ones have none
    for path in (f"/emails/gone/{one['id']}", f"/emails/gone/{one['id']}/raw"):
        assert error_of(restante.api(path), 404) == "no such message"
    for mail in (two, one, zero, zero):
        restante.api(f"/emails/gone/{mail['id']}", method="DELETE")
    assert restante.redis.cli("keys", "*{gone}*") == ""


@pytest.mark.parametrize("name, status, text", [
    (NO_ID, 404, "no such message"), ("9" * 19, 404, "no such message"), ("1", 400, "19 digits"),
    ("latest", 400, "may change meanwhile"), (NO_ID + "?before=1", 400, "no query parameters")])
def test_what_is_not_deleted(restante, name, status, text):
    restante.send("kept@example.com")
    before = list_of(restante, "kept")
    assert text in error_of(restante.api(f"/emails/kept/{name}", method="DELETE"), status)
    assert list_of(restante, "kept") == before


def test_a_message_past_its_age_is_not_shown():
    with Restante(retention="2s") as restante:
        restante.send("old@example.com")
        mail, = list_of(restante, "old")
        path = f"/emails/old/{mail['id']}"
        assert restante.api(path).status == 200
        # Redis keeps it, so that it is the age which hides it.
        restante.redis.cli("persist", "inbox:{old}")
        time.sleep(2.1)
        assert error_of(restante.api(path, method="DELETE"), 404) == "no such message"
        for name in (mail["id"], "latest"):
            for path in (f"/emails/old/{name}", f"/emails/old/{name}/raw"):
                assert error_of(restante.api(path), 404) == "no such message"
