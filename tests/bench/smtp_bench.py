# SPDX-License-Identifier: ISC
"""SMTP in: mails a second, of restante with all that it does and of a peer."""
import json
import os
import subprocess

from bench.pairs import compare
from bench.peers import Postfix, SmtpSink, Subject

# What is sent, how often in one turn, options of smtp_load, and what the ratio should be at least.
TO_SINK = [
    ("2 KB, connections reused", 4000, [], 0.5),
    ("2 KB, one connection a mail", 2000, ["-1"], 0.8),
    ("2 KB, 4 recipients", 1000, ["-r", "4"], None),
    ("2 KB, 100 recipients", 100, ["-r", "100"], None),
    ("100 KB", 400, ["-s", "100000"], None),
    ("10 MB", 8, ["-s", "10000000", "-c", "4"], None),
]
TO_POSTFIX = [
    ("STARTTLS on each connection", 600, ["-1", "-t"], 1.0),
    ("the same, sessions resumed", 600, ["-1", "-t", "-R"], 1.0),
    ("STARTTLS, connections reused", 2000, ["-t"], None),
]
TO_ITSELF = [("2 KB, connections reused", 3000, [], None)]


def load(port, mails, options=()):
    """One run of the load driver; what it printed."""
    driver = os.path.join(os.environ["RESTANTE_BUILD"], "bench/smtp_load")
    done = subprocess.run([driver, "-n", str(mails), *options, str(port)], check=True,
                          capture_output=True, text=True)
    return json.loads(done.stdout)


def against(subject, peer, who, table, options):
    """A row a line of the table."""
    for what, mails, flags, at_least in table:
        count = max(8, int(mails * options.scale))
        yield compare(f"{what} / {who}", "mails/s",
                      lambda: load(subject.port, count, flags)["rate"],
                      lambda: load(peer.port, count, flags)["rate"], options.rounds, at_least)
        for one in (subject, peer):
            if isinstance(one, Subject):
                one.redis_cli("FLUSHALL")


def rows(options):
    with Subject() as subject, SmtpSink() as sink, Postfix() as postfix:
        yield from against(subject, sink, "smtp-sink", TO_SINK, options)
        yield from against(subject, postfix, "Postfix", TO_POSTFIX, options)


def scaling(options):
    """With fewer and with more workers than CPUs."""
    with Subject() as two:
        for count, at_least in ((1, None), (4, 0.9)):
            with Subject(smtpd_workers=count, mimed_workers=count) as other:
                rows_of = against(other, two, "2 of each", TO_ITSELF, options)
                for row in rows_of:
                    row.name = f"{count} smtpd and {count} mimed, {row.name}"
                    row.at_least = at_least
                    yield row
        with Subject(fsync="everysec") as lax:
            yield from against(two, lax, "appendfsync everysec", TO_ITSELF, options)
