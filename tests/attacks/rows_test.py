# SPDX-License-Identifier: ISC
# ROWS: in order, and each test that it names is there.
import pathlib
import re

from testbed.build import SOURCE


def lines():
    for line in (pathlib.Path(__file__).parent / "ROWS").read_text().splitlines():
        if not line.startswith("#"):
            number, what, test, reached = line.split(" | ")
            assert what and reached
            yield int(number), test


def test_rows_are_in_order():
    numbers = [number for number, _ in lines()]
    assert numbers == sorted(numbers) and set(numbers) <= set(range(1, 67))


def test_rows_name_tests_that_are_there():
    for _, test in lines():
        file, _, name = test.partition("::")
        assert (SOURCE / file).exists(), test
        assert not name or re.search(rf"\b{name}[(,)]", (SOURCE / file).read_text()), test
