# SPDX-License-Identifier: ISC
"""What a table is made of: two things measured in turn, and what one is of the other; or one figure.
Each may be wanted to stay on one side of a bound, and says so where it does not."""
import dataclasses
import statistics


def verdict(value, at_least, at_most, unit=""):
    """What is wanted, and whether it is missed."""
    if at_least is None and at_most is None:
        return ""
    is_met = value >= at_least if at_most is None else value <= at_most
    wanted = f"at least {at_least:,g}" if at_most is None else f"at most {at_most:,g}"
    return f"{wanted}{unit}{'' if is_met else ': **missed**'}"


@dataclasses.dataclass
class Ratio:
    """The middle of the ratios of all pairs, and between what half of them are."""
    name: str
    unit: str
    ours: float
    theirs: float
    middle: float
    low: float
    high: float
    at_least: float = None
    at_most: float = None
    HEAD = ["what / beside what", "first", "second", "", "ratio (half of the pairs)", "wanted"]

    def text(self):
        return f"{self.middle:.2f} ({self.low:.2f} to {self.high:.2f})"

    def cells(self):
        return [self.name, f"{self.ours:,.0f}", f"{self.theirs:,.0f}", self.unit, self.text(),
                verdict(self.middle, self.at_least, self.at_most)]


@dataclasses.dataclass
class Figure:
    """One number, with as many digits as mean something."""
    name: str
    value: float
    unit: str
    digits: int = 0
    at_most: float = None
    more: str = ""
    HEAD = ["what", "figure", "wanted"]

    def cells(self):
        more = self.more and f" ({self.more})"
        return [self.name, f"{self.value:,.{self.digits}f} {self.unit}{more}",
                verdict(self.value, None, self.at_most, f" {self.unit}")]


def compare(name, unit, ours, theirs, rounds, at_least=None, at_most=None):
    """`ours` and `theirs` measure once each; the first of the two by turns, and each once beforehand
    to warm up, so that what else the machine does meets both."""
    ours(), theirs()
    pairs = []
    for number in range(rounds):
        if number % 2:
            second, first = theirs(), ours()
            pairs.append((first, second))
        else:
            pairs.append((ours(), theirs()))
    ratios = [mine / other for mine, other in pairs]
    low, _, high = statistics.quantiles(ratios, n=4) if rounds > 1 else ratios * 3
    return Ratio(name, unit, statistics.median(mine for mine, _ in pairs),
                 statistics.median(other for _, other in pairs), statistics.median(ratios), low,
                 high, at_least, at_most)
