# SPDX-License-Identifier: ISC
# A mail in over SMTP, the same mail out over the API, with the clients that people use.
import email.message
import json
import random
import re
import smtplib
import subprocess
import time

import pytest

from testbed.api import FIELDS
from testbed.certificates import certificate
from testbed.daemon import Restante
from testbed.machine import LOCAL
from testbed.processes import run
from testbed.smtp import deliver
from testbed.waiting import at_once, seconds


def mail(subject, body="Hello.\r\n"):
    return f"From: bob@example.org\r\nSubject: {subject}\r\n\r\n{body}"


def only_mail(restante, user):
    found, = restante.mails(user)
    return found


def test_a_mail_by_smtplib_comes_out_with_eight_fields_in_order(restante):
    before = int(time.time())
    restante.send("alice@example.com", mail("by smtplib"))
    shown = only_mail(restante, "alice")
    assert list(shown) == FIELDS
    assert re.fullmatch(r"\d{19}", shown["id"])
    assert before <= shown["received_at"] <= time.time()
    assert int(shown["id"]) // 10**9 == shown["received_at"]
    assert shown | {"id": "", "received_at": 0} == {
        "id": "", "from": "bob@example.org", "to": "alice@example.com", "subject": "by smtplib",
        "body_text": "Hello.\n", "body_html": "", "attachments": [], "received_at": 0}


def test_a_mail_by_swaks_is_shown_by_curl(restante):
    sent = run("swaks", "--server", f"127.0.0.1:{restante.smtp_port}", "--tls",
               "--from", "bob@example.org", "--to", "swaks@example.com",
               "--header", "Subject: by swaks", "--body", "Hello from swaks")
    assert sent.returncode == 0, sent.stdout
    shown, = json.loads(restante.curl("/emails/swaks").stdout)
    assert list(shown) == FIELDS
    assert shown["subject"] == "by swaks"
    assert "Hello from swaks" in shown["body_text"]


def test_a_mail_by_curl_comes_through(restante, tmp_path):
    file = tmp_path / "mail"
    file.write_bytes(mail("by curl").encode())
    sent = run("curl", "-s", "-S", "--ssl-reqd", "--cacert", certificate()[0],
               "--mail-from", "bob@example.org", "--mail-rcpt", "curl@example.com", "-T", file,
               f"smtp://127.0.0.1:{restante.smtp_port}")
    assert sent.returncode == 0, sent.stdout
    assert only_mail(restante, "curl")["subject"] == "by curl"


