# SPDX-License-Identifier: ISC
# The wall clock jumps by up to an hour: that of restante, of Redis, or of both.
import functools
import os
import pathlib
import shutil
import struct
import time
from email.parser import BytesParser
from email.utils import parsedate_to_datetime

import pytest

from faults.storm import Fault, Service, storm
from testbed.build import programs
from testbed.machine import new_directory
from testbed.processes import run
from testbed.redis import Redis
from testbed.waiting import SLOW, seconds

pytestmark = pytest.mark.skipif(SLOW != 1, reason="nothing can be preloaded before a sanitizer")


@functools.cache
def library():
    """clock.c, compiled."""
    made = new_directory() / "clock.so"
    run("cc", "-O2", "-shared", "-fPIC", "-o", made, pathlib.Path(__file__).with_name("clock.c"),
        check=True)
    return made


class Clock:
    """The wall clock of all processes with its environment. CLOCK_MONOTONIC cannot jump, and a
    clock of the whole machine is not for a test to turn."""

    def __init__(self):
        self.file = new_directory() / "offset"
        self.file.touch()
        self.turn(0)

    def turn(self, offset):
        self.offset = offset
        with self.file.open("r+b") as file:  # in place: it is mapped
            file.write(struct.pack("q", offset))

    def environment(self):
        return {"LD_PRELOAD": str(library()), "FAULT_CLOCK": str(self.file)}


class ClockedRedis(Redis):
    def __init__(self, clock):
        self.environment = os.environ | clock.environment()
        super().__init__()


class ClockedService(Service):
    """Its workers are started by scripts, since the master hands on no such variable."""

    def __init__(self, redis, clock, **settings):
        self._programs = new_directory()
        real = self._programs / "real"
        shutil.copytree(programs(), real)
        shutil.copy(programs() / "restante", self._programs)
        words = [f"{name}='{value}'" for name, value in clock.environment().items()]
        for role in ("smtpd", "apid", "mimed"):
            script = self._programs / f"restante-{role}"
            script.write_text("#!/bin/sh\n" + "".join(f"export {word}\n" for word in words) +
                              f'exec {real / script.name} "$@"\n')
            script.chmod(0o755)
        variables = [f"{name}={value}" for name, value in clock.environment().items()]
        super().__init__(redis, starter=["env", *variables], **settings)

    def programs(self):
        return self._programs


class Steps(Fault):
    hold, calm = (0.5, 2), (0, 0.3)
    refused = unknown = 0

    def __init__(self, service, clocks, who_has, who):
        self.name = f"30 clock steps ±1 h: {who}"
        super().__init__(service)
        self.all_clocks, self.clocks = clocks, who_has

    def inject(self):
        for clock in self.clocks:
            clock.turn(self.dice.choice([-3600, -1800, -60, 60, 1800, 3600]))

    def during(self, load):
        """That they really are off."""
        box = f"clock{self.count}"
        self.service.send(f"{box}@example.com")
        mail, = self.service.mails(box)
        raw = self.service.api(f"/emails/{box}/{mail['id']}/raw").body
        received = parsedate_to_datetime(BytesParser().parsebytes(raw)["Received"].split(";")[-1])
        for clock, shown in ((0, received.timestamp()), (1, int(mail["id"]) / 1e9)):
            if self.all_clocks[clock] in self.clocks:
                assert abs(shown - time.time() - self.all_clocks[clock].offset) < seconds(3)


@pytest.fixture
def clocks():
    return Clock(), Clock()


@pytest.fixture
def clocked(clocks):
    with ClockedRedis(clocks[1]) as redis, ClockedService(redis, clocks[0]) as service:
        yield service
        for clock in clocks:
            clock.turn(0)
        service.wait_until_complete()


def test_row30_clock_of_restante(clocked, clocks, table):
    storm(Steps(clocked, clocks, clocks[:1], "restante's"), table)


def test_row30_clock_of_redis(clocked, clocks, table):
    storm(Steps(clocked, clocks, clocks[1:], "Redis'"), table)


def test_row30_clocks_of_both(clocked, clocks, table):
    storm(Steps(clocked, clocks, clocks, "each its own"), table)
