# SPDX-License-Identifier: ISC
# Mail that is made to knock over parsers: it is taken and marked, and other mail goes on flowing.
import threading
import time

import pytest

from testbed.api import FIELDS
from testbed.daemon import Restante
from testbed.smtp import deliver
from testbed.waiting import seconds

# What another sender may have to wait for its 250 meanwhile; far above a parser's start-up, far
# below the time that the parser is given for the poison.
PATIENCE = 1

POISON = {
    "nested groups": b"To: " + b"g:" * 41_000 + b"\r\nSubject: groups\r\n\r\nHello.\r\n",
    "empty parts": (b"Subject: parts\r\nMIME-Version: 1.0\r\n"
                    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
                    + b"--b\r\n\r\n" * 1_000_000 + b"--b--\r\n"),
    "nested parts": b"Subject: levels\r\n" + b"".join(
        b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (i, i)
        for i in range(60_000)),
}
HEADER_FIELDS = b"a: b\r\n" * 300_000 + b"Subject: fields\r\n\r\n"


class OtherMail:
    """A sender of plain mail, from start to end, and the longest that one of its mails took."""

    def __init__(self, restante):
        self.slowest, self.sent = 0, 0
        self._stopping = threading.Event()
        self._restante = restante
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        with self._restante.smtp() as client:
            while self.sent == 0 or not self._stopping.is_set():
                start = time.monotonic()
                assert deliver(client, "other@example.com", f"Subject: {self.sent}\n\n")[0] == 250
                self.slowest = max(self.slowest, time.monotonic() - start)
                self.sent += 1

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        self._thread.join()


@pytest.mark.parametrize("kind", POISON)
def test_poisonous_mail_is_shown_as_unparsed_and_holds_nobody_up(restante, kind):
    user = kind.replace(" ", ".")
    with restante.smtp() as client, OtherMail(restante) as other:
        assert deliver(client, f"{user}@example.com", POISON[kind])[0] == 250
    mail, = restante.mails(user)
    assert [name for name in mail if name != "parse_error"] == FIELDS
    assert mail["parse_error"] is True
    assert mail["from"] == "bob@example.org"
    assert other.sent > 0
    assert other.slowest < seconds(PATIENCE)
    assert all("parse_error" not in shown for shown in restante.mails("other"))


def test_a_header_without_measure_is_refused(restante):
    with restante.smtp() as client:
        code, text = deliver(client, "fields@example.com", HEADER_FIELDS)
    assert (code, text[:5]) == (552, "5.3.4")
    assert restante.mails("fields") == []


def test_a_header_without_measure_is_shown_as_unparsed_where_it_is_taken():
    with Restante(header_field_limit=1_000_000, header_size_limit="16M") as restante:
        with OtherMail(restante) as other, restante.smtp() as client:
            assert deliver(client, "fields@example.com", HEADER_FIELDS)[0] == 250
        mail, = restante.mails("fields")
        assert mail["parse_error"] is True
        assert other.slowest < seconds(PATIENCE)


def test_a_storm_of_poison_leaves_good_mail_readable(restante):
    with OtherMail(restante) as other, restante.smtp() as client:
        for i in range(30):
            data = POISON["nested groups"] + b"%d" % i
            assert deliver(client, "storm@example.com", data)[0] == 250
    storm = restante.mails("storm")
    assert len(storm) == 30
    assert all(mail["parse_error"] for mail in storm)
    assert other.sent > 0
    assert other.slowest < seconds(PATIENCE)


def test_a_parser_that_dies_with_a_mail_in_hand_is_replaced(restante):
    for pid in restante.pids("mimed"):
        restante.kill(pid)
    restante.send("after@example.com", "Subject: after\r\n\r\n")
    mail, = restante.mails("after")
    assert mail["subject"] == "after"
    restante.wait_until_complete()


def test_mail_is_put_off_where_no_parser_answers():
    with Restante(mimed_workers=1, mime_timeout="200ms") as restante:
        with restante.only(0, "mimed"), restante.smtp() as client:  # stops it
            assert deliver(client, "raw@example.com", "Subject: raw\r\n\r\n") == (
                451, "4.3.0 The message cannot be read now: try again later")
        restante.log.wait_for("event=mail_deferred .*reply=parser_away")
        restante.send("raw@example.com", "Subject: raw\r\n\r\n")
        mail, = restante.mails("raw")
        assert mail["subject"] == "raw" and "parse_error" not in mail
