# SPDX-License-Identifier: ISC
# Exim, unpacked beside Postfix: apt would let only one of them stay. It sends BDAT where it is offered.
import os
import pathlib
import subprocess

import pytest

from harness import IS_ROOT, certificate, new_directory, run
from mails import KINDS, Mail, offers

PACKAGE = "exim4-daemon-light"
UID = 64999
LINES = {"passwd": f"Debian-exim:x:{UID}:{UID}::/:/bin/false\n", "group": f"Debian-exim:x:{UID}:\n"}
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
        # Debian's Exim insists on its user: it sees one in a mount namespace of its own.
        os.chown(self.directory, UID, UID)
        for name, line in LINES.items():
            (self.directory / name).write_text(pathlib.Path("/etc", name).read_text() + line)

    def run(self, *arguments, **options):
        mounts = " && ".join(f"mount --bind {self.directory}/{name} /etc/{name}"
                             for name in LINES)
        return run("unshare", "--mount", "sh", "-c", f'{mounts} && exec "$@"', "sh", self.program,
                   "-C", self.config, *arguments, **options)

    def send(self, mail):
        file = self.directory / "mail"
        file.write_bytes(mail.data)
        with file.open() as data:
            sent = self.run("-odf", "-oi", "-f", mail.sender, *mail.recipients, stdin=data)
        log = (self.directory / "mainlog").read_text()
        assert sent.returncode == 0, sent.stdout + log
        return log


@pytest.fixture(scope="module")
def exim(restante):
    if not IS_ROOT:
        pytest.skip("Exim needs root for its user")
    directory = new_directory()
    fetched = run("apt-get", "-q", "download", PACKAGE, cwd=directory)
    if fetched.returncode:
        pytest.skip(f"{PACKAGE} cannot be fetched: {fetched.stdout[-200:]}")
    package, = directory.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", package, directory], check=True)
    instance = Exim(directory / "usr/sbin/exim4", restante)
    started = instance.run("-bV")
    if started.returncode:
        pytest.skip(f"Exim does not start: {started.stdout[-200:]}")
    return instance


@pytest.mark.parametrize("kind", KINDS)
def test_exim_delivers(restante, exim, kind):
    mail = Mail(kind)
    log = exim.send(mail)
    mail.check(restante)
    line = [line for line in log.splitlines() if f"=> {mail.recipients[0]}" in line][-1]
    assert " X=TLS1." in line
    assert " L" in line  # pipelined
    assert (" K " in line) == offers(restante, "CHUNKING"), line
