"""A step's time on a million rows beside its time on ten thousand: 64-64-64-10, minibatches of 32, Adam.

Both take as many steps, so the ten thousand rows are passed a hundred times while the million are passed once. What is
watched after an epoch is one minibatch for both; a second pair of rows watches all training rows.
"""

from argparse import Namespace
from collections.abc import Callable

import numpy as np

import trainers
from harness import Claim, Figures, arguments, compete, rate_table, ratio, steady

BATCH = 32
# Multiples of the minibatch near a million and ten thousand, one a hundred times the other.
MANY, FEW = 1_001_600, 10_016
MILLION, TEN_THOUSAND = "a million rows", "ten thousand rows"


def _measure(rows: int, epochs: int, *, watch_all: bool) -> Callable[[Namespace], Figures]:
    def measure(given: Namespace) -> Figures:
        random = np.random.default_rng(0)
        scale = 100 if given.short else 1
        x = random.standard_normal((rows // scale // BATCH * BATCH, 64), np.float32)
        y = random.integers(10, size=len(x)).astype(np.int32)
        job = trainers.Job(x, y, (64, 64), BATCH, epochs=max(1, epochs // scale))
        return steady(trainers.steepest(job, validation=None if watch_all else (x[:BATCH], y[:BATCH])), given)

    return measure


CONTESTANTS = {
    TEN_THOUSAND: _measure(FEW, 100, watch_all=False),
    MILLION: _measure(MANY, 1, watch_all=False),
    f"{TEN_THOUSAND}, all watched": _measure(FEW, 100, watch_all=True),
    f"{MILLION}, all watched": _measure(MANY, 1, watch_all=True),
}


def main() -> None:
    """Measure, print the table, and say whether the claim holds."""
    given = arguments(rounds=3)
    rounds = compete(__file__, CONTESTANTS, given)
    print("a step at any number of rows\n")
    print(rate_table(rounds, TEN_THOUSAND), end="\n\n")
    # Steps a second of the few over those of the many is a step's time at the many over that at the few.
    print(Claim("step-time-million-rows", ratio(rounds, TEN_THOUSAND, MILLION), 1.1, at_most=True).line())


if __name__ == "__main__":
    main()
