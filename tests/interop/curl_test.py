# SPDX-License-Identifier: ISC
# curl, which checks the certificate.
import pytest

from interop.mails import KINDS, Mail
from testbed.certificates import certificate
from testbed.processes import run


@pytest.mark.parametrize("kind", KINDS)
def test_curl_delivers(restante, kind, tmp_path):
    mail = Mail(kind)
    file = tmp_path / "mail"
    file.write_bytes(mail.data)
    recipients = [word for address in mail.recipients for word in ("--mail-rcpt", address)]
    sent = run("curl", "-sS", "--ssl-reqd", "--cacert", certificate()[0], "--mail-from",
               mail.sender, *recipients, "-T", file,
               f"smtp://localhost:{restante.smtp_port}/client", env={"LC_ALL": "C.UTF-8"})
    assert sent.returncode == 0, sent.stdout
    mail.check(restante)
