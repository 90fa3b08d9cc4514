# SPDX-License-Identifier: ISC
# The daemons that several tests share.
import pytest

from harness import Restante


@pytest.fixture(scope="module")
def restante():
    """One for all tests of a file, without rate limits; each test uses mailboxes of its own."""
    with Restante() as daemon:
        yield daemon
