"""The same optimizer in several races: whether another race's runs of it are better than the first's, seed by seed."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ._statistics import LEVEL, MARGIN, Comparison, compare, holm


def across(losses: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, tuple[Comparison, ...]]:
    """Compare races on each thing that they ran.

    losses: of each thing in each race that ran it, (seeds,), for the same seeds in the same order; infinite where a run
    diverged. A thing that fewer than two races ran is left out.
    Returns for each thing every further race beside the first, as optimizers stand beside the leader of a race:
    ``optimizer`` is the race's name, and ``relation`` may be "better", too. All that is compared shares one adjustment
    after Holm, so that the chance of any false claim stays below 5 %.
    """
    margins = {what: _margin(next(iter(by_race.values()))) for what, by_race in losses.items() if len(by_race) > 1}
    beside = {what: compare(losses[what], next(iter(losses[what])), margin=margin) for what, margin in margins.items()}
    adjusted = iter(holm([one.p for others in beside.values() for one in others]))
    told = {}
    for what, others in beside.items():
        unit = margins[what] * abs(float(np.median(next(iter(losses[what].values()))))) if margins[what] else 0.0
        told[what] = tuple(_settled(replace(one, adjusted=next(adjusted)), unit) for one in others)
    return told


def _margin(first: np.ndarray) -> float:
    """The margin of practical equivalence; none beside losses half of which are infinite."""
    return MARGIN if np.isfinite(np.median(first)) else 0.0


def _settled(one: Comparison, unit: float) -> Comparison:
    """A comparison's relation where either side may be better, and by the p that all comparisons share."""
    if one.relation == "equal":
        return one
    if one.adjusted > LEVEL or abs(one.median) <= unit:
        return replace(one, relation="undecided")
    return replace(one, relation="worse" if one.median > 0 else "better", more_seeds=None)
