# SPDX-License-Identifier: ISC
# Random walks of commands, messages, chunks and refusals: the session says what a model of it says,
# and delivers what that delivers. WALKS says how many.
import concurrent.futures
import contextlib
import os
import random

import pytest

from attacks import session
from attacks.smtp_model import (ERRORS, LAST_OF_GROUP, MAIL, OFF, OFFERED, RCPT, RECIPIENTS,
                                REQUIRED, SIZE, Model)
from testbed.daemon import Restante
from testbed.waiting import SLOW

WALKS = int(os.environ.get("WALKS", 20_000 if SLOW == 1 else 2000))
WALKS_OVER_SOCKETS = 300 if SLOW == 1 else 50
STEPS, AT_ONCE = 40, 500
SETTINGS = {OFF: 0, OFFERED: session.TLS_OFFERED,
            REQUIRED: session.TLS_OFFERED | session.TLS_REQUIRED}
LINES = {"LONG": b"NOOP " + b"x" * 2100 + b"\r\n", "CONTROL": b"NOOP \x01\r\n",
         "BARE LF": b"NOOP\n", "GET": b"GET / HTTP/1.1\r\n"}
MAILS, RCPTS = list(MAIL), list(RCPT)
OTHERS = [("EHLO", "c"), ("HELO", "c"), ("EHLO", ""), ("RSET", ""), ("RSET", "x"), ("NOOP", "x"),
          ("VRFY", "a"), ("VRFY", ""), ("HELP", ""), ("DATA", "x"), ("STARTTLS", "x"),
          ("FOO", ""), ("EXPN", "a"), ("LONG", ""), ("CONTROL", ""), ("STARTTLS", "")]
FATAL = [("QUIT", ""), ("BARE LF", ""), ("GET", "")]


