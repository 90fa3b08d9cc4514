# SPDX-License-Identifier: ISC
# The daemon that all mails of one sender go to.
import pytest

from interop.mails import IDN
from testbed.daemon import Restante


@pytest.fixture(scope="module")
def restante():
    """One for all tests of a file, without rate limits; every mail has mailboxes of its own."""
    with Restante(domain=f"example.com {IDN}", mime_timeout="20s") as daemon:
        yield daemon
