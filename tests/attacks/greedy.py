# SPDX-License-Identifier: ISC
# One client that takes whatever it can get, in processes of its own: each attack is one of them.
"""greedy.py SMTP_PORT HTTPS_PORT KEY [WITHOUT...]: tries all attacks, but for some, at once from one
address, until its standard input ends. Then it prints, for each attack, how often it was carried out,
as JSON."""
import contextlib
import itertools
import json
import multiprocessing
import os
import socket
import ssl
import sys
import time

LOCAL = "127.0.0.1"
ADDRESS = "127.9.9.9"  # of the attacker
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
CONTEXT.check_hostname, CONTEXT.verify_mode = False, ssl.CERT_NONE
PATIENCE = 5  # seconds
HALF_A_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


def connect(port, timeout=PATIENCE, buffer=None):
    client = socket.socket()
    client.settimeout(timeout)
    if buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    client.bind((ADDRESS, 0))
    client.connect((LOCAL, port))
    return client


class Mail:
    """An SMTP connection that has said EHLO."""

    def __init__(self, port):
        self.socket = connect(port)
        self.input = b""
        self.code()
        self.say("EHLO greedy.example.org")
        if self.say("STARTTLS") == 220:
            self.socket = CONTEXT.wrap_socket(self.socket)
            self.say("EHLO greedy.example.org")

    def code(self):
        while True:
            while b"\r\n" not in self.input:
                more = self.socket.recv(4096)
                if not more:
                    raise ConnectionError
                self.input += more
            line, self.input = self.input.split(b"\r\n", 1)
            if line[3:4] == b" " or len(line) == 3:
                if line.startswith(b"421"):
                    raise ConnectionError
                return int(line[:3])

    def say(self, text):
        self.socket.sendall(text.encode() + b"\r\n")
        return self.code()

    def send(self, sender, recipients, data):
        if self.say(f"MAIL FROM:<{sender}>") != 250:
            self.say("RSET")
            return False
        taken = [self.say(f"RCPT TO:<{name}@example.com>") for name in recipients]
        if 250 not in taken or self.say("DATA") != 354:
            self.say("RSET")
            return False
        self.socket.sendall(data + b"\r\n.\r\n")
        return self.code() == 250

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


class Target:
    def __init__(self, smtp, https, key):
        self.smtp, self.https, self.key = int(smtp), int(https), key

    def request(self, path, key=None, method="GET", buffer=None):
        """A connection that has sent one request."""
        client = CONTEXT.wrap_socket(connect(self.https, buffer=buffer))
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
        if key:
            head += f"X-API-KEY: {key}\r\n"
        client.sendall(f"{head}\r\n".encode())
        return client

    def mails(self, make):
        """Sends mails over one connection after the other; each round is one mail."""
        while True:
            with contextlib.suppress(OSError, ValueError), Mail(self.smtp) as client:
                while True:
                    client.send(*make())
                    yield
            time.sleep(0.01)
            yield


MANY = [f"greedy{number}" for number in range(100)]
numbers = itertools.count()