class Walk:
    """Steps, chosen with a look at where the model says that the session is."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.model = Model(self.dice.choice([OFF, OFFERED, OFFERED, REQUIRED]))
        self.steps = []  # (answers of the store, reads, expected codes)

    def command(self):
        dice = self.dice
        if dice.random() < 0.55:  # forward
            return {"fresh": ("EHLO", "c"), "greeted": ("MAIL", MAILS[0]),
                    "mail": ("RCPT", dice.choice(RCPTS[:5])),
                    "rcpt": dice.choice([("DATA", ""), ("RCPT", dice.choice(RCPTS[:5]))])}.get(
                        self.model.state, ("NOOP", ""))
        if self.model.tls == REQUIRED and not self.model.secure and dice.random() < 0.5:
            return "STARTTLS", ""
        kind = dice.random()
        if kind < 0.2:
            return "MAIL", dice.choice(MAILS)
        if kind < 0.4:
            return "RCPT", dice.choice(RCPTS)
        if kind < 0.5:
            return "DATA", ""
        return dice.choice(FATAL) if kind > 0.99 else dice.choice(OTHERS)

    def message(self):
        size = self.dice.choice([0, 10, 500, 800, SIZE - 12, SIZE + 100, SIZE * 3 // 2 - 20])
        if self.dice.random() < 0.03:
            size = 5000
        if self.dice.random() < 0.1:
            return b"Subject: " + b"h" * 1100 + b"\r\n\r\nx\r\n"
        return (b"S: x\r\n\r\n" + b"y" * size + b"\r\n") if size else b""

    def chunk(self):
        """(bytes, codes)"""
        size = self.dice.choice([0, 3, 100, 900, 1500, SIZE, SIZE + 1, 3000])
        if self.dice.random() < 0.03:
            size = self.dice.choice([None, 9000])
        last = self.dice.random() < 0.4
        if size is None:
            return b"BDAT x\r\n", self.model.chunk(None, False, b"")
        octets = (b"S: x\r\n\r\nRSET\r\n" * (size // 14 + 1))[:size]
        line = b"BDAT %d%s\r\n" % (size, b" LAST" if last else b"")
        return line + octets, self.model.chunk(size, last, octets)

    def step(self):
        """What comes in one piece, if the network does not cut it; the codes that it gives."""
        data, codes, dice = b"", [], self.dice
        whole = False  # it matters that it comes in one piece
        if self.model.state == "data":
            message = self.message()
            data, codes = message + b".\r\n", self.model.message(message)
        elif self.model.state in ("rcpt", "chunks", "mail") and dice.random() < 0.3:
            data, codes = self.chunk()
        left = 0 if data and dice.random() < 0.6 else dice.choice([1, 1, 1, 2, 3, 4])
        while left > 0 and self.model.state not in ("closed", "data"):
            verb, argument = self.command()
            if verb in LAST_OF_GROUP and dice.random() < 0.95:
                left = 1
            data += LINES.get(verb) or f"{verb} {argument}".strip().encode() + b"\r\n"
            codes = codes + self.model.command(verb, argument, left == 1)
            left -= 1
            whole = whole or codes[-1:] == [554]
        if left > 0:
            data += b"NOOP\r\n"  # what was the last of its group must not be
        return data, codes, whole

    def reads(self, data, whole):
        if whole or self.dice.random() < 0.6:
            return [data]
        cuts = sorted(self.dice.choices(range(1, len(data) + 1), k=self.dice.randrange(1, 3)))
        return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)]) if a < b]

    def go(self, store_refuses=True):
        model, dice = self.model, self.dice
        while model.state != "closed" and len(self.steps) < STEPS:
            if store_refuses and dice.random() < 0.05:
                model.no_sender, model.no_message, model.no_delivery = (
                    dice.random() < 0.2 for _ in range(3))
            answers = model.no_sender + 2 * model.no_message + 4 * model.no_delivery
            data, codes, whole = self.step()
            self.steps.append((answers, self.reads(data, whole), codes))
        return self


def lines(walk):
    """For whoever has to find out what went wrong."""
    return "\n".join(f"{answers} {reads} -> {codes}" for answers, reads, codes in walk.steps)


def script_of(walk):
    return session.new(SETTINGS[walk.model.tls]) + b"".join(
        session.answers(answers) + b"".join(map(session.read, reads))
        for answers, reads, _ in walk.steps)


def compare(walk, reports):
    got, mails, closed = session.codes(next(reports).output), [], False
    assert got == [220]
    for number, (_, reads, codes) in enumerate(walk.steps):
        of_step = [next(reports) for _ in reads]
        got = [code for report in of_step for code in session.codes(report.output)]
        assert got == codes, f"step {number}: {got}\n{lines(walk)}"
        mails += [mail for report in of_step for mail in report.mails]
        closed = of_step[-1].closed
    assert closed == (walk.model.state == "closed"), lines(walk)
    expected = [(" ".join([sender, *(f"{one}@example.com" for one in whose)]), data)
                for sender, whose, data in walk.model.mails]
    assert [(mail.envelope.decode().lower(), mail.data) for mail in mails] == expected, lines(walk)


def play(first, count):
    """That many walks; (steps, mails) of all."""
    steps = mails = 0
    for at in range(first, first + count, AT_ONCE):
        walks = [Walk(seed).go() for seed in range(at, min(at + AT_ONCE, first + count))]
        reports = session.play(b"".join(map(script_of, walks)))
        for walk in walks:
            compare(walk, reports)
            steps += len(walk.steps)
            mails += len(walk.model.mails)
    return steps, mails


def test_row32_walks(reached):
    share = -(-WALKS // os.cpu_count())
    with concurrent.futures.ProcessPoolExecutor() as pool:
        sums = list(pool.map(play, range(0, WALKS, share), [share] * os.cpu_count()))
    steps, mails = map(sum, zip(*sums))
    reached(f"{WALKS:,} walks, {steps:,} steps, {mails:,} mails: 0 differences")
    assert steps > WALKS and mails > WALKS / 4


@pytest.fixture(scope="module")
def small():
    """With the limits of the model."""
    with Restante(smtp_tls="optional", message_size_limit=SIZE, recipient_limit=RECIPIENTS,
                  error_limit=ERRORS, header_size_limit="1K", header_field_limit=100,
                  smtp_client_connection_limit=0) as daemon:
        yield daemon


def test_row32_walks_over_sockets(small, reached):
    """The same against the whole daemon, with mail in Redis."""
    steps, expected = 0, {name: 0 for name in "abcd"}
    for seed in range(WALKS_OVER_SOCKETS):
        walk = Walk(f"socket {seed}")
        walk.model = Model(OFFERED)
        walk.go(store_refuses=False)
        with small.dialogue() as client:
            assert client.code() == 220
            for number, (_, reads, codes) in enumerate(walk.steps):
                with contextlib.suppress(ConnectionError):  # it has been ended
                    for one in reads:
                        client.send(one)
                got = [client.code() for _ in codes]
                assert got == codes, f"{seed}, step {number}: {got}\n{lines(walk)}"
                if codes[-1:] == [220]:
                    client.start_tls()
            assert walk.model.state != "closed" or client.code() is None, lines(walk)
        steps += len(walk.steps)
        for _, whose, _ in walk.model.mails:
            for name in whose:
                expected[name] += 1
    for name, count in expected.items():
        assert int(small.redis.cli("XLEN", f"inbox:{{{name}}}")) == count
    reached(f"{WALKS_OVER_SOCKETS} walks over sockets, {steps:,} steps, "
            f"{sum(expected.values()):,} mails: 0 differences")
