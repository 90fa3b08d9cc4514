# SPDX-License-Identifier: ISC
# What a mail, a request and a connection may cost: a change that costs more is seen here.
import pytest

from testbed.build import BUILD, has_sanitizer
from testbed.counted import Cost, cost_of, measure

# At most. System calls and allocations are a few percent above what was counted, and the same on
# every machine. Instructions differ by compiler and libraries, so they have 15 % of room.
BUDGET = {
    "smtpd, a mail": Cost(system_calls=22.5, allocations=80, instructions=279_000),
    "smtpd, a connection": Cost(system_calls=16.5, allocations=16.5, instructions=27_600),
    "mimed, a mail": Cost(system_calls=3.2, allocations=515, instructions=589_000),
    "apid, a list of 10 mails": Cost(system_calls=20.5, allocations=106, instructions=312_000),
}

# Other variants are not optimized.
KINDS = [kind for kind in Cost._fields if kind != "instructions" or BUILD.name == "release"]

pytestmark = pytest.mark.skipif(has_sanitizer(), reason="a sanitizer and valgrind exclude each other")


@pytest.fixture(scope="module")
def measured():
    return measure()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", BUDGET)
def test_within_budget(measured, what, kind):
    cost, budget = getattr(cost_of(measured[what]), kind), getattr(BUDGET[what], kind)
    counts = ", ".join(f"{name} {count:,.2f}" for name, count in measured[what].items() if count > .02)
    print(f"{what}: {counts}")
    assert cost <= budget, (
        f"{what}: {cost:,.1f} {kind.replace('_', ' ')}; the budget is {budget:,}. All of it: {counts}. "
        "Find what is new, with strace or callgrind. If it is worth its price, raise BUDGET and say "
        "why in the commit.")
