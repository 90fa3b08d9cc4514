# SPDX-License-Identifier: ISC
# Allocations fail in all workers while mail flows: what was acknowledged is there, whole and once.
"""ALLOCATION_FAILURES is how many have to fail (default 200; the list of attacks asks for
10,000)."""
import os
import pathlib
import re
import shutil
import struct
import time
import types

import pytest

from testbed.book import Book
from testbed.build import programs
from testbed.daemon import Restante
from testbed.load import Load
from testbed.machine import new_directory
from testbed.processes import run
from testbed.reader import Verdict
from testbed.redis import Redis
from testbed.waiting import SLOW, wait_until

pytestmark = pytest.mark.skipif(SLOW != 1, reason="nothing can be preloaded before a sanitizer")
FAILURES = int(os.environ.get("ALLOCATION_FAILURES", "200"))
# One allocation of so many. A failure may end the worker, also inside of a library: hiredis 0.14
# writes to a buffer that it did not get, GLib ends the process.
RATES = {"smtpd": 3_000, "apid": 3_000, "mimed": 3_000}


class Starved(Restante):
    """Its workers are started by scripts, since the master hands on no such variable."""

    def __init__(self, redis, **settings):
        self.library = new_directory() / "allocation.so"
        run("cc", "-O2", "-shared", "-fPIC", "-o", self.library,
            pathlib.Path(__file__).with_name("allocation.c"), check=True)
        self._programs = new_directory()
        real = self._programs / "real"
        shutil.copytree(programs(), real)
        shutil.copy(programs() / "restante", self._programs)
        self.controls = {}
        for role in RATES:
            control = self.controls[role] = new_directory() / "control"
            control.write_bytes(bytes(16))
            control.chmod(0o666)
            script = self._programs / f"restante-{role}"
            script.write_text(f"#!/bin/sh\nLD_PRELOAD={self.library} ALLOCATION_CONTROL={control} "
                              f"exec {real}/restante-{role} \"$@\"\n")
            script.chmod(0o755)
        super().__init__(redis, **settings)

    def programs(self):
        return self._programs

    def starve(self, rates):
        for role, control in self.controls.items():
            with control.open("r+b") as file:
                file.write(struct.pack("Q", rates.get(role, 0)))

    def failed(self):
        return {role: struct.unpack("QQ", control.read_bytes())[1]
                for role, control in self.controls.items()}

    def check_log(self):
        """Workers may die here; how they died is looked at by the test."""


@pytest.fixture(scope="module")
def daemon():
    with Redis() as redis, Starved(redis, smtp_tls="optional", redis_timeout="2s",
                                   smtp_client_connection_limit=0) as restante:
        yield restante


def endings(daemon):
    """How workers have died: by signal, or with which status."""
    found = re.findall(r"event=process_died role=(\w+) .*?(signal=\w+|status=\d+)",
                       daemon.log.text())
    return {ending: found.count(ending) for ending in sorted(set(found))}


def test_row42_no_mail_is_lost_where_allocations_fail(daemon, reached):
    book = Book()
    load = Load("a", types.SimpleNamespace(service=daemon, smtp_port=daemon.smtp_port), book)
    with load:
        assert load.wait_for_flow(time.monotonic(), 20) is not None
        daemon.starve(RATES)
        wait_until(lambda: sum(daemon.failed().values()) >= FAILURES, "enough have failed",
                   60 + FAILURES)
        daemon.starve({})
        flows = load.wait_for_flow(time.monotonic(), 60)
        load.finish()
    daemon.wait_until_complete(timeout=60)
    verdict = Verdict(book, daemon)
    wrong = [what for watcher in load.watchers for what in watcher.wrong]
    told = (f"{daemon.failed()} failed, {dict(book.counts)}, {len(verdict.lost)} lost, "
            f"{len(verdict.doubled)} doubled, {len(verdict.altered) + len(wrong)} altered; "
            f"died: {endings(daemon)}; mail flows after {flows:.2f} s")
    reached(told)
    assert verdict.lost == [] and verdict.altered == [] and wrong == []
    assert book.bounces == []
    assert flows is not None
