# SPDX-License-Identifier: ISC
# What is stored of a mail as it came: the trace header on top, then the bytes of the sender.
import re

from testbed.daemon import Restante
from testbed.machine import LOCAL


def test_the_stored_mail_has_one_trace_header_on_top_and_then_the_bytes_as_they_came():
    data = b"Return-Path: <old@example.net>\r\nSubject: odd \xe9\r\n\r\nbody\x00\r\n.dot\r\nend\r\n"
    with Restante() as restante:
        with restante.smtp() as client:
            client.sendmail("bob@example.org", ["alice@example.com"], data)
        raw = restante.api("/emails/alice/latest/raw").body
    trace = re.compile(
        rb"Return-Path: <bob@example.org>\r\n"
        rb"Received: from \S+ \(\[" + re.escape(LOCAL.encode()) + rb"\]\)\r\n"
        rb"\tby localhost \(restante\) with ESMTPS id [0-9a-f]+\.[0-9a-f]+\r\n"
        rb"\t\(TLSv1\.[23] [A-Z0-9_-]+\)\r\n"
        rb"\tfor <alice@example\.com>;\r\n"
        rb"\t[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000\r\n")
    found = trace.match(raw)
    assert found, raw
    assert raw[found.end():] == data.removeprefix(b"Return-Path: <old@example.net>\r\n")


def test_the_details_of_a_mail_are_stored_with_the_envelope_of_each_recipient():
    data = (b"From: =?utf-8?q?B=C3=B6b?= <bob@example.net>\r\nMessage-ID: <1@example.net>\r\n"
            b"Subject: Your code\r\n\r\nhttps://example.net/verify\r\n\r\n482913\r\n")
    with Restante() as restante:
        with restante.smtp() as client:
            client.ehlo("client.test")
            client.sendmail("bob@example.org", ["alice@example.com", "carol@example.com"], data)
        alice, carol = restante.details("alice"), restante.details("carol")
    assert list(alice) == ["envelope", "size", "message_id", "date", "headers", "addresses",
                           "attachment_details", "links", "codes"]
    envelope = alice.pop("envelope")
    assert carol.pop("envelope") == envelope | {"to": "carol@example.com"}
    assert carol == alice
    tls = envelope.pop("tls")
    assert re.fullmatch(r"TLSv1\.[23]", tls["version"])
    assert re.fullmatch("[A-Z0-9_-]+", tls["cipher"])
    assert envelope == {"from": "bob@example.org", "to": "alice@example.com", "client_ip": LOCAL,
                        "helo": "client.test", "protocol": "ESMTPS"}
    assert alice["size"] == len(data)
    assert alice["message_id"] == "<1@example.net>"
    assert [field["name"] for field in alice["headers"]] == ["From", "Message-ID", "Subject"]
    assert alice["addresses"]["from"] == [{"name": "B\u00f6b", "address": "bob@example.net"}]
    assert alice["links"] == [{"url": "https://example.net/verify", "text": ""}]
    assert alice["codes"] == ["482913"]


def test_details_that_are_larger_than_a_packet_are_stored_whole():
    urls = [f"https://example.net/{i}/{'x' * 1500}" for i in range(100)]
    with Restante() as restante:
        restante.send("alice@example.com", "Subject: long\r\n\r\n" + "\r\n".join(urls) + "\r\n")
        mail, = restante.mails("alice")
        details = restante.details("alice")
    assert mail["body_text"].split() == urls
    assert [link["url"] for link in details["links"]] == urls
