# SPDX-License-Identifier: ISC
"""Sends mail without pause, and as a mail server does: a mail is repeated until it is acknowledged."""
import contextlib
import random
import threading
import time

from testbed.book import Writer
from testbed.reader import Watcher
from testbed.smtp import Dialogue

SENDERS, WATCHERS = 6, 2
TRY_AGAIN_AFTER = 0.3  # seconds
PATIENCE = 40  # seconds for a reply
WAITING = 4  # unacknowledged mails of one sender; at this limit it writes no new mail
MAIL_LIMIT = 200_000


class Sender:
    """One sending mail server: a thread that opens one connection after the other."""

    def __init__(self, load, index):
        self.load, self.index = load, index
        self.dice = random.Random(f"{load.name} {index}")
        self.writer = Writer(f"{load.name}.{index}", self.dice)
        self.waiting = []  # (when to try again, mail)
        self.thread = threading.Thread(target=self.work, daemon=True)

    def work(self):
        while not self.load.is_over(self):
            # When a connection fails or is refused, its mail is repeated over the next one.
            with contextlib.suppress(OSError, AssertionError, ValueError):
                with Dialogue(self.load.fault.smtp_port) as client:
                    client.socket.settimeout(PATIENCE)
                    client.greet()
                    if self.dice.random() < 0.6:
                        client.secure()
                    for _ in range(self.dice.choice([1, 5, 40])):
                        if self.load.is_over(self) or not self.send_one(client):
                            break
            time.sleep(0.02)

    def next_mail(self):
        """A mail that is due to be repeated, or else a new one; None if there is nothing to send."""
        now = time.monotonic()
        if self.waiting and self.waiting[0][0] <= now:
            return self.waiting.pop(0)[1]
        writes_no_more = self.load.finishing or len(self.load.book.mails) >= MAIL_LIMIT
        if writes_no_more or len(self.waiting) >= WAITING:
            return None
        mail = self.writer.write()
        self.load.book.open(mail)
        return mail

    def send_one(self, client):
        """Sends one mail, if there is one. Returns False if the connection cannot be used any more."""
        mail = self.next_mail()
        if mail is None:
            time.sleep(0.02)
            return True
        began = time.monotonic()
        try:
            code = self.converse(client, mail)
            if code == 250:
                self.load.book.acknowledge(mail, self.index, began)
                time.sleep(self.dice.random() * self.load.pause)
                return True
            if code is not None:
                self.load.book.refuse(mail, code)
                return client.say("RSET") == 250
            return False
        finally:
            if not mail.acknowledged:
                mail.tries += 1
                self.waiting.append((time.monotonic() + TRY_AGAIN_AFTER, mail))

    def converse(self, client, mail):
        """Runs one transaction; returns the code that ended it, or None if there was no reply."""
        code = client.say(f"MAIL FROM:<{mail.sender}>")
        for mailbox in mail.mailboxes:
            if code == 250:
                code = client.say(f"RCPT TO:<{mailbox}@example.com>")
        if code == 250:
            code = client.say("DATA")
        if code == 421:
            raise ConnectionError("the server closes the connection, as it may between two mails")
        if code != 354:
            return code
        client.send(mail.on_the_wire())
        sent, code = time.monotonic(), None
        try:
            code = client.code()
        finally:
            if code is None:
                self.load.book.lose_sight(mail)
            else:
                self.load.book.answered(time.monotonic() - sent)
        return code


class Load:
    """Runs senders and watchers while its context lasts. `fault` has the service and its smtp_port."""

    def __init__(self, name, fault, book, pause=0.02):
        self.name, self.fault, self.book, self.pause = name, fault, book, pause
        self.service = fault.service
        self.finishing = self.stopping = False
        self.senders = [Sender(self, index) for index in range(SENDERS)]
        self.watchers = [Watcher(self, index) for index in range(WATCHERS)]

    def is_over(self, sender):
        return self.stopping or (self.finishing and not sender.waiting)

    def __enter__(self):
        for worker in self.senders + self.watchers:
            worker.thread.start()
        return self

    def wait_for_flow(self, since, timeout):
        return self.book.wait_for_flow(since, SENDERS, timeout)

    def finish(self, timeout=60):
        """Writes no new mail, and waits until every mail is acknowledged."""
        self.finishing = True
        end = time.monotonic() + timeout
        for sender in self.senders:
            sender.thread.join(max(0, end - time.monotonic()))
        left = [mail.number for sender in self.senders for _, mail in sender.waiting]
        assert not left, f"not acknowledged in {timeout} s: {left}"

    def __exit__(self, *_):
        self.finishing = self.stopping = True
        for worker in self.senders + self.watchers:
            worker.thread.join(PATIENCE + 5)
