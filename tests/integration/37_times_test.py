# SPDX-License-Identifier: ISC
# How long a client waits for each answer while others take what they can get.
import collections
import concurrent.futures
import contextlib
import itertools
import math
import threading
import time

from testbed.daemon import Restante
from testbed.waiting import seconds

PROMPT = ("banner", "MAIL", "RCPT", "354")
SMALL = b"Subject: small\r\n\r\nHello.\r\n"
HUGE = b"Subject: huge\r\n\r\n" + (b"0123456789abcdef" * 4 + b"\r\n") * (20 * 1024 * 1024 // 66)
HALF_A_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"  # of a record of 512 octets


class Times(collections.defaultdict):
    """Seconds that answers took, by what was asked; each is written down as it comes."""

    def __init__(self):
        super().__init__(list)

    def of(self, step, answer):
        began = time.monotonic()
        got = answer()
        self[step].append(time.monotonic() - began)
        return got

    def p99(self, step):
        """At most one in a hundred took longer."""
        return sorted(self[step])[math.ceil(0.99 * len(self[step])) - 1]

    def __str__(self):
        return ", ".join(f"{step}: {len(took)} answers, p99 {self.p99(step):.3f} s, "
                         f"max {max(took):.3f} s" for step, took in self.items())


def transcript(daemon, times, source, data=SMALL):
    """One mail over a connection of its own, with STARTTLS."""
    began = time.monotonic()
    with daemon.dialogue(source) as client:
        assert client.code() == 220
        times["banner"].append(time.monotonic() - began)
        assert client.say("EHLO client.example.org") == 250
        client.secure()
        for step, line, code in (("MAIL", f"MAIL FROM:<{source}@example.org>", 250),
                                 ("RCPT", f"RCPT TO:<{source}@example.com>", 250),
                                 ("354", "DATA", 354)):
            assert times.of(step, lambda line=line: client.say(line)) == code
        client.send(data)
        assert times.of("dot", lambda: client.say(".")) == 250
        assert client.say("QUIT") == 221


@contextlib.contextmanager
def again_and_again(*jobs):
    """Inside, each job is done over and over in a thread of its own; none may fail."""
    over = threading.Event()

    def repeat(job):
        for done in itertools.count():
            if over.is_set():
                return done
            job()
    with concurrent.futures.ThreadPoolExecutor(len(jobs)) as pool:
        running = [pool.submit(repeat, job) for job in jobs]
        try:
            yield
        finally:
            over.set()
    assert all(thread.result() for thread in running), "there was no load"


def idle_clients(daemon, number):
    return [daemon.dialogue(f"127.0.2.{1 + i % 50}").greet() for i in range(number)]


def half_open_hellos(daemon, number):
    clients = idle_clients(daemon, number)
    for client in clients:
        assert client.say("STARTTLS") == 220
        client.send(HALF_A_HELLO)
    return clients


def test_row68_answers_come_in_time_under_load():
    """RFC 5321 section 4.5.3.2: clients wait for minutes, so this is well below any patience."""
    with Restante() as restante:
        idle, hellos = idle_clients(restante, 300), half_open_hellos(restante, 20)
        times, of_load = Times(), Times()
        with again_and_again(lambda: transcript(restante, of_load, "127.0.3.1", HUGE),
                             lambda: transcript(restante, of_load, "127.0.3.2"),
                             lambda: transcript(restante, of_load, "127.0.3.3")):
            for _ in range(100):
                transcript(restante, times, "127.0.3.4")
        assert all(times.p99(step) <= seconds(1) for step in PROMPT), str(times)
        assert max(times["dot"] + of_load["dot"]) <= seconds(15), f"{times}; load: {of_load}"
        assert {client.say("NOOP") for client in idle} == {250}
        for client in idle + hellos:
            client.close()
