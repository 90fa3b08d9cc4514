# SPDX-License-Identifier: ISC
# One client tries all attacks at once, while ten others send a mail a second and read it: none of
# theirs fails, and they wait little longer than without the attack.
import contextlib
import json
import pathlib
import re
import subprocess
import sys
import threading
import time

import pytest

from testbed.api import ask
from testbed.build import SOURCE
from testbed.daemon import UNLIMITED, Restante
from testbed.smtp import deliver
from testbed.waiting import p99

CLIENTS, PAUSE = 10, 1.0
ALONE_SECONDS, ATTACK_SECONDS = 20, 120
GREEDY_KEY = "the-key-of-a-client-who-is-greedy-1"
KEYS = [f"the-key-of-good-client-number-{number}" for number in range(CLIENTS)]
MOST = 3  # times the wait without the attack


def shipped():
    """The limits that the tests are without, as they are by default."""
    values = dict(re.findall(r"^#(\w+) = (.*)$", (SOURCE / "etc/restante.conf").read_text(), re.M))
    return {name: values[name] for name in UNLIMITED}


class Client:
    """Sends a mail a second and reads it, each time over connections of its own."""

    def __init__(self, restante, number):
        self.restante, self.number = restante, number
        self.source = f"127.{20 + number}.1.1"
        self.faults, self.stored, self.answered = [], [], []

    def run(self, until):
        for count in range(1_000_000):
            if time.monotonic() > until:
                return
            began = time.monotonic()
            try:
                self.send_and_read(f"good{self.number}-{began:.3f}")
            except Exception as fault:  # whatever it is, it is the attack's doing
                self.faults.append(f"client {self.number}, mail {count}: {fault!r}")
            time.sleep(max(0, PAUSE - (time.monotonic() - began)))

    def send_and_read(self, mailbox):
        with self.restante.smtp(self.source) as client:
            sent = time.monotonic()
            code, text = deliver(client, f"{mailbox}@example.com",
                                 f"Subject: {mailbox}\r\n\r\nHello.\r\n",
                                 f"good{self.number}.{int(sent) % 2}@example.org")
            assert code == 250, (code, text)
            self.stored.append(time.monotonic() - sent)
        with contextlib.closing(self.restante.https(self.source)) as connection:
            asked = time.monotonic()
            answer = ask(connection, f"/emails/{mailbox}?wait=10", key=KEYS[self.number])
            self.answered.append(time.monotonic() - asked)
        assert answer.status == 200, answer
        assert [mail["subject"] for mail in answer.json()] == [mailbox], answer


class Round:
    """What the ten clients saw in some seconds."""

    def __init__(self, restante, seconds):
        self.clients = [Client(restante, number) for number in range(CLIENTS)]
        until = time.monotonic() + seconds
        threads = [threading.Thread(target=client.run, args=(until,)) for client in self.clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def faults(self):
        return [fault for client in self.clients for fault in client.faults]

    def stored(self):
        return [took for client in self.clients for took in client.stored]

    def answered(self):
        return [took for client in self.clients for took in client.answered]


@contextlib.contextmanager
def greedy_client(restante, without):
    program = pathlib.Path(__file__).parent / "greedy.py"
    done = {}
    with subprocess.Popen([sys.executable, program, str(restante.smtp_port),
                           str(restante.https_port), GREEDY_KEY, *without], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        try:
            yield done
        finally:
            process.stdin.close()
            done.update(json.loads(process.stdout.read()))


# With these it has used up its connections of a minute after a few seconds.
FLOODS = ["silent_at_smtp", "silent_at_https", "half_handshakes", "forged_sender"]


@pytest.mark.parametrize("without", [[], FLOODS], ids=["all", "without floods"])
def test_one_greedy_client_harms_nobody_else(without, reached):
    with Restante("private", api_key=" ".join([*KEYS, GREEDY_KEY]), **shipped()) as restante:
        alone = Round(restante, ALONE_SECONDS)
        assert not alone.faults(), alone.faults()
        with greedy_client(restante, without) as done:
            attacked = Round(restante, ATTACK_SECONDS)
    reached(*(f"{name}: {count}" for name, count in sorted(done.items())))
    for what in ("stored", "answered"):
        before, during = p99(getattr(alone, what)()), p99(getattr(attacked, what)())
        reached(f"p99 of {what}: {1000 * before:.0f} ms alone, {1000 * during:.0f} ms attacked, "
                f"ratio {during / before:.1f}")
    reached(f"{len(attacked.stored())} mails of others, {len(attacked.faults())} failed")
    assert all(done.values()), done
    assert not attacked.faults(), attacked.faults()[:5]
    if without:
        return  # the large mails that get in then make the disk of Redis the limit, by its fsync
    assert p99(attacked.stored()) <= MOST * p99(alone.stored())
    assert p99(attacked.answered()) <= MOST * p99(alone.answered())
