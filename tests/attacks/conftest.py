# SPDX-License-Identifier: ISC
# A network of its own, so that no flood is seen elsewhere, and what was reached, at the end.
import ctypes
import os
import resource
import subprocess

import pytest

from testbed.daemon import Restante

CLONE_NEWNET = 0x40000000
REACHED = []


def pytest_configure():
    """This process and all that it starts; the network ends with it."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


@pytest.fixture(scope="module")
def restante():
    """One for all tests of a file, without rate limits; TLS is up to the client."""
    with Restante(smtp_tls="optional", smtp_client_connection_limit=0) as daemon:
        yield daemon


@pytest.fixture
def reached(request):
    """Writes down what a test has measured: reached("3,000 mails, 0 lost")."""
    def note(*numbers):
        REACHED.extend((request.node.name, number) for number in numbers)
    return note


def pytest_terminal_summary(terminalreporter):
    terminalreporter.section("reached")
    for name, number in sorted(REACHED):
        terminalreporter.write_line(f"{name}: {number}")
