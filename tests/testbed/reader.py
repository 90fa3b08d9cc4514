# SPDX-License-Identifier: ISC
"""Reads stored mail over the API, while mail is sent and at the end, and compares it with the Book."""
import collections
import contextlib
import hashlib
import http.client
import random
import re
import threading
import time

from testbed.api import FIELDS, ask

TRACE = re.compile(rb"(?:(?:Return-Path|Received):[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)*\Z")


def raw_mail(connection, mailbox, mail_id):
    """The bytes of a mail, or None if the status is not 200."""
    answer = ask(connection, f"/emails/{mailbox}/{mail_id}/raw")
    return answer.body if answer.status == 200 else None


def number_of(raw):
    """The number that the Book has for this mail; None if no Writer wrote it."""
    found = re.search(rb"^Message-ID: <(\S+)@faults\.example\.org>\r$", raw, re.M)
    return found[1].decode() if found else None


class Watcher:
    """Reads mailboxes while mail is sent, and checks that no mail is ever shown in part."""

    def __init__(self, load, index):
        self.load, self.looked, self.wrong = load, 0, []
        self.dice = random.Random(index)
        self.thread = threading.Thread(target=self.work, daemon=True)

    def work(self):
        while not self.load.stopping:
            with contextlib.suppress(OSError, http.client.HTTPException):
                with contextlib.closing(self.load.service.https()) as connection:
                    while not self.load.stopping:
                        self.look(connection)
            time.sleep(0.02)

    def look(self, connection):
        sender = self.dice.choice(self.load.senders).writer
        mailbox = f"{sender.name}.{max(0, sender.count // 40 - self.dice.choice([0, 0, 1]))}"
        answer = ask(connection, f"/emails/{mailbox}?limit=5")
        if answer.status != 200:
            return time.sleep(0.05)
        mails = answer.json()
        for mail in mails:
            if not set(FIELDS) <= set(mail):
                self.wrong.append((mailbox, mail["id"], "a mail without its fields"))
        for mail in mails[:1]:
            raw = ask(connection, f"/emails/{mailbox}/{mail['id']}/raw")
            if raw.status in (503, 429):
                return None
            self.looked += 1
            body = raw.body.partition(b"\r\n\r\n")[2]
            claimed = re.search(rb"^X-Digest: (\w+)\r$", raw.body, re.M)
            if raw.status != 200:
                self.wrong.append((mailbox, mail["id"], f"listed, and {raw.status} for raw"))
            elif not claimed or hashlib.sha256(body).hexdigest() != claimed[1].decode():
                self.wrong.append((mailbox, mail["id"], "not whole"))
            elif "parse_error" not in mail and mail["body_text"].encode() != body.replace(
                    b"\r\n", b"\n"):
                self.wrong.append((mailbox, mail["id"], "the text is not whole"))
        return time.sleep(0.02)


class Verdict:
    """Compares the Book with all stored mail.

    `lost` are acknowledged mails that are missing, `doubled` those that are stored twice, and `altered`
    stored mails that differ from what was sent."""

    def __init__(self, book, service, patience=30):
        self.lost, self.doubled, self.altered = [], [], []
        self.book = book
        seen = collections.Counter()
        mailboxes = sorted({name for mail in book.mails.values() for name in mail.mailboxes})
        with contextlib.closing(service.https()) as connection:
            for mailbox in mailboxes:
                for raw in self.read_all(connection, mailbox, patience):
                    self.judge(mailbox, raw, seen)
        for mail in book.mails.values():
            for mailbox in mail.mailboxes:
                count = seen[mail.number, mailbox]
                if mail.acknowledged and count == 0:
                    self.lost.append((mailbox, mail.number))
                if mail.acknowledged and count > 1:
                    self.doubled.append((mailbox, mail.number, count))

    @staticmethod
    def read_all(connection, mailbox, patience):
        """The bytes of all mails of a mailbox. Repeats a 503 for `patience` seconds."""
        path, before = f"/emails/{mailbox}?limit=1000&view=summary", ""
        end = time.monotonic() + patience
        while True:
            answer = ask(connection, path + before)
            if answer.status == 503 and time.monotonic() < end:
                time.sleep(0.1)
                continue
            assert answer.status == 200, answer
            mails = answer.json()
            for mail in mails:
                yield raw_mail(connection, mailbox, mail["id"])
            if "Link" not in answer.headers:
                return
            before = f"&before={mails[-1]['id']}"

    def judge(self, mailbox, raw, seen):
        number = number_of(raw) if raw else None
        mail = self.book.mails.get(number)
        if mail is None or mailbox not in mail.mailboxes:
            self.altered.append((mailbox, number or "a mail that was never sent"))
            return
        seen[number, mailbox] += 1
        trace, data = raw[:-mail.size], raw[-mail.size:]
        if hashlib.sha256(data).digest() != mail.digest or not TRACE.match(trace):
            self.altered.append((mailbox, number))
