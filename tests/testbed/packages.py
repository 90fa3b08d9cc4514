# SPDX-License-Identifier: ISC
"""Unpacks Debian packages, and runs their programs without installing them."""
# apt would remove one mail server for another, and start the one that it installs.
import pathlib
import subprocess

import pytest

from testbed.machine import IS_ROOT, new_directory
from testbed.processes import run


def unpack(package):
    """Downloads a package and returns the directory with its files. Skips the test if that fails."""
    directory = new_directory()
    fetched = run("apt-get", "-q", "download", package, cwd=directory)
    if fetched.returncode:
        pytest.skip(f"{package} cannot be fetched: {fetched.stdout[-200:]}")
    file, = directory.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", file, directory], check=True)
    return directory


def apart(directory, users, mounts=()):
    """The start of a command line that runs the rest of it in a mount namespace of its own.

    There /etc/passwd and /etc/group also have `users`, a dictionary from name to id. `mounts` is a
    dictionary from a path to the file or directory that is mounted over it. Needs root."""
    if not IS_ROOT or run("unshare", "--mount", "true").returncode:
        pytest.skip("needs root and a mount namespace, for the users that the package would make")
    lines = {"passwd": "{0}:x:{1}:{1}::/:/bin/false\n", "group": "{0}:x:{1}:\n"}
    mounts = dict(mounts)
    for name, line in lines.items():
        file = mounts[f"/etc/{name}"] = directory / name
        more = "".join(line.format(*user) for user in users.items())
        file.write_text(pathlib.Path("/etc", name).read_text() + more)
    binds = " && ".join(f"mount --bind {there} {here}" for here, there in mounts.items())
    return ["unshare", "--mount", "sh", "-c", f'{binds} && exec "$@"', "sh"]
