# SPDX-License-Identifier: ISC
"""What a mail and a request cost in system calls, instructions, time of a processor and bytes in
Redis: figures that a busy machine changes little or not at all."""
import base64
import contextlib
import os
import pathlib
import re
import resource
import signal
import statistics
import subprocess
import tempfile

from bench import api_bench
from bench.pairs import Figure
from bench.peers import SmtpSink, Subject
from bench.smtp_bench import load
from testbed import counted
from testbed.api import ask
from testbed.machine import new_directory

COUNT = 400  # mails or requests
# How mails of 2 KB come, and how many in one turn.
PLAIN = [("connections reused", [], 2000), ("one connection a mail", ["-1"], 2000)]
SECRET = [("STARTTLS on each connection", ["-1", "-t"], 500),
          ("STARTTLS, sessions resumed", ["-1", "-t", "-R"], 500)]
STORED = 2560  # bytes of a mail of 2 KB in Redis, at most


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


def calls(name, found, count, most=6):
    """A figure of these system calls, the most frequent of them by name."""
    names = sorted(found, key=found.get, reverse=True)[:most]
    return Figure(name, sum(found.values()) / count, "system calls", 1,
                  more=", ".join(f"{name} {found[name] / count:.2f}" for name in names))


def calls_per_mail(port, who, pids, what, flags):
    load(port, COUNT, flags)  # scripts are loaded, pages are there
    found = {}
    with traced(sorted(pids), found):
        load(port, COUNT, flags)
    return calls(f"{who}, a mail of 2 KB, {what}", found, COUNT)


def calls_per_request(subject, what, path):
    found = {}
    with contextlib.closing(subject.https()) as connection:
        ask(connection, path)
        with traced(sorted(subject.pids("apid")), found):
            for _ in range(COUNT):
                assert ask(connection, path).status == 200
    return calls(f"apid, {what}", found, COUNT)


def processes(subject):
    """Those that take a mail: each kind's pids."""
    return {role: subject.pids(role) for role in ("smtpd", "mimed")} | {"Redis": subject.redis_pids()}


def system_calls(subject, sink):
    """In all workers together, with 20 connections at once."""
    for what, flags, _ in PLAIN:
        for who, pids in processes(subject).items():
            yield calls_per_mail(subject.port, who, pids, what, flags)
        yield calls_per_mail(sink.port, "smtp-sink", [sink.process.pid], what, flags)
    for what, path, _ in api_bench.fill(subject)[:3]:
        yield calls_per_request(subject, what, path)
    subject.redis_cli("FLUSHALL")


def counts():
    """One worker of each role, one thing after the other."""
    for name, found in counted.measure().items():
        cost = counted.cost_of(found)
        yield Figure(name, cost.instructions / 1000, "thousand instructions",
                     more=f"{cost.allocations:,.0f} allocations")


def time_of(pids):
    """Nanoseconds on a processor of all threads of these processes."""
    return sum(int(file.read_text(encoding="ascii").split()[0])
               for pid in pids for file in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"))


def time_of_children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round((usage.ru_utime + usage.ru_stime) * 1e9)


def processor_time(server, port, groups, turn, options):
    """Time of a processor that a mail takes in each group of processes, and in who sends it."""
    what, flags, count = turn
    mails = max(200, int(count * options.scale))
    takers = {name: lambda pids=pids: time_of(pids) for name, pids in groups.items()}
    takers[f"smtp_load, to {server}"] = time_of_children
    load(port, mails, flags)
    taken = {name: [] for name in takers}
    for _ in range(options.rounds):
        before = {name: take() for name, take in takers.items()}
        load(port, mails, flags)
        for name, take in takers.items():
            taken[name].append((take() - before[name]) / mails / 1000)
    for name, values in taken.items():
        yield Figure(f"{name}, a mail of 2 KB, {what}", statistics.median(values), "µs")


def processor_times(subject, sink, options):
    for turn in PLAIN + SECRET:
        yield from processor_time("restante", subject.port, processes(subject), turn, options)
        if turn in PLAIN:
            yield from processor_time("smtp-sink", sink.port, {"smtp-sink": [sink.process.pid]}, turn,
                                      options)


def redis_stat(subject, section, name):
    return int(re.search(rf"^{name}:(\d+)", subject.redis_cli("INFO", section), re.M)[1])


def redis_per_mail(subject, what, mails, flags, at_most=None):
    """Commands and bytes that a mail is to Redis; `at_most` is of those that it keeps."""
    subject.redis_cli("FLUSHALL")
    load(subject.port, 200, flags)  # the mailboxes are there, scripts are loaded
    names = (("stats", "total_commands_processed"), ("stats", "total_net_input_bytes"),
             ("memory", "used_memory"))
    before = [redis_stat(subject, *name) for name in names]
    load(subject.port, mails, flags)
    after = [redis_stat(subject, *name) for name in names]
    commands, sent, kept = ((new - old) / mails for old, new in zip(before, after))
    return Figure(f"Redis keeps, of {what}", kept, "bytes", at_most=at_most,
                  more=f"{commands:.2f} commands, {sent:,.0f} bytes sent")


def application_mail():
    """As an application sends it: a text, and the same in HTML."""
    return counted.MAIL.format(number="0" * 16)


def mail_with_attachment(size=100_000):
    attachment = base64.encodebytes(os.urandom(size)).decode().replace("\n", "\r\n")
    return ("Subject: attached\r\nMessage-ID: <0000000000000000@example.org>\r\nMIME-Version: 1.0\r\n"
            "Content-Type: multipart/mixed; boundary=limit\r\n\r\n--limit\r\n\r\nSee the file.\r\n"
            "--limit\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"
            f"Content-Disposition: attachment; filename=a.bin\r\n\r\n{attachment}--limit--\r\n")


def redis(subject):
    def from_file(name, text):
        path = new_directory() / name
        path.write_bytes(text.encode())
        return ["-f", str(path)]
    application, attached = application_mail(), mail_with_attachment()
    yield redis_per_mail(subject, "a mail of 2 KB", 2000, [], STORED)
    yield redis_per_mail(subject, "one of 2 KB, text and HTML", 2000,
                         from_file("application", application), STORED)
    yield redis_per_mail(subject, "one of 2 KB to 4 recipients", 1000, ["-r", "4"])
    yield redis_per_mail(subject, "one of 100 KB of text", 200, ["-s", "100000"])
    yield redis_per_mail(subject, f"one of {len(attached):,} bytes with an attachment of 100 KB", 200,
                         from_file("attached", attached), len(attached))


def rows(options):
    yield from counts()
    with Subject() as subject, SmtpSink() as sink:
        yield from system_calls(subject, sink)
        yield from processor_times(subject, sink, options)
        yield from redis(subject)
