# SPDX-License-Identifier: ISC
# Postfix as the Internet runs it: with a queue, and an instance of the tests' own.
import json
import shutil

import pytest

from interop.mails import KINDS, Mail, hand_over
from testbed import postfix as an_instance
from testbed.certificates import certificate
from testbed.daemon import Restante
from testbed.machine import IS_ROOT, LOCAL
from testbed.waiting import wait_until

pytestmark = [
    pytest.mark.skipif(not IS_ROOT, reason="Postfix starts as root only"),
    pytest.mark.skipif(not shutil.which("postfix", path="/usr/sbin"), reason="no Postfix here"),
]

class Postfix(an_instance.Postfix):
    """Mail goes on to restante over STARTTLS."""

    def __init__(self, restante, **settings):
        super().__init__(**{
            "myhostname": "sender.example.org", "relayhost": f"[{LOCAL}]:{restante.smtp_port}",
            "smtp_tls_security_level": "encrypt", "smtp_tls_loglevel": "1",
            "smtp_tls_CAfile": certificate()[0], "disable_dns_lookups": "yes",
            "smtp_destination_recipient_limit": "100",
        } | settings)

    def deferred(self):
        """The reasons for which recipients wait in the queue, by their address."""
        listed = self.command("postqueue", "-j").stdout.splitlines()
        return {to["address"]: to["delay_reason"] for line in listed
                for to in json.loads(line)["recipients"] if "delay_reason" in to}


@pytest.fixture(scope="module")
def postfix(restante):
    with Postfix(restante) as instance:
        yield instance


@pytest.mark.parametrize("kind", KINDS)
def test_postfix_delivers(restante, postfix, kind):
    mail = Mail(kind)
    hand_over(mail, postfix.port)
    mail.wait(restante)


def test_postfix_delivers_behind_tls(restante, postfix):
    mail = Mail("plain")
    hand_over(mail, postfix.port)
    mail.wait(restante)
    assert "TLS connection established to 127.0.0.1" in postfix.text()


def test_postfix_brings_the_recipients_past_the_limit_later(restante):
    mail = Mail("plain", recipients=120)
    with Postfix(restante, smtp_destination_recipient_limit=120) as postfix:
        hand_over(mail, postfix.port)
        wait_until(lambda: len(postfix.deferred()) == 20, "20 are deferred")
        waiting = postfix.deferred()
        assert all("452 4.5.3" in reason for reason in waiting.values()), waiting
        mail.wait(restante, [user for user, to in zip(mail.users, mail.recipients)
                             if to not in waiting])
        assert postfix.command("postqueue", "-f").returncode == 0
        mail.wait(restante)


def test_postfix_keeps_what_is_over_the_rate_limit_and_delivers_it_later():
    mails = [Mail("plain") for _ in range(3)]
    with (Restante(smtp_rate_limit=2) as restante,
          Postfix(restante, minimal_backoff_time="5s", maximal_backoff_time="5s",
                  queue_run_delay="5s") as postfix):
        for mail in mails[:2]:
            hand_over(mail, postfix.port)
            mail.wait(restante)
        hand_over(mails[2], postfix.port)
        waiting = wait_until(postfix.deferred, "the third is deferred")
        assert "450 4.7.1 Rate limit exceeded" in waiting[mails[2].recipients[0]]
        assert restante.mails(mails[2].users[0]) == []
        mails[2].wait(restante, timeout=90)  # Postfix tries again by itself; the window is 60 s
        wait_until(lambda: not postfix.deferred(), "the queue is empty")
