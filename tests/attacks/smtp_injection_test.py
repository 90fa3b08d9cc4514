# SPDX-License-Identifier: ISC
# Bytes that are made to forge lines of the log, replies, header fields, JSON, or what a terminal
# shows: put into every field that a client has.
import contextlib
import os
import random
import re
import shutil
import subprocess
import unicodedata

import pytest

from testbed.api import KEY
from testbed.build import programs
from testbed.certificates import certificate
from testbed.daemon import Restante
from testbed.machine import IS_ROOT, LOCAL, UNPRIVILEGED, new_directory
from testbed.processes import Lines, environment
from testbed.waiting import SLOW, wait_until

ROUNDS = 1500 if SLOW == 1 else 200
LINE = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (error  |warning|notice |info   |debug  ) "
                  rb"restante(-\w+)?\[\d+\] event=(\w+)( \w+=(\"([ !#-\[\]-~]|\\[\\\"]|\\x[0-9a-f]{2})*\""
                  rb"|[!#-<>-\[\]-~]+))*")
TRACE = re.compile("Return-Path: <[^\r\n]*>\r\nReceived: from [!-~]+ \\(\\[[0-9.]+\\]\\)\r\n"
                   "\tby localhost \\(restante\\) with \\w+ id [0-9a-f.]+(\r\n\t\\([ -~]+\\))?"
                   "\r\n\tfor <inject@example.com>;\r\n\t[ -~]+\r\n")
PIECES = [b"\r\n", b"\r", b"\n", b"\0", b"\x1b[2J", b"\x1b]0;x\x07", b"\x7f", b"\x08", b"\t",
          "\x85".encode(), "\x9b31m".encode(), "\u2028".encode(), "\u202e".encode(),
          "\ufeff".encode(), b'"', b"\\", b"=", b" event=mail_stored id=1", b"%s%n", b"{}", b"<>",
          b"\xff", b"\xc0\x80", b"\xed\xa0\x80", "é".encode(), b" ", b"x" * 300, b"a", b"\\x0a",
          b"\r\n2026-01-01T00:00:00.000Z error   restante[1] event=forged", b"\r\n250 forged",
          b"\r\nX-Forged: yes\r\n", b"=?utf-8?B?DQpYLUZvcmdlZDogeWVz?=", b"=?utf-8?Q?=0D=0A=1B=9B?="]
ENDINGS = (b"\r", b"\n", b"\0", b"\xff", b"\xc0", b"\xed")