def test_a_mail_typed_into_s_client_comes_through(restante):
    turns = [("EHLO here", b"250 "), ("MAIL FROM:<bob@example.org>", b"250 2.1.0 "),
             ("RCPT TO:<typed@example.com>", b"250 2.1.5 "), ("DATA", b"354 "),
             (mail("typed") + ".", b"250 2.0.0 "), ("QUIT", b"221 2.0.0 ")]
    with subprocess.Popen(
            ["openssl", "s_client", "-starttls", "smtp", "-crlf", "-quiet", "-verify_return_error",
             "-CAfile", certificate()[0], "-connect", f"127.0.0.1:{restante.smtp_port}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as client:
        for text, awaited in turns:
            client.stdin.write(text.replace("\r\n", "\n").encode() + b"\n")
            client.stdin.flush()
            reply = client.stdout.readline()
            while reply[3:4] == b"-":
                reply = client.stdout.readline()
            assert reply.startswith(awaited), text
    assert only_mail(restante, "typed")["subject"] == "typed"


def test_several_recipients_get_one_copy_each(restante):
    names = [f"several{i}" for i in range(5)]
    restante.send([f"{name}@example.com" for name in names], mail("to all"))
    for name in names:
        shown = only_mail(restante, name)
        assert shown["to"] == f"{name}@example.com"
        assert shown["subject"] == "to all"


def test_a_recipient_named_twice_gets_one_copy(restante):
    restante.send(["twice@example.com", "twice@example.com"], mail("once"))
    assert only_mail(restante, "twice")["subject"] == "once"


def test_mails_that_are_alike_are_all_kept(restante):
    clients = [restante.smtp() for _ in range(8)]
    answers = at_once([lambda c=c: [deliver(c, "alike@example.com") for _ in range(3)]
                       for c in clients])
    assert {code for few in answers for code, _ in few} == {250}
    assert len(restante.mails("alike")) == 24


def test_the_newest_mail_comes_first_and_pages_lead_through_all(restante):
    with restante.smtp() as client:
        for i in range(7):
            assert deliver(client, "pages@example.com", mail(f"number {i}"))[0] == 250
    all_mails = restante.mails("pages")
    assert [shown["subject"] for shown in all_mails] == [f"number {6 - i}" for i in range(7)]
    assert [shown["id"] for shown in all_mails] == sorted(
        (shown["id"] for shown in all_mails), reverse=True)
    seen, path, pages = [], "/emails/pages?limit=3", 0
    while path:
        answer = restante.api(path)
        assert answer.status == 200
        assert len(answer.json()) <= 3
        seen += answer.json()
        pages += 1
        link = re.fullmatch(r'<(.*)>; rel="next"', answer.headers.get("Link", ""))
        path = link and link[1]
    assert seen == all_mails
    assert pages == 3


def test_before_shows_what_is_older(restante):
    with restante.smtp() as client:
        for i in range(4):
            assert deliver(client, "before@example.com", mail(f"number {i}"))[0] == 250
    third = restante.mails("before")[1]
    older = restante.api(f"/emails/before?before={third['id']}").json()
    assert [shown["subject"] for shown in older] == ["number 1", "number 0"]


def test_a_user_may_be_written_as_address_and_in_capitals(restante):
    restante.send("Mixed.Case+tag@EXAMPLE.com", mail("for all spellings"))
    for user in ("mixed.case+tag", "MIXED.CASE+TAG", "mixed.case%2Btag@example.com",
                 "Mixed.Case+tag@Example.COM"):
        assert only_mail(restante, user)["subject"] == "for all spellings"


def test_a_tag_that_is_cut_off_the_mailbox_is_shown(restante):
    to = ["Tagged+News@example.com", "tagged@example.com", '"tagged+a \\"b"@example.com']
    with Restante(mailbox_tag="cut") as cutting:
        with cutting.smtp() as client:
            assert deliver(client, to)[0] == 250
        shown = {mail["to"]: mail for mail in cutting.mails("tagged+anything")}
    fields = FIELDS[:3] + ["tag"] + FIELDS[3:]
    assert [list(shown[address]) for address in to] == [fields, FIELDS, fields]
    assert [shown[address].get("tag") for address in to] == ["News", None, 'a "b']
    restante.send("tagged+news@example.com")
    assert list(only_mail(restante, "tagged+news")) == FIELDS


def test_delete_clears_one_mailbox_alone(restante):
    restante.send(["cleared@example.com", "kept@example.com"])
    answer = restante.api("/emails/cleared", method="DELETE")
    assert answer.status == 200
    assert answer.json() == {"message": "All messages for cleared have been cleared"}
    assert restante.mails("cleared") == []
    assert len(restante.mails("kept")) == 1
    restante.send("cleared@example.com", mail("after that"))
    assert only_mail(restante, "cleared")["subject"] == "after that"


def test_bodies_and_attachments_of_a_multipart_are_told_apart(restante):
    message = email.message.EmailMessage()
    message["From"], message["To"] = "bob@example.org", "parts@example.com"
    message["Subject"] = "Grüße, 東京"
    message.set_content("Schöne Grüße\n")
    message.add_alternative("<p>Schöne Grüße</p>\n", subtype="html")
    message.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename="a.pdf")
    message.add_attachment(b"\0\1", maintype="image", subtype="png", filename="Übersicht.png")
    restante.send("parts@example.com", message.as_bytes(policy=email.policy.SMTP))
    shown = only_mail(restante, "parts")
    assert shown["subject"] == "Grüße, 東京"
    assert shown["body_text"].strip() == "Schöne Grüße"
    assert shown["body_html"].strip() == "<p>Schöne Grüße</p>"
    assert shown["attachments"] == ["a.pdf", "Übersicht.png"]


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1"])
def test_text_is_shown_in_utf8_whatever_its_charset(restante, charset):
    head = (f"Subject: =?{charset}?q?caf" + "".join(f"={b:02X}" for b in "é".encode(charset))
            + f"?=\r\nContent-Type: text/plain; charset={charset}\r\n"
            "Content-Transfer-Encoding: 8bit\r\n\r\n")
    restante.send(f"text.{charset}@example.com", head.encode() + "crème brûlée".encode(charset))
    shown = only_mail(restante, f"text.{charset}")
    assert shown["subject"] == "café"
    assert shown["body_text"].strip() == "crème brûlée"


@pytest.mark.parametrize("version, taken", [("1.1", False), ("1.2", True), ("1.3", True)])
def test_tls_1_2_and_newer_are_taken_alone(restante, version, taken):
    flag = "-tls" + version.replace(".", "_")
    for port, more in ((restante.smtp_port, ["-starttls", "smtp"]), (restante.https_port, [])):
        result = run("openssl", "s_client", flag, "-cipher", "ALL:@SECLEVEL=0", *more,
                     "-connect", f"{LOCAL}:{port}", input="")
        assert (f"New, TLSv{version}" in result.stdout) == taken, result.stdout


def tls13_hello():
    """Of a client that speaks TLS 1.3 alone, and so says nothing of renegotiation (RFC 5746)."""
    def vector(size, content):
        return len(content).to_bytes(size, "big") + content
    extensions = b"".join(kind.to_bytes(2, "big") + vector(2, content) for kind, content in (
        (43, b"\x02\x03\x04"),                                    # supported_versions: 1.3
        (10, vector(2, b"\x00\x1d")),                              # groups: x25519
        (51, vector(2, b"\x00\x1d" + vector(2, b"\x09" * 32))),    # key_share
        (13, vector(2, b"\x04\x03\x08\x04"))))                     # signatures: ECDSA, RSA-PSS
    body = (b"\x03\x03" + bytes(range(32)) + vector(1, b"") + vector(2, b"\x13\x01\x13\x02")
            + vector(1, b"\x00") + vector(2, extensions))
    return b"\x16\x03\x01" + vector(2, b"\x01" + vector(3, body))


def test_a_client_of_tls_1_3_alone_is_taken(restante):
    with restante.dialogue() as client:
        client.greet()
        assert client.say("STARTTLS") == 220
        client.send(tls13_hello())
        assert client.socket.recv(6)[::5] == b"\x16\x02"  # handshake: ServerHello
    with restante.dialogue(port=restante.https_port) as client:
        client.send(tls13_hello())
        assert client.socket.recv(6)[::5] == b"\x16\x02"


def test_nothing_but_starttls_goes_before_starttls(restante):
    with restante.dialogue() as client:
        client.greet()
        assert client.say("MAIL FROM:<bob@example.org>") == 530
        assert client.say("NOOP") == 250
        client.secure()
        assert client.say("MAIL FROM:<bob@example.org>") == 250


def test_mail_in_clear_is_taken_where_tls_is_optional():
    with Restante(smtp_tls="optional") as restante:
        with smtplib.SMTP(LOCAL, restante.smtp_port, timeout=seconds(20)) as client:
            assert client.ehlo()[0] == 250
            assert deliver(client, "clear@example.com")[0] == 250
        restante.send("clear@example.com", mail("over TLS"))
        assert len(restante.mails("clear")) == 2


def test_mail_for_other_domains_is_refused(restante):
    with restante.smtp() as client:
        code, text = deliver(client, "alice@example.net")
        assert code == 550
        assert text.startswith("5.7.1 ")
        code, _ = deliver(client, ["own@example.com"])
        assert code == 250
    restante.log.wait_for(
        r'event=mail_refused sid=\S+ ip=127.0.0.1 from=bob@example.org '
        r'command="(?i:rcpt to):<alice@example.net>" reply=relay_denied told="550 5.7.1 [^"]+"')


def test_line_ends_that_are_none_are_told_and_made_harmless_where_wished():
    with Restante(smtp_bare_newline="normalize") as restante:
        with restante.smtp() as client:
            assert client.ehlo()[0] == 250
            assert client.mail("bob@example.org")[0] == 250
            assert client.rcpt("odd@example.com")[0] == 250
            assert client.docmd("DATA")[0] == 354
            client.send(b"Subject: one\rFrom: x\n\r\na\nb\r\n.\r\n")
            assert client.getreply()[0] == 250
        restante.log.wait_for("event=mail_stored .* to=odd@example.com .* bare_newlines=3 ")
        (shown,) = restante.mails("odd")
        assert (shown["subject"], shown["body_text"]) == ("one From: x", "a\nb\n")


def test_limits_of_size_and_recipients_are_held():
    with Restante(message_size_limit="10K", recipient_limit=3) as restante:
        with restante.smtp() as client:
            assert client.esmtp_features["size"] == "10240"
            assert client.mail("bob@example.org", ["SIZE=10241"])[0] == 552
            code, text = deliver(client, "big@example.com", mail("big", "x" * 12000 + "\r\n"))
            assert code == 552
            assert text.startswith("5.3.4 ")
            assert client.mail("bob@example.org")[0] == 250
            codes = [client.rcpt(f"r{i}@example.com")[0] for i in range(4)]
            assert codes == [250, 250, 250, 452]
            assert client.data(mail("for the first three"))[0] == 250
        assert restante.mails("big") == []
        assert [len(restante.mails(f"r{i}")) for i in range(4)] == [1, 1, 1, 0]


@pytest.mark.parametrize("name, data, subject, body", [
    ("empty", b"", "", ""),
    ("line", b"just a line\r\n", "", None),
    ("nul", b"Subject: a\0b\r\n\r\nc\0d\r\n", "a\ufffdb", "c\ufffdd\n"),
    ("invalid", b"Subject: \xff!\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
     b"h\xe9llo \xc3\r\n", None, "h\ufffdllo \ufffd\n"),
])
def test_odd_mail_is_taken_and_shown_as_valid_json(restante, name, data, subject, body):
    with restante.dialogue() as client:
        client.greet().secure().start_mail(f"{name}@example.com")
        client.send(data + b".\r\n")
        assert client.code() == 250
    shown = only_mail(restante, name)
    assert list(shown) == FIELDS
    assert subject is None or shown["subject"] == subject
    assert body is None or shown["body_text"] == body


def test_a_mail_of_25_mib_is_shown_whole(restante):
    head = b"Subject: large\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    line = bytes(random.Random(1).choices(b"abcdefghijklmnopqrstuvwxyz0123456789", k=76)) + b"\r\n"
    body = line * ((25 * 2**20 - len(head)) // len(line))
    restante.send("large@example.com", head + body)
    shown = only_mail(restante, "large")
    assert shown["subject"] == "large"
    is_whole = shown["body_text"] == body.decode().replace("\r\n", "\n")
    assert is_whole, (len(shown["body_text"]), len(body))  # no comparison of megabytes in a report
