# SPDX-License-Identifier: ISC
# TLS: old versions, renegotiation, early data, and an end of TLS in the middle of a mail.
import contextlib
import random
import re
import ssl
import subprocess

import pytest

from testbed.certificates import certificate, tls
from testbed.machine import LOCAL
from testbed.processes import run
from testbed.waiting import seconds

CUTS = 10_000
SMUGGLED = b"\r\n.\r\nMAIL FROM:<evil@example.org>\r\nRCPT TO:<cut@example.com>\r\nDATA\r\n"


def s_client(daemon, *options, stdin="", **more):
    return run("openssl", "s_client", "-connect", f"{LOCAL}:{daemon.smtp_port}", "-starttls", "smtp",
               "-name", "client.example.org", "-CAfile", certificate()[0], *options,
               input=stdin, **more)


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_row25_old_versions_are_refused(restante, version):
    result = s_client(restante, version, "-cipher", "ALL:@SECLEVEL=0")
    assert "Cipher is (NONE)" in result.stdout, result.stdout
    assert "alert protocol version" in result.stdout, result.stdout


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_row25_new_versions_are_not(restante, version):
    result = s_client(restante, version, stdin="QUIT\n")
    assert "Verify return code: 0 (ok)" in result.stdout, result.stdout
    assert "Compression: NONE" in result.stdout
    assert version == "-tls1_3" or "Secure Renegotiation IS supported" in result.stdout


@pytest.mark.parametrize("ciphers", ["aNULL", "eNULL", "EXPORT", "RC4", "3DES", "kRSA", "DHE", "PSK"])
def test_row25_weak_ciphers_are_refused(restante, ciphers):
    result = s_client(restante, "-tls1_2", "-cipher", f"{ciphers}:@SECLEVEL=0")
    assert "Cipher is (NONE)" in result.stdout or "no cipher match" in result.stdout, result.stdout


