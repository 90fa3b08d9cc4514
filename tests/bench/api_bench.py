# SPDX-License-Identifier: ISC
"""The API: requests a second over kept-alive HTTPS connections, beside the same bytes from a file."""
import re
import subprocess

from bench.pairs import compare
from bench.peers import Nginx, Subject
from testbed.api import KEY
from testbed.machine import LOCAL

TEXT = "The quick brown fox jumps over the lazy dog, and then it does so again.\r\n"


def mail_of(size, subject="hello"):
    return f"Subject: {subject}\r\nMessage-ID: <{subject}@example.org>\r\n\r\n" + TEXT * (size // len(TEXT))


def with_attachment(size):
    return ("Subject: attached\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n"
            "Content-Disposition: attachment; filename=a.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            + ("QUJD" * 19 + "\r\n") * (size // 57))


def requests(port, path, seconds, connections=20):
    """Requests a second by wrk."""
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "-H", f"X-API-KEY: {KEY}",
         f"https://{LOCAL}:{port}{path}"], check=True, capture_output=True, text=True)
    assert "Non-2xx" not in done.stdout, done.stdout
    return float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1])


def fill(subject):
    """The path of each kind of request, with what is in its mailboxes, and the wanted ratio."""
    for number in range(10):
        subject.send("ten@example.com", mail_of(2000, f"ten{number}"))
    for number in range(50):
        subject.send("fifty@example.com", mail_of(20_000, f"fifty{number}"))
    subject.send("one@example.com", with_attachment(5_000_000))
    latest = subject.mails("ten")[0]["id"]
    attached = subject.mails("one")[0]["id"]
    return [
        ("inbox of 10", "/emails/ten", 1.0),
        ("inbox of 50 with 20 KB each", "/emails/fifty", None),
        ("one message", f"/emails/ten/{latest}", None),
        ("attachment of 5 MB", f"/emails/one/{attached}/attachments/1", None),
    ]


def rows(options):
    with Subject(apid_workers=1) as subject, Nginx(workers=1) as nginx:
        for number, (what, path, at_least) in enumerate(fill(subject)):
            answer = subject.api(path)
            assert answer.status == 200, (path, answer)
            file = nginx.serve(f"{number}.json", answer.body)
            yield compare(f"{what}, {len(answer.body):,} bytes / nginx", "requests/s",
                          lambda: requests(subject.https_port, path, options.seconds),
                          lambda: requests(nginx.port, file, options.seconds), options.rounds,
                          at_least)
