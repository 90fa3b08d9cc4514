# SPDX-License-Identifier: ISC
# What is stored of a mail as it came: the trace header on top, then the bytes of the sender.
import re
import subprocess

from harness import LOCAL, Restante


def raw_mail(restante, user):
    """The stored bytes; the frame is zstd's, and any reader of it will do."""
    def cli(*words):
        return subprocess.run(["redis-cli", "-s", restante.redis.path, *words], check=True,
                              capture_output=True).stdout.removesuffix(b"\n")
    key = cli("KEYS", f"mail:{{{user}}}:*")
    frame = cli("HGET", key, "r")
    return subprocess.run(["zstd", "-dcq"], input=frame, check=True, capture_output=True).stdout


def test_the_stored_mail_has_one_trace_header_on_top_and_then_the_bytes_as_they_came():
    data = b"Return-Path: <old@example.net>\r\nSubject: odd \xe9\r\n\r\nbody\x00\r\n.dot\r\nend\r\n"
    with Restante() as restante:
        with restante.smtp() as client:
            client.sendmail("bob@example.org", ["alice@example.com"], data)
        raw = raw_mail(restante, "alice")
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