def test_row25_renegotiation_is_refused(restante):
    """A line that is an R alone makes s_client ask for it."""
    with subprocess.Popen(
            ["openssl", "s_client", "-connect", f"{LOCAL}:{restante.smtp_port}", "-starttls", "smtp",
             "-tls1_2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, bufsize=0) as client:
        seen = ""
        while "250 " not in seen.rsplit("---", 1)[-1]:
            line = client.stdout.readline()
            assert line, seen
            seen += line
        client.stdin.write("R\n")
        rest, _ = client.communicate(timeout=seconds(20))
    assert "RENEGOTIATING" in rest
    assert "no renegotiation" in rest, rest


def test_row25_early_data_is_not_taken(restante, tmp_path):
    session, early = tmp_path / "session", tmp_path / "early"
    early.write_bytes(b"EHLO early.example.org\r\n")
    first = s_client(restante, "-tls1_3", "-sess_out", session, "-ign_eof", stdin="QUIT\r\n")
    assert "Max Early Data: 0" in first.stdout, first.stdout
    second = s_client(restante, "-tls1_3", "-sess_in", session, "-early_data", early, "-ign_eof",
                      stdin="QUIT\r\n")
    assert "Reused, TLSv1.3" in second.stdout
    assert "Early data was not sent" in second.stdout, second.stdout


def test_row25_sslscan_finds_nothing(restante, reached):
    result = run("sslscan", "--starttls-smtp", "--no-colour", "--show-certificate",
                 f"{LOCAL}:{restante.smtp_port}")
    protocols = dict(re.findall(r"^((?:SSLv|TLSv)\S+)\s+(enabled|disabled)$", result.stdout, re.M))
    assert protocols == {"SSLv2": "disabled", "SSLv3": "disabled", "TLSv1.0": "disabled",
                         "TLSv1.1": "disabled", "TLSv1.2": "enabled", "TLSv1.3": "enabled"}
    for line in ("Session renegotiation not supported", "TLSv1.3 not vulnerable to heartbleed",
                 "TLSv1.2 not vulnerable to heartbleed"):
        assert line in result.stdout, result.stdout
    ciphers = re.findall(r"^(?:Preferred|Accepted)\s+TLSv1\.\d\s+(\d+) bits\s+(\S+)", result.stdout,
                         re.M)
    assert ciphers and all(int(bits) >= 128 for bits, _ in ciphers)
    reached(f"sslscan: {len(ciphers)} ciphers of 128 bits and more, no finding")


class InMemory:
    """TLS whose records the test sends itself, so that other bytes may come among them."""

    def __init__(self, dialogue):
        self._socket = dialogue.socket
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = tls().wrap_bio(self._in, self._out, server_hostname="localhost")
        self._until_done(self._tls.do_handshake)

    def _until_done(self, work):
        while True:
            try:
                result = work()
            except ssl.SSLWantReadError:
                self._socket.sendall(self._out.read())
                more = self._socket.recv(65536)
                assert more, "closed"
                self._in.write(more)
                continue
            self._socket.sendall(self._out.read())
            return result

    def say(self, text):
        self._tls.write(text.encode() + b"\r\n")
        reply = b""
        while not re.search(rb"(?m)^\d{3} .*\r\n\Z", reply):
            reply += self._until_done(lambda: self._tls.read(65536))
        return int(reply.splitlines()[-1][:3])

    def records_of(self, data):
        if data:
            self._tls.write(data)
        return self._out.read()

    def close_notify(self):
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()
        return self._out.read()


def records_only(data):
    """What came is TLS, not plain text."""
    while len(data) >= 5:
        if data[0] not in (0x15, 0x16, 0x17) or data[1] != 3:
            return False
        data = data[5 + int.from_bytes(data[3:5], "big"):]
    return not data


def rest_of(client):
    data = b""
    with contextlib.suppress(ConnectionError):
        while more := client.socket.recv(65536):
            data += more
    return data


MAIL = b"Subject: cut\r\n\r\n" + b"".join(b"line %d\r\n" % i for i in range(300))


def cut(daemon, dice):
    """TLS ends somewhere in a mail and the rest comes in clear; what the server said to it."""
    with daemon.dialogue("127.4.0.1") as client:
        client.greet()
        assert client.say("STARTTLS") == 220
        stream = InMemory(client)
        for line in ("EHLO c", "MAIL FROM:<a@example.org>", "RCPT TO:<cut@example.com>"):
            assert stream.say(line) == 250
        whole, in_chunks = MAIL + b".\r\n", dice.random() < 0.5
        near_end = dice.random() < 0.3  # in the very marks
        offset = len(whole) - 1 - dice.randrange(6) if near_end else dice.randrange(len(whole))
        if in_chunks:
            command = f"BDAT {len(whole)}{dice.choice(['', ' LAST'])}\r\n".encode()
        else:
            assert stream.say("DATA") == 354
            command = b""
        sealed, plain = stream.records_of(command + whole[:offset]), whole[offset:] + SMUGGLED
        how = dice.choice(["notify", "notify", "nothing", "half"])
        if how == "notify":
            sealed += stream.close_notify()
        if how == "half":
            sealed += stream.records_of(whole[offset:])[:-dice.randrange(1, 20)]
            plain = b""
        with contextlib.suppress(OSError):  # closed already
            if dice.random() < 0.5:
                client.send(sealed + plain)
            else:
                client.send(sealed)
                client.send(plain)
            client.finish_writing()
        return rest_of(client)


def test_row26_tls_ends_in_a_mail(restante, reached):
    dice = random.Random(26)
    answers = [cut(restante, dice) for _ in range(CUTS)]
    assert all(map(records_only, answers)), [one for one in answers if not records_only(one)][:3]
    assert restante.mails("cut") == []
    restante.send("after@example.com")
    reached(f"{CUTS:,} cuts at random offsets of DATA and BDAT, 0 stored, 0 answered in clear")
