# SPDX-License-Identifier: ISC
# Processes die, stand still, and are replaced, in a storm of mail.
import os
import signal

from harness import wait_until
from storm import Fault, storm

REFILL = 1  # seconds until a killed worker has a successor


class Kill(Fault):
    """A worker of one role is killed; the master has to see to the rest."""
    role = ""
    hold, calm, from_inject = (0, 0), (0.05, 0.3), True

    def inject(self):
        pids = wait_until(lambda: sorted(self.service.pids(self.role)), f"a {self.role} runs")
        self.service.kill(self.dice.choice(pids))


class KillSmtpd(Kill):
    name, role = "1 kill -9 smtpd", "smtpd"
    refused = 0


def test_row01_kill_smtpd(service, table):
    storm(KillSmtpd(service), table)
