# SPDX-License-Identifier: ISC
# A Redis that listens on a port, as one on another machine does.
import contextlib
import socket
import subprocess

from testbed.machine import LOCAL, free_ports, new_directory
from testbed.processes import environment
from testbed.waiting import wait_until


@contextlib.contextmanager
def redis_on_a_port(host=LOCAL):
    port, = free_ports(1)
    process = subprocess.Popen(
        ["redis-server", "--bind", host, "--port", str(port), "--dir", new_directory(),
         "--appendonly", "yes", "--appendfsync", "always", "--save", "",
         "--maxmemory", "8gb"],
        stdout=subprocess.DEVNULL, env=environment())
    try:
        def answers():
            with contextlib.suppress(OSError), socket.create_connection((host, port)):
                return True
        wait_until(answers, "Redis listens")
        yield port
    finally:
        process.kill()
        process.wait()
