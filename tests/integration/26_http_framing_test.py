# SPDX-License-Identifier: ISC
# Requests that can be read in two ways, or not at all: one answer at most, and then the end; in
# clear and over TLS. And what a good request may look like.
import contextlib
import json
import re
import socket
import urllib.parse

import pytest

from testbed.api import KEY
from testbed.certificates import tls
from testbed.daemon import Restante
from testbed.machine import LOCAL
from testbed.waiting import seconds

HEAD = f"Host: localhost\r\nX-API-KEY: {KEY}\r\n"
GET = f"GET /emails/framing HTTP/1.1\r\n{HEAD}\r\n"  # what is smuggled


@pytest.fixture(scope="module")
def server():
    with Restante(http_api_listen=f"{LOCAL}:0", api_timeout="2s", apid_workers=1) as daemon:
        yield daemon


class Raw:
    """A client that sends any bytes, and reads answers one by one."""

    def __init__(self, daemon, over_tls):
        port = daemon.https_port if over_tls else daemon.http_api_port
        self.socket = socket.create_connection((LOCAL, port), timeout=seconds(20))
        if over_tls:
            self.socket = tls().wrap_socket(self.socket, server_hostname="localhost")
        self.input = b""

    def send(self, text):
        with contextlib.suppress(ConnectionError):  # it may have heard enough
            self.socket.sendall(text.encode("latin-1") if isinstance(text, str) else text)
        return self

    def more(self):
        try:
            got = self.socket.recv(65536)
        except ConnectionError:
            got = b""
        self.input += got
        return bool(got)

    def answer(self, has_body=True):
        """(status, fields, body); None at the end."""
        while b"\r\n\r\n" not in self.input:
            if not self.more():
                assert self.input == b""
                return None
        head, _, self.input = self.input.partition(b"\r\n\r\n")
        if self.input.startswith(head):  # libmicrohttpd 0.9.75, after a bad Content-Length
            self.input = self.input[len(head) + 4:]
        first, *lines = head.decode().split("\r\n")
        fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        size = int(fields.get("content-length", 0)) if has_body else 0
        while len(self.input) < size and self.more():
            pass
        body, self.input = self.input[:size], self.input[size:]
        return int(re.match(r"HTTP/1\.1 (\d{3}) ", first)[1]), fields, body

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


@pytest.fixture(params=["clear", "tls"])
def client(server, request):
    with Raw(server, request.param == "tls") as raw:
        yield raw
    with Raw(server, request.param == "tls") as other:  # it serves as before
        assert other.send(GET).answer()[0] == 200


def get(line="GET /emails/framing HTTP/1.1", *fields, head=HEAD, body=""):
    return f"{line}\r\n{head}" + "".join(f"{field}\r\n" for field in fields) + f"\r\n{body}"


LENGTH = f"Content-Length: {len(GET)}"
CHUNKS = "5\r\nhello\r\n0\r\n\r\n"

