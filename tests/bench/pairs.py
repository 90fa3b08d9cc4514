# SPDX-License-Identifier: ISC
"""Two things measured in turn, and what one is of the other."""
import dataclasses
import statistics


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
    wanted: float = None  # at least; None: nothing is

    def text(self):
        return f"{self.middle:.2f} ({self.low:.2f} to {self.high:.2f})"


def compare(name, unit, ours, theirs, rounds, wanted=None):
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
                 high, wanted)
