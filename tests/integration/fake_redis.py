# SPDX-License-Identifier: ISC
# A server that speaks RESP and says what a Redis cannot be made to say at will.
import contextlib
import socket
import socketserver
import threading
import time

from testbed.machine import LOCAL

SAFE = {"appendfsync": "always", "save": "", "min-replicas-to-write": "1"}
INFO = ("role:master\r\naof_enabled:1\r\naof_last_write_status:ok\r\nmaxmemory:9000000000\r\n"
        "maxmemory_policy:noeviction\r\nevicted_keys:0\r\nused_memory:1000000\r\n")


def bulk(text):
    return f"${len(text.encode())}\r\n{text}\r\n"


class FakeRedis(socketserver.ThreadingTCPServer):
    """Says what a healthy Redis says to what restante asks, but for what `faults` has: the reply to
    a command, or what makes it, by its first word. "" is said when a client connects, which is
    closed then."""
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self):
        super().__init__((LOCAL, 0), FakeClient)
        self.faults, self.clients = {}, set()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05},
                         daemon=True).start()

    def handle_error(self, *_):
        pass  # a client that was cut off

    def cut_off_all(self):
        for client in list(self.clients):
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def __exit__(self, *_):
        self.shutdown()
        self.cut_off_all()
        self.server_close()


class FakeClient(socketserver.StreamRequestHandler):
    def handle(self):
        self.server.clients.add(self.request)
        try:
            if "" in self.server.faults:
                return self.say(self.server.faults[""])
            while command := self.command():
                fault = self.server.faults.get(command[0])
                self.say(fault() if callable(fault) else fault or self.reply(command))
        finally:
            self.server.clients.discard(self.request)

    def say(self, reply):
        self.wfile.write(reply.encode())

    def command(self):
        head = self.rfile.readline()
        if not head:
            return None
        words = []
        for _ in range(int(head[1:])):
            size = int(self.rfile.readline()[1:])
            words.append(self.rfile.read(size + 2)[:-2].decode("latin-1"))
        return words

    @staticmethod
    def reply(command):
        name, *rest = command
        if name == "INFO":
            return bulk(INFO)
        if name == "CONFIG":
            return "*2\r\n" + bulk(rest[1]) + bulk(SAFE[rest[1]])
        if name == "SCRIPT":
            return bulk("0" * 40)
        if name in ("EVAL", "EVALSHA"):
            return bulk(f"{time.time_ns() // 1_000_000}-0")
        if name == "SUBSCRIBE":
            return "*3\r\n" + bulk("subscribe") + bulk(rest[0]) + ":1\r\n"
        if name == "ROLE":
            return "*3\r\n" + bulk("master") + ":0\r\n*0\r\n"
        return {"PING": "+PONG\r\n", "XREVRANGE": "*0\r\n", "UNLINK": ":1\r\n"}.get(name, "+OK\r\n")
