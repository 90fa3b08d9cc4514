# SPDX-License-Identifier: ISC
# Python's smtplib, and the verbs that it leaves to its caller: pipelined, and BDAT.
import pytest

from interop.mails import KINDS, Mail, offers


@pytest.mark.parametrize("kind", KINDS)
def test_smtplib_delivers(restante, kind):
    mail = Mail(kind)
    options = ["BODY=8BITMIME"] * (not mail.text.isascii()) + ["SMTPUTF8"] * mail.utf8
    with restante.smtp() as client:
        assert not client.sendmail(mail.sender, mail.recipients, mail.data, options)
    mail.check(restante)


def test_smtplib_delivers_several_mails_over_one_connection(restante):
    mails = [Mail(kind) for kind in KINDS if kind != "smtputf8"]
    with restante.smtp() as client:
        for mail in mails:
            client.sendmail(mail.sender, mail.recipients, mail.data)
    for mail in mails:
        mail.check(restante)


@pytest.mark.parametrize("kind", ["plain", "20MB", "100 recipients"])
def test_a_whole_envelope_in_one_write_is_taken(restante, kind):
    mail = Mail(kind)
    with restante.smtp() as client:
        recipients = [f"RCPT TO:<{to}>" for to in mail.recipients]
        lines = [f"MAIL FROM:<{mail.sender}>", *recipients, "DATA"]
        client.send("\r\n".join(lines) + "\r\n")
        codes = [client.getreply()[0] for _ in lines]
        assert codes == [250] * (len(lines) - 1) + [354]
        stuffed = mail.data.replace(b"\r\n.", b"\r\n..")
        client.send(stuffed + b".\r\nQUIT\r\n")
        assert [client.getreply()[0] for _ in range(2)] == [250, 221]
        client.close()
    mail.check(restante)


@pytest.mark.parametrize("kind", ["plain", "8bit", "20MB", "100 recipients"])
def test_chunks_are_taken(restante, kind):
    if not offers(restante, "CHUNKING"):
        pytest.skip("EHLO does not offer CHUNKING")
    mail, size = Mail(kind), 7 if kind == "plain" else 100_000
    with restante.smtp() as client:
        assert client.mail(mail.sender)[0] == 250
        for to in mail.recipients:
            assert client.rcpt(to)[0] == 250
        chunks = [mail.data[at:at + size] for at in range(0, len(mail.data), size)]
        for chunk in chunks:
            client.send(b"BDAT %d\r\n" % len(chunk) + chunk)
        client.send(b"BDAT 0 LAST\r\n")
        assert {client.getreply()[0] for _ in range(len(chunks) + 1)} == {250}
    mail.check(restante)
