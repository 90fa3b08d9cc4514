# SPDX-License-Identifier: ISC
# A Redis whose name a DNS server knows: it is asked from inside of the sandbox.
import contextlib
import socket
import socketserver
import struct
import threading

import pytest

from integration.redis_on_port import redis_on_a_port
from testbed.daemon import Restante
from testbed.machine import IS_ROOT, LOCAL, new_directory
from testbed.processes import run

SERVER = "127.0.0.53"  # of our own mounts' resolv.conf alone
NAME = "redis.restante.test"
A, TRUNCATED, ANSWER = 1, 0x0200, 0x8180


def answer_to(query, in_full):
    """A records for any name, none of other types; truncated, so that it is asked for by TCP."""
    end = 12
    while query[end]:
        end += query[end] + 1
    question = query[12:end + 5]
    kind, = struct.unpack("!H", question[-4:-2])
    records = [b"\xc0\x0c" + struct.pack("!HHIH", A, 1, 0, 4) + socket.inet_aton(LOCAL)]
    if kind != A or not in_full:
        records = []
    flags = ANSWER if in_full or kind != A else ANSWER | TRUNCATED
    return query[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0) + question + b"".join(
        records)


class Datagrams(socketserver.DatagramRequestHandler):
    def handle(self):
        self.server.asked.add("udp")
        self.wfile.write(answer_to(self.rfile.read(), not self.server.truncates))


class Streams(socketserver.StreamRequestHandler):
    def handle(self):
        while head := self.rfile.read(2):
            self.server.asked.add("tcp")
            answer = answer_to(self.rfile.read(int.from_bytes(head, "big")), True)
            self.wfile.write(len(answer).to_bytes(2, "big") + answer)


@contextlib.contextmanager
def name_server(truncates):
    asked, running = set(), []
    for kind, handler in ((socketserver.ThreadingUDPServer, Datagrams),
                          (socketserver.ThreadingTCPServer, Streams)):
        kind.allow_reuse_address = True
        server = kind((SERVER, 53), handler)
        server.daemon_threads, server.asked, server.truncates = True, asked, truncates
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.append(server)
    try:
        yield asked
    finally:
        for server in running:
            server.shutdown()
            server.server_close()


def can_serve_names():
    with contextlib.suppress(OSError):
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(type=kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((SERVER, 53))
        return run("unshare", "--mount", "true").returncode == 0
    return False


@pytest.mark.skipif(not (IS_ROOT and can_serve_names()),
                    reason="no port 53 or no mounts of our own")
@pytest.mark.parametrize("truncates", [False, True], ids=["udp", "tcp"])
def test_the_name_is_resolved_again_after_an_outage(truncates):
    etc = new_directory()
    (etc / "resolv.conf").write_text(f"nameserver {SERVER}\noptions timeout:1 attempts:1\n")
    (etc / "resolv.conf").chmod(0o644)
    script = f'mount --bind {etc}/resolv.conf /etc/resolv.conf && exec "$@"'
    starter = ["unshare", "--mount", "sh", "-c", script, "sh"]
    with name_server(truncates) as asked, redis_on_a_port() as port:
        with Restante(redis=f"{NAME}:{port}", starter=starter) as restante:
            asked.clear()  # that was before they were in the sandbox
            run("redis-cli", "-p", port, "CLIENT", "KILL", "TYPE", "normal")
            restante.log.wait_for("event=redis_back", timeout=20)
            restante.wait_until_complete()
            restante.send("alice@example.com")
            assert len(restante.mails("alice")) == 1
        assert asked == ({"udp", "tcp"} if truncates else {"udp"})
