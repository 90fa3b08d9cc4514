# SPDX-License-Identifier: ISC
# Samples of the SMTP conversation over real sockets; the whole list is in tests/golden/smtp.
import re
import ssl

import pytest

from testbed.certificates import tls
from testbed.daemon import Restante


@pytest.fixture(scope="module")
def in_clear():
    with Restante(smtp_tls="optional") as daemon:
        yield daemon


def test_the_greeting_lists_what_is_offered(restante):
    with restante.dialogue() as client:
        assert re.fullmatch(rb"220 localhost ESMTP\b.*", client.line())
        client.send("EHLO client.example.org\r\n")
        lines = [client.line()]
        while lines[-1][3:4] == b"-":
            lines.append(client.line())
        offered = {line[4:].decode() for line in lines[1:]}
        assert {"PIPELINING", "SIZE 26214400", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES",
                "STARTTLS"} <= offered
        client.send("STARTTLS\r\n")
        assert client.code() == 220
        client.socket = tls().wrap_socket(client.socket, server_hostname="localhost")
        assert client.say("MAIL FROM:<bob@example.org>") == 503  # all is forgotten
        client.send("EHLO client.example.org\r\n")
        inside = [client.line()]
        while inside[-1][3:4] == b"-":
            inside.append(client.line())
        assert {line[4:].decode() for line in inside[1:]} == offered - {"STARTTLS"}


def test_pipelined_commands_are_answered_in_order(restante):
    with restante.dialogue() as client:
        client.greet().secure()
        client.send("MAIL FROM:<bob@example.org>\r\nRCPT TO:<bob@example.net>\r\n"
                    "RCPT TO:<piped@example.com>\r\nDATA\r\n")
        assert [client.code() for _ in range(4)] == [250, 550, 250, 354]
        client.send("Subject: first\r\n\r\n.\r\nMAIL FROM:<bob@example.org>\r\n"
                    "RCPT TO:<piped@example.com>\r\nDATA\r\n")
        assert [client.code() for _ in range(4)] == [250, 250, 250, 354]
        client.send("Subject: second\r\n\r\n.\r\nQUIT\r\n")
        assert [client.code() for _ in range(3)] == [250, 221, None]
    assert [mail["subject"] for mail in restante.mails("piped")] == ["second", "first"]


def test_dots_are_unstuffed_wherever_the_packets_end(restante):
    with restante.dialogue() as client:
        client.greet().secure().start_mail("dots@example.com")
        for piece in ("Subject: dots\r\n\r\n.", ".foo\r", "\n...", "bar\r\n..\r\n", ".", "\r\n"):
            client.send(piece)
        assert client.code() == 250
    mail, = restante.mails("dots")
    assert mail["body_text"] == ".foo\n..bar\n.\n"


@pytest.mark.parametrize("ending", ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r\r\n"])
def test_only_crlf_dot_crlf_ends_a_mail(restante, ending):
    user = "smuggle." + ending.encode().hex()
    with restante.dialogue() as client:
        client.greet().secure().start_mail(f"{user}@example.com")
        client.send(f"Subject: one\r\n\r\nhi{ending}MAIL FROM:<eve@example.org>\r\n"
                    f"RCPT TO:<{user}@example.com>\r\nDATA\r\nSubject: two\r\n\r\n.\r\n")
        assert client.code() == 250
        assert client.say("NOOP") == 250  # the next reply belongs to the next command
    mail, = restante.mails(user)
    assert mail["subject"] == "one"
    assert "eve@example.org" in mail["body_text"]


def test_plain_bytes_behind_starttls_end_the_connection(restante):
    with restante.dialogue() as client:
        client.greet()
        client.send("STARTTLS\r\nRSET\r\nNOOP\r\n")
        assert client.code() == 554
        assert client.code() is None
    with restante.dialogue() as client:
        client.greet()
        client.send("STARTTLS\r\nEHL")  # half a command must not meet its other half inside TLS
        assert client.code() in (220, 554, None)
        with pytest.raises((ssl.SSLError, OSError)):
            client.socket = tls().wrap_socket(client.socket, server_hostname="localhost")
            client.send("O client.example.org\r\n")
            if client.code() is None:
                raise ConnectionResetError


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_client_that_ends_its_side_after_the_dot_hears_250(in_clear, encrypted):
    user = f"half.{encrypted}"
    with in_clear.dialogue() as client:
        client.greet()
        if encrypted:
            client.secure()
        client.start_mail(f"{user}@example.com")
        client.send("Subject: half\r\n\r\n.\r\n")
        client.finish_writing()
        assert client.code() == 250
        assert client.code() is None
    assert len(in_clear.mails(user)) == 1


def test_the_mail_of_a_client_that_leaves_before_the_reply_is_kept(restante):
    with restante.dialogue() as client:
        client.greet().secure().start_mail("gone@example.com", "gone@example.org")
        client.send("Subject: kept\r\n\r\n.\r\n")
    restante.log.wait_for("event=mail_stored .*from=gone@example.org")
    mail, = restante.mails("gone")
    assert mail["subject"] == "kept"


def test_a_mail_that_is_cut_off_is_not_stored(restante):
    with restante.dialogue() as client:
        client.greet().secure().start_mail("cut@example.com")
        client.send("Subject: cut\r\n\r\n.\r")
    with restante.dialogue() as client:
        client.greet().secure().start_mail("cut@example.com")
        client.send("Subject: whole\r\n\r\n.\r\n")
        assert client.code() == 250
    mail, = restante.mails("cut")
    assert mail["subject"] == "whole"


def test_a_mailbox_may_have_a_name_in_utf8(restante):
    with restante.dialogue() as client:
        client.greet().secure()
        assert client.say("MAIL FROM:<bob@example.org> SMTPUTF8") == 250
        assert client.say("RCPT TO:<josé@example.com>") == 250
        assert client.say("DATA") == 354
        client.send("Subject: für José\r\n\r\n.\r\n")
        assert client.code() == 250
        assert client.say("MAIL FROM:<bob@example.org>") == 250
        assert client.say("RCPT TO:<josé@example.com>") == 553
    mail, = restante.mails("jos%C3%A9")
    assert mail["to"] == "josé@example.com"
    assert mail["subject"] == "für José"


def test_a_web_browser_is_sent_away_at_once(restante):
    with restante.dialogue() as client:
        assert client.code() == 220
        client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.code() == 421
        assert client.code() is None


def test_twenty_errors_end_the_connection(restante):
    with restante.dialogue() as client:
        client.greet()
        assert [client.say("FOO") for _ in range(21)] == [500] * 20 + [421]
        assert client.code() is None
