# SPDX-License-Identifier: ISC
# What senders with a queue have in common: they get their mail over SMTP, on a port of theirs.
import contextlib
import smtplib
import socket

from harness import LOCAL, seconds


def free_port():
    with socket.create_server((LOCAL, 0)) as server:
        return server.getsockname()[1]


def greets(port):
    with contextlib.suppress(OSError), smtplib.SMTP(LOCAL, port, timeout=seconds(20)):
        return True
    return False


def hand_over(mail, port):
    options = ["BODY=8BITMIME", "SMTPUTF8"] if mail.utf8 else []
    with smtplib.SMTP(LOCAL, port, timeout=seconds(60)) as client:
        assert not client.sendmail(mail.sender, mail.recipients, mail.data, options)
