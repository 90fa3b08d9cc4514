# SPDX-License-Identifier: ISC
# Postfix as the Internet runs it: with a queue, and an instance of the tests' own.
import json
import os
import shutil
import subprocess

import pytest

from harness import IS_ROOT, LOCAL, Restante, certificate, new_directory, run, wait_until
from mails import KINDS, Mail
from relays import free_port, greets, hand_over

pytestmark = [
    pytest.mark.skipif(not IS_ROOT, reason="Postfix starts as root only"),
    pytest.mark.skipif(not shutil.which("postfix", path="/usr/sbin"), reason="no Postfix here"),
]

# Service, type, and command; none is in a chroot, so that no file has to be copied.
SERVICES = """
{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """Mail goes in over SMTP on `port`, and on to restante over STARTTLS."""

    def __init__(self, restante, **settings):
        self.directory = new_directory()
        self.port = free_port()
        self.log = self.directory / "log"
        config, queue, data = (self.directory / name for name in ("config", "queue", "data"))
        for directory in (config, queue, data):
            directory.mkdir()
        shutil.chown(data, "postfix")
        settings = {
            "compatibility_level": "3.6", "queue_directory": queue, "data_directory": data,
            "myhostname": "sender.example.org", "inet_interfaces": "loopback-only",
            "inet_protocols": "ipv4", "mynetworks": f"{LOCAL}/32", "mydestination": "",
            "alias_maps": "", "alias_database": "", "maillog_file": self.log,
            "maillog_file_prefixes": self.directory, "relayhost": f"[{LOCAL}]:{restante.smtp_port}",
            "smtp_tls_security_level": "encrypt", "smtp_tls_loglevel": "1",
            "smtp_tls_CAfile": certificate()[0], "message_size_limit": "0",
            "mailbox_size_limit": "0", "disable_dns_lookups": "yes",
            "smtp_destination_recipient_limit": "100", "queue_minfree": "0",
        } | settings
        (config / "main.cf").write_text("".join(f"{name} = {value}\n"
                                                for name, value in settings.items()))
        (config / "master.cf").write_text(SERVICES.format(port=f"{LOCAL}:{self.port}"))
        self.config = config
        started = self.command("postfix", "start")
        assert started.returncode == 0, started.stdout + self.text()
        try:
            wait_until(lambda: greets(self.port), "Postfix listens")
        except BaseException:
            self.stop()
            raise

    def command(self, program, *arguments):
        return run(f"/usr/sbin/{program}", "-c", self.config, *arguments,
                   stdin=subprocess.DEVNULL)

    def text(self):
        return self.log.read_text() if self.log.exists() else ""

    def deferred(self):
        """The reasons for which recipients wait in the queue, by their address."""
        listed = self.command("postqueue", "-j").stdout.splitlines()
        return {to["address"]: to["delay_reason"] for line in listed
                for to in json.loads(line)["recipients"] if "delay_reason" in to}

    def stop(self):
        self.command("postfix", "stop")
        pid = (self.directory / "queue/pid/master.pid").read_text().strip()
        wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "Postfix has gone")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


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
