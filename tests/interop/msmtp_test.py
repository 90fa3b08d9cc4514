# SPDX-License-Identifier: ISC
# msmtp, which checks the certificate.
import pytest

from interop.mails import KINDS, Mail
from testbed.certificates import certificate
from testbed.machine import LOCAL
from testbed.processes import run
from testbed.waiting import seconds


# That of Debian 12 knows no SMTPUTF8: it sends such an address bare, and is refused.
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "smtputf8"])
def test_msmtp_delivers(restante, kind, tmp_path):
    mail = Mail(kind)
    file = tmp_path / "mail"
    file.write_bytes(mail.data)
    with file.open() as data:
        sent = run("msmtp", "-C", "/dev/null", f"--host={LOCAL}", f"--port={restante.smtp_port}",
                   "--tls-host-override=localhost", "--domain=client", "--auth=off",
                   "--tls=on", "--tls-starttls=on",
                   f"--tls-trust-file={certificate()[0]}", f"--timeout={int(seconds(50))}",
                   f"--from={mail.sender}", "--", *mail.recipients, stdin=data,
                   env={"LC_ALL": "C.UTF-8"})
    assert sent.returncode == 0, sent.stdout
    mail.check(restante)
