# SPDX-License-Identifier: ISC
# Requests behind requests: with every pair of ways to say how long a body is, in clear and over
# TLS, a DELETE that is hidden in a body is never done. The forty cases one by one, with what each is
# answered, are in tests/integration/26_http_framing_test.py.
import itertools
import re
import socket
import ssl

import pytest

from testbed.api import KEY
from testbed.certificates import tls
from testbed.daemon import Restante
from testbed.machine import LOCAL
from testbed.waiting import seconds

HEAD = f"Host: localhost\r\nX-API-KEY: {KEY}\r\n"
HIDDEN = f"DELETE /emails/victim HTTP/1.1\r\n{HEAD}\r\n"
SIZE = len(HIDDEN)
# {n}: the bytes of what is hidden.
LENGTHS = ["", "Content-Length: 0", "Content-Length: {n}", "Content-Length: +{n}",
           "Content-Length: {n}, {n}", "Content-Length: 0, {n}", "Content-Length: 0\r\nContent-Length: {n}",
           "Content-Length:\t{n}", "Content-Length : {n}", "Content-Length:\r\n {n}",
           "content-length: 0x{n}", "Content-Length: {n}\0", "Content-Length: {n} 0",
           "Content-Length: -{n}", "X: y\nContent-Length: {n}",
           "X: y\rContent-Length: {n}", "Content-Length\r\n: {n}", "\u00a0Content-Length: {n}"]
CODINGS = ["", "Transfer-Encoding: chunked", "Transfer-Encoding: identity", "Transfer-Encoding: xchunked",
           "Transfer-Encoding : chunked", "Transfer-Encoding:\tchunked", "Transfer-Encoding: chunked, identity",
           "Transfer-Encoding:\r\n chunked", "X: y\nTransfer-Encoding: chunked", "TE: chunked",
           "Transfer-Encoding: chunked\0", 'Transfer-Encoding: "chunked"',
           "Transfer-Encoding: \x0bchunked", "X: y\rTransfer-Encoding: chunked"]
BODIES = {"bare": HIDDEN, "chunked": f"{SIZE:x}\r\n{HIDDEN}\r\n0\r\n\r\n", "last chunk": f"0\r\n\r\n{HIDDEN}",
          "chunk by LF": f"{SIZE:x}\n{HIDDEN}\n0\n\n", "extension": f"0;a\nb\r\n\r\n{HIDDEN}"}
METHODS = ["GET", "POST", "DELETE"]


@pytest.fixture(scope="module")
def daemon():
    with Restante(http_api_listen=f"{LOCAL}:0", api_timeout="2s", apid_workers=1) as restante:
        restante.send("victim@example.com")
        yield restante


def exchange(port, text, over_tls):
    """What is answered to it, until the server closes, or has said all that it has to say."""
    with socket.create_connection((LOCAL, port), timeout=seconds(10)) as client:
        if over_tls:
            client = tls().wrap_socket(client, server_hostname="localhost")
        answers = b""
        try:
            client.sendall(text.encode("latin-1"))
            client.settimeout(0.05 if not over_tls else 0.1)
            while more := client.recv(65536):
                answers += more
        except (TimeoutError, ConnectionError, ssl.SSLError):
            pass
        # libmicrohttpd 0.9.75 says the head twice after a bad Content-Length.
        return re.sub(rb"(HTTP/1\.1 4.*?\r\n\r\n)\1", rb"\1", answers, count=1, flags=re.DOTALL)


def hides_nothing(length, coding):
    """Where nobody could think that there is a body, what follows is the next request."""
    said = f"{length}\n{coding}".lower()
    return not re.search(r"content.length(?!: 0$)|transfer.encoding", said, re.M)


@pytest.mark.parametrize("over_tls, share", [(False, 1), (True, 29)])
def test_row38_what_is_hidden_in_a_body_is_never_done(daemon, over_tls, share, reached):
    port = daemon.https_port if over_tls else daemon.http_api_port
    cases = [case for case in itertools.product(METHODS, LENGTHS, CODINGS, BODIES)
             if not hides_nothing(*case[1:3])]
    asked = 0
    for method, length, coding, body in cases[::share]:
        fields = "".join(f"{field}\r\n" for field in (length.format(n=SIZE), coding) if field)
        text = f"{method} /emails/smuggler HTTP/1.1\r\n{HEAD}{fields}\r\n{BODIES[body]}"
        answers = exchange(port, text, over_tls)
        asked += 1
        case = (method, length, coding, body, answers)
        assert len(re.findall(rb"HTTP/1\.1 \d{3} ", answers)) <= 1, case
        assert b"for victim have been cleared" not in answers, case
        assert not answers.startswith((b"HTTP/1.1 5",)) or answers.startswith(b"HTTP/1.1 501"), case
    assert len(daemon.mails("victim")) == 1
    assert not daemon.log.find("method=DELETE path=/emails/victim ")
    reached(f"{asked:,} requests")
