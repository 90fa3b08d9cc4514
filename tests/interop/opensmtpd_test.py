# SPDX-License-Identifier: ISC
# OpenSMTPD with a queue of its own, unpacked beside Postfix: apt would let only one of them stay.
import subprocess

import pytest

from interop.mails import KINDS, Mail, hand_over
from testbed.machine import LOCAL, free_ports, new_directory
from testbed.packages import apart, unpack
from testbed.processes import Lines
from testbed.smtp import greets
from testbed.waiting import seconds, wait_until

CONFIGURATION = """
smtp max-message-size 64M
listen on {local} port {port} hostname sender.example.org
action "restante" relay host smtp+tls://{local}:{restante} tls no-verify helo sender.example.org
match from any for any action "restante"
"""
USERS = {"opensmtpd": 64997, "opensmtpq": 64998}


class OpenSmtpd:
    """Mail goes in over SMTP on `port`, and on to restante over STARTTLS."""

    def __init__(self, program, restante):
        self.port, = free_ports(1)
        directory = new_directory()
        config = directory / "smtpd.conf"
        config.write_text(CONFIGURATION.format(local=LOCAL, port=self.port,
                                               restante=restante.smtp_port))
        mounts = {}
        for place in ("/var/spool", "/var/lib", "/run"):  # its paths are built in
            mounts[place] = directory / place[1:].replace("/", "-")
            mounts[place].mkdir()
        (mounts["/var/lib"] / "opensmtpd/empty").mkdir(parents=True)
        self.process = subprocess.Popen(
            [*apart(directory, USERS, mounts), program, "-d", "-f", config],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.log = Lines(self.process.stdout)
        try:
            wait_until(lambda: greets(self.port), "OpenSMTPD listens")
        except AssertionError as error:
            self.stop()
            raise AssertionError(self.log.text()) from error

    def stop(self):
        self.process.terminate()
        self.process.wait(seconds(20))
        self.log.wait_for_end()


@pytest.fixture(scope="module")
def opensmtpd(restante):
    instance = OpenSmtpd(unpack("opensmtpd") / "usr/sbin/smtpd", restante)
    yield instance
    instance.stop()


# It knows no SMTPUTF8.
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "smtputf8"])
def test_opensmtpd_delivers(restante, opensmtpd, kind):
    mail = Mail(kind)
    hand_over(mail, opensmtpd.port)
    mail.wait(restante)
    line, *_ = opensmtpd.log.wait_for(f"mta delivery .*to=<{mail.recipients[0]}>")
    assert 'result="Ok"' in line
