# SPDX-License-Identifier: ISC
"""Makes mails that can be recognised, and records how the daemon answered each of them."""
import collections
import hashlib
import threading
import time

LINE = 72
POOL = 1 << 20
SIZES = [(200, 8), (2_000, 6), (20_000, 4), (120_000, 1), (400_000, 1)]  # bytes, weight


class Mail:
    """A unique mail. Its bytes are kept until it is acknowledged, after that only its digest."""

    def __init__(self, number, mailboxes, sender, body):
        self.number, self.mailboxes, self.sender = number, mailboxes, sender
        self.data = (
            f"Message-ID: <{number}@faults.example.org>\r\nFrom: <{sender}>\r\n"
            f"Subject: {number}\r\nX-Digest: {hashlib.sha256(body).hexdigest()}\r\n\r\n"
        ).encode() + body
        self.size, self.digest = len(self.data), hashlib.sha256(self.data).digest()
        self.acknowledged, self.tries = False, 0

    def on_the_wire(self):
        """The bytes to send after 354: with stuffed dots and the final dot."""
        return self.data.replace(b"\r\n.", b"\r\n..") + b".\r\n"


class Writer:
    """Writes the mails of one sender."""

    def __init__(self, name, dice):
        self.name, self.dice, self.count = name, dice, 0
        text = dice.randbytes(POOL).hex().encode()
        # Some lines begin with a dot, and some are a single dot.
        lines = [text[i:i + LINE] for i in range(0, len(text), LINE)]
        lines[5::11] = [b"." + line[:20] for line in lines[5::11]]
        lines[7::97] = [b"." for _ in lines[7::97]]
        self.pool = b"\r\n".join(lines)

    def write(self):
        self.count += 1
        base, = self.dice.choices(*zip(*SIZES))
        size = int(base * self.dice.uniform(0.7, 1.3))
        start = self.dice.randrange(len(self.pool) - size)
        number = f"{self.name}.{self.count}"
        body = number.encode() + b"\r\n" + self.pool[start:start + size].strip(b"\r\n") + b"\r\n"
        mailboxes = [f"{self.name}.{self.count // 40}"]
        if self.dice.random() < 0.15:
            mailboxes += [f"{self.name}.cc{i}.{self.count // 200}" for i in (1, 2)]
        return Mail(number, mailboxes, f"{self.name}@example.org", body)


class Book:
    """The mails of all senders and the replies to them. Threads may share it."""

    def __init__(self):
        self.mails = {}
        self.counts = collections.Counter()  # acknowledged, refused, unknown, bounced
        self.bounces = []
        self.slowest = 0.0  # seconds from the final dot to the reply, at most
        self._changed = threading.Condition()
        self._since, self._heard = 0.0, {}

    def open(self, mail):
        """Enters a new mail."""
        with self._changed:
            self.mails[mail.number] = mail

    def acknowledge(self, mail, sender, began):
        """The reply was 250; `began` is when its transaction began."""
        with self._changed:
            now = time.monotonic()
            mail.acknowledged, mail.data = True, None
            self.counts["acknowledged"] += 1
            if began >= self._since:
                self._heard.setdefault(sender, now)
                self._changed.notify_all()

    def refuse(self, mail, code):
        """The reply was 4yz or 5yz."""
        with self._changed:
            self.counts["refused" if code < 500 else "bounced"] += 1
            if code >= 500:
                self.bounces.append((mail.number, code))

    def lose_sight(self, mail):
        """The final dot was sent, and the connection ended without a reply."""
        with self._changed:
            self.counts["unknown"] += 1

    def answered(self, took):
        """A reply arrived `took` seconds after the final dot."""
        with self._changed:
            self.slowest = max(self.slowest, took)

    def wait_for_flow(self, since, senders, timeout):
        """Waits until each sender has had a mail acknowledged that it began after `since`.

        Returns the seconds from `since` until then, or None after `timeout` seconds."""
        with self._changed:
            self._since, self._heard = since, {}
            flows = self._changed.wait_for(lambda: len(self._heard) >= senders, timeout)
            return max(self._heard.values()) - since if flows else None
