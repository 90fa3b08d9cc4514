# SPDX-License-Identifier: ISC
"""Counts what workers do: instructions, allocations and system calls, with valgrind.

Counts do not depend on how busy the machine is, as times would. valgrind also counts system calls, so
no permission to trace other processes is needed."""
import collections
import contextlib
import pathlib
import re
import shutil
import time

from testbed.api import ask
from testbed.build import PROGRAMS, programs
from testbed.daemon import Restante
from testbed.processes import installed
from testbed.smtp import Dialogue
from testbed.waiting import seconds, wait_until

ROLES = ("smtpd", "mimed", "apid")
BOX = "counted"
ALLOCATIONS, INSTRUCTIONS = "allocations", "instructions"  # beside names of system calls
# Outside valgrind the vDSO answers these without a system call.
NO_CALLS = {"clock_gettime", "gettimeofday", "time", "getcpu"}
ALLOCATES = re.compile(r"(malloc|calloc|realloc|memalign|aligned_alloc|posix_memalign)('\d+)?$")
# GLib before 2.76 has an allocator of its own; G_SLICE turns it off, so that all versions count alike.
VALGRIND = """#!/bin/sh
G_SLICE=always-malloc exec {valgrind} --tool=callgrind --vgdb=no --trace-syscalls=yes \\
    --callgrind-out-file={out}/{program}.%p.profile --log-file={out}/{program}.%p.calls {real} "$@"
"""
MAIL = ("From: Shop <shop@example.org>\r\nTo: Alice <alice@example.com>\r\n"
        "Subject: Your order has been sent\r\nMessage-ID: <{number}@example.org>\r\n"
        "Date: Sat, 28 Nov 2026 12:00:00 +0000\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/alternative; boundary=limit\r\n\r\n"
        "--limit\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        + "Your order {number} has been sent and will be with you in some days.\r\n" * 12
        + "\r\n--limit\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
        + '<p>Order <a href="https://example.org/o/{number}">{number}</a> has been sent.</p>\r\n' * 10
        + "\r\n--limit--\r\n")

Cost = collections.namedtuple("Cost", "system_calls allocations instructions")


class Counted(Restante):
    """A daemon with one worker of each role, which valgrind runs about fifty times slower."""
    ready_within = 200

    def __init__(self):
        super().__init__(smtpd_workers=1, mimed_workers=1, apid_workers=1, sandbox="no",
                         smtp_tls="optional", mime_memory_limit="4G", mime_timeout="1m",
                         redis_timeout="1m", api_timeout="1m")
        self.workers = {role: min(self.pids(role)) for role in ROLES}

    def programs(self):
        place, out = self.directory / "programs", self.directory / "out"
        if not place.exists():
            place.mkdir()
            out.mkdir()
            out.chmod(0o777)
            for program in PROGRAMS:
                if program.removeprefix("restante-") in ROLES:
                    script = VALGRIND.format(valgrind=installed("valgrind"), out=out, program=program,
                                             real=programs() / program)
                    (place / program).write_text(script)
                    (place / program).chmod(0o755)
                else:
                    shutil.copy(programs() / program, place)
        return place

    def pids(self, role=None):
        """Finds workers by their command line, because their process name is that of valgrind."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        with contextlib.suppress(FileNotFoundError):  # the master has exited
            return {int(pid) for pid in children.read_text().split()
                    if f"/restante-{role or ''}" in pathlib.Path(f"/proc/{pid}/cmdline").read_text()}
        return set()

    def rest(self):
        """Waits until every worker sleeps, so that each request finds the workers in the same state."""
        for pid in self.workers.values():
            end = time.monotonic() + seconds(20)
            while pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "S":
                assert time.monotonic() < end, "a worker does not become idle"
                time.sleep(0.0005)

    def questions(self):
        """How many CONFIG GET commands Redis has received; smtpd sends them periodically."""
        return int(re.search(r"config.get:calls=(\d+)", self.redis.cli("INFO", "commandstats"))[1])

    def result(self, role):
        """The counts of the worker of a role. Call it after `stop()`."""
        calls = self.directory / f"out/restante-{role}.{self.workers[role]}.calls"
        names = re.findall(r"^SYSCALL\[.*?\]\(.*?\) +(?:sys_)?(\w+)", calls.read_text(), re.M)
        found = collections.Counter(name for name in names if name not in NO_CALLS)
        found[ALLOCATIONS], found[INSTRUCTIONS] = profile_counts(
            calls.with_suffix(".profile").read_text())
        return found


class Client(Dialogue):
    """An SMTP client that sends each command when all workers are idle."""

    def __init__(self, restante):
        self.restante = restante
        super().__init__(restante.smtp_port)
        self.greet()

    def say(self, text):
        self.restante.rest()
        return super().say(text)

    def mail(self, number):
        self.start_mail(f"{BOX}@example.com")
        assert self.say(MAIL.format(number=1000 + number) + ".") == 250

    def quit(self):
        assert self.say("QUIT") == 221
        assert self.line() == b""


def profile_counts(text):
    """Allocations and instructions in a profile of callgrind, whose manual has the format."""
    allocations, names, callee = 0, {}, ""
    for line in text.splitlines():
        if match := re.match(r"c?fn=(\(\d+\))(?: (.*))?", line):
            if match[2]:
                names[match[1]] = match[2]
            callee = names[match[1]]
        elif line.startswith("calls=") and ALLOCATES.match(callee):
            allocations += int(line[6:].split()[0])
    return allocations, int(re.search(r"^(?:summary|totals): (\d+)", text, re.M)[1])


def work(mails=0, connections=0, requests=0, questions=0):
    """Counts a run of 10 mails, 1 connection and 1 list request, plus the given numbers of each.

    The run lasts until Redis has received at least `questions` CONFIG GET commands. Returns the counts
    by role, and the number of these commands as "questions"."""
    with Counted() as restante:
        with Client(restante) as client:
            for number in range(10 + mails):
                client.mail(number)
            client.quit()
        for _ in range(1 + connections):
            with Client(restante) as client:
                client.quit()
        with contextlib.closing(restante.https()) as connection:
            for _ in range(1 + requests):
                restante.rest()
                assert len(ask(connection, f"/emails/{BOX}?limit=10").json()) == 10
        wait_until(lambda: restante.questions() >= questions, "Redis is asked")
        restante.stop()
        return {role: restante.result(role) for role in ROLES} | {"questions": restante.questions()}


def measure(count=100):
    """What a mail, a list and a connection cost in each role: a dictionary of counts for each.

    It is the difference between a run with `count` more of them and one without, divided by `count`.
    The cost of the periodic CONFIG GET is subtracted."""
    once = work()
    longer = work(questions=once["questions"] + 1)
    busy = {"mail": work(mails=count, requests=count), "connection": work(connections=count)}

    def cost(role, what):
        def question(name):
            return ((longer[role][name] - once[role][name])
                    / (longer["questions"] - once["questions"]))
        more = busy[what]
        return {name: (number - once[role][name]
                       - question(name) * (more["questions"] - once["questions"])) / count
                for name, number in more[role].items()}
    return {"smtpd, a mail": cost("smtpd", "mail"), "mimed, a mail": cost("mimed", "mail"),
            "apid, a list of 10 mails": cost("apid", "mail"),
            "smtpd, a connection": cost("smtpd", "connection")}


def cost_of(counts):
    """Adds up a dictionary of counts, as `measure()` returns them."""
    counts = dict(counts)
    allocations, instructions = counts.pop(ALLOCATIONS), counts.pop(INSTRUCTIONS)
    return Cost(sum(counts.values()), allocations, instructions)
