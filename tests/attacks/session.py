# SPDX-License-Identifier: ISC
# The SMTP session alone, in a process of its own: session_driver.cc has the other end.
import collections
import struct
import subprocess

from testbed.build import BUILD
from testbed.waiting import seconds

TLS_REQUIRED, TLS_OFFERED = 1, 2
NO_SENDER, NO_MESSAGE, NO_DELIVERY = 1, 2, 4
Mail = collections.namedtuple("Mail", "envelope data")
Report = collections.namedtuple("Report", "output closed mails")


def new(settings=0):
    return b"N" + bytes([settings])


def answers(bits):
    return b"A" + bytes([bits])


def read(data):
    return b"B" + struct.pack("=I", len(data)) + data


def _reports(data):
    at = 0

    def text():
        nonlocal at
        size, = struct.unpack_from("=I", data, at)
        at += 4 + size
        return data[at - size:at]
    while at < len(data):
        output = text()
        closed, count = data[at], data[at + 1]
        at += 2
        yield Report(output, bool(closed), [Mail(text(), text()) for _ in range(count)])


def play(script):
    """The report of each `new` and `read` in it."""
    result = subprocess.run([BUILD / "attacks/session_driver"], input=script, capture_output=True,
                            timeout=seconds(300), check=False)
    assert result.returncode == 0, result.stderr.decode()
    return _reports(result.stdout)


def codes(output):
    """Of all replies, each of which may have several lines."""
    return [int(line[:3]) for line in output.splitlines() if line[3:4] == b" "]
