"""The same optimizer in several races: whether another race's runs of it are better than the first's, seed by seed."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ._statistics import MARGIN, Comparison, compare, holm, relation


def across(losses: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, tuple[Comparison, ...]]:
    """Compare races on each thing that they ran.

    losses: of each thing in each race that ran it, (seeds,), for the same seeds in the same order; infinite where a run
    diverged. A thing that fewer than two races ran is left out.
    Returns for each thing every further race beside the first, as optimizers stand beside the leader of a race:
    ``optimizer`` is the race's name, and ``relation`` may be "better", too. All that is compared shares one adjustment
    after Holm, so that the chance of any false claim stays below 5 %.
    """
    several = {what: list(by_race.items()) for what, by_race in losses.items() if len(by_race) > 1}
    margins = {what: _margin(first) for what, [(_, first), *_] in several.items()}
    beside = {what: compare(losses[what], first, margin=margins[what]) for what, [(first, _), *_] in several.items()}
    adjusted = iter(holm([one.p for others in beside.values() for one in others]))
    told = {}
    for what, [(_, first), *_] in several.items():
        unit = margins[what] * abs(float(np.median(first))) if margins[what] else 0.0
        told[what] = tuple(_settled(one, next(adjusted), unit) for one in beside[what])
    return told


def _margin(first: np.ndarray) -> float:
    """The margin of practical equivalence; none beside losses half of which are infinite."""
    return MARGIN if np.isfinite(np.median(first)) else 0.0


def _settled(one: Comparison, adjusted: float, unit: float) -> Comparison:
    """A comparison's relation where either side may be better, and by the p that all comparisons share."""
    d = np.array(one.differences)
    told = relation(d, (one.median, one.low, one.high), adjusted, unit)
    if relation(-d, (-one.median, -one.high, -one.low), adjusted, unit) == "worse":
        told = "better"
    return replace(one, adjusted=adjusted, relation=told, more_seeds=one.more_seeds if told == "undecided" else None)
