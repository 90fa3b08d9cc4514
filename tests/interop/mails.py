# SPDX-License-Identifier: ISC
# The mails that every sender has to bring: how they are made, and what the API must say of them.
import itertools
import smtplib
import urllib.parse

import pytest

from testbed.certificates import tls
from testbed.machine import LOCAL
from testbed.waiting import seconds, wait_until

IDN = "bücher.example"
A_LABELS = {"müller": "xn--mller-kva", "bücher": "xn--bcher-kva"}
LINE = "0123456789abcdef" * 4
TEXTS = {
    "plain": "Hello.\n.\n..\n.a line with a dot, behind one that ends mails\n\n  spaces \n",
    "8bit": "Grüße aus Köln, 東京, naïve £\n",
    "latin1": "Grüße aus Köln, naïve £\n",
    "smtputf8": "Grüße aus Köln, 東京\n",
    "20MB": f"{LINE}\n" * (20 * 1024 * 1024 // (len(LINE) + 2)),
    "100 recipients": "Hello, all.\n",
}
KINDS = list(TEXTS)
numbers = itertools.count(1)


def u_labels(address):
    """Some senders write domains as DNS has them: they are the same domains."""
    for letters, label in A_LABELS.items():
        address = address.replace(label, letters)
    return address


class Mail:
    """One mail of a kind; `data` is what a sender gets, with CRLF at the ends of its lines."""

    def __init__(self, kind, recipients=None):
        name = f"box{next(numbers)}"
        self.kind = kind
        self.utf8 = kind == "smtputf8"
        self.charset = "iso-8859-1" if kind == "latin1" else "utf-8"
        self.sender = "jörg@müller.example.org" if self.utf8 else "bob@example.org"
        if self.utf8:
            name = f"käthe{name}"
        count = recipients or (100 if kind == "100 recipients" else 1)
        self.users = [f"{name}-{number}" for number in range(count)]
        domain = IDN if self.utf8 else "example.com"
        self.recipients = [f"{user}@{domain}" for user in self.users]
        self.subject = f"Grüße, {name}" if self.utf8 else f"A mail for {name}"
        self.text = TEXTS[kind]

    @property
    def data(self):
        bits = "7bit" if self.text.isascii() else "8bit"
        head = (f"From: {self.sender}\nTo: {self.recipients[0]}\nSubject: {self.subject}\n"
                "Date: Mon, 23 Nov 2026 02:00:00 +0000\n"
                f"Message-ID: <{self.recipients[0].encode().hex()[:40]}@example.org>\n"
                f"MIME-Version: 1.0\nContent-Type: text/plain; charset={self.charset}\n"
                f"Content-Transfer-Encoding: {bits}\n\n")
        whole = head + self.text
        return whole.replace("\n", "\r\n").encode(self.charset)

    def check(self, restante, users=None, text=None):
        """The mail is in each of its mailboxes, once and as it was sent."""
        for user, to in zip(self.users, self.recipients):
            if users and user not in users:
                continue
            shown, = restante.mails(urllib.parse.quote(user))
            assert u_labels(shown["from"]) == self.sender
            assert u_labels(shown["to"]) == to
            assert shown["subject"] == self.subject
            if shown["body_text"] != (text or self.text):  # pytest would compare 20 MB for hours
                pytest.fail(f"another text: {len(shown['body_text'])} characters, "
                            f"{shown['body_text'][:500]!r}")
            assert shown["attachments"] == []
            assert "parse_error" not in shown

    def wait(self, restante, users=None, timeout=20):
        """For senders that answer before they have delivered."""
        for user in users or self.users:
            path = urllib.parse.quote(user)
            wait_until(lambda path=path: restante.mails(path), f"{user} has mail", timeout)
        self.check(restante, users)


def hand_over(mail, port):
    """Sends the mail over SMTP to a mail server on this port, which is to relay it."""
    options = ["BODY=8BITMIME", "SMTPUTF8"] if mail.utf8 else []
    with smtplib.SMTP(LOCAL, port, timeout=seconds(60)) as client:
        assert not client.sendmail(mail.sender, mail.recipients, mail.data, options)


def offers(restante, extension):
    with smtplib.SMTP(LOCAL, restante.smtp_port, timeout=seconds(20)) as client:
        client.starttls(context=tls())
        client.ehlo("client.example.org")
        return client.has_extn(extension)
