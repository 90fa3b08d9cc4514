# SPDX-License-Identifier: ISC
# Session tickets: a client resumes its TLS session with any worker.
import ssl

import pytest

from testbed.certificates import certificate
from testbed.daemon import Restante
from testbed.processes import run


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_that_began_with_one_worker_resumes_with_the_other(version):
    with Restante(smtpd_workers=2) as restante:
        first, second = restante.pids("smtpd")
        context = ssl.create_default_context(cafile=certificate()[0])
        context.minimum_version = context.maximum_version = version
        resumed = []
        session = None
        for pid in (first, second, first):
            with restante.only(pid, "smtpd"):
                client = restante.dialogue()
                client.greet()
            assert client.say("STARTTLS") == 220
            client.socket = context.wrap_socket(client.socket, server_hostname="localhost",
                                                session=session)
            assert client.say("EHLO here") == 250
            resumed.append(client.socket.session_reused)
            session = client.socket.session
            client.close()
        assert resumed == [False, True, True]


def test_a_resumed_session_of_tls_1_3_gives_the_next_ticket(tmp_path):
    """Clients use each of them once."""
    with Restante() as restante:
        def connect(*options):
            return run("openssl", "s_client", "-starttls", "smtp", "-tls1_3", "-nocommands", "-ign_eof",
                       "-CAfile", certificate()[0], "-connect", f"localhost:{restante.smtp_port}",
                       *options, input="EHLO here\r\nQUIT\r\n").stdout
        ticket = "Post-Handshake New Session Ticket arrived"
        assert ticket in connect("-sess_out", tmp_path / "1")
        for number in (1, 2):
            output = connect("-sess_in", tmp_path / f"{number}", "-sess_out", tmp_path / f"{number + 1}")
            assert "Reused, TLSv1.3" in output and output.count(ticket) == 1, output