def hundred_recipients(target, size):
    data = b"Subject: large\r\n\r\n" + os.urandom(size // 2).hex().encode()
    return target.mails(lambda: ("a@greedy.example", MANY, data))


def large_to_many(target):
    return hundred_recipients(target, 2_000_000)


def very_large_to_many(target):
    return hundred_recipients(target, 9_000_000)


def senders_and_mailboxes(target):
    return target.mails(lambda: (f"{next(numbers)}@greedy.example", [f"new{next(numbers)}"],
                                 b"Subject: new\r\n\r\nnew"))


def forged_sender(target):
    while True:
        with contextlib.suppress(OSError, ValueError), Mail(target.smtp) as client:
            for _ in range(50):
                for command in ["MAIL FROM:<good0@example.org>", "RCPT TO:<a@example.com>", "BDAT 0",
                                "RSET"]:
                    client.say(command)
                yield
        time.sleep(0.01)
        yield


def heavy_text(target):
    texts = itertools.cycle([b"1\r\n" * 20_000, b"1\r\n" * 40_000,
                             b"--x\r\nContent-Type: text/plain\r\n\r\n" * 8000])
    head = b"Subject: s\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
    return target.mails(lambda: ("h@greedy.example", ["heavy"], head + next(texts)))


def heavy_subjects(target):
    data = b"Subject: " + (b"a" * 900 + b"\r\n ") * 250 + b"\r\n\r\nx"
    return target.mails(lambda: ("s@greedy.example", ["subjects"], data))


def trickling_messages(target):
    while True:
        clients = []
        for _ in range(50):
            with contextlib.suppress(OSError, ValueError):
                client = Mail(target.smtp)
                clients.append(client)
                client.say("MAIL FROM:<t@greedy.example>")
                client.say("RCPT TO:<trickle@example.com>")
                client.say("DATA")
                client.socket.sendall(b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 2000)
                yield
        for _ in range(20):
            for client in clients:
                with contextlib.suppress(OSError):
                    client.socket.sendall(b"z\r\n" * 50)
            time.sleep(0.2)
        for client in clients:
            client.socket.close()


def half_handshakes(target):
    while True:
        clients = []
        for number in range(50):
            with contextlib.suppress(OSError):
                clients.append(connect(target.https))
                clients[-1].sendall(b"\x16" if number % 2 else HALF_A_HELLO)
                yield
        time.sleep(5)
        for client in clients:
            client.close()


def silent_connections(target, port):
    held = []
    while True:
        with contextlib.suppress(OSError):
            held.append(connect(port, 1))
        if len(held) > 800:
            held.pop(0).close()
        time.sleep(1 / 200)  # at two ports
        yield


def silent_at_https(target):
    return silent_connections(target, target.https)


def silent_at_smtp(target):
    return silent_connections(target, target.smtp)


def held_requests(target, path, count, buffer=None):
    held = []
    while True:
        with contextlib.suppress(OSError):
            held.append(target.request(path, target.key, buffer=buffer))
        if len(held) > count:
            held.pop(0).close()
        time.sleep(0.01)
        yield


def event_streams(target):
    return held_requests(target, "/emails/greedy0/events", 1500)


def unread_downloads(target):
    return held_requests(target, "/emails/greedy1/latest/raw", 20, 1024)


def requests(target, path, key, method="GET"):
    """Over one connection for as long as it lasts."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n" + (
        f"X-API-KEY: {key}\r\n" if key else "")
    while True:
        with contextlib.suppress(OSError):
            with CONTEXT.wrap_socket(connect(target.https)) as client:
                while True:
                    client.sendall(f"{head}\r\n".encode())
                    if not client.recv(65536):
                        break
                    yield
        time.sleep(0.01)
        yield


def no_key(target):
    return requests(target, "/emails/" + "x" * 200, None)


def wrong_keys(target):
    return requests(target, "/emails/a", "a-wrong-key-of-this-client")


def heavy_filter(target):
    return requests(target, "/emails/subjects?limit=100&subject=" + "a" * 299 + "b", target.key)


def heavy_claim(target):
    return requests(target, "/emails/greedy2/claim?subject=" + "a" * 299 + "b", target.key, "POST")


ATTACKS = [large_to_many, very_large_to_many, senders_and_mailboxes, forged_sender, heavy_text,
           heavy_subjects, trickling_messages, half_handshakes, silent_at_https, silent_at_smtp,
           event_streams, unread_downloads, no_key, wrong_keys, heavy_filter, heavy_claim]


def carry_out(attack, target, over, rounds):
    os.nice(19)  # what an attack costs its own machine is not what is measured
    for _ in attack(target):
        with rounds.get_lock():
            rounds.value += 1
        if over.is_set():
            return


def main():
    target, over = Target(*sys.argv[1:4]), multiprocessing.Event()
    attacks = [attack for attack in ATTACKS if attack.__name__ not in sys.argv[4:]]
    counts = {attack.__name__: multiprocessing.Value("l", 0) for attack in attacks}
    for attack in attacks:
        multiprocessing.Process(target=carry_out, daemon=True,
                                args=(attack, target, over, counts[attack.__name__])).start()
    sys.stdin.read()
    over.set()
    print(json.dumps({name: count.value for name, count in counts.items()}), flush=True)
    for child in multiprocessing.active_children():
        child.kill()


if __name__ == "__main__":
    main()
