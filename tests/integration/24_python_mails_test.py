# SPDX-License-Identifier: ISC
# The mails of Python's own tests of its email package: odd and broken ones that others collected.
import contextlib
import email
import email.policy
import pathlib
import re
import sysconfig

import pytest

from testbed.api import ask
from testbed.daemon import Restante
from testbed.redis import Redis
from testbed.smtp import deliver

DATA = pathlib.Path(sysconfig.get_path("stdlib")) / "test/test_email/data"
MAILS = sorted(DATA.glob("*.txt"))
TRACE = re.compile(rb"Return-Path: <bob@example\.org>\r\n"
                   rb"Received: from client\.example\.org [^\r\n]*\r\n(?:\t[^\r\n]*\r\n)+")


def as_sent(path):
    """With line ends as smtplib makes them."""
    lines = re.sub(rb"\r\n|\r|\n", b"\r\n", path.read_bytes())
    return lines if lines.endswith(b"\r\n") else lines + b"\r\n"


def parsed_without_defects(raw):
    """By Python's parser; None when it finds anything wrong in any part."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    subject = message["Subject"]
    is_good = not any(part.defects for part in message.walk()) and not (subject and subject.defects)
    return message if is_good else None


@pytest.fixture(scope="module")
def daemon():
    with Redis(appendfsync="everysec") as redis, Restante(redis=redis) as restante:
        yield restante


@pytest.mark.skipif(not MAILS, reason=f"THERE ARE NO MAILS IN {DATA}: make check-deps")
def test_every_mail_of_pythons_tests_is_stored_as_it_came_and_read(daemon):
    compared = 0
    with contextlib.closing(daemon.https()) as api, daemon.smtp() as client:
        for path in MAILS:
            sent = as_sent(path)
            user = path.stem.lower()
            assert deliver(client, f"{user}@example.com", sent)[0] == 250, path

            raw = ask(api, f"/emails/{user}/latest/raw").body
            kept = re.sub(rb"^Return-Path:.*\r\n", b"", sent)  # gives way to ours
            assert raw.endswith(kept), path
            assert TRACE.fullmatch(raw.removesuffix(kept)), path

            entry, = ask(api, f"/emails/{user}").json()
            message = ask(api, f"/emails/{user}/latest").json()
            assert {field: message[field] for field in entry} == entry, path
            assert message["size"] == len(kept), path
            assert len(message["attachment_details"]) == len(message["attachments"]), path

            parsed = parsed_without_defects(kept)
            if parsed:
                compared += 1
                # The tab of a fold is a space, as every control character is.
                subject = (parsed["Subject"] or "").replace("\t", " ").strip(" ")
                assert message["subject"] == subject, path
                assert [field["name"] for field in message["headers"]] == list(parsed.keys()), path
                # A boundary in the form of RFC 2231 is not followed: parsers disagree on it.
                assert message.get("parse_error", False) == (b"boundary*=" in kept), path
    assert compared > len(MAILS) / 2
