# SPDX-License-Identifier: ISC
# swaks: the tool that postmasters try a server with.
import pytest

from interop.mails import KINDS, Mail
from testbed.machine import LOCAL
from testbed.processes import run


def send(restante, mail, directory, *options):
    file = directory / "mail"
    file.write_bytes(mail.data.removesuffix(b"\r\n"))  # swaks ends the last line itself
    sent = run("swaks", "--server", f"{LOCAL}:{restante.smtp_port}", "--tls", "--helo", "client",
               "--from", mail.sender, "--to", ",".join(mail.recipients), "--data", f"@{file}",
               "--suppress-data", *options)
    assert sent.returncode == 0, sent.stdout
    mail.check(restante)
    return sent.stdout


# It knows no SMTPUTF8: it cannot give MAIL a parameter.
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "smtputf8"])
def test_swaks_delivers(restante, kind, tmp_path):
    assert "=== TLS started" in send(restante, Mail(kind), tmp_path)


@pytest.mark.parametrize("kind", ["plain", "100 recipients"])
def test_swaks_delivers_with_pipelined_commands(restante, kind, tmp_path):
    transcript = send(restante, Mail(kind), tmp_path, "--pipeline")
    assert transcript.index("RCPT TO:") < transcript.index("250 2.1.0")