# What is sent (a smuggled request behind it, mostly), and the statuses that are right; 0 is the end
# without a word.
CASES = {
    "no Host": (get(head=f"X-API-KEY: {KEY}\r\n"), {400}),
    "two Hosts": (get("GET / HTTP/1.1", "Host: other"), {400}),
    "HTTP/0.9": ("GET /emails/framing\r\n\r\n", {400, 505}),
    "HTTP/2 preface": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {505}),
    "HTTP/1.9": (get("GET /emails/framing HTTP/1.9"), {400, 505}),
    "length and chunked": (get("GET / HTTP/1.1", LENGTH, "Transfer-Encoding: chunked",
                               body="0\r\n\r\n" + GET), {400}),
    "identity, chunked": (get("GET / HTTP/1.1", "Transfer-Encoding: identity, chunked",
                              body=CHUNKS + GET), {400, 501}),
    "xchunked and length": (get("GET / HTTP/1.1", "Transfer-Encoding: xchunked", LENGTH, body=GET),
                            {400, 501}),
    "chunked twice": (get("GET / HTTP/1.1", "Transfer-Encoding: chunked",
                          "Transfer-Encoding: chunked", body=CHUNKS + GET), {400, 501}),
    "two lengths": (get("GET / HTTP/1.1", "Content-Length: 0", LENGTH, body=GET), {400}),
    "two equal lengths": (get("GET / HTTP/1.1", LENGTH, LENGTH, body=GET), {400}),
    "length 0, 0": (get("GET / HTTP/1.1", "Content-Length: 0, 0", body=GET), {400}),
    "length +0": (get("GET / HTTP/1.1", "Content-Length: +0", body=GET), {400}),
    "length -1": (get("GET / HTTP/1.1", "Content-Length: -1", body=GET), {400}),
    "length 0x0": (get("GET / HTTP/1.1", "Content-Length: 0x0", body=GET), {400}),
    "empty length": (get("GET / HTTP/1.1", "Content-Length:", body=GET), {400}),
    "length of 23 digits": (get("GET / HTTP/1.1", "Content-Length: " + "9" * 23, body=GET), {413}),
    "blank before the colon": (get("GET / HTTP/1.1", f"Content-Length : {len(GET)}", body=GET),
                               {400}),
    "folded length": (get("GET / HTTP/1.1", f"Content-Length:\r\n {len(GET)}", body=GET), {400}),
    "folded field": (get("GET / HTTP/1.1", "X: a\r\n b"), {400}),
    "fold on the first field": ("GET / HTTP/1.1\r\n " + HEAD + "\r\n", {0, 400}),
    "bare LF": (GET.replace("\r\n", "\n"), {400}),
    "one bare LF": (get("GET / HTTP/1.1", "X: a\nY: b"), {400}),
    "LF in place of the last line end": (GET[:-2] + "\n", {400}),
    "bare CR": (get("GET / HTTP/1.1", "X: a\rY: b"), {400}),
    "a head that ends in CR": (get("GET / HTTP/1.1", "X: a\r\r" + GET[:-4]), {400}),
    "NUL in a value": (get("GET / HTTP/1.1", "X: a\0b"), {400}),
    "NUL in a name": (get("GET / HTTP/1.1", "X\0: b"), {400}),
    "NUL in the path": (get("GET /emails/framing\0/latest HTTP/1.1"), {0, 400}),
    "NUL in the method": (get("DELETE\0X /emails/framing HTTP/1.1"), {0, 400}),
    "a field without a name": (get("GET / HTTP/1.1", ": a"), {0, 400}),
    "a line without a colon": (get("GET / HTTP/1.1", "nonsense"), {0, 400}),
    "space in the path": (get("GET /emails/fram ing HTTP/1.1"), {400}),
    "two spaces before the version": (get("GET /emails/framing  HTTP/1.1"), {400}),
    "absolute URI": (get("GET http://localhost/emails/framing HTTP/1.1"), {400}),
    "asterisk": (get("OPTIONS * HTTP/1.1"), {400}),
    "two keys": (get("GET /emails/framing HTTP/1.1", f"X-API-KEY: {KEY}"), {400}),
    "LF in a chunk extension": (get("POST / HTTP/1.1", "Transfer-Encoding: chunked",
                                    body="5;a\nb\r\nhello\r\n0\r\n\r\n" + GET), {400}),
    "chunks by LF": (get("POST / HTTP/1.1", "Transfer-Encoding: chunked",
                         body="5\nhello\n0\n\n" + GET), {400}),
    "chunk size of 17 digits": (get("POST / HTTP/1.1", "Transfer-Encoding: chunked",
                                    body="10000000000000000\r\nhello" + GET), {400, 413}),
    "GET with a body": (get("GET /emails/framing HTTP/1.1", LENGTH, body=GET), {400}),
    "DELETE with a body": (get("DELETE /emails/framing HTTP/1.1", LENGTH, body=GET), {400}),
    "POST with a body": (get("POST /emails/framing HTTP/1.1", LENGTH, body=GET), {405}),
    "POST that expects 100": (get("POST /emails/framing HTTP/1.1", LENGTH, "Expect: 100-continue"),
                              {405, 417}),
    "a field of 17 KiB": (get("GET / HTTP/1.1", "X: " + "a" * 17_000), {431}),
    "a field of 40 KiB": (get("GET / HTTP/1.1", "X: " + "a" * 40_000), {431}),
    "5,000 fields": (get("GET / HTTP/1.1", *["X: a"] * 5000), {431}),
    "a path of 9 KiB": (get("GET /" + "a" * 9_000 + " HTTP/1.1"), {414}),
    "a query of 9 KiB": (get("GET /emails/framing?" + "a" * 9_000 + " HTTP/1.1"), {414}),
    "a path of 40 KiB": (get("GET /" + "a" * 40_000 + " HTTP/1.1"), {414}),
    "a method of 40 KiB": (get("G" * 40_000 + " / HTTP/1.1"), {0, 400, 413, 414, 431, 501}),
    "TLS in clear": (b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(160), {0, 400}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_broken_request_has_one_answer_and_the_connection_ends(client, case):
    text, statuses = CASES[case]
    answer = client.send(text).answer()
    if answer is not None:
        status, fields, body = answer
        assert status in statuses
        assert fields["connection"].lower() == "close"
        if fields.get("content-type", "").startswith("application/json"):
            assert list(json.loads(body)) == ["error"]
        assert client.answer() is None
    else:
        assert 0 in statuses


@pytest.mark.parametrize("case, limit", [("a field of 17 KiB", "16384"), ("a path of 9 KiB", "8192"),
                                         ("a query of 9 KiB", "8192")])
def test_what_is_a_little_too_large_is_told_the_limit(client, case, limit):
    assert limit in json.loads(client.send(CASES[case][0]).answer()[2])["error"]


@pytest.mark.parametrize("field", [b"X: " + b"a" * 15_000, b"X: caf\xe9 \xff", b"X:", b"X: \t b \t",
                                   b"Content-Length: 0", b"Connection: keep-alive"])
def test_a_good_request_leaves_the_connection_open(client, field):
    for _ in range(2):
        text = f"GET /emails/framing HTTP/1.1\r\n{HEAD}".encode() + field + b"\r\n\r\n"
        assert client.send(text).answer()[0] == 200


def test_pipelined_requests_are_answered_in_their_order(client):
    paths = ["/emails/framing", "/healthz", "/nothing", "/emails/framing?limit=0", "/readyz"]
    client.send("".join(get(f"GET {path} HTTP/1.1") for path in paths))
    assert [client.answer()[0] for _ in paths] == [200, 200, 404, 400, 200]
    assert client.send(GET).answer()[0] == 200


def test_a_request_may_come_byte_by_byte(client):
    for byte in GET:
        client.send(byte)
    assert client.answer()[0] == 200


def test_an_empty_line_before_a_request_is_skipped(client):
    assert client.send("\r\n" + GET).answer()[0] == 200
    assert client.send(GET).answer()[0] == 200


def test_the_connection_ends_when_the_client_says_so(client):
    status, fields, _ = client.send(get("GET /healthz HTTP/1.1", "Connection: close")).answer()
    assert (status, fields["connection"].lower()) == (200, "close")
    assert client.answer() is None


def test_http_1_0_is_served_and_ended(client):
    assert client.send(f"GET /emails/framing HTTP/1.0\r\nX-API-KEY: {KEY}\r\n\r\n").answer()[0] == 200
    assert client.answer() is None


def test_head_has_no_body_and_leaves_the_connection_open(client):
    status, fields, _ = client.send(GET.replace("GET", "HEAD", 1)).answer(has_body=False)
    assert (status, fields["content-length"]) == (200, "2")
    assert client.send(GET).answer()[0] == 200


# Names in the path

@pytest.mark.parametrize("name, status", [
    ("a%00b", 400), ("a%2fb", 200), ("..", 200), ("%2e%2e", 200), ("%zz", 400), ("%ff%0d%0a", 400),
    ("a+b", 200), ("a%", 400), ("a%4", 400), ("%C3%28", 400), ("%ED%A0%80", 400), ("%F0%9F%93%AB", 200),
    ("%20", 200), ("..%2f..%2fetc", 200), ("a@", 400), ("a@b@example.com", 400)])
def test_a_name_is_decoded_once_and_strictly(client, name, status):
    answer = client.send(get(f"GET /emails/{name} HTTP/1.1")).answer()
    assert answer[0] == status
    assert client.send(GET).answer()[0] == 200


@pytest.fixture(scope="module")
def international():
    with Restante(domain="example.com bücher.example") as daemon:
        with daemon.smtp() as smtp:
            assert smtp.docmd("MAIL FROM:<bob@example.org> SMTPUTF8")[0] == 250
            smtp.command_encoding = "utf-8"
            smtp.putcmd("RCPT TO:<jürgen@bücher.example>")
            assert smtp.getreply()[0] == 250
            assert smtp.data("Subject: found\r\n\r\n")[0] == 250
        yield daemon


@pytest.mark.parametrize("name", [
    "jürgen", "ju\u0308rgen", "jürgen@bücher.example", "jürgen@xn--bcher-kva.example",
    "jürgen@example.com", "jürgen@BÜCHER.example", "jürgen@XN--BCHER-KVA.EXAMPLE"])
def test_a_mailbox_has_its_name_in_any_spelling(international, name):
    mails = international.mails(urllib.parse.quote(name))
    assert [mail["subject"] for mail in mails] == ["found"]
