# SPDX-License-Identifier: ISC
# Debian packages that are used without being installed: apt lets only one mail server stay, and starts
# what it installs.
import pathlib
import subprocess

import pytest

from harness import IS_ROOT, new_directory, run


def unpack(package):
    """The directory with the files of the package; skips the test when it cannot be fetched."""
    directory = new_directory()
    fetched = run("apt-get", "-q", "download", package, cwd=directory)
    if fetched.returncode:
        pytest.skip(f"{package} cannot be fetched: {fetched.stdout[-200:]}")
    file, = directory.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", file, directory], check=True)
    return directory


def apart(directory, users, mounts=()):
    """The words before a command that sees `users` (name to id), and what `mounts` (path to path)
    puts over the system's; in a mount namespace of its own, so that no other process sees them."""
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
