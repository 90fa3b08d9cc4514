# SPDX-License-Identifier: ISC
# The time of the parser is proportional to the mail: no text of 64 KB costs it more than 20 ms.
import os
import re
import subprocess

from attacks.heavy_texts import mails
from testbed.build import BUILD
from testbed.machine import new_directory

MOST = 20  # ms of processor time for 64 KB
TRIES = 2  # of which the best counts, since the caches of the machine are not the parser's own


def slowest(directory):
    """The most that 64 KB of any of the mails took, in ms."""
    done = subprocess.run([BUILD / "replay/mimed/mime", directory], capture_output=True,
                          text=True, env=os.environ | {"RESTANTE_PARSE_MS": str(1000 * MOST)})
    assert done.returncode == 0, done.stderr
    return float(re.findall(r"([\d.]+) ms for 64 KB", done.stderr)[-1])


def test_row54_no_text_keeps_the_parser_busy(reached):
    directory, count = new_directory(), 0
    for count, (_, mail) in enumerate(mails()):
        (directory / f"{count:06}").write_bytes(mail)
    assert count > 1000
    took = min(slowest(directory) for _ in range(TRIES))
    reached(f"{count + 1:,} mails of 64 KB: {took:.1f} ms at most")
    assert took < MOST
