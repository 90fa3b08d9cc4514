# SPDX-License-Identifier: ISC
# Mails come, are read and removed in the same mailboxes at once, and API workers die: whoever looks
# sees what some order of all this gives.
import collections
import contextlib
import http.client
import itertools
import random
import smtplib
import threading
import time

from faults.storm import FAULT_SECONDS, Row
from testbed.api import ask
from testbed.smtp import deliver

SENDERS, OTHERS, MAILBOXES = 3, 5, 3
FOREVER = float("inf")


class History:
    """What was done in one mailbox, each with its begin and end; an end that is not known is never.
    For one mailbox at a time, so that comparing all pairs does not take long."""

    def __init__(self, name):
        self.name = name
        self.arrivals = {}  # subject: (begin, end)
        self.clears = []  # (begin, end, answered 200)
        self.removals = collections.defaultdict(list)  # id: [(begin, end, status)]
        self.ids = {}  # subject: id
        self.lists = []  # (begin, end, subjects, newest first)

    def anomalies(self):
        return [*self.removed_twice(), *itertools.chain.from_iterable(
            self.of_mail(subject) for subject in self.arrivals), *self.out_of_order()]

    def removed_twice(self):
        for mail_id, tries in self.removals.items():
            if sum(status == 200 for *_, status in tries) > 1:
                yield self.name, mail_id, "removed twice"

    def of_mail(self, subject):
        arrived, acknowledged = self.arrivals[subject]
        removals = self.removals.get(self.ids.get(subject), [])
        clears = [one for one in self.clears if one[1] >= arrived]
        # The first moment from which it may be gone, and from which it must be.
        may = min([begin for begin, *_ in clears + removals], default=FOREVER)
        must = min([end for begin, end, good in clears if good and begin > acknowledged] +
                   [end for _, end, status in removals if status == 200], default=FOREVER)
        gone_since = FOREVER
        for begin, end, shown in self.lists:
            if subject in shown:
                if begin > must:
                    yield self.name, subject, "shown after it was removed"
                if begin > gone_since:
                    yield self.name, subject, "shown again"
                if end < arrived:
                    yield self.name, subject, "shown before it came"
            elif begin > acknowledged:
                gone_since = min(gone_since, end)
                if end < may:
                    yield self.name, subject, "gone, and nobody has removed it"

    def out_of_order(self):
        for _, _, shown in self.lists:
            latest_end = 0.0
            for subject in reversed(shown):  # the oldest first
                begin, end = self.arrivals[subject]
                latest_end = max(latest_end, begin)
                if end < latest_end:
                    yield self.name, subject, "listed as newer than one that came later"


class Race:
    def __init__(self, service):
        self.service, self.histories = service, [History(f"race{i}") for i in range(MAILBOXES)]
        self.stopping, self.operations = False, 0
        self.threads = [threading.Thread(target=self.repeat, args=(self.send, i))
                        for i in range(SENDERS)]
        self.threads += [threading.Thread(target=self.repeat, args=(self.handle, SENDERS + i))
                         for i in range(OTHERS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        for thread in self.threads:
            thread.join()

    def repeat(self, work, index):
        dice = random.Random(index)
        numbers = (f"{index}.{count}" for count in itertools.count())
        while not self.stopping:
            with contextlib.suppress(OSError, http.client.HTTPException, smtplib.SMTPException):
                work(dice, numbers)

    def send(self, dice, numbers):
        with self.service.smtp() as client:
            while not self.stopping:
                history, subject = dice.choice(self.histories), next(numbers)
                begin = time.monotonic()
                history.arrivals[subject] = begin, FOREVER
                code, _ = deliver(client, f"{history.name}@example.com",
                                  f"Message-ID: <{subject}@race>\r\nSubject: {subject}\r\n\r\n")
                if code == 250:
                    history.arrivals[subject] = begin, time.monotonic()
                self.operations += 1
                time.sleep(dice.random() * 0.02)

    def handle(self, dice, _):
        with contextlib.closing(self.service.https()) as connection:
            while not self.stopping:
                history = dice.choice(self.histories)
                what = dice.random()
                if what < 0.03:
                    self.clear(connection, history)
                elif what < 0.3 and history.ids:
                    self.remove(connection, history, dice)
                else:
                    self.read(connection, history)
                self.operations += 1

    def clear(self, connection, history):
        begin, status = time.monotonic(), None
        try:
            status = ask(connection, f"/emails/{history.name}", "DELETE").status
        finally:
            end = time.monotonic() if status == 200 else FOREVER
            history.clears.append((begin, end, status == 200))

    def remove(self, connection, history, dice):
        mail_id = dice.choice(list(history.ids.copy().values())[-20:])
        begin, status = time.monotonic(), None
        try:
            status = ask(connection, f"/emails/{history.name}/{mail_id}", "DELETE").status
        finally:
            end = time.monotonic() if status is not None else FOREVER
            history.removals[mail_id].append((begin, end, status))

    def read(self, connection, history):
        begin = time.monotonic()
        answer = ask(connection, f"/emails/{history.name}?limit=1000&view=summary")
        if answer.status == 200:
            mails = answer.json()
            history.ids.update({mail["subject"]: mail["id"] for mail in mails})
            history.lists.append(
                (begin, time.monotonic(), [mail["subject"] for mail in mails]))


def test_row45_races(service, table):
    row, dice = Row("45 DELETE, GET, arrivals, kill -9 apid"), random.Random(45)
    table.append(row)
    found, operations = [], 0
    end = time.monotonic() + FAULT_SECONDS
    while row.times == 0 or time.monotonic() < end:
        with Race(service) as race:  # short ones, with mailboxes that are empty at the start
            round_end = min(end, time.monotonic() + 10)
            while row.times == 0 or time.monotonic() < round_end:
                time.sleep(dice.uniform(0.3, 1.5))
                pids = sorted(service.pids("apid"))
                if pids:
                    service.kill(dice.choice(pids))
                    row.times += 1
        operations += race.operations
        for history in race.histories:
            found += history.anomalies()
            row.acked += sum(ack < FOREVER for _, ack in history.arrivals.values())
            assert service.api(f"/emails/{history.name}", method="DELETE").status == 200
    row.altered = len(found)
    row.notes = f"{operations} operations, {len(found)} that no order explains"
    assert found == []
