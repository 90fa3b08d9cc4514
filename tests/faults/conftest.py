# SPDX-License-Identifier: ISC
# A network and mounts of its own, so that no fault is seen elsewhere, and the table at the end.
import ctypes
import os
import subprocess

import pytest

from faults.storm import COLUMNS, Service
from testbed.redis import Redis

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
TABLE = []


def pytest_configure():
    """This process and all that it starts; both end with it."""
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS | CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


@pytest.fixture
def table():
    return TABLE


@pytest.fixture
def redis():
    with Redis() as server:
        yield server


@pytest.fixture
def service(redis):
    with Service(redis) as daemon:
        yield daemon
        daemon.wait_until_complete()


def pytest_terminal_summary(terminalreporter):
    rows = [COLUMNS, *(row.cells() for row in TABLE)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    terminalreporter.section("faults")
    for row in rows:
        first, *others = (cell.ljust(width) if i == 0 else cell.rjust(width)
                          for i, (cell, width) in enumerate(zip(row, widths)))
        terminalreporter.write_line("  ".join([first, *others]))
    for row in TABLE:
        if row.notes:
            terminalreporter.write_line(f"{row.fault}: {row.notes}")
