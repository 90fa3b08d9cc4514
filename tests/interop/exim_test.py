# SPDX-License-Identifier: ISC
# Exim, unpacked beside Postfix: apt would let only one of them stay. It sends BDAT if it can.
import os

import pytest

from interop.mails import KINDS, Mail, offers
from testbed.certificates import certificate
from testbed.machine import new_directory
from testbed.packages import apart, unpack
from testbed.processes import run

UID = 64999
CONFIGURATION = """
exim_path = {program}
deliver_drop_privilege
primary_hostname = sender.example.org
spool_directory = {directory}/spool
log_file_path = {directory}/%slog
message_size_limit = 0
keep_environment =
add_environment = PATH=/usr/bin
log_selector = +pipelining +tls_cipher +smtp_confirmation
smtputf8_advertise_hosts = *
begin routers
everything:
  driver = manualroute
  transport = restante
  route_list = * 127.0.0.1 byname
  self = send
begin transports
restante:
  driver = smtp
  port = {port}
  hosts_require_tls = *
  tls_tempfail_tryclear = false
  tls_verify_certificates = {certificate}
  tls_verify_cert_hostnames = :
  tls_verify_hosts = *
  max_rcpt = 100
"""


class Exim:
    """Reads a mail from its input and delivers it at once; nothing stays running."""

    def __init__(self, program, restante):
        self.directory = new_directory()
        self.program = program
        self.config = self.directory / "exim.conf"
        self.config.write_text(CONFIGURATION.format(
            program=program, directory=self.directory, port=restante.smtp_port,
            certificate=certificate()[0]))
        os.chown(self.directory, UID, UID)
        self.apart = apart(self.directory, {"Debian-exim": UID})  # it does not start without

    def send(self, mail):
        file = self.directory / "mail"
        file.write_bytes(mail.data)
        with file.open() as data:
            sent = run(*self.apart, self.program, "-C", self.config, "-odf", "-oi",
                       "-f", mail.sender, *mail.recipients, stdin=data)
        log = (self.directory / "mainlog").read_text()
        assert sent.returncode == 0, sent.stdout + log
        return log


@pytest.fixture(scope="module")
def exim(restante):
    return Exim(unpack("exim4-daemon-light") / "usr/sbin/exim4", restante)


@pytest.mark.parametrize("kind", KINDS)
def test_exim_delivers(restante, exim, kind):
    mail = Mail(kind)
    log = exim.send(mail)
    mail.check(restante)
    line = [line for line in log.splitlines() if f"=> {mail.recipients[0]}" in line][-1]
    assert " X=TLS1." in line
    assert " L" in line  # pipelined
    assert (" K " in line) == offers(restante, "CHUNKING"), line
