# SPDX-License-Identifier: ISC
# A mail is there, whole, until its time is over, and gone then, also when Redis dies in between.
import contextlib
import http.client
import itertools
import random
import smtplib
import threading
import time

from faults.storm import FAULT_SECONDS, Row, Service
from testbed.api import ask
from testbed.redis import Redis
from testbed.smtp import deliver
from testbed.waiting import wait_until

RETENTION = 6.0  # seconds
SLACK = 0.01
SENDERS, MAILBOXES = 3, 4


class Lifetimes:
    """Mails come, and one looks all the while; all times are those of the wall clock."""

    def __init__(self, service):
        self.service = service
        self.taken = {}  # (mailbox, subject): (first sent, acknowledged)
        self.early, self.late, self.dangling = [], [], []
        self.sightings = 0
        self._stopping = False
        self._threads = [threading.Thread(target=self._send, args=(i,)) for i in range(SENDERS)]
        self._threads.append(threading.Thread(target=self._look))

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stopping = True
        for thread in self._threads:
            thread.join()

    def _send(self, index):
        numbers, dice, todo = itertools.count(), random.Random(index), None
        while not self._stopping:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                with self.service.smtp() as client:
                    while not self._stopping:
                        if todo is None:
                            mailbox = f"ttl{dice.randrange(MAILBOXES)}"
                            todo = mailbox, f"{index}.{next(numbers)}", time.time()
                        mailbox, subject, sent = todo
                        data = (f"Message-ID: <{subject}@ttl>\r\nSubject: {subject}\r\n\r\n" +
                                "x" * 70 + "\r\n" * dice.choice([1, 30_000]))
                        if deliver(client, f"{mailbox}@example.com", data)[0] == 250:
                            self.taken[mailbox, subject] = sent, time.time()
                            todo = None
                        time.sleep(0.05)
            time.sleep(0.05)

    def _look(self):
        while not self._stopping:
            with contextlib.suppress(OSError, http.client.HTTPException):
                with contextlib.closing(self.service.https()) as connection:
                    while not self._stopping:
                        for number in range(MAILBOXES):
                            self._look_into(connection, f"ttl{number}")

    def _look_into(self, connection, mailbox):
        known = {key: times for key, times in self.taken.copy().items() if key[0] == mailbox}
        asked = time.time()
        answer = ask(connection, f"/emails/{mailbox}?limit=1000&view=summary")
        answered = time.time()
        if answer.status != 200:
            return time.sleep(0.05)
        mails = answer.json()
        shown = {mail["subject"] for mail in mails}
        for (_, subject), (sent, acknowledged) in known.items():
            if acknowledged < asked and answered < sent + RETENTION - SLACK:
                self.sightings += 1
                if subject not in shown:
                    self.early.append((mailbox, subject))
            if asked > acknowledged + RETENTION + SLACK and subject in shown:
                self.late.append((mailbox, subject))
        for mail in mails[-2:]:  # the oldest: about to go
            raw = ask(connection, f"/emails/{mailbox}/{mail['id']}/raw")
            end = int(mail["id"]) / 1e9 + RETENTION
            if raw.status == 404 and time.time() < end - SLACK:
                self.dangling.append((mailbox, mail["id"]))
        return None


def test_row46_retention(table):
    row = Row("46 retention 6 s, kill -9 Redis")
    table.append(row)
    dice = random.Random(46)
    with Redis() as redis, Service(redis, retention=f"{RETENTION:.0f}s") as service:
        with Lifetimes(service) as mails:
            end = time.monotonic() + max(FAULT_SECONDS, RETENTION + 3)
            while time.monotonic() < end:
                time.sleep(dice.uniform(0.5, 3))
                redis.kill()
                redis.start()
                row.times += 1
        row.acked, row.lost = len(mails.taken), len(mails.early) + len(mails.dangling)
        row.notes = f"{mails.sightings} sightings, {len(mails.late)} too late"
        assert mails.early == mails.late == mails.dangling == []
        assert mails.sightings > 0
        # What Redis died over, when it should have forgotten a fingerprint, stays for an hour.
        def kinds():
            return {key.split(":")[0] for key in redis.cli("KEYS", "*").split()}
        wait_until(lambda: kinds() <= {"seen"}, "every mail has gone", RETENTION + 10)
