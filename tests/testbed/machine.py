# SPDX-License-Identifier: ISC
"""What a test gets from the machine: a loopback address, users, temporary directories and ports."""
import contextlib
import functools
import os
import pathlib
import random
import shutil
import socket
import tempfile

LOCAL = "127.0.0.1"
IS_ROOT = os.geteuid() == 0
UNPRIVILEGED = "nobody"


@functools.cache
def scratch():
    """A directory that is removed at the end of the run. Every user can enter it."""
    holder = tempfile.TemporaryDirectory(prefix="restante-test.", ignore_cleanup_errors=True)
    os.chmod(holder.name, 0o755)
    scratch.holder = holder
    return pathlib.Path(holder.name)


def new_directory():
    """An empty directory inside `scratch()`, which every user can enter."""
    directory = pathlib.Path(tempfile.mkdtemp(dir=scratch()))
    directory.chmod(0o755)
    return directory


def close_to_others(file):
    """As the package leaves a file with a secret: the daemon may read it, and other users may not."""
    file.chmod(0o640)
    if IS_ROOT:
        shutil.chown(file, UNPRIVILEGED)


def free_ports(count):
    """Free ports for programs that cannot let the system choose. The system gives none of them to an
    outgoing connection, so that a server which a test stops gets its port again."""
    first_of_system = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = []
    while len(ports) < count:
        port = random.randrange(10_000, first_of_system)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("", port))
            if port not in ports:
                ports.append(port)
    return ports
