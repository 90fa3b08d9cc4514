# SPDX-License-Identifier: ISC
"""SMTP in: mails a second, of restante with all that it does and of a peer."""
import json
import os
import subprocess

from pairs import compare

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


def load(port, mails, options=()):
    """One run of the load driver; what it printed."""
    driver = os.path.join(os.environ["RESTANTE_BUILD"], "bench/smtp_load")
    done = subprocess.run([driver, "-n", str(mails), *options, str(port)], check=True,
                          capture_output=True, text=True)
    return json.loads(done.stdout)


def against(subject, peer, who, table, rounds, scale):
    """A row a line of the table."""
    for what, mails, options, wanted in table:
        count = max(8, int(mails * scale))
        yield compare(f"{what} / {who}", "mails/s",
                      lambda: load(subject.port, count, options)["rate"],
                      lambda: load(peer.port, count, options)["rate"], rounds, wanted)
        subject.redis_cli("FLUSHALL")
