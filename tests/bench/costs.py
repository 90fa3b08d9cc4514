# SPDX-License-Identifier: ISC
"""What a mail and a request cost in system calls, bytes and memory: figures that a busy machine does
not change."""
import contextlib
import re
import signal
import statistics
import subprocess
import tempfile
import time

from harness import KEY, Restante, ask
from smtp_bench import load

COUNT = 400  # mails or requests


@contextlib.contextmanager
def traced(pids, found):
    """Counts the system calls that these processes make meanwhile, into `found`, by name."""
    with tempfile.NamedTemporaryFile("r") as summary:
        tracer = subprocess.Popen(
            ["strace", "-f", "-c", "-o", summary.name, *(f"-p{pid}" for pid in pids)],
            stderr=subprocess.PIPE, text=True)
        for _ in pids:
            assert "attached" in tracer.stderr.readline()
        yield
        tracer.send_signal(signal.SIGINT)
        tracer.communicate()
        for line in summary.read().splitlines():
            row = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line)
            if row and row[2] != "total":
                found[row[2]] = int(row[1])


def calls_per_mail(subject, role, mails=COUNT, options=()):
    """System calls a mail of all processes of a role, by their names."""
    load(subject.port, mails, options)  # scripts are loaded, pages are there
    found = {}
    with traced(sorted(subject.pids(role)), found):
        load(subject.port, mails, options)
    return {name: count / mails for name, count in found.items()}


def calls_per_request(subject, path, requests=COUNT):
    found = {}
    with contextlib.closing(subject.https()) as connection:
        ask(connection, path)
        with traced(sorted(subject.pids("apid")), found):
            for _ in range(requests):
                assert ask(connection, path).status == 200
    return {name: count / requests for name, count in found.items()}


def redis_stat(subject, section, name):
    return int(re.search(rf"^{name}:(\d+)", subject.redis_cli("INFO", section), re.M)[1])


def redis_per_mail(subject, size, options=(), mails=2000):
    """(commands a mail, bytes sent to Redis a mail, bytes it takes there a mail)."""
    subject.redis_cli("FLUSHALL")
    load(subject.port, 200, options)  # the mailboxes are there, scripts are loaded
    names = (("stats", "total_commands_processed"), ("stats", "total_net_input_bytes"),
             ("memory", "used_memory"))
    before = [redis_stat(subject, *name) for name in names]
    load(subject.port, mails, ["-s", str(size), *options])
    after = [redis_stat(subject, *name) for name in names]
    return [(new - old) / mails for old, new in zip(before, after)]


def resident(pid):
    """Private and shared memory of a process in KiB, each shared page by its share."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return int(re.search(r"^Pss:\s+(\d+)", file.read(), re.M)[1])


def start_up(rounds, **settings):
    """Seconds from the start of the master to READY, in the middle."""
    taken = []
    for _ in range(rounds):
        begun = time.monotonic()
        with Restante("private", **settings):
            taken.append(time.monotonic() - begun)
    return statistics.median(taken)
