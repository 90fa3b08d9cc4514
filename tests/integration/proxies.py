# SPDX-License-Identifier: ISC
# Debian's HAProxy in front of the daemon.
import contextlib
import subprocess

from testbed.machine import LOCAL, free_ports, new_directory
from testbed.processes import Lines, installed
from testbed.waiting import seconds


@contextlib.contextmanager
def haproxy(mode, server, frontend=""):
    """Before `server`, the rest of a server line; its own port. More lines for the frontend are
    indented by four."""
    own, = free_ports(1)
    file = new_directory() / "haproxy.cfg"
    file.write_text(f"""
defaults
    mode {mode}
    timeout connect 5s
    timeout client 1m
    timeout server 1m
frontend clients
    bind {LOCAL}:{own}
    default_backend restante
{frontend}
backend restante
    server restante {server} check inter 200ms
""")
    process = subprocess.Popen([installed("haproxy"), "-db", "-f", file], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    output = Lines(process.stdout)
    try:
        yield own
        assert process.poll() is None, output.text()
    finally:
        process.terminate()
        process.wait(seconds(10))
