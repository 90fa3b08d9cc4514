# SPDX-License-Identifier: ISC
"""The programs under test. RESTANTE_BUILD is their directory; the default is build/release."""
import functools
import os
import pathlib
import re
import shutil
import subprocess

from testbed.machine import IS_ROOT, new_directory
from testbed.processes import environment
from testbed.waiting import seconds

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("RESTANTE_BUILD", SOURCE / "build/release")).resolve()
PROGRAMS = ("restante", "restantectl", "restante-smtpd", "restante-apid", "restante-mimed")
SANITIZER_REPORT = re.compile(r"ERROR: AddressSanitizer|runtime error:|LeakSanitizer")


@functools.cache
def programs():
    """The directory of the programs. For root it is a copy: the daemon drops its privileges, and the
    user that it then runs as may not be able to read BUILD."""
    if not IS_ROOT:
        return BUILD
    directory = new_directory()
    for program in PROGRAMS:
        shutil.copy(BUILD / program, directory)
    return directory


def has_sanitizer():
    program = (BUILD / "restante-mimed").read_bytes()
    return b"__asan_init" in program or b"__tsan_init" in program


def run_restante(*arguments, **variables):
    """Runs the master until it exits, for at most 20 seconds; for arguments with which it does not
    serve. The result has standard output and standard error separately."""
    return subprocess.run([programs() / "restante", *(str(word) for word in arguments)], text=True,
                          capture_output=True, timeout=seconds(20), env=environment(**variables))
