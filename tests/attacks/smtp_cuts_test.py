# SPDX-License-Identifier: ISC
# Every dialogue of the conformance list, with its segments cut at each two places: the same answers
# and the same mail.
import os
import re
import subprocess

from testbed.build import BUILD, SOURCE
from testbed.waiting import seconds


def test_row41_every_two_cuts(reached):
    result = subprocess.run([BUILD / "unit/smtpd/golden_test"], cwd=SOURCE, text=True,
                            env=os.environ | {"GOLDEN_CUTS": "2"}, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, timeout=seconds(300), check=False)
    assert result.returncode == 0, result.stdout[-3000:]
    passed = re.search(r"PASSED  \] (\d+) test", result.stdout)[1]
    reached(f"{passed} dialogues, each segment cut at each two of its first 120 places: 0 differences")
