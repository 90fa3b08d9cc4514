# SPDX-License-Identifier: ISC
# What is packed stays packed: bodies of requests, archives in mails; and what a browser could be
# made to run is a file to it.
import contextlib
import gzip
import io
import pathlib
import re
import zipfile
import zlib
from email.message import EmailMessage

import pytest

from testbed.api import KEY
from testbed.daemon import Restante
from testbed.machine import LOCAL

MIB = 1024 * 1024
IMAGES = {
    "svg": ("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
    "gif that is a script": ("image/gif", b"GIF89a/*\x00*/=1;alert(1)//<html><script>alert(1)</script>"),
    "html": ("text/html", b"<script>alert(1)</script>"),
    "xml": ("text/xml", b"<?xml version='1.0'?><x:script xmlns:x='http://www.w3.org/1999/xhtml'/>"),
    "pdf": ("application/pdf", b"%PDF-1.4 /OpenAction<</S/JavaScript>>"),
    "type with a line": ("image/png", b"\x89PNG"),
}


@pytest.fixture(scope="module")
def daemon():
    with Restante(http_api_listen=f"{LOCAL}:0", apid_workers=1, mimed_workers=1, smtpd_workers=1,
                  smtp_tls="optional") as restante:
        restante.send("warm@example.com")
        restante.mails("warm")
        yield restante


def memory(daemon):
    """VmHWM of all workers."""
    return {pid: int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])
            * 1024 for pid in daemon.pids()}


def growth(before, after):
    return max(after[pid] - before[pid] for pid in before)


def bomb(levels=4, size=10 * MIB):
    """A zip of zips, ten in each, as 42.zip is."""
    data, name = bytes(size), "zeros"
    for level in range(levels):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(10 if level else 1):
                archive.writestr(f"{name}{number}", data)
        data, name = file.getvalue(), "level.zip"
    return data


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, gzip", "identity"])
def test_row17_a_packed_body_is_not_read(daemon, coding):
    body = gzip.compress(bytes(50 * MIB)) if coding != "deflate" else zlib.compress(bytes(50 * MIB))
    before = memory(daemon)
    for method, path in (("POST", "/emails/warm/claim"), ("GET", "/emails/warm"), ("PUT", "/emails/warm")):
        with contextlib.closing(daemon.dialogue(port=daemon.http_api_port)) as client:
            with contextlib.suppress(ConnectionError):
                client.send(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: {KEY}\r\n"
                            f"Content-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n")
                client.send(body)
            assert client.line().split()[1] in (b"400", b"405", b"415")
    assert growth(before, memory(daemon)) < 2 * MIB
    assert len(daemon.mails("warm")) == 1


@pytest.mark.parametrize("name, kind, data", [
    ("42.zip", ("application", "zip"), bomb()), ("a.gz", ("application", "gzip"), gzip.compress(bytes(50 * MIB))),
    ("a.svgz", ("image", "svg+xml"), gzip.compress(b" " * 50 * MIB))])
def test_row17_an_archive_is_never_opened(daemon, name, kind, data):
    box = name.replace(".", "-")
    mail = EmailMessage()
    mail["Subject"], mail["Content-Encoding"] = "packed", "gzip"
    mail.set_content("see the file")
    mail.add_attachment(data, *kind, filename=name)
    before = memory(daemon)
    daemon.send(f"{box}@example.com", mail.as_bytes().replace(b"\n", b"\r\n"))
    answer = daemon.api(f"/emails/{box}/latest/attachments/1")
    assert answer.body == data and "Content-Encoding" not in answer.headers
    assert daemon.mails(box)[0]["attachments"] == [name]
    # 50 MiB and more are packed in it; what it takes is a few times its own size.
    assert growth(before, memory(daemon)) < 4 * MIB + 8 * len(data)


@pytest.mark.parametrize("case", IMAGES)
def test_row17_an_attachment_is_a_file_to_a_browser(daemon, case):
    kind, data = IMAGES[case]
    box = case.replace(" ", "-")
    name = 'x"\\r\\nX-Evil: 1.html' if case == "type with a line" else f"../../{box}.html"
    mail = EmailMessage()
    mail.set_content("see the picture")
    mail.add_attachment(data, *kind.split("/"), filename=name)
    daemon.send(f"{box}@example.com", mail.as_bytes().replace(b"\n", b"\r\n"))
    for path in ("attachments/1", "raw"):
        answer = daemon.api(f"/emails/{box}/latest/{path}")
        assert answer.status == 200
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert "X-Evil" not in answer.headers and ".." not in answer.headers["Content-Disposition"]
    for path in ("", "/latest"):
        answer = daemon.api(f"/emails/{box}{path}")
        assert answer.headers["Content-Type"].startswith("application/json")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
