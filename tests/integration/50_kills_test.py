# SPDX-License-Identifier: ISC
# Workers are killed with -9 while mail flows: nothing acknowledged is lost, and the limits hold.
import collections
import contextlib
import http.client
import itertools
import random
import signal
import smtplib
import threading

from testbed.api import ask
from testbed.daemon import Restante
from testbed.smtp import deliver
from testbed.waiting import at_once, seconds, wait_until

KILLS = 100
SENDERS = 4


class Load:
    """Senders and a reader that go on until told to stop, and the book of what was sent."""

    def __init__(self, restante):
        self.restante = restante
        self.book = {}  # mailbox: (sender, subject, body)
        self.answers = {}  # mailbox: code; what is not here was cut off
        self.reads = collections.Counter()
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(i,)) for i in range(SENDERS)]
        self._threads.append(threading.Thread(target=self._read))

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _send(self, index):
        dice = random.Random(index)
        numbers = itertools.count()
        while not self._stopping.is_set():
            with contextlib.suppress(OSError, smtplib.SMTPException):
                with self.restante.smtp() as client:
                    while not self._stopping.is_set():
                        self._send_one(client, f"user{index}.{next(numbers)}", dice)

    def _send_one(self, client, user, dice):
        sender, subject = f"{user}@example.org", f"mail for {user}"
        body = dice.randbytes(dice.choice([10, 500, 20000])).hex("\n", 30) + "\n"
        users = [user, f"{user}.copy"] if dice.random() < 0.3 else [user]
        self.book |= dict.fromkeys(users, (sender, subject, body))
        code, _ = deliver(client, [f"{user}@example.com" for user in users],
                          f"Subject: {subject}\n\n{body}", sender)
        with self._changed:
            self.answers |= dict.fromkeys(users, code)
            self._changed.notify_all()

    def _read(self):
        while not self._stopping.is_set():
            with contextlib.suppress(OSError, http.client.HTTPException):
                with contextlib.closing(self.restante.https()) as connection:
                    while not self._stopping.is_set():
                        status = ask(connection, "/emails/anyone").status
                        with self._changed:
                            self.reads[status] += 1
                            self._changed.notify_all()

    def wait_for_progress(self):
        """Some more mails are acknowledged, and some more requests answered."""
        with self._changed:
            answers, reads = len(self.answers) + 10, self.reads[200] + 5
            done = self._changed.wait_for(
                lambda: len(self.answers) >= answers and self.reads[200] >= reads, seconds(30))
        assert done, self.restante.log.text()


def test_a_hundred_killed_workers_cost_no_acknowledged_mail(record_property):
    dice = random.Random(2)
    with Restante(smtpd_workers=2, apid_workers=2, mimed_workers=2) as restante:
        with Load(restante) as load:
            load.wait_for_progress()
            for role, _ in zip(itertools.cycle(["smtpd", "mimed", "apid"]), range(KILLS)):
                pids = wait_until(lambda: sorted(restante.pids(role) - restante.killed),
                                  f"a {role} runs", 30)
                restante.kill(dice.choice(pids))
                load.wait_for_progress()
        restante.log.wait_for("event=process_died", KILLS)
        restante.wait_until_complete()

        with contextlib.closing(restante.https()) as connection:
            kept = {user: ask(connection, f"/emails/{user}").json() for user in load.book}
    codes = collections.Counter(load.answers.values())
    taken = [user for user, code in load.answers.items() if code == 250]
    unread = [user for user, mails in kept.items() if mails and "parse_error" in mails[0]]
    cut_off = [user for user in load.book if user not in load.answers]
    report = {"acknowledged": len(taken), "acknowledged but not parsed": len(unread),
              "cut off": len(cut_off), "cut off but stored": sum(bool(kept[u]) for u in cut_off)}
    print(report)
    for name, count in report.items():
        record_property(name, count)
    assert [user for user in taken if not kept[user]] == []  # lost
    assert [user for user in kept if len(kept[user]) > 1] == []  # shown twice
    for user, mails in kept.items():
        for mail in mails:
            sender, subject, body = load.book[user]
            assert (mail["from"], mail["to"]) == (sender, f"{user}@example.com")
            assert user in unread or (mail["subject"], mail["body_text"]) == (subject, body)
    assert len(unread) <= KILLS / 3  # two parsers killed in a row over the same mail
    assert set(codes) == {250}  # nobody was put off
    assert set(load.reads) == {200}


def test_killed_workers_take_only_their_own_clients_down():
    with Restante(smtpd_workers=2) as restante:
        victim, other = sorted(restante.pids("smtpd"))
        with restante.only(victim, "smtpd"):
            doomed = restante.dialogue().greet()
        with restante.only(other, "smtpd"):
            safe = restante.dialogue().greet().secure().start_mail("safe@example.com")
        restante.kill(victim)
        assert doomed.line() == b""
        line, = restante.log.wait_for(f"event=process_died .*pid={victim} ")
        assert "role=smtpd" in line
        assert f"signal={signal.SIGKILL:d}" in line
        safe.send("Subject: safe\r\n\r\n.\r\n")
        assert safe.code() == 250
        restante.wait_until_complete()
        assert victim not in restante.pids("smtpd")


def test_limits_outlive_the_workers_that_counted():
    with Restante(smtp_rate_limit=5, api_rate_limit=5) as restante:
        with restante.smtp() as client:
            assert [deliver(client, "a@example.com", f"Subject: {i}\n\n")[0] for i in range(6)] == (
                [250] * 5 + [450])
        assert [restante.api("/emails/a").status for _ in range(6)] == [200] * 5 + [429]
        for role in ("smtpd", "apid", "mimed"):
            for pid in restante.pids(role):
                restante.kill(pid)
        restante.log.wait_for("event=process_died", 6)
        restante.wait_until_complete()
        for pid in restante.pids("smtpd"):
            with restante.smtp_by(pid) as client:
                assert deliver(client, "a@example.com")[0] == 450
        for pid in restante.pids("apid"):
            with contextlib.closing(restante.https_by(pid)) as connection:
                assert ask(connection, "/emails/a").status == 429


def test_no_more_than_the_limit_are_admitted_while_workers_are_killed():
    limit, stopping = 50, threading.Event()
    with Restante(smtp_rate_limit=limit) as restante:
        def send():
            heard = collections.Counter()
            while not stopping.is_set():
                with contextlib.suppress(OSError, AssertionError):
                    with restante.dialogue() as client:
                        client.greet().secure()
                        while not stopping.is_set():
                            assert client.say("MAIL FROM:<busy@example.org>") == 250
                            assert client.say("RCPT TO:<busy@example.com>") == 250
                            code = client.say("DATA")
                            if code == 354:
                                code = client.say("\r\n.")
                            heard[code] += 1
                            assert code == 250
            return heard

        def kill():
            try:
                for _ in range(10):
                    done = len(restante.log.find("event=mail_(stored|refused)"))
                    restante.log.wait_for("event=mail_(stored|refused)", done + 1, timeout=30)
                    restante.kill(wait_until(lambda: min(restante.pids("smtpd") - restante.killed,
                                                         default=0),
                                             "a worker runs", 30))
                restante.log.wait_for("event=mail_refused .*reply=rate_limited", timeout=30)
            finally:
                stopping.set()
            return collections.Counter()
        heard = sum(at_once([send, send, send, kill]), collections.Counter())
        assert heard[250] <= limit
        assert heard[250] + heard[None] >= limit
        assert heard[450] > 0