class ToFile(Restante):
    """Its log is a file, of which every byte is looked at."""

    def __init__(self, **settings):
        directory = new_directory()
        key = directory / "privkey.pem"
        shutil.copy(certificate()[1], key)
        key.chmod(0o644)
        if IS_ROOT:
            shutil.chown(directory, UNPRIVILEGED)
        self.file = directory / "restante.log"
        super().__init__(log_to=self.file, tls_key=key, **settings)

    def open_log(self):
        tail = subprocess.Popen(["tail", "-s", "0.1", "-n", "+1", "-F", f"--pid={self.process.pid}",
                                 self.file], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return Lines(tail.stdout)


@pytest.fixture(scope="module")
def daemon():
    with ToFile(smtp_tls="optional", log_level="debug", smtp_client_connection_limit=0,
                smtp_proxy_listen=f"{LOCAL}:0") as restante:
        yield restante


def nasty(dice, most=4):
    return b"".join(dice.choices(PIECES, k=dice.randrange(1, most)))


def tame(dice):
    """What is left of it when it has to stay in its line."""
    word = nasty(dice)
    for end in ENDINGS:
        word = word.replace(end, b"")
    return re.sub(rb"[\0-\x1f\x7f]|\xc2[\x80-\x9f]", b"", word)


def quoted(word, room=40):
    """As a local part."""
    text = word.decode("utf-8", "ignore")[:room // 2]
    return b'"' + re.sub(r'(["\\])', r"\\\1", text).encode()[:60] + b'"'


def check_replies(data):
    for line in data.split(b"\r\n")[:-1]:
        assert re.fullmatch(rb"\d{3}[- ][ -~]{0,506}", line), line


def rude(daemon, dice):
    """Any field, any bytes; whatever comes of it."""
    fields = [b"EHLO %s", b"HELO %s", b"MAIL FROM:<%s@example.org>", b"MAIL FROM:<a@%s>",
              b"MAIL FROM:<a@example.org> %s", b"RCPT TO:<%s@example.com>", b"RCPT TO:<a@%s>",
              b"%s", b"NOOP %s", b"VRFY %s", b"BDAT %s", b"AUTH %s", b"STARTTLS %s", b"%s: %s"]
    with daemon.dialogue("127.5.0.1") as client:
        client.greet()
        with contextlib.suppress(OSError):
            for field in dice.choices(fields, k=6):
                client.send(field.replace(b"%s", nasty(dice)) + b"\r\n")
            client.finish_writing()
        rest = b""
        with contextlib.suppress(ConnectionError):
            while more := client.socket.recv(65536):
                rest += more
        check_replies(rest)
        assert b"\r\n250 forged" not in rest


def polite(daemon, dice):
    """A mail that is taken, with such bytes in all of it; True when it was."""
    with daemon.dialogue("127.5.0.2") as client:
        assert client.code() == 220
        for line in (b"EHLO " + (tame(dice).strip() or b"x"),
                     b"MAIL FROM:<" + quoted(tame(dice)) + b"@example.org> SMTPUTF8",
                     b"RCPT TO:<inject@example.com>", b"DATA"):
            client.send(line + b"\r\n")
            if client.code() not in (250, 354):
                return False
        data = b"".join(name + b": " + nasty(dice) + b"\r\n" for name in
                        (b"Subject", b"From", b"To", b"Message-ID", b"X-\x1b", b"Date"))
        data += (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + nasty(dice)
                 + b'\r\n--b\r\nContent-Type: text/plain; name="' + nasty(dice)
                 + b'"\r\nContent-Disposition: attachment; filename="' + nasty(dice)
                 + b'"\r\n\r\nx\r\n--b--\r\n')
        client.send(data.replace(b"\r\n.", b"\r\n..") + b"\r\n.\r\n")
        return client.code() == 250


def behind_a_balancer(daemon, dice):
    with daemon.dialogue("127.0.0.1", daemon.proxy_port) as client:
        with contextlib.suppress(OSError):
            client.send(b"PROXY TCP4 " + nasty(dice) + b" 192.0.2.2 1 2\r\nEHLO x\r\n")
            client.finish_writing()
            check_replies(client.socket.recv(4096))


def api(daemon, dice):
    """Its log has the same reader."""
    connection = daemon.https("127.5.0.3")
    with contextlib.closing(connection), contextlib.suppress(OSError):
        path = nasty(dice).replace(b" ", b"%20").replace(b"\r", b"%0d").replace(b"\n", b"%0a")
        connection.sock.sendall(b"GET /emails/" + path + b" HTTP/1.1\r\nHost: x\r\nX-API-KEY: "
                                + (KEY.encode() if dice.random() < 0.7 else nasty(dice))
                                + b"\r\nUser-Agent: " + nasty(dice) + b"\r\nConnection: close\r\n\r\n")
        connection.sock.settimeout(5)
        connection.sock.recv(4096)


def texts(value, name=""):
    """All strings of a document that are one line, by name."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from texts(one, key)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one, name)
    elif isinstance(value, str) and name not in ("body_text", "body_html"):
        yield name, value


def controls(text):
    return [char for char in text if unicodedata.category(char) == "Cc"]


def bad_in_log(daemon):
    """Lines with anything but printable ASCII, counted by another program."""
    result = subprocess.run(["grep", "-acP", r"[^\x20-\x7e]", daemon.file], capture_output=True,
                            env=os.environ | {"LC_ALL": "C"}, check=False)
    return int(result.stdout)


@pytest.fixture(scope="module")
def stored(daemon):
    """All rounds; how many mails were taken."""
    dice, count = random.Random(33), 0
    for number in range(ROUNDS):
        rude(daemon, dice)
        count += polite(daemon, dice)
        if number % 3 == 0:
            behind_a_balancer(daemon, dice)
            api(daemon, dice)
    return count


def test_row33_bytes_in_every_field(daemon, stored, reached):
    daemon.send("last@example.com")
    wait_until(lambda: b"to=last@" in daemon.file.read_bytes(), "all is in the log")
    lines = daemon.file.read_bytes().splitlines()
    odd = [line for line in lines if not LINE.fullmatch(line)]
    events = [found[3] for line in lines if (found := LINE.fullmatch(line))]
    reached(f"{ROUNDS:,} rounds, {stored:,} mails stored, {len(lines):,} lines of log: "
            f"{len(odd)} forged or torn, {bad_in_log(daemon)} with other bytes")
    assert not odd, odd[:3]
    assert bad_in_log(daemon) == 0
    assert events.count(b"mail_stored") == stored + 1
    assert b"forged" not in events
    assert stored > ROUNDS / 2


def all_mails(daemon):
    path = "/emails/inject?limit=100"
    while path:
        answer = daemon.api(path)
        yield from answer.json()
        link = re.match(r"<([^>]*)>; rel=\"next\"", answer.headers.get("Link") or "")
        path = link and link[1]


def test_row33_what_is_stored_is_clean(daemon, stored, reached):
    """JSON, trace header, and what restantectl shows on a terminal."""
    count = 0
    for mail in all_mails(daemon):
        count += 1
        if count % 10:
            continue
        path = f"/emails/inject/{mail['id']}"
        for name, text in [*texts(mail), *texts(daemon.api(path).json())]:
            assert not controls(text), (name, text)
        raw = daemon.api(f"{path}/raw").body
        trace = raw[:raw.index(b"\r\nSubject: ") + 2].decode()
        assert TRACE.fullmatch(trace), trace
        assert not controls(re.sub(r"\r\n\t?", "", trace)), trace
    for command in (["inbox", "inject"], ["show", "inject", "latest"]):
        done = subprocess.run([programs() / "restantectl", "-c", daemon.configuration, *command],
                              capture_output=True, env=environment(), check=False)
        assert done.returncode == 0, done
        shown = done.stdout.decode()
        assert not controls(shown.replace("\n", "").replace("\t", "")), shown
    reached(f"{count:,} mails are strict JSON, of each tenth no line and no trace header is forged")
    assert count == stored
