# SPDX-License-Identifier: ISC
# SECURITY.md: every promise has a test, and every test that it names is there.
import re

import pytest

from testbed.build import SOURCE

TEXT = (SOURCE / "SECURITY.md").read_text()


def rows(section):
    """Those of the tables between a heading and the next one of its level or above."""
    level = section.split()[0]
    part = re.search(rf"^{section}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)", TEXT, re.M | re.S)[1]
    found = [[cell.strip() for cell in line.strip("|").split("|")]
             for line in part.splitlines() if line.startswith("|")]
    return [row for row in found if row[1] != "test" and not set(row[0]) <= set("-")]


def named_in(cell):
    """(file, name) of each; what begins with :: is in the file before it."""
    file, found = None, []
    for word in re.findall(r"`([^`]*)`", cell):
        place, _, name = word.partition("::")
        file = place or file
        found.append((file, name))
    return found


PROMISES = rows("## Promises")


@pytest.mark.parametrize("promise, cell", PROMISES, ids=[promise[:50] for promise, _ in PROMISES])
def test_a_promise_has_a_test_that_is_there(promise, cell):
    assert named_in(cell), promise
    for file, name in named_in(cell):
        source = (SOURCE / file).read_text()
        wanted = rf"^def {name}\(" if file.endswith(".py") else rf"^TEST\w*\((\w+, )?{name}[,)]"
        assert re.search(wanted, source, re.M), f"{file}::{name}"


def test_there_are_promises():
    assert len(PROMISES) > 30
