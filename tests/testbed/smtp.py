# SPDX-License-Identifier: ISC
"""SMTP clients: one transaction with smtplib, and a client that may break every rule."""
import contextlib
import os
import smtplib
import socket
import ssl

from testbed.certificates import tls
from testbed.machine import LOCAL
from testbed.waiting import seconds


def greets(port):
    """Whether an SMTP server on this port sends its greeting."""
    with contextlib.suppress(OSError), smtplib.SMTP(LOCAL, port, timeout=seconds(20)):
        return True
    return False


def deliver(smtp, to, data="Subject: hello\r\n\r\nHello.\r\n", sender="bob@example.org"):
    """Runs one transaction; returns code and text of the reply that ended it."""
    answer = smtp.mail(sender)
    for recipient in [to] if isinstance(to, str) else to:
        if answer[0] == 250:
            answer = smtp.rcpt(recipient)
    if answer[0] == 250:
        try:
            answer = smtp.data(data)
        except smtplib.SMTPDataError as error:  # the reply to DATA was not 354
            answer = error.smtp_code, error.smtp_error
    if answer[0] >= 400:
        smtp.rset()
    return answer[0], answer[1].decode()


class Dialogue:
    """An SMTP client that checks nothing: it sends at once and unchanged what it is given."""

    def __init__(self, port, source=None, receive_buffer=None):
        self.source = source or LOCAL
        self.socket = socket.socket()
        self.socket.settimeout(seconds(20))
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.bind((self.source, 0))
        self.socket.connect((LOCAL, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._input = b""

    def send(self, text):
        self.socket.sendall(text.encode() if isinstance(text, str) else text)

    def line(self):
        """The next line without its CRLF; b"" when the server has closed the connection."""
        while b"\r\n" not in self._input:
            try:
                more = self.socket.recv(65536)
            except (ConnectionError, ssl.SSLError):  # a reset counts as a close
                more = b""
            if not more:
                return b""
            self._input += more
        line, self._input = self._input.split(b"\r\n", 1)
        return line

    def code(self):
        """The code of the next reply, which may have several lines; None if there is no reply."""
        line = self.line()
        while line[3:4] == b"-":
            line = self.line()
        return int(line[:3]) if line else None

    def say(self, text):
        """Sends one command; returns the code of its reply."""
        self.send(text + "\r\n")
        return self.code()

    def greet(self):
        assert self.code() == 220
        assert self.say("EHLO client.example.org") == 250
        return self

    def secure(self):
        """STARTTLS, the handshake and another EHLO."""
        assert self.say("STARTTLS") == 220
        self.start_tls()
        assert self.say("EHLO client.example.org") == 250
        return self

    def start_tls(self):
        """The TLS handshake. Call it after the 220 reply to STARTTLS."""
        self.socket = tls().wrap_socket(self.socket, server_hostname="localhost")

    def start_mail(self, to, sender="bob@example.org"):
        """MAIL, RCPT and DATA, up to the 354 reply."""
        codes = [self.say(f"MAIL FROM:<{sender}>"), self.say(f"RCPT TO:<{to}>"), self.say("DATA")]
        assert codes == [250, 250, 354]
        return self

    def finish_writing(self):
        """Closes the sending half of the TCP connection. The shutdown goes through a duplicate of the
        descriptor, because SSLSocket.shutdown() would end TLS in both directions."""
        with socket.socket(fileno=os.dup(self.socket.fileno())) as same:
            same.shutdown(socket.SHUT_WR)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
