# SPDX-License-Identifier: ISC
# Mail flows, a fault comes and goes, again and again; then book and store are compared.
import dataclasses
import os
import random
import time

from testbed.book import Book
from testbed.certificates import Files
from testbed.daemon import Restante
from testbed.load import Load
from testbed.reader import Verdict
from testbed.waiting import SLOW, seconds

FAULT_SECONDS = float(os.environ.get("FAULT_SECONDS", "60"))
INJECTIONS = 2_000  # at most
COLUMNS = ("fault", "acked", "times", "refused", "unknown", "lost", "doubled", "altered",
           "flows after", "slowest")


@dataclasses.dataclass
class Row:
    """A line of the table at the end."""
    fault: str
    acked: int = 0
    times: int = 0
    refused: int = 0
    unknown: int = 0
    lost: int = 0
    doubled: int = 0
    altered: int = 0
    flows: float = 0.0
    slowest: float = 0.0
    notes: str = ""

    def cells(self):
        numbers = (self.acked, self.times, self.refused, self.unknown, self.lost, self.doubled,
                   self.altered)
        return (self.fault, *map(str, numbers), f"{self.flows:.2f} s", f"{self.slowest:.2f} s")


def cpu_seconds(pid):
    """User and system time of a process; 0 when it has gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            fields = file.read().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Service(Restante):
    """The daemon on ports that stay, so that another one can take its place."""

    def __init__(self, redis, **settings):
        defaults = {"smtp_tls": "optional", "redis_timeout": "2s",
                    "smtp_client_connection_limit": 0} | Files().settings()
        super().__init__(redis, **(defaults | settings))
        for name in ("smtp", "http", "https"):
            self.settings[f"{name}_listen"] = f"127.0.0.1:{self._port(name)}"
        self.write_settings()


class Fault:
    """What comes and goes, and what is promised all the same."""
    name = ""
    hold = (0.5, 1.5)  # seconds from inject to heal
    calm = (0.3, 1.0)  # and until the next one, with mail flowing
    from_inject = False  # whether the time until mail flows counts from there
    flows_within = 5.0  # seconds
    answers_within = 15.0  # from a final dot to its reply
    refused = unknown = None  # how many are allowed; None: any number
    lost = doubled = altered = 0
    busy = None  # how much of a CPU one smtpd may take meanwhile; one that spins takes all of it

    def __init__(self, service, redis=None):
        self.service, self.redis = service, redis
        self.dice = random.Random(self.name)
        self.count = 0

    def inject(self):
        raise NotImplementedError

    def heal(self):
        pass

    def once(self, load):
        """One time from calm to calm; the seconds until mail flowed again."""
        start = time.monotonic()
        try:
            self.inject()
            self.count += 1
            self.watch(self.dice.uniform(*self.hold))
            self.during(load)
        finally:
            self.heal()
        since = start if self.from_inject else time.monotonic()
        flows = load.wait_for_flow(since, seconds(self.flows_within) + 20)
        log = self.service.log.text()[-3000:]
        assert flows is not None, f"no mail flows after {self.name}\n{log}"
        time.sleep(self.dice.uniform(*self.calm))
        return flows

    def watch(self, hold):
        """Waits, and sees whether somebody spins."""
        used = {pid: cpu_seconds(pid) for pid in self.service.pids("smtpd")}
        time.sleep(hold)
        if self.busy is not None and hold > 0.5 and SLOW == 1:
            for pid, before in used.items():
                share = (cpu_seconds(pid) - before) / hold
                assert share <= self.busy, f"smtpd {pid} takes {share:.0%} of a CPU"

    def during(self, load):
        """What to look at while it is there."""

    @property
    def smtp_port(self):
        """Where senders connect."""
        return self.service.smtp_port

    def times(self):
        return self.count

    def doubled_allowed(self, row):
        del row
        return self.doubled

    def notes(self):
        """What the table cannot say."""
        return ""


def within(count, allowed):
    return allowed is None or count <= allowed


def storm(fault, table, pause=0.02):
    """The fault for FAULT_SECONDS, and the comparison; its row in the table."""
    row, book = Row(fault.name), Book()
    table.append(row)
    with Load(f"f{len(table)}", fault, book, pause) as load:
        try:
            assert load.wait_for_flow(time.monotonic(), seconds(20)) is not None, "no mail flows"
            end = time.monotonic() + FAULT_SECONDS
            while fault.count == 0 or (time.monotonic() < end and fault.count < INJECTIONS):
                row.flows = max(row.flows, fault.once(load))
            load.finish()
        finally:
            row.times, row.slowest = fault.times(), book.slowest
            row.acked, row.refused, row.unknown = (
                book.counts[name] for name in ("acknowledged", "refused", "unknown"))
    verdict = Verdict(book, fault.service)
    row.lost, row.doubled, row.altered = map(
        len, (verdict.lost, verdict.doubled, verdict.altered))
    wrong = [what for watcher in load.watchers for what in watcher.wrong]
    row.altered += len(wrong)
    row.notes = fault.notes()
    assert row.acked > 0
    assert within(row.lost, fault.lost), verdict.lost
    assert within(row.altered, fault.altered), verdict.altered + wrong
    assert within(row.doubled, fault.doubled_allowed(row)), verdict.doubled
    assert book.bounces == []
    assert within(row.refused, fault.refused)
    assert within(row.unknown, fault.unknown)
    assert row.flows <= seconds(fault.flows_within)
    assert row.slowest <= seconds(fault.answers_within)
    assert sum(watcher.looked for watcher in load.watchers) > 0
    return row
