# SPDX-License-Identifier: ISC
# The daemons that several tests share.
import time

import pytest

from testbed.api import ANOTHER_KEY, KEY, ask
from testbed.daemon import Restante
from testbed.smtp import deliver
from testbed.waiting import at_once


@pytest.fixture(scope="module")
def restante():
    """One for all tests of a file, without rate limits; each test uses mailboxes of its own."""
    with Restante() as daemon:
        yield daemon


class Limited:
    """A daemon with the default limits, of which one sender and one API client have used all."""

    def __init__(self, daemon):
        self.daemon = daemon
        smtp = [daemon.smtp_by(pid) for pid in sorted(daemon.pids("smtpd"))]
        https = [daemon.https_by(pid) for pid in sorted(daemon.pids("apid")) * 2]
        self.mail_answers = self.collect(smtp, 60, lambda client, number: deliver(
            client, "limited@example.com", f"Subject: {number}\r\n\r\n", "limited@example.org"))
        self.api_answers = self.collect(
            https, 130, lambda client, _: ask(client, "/emails/limited"))
        for client in smtp + https:
            client.close()

    @staticmethod
    def collect(clients, total, request):
        """(answer, when) of each of `total` requests, spread over all clients at once."""
        def share(index):
            return [(request(clients[index], number), time.monotonic())
                    for number in range(index, total, len(clients))]
        shares = at_once([lambda i=i: share(i) for i in range(len(clients))])
        return [answer for answers in shares for answer in answers]


@pytest.fixture(scope="session")
def limited():
    with Restante(smtpd_workers=4, apid_workers=4, smtp_rate_limit=50,
                  api_rate_limit=100, api_key=f"{KEY} {ANOTHER_KEY}") as daemon:
        yield Limited(daemon)
