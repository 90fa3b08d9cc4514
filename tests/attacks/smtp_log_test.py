# SPDX-License-Identifier: ISC
# Whoever reads the log stops: mail goes on flowing as fast as before, and what was lost is counted.
import pathlib
import re
import socket
import statistics
import sys
import threading

import pytest

from testbed.daemon import Restante
from testbed.machine import new_directory
from testbed.processes import Lines
from testbed.smtp import deliver
from testbed.waiting import seconds

MAILS, ROUNDS = 200, 20
# Becomes the rest of its command line, with its standard error at the Unix socket in front of it.
TO_SOCKET = """
import os, socket, sys
with socket.socket(socket.AF_UNIX) as end:
    end.connect(sys.argv[1])
    os.dup2(end.fileno(), 2)
os.execv(sys.argv[2], sys.argv[2:])
"""


class Gate:
    """A stream that is read only while it is open."""

    def __init__(self, stream):
        self._stream, self.open = stream, threading.Event()
        self.open.set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stream.close()

    def __iter__(self):
        for line in self._stream:
            self.open.wait()
            yield line


class Piped(Restante):
    """Its standard error is a pipe that a test can stop reading."""

    def open_log(self):
        self.gate = Gate(self.process.stderr)
        return Lines(self.gate)


class Journalled(Piped):
    """Its standard error is a stream socket, as that of journald."""

    def __init__(self, **settings):
        path = str(new_directory() / "journal")
        with socket.socket(socket.AF_UNIX) as self.listener:
            self.listener.bind(path)
            self.listener.listen()
            super().__init__(starter=[sys.executable, "-c", TO_SOCKET, path],
                             variables={"JOURNAL_STREAM": "8:1"}, **settings)

    def open_log(self):
        self.listener.settimeout(seconds(20))
        with self.listener.accept()[0] as end:
            self.gate = Gate(end.makefile("rb"))
        return Lines(self.gate)


def fill(restante):
    """More lines than any pipe or socket holds."""
    for _ in range(8):
        with restante.dialogue().greet() as client:
            assert client.say("MAIL FROM:<a@example.org>") == 250
            client.send(("RCPT TO:<" + "x" * 1900 + ">\r\n") * 19)
            assert {client.code() for _ in range(19)} == {501}


def cost_of_mails(restante):
    """Seconds of a CPU that smtpd takes for MAILS, which nothing else on the machine changes much."""
    def used():
        pid, = restante.pids("smtpd")
        return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    with restante.smtp() as client:
        before = used()
        for _ in range(MAILS):
            assert deliver(client, "alice@example.com")[0] == 250
        return used() - before


def throughput_without_reader(restante):
    """As a share of that with one."""
    read, unread, share = [], [], 0
    while len(read) < 3 or (share < 0.9 and len(read) < ROUNDS):
        read.append(cost_of_mails(restante))
        restante.gate.open.clear()
        fill(restante)
        unread.append(cost_of_mails(restante))
        assert restante.api("/healthz", key=None).status == 200
        restante.gate.open.set()
        restante.send("bob@example.com")
        share = statistics.median(read) / statistics.median(unread)
    return share


@pytest.mark.parametrize("kind", [Piped, Journalled])
def test_row29_log_is_not_read(kind, reached):
    with kind(smtpd_workers=1, smtp_tls="optional") as restante:
        share = throughput_without_reader(restante)
        restante.send("last@example.com")
        restante.log.wait_for("event=mail_stored .*to=last@")
        lost = sum(int(re.search(r"lines=(\d+)", line)[1])
                   for line in restante.log.find("event=log_lines_lost "))
        reached(f"{kind.__name__}: {lost} lines lost, throughput {share:.0%}")
        assert lost > 0
        assert share >= 0.9
